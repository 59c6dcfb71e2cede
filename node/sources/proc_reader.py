"""Files of /proc that may block: read by a process that may be lost.

/proc/PID/cmdline waits for the memory of the process, which a page fault or an mmap on a dead file server holds for
ever; /proc/PID/io waits while the process executes another program. So cat(1) reads them: nothing smaller than that
can be killed.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.sources.child import Child, libraries
from node.sources.procfs import PROC, read_stat

LONGEST = 64 * 1024
"""Bytes that are kept of a file; one argument of a command line may be twice as long."""

FIRST_PATIENCE_SEC = 30.0

_AT_ONCE = 64
"""Files that one child reads."""
_SILENT_SEC = 0.25
_LAST_PATIENCE_SEC = 300.0
_FORGOTTEN_SEC = 600.0
_END_SEC = 0.5
_NAME = "SEPARATOR"
_LIKE_CAT = """
import os, sys
for path in sys.argv[1:]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        while piece := os.read(descriptor, 65536):
            os.write(1, piece)
        os.close(descriptor)
    except OSError:
        pass
"""


@dataclass(slots=True)
class _Held:
    """A file that blocked its reader, and when it is tried again at the earliest."""

    child: "_Cat"
    patience_sec: float
    again_at: float


class ProcReader:
    """Reads files below `proc`, some at a time. It belongs to the event loop it is used in.

    A file that blocks costs the others nothing but a quarter of a second, once: it is left alone for a while then, and
    as long as its reader cannot be ended. One question at most is open for a file.
    """

    def __init__(self, proc: Path = PROC, *, patience_sec: float = FIRST_PATIENCE_SEC) -> None:
        """`patience_sec` is how long a file that blocks is left alone; twice as long each time it does so again."""
        self._proc = proc
        self._patience_sec = patience_sec
        self._held: dict[str, _Held] = {}
        self._children: set[_Cat] = set()
        self._turn = asyncio.Lock()

    def blocks(self, place: str) -> bool:
        """Whether this file blocked its reader when it was asked for last."""
        return place in self._held

    @property
    def pids(self) -> list[int]:
        """The readers that are there, those that hang and cannot be ended included."""
        return sorted(child.pid for child in self._children if not child.ended)

    async def read(self, places: Sequence[str], within_sec: float = 1.0) -> dict[str, bytes]:
        """What stands in each file, by its path below `proc`: `77/cmdline`. At most LONGEST bytes of it.

        One that is gone, or may not be read, is empty. One that blocks, or was not reached in time, is not there.
        Raises OSError when no process can be started.
        """
        async with self._turn:
            loop = asyncio.get_running_loop()
            end = loop.time() + within_sec
            waiting = [place for place in dict.fromkeys(places) if self._may_ask(place, loop.time())]
            answers: dict[str, bytes] = {}
            self._children = {child for child in self._children if not child.ended}
            while waiting and loop.time() < end:
                child = _Cat(self._proc, waiting[:_AT_ONCE])
                self._children.add(child)
                try:
                    blocked = await child.wait(end)
                finally:
                    child.abandon()
                for place, content in zip(waiting, child.parts, strict=False):
                    answers[place] = content
                    self._held.pop(place, None)
                waiting = waiting[len(child.parts) :]
                if blocked:
                    self._hold(waiting.pop(0), child, loop.time())
            return answers

    async def close(self) -> None:
        """Wait for the readers, which were told to end; one that cannot is left to the kernel, after half a second."""
        await asyncio.gather(*(child.wait_ended(_END_SEC) for child in self._children))

    def _may_ask(self, place: str, now: float) -> bool:
        held = self._held.get(place)
        return held is None or (held.child.ended and now >= held.again_at)

    def _hold(self, place: str, child: "_Cat", now: float) -> None:
        old = self._held.get(place)
        patience_sec = min(old.patience_sec * 2, _LAST_PATIENCE_SEC) if old is not None else self._patience_sec
        self._held = {
            other: held
            for other, held in self._held.items()
            if not held.child.ended or now < held.again_at + _FORGOTTEN_SEC
        }
        self._held[place] = _Held(child, patience_sec, now + patience_sec)


class _Cat(Child):
    """Reads files one after the other, each followed by a separator that nobody else can know.

    The separator is its own environment, which the kernel shows in a file too.
    """

    def __init__(self, proc: Path, places: Sequence[str]) -> None:
        """Raises OSError when it cannot be started."""
        environment = {**libraries(), _NAME: os.urandom(16).hex()}
        separator = f"{proc}/self/environ"
        files = [part for place in places for part in (f"{proc}/{place}", separator)]
        super().__init__([*_command(), separator, *files], environment)
        self.parts: list[bytes] = []
        self._wanted = len(places)
        self._separator = b"".join(os.fsencode(f"{name}={value}\0") for name, value in environment.items())
        self._part = b""
        self._tail = b""
        self._started = False
        self._heard = asyncio.Event()

    async def wait(self, end: float) -> bool:
        """Wait until it has read all, or cannot go on, or `end` by the loop's clock; True when a file blocks it.

        Raises OSError when it ends before.
        """
        loop = asyncio.get_running_loop()
        while len(self.parts) < self._wanted and loop.time() < end:
            if not self.listens:
                raise OSError("the process that reads command lines ends too early; is the host short of memory?")
            self._heard.clear()
            try:
                async with asyncio.timeout(min(_SILENT_SEC, end - loop.time())):
                    await self._heard.wait()
            except TimeoutError:
                if self._started and not self._heard.is_set() and self._waits():
                    return True
        return False

    def hear(self, chunk: bytes) -> None:
        *ended, rest = (self._tail + chunk).split(self._separator)
        for piece in ended:
            content = self._part + piece[: LONGEST - len(self._part)]
            self._part = b""
            if self._started:
                self.parts.append(content)
            self._started = True
        sure = max(len(rest) - len(self._separator) + 1, 0)
        self._part += rest[: min(sure, LONGEST - len(self._part))]
        self._tail = rest[sure:]
        self._heard.set()

    def fell_silent(self) -> None:
        self._heard.set()

    def _waits(self) -> bool:
        """Whether the kernel keeps it waiting; on a busy host it may just not have had its turn."""
        stat = read_stat(self.pid)
        return stat is not None and stat.state in "SD"


def _command() -> list[str]:
    cat = shutil.which("cat", path=os.defpath)
    return [cat] if cat is not None else [sys.executable, "-I", "-S", "-c", _LIKE_CAT]
