"""The app on a screen of a given size, over real connections, with a clock that stands still until it is moved."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual._wait import SLEEP_GRANULARITY
from textual.command import Command, CommandList, CommandPalette

from etlmon.client import Answer, NodeClient
from tests.fakes.nodes import FakeNode
from tests.ui.piloting import PatientPilot
from tests.ui.textsnap import assert_looks_like, is_alike, screen_text
from ui.app import EtlmonApp
from ui.settings import NodeAddress, Ui, UiSettings

NOW = datetime(2026, 11, 21, 6, 0, 30, tzinfo=UTC)
WAIT_SEC = 30.0
PAINTED_SEC = 10.0
PATIENCE_SEC = 20.0
"""How long a node may take to answer: a busy machine may stop it, and the app with it, longer than a person waits."""


class Clock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class SteadyClient(NodeClient):
    """Asks over real connections, each of which is said to take 4 ms."""

    async def ask(self, *arguments: Any, **more: Any) -> Answer[Any]:
        return replace(await super().ask(*arguments, **more), elapsed_ms=4.0)


class Looking:
    """Someone who looks at the app and presses keys."""

    def __init__(self, app: EtlmonApp, pilot: PatientPilot[object], clock: Clock) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock

    @property
    def screen(self) -> str:
        return screen_text(self.app)

    @property
    def notices(self) -> list[str]:
        return [str(notice.message) for notice in self.app._notifications]

    async def press(self, *keys: str) -> None:
        for key in keys:
            # One by one: what a key opens is there before the next one is pressed, also on a busy machine.
            await self.pilot.press(key)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Wait until it is so; fails with the screen when it does not come to be."""
        end = time.monotonic() + WAIT_SEC
        while not condition():
            assert time.monotonic() < end, f"waited {WAIT_SEC:.0f} s for {what}; the screen is\n{self.screen}"
            await asyncio.sleep(0.02)
        await self.pilot.pause()

    async def looks_like(self, expected: Path) -> None:
        """The screen is the one in the file; what is painted last, as a scroll bar, may come a little later."""
        end = time.monotonic() + PAINTED_SEC
        while not is_alike(self.app, expected) and time.monotonic() < end:
            await self.pilot.pause(0.1)
        assert_looks_like(self.app, expected)

    async def command(self, text: str) -> None:
        """Say this in the palette: it takes an enter when it has found what was typed."""

        def is_offered() -> bool:
            palette = self.app.screen
            assert isinstance(palette, CommandPalette)
            found = palette.query_one(CommandList).highlighted_option
            return isinstance(found, Command) and found.hit.text == text

        await self.press("colon", *text)
        await self.until(is_offered, text)
        await self.press("enter")

    async def until_shown(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen for text in texts), " and ".join(texts))


@asynccontextmanager
async def looking(
    nodes: Sequence[tuple[str, str]],
    *,
    size: tuple[int, int] = (120, 36),
    ui: Ui | None = None,
    read_only: bool = False,
    patience_sec: float = PATIENCE_SEC,
) -> AsyncIterator[Looking]:
    """The app with these nodes (name, address) on a screen of this size."""
    settings = UiSettings(
        nodes=tuple(NodeAddress(name=name, address=address) for name, address in nodes), ui=ui or Ui()
    )
    clock = Clock()
    connect = partial(SteadyClient, timeout=patience_sec)
    app = EtlmonApp(settings, connect=connect, clock=clock, zone=UTC, read_only=read_only)
    # After each key Textual waits until the process does next to nothing, at most a second: with the nodes in the same
    # process, and asked ten times a second, that is never.
    # Keys that wait for an enter to be handled wait for it here as long as it takes.
    with patch("textual._wait.SLEEP_IDLE", SLEEP_GRANULARITY / 2), patch("ui.program.HOLD_SEC", WAIT_SEC):
        async with app.run_test(size=size, notifications=True):
            yield Looking(app, PatientPilot(app), clock)


def on_time(fake: FakeNode) -> FakeNode:
    """A fake node whose clock agrees with Clock."""
    fake.headers["Date"] = NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return fake
