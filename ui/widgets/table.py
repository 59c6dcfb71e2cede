"""A table that is fed again and again: rows have keys, and the cursor stays on its key."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from ui.keys import key
from ui.widgets.cells import Cell, Run, Tone, cut, fit, fit_runs, plain, runs_of, width_of, wrap
from ui.widgets.columns import GAP, Column, Slot, lay_out
from ui.widgets.paint import Look, Painter
from ui.widgets.rows import Line, Row, Rows
from ui.widgets.scrolling import Scrolling

__all__ = ["Cell", "Column", "KeyedTable", "Row", "Run", "Tone"]

_GUTTER = 2
"""The mark and a blank, where rows can be marked."""


class KeyedTable(Scrolling, can_focus=True, inherit_bindings=False):
    """Shows rows that a view sets anew at each refresh, and repaints only the cells that changed.

    The scroll position never moves by itself. The table neither sorts nor filters: it asks for it (`SortRequested`).
    """

    DEFAULT_CSS = """
    KeyedTable {
        height: 1fr;
        background: $surface;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("j,down", "move(1)", "Down", id="move_down"),
        key("k,up", "move(-1)", "Up", id="move_up"),
        key("g,home", "top", "First row", id="move_top"),
        key("G,end", "bottom", "Last row", id="move_bottom"),
        key("ctrl+d", "half_page(1)", "Half a page down", id="half_down"),
        key("ctrl+u", "half_page(-1)", "Half a page up", id="half_up"),
        key("pagedown", "page(1)", "Page down", id="page_down"),
        key("pageup", "page(-1)", "Page up", id="page_up"),
        key("space", "mark", "Mark", id="mark"),
        key("enter", "select", "Detail", id="select", show=True),
    ]

    class Selected(Message):
        """A row was chosen: enter, or a double click."""

        def __init__(self, table: "KeyedTable", key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> "KeyedTable":
            return self.table

    class CursorMoved(Selected):
        """The cursor stands on another key: it was moved, or its row has gone."""

    class SortRequested(Message):
        """The head of a column was clicked."""

        def __init__(self, table: "KeyedTable", column_key: str) -> None:
            super().__init__()
            self.table = table
            self.column_key = column_key

        @property
        def control(self) -> "KeyedTable":
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: str = "Nothing here.",
        markable: bool = False,
        id: str | None = None,  # noqa: A002 (Textual's name)
        classes: str | None = None,
    ) -> None:
        """`empty` is shown instead of rows: what is not there, and how to get it. `markable` lets space mark rows."""
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.painter = Painter(self)
        self._empty = empty
        self._markable = markable
        self._rows = Rows()
        self._sort: tuple[str, bool] | None = None
        self._slots: list[Slot] = []
        self._laid_out = -1
        self._height = 0

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor; None when there are no rows."""
        return self._rows.cursor_key

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the rows, as they stand."""
        return self._rows.keys

    @property
    def marked(self) -> frozenset[str]:
        """The keys of the marked rows."""
        return self._rows.marked

    # What it shows

    def set_rows(
        self,
        keys: Sequence[str],
        rows: Sequence[Row],
        tones: Sequence[Tone | None] | None = None,
        *,
        columns: Sequence[Column] | None = None,
    ) -> None:
        """Show these rows. `keys` are unique; a row has a cell for each column.

        `tones` gives whole rows a tone that outweighs the cells' own: `dim` for values that are no longer fresh.
        `columns` are other columns from now on.
        """
        before, were = self._lines(), len(self._rows)
        moved = self._rows.replace(keys, rows, tones)
        if len(rows) != were:
            self._resize_content()
        if columns is not None and tuple(columns) != self.columns:
            self.columns, self._laid_out = tuple(columns), -1
            self.refresh()
        elif were and rows:
            self._repaint(before)
        elif were or rows:
            self.refresh()
        if moved:
            self._tell_cursor()

    def set_empty(self, text: str) -> None:
        """What to show when there are no rows."""
        if text != self._empty:
            self._empty = text
            if not self._rows:
                self.refresh()

    def sort_mark(self, column_key: str | None, descending: bool = False) -> None:
        """Show by which column the rows are sorted; None for no column."""
        sort = None if column_key is None else (column_key, descending)
        if sort != self._sort:
            self._sort = sort
            self.refresh(Region(0, 0, self._width, 1))

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._rows.marked = frozenset()
        self.refresh()

    def move_to(self, key: str) -> bool:
        """Put the cursor on a key and bring it into sight; False when there is no such row."""
        place = self._rows.place(key)
        if place is None:
            return False
        self._move_to(place)
        return True

    # Where it is drawn

    def _lines(self) -> list[Line]:
        """What stands below the head now, from the top."""
        return self._rows.lines(self.scroll_offset.y, self._body_height)

    def _repaint(self, before: Sequence[Line]) -> None:
        """Have those cells drawn again that no longer look as they did before."""
        dirty: list[Region] = []
        for y, (old, new) in enumerate(zip_longest(before, self._lines()), start=1):
            if old is None or new is None or old[1:] != new[1:]:
                dirty.append(Region(0, y, self._width, 1))
            elif old.row is not new.row:
                changed = (slot for slot in self._lay_out() if old.row[slot.index] != new.row[slot.index])
                dirty += [Region(slot.x, y, slot.width, 1) for slot in changed]
        if dirty:
            self.refresh(*dirty)

    @property
    def _width(self) -> int:
        """The cells beside the scroll bar."""
        return self.scrollable_content_region.width

    @property
    def _body_height(self) -> int:
        return max(0, self.size.height - 1)

    def _resize_content(self) -> None:
        self.virtual_size = Size(self._width, len(self._rows) + 1)

    def _lay_out(self) -> list[Slot]:
        width = self._width
        if self._laid_out != width:
            self._laid_out = width
            self._slots = lay_out(self.columns, width, indent=_GUTTER if self._markable else 0)
        return self._slots

    def on_resize(self) -> None:
        in_sight = self._cursor_in_sight
        self._resize_content()
        self._height = self.size.height
        if in_sight:
            self._bring_into_sight()
        self.refresh()

    @property
    def _cursor_in_sight(self) -> bool:
        return 0 <= self._rows.cursor - self.scroll_offset.y < self._height - 1

    def _bring_into_sight(self) -> None:
        cursor, top, height = self._rows.cursor, self.scroll_offset.y, self._body_height
        if cursor < top:
            self.scroll_to(y=cursor, animate=False)
        elif height and cursor >= top + height:
            self.scroll_to(y=cursor - height + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        width = self._width
        if y == 0:
            return self._head(width)
        if not self._rows:
            return self._nothing(y, width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._rows):
            return self.painter.blank(width)
        line = self._rows.line(index)
        look: Look = "plain"
        if line.under_cursor:
            look = "cursor" if self.has_focus else "cursor-blur"
        return self.painter.strip(self._runs(line), width, look)

    def _runs(self, line: Line) -> list[Run]:
        glyphs = self.painter.glyphs
        runs: list[Run] = []
        end = 0
        if self._markable:
            runs.append(((glyphs.mark if line.marked else "").ljust(_GUTTER), "accent"))
            end = _GUTTER
        for slot in self._lay_out():
            runs.append((" " * (slot.x - end), None))
            cell = runs_of(line.row[slot.index])
            if line.tone is not None:
                cell = [(text, line.tone) for text, _ in cell]
            runs += fit_runs(cell, slot.width, right=slot.column.right, ellipsis=glyphs.ellipsis)
            end = slot.x + slot.width
        return runs

    def _head(self, width: int) -> Strip:
        glyphs = self.painter.glyphs
        text = ""
        for slot in self._lay_out():
            label = plain(slot.column.label)
            if self._sort is not None and self._sort[0] == slot.column.key:
                arrow = glyphs.sort_down if self._sort[1] else glyphs.sort_up
                label = cut(label, slot.width - 1) + arrow
            text += " " * (slot.x - width_of(text)) + fit(label, slot.width, right=slot.column.right)
        return self.painter.strip([(text, None)], width, "header")

    def _nothing(self, y: int, width: int) -> Strip:
        lines = wrap(self._empty, max(1, width - 2))
        if 2 <= y < 2 + len(lines):
            return self.painter.strip([(f" {lines[y - 2]}", "dim")], width)
        return self.painter.blank(width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget()

    def on_focus(self) -> None:
        self._repaint_cursor()

    def on_blur(self) -> None:
        self._repaint_cursor()

    def _repaint_cursor(self) -> None:
        self.refresh(Region(0, self._rows.cursor - self.scroll_offset.y + 1, self._width, 1))

    # What the operator does

    def _move_to(self, index: int) -> None:
        before = self._lines()
        if self._rows.move_to(index):
            self._tell_cursor()
        if self._rows:
            self._bring_into_sight()
        self._repaint(before)

    def _tell_cursor(self) -> None:
        if self._rows.cursor_key is not None:
            self.post_message(self.CursorMoved(self, self._rows.cursor_key))

    def action_move(self, rows: int) -> None:
        self._move_to(self._rows.cursor + rows)

    def action_half_page(self, direction: int) -> None:
        self._move_to(self._rows.cursor + direction * max(1, self._body_height // 2))

    def action_page(self, direction: int) -> None:
        self._move_to(self._rows.cursor + direction * max(1, self._body_height - 1))

    def action_top(self) -> None:
        self._move_to(0)

    def action_bottom(self) -> None:
        self._move_to(len(self._rows) - 1)

    def action_select(self) -> None:
        if self._rows.cursor_key is not None:
            self.post_message(self.Selected(self, self._rows.cursor_key))

    def action_mark(self) -> None:
        """Mark the row or take the mark away, and go on to the next row."""
        before = self._lines()
        self._rows.toggle_mark()
        self._repaint(before)
        self._move_to(self._rows.cursor + 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._markable if action == "mark" else super().check_action(action, parameters)

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            for slot in self._lay_out():
                if slot.x <= event.x < slot.x + slot.width + GAP:
                    self.post_message(self.SortRequested(self, slot.column.key))
                    return
        elif event.y - 1 + self.scroll_offset.y < len(self._rows):
            self._move_to(event.y - 1 + self.scroll_offset.y)
            if event.chain == 2:
                self.action_select()
