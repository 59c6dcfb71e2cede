"""processes: what may be ended, and by what. Pure; each refusal has a reason for programs and a sentence for people."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath

from etlmon.contract.errors import Conflict, Forbidden
from etlmon.contract.processes import Signal
from node.settings import Kill
from node.sources.process_types import Target

LONGEST_NAME = 15
"""Bytes of a name that the kernel keeps (proc_pid_comm(5)); one in the configuration may be longer."""

LONGEST_COMMAND = 120
"""Characters of a command line that a message shows."""


def named(target: Target) -> str:
    """The process in few words: `12357 python3 (etl_worker)`."""
    watches = f" ({', '.join(target.watches)})" if target.watches else ""
    return f"{target.pid} {target.name}{watches}"


def spare(policy: Kill, pid: int) -> None:
    """Raises Forbidden for what is refused whatever the process is: no kills at all, pid 0 and 1, the node itself."""
    if not policy.enabled:
        raise _refused(pid, "disabled", "kill.enabled is false in this node's configuration")
    if pid <= 1:
        raise _refused(pid, "pid_1", "everything else on this host or in this container would end with it")
    if pid == os.getpid():
        raise _refused(
            pid, "own_process", "it is this node; stop it as it was started, for example with systemctl stop"
        )


def spare_ancestor(pid: int, ancestors: Iterable[int]) -> None:
    """Raises Forbidden for what the node descends from."""
    if pid in ancestors:
        raise _refused(pid, "ancestor", "it started this node, or started what did, and might take it along")


def fitting(known: Target | None, now: Target, meant: datetime | None) -> tuple[str, ...]:
    """The watches by which `now` is the process that is meant; there is one at least.

    `known` is the watched process of this pid as the node saw it last, `meant` the start that the caller named. Raises
    Forbidden for what is not watched, and Conflict when it is another one, or cannot have been seen by the caller.
    """
    if now.is_kernel_thread:
        raise _refused(_name(now), "kernel_thread", "it is a part of the kernel, and no signal ends it")
    if meant is not None and meant != now.start_time:
        raise _changed(now, f"the pid is that of another process now, which started at {now.start_time:%F %T} UTC")
    if known is None or (known.start_ticks != now.start_ticks and meant is not None):
        return _newly_fitting(now, meant)
    if known.start_ticks != now.start_ticks:
        raise _changed(now, f"the pid is that of another process now, which started at {now.start_time:%F %T} UTC")
    # When the first of its threads ends before the others, the process goes on, and its command line is not to be had.
    kept = known.watches if now.state == "Z" else tuple(watch for watch in known.watches if watch in now.watches)
    if not kept:
        raise _changed(
            now, f"it is no longer what {_words(known.watches)} looks for: it runs {now.cmdline or now.name}"
        )
    return kept


def _newly_fitting(now: Target, meant: datetime | None) -> tuple[str, ...]:
    """What the node has not seen yet at its last look."""
    if not now.watches:
        raise _refused(
            _name(now), "not_watched", "no process_watch of this node's configuration looks for it, and nothing else is"
        )
    if meant is None:
        raise Conflict(
            f"{_name(now)} is not ended: it started after the last look at the processes, so it cannot be the one that "
            "is meant; look again, or name its start_time",
            reason="stale",
        )
    return now.watches


def permit(policy: Kill, target: Target, watches: tuple[str, ...], number: Signal) -> None:
    """Raises Forbidden unless the policy lets a process of these watches be ended by this signal."""
    name = _name(target)
    if policy.allow is not None and not set(watches) & set(policy.allow):
        raise _refused(name, "not_allowed", f"kill.allow does not name the watch {_words(watches)}")
    if number not in policy.signals:
        raise _refused(
            name, "signal_not_allowed", f"kill.signals allows {_words(policy.signals) or 'none'}, and not {number}"
        )
    if policy.users is not None and not {target.user, str(target.uid)} & set(policy.users):
        raise _refused(
            name,
            "user_not_allowed",
            f"it runs as {target.user}, and kill.users allows {_words(policy.users) or 'nobody'}",
        )
    if protection := _protection(policy, target):
        raise _refused(name, "protected", f"kill.protect names {protection}")


def _protection(policy: Kill, target: Target) -> str | None:
    """The name in `kill.protect` that the process goes by: its own, or that of the program in its command line."""
    program = PurePosixPath(target.cmdline.partition(" ")[0].rstrip(":").lstrip("-")).name
    for protected in policy.protect:
        if target.name == os.fsdecode(os.fsencode(protected)[:LONGEST_NAME]) or program == protected:
            return protected
    return None


def _name(target: Target) -> str:
    return f"{target.pid} {target.name}"


def _program(target: Target) -> str:
    return (target.cmdline or target.name)[:LONGEST_COMMAND]


def _words(names: Iterable[str]) -> str:
    return ", ".join(names)


def _refused(what: int | str, reason: str, why: str) -> Forbidden:
    return Forbidden(f"{what} is not ended: {why}", reason=reason)


def _changed(now: Target, why: str) -> Conflict:
    return Conflict(f"{_name(now)} is not ended: {why}; look again", reason="identity_changed")
