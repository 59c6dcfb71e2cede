"""A stage for widgets: an app in the theme of this program, and texts that mean harm."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from tests.ui.piloting import PatientPilot
from ui.glyphs import UNICODE, Glyphs
from ui.theme import ETLMON, roles

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZWNobyBwd25lZA==\x07",
    "\x9b2J\x9d0;title\x9c",
    "[/x]",
    "[@click=app.quit]x[/]",
    "[bold]b[/bold] $primary {x}",
    "nul\x00 tab\t line\nbreak\r back\b",
    "bidi \u202egnp.exe\u202c \u2067x\u2069",
    "zero\u200bwidth \u200d \ufeff",
    "👩‍👩‍👧‍👦 👍🏽 ☁️ 1️⃣",
    "🇰🇷🇰",
    "한글 파일 이름 데이터 日本語",
    "Z\u0361\u0362\u0363\u0364\u0365" * 20,
    "\ud800 lone",
    "x" * 10_000,
    "가" * 10_000,
    "\U000e0041\U000e0042 tags",
    "",
)


class Stage(App[None]):
    """Shows the given widgets and keeps the messages they send, unless those are Textual's own."""

    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (an instance variable to mypy)

    def __init__(self, *widgets: Widget, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.told: list[Message] = []
        self._shown = widgets

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return roles(self.current_theme)

    def compose(self) -> ComposeResult:
        yield from self._shown

    def on_mount(self) -> None:
        self.register_theme(ETLMON)
        self.theme = "etlmon"

    async def _on_message(self, message: Message) -> None:
        if type(message).__module__.startswith("ui."):
            self.told.append(message)
        await super()._on_message(message)


Act = Callable[[Stage, Pilot[None]], Awaitable[None]]


def play(*widgets: Widget, act: Act, size: tuple[int, int] = (80, 24), glyphs: Glyphs = UNICODE) -> Stage:
    """Put the widgets on a stage of that size and let `act` play on it."""
    return play_on(Stage(*widgets, glyphs=glyphs), act=act, size=size)


def play_on(stage: Stage, *, act: Act, size: tuple[int, int]) -> Stage:
    """Let `act` play on this stage."""

    async def run() -> None:
        async with stage.run_test(size=size):
            pilot: PatientPilot[None] = PatientPilot(stage)
            await pilot.pause()
            await act(stage, pilot)

    asyncio.run(run())
    return stage
