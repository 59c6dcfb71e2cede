"""The ends of processes that are not our children, noticed as they happen: each is held by a pidfd."""

import asyncio

from node.sources.pidfd import Pidfd

MOST = 256
"""Descriptors that are held; of more processes the end is found by looking at them now and then."""

_FOREVER_SEC = 10.0 * 365 * 86400


class Exits:
    """Waits for many processes at once. It belongs to the event loop it is used in."""

    def __init__(self) -> None:
        self._waits: dict[int, asyncio.Task[float]] = {}
        self._pidfds: dict[int, Pidfd] = {}
        self._news = asyncio.Event()

    def watch(self, pid: int) -> bool:
        """Hold the process that has the pid now; False when that cannot be done. Again for one that is held is fine."""
        if pid in self._waits:
            return True
        if len(self._waits) >= MOST:
            return False
        try:
            pidfd = Pidfd.open(pid)
        except OSError:  # gone, or this kernel or container has no such descriptors
            return False
        self._pidfds[pid] = pidfd
        self._waits[pid] = asyncio.create_task(self._end(pidfd), name=f"end of process {pid}")
        return True

    def ended_at(self, pid: int) -> float | None:
        """When a held process ended, by the event loop's clock; None when it goes on, or is not held."""
        wait = self._waits.get(pid)
        return wait.result() if wait is not None and wait.done() and not wait.cancelled() else None

    def keep(self, pids: set[int]) -> None:
        """Let go of all others."""
        for pid in self._waits.keys() - pids:
            self._waits.pop(pid).cancel()
            self._pidfds.pop(pid).close()
        self._news.clear()
        if any(wait.done() for wait in self._waits.values()):
            self._news.set()

    async def wait(self) -> None:
        """Return when a process that is held has ended."""
        await self._news.wait()

    async def close(self) -> None:
        waits = list(self._waits.values())
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        self.keep(set())

    async def _end(self, pidfd: Pidfd) -> float:
        while not await pidfd.ended(_FOREVER_SEC):
            pass
        self._news.set()
        return asyncio.get_running_loop().time()
