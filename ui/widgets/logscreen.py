"""Where the rows of a log stand on the screen: a window into a document of any length, with a cursor."""

from collections import OrderedDict
from itertools import zip_longest

from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from ui.widgets.cells import Run, wrap
from ui.widgets.loglook import LogLook
from ui.widgets.logrow import Document, Key, ListDocument, LogRow
from ui.widgets.paint import Look, Painter
from ui.widgets.scrolling import Scrolling

_STRIPS = 2000
"""Drawn lines that are kept, so that one that scrolls is not drawn anew."""


class LogScreen(Scrolling, can_focus=True, inherit_bindings=False):
    """Shows rows of a document. The cursor stays on its row, and the rows on the screen stay where they are, whatever
    comes and goes; while it follows, the cursor is on the newest row, and scrolling up ends that.

    Only what is on the screen is looked at. What of it is not here yet is asked for with `Moved`: its owner looks at
    `places`. The scroll bar counts rows, also where long lines are wrapped.
    """

    DEFAULT_CSS = """
    LogScreen { height: 1fr; background: $surface; color: $foreground; scrollbar-size: 1 1; overflow-x: hidden; }
    """

    class Moved(Message):
        """The cursor moved, or it follows or no longer does; with `scrolled` other rows are on the screen."""

        def __init__(self, *, scrolled: bool) -> None:
            super().__init__()
            self.scrolled = scrolled

    def __init__(self) -> None:
        super().__init__()
        self.painter = Painter(self)
        self.following = True
        self.wrapped = False
        self.cursor = 0
        self.marks: dict[Key, LogRow] = {}
        self._document: Document = ListDocument()
        self._look = LogLook()
        self._empty = ""
        self._side = self._skip = 0
        self._anchor: tuple[Key | None, Key | None] = (None, None)
        self._arrived_at = 0
        self._is_own_scroll = False
        self._map: list[tuple[int, int]] | None = None
        self._mapped = -1
        self._strips: OrderedDict[tuple[object, ...], list[Strip]] = OrderedDict()
        self._strip_count = 0
        self._drawn: list[Strip] = []
        self._told: object = None

    # What it shows

    @property
    def places(self) -> tuple[int, int]:
        """The first and the last place on the screen; the last is less than the first when there is none."""
        shown = self._mapping()
        return (shown[0][0], shown[-1][0]) if shown else (0, -1)

    @property
    def current(self) -> LogRow | None:
        """The row under the cursor; None when there is none, or it is not here yet."""
        return self._document.row(self.cursor) if len(self._document) else None

    @property
    def current_key(self) -> Key | None:
        return self._document.key_at(self.cursor) if len(self._document) else None

    @property
    def unseen(self) -> int:
        """How many rows came since it stopped following."""
        return 0 if self.following else self._document.arrived - self._arrived_at

    def show(self, document: Document, look: LogLook, empty: str = "") -> None:
        """Show the document, which may be the same one with more in it. `empty` is said when it has no rows."""
        if document is not self._document:
            self._document, self._arrived_at = document, document.arrived
            self._forget_strips()
        if look != self._look:
            self._look = look
            self._forget_strips()
        if empty != self._empty:
            self._empty, self._drawn = empty, []
        self._map = None
        self.keep_place()
        self._repaint()
        self._tell()

    def restart(self) -> None:
        """Show nothing, and follow what is shown next."""
        self._document, self._anchor = ListDocument(), (None, None)
        self.following, self.wrapped = True, False
        self.cursor = self._side = self._skip = 0
        self.marks.clear()
        self._forget_strips()
        self._map = None
        self.keep_place()
        self._repaint()

    def keep_place(self) -> None:
        """After rows came or went: the cursor and the first row on the screen are the same rows as before.

        Where those rows have gone, the nearest ones stand in for them until they come back.
        """
        document = self._document
        self._resize_content()
        cursor_key, top_key = self._anchor
        if not len(document):
            self.cursor = 0
        elif self.following or cursor_key is None or top_key is None:
            self.cursor = len(document) - 1
            self._align_bottom(self.cursor)
            self._remember()
        else:
            self.cursor = document.place_of(cursor_key)
            self._scroll(document.place_of(top_key), self._skip)
            self.fill()
            self._bring_into_sight()

    def _remember(self) -> None:
        document = self._document
        if len(document):
            self.cursor = max(0, min(self.cursor, len(document) - 1))
            top = min(self.scroll_offset.y, len(document) - 1)
            self._anchor = (document.key_at(self.cursor), document.key_at(top))

    def _repaint(self) -> None:
        """Have those lines of the screen drawn again that do not look as they did."""
        strips = self._lines()
        changed = [y for y, (old, new) in enumerate(zip_longest(self._drawn, strips)) if old is not new]
        self._drawn = strips
        if changed:
            self.refresh(*(Region(0, y, self._width, 1) for y in changed))

    def _moved(self) -> None:
        self._map = None
        self._remember()
        self._repaint()
        self._tell(moved=True)

    def _tell(self, *, moved: bool = False) -> None:
        """Say so when other rows stand on the screen than when it was said last, or when something was `moved`."""
        first, last = self.places
        keys = (self._document.key_at(first), self._document.key_at(last)) if first <= last else None
        shown = (first, last, keys)
        scrolled = shown != self._told
        self._told = shown
        if moved or scrolled:
            self.post_message(self.Moved(scrolled=scrolled))

    # Where it is drawn

    @property
    def _width(self) -> int:
        return max(1, self.scrollable_content_region.width)

    @property
    def _height(self) -> int:
        return max(1, self.size.height)

    def _resize_content(self) -> None:
        # Wrapped, the last line may stand at the very top: it can be higher than the screen.
        below = self._height - 1 if self.wrapped else 0
        size = Size(self._width, len(self._document) + below if len(self._document) else 0)
        if size != self.virtual_size:
            self.virtual_size = size

    def _scroll(self, place: int, skip: int = 0) -> None:
        """Put a row at the top of the screen, without the first `skip` of its parts."""
        place, skip = max(0, place), skip if self.wrapped else 0
        if (place, skip) == (self.scroll_offset.y, self._skip):
            return
        self._skip, self._map = skip, None
        self._is_own_scroll = True
        try:
            self.scroll_to(y=place, animate=False, force=True)
        finally:
            self._is_own_scroll = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._map = None
        if self._is_own_scroll or round(old_value) == round(new_value) or old_value > self.max_scroll_y:
            return
        # The wheel, or the scroll bar: the cursor comes along.
        self._skip = 0
        if new_value < old_value:
            self.stop_following()
        first, last = self.places
        self.cursor = max(first, min(self.cursor, last))
        self._moved()

    def stop_following(self) -> None:
        """Stay where it is; what comes is counted."""
        if self.following:
            self.following, self._arrived_at = False, self._document.arrived

    def on_resize(self) -> None:
        self._map = None
        self._forget_strips()
        self.keep_place()
        if len(self._document) and not self.following:
            self._bring_into_sight()
        self._moved()

    def _parts(self, place: int) -> int:
        """How many lines of the screen a row takes."""
        return len(self._strip_parts(place)) if self.wrapped else 1

    def _mapping(self) -> list[tuple[int, int]]:
        """What stands in each line of the screen: a place, and which part of its row."""
        count = len(self._document)
        if self._map is None or count != self._mapped:
            top, height = self.scroll_offset.y, self._height
            self._map, self._mapped = [], count
            for place in range(top, min(top + height, count)):
                first = self._skip if place == top else 0
                left = height - len(self._map)
                self._map += [(place, part) for part in range(first, self._parts(place))][:left]
                if len(self._map) >= height:
                    break
        return self._map

    def _align_bottom(self, place: int) -> None:
        """Scroll so that this row's last part is the last on the screen."""
        left = self._height
        top = place + 1
        while top > 0 and left > 0:
            top -= 1
            left -= self._parts(top)
        self._scroll(top, max(0, -left))

    def fill(self) -> None:
        """Leave no room below the last row while there are rows above."""
        if self.scroll_offset.y > 0 and len(self._mapping()) < self._height:
            self._align_bottom(len(self._document) - 1)

    def _bring_into_sight(self) -> None:
        shown, top, parts = self._mapping(), self.scroll_offset.y, self._parts(self.cursor)
        if parts >= self._height:
            # Of a line that is higher than the screen any part will do.
            if self.cursor < top:
                self._align_bottom(self.cursor)
            elif all(place != self.cursor for place, _ in shown):
                self._scroll(self.cursor)
        elif self.cursor < top or (self.cursor == top and self._skip):
            self._scroll(self.cursor)
        elif (self.cursor, parts - 1) not in shown and len(shown) >= self._height:
            self._align_bottom(self.cursor)

    def _lines(self) -> list[Strip]:
        """What stands on the screen. A line that looks the same is the same object, as long as it is kept."""
        shown = [self._strip(place, part) for place, part in self._mapping()]
        if len(self._document):
            return shown
        width = self._width
        return [
            self.painter.strip([(f" {line}", "dim")], width) for line in ("", *wrap(self._empty, max(1, width - 2)))
        ]

    def render_line(self, y: int) -> Strip:
        if len(self._document):
            shown = self._mapping()
            if y < len(shown):
                return self._strip(*shown[y])
        else:
            lines = self._lines()
            if y < len(lines):
                return lines[y]
        return self.painter.blank(self._width)

    def _strip(self, place: int, part: int) -> Strip:
        parts = self._strip_parts(place)
        return parts[min(part, len(parts) - 1)]

    def _strip_parts(self, place: int) -> list[Strip]:
        """A row as it is drawn: one line, or several when it is wrapped."""
        key_, row = self._document.key_at(place), self._document.row(place)
        look: Look = "plain"
        if place == self.cursor:
            look = "cursor" if self.has_focus else "cursor-blur"
        state = (row is None, row is not None and row.rotated, look, key_ in self.marks)
        identity = (key_, *state, self._side, self.wrapped, self._width)
        strips = self._strips.get(identity)
        if strips is not None:
            self._strips.move_to_end(identity)
            return strips
        strips = self._strips[identity] = self._draw(key_, row, look)
        self._strip_count += len(strips)
        while self._strip_count > _STRIPS and len(self._strips) > 1:
            self._strip_count -= len(self._strips.popitem(last=False)[1])
        return strips

    def _forget_strips(self) -> None:
        self._strips.clear()
        self._strip_count, self._drawn = 0, []

    def _draw(self, key_: Key, row: LogRow | None, look: Look) -> list[Strip]:
        width = self._width
        head = self._look.head(key_, row, is_marked=key_ in self.marks)
        room = max(1, width - self._look.head_width)
        if not self.wrapped:
            return [self.painter.strip([*head, *self._look.body(row, self._side, room)], width, look)]
        indent: list[Run] = [(" " * self._look.head_width, None)]
        parts = self._look.parts(row, room)
        return [
            self.painter.strip([*(indent if index else head), *part], width, look) for index, part in enumerate(parts)
        ]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget()
        self._forget_strips()

    def on_focus(self) -> None:
        self._repaint()

    def on_blur(self) -> None:
        self._repaint()
