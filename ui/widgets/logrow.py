"""What a log view shows: rows of lines and gaps, by place, of a document that need not hold them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from etlmon.contract.logs import LineSeverity, LogGap, LogLine


class Key(NamedTuple):
    """What tells a row from all others: the line's seq in its log, or the how-manieth gap after that line."""

    seq: int
    gap: int = 0
    node: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One row: a line, or a gap between two lines. `rotated` is a line that is the first of another file."""

    key: Key
    line: LogLine | None = None
    gap: LogGap | None = None
    rotated: bool = False

    @property
    def severity(self) -> LineSeverity | None:
        return None if self.line is None else self.line.severity

    @property
    def at(self) -> datetime | None:
        """The time in the line, or when it was read; by the clock of the row's node."""
        if self.line is not None:
            return self.line.event_at or self.line.created_at
        return None if self.gap is None else self.gap.at

    @property
    def text(self) -> str:
        """What stands in the row, as it came."""
        if self.line is not None:
            return self.line.line
        return "" if self.gap is None else self.gap.message


class Document(Protocol):
    """Rows in their order, each at a place from 0 on. Rows come and go at both ends, and so change their places."""

    @property
    def arrived(self) -> int:
        """How many rows have come at the new end since the document was opened."""
        ...

    def __len__(self) -> int: ...

    def key_at(self, place: int) -> Key:
        """The key of the row at a place, whether its line is here yet or not. Raises IndexError."""
        ...

    def place_of(self, key: Key) -> int:
        """Where the row stands; if it has gone, where the nearest one does."""
        ...

    def row(self, place: int) -> LogRow | None:
        """The row at a place; None while its line is not here."""
        ...


class ListDocument:
    """A document that holds all of its rows."""

    def __init__(self, rows: Sequence[LogRow] = ()) -> None:
        self._rows = list(rows)
        self._places = {row.key: place for place, row in enumerate(self._rows)}

    @property
    def arrived(self) -> int:
        return len(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def key_at(self, place: int) -> Key:
        return self._rows[place].key

    def place_of(self, key: Key) -> int:
        return self._places.get(key, max(0, len(self._rows) - 1))

    def row(self, place: int) -> LogRow | None:
        return self._rows[place]
