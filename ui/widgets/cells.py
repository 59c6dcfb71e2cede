"""Text cut to cells: how wide it is on a terminal, and what of it fits.

Nothing here is markup. Text is cleaned a last time on its way out, so that no string, wherever it came from, can
drive the terminal; and it is measured character by character, as terminals do.
"""

import re
from collections.abc import Sequence
from typing import Literal, cast

from rich.cells import get_character_cell_size

from etlmon.clean import MARK, clean

Tone = Literal["ok", "warn", "crit", "down", "dim", "faint", "accent", "info", "title", "active", "error", "hit"]
"""What a text means; the theme says which colour that is."""

Run = tuple[str, Tone | None]
Cell = str | Run | Sequence[Run | str]
"""A cell: plain text, text of one tone, or a list of such runs."""

# A cell is looked at no further than this: more never fits, and measuring 10 MB would take seconds.
_LONGEST = 2000

# Selectors, joiners and skin tones make a character as wide as the terminal pleases; without them it is what it is.
_UNSTEADY = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]|[\U0001f1e6-\U0001f1ff]{1,2}")
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILE = re.compile(f"([{_MARKS}]{{2}})[{_MARKS}]+")


def plain(text: str) -> str:
    """The text as it may be shown: one line, harmless, and each of its characters of a known width."""
    return plain_whole(text if text.isascii() and text.isprintable() else text[:_LONGEST])


def plain_whole(text: str) -> str:
    """The same of all of a text, however long it is."""
    if text.isascii() and text.isprintable():
        return text
    return _PILE.sub(r"\1", _UNSTEADY.sub(_steady, clean(text)))


def _steady(match: re.Match[str]) -> str:
    # A flag is a pair; half of one is drawn one or two cells wide.
    found = match[0]
    if len(found) == 2:
        return found
    return MARK if "\U0001f1e6" <= found <= "\U0001f1ff" else ""


def width_of(text: str) -> int:
    """The cells that plain text takes."""
    return len(text) if text.isascii() else sum(map(get_character_cell_size, text))


def fit(text: str, width: int, *, right: bool = False, ellipsis: str = "…") -> str:
    """Plain text in exactly `width` cells: padded, or cut with an ellipsis."""
    taken = width_of(text)
    if taken > width:
        text = cut(text, width - 1) + ellipsis if width > 0 else ""
        taken = width_of(text)
    padding = " " * (width - taken)
    return padding + text if right else text + padding


def cut(text: str, width: int) -> str:
    """As much of the beginning of plain text as fits in `width` cells."""
    if text.isascii():
        return text[: max(0, width)]
    taken = 0
    for index, character in enumerate(text):
        taken += get_character_cell_size(character)
        if taken > width:
            return text[:index]
    return text


def runs_of(cell: Cell) -> list[Run]:
    """A cell as runs of plain text. A tuple is one run, any other sequence is several."""
    if isinstance(cell, str):
        return [(plain(cell), None)]
    if isinstance(cell, tuple):
        text, tone = cast(Run, cell)
        return [(plain(text), tone)]
    return [(plain(part), None) if isinstance(part, str) else (plain(part[0]), part[1]) for part in cell]


def fit_runs(runs: Sequence[Run], width: int, *, right: bool = False, ellipsis: str = "…") -> list[Run]:
    """Runs of plain text in exactly `width` cells, padded or cut like `fit`."""
    taken = sum(width_of(text) for text, _ in runs)
    if taken <= width:
        padding: Run = (" " * (width - taken), None)
        return [padding, *runs] if right else [*runs, padding]
    fitted: list[Run] = []
    left = width
    for text, tone in runs:
        cells = width_of(text)
        if cells >= left:
            fitted.append((fit(cut(text, left - 1) + ellipsis, left), tone))
            break
        fitted.append((text, tone))
        left -= cells
    return fitted


def wrap(text: str, width: int) -> list[str]:
    """Plain text in lines of at most `width` cells, broken at spaces where there are any."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in plain(paragraph).split(" "):
            joined = f"{line} {word}" if line else word
            if width_of(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            line = word
            while width_of(line) > width > 1:
                head = cut(line, width)
                lines.append(head)
                line = line[len(head) :]
        lines.append(line)
    return lines
