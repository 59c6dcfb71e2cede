"""Look-ups in the host itself, which cost a process each: few at a time, and the same one once for all who ask."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

AT_A_TIME = 2


class Lookups:
    """The look-ups that go on now."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def share(self, key: str, look: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What `look` returns; who asks for the same key meanwhile gets the same. Raises what it raises."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._in_turn(look))
            task.add_done_callback(lambda _: self._running.pop(key))
        # Shielded: one client that goes away does not take the answer from the others.
        return await asyncio.shield(task)

    async def _in_turn(self, look: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async with self._turns:
            return await look()
