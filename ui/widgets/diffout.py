"""Writes to the terminal only what changed on it.

Textual repaints whole regions; over SSH most of those bytes say what is on the screen already. This mixin remembers
each line that was written, as runs of text and style, and writes the runs that differ. It hooks one private method of
Textual 8.2 (`App._display`); whatever does not look as expected is left to Textual, and forgets what was remembered.
"""

from typing import Any, cast

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.control import Control
from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

Runs = list[tuple[str, Style | None]]


class DiffOutput(App[Any]):
    """A mixin for an App; it stands before the App's own base. `diff_output = False` turns it off."""

    diff_output: bool = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._on_terminal = Shadow()
        super().__init__(*args, **kwargs)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if renderable is None or self._batch_count:
            super()._display(screen, renderable)
        elif self._can_diff(screen, renderable):
            super()._display(screen, cast(RenderableType, _Changes(screen, self._on_terminal)))
        else:
            self._on_terminal.forget()
            super()._display(screen, renderable)

    def _can_diff(self, screen: Screen[Any], renderable: RenderableType) -> bool:
        driver = self._driver
        return (
            self.diff_output
            and isinstance(renderable, CompositorUpdate)
            and screen is self.screen
            and driver is not None
            and not driver.is_inline
            and not driver.is_headless
        )

    def _watch_app_focus(self, focus: bool) -> None:
        # Another program may have written on the terminal while it was out of sight.
        self._on_terminal.forget()
        super()._watch_app_focus(focus)

    def _resume_signal(self) -> None:
        self._on_terminal.forget()
        super()._resume_signal()

    def action_redraw(self) -> None:
        """Write the whole screen again."""
        self._on_terminal.forget()
        self.screen.refresh(layout=True)


class Shadow:
    """What is believed to stand on the terminal, line by line."""

    def __init__(self) -> None:
        self._size = Size(0, 0)
        self._lines: list[Runs | None] = []

    def forget(self) -> None:
        self._lines = []

    def changes(self, lines: list[Strip], size: Size, colors: ColorSystem) -> str:
        """The bytes that turn what stands there into these lines, which from then on stand there."""
        if size != self._size or len(lines) != len(self._lines):
            self._size, self._lines = size, [None] * len(lines)
        output: list[str] = []
        for y, strip in enumerate(lines):
            new, old = runs_of(strip), self._lines[y]
            if new == old:
                continue
            self._lines[y] = new
            x, runs = (0, new) if old is None else _change(old, new)
            output.append(Control.move_to(x, y).segment.text)
            output += [text if style is None else Strip.render_style(style, text, colors) for text, style in runs]
        return "".join(output)


class _Changes(CompositorUpdate):
    """Stands in for an update of the compositor: of whatever region, the whole screen is compared."""

    def __init__(self, screen: Screen[Any], shadow: Shadow) -> None:
        self._screen = screen
        self._shadow = shadow

    def render_segments(self, console: Console) -> str:
        colors = console._color_system or ColorSystem.TRUECOLOR
        return self._shadow.changes(self._screen._compositor.render_strips(), self._screen.size, colors)


def runs_of(strip: Strip) -> Runs:
    """A line as runs: neighbours of the same style are one."""
    runs: Runs = []
    for text, style, _control in strip:
        if not text:
            continue
        if runs and _same(runs[-1][1], style):
            runs[-1] = (runs[-1][0] + text, style)
        else:
            runs.append((text, style))
    return runs


def _same(one: Style | None, other: Style | None) -> bool:
    return one is other or (one is not None and other is not None and one == other)


def _change(old: Runs, new: Runs) -> tuple[int, Runs]:
    """Where the lines begin to differ, and what to write there.

    A common end may stay only where what stands before it is as wide as it was.
    """
    shorter = min(len(old), len(new))
    start = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    tail = 0
    while tail < shorter - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    x, was, now = _width(new[:start]), old[start : len(old) - tail], new[start : len(new) - tail]
    same_width = _width(was) == _width(now)
    if not same_width:
        was, now = old[start:], new[start:]
    if len(was) == len(now) == 1 and _same(was[0][1], now[0][1]):
        head, text = _differing(was[0][0], now[0][0], keep_end=same_width)
        return x + cell_len(head), [(text, now[0][1])]
    return x, now


def _differing(old: str, new: str, *, keep_end: bool) -> tuple[str, str]:
    """The common beginning of two texts, and what the new one has where they differ.

    They are cut before ASCII only: such a character never melts into the one before it.
    """
    start = _common(old, new)
    while start and not (old[start : start + 1].isascii() and new[start : start + 1].isascii()):
        start -= 1
    tail = _common(old[start:][::-1], new[start:][::-1]) if keep_end else 0
    while tail and not new[-tail].isascii():
        tail -= 1
    return new[:start], new[start : len(new) - tail]


def _common(one: str, other: str) -> int:
    """How many characters the texts have in common at their beginning."""
    for index, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return index
    return min(len(one), len(other))


def _width(runs: Runs) -> int:
    return sum(cell_len(text) for text, _ in runs)
