"""The tasks of a reader: started, stopped together, and none of them fails unseen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Runs coroutines until they end or all are stopped. `failed` hears of an error that nobody expected."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._failed = failed

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Stop them all; they end at their next await."""
        for task in self._running:
            task.cancel()

    async def close(self) -> None:
        """Stop them all, and wait until they have ended."""
        self.stop()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
