"""Which watches a process fits. Pure but for the patterns' time limit."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from node.settings import ProcessWatch
from node.sources.patterns import Pattern, compile_pattern

LONGEST_NAME = 15
"""Bytes of a name that the kernel keeps (proc_pid_comm(5)); a longer one is looked for in the command line."""

_PATTERN_SEC = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A process as far as it decides what it fits. `arguments` are None when they could not be read."""

    pid: int
    name: str
    uid: int
    arguments: Sequence[str] | None
    is_kernel_thread: bool = False
    is_own: bool = False
    """The node itself, or a process that it started for its own work."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Indices of the watches that a process fits, and of those of which it cannot be told."""

    fits: tuple[int, ...] = ()
    unsure: tuple[int, ...] = ()


NOTHING = Verdict()
"""What nearly every process gets."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What of the watches is found outside a process: the users that they name, and the pids in their pidfiles.

    `uids` maps a watch's index to its user's number, None when there is none; `pids` to what `pid` and `pidfile` allow.
    """

    uids: Mapping[int, int | None]
    pids: Mapping[int, frozenset[int]]


class Matcher:
    """The watches, ready to be compared with processes."""

    def __init__(self, watches: Sequence[ProcessWatch]) -> None:
        self.watches = watches
        self._patterns = [compile_pattern(watch.match) if watch.match else None for watch in watches]

    def judge(self, process: Candidate, conditions: Conditions) -> Verdict:
        """What it fits: NOTHING itself when that is nothing."""
        fits, unsure = [], []
        for index, watch in enumerate(self.watches):
            fit = self._fits(index, watch, process, conditions)
            if fit is None:
                unsure.append(index)
            elif fit:
                fits.append(index)
        return Verdict(tuple(fits), tuple(unsure)) if fits or unsure else NOTHING

    def needs_arguments(self, process: Candidate, conditions: Conditions) -> bool:
        """Whether its command line is wanted: to tell what it fits, or to show it."""
        if process.is_kernel_thread:
            return False
        verdict = self.judge(process, conditions)
        return bool(verdict.fits or verdict.unsure)

    def _fits(self, index: int, watch: ProcessWatch, process: Candidate, conditions: Conditions) -> bool | None:
        """None: that depends on its command line, which is not known."""
        pids = conditions.pids.get(index)
        if pids is not None:
            if process.pid not in pids:
                return False
        elif process.is_own or (process.is_kernel_thread and watch.exact is None):
            return False
        if watch.user is not None and conditions.uids.get(index) != process.uid:
            return False
        answers = [
            _is_called(watch.exact, process) if watch.exact is not None else True,
            _matches(self._patterns[index], process),
        ]
        return False if False in answers else None if None in answers else True


def _is_called(name: str, process: Candidate) -> bool | None:
    wanted = os.fsencode(name)
    if process.name != wanted[:LONGEST_NAME].decode("utf-8", "backslashreplace"):
        return False
    if len(wanted) <= LONGEST_NAME:
        return True
    if process.arguments is None:
        return None
    # A script's interpreter comes before its name.
    return name in {PurePosixPath(argument).name for argument in process.arguments[:2]}


def _matches(pattern: Pattern | None, process: Candidate) -> bool | None:
    if pattern is None:
        return True
    try:
        if pattern.search(process.name, _PATTERN_SEC):
            return True
        if process.arguments is None:
            return None
        return pattern.search(" ".join(process.arguments), _PATTERN_SEC)
    except TimeoutError:
        return None
