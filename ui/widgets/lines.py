"""Lines of text in a pane that scrolls."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.strip import Strip

from ui.keys import key
from ui.widgets.cells import Cell, Run, cut, fit_runs, runs_of, width_of
from ui.widgets.paint import Painter
from ui.widgets.scrolling import Scrolling

Line = list[Run]


def grid(rows: Sequence[Sequence[Cell]], *, right: Sequence[int] = (), head: Sequence[str] = ()) -> list[Line]:
    """Rows in columns as wide as their widest cell; `right` are the columns that align right. No rows, no lines."""
    if not rows:
        return []
    table = [[runs_of(cell) for cell in row] for row in ([tuple((name, "dim") for name in head)] if head else [])]
    table += [[runs_of(cell) for cell in row] for row in rows]
    widths = [max(sum(width_of(text) for text, _ in cell) for cell in column) for column in zip(*table, strict=True)]
    lines: list[Line] = []
    for row in table:
        line: Line = []
        for index, cell in enumerate(row):
            is_last, aligns_right = index == len(row) - 1, index in right
            line += cell if is_last and not aligns_right else fit_runs(cell, widths[index], right=aligns_right)
            line += [] if is_last else [("  ", None)]
        lines.append(line)
    return lines


class Lines(Scrolling, can_focus=True, inherit_bindings=False):
    """Lines of text that scroll; too long ones are wrapped, or cut and scrolled sideways (`w`)."""

    DEFAULT_CSS = """
    Lines { height: 1fr; background: $surface; color: $foreground; scrollbar-size: 1 1; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("j,down", "by(1)", "Down", id="move_down"),
        key("k,up", "by(-1)", "Up", id="move_up"),
        key("g,home", "top", "Top", id="move_top"),
        key("G,end", "bottom", "Bottom", id="move_bottom"),
        key("ctrl+d", "pages(0.5)", "Half a page down", id="half_down"),
        key("ctrl+u", "pages(-0.5)", "Half a page up", id="half_up"),
        key("pagedown,space", "pages(1)", "Page down", id="page_down"),
        key("pageup", "pages(-1)", "Page up", id="page_up"),
        key("h,left", "side(-8)", "Scroll left", id="move_left"),
        key("l,right", "side(8)", "Scroll right", id="move_right"),
        key("w", "wrap", "Wrap long lines or cut them", id="wrap"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.painter = Painter(self)
        self.wrapped = True
        self._lines: Sequence[Line] = ()
        self._drawn: list[Line] = []
        self._side = 0
        self._width = 0

    def show(self, lines: Sequence[Line]) -> None:
        if lines != self._lines:
            self._lines = lines
            self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        self._width = width = max(1, self.scrollable_content_region.width)
        if self.wrapped:
            self._drawn = [part for line in self._lines for part in wrap_runs(line, width)]
        else:
            self._drawn = [_from(line, self._side) for line in self._lines]
        self.virtual_size = Size(width, len(self._drawn))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if width != self._width:
            # The scroll bar came or went, and nobody tells.
            self._width = width
            self.call_later(self._lay_out)
        return self.painter.strip(self._drawn[index] if index < len(self._drawn) else [], width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget()

    def action_by(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False)

    def action_pages(self, pages: float) -> None:
        self.action_by(round(pages * max(1, self.size.height - 1)))

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        self.scroll_to(y=len(self._drawn), animate=False)

    def action_side(self, cells: int) -> None:
        if not self.wrapped:
            longest = max((sum(width_of(text) for text, _ in line) for line in self._lines), default=0)
            self._side = max(0, min(self._side + cells, longest - self.size.width // 2))
            self._lay_out()

    def action_wrap(self) -> None:
        self.wrapped, self._side = not self.wrapped, 0
        self._lay_out()


def wrap_runs(line: Line, width: int) -> list[Line]:
    """A line in parts of at most `width` cells; what follows the first part stands a little to the right."""
    if sum(width_of(text) for text, _ in line) <= width or width < 8:
        return [line]
    parts: list[Line] = [[]]
    left = width
    for text, tone in line:
        while width_of(text) > left:
            head = cut(text, left)
            if (space := head.rfind(" ")) > left // 2:
                head = head[: space + 1]
            parts[-1].append((head, tone))
            text = text[len(head) :]
            parts.append([("    ", None)])
            left = width - 4
        parts[-1].append((text, tone))
        left -= width_of(text)
    return parts


def _from(line: Line, cells: int) -> Line:
    """The line without its first cells."""
    rest: Line = []
    for text, tone in line:
        gone = cut(text, cells)
        cells -= width_of(gone)
        rest.append((text[len(gone) :], tone))
    return rest
