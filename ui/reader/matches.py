"""Which rows a log has: all of its seqs, or those that a search found so far."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Protocol


class Index(Protocol):
    """Seqs in ascending order, by position."""

    def __len__(self) -> int: ...
    def __getitem__(self, position: int, /) -> int: ...
    def up_to(self, seq: int) -> int:
        """How many of them are not above this one: the position after it."""
        ...


class Dense:
    """All seqs from the first to the last."""

    def __init__(self, first: int, last: int) -> None:
        self._seqs = range(first, last + 1)

    def __len__(self) -> int:
        return len(self._seqs)

    def __getitem__(self, position: int) -> int:
        return self._seqs[position]

    def up_to(self, seq: int) -> int:
        return max(0, min(seq - self._seqs.start + 1, len(self._seqs)))


class Matches:
    """The seqs a search found, from the newest line down; what has come since the search began is searched upwards.

    `low` and `high` bound what is searched: all from `low` to `high` is. Eight bytes a match.
    """

    def __init__(self) -> None:
        self.low = 0
        self.high = -1
        self.is_done = False
        """Down to the oldest line."""
        self._older: array[int] = array("q")
        self._newer: array[int] = array("q")

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def __getitem__(self, position: int) -> int:
        older = len(self._older)
        if not 0 <= position < len(self):
            raise IndexError(position)
        return self._older[older - 1 - position] if position < older else self._newer[position - older]

    def up_to(self, seq: int) -> int:
        return bisect_right(self, seq)

    @property
    def arrived(self) -> int:
        return len(self._newer)

    def begin(self, high: int) -> None:
        """The search goes down from here."""
        self.high, self.low = high, high + 1

    def add_older(self, seqs: Sequence[int], low: int) -> None:
        """What was found below `low` of before, newest first, and down to where."""
        self._older.extend(seqs)
        self.low = low

    def add_newer(self, seqs: Iterable[int], high: int) -> None:
        """What was found above `high` of before, in ascending order, and up to where."""
        self._newer.extend(seqs)
        self.high = high

    def drop_below(self, first: int) -> None:
        """The lines before this seq are gone."""
        while self._older and self._older[-1] < first:
            self._older.pop()
        if not self._older and self._newer and self._newer[0] < first:
            del self._newer[: bisect_right(self._newer, first - 1)]

    def step(self, seq: int, direction: int) -> int | None:
        """The nearest match after (or, with -1, before) a seq; None when there is none in what is searched."""
        position = self.up_to(seq) if direction > 0 else self.up_to(seq - 1) - 1
        return self[position] if 0 <= position < len(self) else None
