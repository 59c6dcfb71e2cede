"""A history as a small chart: blocks for levels, a fine line for rates; the axis is fixed, so that it cannot lie."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from textual.strip import Strip
from textual.widget import Widget

from ui.glyphs import Glyphs
from ui.widgets.bar import share
from ui.widgets.cells import Run, Tone, plain, width_of
from ui.widgets.paint import Painter

Mode = Literal["area", "line"]
Values = Sequence[float | None]

# The dots of a braille character, top to bottom, in its left and its right column (Unicode 15, 2800-28FF).
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800
_DOT_ROWS, _DOT_COLUMNS = 4, 2
_LEAST_FOR_AXIS = 20


class Chart(Widget):
    """The newest values, as many as fit, the newest at the right; a gap where there was none.

    `low` and `high` are the ends of the axis, `warn` and `critical` colour the rows above them. With `whole` all of the
    values are spread over the width instead, so that both edges stay the same moments on every screen.
    """

    DEFAULT_CSS = "Chart { height: 1fr; min-height: 2; background: $surface; color: $foreground; }"

    def __init__(
        self,
        low: float = 0.0,
        high: float = 100.0,
        warn: float | None = None,
        critical: float | None = None,
        *,
        mode: Mode = "area",
        unit: str | Callable[[float], str] = "%",
        whole: bool = False,
        id: str | None = None,  # noqa: A002 (Textual's name)
        classes: str | None = None,
    ) -> None:
        """`unit` is what follows the numbers on the axis, or a function that writes them."""
        super().__init__(id=id, classes=classes)
        self.painter = Painter(self)
        self._low, self._high, self._warn, self._critical = low, high, warn, critical
        self._mode: Mode = mode
        self._unit = unit
        self._whole = whole
        self._values: Values = ()
        self._built: tuple[tuple[int, int], list[Strip]] = ((0, 0), [])

    def show(self, values: Values, *, high: float | None = None) -> None:
        """Draw these values, oldest first. `high` is the new end of the axis."""
        shown = (tuple(values), self._high if high is None else high)
        if shown != (self._values, self._high):
            self._values, self._high = shown
            self._forget()

    def _forget(self) -> None:
        self._built = ((0, 0), [])
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget()
        self._forget()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if self._built[0] != (width, height):
            self._built = ((width, height), self._build(width, height))
        lines = self._built[1]
        return lines[y] if y < len(lines) else self.painter.blank(width)

    def _build(self, width: int, height: int) -> list[Strip]:
        if not any(map(_is_number, self._values)):
            return [self.painter.strip([("No values yet.", "dim")], width)]
        labels = self._labels(height) if width >= _LEAST_FOR_AXIS else [""] * height
        edge = max(map(width_of, labels))
        plot = width - edge
        draw = area if self._mode == "area" else line
        glyphs = self.painter.glyphs
        across = 1 if self._mode == "area" or glyphs.is_ascii else _DOT_COLUMNS
        values = spread(self._values, plot * across) if self._whole else self._values
        drawn = draw(values, plot, height, self._low, self._high, glyphs)
        lines: list[Strip] = []
        for y, (label, text) in enumerate(zip(labels, drawn, strict=True)):
            runs: list[Run] = [(label, "dim"), (text, self._tone(y, height))]
            lines.append(self.painter.strip(runs, width))
        return lines

    def _labels(self, height: int) -> list[str]:
        ends = plain(self._label(self._high)), plain(self._label(self._low))
        room = max(4, *map(width_of, ends))
        texts = [ends[0]] + [""] * (height - 2) + [ends[1]] if height > 1 else [ends[0]]
        return [" " * (room - width_of(text)) + text + "│" for text in texts]

    def _label(self, value: float) -> str:
        return f"{value:.0f}{self._unit}" if isinstance(self._unit, str) else self._unit(value)

    def _tone(self, y: int, height: int) -> Tone:
        """A row has the tone of the highest value it can show."""
        top = self._low + (self._high - self._low) * (height - y) / height
        if self._critical is not None and top > self._critical:
            return "crit"
        if self._warn is not None and top > self._warn:
            return "warn"
        return "ok" if self._warn is not None or self._critical is not None else "info"


def area(values: Values, width: int, height: int, low: float, high: float, glyphs: Glyphs) -> list[str]:
    """Columns of eighth blocks, one value a column, top row first. Even the lowest value is seen."""
    steps = len(glyphs.levels) - 1
    columns: list[str] = []
    for value in _newest(values, width):
        filled = 0 if value is None else max(1, round(share(value, low, high) * height * steps))
        cells = (glyphs.levels[max(0, min(steps, filled - row * steps))] for row in range(height))
        columns.append("".join(cells))
    return ["".join(column[row] for column in columns) for row in reversed(range(height))]


def line(values: Values, width: int, height: int, low: float, high: float, glyphs: Glyphs) -> list[str]:
    """A line through the values: in braille two of them a cell and four heights a row, in ASCII one of each."""
    across, down = (1, 1) if glyphs.is_ascii else (_DOT_COLUMNS, _DOT_ROWS)
    grid = [[0] * width for _ in range(height)]
    top = height * down - 1
    before: int | None = None
    for x, value in enumerate(_newest(values, width * across)):
        if value is None:
            before = None
            continue
        level = round(share(value, low, high) * top)
        start = level if before is None else before
        for dot in range(min(start, level), max(start, level) + 1):
            row, sub = divmod(top - dot, down)
            grid[row][x // across] |= _DOTS[x % across][sub]
        before = level
    if glyphs.is_ascii:
        return ["".join("*" if bits else " " for bits in row) for row in grid]
    return ["".join(chr(_BRAILLE + bits) if bits else " " for bits in row) for row in grid]


def spread(values: Values, count: int) -> list[float | None]:
    """All of the values as `count` of them: the mean of those that fall together, or each several times."""
    found: list[float | None] = []
    for index in range(count if values else 0):
        first = index * len(values) // count
        last = max(first + 1, (index + 1) * len(values) // count)
        known = [value for value in values[first:last] if value is not None and not math.isnan(value)]
        found.append(sum(known) / len(known) if known else None)
    return found


def _newest(values: Values, count: int) -> list[float | None]:
    newest = [value if _is_number(value) else None for value in values[-count:]] if count > 0 else []
    return [None] * (count - len(newest)) + newest


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
