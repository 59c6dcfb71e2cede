"""When a tail is worth a look: soon after something came or went around its files, or after they grew.

Two signals serve all tails that share a watcher. inotify tells of what comes and goes; it is quick, and may be missing.
A timer asks each tail whether its files changed, which reads nothing and costs microseconds; it misses nothing.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from node.sources.mount_table import MountTable

if TYPE_CHECKING:
    from node.sources.watch_directories import Directories

LOOK_EVERY_SEC = 0.2
_MOST_OF_THE_TIME = 0.05
"""Looks take at most this part of the time: very many tails are asked less often."""


class Stirring(Protocol):
    """What can be asked whether there is something to do, without doing it."""

    def stirred(self) -> bool: ...


class Watcher:
    """Shared by the tails of one event loop. It holds nothing but for those that are there: `enter`, and `leave`."""

    def __init__(self, *, proc: Path = Path("/proc"), look_every_sec: float = LOOK_EVERY_SEC) -> None:
        self.mounts = MountTable(proc)
        self._look_every_sec = look_every_sec
        self._present: set[object] = set()
        self._subscriptions: dict[int, Subscription] = {}
        self._directories: Directories | None = None
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, who: object) -> None:
        self._present.add(who)

    def leave(self, who: object) -> None:
        """The last one closes the table of mounts."""
        self._present.discard(who)
        if not self._present:
            self.mounts.close()

    def subscribe(self, tail: Stirring, directories: frozenset[str], *, sees_new: bool = True) -> "Subscription":
        """To be closed. Directories that may hang must not be among them.

        A tail of a glob does not see new files until it is read; without `sees_new` whatever comes is worth a look.
        """
        subscription = Subscription(self, tail, sees_new)
        self._subscriptions[id(subscription)] = subscription
        subscription.update(directories)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._look_every_sec, self._look)
        return subscription

    @property
    def watched(self) -> frozenset[str]:
        """The directories that inotify watches."""
        return frozenset(self._directories.watched) if self._directories is not None else frozenset()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        remounted = self.mounts.changed()
        for subscription in list(self._subscriptions.values()):
            subscription.look(always=remounted)
        took_sec = loop.time() - began
        self._timer = loop.call_later(max(self._look_every_sec, took_sec / _MOST_OF_THE_TIME), self._look)

    def _want(self, subscription: "Subscription", directories: frozenset[str]) -> None:
        if self._directories is None:
            from node.sources.watch_directories import Directories  # here: a node without logs has no use for watchdog

            self._directories = Directories()
        self._directories.want(directories, subscription.notice)

    def _end(self, subscription: "Subscription") -> None:
        self._subscriptions.pop(id(subscription), None)
        if self._directories is not None:
            self._directories.forget(subscription.notice)
        if self._subscriptions:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._directories is not None:
            self._directories.close()
        self._timer = self._directories = None


class Subscription:
    """One tail's share of a watcher."""

    def __init__(self, watcher: Watcher, tail: Stirring, sees_new: bool) -> None:
        self._watcher = watcher
        self._tail = tail
        self._sees_new = sees_new
        self._waiting: asyncio.Future[None] | None = None
        self._growth = True
        self._noticed = False

    def update(self, directories: frozenset[str]) -> None:
        """Where something may come or go from now on."""
        self._watcher._want(self, directories)

    async def wait(self, within_sec: float | None, *, growth: bool = True) -> bool:
        """Whether the tail became worth a look within the time; returns as soon as it is.

        What came or went while nobody waited counts, too. Without `growth` that alone counts.
        """
        self._growth = growth
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            if self._noticed:
                self.notice()
            async with asyncio.timeout(within_sec):
                await self._waiting
        except TimeoutError:
            return False
        finally:
            self._waiting = None
        return True

    def notice(self) -> None:
        """Something came or went."""
        self._noticed = True
        if self._waiting is None or not self._growth or self._watcher.mounts.changed():
            return
        if self._tail.stirred():
            self._fire()
        elif self._sees_new:
            self._noticed = False

    def look(self, *, always: bool) -> None:
        """What was noticed and could not be told at once is worth a look now, some time later."""
        if self._waiting is not None and (always or self._noticed or (self._growth and self._tail.stirred())):
            self._fire()

    def close(self) -> None:
        self._watcher._end(self)

    def _fire(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._noticed = False
            self._waiting.set_result(None)
