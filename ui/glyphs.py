"""The symbols on the screen and their ASCII twins, in one table.

Many of the symbols are East-Asian ambiguous: a terminal set to draw those two cells wide breaks every column. Such a
terminal gets the twins (`ui.ascii`). Each twin is one cell wide, like the symbol it stands for.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final, Literal

State = Literal["ok", "warn", "crit", "down", "unknown"]

WORDS: Final[dict[State, str]] = {"ok": "OK", "warn": "WARN", "crit": "CRIT", "down": "DOWN", "unknown": "?"}
"""A state in four letters, for columns that have the room."""

SEVERITY: Final[tuple[State, ...]] = ("down", "crit", "warn", "unknown", "ok")
"""The states, worst first: the default order of every table."""

NOTHING = "─"
"""Stands where there is no value: not measured, not known, does not apply. Never for zero."""


@dataclass(frozen=True)
class Glyphs:
    """One character for each symbol; `eighths` and `levels` are scales of nine, from empty to full."""

    ok: str = "●"
    warn: str = "▲"
    crit: str = "◆"
    down: str = "✕"
    unknown: str = "○"
    sort_down: str = "▼"
    sort_up: str = "△"
    ellipsis: str = "…"
    nothing: str = NOTHING
    dot: str = "·"
    dash: str = "—"
    mark: str = "✓"
    here: str = "▸"
    play: str = "▶"
    pause: str = "⏸"
    left: str = "←"
    right: str = "→"
    up: str = "↑"
    arrow_down: str = "↓"
    at_least: str = "≥"
    feed: str = "⏎"
    turned: str = "↻"
    horizontal: str = "─"
    vertical: str = "│"
    top_left: str = "╭"
    top_right: str = "╮"
    bottom_left: str = "╰"
    bottom_right: str = "╯"
    eighths: str = " ▏▎▍▌▋▊▉█"
    levels: str = " ▁▂▃▄▅▆▇█"

    @property
    def is_ascii(self) -> bool:
        return self.ok.isascii()

    def state(self, state: State) -> str:
        """The symbol of a state."""
        symbols = {"ok": self.ok, "warn": self.warn, "crit": self.crit, "down": self.down, "unknown": self.unknown}
        return symbols[state]

    def text(self, text: str) -> str:
        """The text as this table may show it: in ASCII, every known symbol in it becomes its twin."""
        if not self._twins or text.isascii():
            return text
        return text.translate(self._twins)

    @cached_property
    def _twins(self) -> dict[int, str]:
        if not self.is_ascii:
            return {}
        symbols = Glyphs()
        twins: dict[int, str] = {}
        for field in fields(Glyphs):
            pairs = zip(getattr(symbols, field.name), getattr(self, field.name), strict=True)
            twins.update((ord(symbol), twin) for symbol, twin in pairs)
        return twins


UNICODE: Final = Glyphs()
ASCII: Final = Glyphs(
    ok="*",
    warn="!",
    crit="#",
    down="x",
    unknown="?",
    sort_down="v",
    sort_up="^",
    ellipsis="~",
    nothing="-",
    dot=".",
    dash="-",
    mark="+",
    here=">",
    play=">",
    pause="=",
    left="<",
    right=">",
    up="^",
    arrow_down="v",
    at_least=">",
    feed="$",
    turned="@",
    horizontal="-",
    vertical="|",
    top_left="+",
    top_right="+",
    bottom_left="+",
    bottom_right="+",
    eighths=" :::::::=",
    levels=" .,:-=+*#",
)


def glyphs_of(app: object) -> Glyphs:
    """The table the app has chosen at its start (its attribute `glyphs`); the symbols themselves when it chose none."""
    chosen = getattr(app, "glyphs", UNICODE)
    return chosen if isinstance(chosen, Glyphs) else UNICODE
