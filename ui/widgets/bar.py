"""Bars and small histories as plain text, for the cells of a table."""

import math
from collections.abc import Sequence

from ui.glyphs import UNICODE, Glyphs


def bar(percent: float | None, width: int, glyphs: Glyphs = UNICODE) -> str:
    """How full something is, in `width` cells: eighths of a block, and a line for the rest.

    What is not quite full never looks full, what is not quite empty never looks empty. None is blank.
    """
    if percent is None or math.isnan(percent):
        return " " * width
    steps = len(glyphs.eighths) - 1
    filled = math.floor(max(0.0, min(100.0, percent)) / 100 * width * steps)
    if percent > 0:
        filled = max(1, filled)
    whole, part = divmod(min(filled, width * steps), steps)
    text = glyphs.eighths[-1] * whole + (glyphs.eighths[part] if part else "")
    return text + glyphs.horizontal * (width - len(text))


def blocks(
    values: Sequence[float | None],
    width: int,
    *,
    low: float = 0.0,
    high: float = 100.0,
    glyphs: Glyphs = UNICODE,
) -> str:
    """The newest `width` values as blocks of eight heights on a fixed scale, the newest at the right.

    A value is never blank, be it as low as `low`: a blank is a moment without a value (None).
    """
    newest = values[-width:] if width > 0 else ()
    return "".join(_block(value, low, high, glyphs.levels) for value in newest).rjust(width)


def _block(value: float | None, low: float, high: float, levels: str) -> str:
    if value is None or math.isnan(value):
        return levels[0]
    top = len(levels) - 1
    return levels[1 + min(top - 1, int(share(value, low, high) * top))]


def share(value: float, low: float, high: float) -> float:
    """Where a value stands between `low` (0) and `high` (1)."""
    return 0.0 if high <= low else max(0.0, min(1.0, (value - low) / (high - low)))
