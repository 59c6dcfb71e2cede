"""The rows of a table, by key: what stands where, which one the cursor is on, and which are marked."""

from collections.abc import Sequence
from typing import NamedTuple

from ui.widgets.cells import Cell, Tone

Row = Sequence[Cell]


class Line(NamedTuple):
    """All that decides how a row looks."""

    row: Row
    tone: Tone | None
    under_cursor: bool
    marked: bool


class Rows:
    """Rows in their order. The cursor and the marks belong to keys, never to places."""

    def __init__(self) -> None:
        self.keys: tuple[str, ...] = ()
        self.cursor = 0
        self.cursor_key: str | None = None
        self.marked: frozenset[str] = frozenset()
        self._rows: Sequence[Row] = ()
        self._tones: Sequence[Tone | None] = ()
        self._index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def line(self, index: int) -> Line:
        key = self.keys[index]
        return Line(self._rows[index], self._tones[index], index == self.cursor, key in self.marked)

    def lines(self, top: int, count: int) -> list[Line]:
        """The lines from `top` on, at most `count`."""
        return [self.line(index) for index in range(top, min(top + count, len(self)))]

    def place(self, key: str) -> int | None:
        """Where a key stands."""
        return self._index.get(key)

    def replace(self, keys: Sequence[str], rows: Sequence[Row], tones: Sequence[Tone | None] | None) -> bool:
        """Take in other rows; True when the cursor had to go to another key, because its own is gone.

        It then stays where it is on the screen. Raises ValueError when a key is there twice.
        """
        tones = [None] * len(rows) if tones is None else tones
        index = {key: place for place, key in enumerate(keys)}
        if not len(rows) == len(keys) == len(index) == len(tones):
            raise ValueError(
                f"a row needs one key of its own and one tone: {len(rows)} rows, {len(index)} different keys, "
                f"{len(tones)} tones"
            )
        self.keys, self._rows, self._tones, self._index = tuple(keys), list(rows), list(tones), index
        self.marked &= index.keys()
        if self.cursor_key in index:
            self.cursor = index[self.cursor_key]
            return False
        return self.move_to(self.cursor)

    def move_to(self, index: int) -> bool:
        """Put the cursor on a row, or on the nearest there is; True when that is another key than before."""
        before = self.cursor_key
        self.cursor = max(0, min(index, len(self) - 1))
        self.cursor_key = self.keys[self.cursor] if self.keys else None
        return self.cursor_key != before

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        if self.cursor_key is not None:
            self.marked ^= {self.cursor_key}
