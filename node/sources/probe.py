"""How full a mount is, asked so that one that never answers costs nothing but its own answer.

A file system of this kernel is asked right here. One that may hang is asked by a child; a child without an answer stays
with its mount, and nobody else asks that mount until it has answered or is gone. Its answer, when it comes, is
how a recovery is noticed.
"""

import asyncio
import contextlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from node.sources.child import Answer, ProbeChild
from node.sources.mounts import MountEntry
from node.sources.usage import Failed, Usage, usage_of

Question = Literal["look", "list"]

_SILENT_BEFORE_SEC = 0.25
"""How long a look waits for a mount that did not answer before: enough for the first answer of a fresh child."""
_FREE_CHILD_SEC = 0.05
_BLOCKED_SEC = 1.0
_END_SEC = 0.5
_FIRST_PATIENCE_SEC = 30.0
_LAST_PATIENCE_SEC = 300.0


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer yet to a question put at `since`; `overdue` once it may be called stuck."""

    since: datetime
    question: Question
    overdue: bool


Outcome = Usage | Failed | Silent


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A process in uninterruptible sleep, and the mounts that its open files lie on."""

    pid: int
    process_name: str
    wchan: str
    mount_points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Open:
    question: Question
    asked_at: datetime
    child: ProbeChild
    answer: asyncio.Future[Answer | None]


@dataclass(slots=True)
class _Watch:
    """What is known of one mount between two looks."""

    identity: tuple[int, str]
    open: _Open | None = None
    dying: ProbeChild | None = None
    """A child that was killed for its silence, as long as it does not end."""
    silent_since: datetime | None = None
    question: Question = "look"
    """The question that was left without an answer at `silent_since`."""
    listed_at: datetime | None = None
    patience_sec: float = _FIRST_PATIENCE_SEC


class Prober:
    """Asks mounts that may hang. One question at most is open per mount, whatever happens to it.

    Each look asks statvfs and stat of the mount point. Its directory is listed every `list_every_sec` only, and has
    `list_timeout_sec` for it: listing a large one on a slow server takes long without anything being wrong.
    """

    def __init__(self, *, timeout_sec: float, list_every_sec: float = 300.0, list_timeout_sec: float = 20.0) -> None:
        self._timeout_sec = timeout_sec
        self._list_every_sec = list_every_sec
        self._list_timeout_sec = list_timeout_sec
        self._watches: dict[str, _Watch] = {}
        self._children: set[ProbeChild] = set()
        self._idle: asyncio.Queue[ProbeChild] = asyncio.Queue()
        self._answering = 0

    @property
    def pids(self) -> list[int]:
        """The children that are there, stuck ones included."""
        return sorted(child.pid for child in self._children if not child.ended)

    async def look(self, entries: Sequence[MountEntry], now: datetime) -> dict[str, Outcome]:
        """Ask all at once; done when each has answered or had its time. Mount points of before are forgotten."""
        self._keep_only(entries)
        outcomes = await asyncio.gather(*(self._look_at(entry, now) for entry in entries))
        while self._idle.qsize() > bool(entries):  # one is kept for the next look
            self._idle.get_nowait().abandon()
        self._children = {child for child in self._children if not child.ended}
        return {entry.mount_point: outcome for entry, outcome in zip(entries, outcomes, strict=True)}

    async def sleepers(self, mount_points: Collection[str]) -> list[Sleeper]:
        """The host's processes in state D, but for children of this prober; none when even that cannot be told."""
        try:
            child = await self._free_child()
        except OSError:
            return []
        answer = child.ask("blocked", {"mounts": list(mount_points), "exclude": self.pids})
        try:
            await asyncio.wait([answer], timeout=_BLOCKED_SEC)
        finally:
            if not answer.done():
                child.abandon()
        said = answer.result()
        if said is None or said.errno:
            child.abandon()
            return []
        self._idle.put_nowait(child)
        rows = cast("list[tuple[int, str, str, list[str]]]", said.value)
        return [Sleeper(pid, name, wchan, tuple(points)) for pid, name, wchan, points in rows]

    async def close(self) -> None:
        """End the children; one that cannot be ended is left to the kernel, after half a second for all of them."""
        for child in self._children:
            child.abandon()
        async with asyncio.TaskGroup() as ends:
            for child in self._children:
                ends.create_task(child.wait_ended(_END_SEC))

    def _keep_only(self, entries: Sequence[MountEntry]) -> None:
        there = {entry.mount_point: (entry.mount_id, entry.major_minor) for entry in entries}
        for mount_point, watch in list(self._watches.items()):
            if there.get(mount_point) != watch.identity:
                del self._watches[mount_point]
                if watch.open is not None:
                    watch.open.child.abandon()
        for mount_point, identity in there.items():
            self._watches.setdefault(mount_point, _Watch(identity))

    async def _look_at(self, entry: MountEntry, now: datetime) -> Outcome:
        watch = self._watches[entry.mount_point]
        if not await self._may_ask(watch, now):
            return Silent(watch.silent_since or now, watch.question, overdue=True)
        usage: Usage | None = None
        lost = False
        deadline: float | None = None
        while True:
            if watch.open is None:
                if usage is not None and not self._list_is_due(watch, now):
                    return self._answered(watch, usage)
                try:
                    await self._ask(watch, entry, "list" if usage else "look", now)
                except OSError as error:
                    return Failed(0, f"cannot start a process to look at it: {error.strerror}")
            asked = cast("_Open", watch.open)
            if asked.asked_at == now and deadline is None:
                deadline = self._deadline(watch)
            # A question from an earlier look has had its time: the answer is there or it is not.
            if not await self._wait(asked, deadline or 0.0):
                return self._unanswered(watch, asked, usage, now)
            watch.open = None
            answer = asked.answer.result()
            if answer is None:
                if lost:
                    return Failed(0, "the process that looks at it ends without an answer")
                lost = True
                continue
            self._idle.put_nowait(asked.child)
            if answer.errno:
                return self._answered(watch, Failed(answer.errno, os.strerror(answer.errno)))
            if asked.question == "list":
                watch.listed_at = now
            else:
                usage = usage_of(*cast("list[int]", answer.value))

    def _deadline(self, watch: _Watch) -> float:
        """When, by the loop's clock, a look that asks now is over."""
        patience_sec = self._timeout_sec if watch.silent_since is None else _SILENT_BEFORE_SEC
        return asyncio.get_running_loop().time() + patience_sec

    async def _may_ask(self, watch: _Watch, now: datetime) -> bool:
        """Whether a question is open or may be put; a child that keeps silent too long is given up first."""
        asked = watch.open
        if asked is not None and watch.silent_since is not None and self._lost_patience(watch, asked, now):
            # The question may be lost in a mount that answers others by now.
            asked.child.abandon()
            watch.dying, watch.open = asked.child, None
            watch.patience_sec = min(watch.patience_sec * 2, _LAST_PATIENCE_SEC)
            await watch.dying.wait_ended(_SILENT_BEFORE_SEC)
        if watch.dying is not None and watch.dying.ended:
            watch.dying = None
        return watch.dying is None

    def _lost_patience(self, watch: _Watch, asked: _Open, now: datetime) -> bool:
        return not asked.answer.done() and _is_past(asked.asked_at, watch.patience_sec, now)

    def _list_is_due(self, watch: _Watch, now: datetime) -> bool:
        if watch.listed_at is None:
            return True
        return watch.listed_at != now and _is_past(watch.listed_at, self._list_every_sec, now)

    async def _ask(self, watch: _Watch, entry: MountEntry, question: Question, now: datetime) -> None:
        """Raises OSError when there is no child and none can be started."""
        child = await self._free_child()
        watch.open = _Open(question, now, child, child.ask(question, {"path": entry.mount_point}))

    async def _wait(self, asked: _Open, deadline: float) -> bool:
        """Whether the answer is there, at the deadline of the loop's clock at the latest."""
        self._answering += 1
        try:
            await asyncio.wait([asked.answer], timeout=max(deadline - asyncio.get_running_loop().time(), 0))
        finally:
            self._answering -= 1
        return asked.answer.done()

    def _unanswered(self, watch: _Watch, asked: _Open, usage: Usage | None, now: datetime) -> Outcome:
        """What a missing answer means: a look must come in time, a listing may take longer."""
        slow = asked.question == "list" and not _is_past(asked.asked_at, self._list_timeout_sec, now)
        if watch.silent_since is None and slow:
            return usage or Silent(asked.asked_at, asked.question, overdue=False)
        if watch.silent_since is None:
            watch.silent_since, watch.question = asked.asked_at, asked.question
        watch.listed_at = None
        return Silent(watch.silent_since, watch.question, overdue=True)

    def _answered(self, watch: _Watch, outcome: Usage | Failed) -> Usage | Failed:
        watch.silent_since = None
        watch.patience_sec = _FIRST_PATIENCE_SEC
        return outcome

    async def _free_child(self) -> ProbeChild:
        """A child with no question, preferably one that is about to be free. Raises OSError."""
        if self._idle.empty() and self._answering:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FREE_CHILD_SEC):
                    self._idle.put_nowait(await self._idle.get())
        while not self._idle.empty():
            if (child := self._idle.get_nowait()).listens:
                return child
        child = ProbeChild()
        self._children.add(child)
        self._answering += 1
        try:
            await child.wait_ready(self._timeout_sec)
        except asyncio.CancelledError:
            self._idle.put_nowait(child)
            raise
        finally:
            self._answering -= 1
        return child


def _is_past(begin: datetime, patience_sec: float, now: datetime) -> bool:
    """Whether it is that long ago. A clock that was set back says nothing: it must not make anybody wait for hours."""
    return not 0 <= (now - begin).total_seconds() < patience_sec
