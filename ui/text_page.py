"""Lines and tables of text for commands that print and leave: as wide as the terminal, cut for nothing else."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ui.glyphs import ASCII, UNICODE, Glyphs, State
from ui.widgets.cells import fit, plain, width_of

_SGR: dict[State | str, str] = {
    "ok": "32",
    "warn": "33",
    "crit": "31",
    "down": "1;31",
    "unknown": "2",
    "dim": "2",
    "title": "1",
}
_NARROWEST = 12


@dataclass(frozen=True, slots=True)
class TextColumn:
    """One column: its title and side. The first one of a table gives way when the terminal is narrow."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class TextRow:
    level: State
    cells: tuple[str, ...]


def colourful() -> bool:
    """Whether standard output is a terminal that shows colours, and the user wants any (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, tone: str) -> str:
    """The text in the colour of a tone; a tone without one leaves it as it is."""
    code = _SGR.get(tone)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


class TextPage:
    """Lines as they come; every text that goes in is made harmless on its way.

    `width` None cuts nothing: the text goes into a file or to another program.
    """

    def __init__(self, *, width: int | None, colour: bool, utf8: bool) -> None:
        self._width = width
        self._colour = colour
        self.glyphs: Glyphs = UNICODE if utf8 else ASCII
        self._lines: list[str] = []

    @classmethod
    def of_stdout(cls) -> Self:
        """The page that fits standard output."""
        width = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None
        utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        return cls(width=width, colour=colourful(), utf8=utf8)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def blank(self) -> None:
        self._lines.append("")

    def line(self, text: str, tone: str) -> None:
        text = plain(self.glyphs.text(text))
        if self._width is not None and width_of(text) > self._width:
            text = fit(text, self._width, ellipsis=self.glyphs.ellipsis)
        self._lines.append(coloured(text, tone) if self._colour else text)

    def table(self, columns: Sequence[TextColumn], rows: Sequence[TextRow], nothing: str) -> None:
        """Rows below their titles, each with the symbol of its state; `nothing` stands for no rows."""
        if not rows:
            self.line(f"  {nothing}", "dim")
            return
        cells = [tuple(plain(self.glyphs.text(cell)) for cell in row.cells) for row in rows]
        titles = tuple(column.title for column in columns)
        widths = [max(map(width_of, column)) for column in zip(titles, *cells, strict=True)]
        if self._width is not None:
            too_much = sum(widths) + 2 * len(widths) + 2 - self._width
            widths[0] = max(_NARROWEST, min(widths[0], widths[0] - too_much))
        self.line(self._joined(columns, widths, "  ", titles), "dim")
        for row, texts in zip(rows, cells, strict=True):
            symbol = self.glyphs.state(row.level) + " "
            self.line(self._joined(columns, widths, symbol, texts), row.level if row.level != "ok" else "")

    def _joined(self, columns: Sequence[TextColumn], widths: Sequence[int], lead: str, cells: Sequence[str]) -> str:
        parts = [
            fit(cell, width, right=column.right, ellipsis=self.glyphs.ellipsis)
            for column, width, cell in zip(columns, widths, cells, strict=True)
        ]
        return (lead + "  ".join(parts)).rstrip()
