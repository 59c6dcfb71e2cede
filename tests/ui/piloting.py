"""Someone who presses keys and then waits for what comes of them, however seldom the machine lets this process run."""

import asyncio
from typing import Any, TypeVar

from textual.app import App
from textual.pilot import Pilot

R = TypeVar("R")

QUIET_TURNS = 20
MOST_TURNS = 5000


class PatientPilot(Pilot[R]):
    """Textual's own gives what a key sets going some hundredths of a second, of which a busy machine may leave none."""

    async def press(self, *keys: str) -> None:
        for key in keys:
            await super().press(key)

    async def pause(self, delay: float | None = None) -> None:
        await super().pause(delay)
        await settled(self.app)

    async def _wait_for_screen(self, timeout: float = 30.0) -> bool:
        is_done = await super()._wait_for_screen(timeout)
        await settled(self.app)
        return is_done


async def settled(app: App[Any]) -> None:
    """Let all that was set going come to its end, and paint it.

    What is counted is turns of the loop, until for some on end nobody has a message to handle. What waits for a time or
    for a node is not waited for.
    """
    for _ in range(2):
        quiet = 0
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            pumps = [app, *(one for screen in app.screen_stack for one in screen.walk_children(with_self=True))]
            quiet = 0 if any(pump.message_queue_size for pump in pumps) else quiet + 1
            if quiet == QUIET_TURNS:
                break
        if app.is_running and app.screen_stack:
            app.screen._on_timer_update()
