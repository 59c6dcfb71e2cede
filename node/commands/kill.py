"""processes: ending one that is watched, and never another one.

The process is held by a descriptor before anything is looked at, so all that is found out is about the very process the
signal then goes to. Whatever speaks against it is a refusal with a reason of its own.
"""

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from etlmon.contract.errors import BadRequest, Conflict, Forbidden, NotFound, Problem, TooManyRequests, Unavailable
from etlmon.contract.processes import PROCESS_KILL, Killed, KillRequest, Signal
from node.commands.act import Act, Acts, Caller, RateLimit
from node.commands.kill_policy import fitting, named, permit, spare, spare_ancestor
from node.settings import Kill
from node.sources.pidfd import LARGEST_PID, Pidfd
from node.sources.process_end import still_here
from node.sources.process_types import Target, Targets
from node.store.rows import stamp

COLLECTOR = "processes"
"""The one that looks at all processes."""

LONGEST_PID = 10
"""Digits of a pid as a caller may write it."""

LONGEST_COMMAND = 500
"""Characters of a command line that the audit keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Why SIGTERM would be refused, None when it would not be, and by which signals the process may be ended."""

    refusal: Problem | None
    signals: list[Signal]


async def kill(
    acts: Acts,
    caller: Caller,
    policy: Kill,
    targets: Targets | None,
    *,
    pid: str,
    request: KillRequest,
    rate: RateLimit,
    trigger: Callable[[str], bool],
) -> Killed:
    """Send the signal, and wait a moment for the end. Every attempt is in the audit.

    `pid` is as the caller wrote it, `targets` None when nothing is watched, `trigger` the runner's: the look at all
    processes then tells the news at once. Raises BadRequest (not confirmed), and Forbidden, NotFound, Conflict,
    TooManyRequests and Unavailable with the `reason` in the details.
    """
    known = targets.known(_number(pid)) if targets is not None and is_pid(pid) else None

    async def work() -> Killed:
        if not request.confirm:
            raise BadRequest('say {"confirm": true} to end a process: nobody does so by trying out', field="confirm")
        killed = await _end(policy, targets, rate, _number(pid), request)
        with contextlib.suppress(KeyError):  # the configuration is being read again
            trigger(COLLECTOR)
        return killed

    target = named(known) if known else pid
    act = Act(action="processes.kill", target=target, params=_params(request, known), status=PROCESS_KILL.status)
    return await acts.perform(caller, act, work, outcome=_outcome)


async def standing(caller: Caller, policy: Kill, targets: Targets, pid: int) -> Standing:
    """What would come of an attempt to end this process now; nothing is sent, and nothing is audited."""
    signals = list(policy.signals)
    # What is refused does not depend on the signal, but where that itself is: another one may then be allowed.
    tried: Signal = signals[0] if signals else "SIGTERM"
    try:
        if caller.refusal is not None:
            raise Forbidden(caller.refusal.message, reason=caller.refusal.reason)
        spare(policy, pid)
        with _held(pid) as held:
            target, watches = await _examine(policy, targets, held, pid, meant=None, number=tried)
            _send(held, pid, 0)
    except Problem as problem:
        return Standing(refusal=problem, signals=[])
    try:
        permit(policy, target, watches, "SIGTERM")
    except Problem as problem:
        return Standing(refusal=problem, signals=signals)
    return Standing(refusal=None, signals=signals)


async def _end(policy: Kill, targets: Targets | None, rate: RateLimit, pid: int, request: KillRequest) -> Killed:
    """Raises Problem."""
    spare(policy, pid)
    if targets is None:
        raise Forbidden(
            f"{pid} is not ended: nothing is watched here; add it to process_watch in node.yaml", reason="not_watched"
        )
    with _held(pid) as held:
        await _examine(policy, targets, held, pid, meant=request.start_time, number=request.signal)
        _limit(rate, policy.rate_per_minute)
        began = time.monotonic()
        _send(held, pid, signal.Signals[request.signal])
        ended = await held.ended(policy.wait)
        note = None if ended else still_here(pid, signal.Signals[request.signal])
        # It may have ended while it was asked why it had not, and another one answered in its place.
        ended = ended or held.has_ended
    return Killed(
        pid=pid,
        signal=request.signal,
        result="exited" if ended else "still_alive",
        waited_ms=round((time.monotonic() - began) * 1000),
        note=None if ended else note,
    )


def _held(pid: int) -> Pidfd:
    """Raises NotFound, and Unavailable where the system cannot hold a process: nothing is ended by its pid alone."""
    try:
        return Pidfd.open(pid)
    except ProcessLookupError as error:
        raise _gone(pid) from error
    except OSError as error:
        raise Unavailable(
            f"{pid} is not ended: the system gives no descriptor for it (pidfd_open: {error.strerror}), and without "
            "one the signal could reach another process; it takes Linux 5.3 and a container that allows the call",
            reason="no_pidfd",
        ) from error


async def _examine(
    policy: Kill, targets: Targets, held: Pidfd, pid: int, *, meant: datetime | None, number: Signal
) -> tuple[Target, tuple[str, ...]]:
    """The process that is held, and by which watches it is; raises Problem for whatever speaks against the signal."""
    try:
        spare_ancestor(pid, targets.ancestors(os.getpid()))
        known = targets.known(pid)
        now = await targets.look(pid)
    except TimeoutError as error:
        raise Unavailable(
            f"{pid} is not ended: it hangs in the kernel, its command line cannot be read, and so it cannot be told "
            "whether it is still what is watched; look at it on its host",
            reason="unreadable",
        ) from error
    except OSError as error:
        raise Unavailable(
            f"{pid} is not ended: it cannot be looked at, {error.strerror}", reason="unreadable"
        ) from error
    if now is None:
        raise _gone(pid)
    watches = fitting(known, now, meant)
    permit(policy, now, watches, number)
    if held.has_ended:
        # What was looked at may be another process by now, unless it is what is left of this one.
        raise _zombie(now) if now.state in ("Z", "X") else _gone(pid)
    return now, watches


def _limit(rate: RateLimit, per_minute: int) -> None:
    """Raises TooManyRequests."""
    rate.allow(per_minute)
    wait = math.ceil(rate.wait_sec())
    if wait:
        raise TooManyRequests(
            f"this node ends {per_minute} processes a minute at most (kill.rate_per_minute); try again in {wait} s",
            reason="rate",
            retry_after_sec=wait,
        )


def _send(held: Pidfd, pid: int, number: int) -> None:
    """Raises NotFound and Forbidden."""
    try:
        held.send(number)
    except ProcessLookupError as error:
        raise _gone(pid) from error
    except PermissionError as error:
        raise Forbidden(
            f"{pid} is not ended: the node runs as uid {os.geteuid()} and may not signal it; run the node as the same "
            "user, or give it CAP_KILL",
            reason="not_permitted",
        ) from error


def _gone(pid: int) -> NotFound:
    return NotFound(f"there is no process {pid}, or it has just ended", reason="gone")


def _zombie(target: Target) -> Conflict:
    return Conflict(
        f"{target.pid} {target.name} is not ended: it has ended already, and its parent {target.ppid} has yet to "
        "collect it",
        reason="zombie",
    )


def is_pid(text: str) -> bool:
    """Whether what a caller wrote can be the pid of a process at all."""
    return len(text) <= LONGEST_PID and text.isascii() and text.isdecimal() and int(text) <= LARGEST_PID


def _number(pid: str) -> int:
    """Raises NotFound for what can be no pid."""
    if not is_pid(pid):
        raise NotFound(
            f"there is no process {pid[:LONGEST_COMMAND]}: a pid is a whole number of at most {LARGEST_PID}",
            reason="gone",
        )
    return int(pid)


def _params(request: KillRequest, known: Target | None) -> dict[str, Any]:
    """What the audit keeps: what was asked for, and what the pid stood for then. Pids are used again."""
    asked: dict[str, Any] = msgspec.to_builtins(request)
    params = {name: value for name, value in asked.items() if value is not None}
    if known is not None:
        params |= {"user": known.user, "command": known.cmdline[:LONGEST_COMMAND], "started": stamp(known.start_time)}
    return params


def _outcome(killed: Killed) -> str:
    if killed.result == "exited":
        return f"it ended after {killed.waited_ms} ms"
    return f"it is still alive after {killed.waited_ms} ms" + (f": {killed.note}" if killed.note else "")
