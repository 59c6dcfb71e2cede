"""The lines of a log, and what can be done with them: a pager that follows."""

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from ui.keys import key
from ui.widgets.logrow import Key, LogRow
from ui.widgets.logscreen import LogScreen

_SIDE = 16
_TAB_CELLS = 8
MOST_MARKS = 1000


class LogLines(LogScreen, inherit_bindings=False):
    """A LogScreen with keys: moving, following, marks, wrapping."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("j,down", "move(1)", "Down", id="move_down"),
        key("k,up", "move(-1)", "Up", id="move_up"),
        key("g,home", "top", "Oldest line", id="move_top"),
        key("f,F,G,end", "follow", "Follow", id="follow", show=True),
        key("ctrl+d", "page(0.5)", "Half a page down", id="half_down"),
        key("ctrl+u", "page(-0.5)", "Half a page up", id="half_up"),
        key("pagedown,space", "page(1)", "Page down", id="page_down"),
        key("pageup", "page(-1)", "Page up", id="page_up"),
        key("h,left", "side(-1)", "Scroll left", id="move_left"),
        key("l,right", "side(1)", "Scroll right", id="move_right"),
        key("w", "wrap", "Wrap long lines or cut them", id="wrap"),
        key("m", "mark", "Mark the line", id="mark_line"),
        key("apostrophe", "next_mark", "Next mark, round and round", id="next_mark"),
        key("enter", "open", "Whole line", id="open_line", show=True),
    ]

    class Opened(Message):
        """A line was chosen: enter, or a double click."""

        def __init__(self, row: LogRow) -> None:
            super().__init__()
            self.row = row

    # Where to

    def jump(self, wanted: Key) -> None:
        """Put the cursor on a row, with some of what stands before it in sight."""
        if not len(self._document):
            return
        self.stop_following()
        self.cursor = self._document.place_of(wanted)
        if self.cursor not in {place for place, _ in self._mapping()}:
            self._scroll(self.cursor - self._height // 3)
            self.fill()
        self._bring_into_sight()
        self._moved()

    def _go(self, place: int, *, up: bool) -> None:
        if not len(self._document):
            return
        if up:
            self.stop_following()
        self.cursor = max(0, min(place, len(self._document) - 1))
        self._bring_into_sight()
        self._moved()

    def action_move(self, by: int) -> None:
        self.keep_place()
        if self.wrapped and self._within_line(by):
            return
        self._go(self.cursor + by, up=by < 0)

    def _within_line(self, by: int) -> bool:
        """Scroll within a line that is higher than what the screen shows of it; False when there is no more of it."""
        shown = [part for place, part in self._mapping() if place == self.cursor]
        if not shown:
            return False
        if by > 0 and shown[-1] < self._parts(self.cursor) - 1:
            top, skip = self._mapping()[0]
            self._scroll(*((top, skip + 1) if skip + 1 < self._parts(top) else (top + 1, 0)))
        elif by < 0 and shown[0] > 0:
            self.stop_following()
            self._scroll(self.cursor, shown[0] - 1)
        else:
            return False
        self._moved()
        return True

    def action_top(self) -> None:
        self._go(0, up=True)

    def action_follow(self) -> None:
        self.following = True
        if len(self._document):
            self.cursor = len(self._document) - 1
            self._align_bottom(self.cursor)
        self._moved()

    def action_page(self, pages: float) -> None:
        self.keep_place()
        rows = max(1, round(abs(pages) * (self._height - 1)))
        if not len(self._document):
            return
        before = self.cursor - self.scroll_offset.y
        if pages < 0:
            self.stop_following()
            self._scroll_up(rows)
        else:
            self._scroll_down(rows)
        if self.wrapped:
            self.cursor = self._mapping()[0 if pages < 0 else -1][0]
        else:
            moved = self.cursor + (rows if pages > 0 else -rows)
            at_an_end = self.scroll_offset.y in (0, max(0, len(self._document) - self._height))
            self.cursor = moved if at_an_end else self.scroll_offset.y + before
            self.cursor = max(0, min(self.cursor, len(self._document) - 1))
        self._bring_into_sight()
        self._moved()

    def _scroll_up(self, rows: int) -> None:
        top, skip = self.scroll_offset.y, self._skip
        while rows > 0 and (skip or top):
            if skip == 0:
                top -= 1
                skip = self._parts(top)
            step = min(skip, rows)
            skip, rows = skip - step, rows - step
        self._scroll(top, skip)

    def _scroll_down(self, rows: int) -> None:
        top, skip = self.scroll_offset.y, self._skip
        last = len(self._document) - 1
        while rows > 0 and top <= last:
            step = min(self._parts(top) - skip, rows)
            skip, rows = skip + step, rows - step
            if skip == self._parts(top):
                top, skip = top + 1, 0
        self._scroll(min(top, last), skip)
        self.fill()

    def action_side(self, direction: int) -> None:
        rows = [self._document.row(place) for place, _ in self._mapping()]
        longest = max((_cells_at_most(row) for row in rows if row is not None), default=0)
        side = max(0, self._side + direction * _SIDE)
        if not self.wrapped and (direction < 0 or side < longest):
            self._side = side
            self._moved()

    def action_wrap(self) -> None:
        self.wrapped, self._side = not self.wrapped, 0
        self._forget_strips()
        self._map = None
        self.keep_place()
        if len(self._document) and not self.following:
            self._bring_into_sight()
        self._moved()

    # What with

    def action_mark(self) -> None:
        """Mark the line under the cursor, or take its mark away."""
        self.keep_place()
        row = self.current
        if row is None or row.line is None:
            return
        if self.marks.pop(row.key, None) is None:
            if len(self.marks) >= MOST_MARKS:
                self.notify(f"No more than {MOST_MARKS:,} lines can be marked.", markup=False)
                return
            self.marks[row.key] = row
        self._moved()

    def action_next_mark(self) -> None:
        places = {self._document.place_of(mark): mark for mark in self.marks} if len(self._document) else {}
        there = sorted(place for place, mark in places.items() if self._document.key_at(place) == mark)
        if not there:
            self.notify("No line is marked here: m marks one.", markup=False)
            return
        self.jump(self._document.key_at(next((place for place in there if place > self.cursor), there[0])))

    @property
    def marked_text(self) -> str:
        """The marked lines, the oldest first."""
        rows = sorted(self.marks.values(), key=lambda row: (row.at is None, row.at, row.key))
        return "\n".join(row.text for row in rows)

    def action_open(self) -> None:
        self.keep_place()
        row = self.current
        if row is not None:
            self.post_message(self.Opened(row))

    def on_click(self, event: events.Click) -> None:
        shown = self._mapping()
        if event.y < len(shown):
            self._go(shown[event.y][0], up=shown[event.y][0] < self.cursor)
            if event.chain == 2:
                self.action_open()


def _cells_at_most(row: LogRow) -> int:
    text = row.text
    return (len(text) if text.isascii() else 2 * len(text)) + (_TAB_CELLS - 1) * text.count("\t")
