"""Following files from the event loop: here when looking at them cannot hang, in a child process when it may."""

import asyncio
import time

from node.sources.mount_table import fixed_part
from node.sources.mounts import readable
from node.sources.tail import Tail
from node.sources.tail_remote import RemoteTail
from node.sources.tail_types import Batch, Restored, TailOptions
from node.sources.watch import Subscription, Watcher

ANSWER_SEC = 3.0
"""How long a look at a file system that may hang may take before it is called stuck."""

POLL_SEC = 1.0
"""Between two looks at files of which nobody tells when they change."""

LOOK_AROUND_SEC = 1.0

_SILENT_BEFORE_SEC = 0.25
_PATIENCE_SEC = 30.0
"""A child that is silent for so long is replaced: its question may be lost in a mount that answers others by now."""

_READY_SEC = 10.0
_END_SEC = 0.5
_SOONEST_SEC = 0.05
_CALM_SEC, _LONGEST_CALM_SEC = 0.15, 1.0
"""Growth that gave nothing to read (a line that is not finished) is worth ever less attention, up to this."""


class TailStuck(Exception):
    """The file system does not answer; the question was put `since_sec` ago."""

    def __init__(self, path: str, since_sec: float) -> None:
        super().__init__(f"the file system of {readable(path)} does not answer")
        self.since_sec = since_sec


class Tailing:
    """One tail. Each batch is to be committed before the next read; one that cannot be is taken back by `restore`.

    Where its path leads is looked up before each read, so a mount that comes or goes moves it into a child or back.
    """

    def __init__(self, options: TailOptions, watcher: Watcher) -> None:
        self._options = options
        self._watcher = watcher
        self._committed = Restored()
        self._last: Batch | None = None
        self._restores = True
        self._paused = False
        self._tail: Tail | None = None
        self._subscription: Subscription | None = None
        self._look_around_at = 0.0
        self._looks_around = True
        self._prompted = False
        self._calm_sec = 0.0
        self._child: RemoteTail | None = None
        self._dying: RemoteTail | None = None
        self._answer: asyncio.Future[Batch | None] | None = None
        self._asked_at = 0.0
        self._silent_since: float | None = None
        self._polled = False

    @property
    def polled(self) -> bool:
        """Whether it is looked at from time to time only, because nobody tells of changes there. Known once read."""
        return self._polled

    @property
    def pids(self) -> list[int]:
        """The children that are there, one that does not end included."""
        return [child.pid for child in (self._child, self._dying) if child is not None and not child.ended]

    async def restore(self, restored: Restored) -> None:
        """What is committed: the next read goes on from there."""
        self._committed, self._last, self._restores = restored, None, True
        if self._answer is not None:
            self._lose_child()

    async def read(self, *, paused: bool = False) -> Batch:
        """One look. What the read before gave counts as committed.

        Raises TailStuck when there is no answer in time, and OSError when there is nobody to ask.
        """
        if self._last is not None:
            self._committed, self._last = Restored(places=self._last.places, known=True), None
        self._paused = paused
        self._look_around(asyncio.get_running_loop().time())
        batch = await self._read_there(paused) if self._polled else self._read_here(paused)
        self._last, self._restores = batch, False
        return batch

    async def prompt(self) -> None:
        """Return when a read is worth its while: at once when the last one left something. It may be cancelled."""
        if self._last is not None and self._last.more and not self._paused:
            return
        if self._tail is None or self._subscription is None:
            await asyncio.sleep(POLL_SEC)
            return
        due_sec = self._tail.due_in(time.monotonic())
        left_sec = None if due_sec is None else max(due_sec, _SOONEST_SEC)
        if self._calm_sec or self._paused:
            quiet_sec = left_sec if self._paused else min(self._calm_sec, left_sec or self._calm_sec)
            self._prompted = await self._subscription.wait(quiet_sec, growth=False)
            if self._prompted or self._paused or quiet_sec == left_sec:
                return
            left_sec = None if left_sec is None else left_sec - self._calm_sec
        self._prompted = await self._subscription.wait(left_sec)

    async def close(self) -> None:
        """Give back what it holds; a child that cannot be ended is left to the kernel."""
        self._close_here()
        self._lose_child()
        self._watcher.leave(self)
        if self._dying is not None:
            await self._dying.wait_ended(_END_SEC)

    def _look_around(self, now: float) -> None:
        """See where the path leads: at once when a mount came or went, else now and then, for links change, too."""
        self._watcher.enter(self)
        mounts = self._watcher.mounts
        self._looks_around = mounts.changed() or now >= self._look_around_at
        if not self._looks_around:
            return
        self._look_around_at = now + LOOK_AROUND_SEC
        may_hang = mounts.may_hang(self._options.path)
        if may_hang == self._polled:
            return
        self._polled, self._restores = may_hang, True
        self._silent_since = None
        self._close_here()
        self._lose_child()

    def _read_here(self, paused: bool) -> Batch:
        if self._tail is None:
            self._tail, self._restores = Tail(self._options), True
        if self._restores:
            self._tail.restore(self._committed)
        batch = self._tail.read(time.monotonic(), time.time(), paused=paused)
        fruitless = self._prompted and not (batch.chunks or batch.lost or batch.rotations)
        self._calm_sec = min(2 * self._calm_sec or _CALM_SEC, _LONGEST_CALM_SEC) if fruitless else 0.0
        self._prompted = False
        if self._looks_around or batch.rotations or self._subscription is None:
            self._watch(self._tail)
        return batch

    def _watch(self, tail: Tail) -> None:
        wanted = tail.directories
        if self._subscription is None:
            sees_new = fixed_part(self._options.path)[0] == self._options.path
            self._subscription = self._watcher.subscribe(tail, frozenset(), sees_new=sees_new)
        self._subscription.update(frozenset(path for path in wanted if not self._watcher.mounts.may_hang(path)))

    def _close_here(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        if self._tail is not None:
            self._tail.close()
        self._tail = self._subscription = None

    async def _read_there(self, paused: bool) -> Batch:
        for _ in range(2):
            batch = await self._ask(await self._living_child(), paused)
            if batch is not None:
                return batch
        raise OSError(
            f"cannot read {readable(self._options.path)}: the process that reads it ends without an answer; "
            "see whether the host is short of memory or processes"
        )

    async def _living_child(self) -> RemoteTail:
        silent_sec = asyncio.get_running_loop().time() - self._asked_at
        if self._answer is not None and not self._answer.done() and silent_sec > _PATIENCE_SEC:
            self._lose_child()
        if self._dying is not None and not await self._dying.wait_ended(_SILENT_BEFORE_SEC):
            raise self._stuck()
        self._dying = None
        if self._child is None:
            self._child, self._restores = RemoteTail(self._options), True
            await self._child.wait_ready(_READY_SEC)
        return self._child

    async def _ask(self, child: RemoteTail, paused: bool) -> Batch | None:
        """The answer to the question that is open, or else to this one; None when the child ended."""
        if self._answer is None:
            self._answer = child.ask(restored=self._committed if self._restores else None, paused=paused)
            self._asked_at, self._restores = asyncio.get_running_loop().time(), False
        patience_sec = ANSWER_SEC if self._silent_since is None else _SILENT_BEFORE_SEC
        await asyncio.wait([self._answer], timeout=patience_sec)
        if not self._answer.done():
            raise self._stuck()
        batch, self._answer = self._answer.result(), None
        if batch is None:
            self._lose_child()
        else:
            self._silent_since = None
        return batch

    def _stuck(self) -> TailStuck:
        if self._silent_since is None:
            self._silent_since = self._asked_at
        return TailStuck(self._options.path, asyncio.get_running_loop().time() - self._silent_since)

    def _lose_child(self) -> None:
        """What it still has to say is not heard; no other one is started before it has ended."""
        if self._child is not None:
            self._child.abandon()
            self._dying, self._child = self._child, None
        self._answer = None
