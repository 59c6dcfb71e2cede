"""A log's share in a merge: the stretch of it that is held, with the time by which each line is put among others."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from etlmon.contract.logs import LogGap, LogLine
from ui.reader.source import Source
from ui.widgets.logrow import Key

AHEAD = timedelta(hours=1)
"""A line that says it is from so long after it was read has a wrong clock or zone: then the reading counts."""

_UNTIMED_LINES = 200
"""So many lines without a time of their own belong to the one before them that has one, as in a stack trace."""


class Entry(NamedTuple):
    """A row of a merge. Entries are in the order of the merge; `order` is that of the logs, and no two are the same."""

    time: float
    order: int
    seq: int
    gap: int
    item: LogLine | LogGap


class Part:
    """The lines of a log from `low` to `high`, without a hole but for what the filter leaves out.

    `has_older` and `has_newer` say whether there may be more of it on either side.
    """

    def __init__(self, source: Source, order: int) -> None:
        self.source = source
        self.order = order
        self.lines: list[LogLine] = []
        self.times: list[float] = []
        self.low = self.high = 0
        self.has_older = self.has_newer = False
        self.is_ready = False
        self._untimed = _UNTIMED_LINES

    @property
    def bytes(self) -> int:
        return sum(len(line.line) for line in self.lines)

    def replace(self, lines: Sequence[LogLine], *, has_older: bool, has_newer: bool) -> None:
        """Hold these lines and no others."""
        self.lines = list(lines)
        self.low = lines[0].seq if lines else self.source.last + 1
        self.high = lines[-1].seq if lines else self.source.last
        self.has_older, self.has_newer, self.is_ready = has_older, has_newer, True
        self._time_from(0)

    def add_older(self, lines: Sequence[LogLine], low: int) -> None:
        """What was found before `low`, down to the new one."""
        self.lines[:0] = lines
        self.low = low
        self._time_from(0)

    def add_newer(self, lines: Sequence[LogLine], high: int) -> None:
        """What was found after `high`, up to the new one."""
        start = len(self.lines)
        self.lines += lines
        self.high = max(high, self.high)
        self._time_from(start)

    def drop_older(self, time: float) -> None:
        """Let go what is older than this."""
        count = bisect_left(self.times, time)
        if count:
            del self.lines[:count], self.times[:count]
            self.low = self.lines[0].seq if self.lines else self.high + 1
            self.has_older = True

    def drop_newer(self, time: float) -> None:
        """Let go what is newer than this."""
        count = bisect_left(self.times, time)
        if count < len(self.lines):
            del self.lines[count:], self.times[count:]
            self.high = self.lines[-1].seq if self.lines else self.low - 1
            self.has_newer = True

    def _time_from(self, start: int) -> None:
        """Time the lines from this position on. Within a log the order is that of the file, whatever the lines say."""
        if start == 0:
            self.times.clear()
            self._untimed = _UNTIMED_LINES
        skew = self.source.node.skew.total_seconds()
        time = self.times[-1] if self.times else float("-inf")
        for line in self.lines[start:]:
            event_at = line.event_at
            own = line.created_at.timestamp() - skew
            if event_at is None:
                self._untimed += 1
                own = own if self._untimed > _UNTIMED_LINES else time
            else:
                own = event_at.timestamp() - skew if event_at <= line.created_at + AHEAD else own
                self._untimed = 0
            time = max(time, own)
            self.times.append(time)

    def entries(self) -> list[Entry]:
        """Its lines, and the gaps between them."""
        lines = [Entry(time, self.order, line.seq, 0, line) for time, line in zip(self.times, self.lines, strict=True)]
        return lines + self._gaps()

    def _gaps(self) -> list[Entry]:
        found: list[Entry] = []
        for gap in self.source.gaps:
            position = self.position(gap.seq)
            if position < len(self.lines) and self.lines[position].seq == gap.seq:
                number = 1 + sum(entry.seq == gap.seq for entry in found)
                found.append(Entry(self.times[position], self.order, gap.seq, number, gap))
        return found

    def position(self, seq: int) -> int:
        """Where in `lines` this one is, or would be."""
        return bisect_left(self.lines, seq, key=lambda line: line.seq)

    def up_to(self, place: tuple[float, int, int, int]) -> int:
        """The seq of its last line that does not stand after this place among entries."""
        count = bisect_right(
            range(len(self.lines)), place, key=lambda at: (self.times[at], self.order, self.lines[at].seq, 0)
        )
        return self.lines[count - 1].seq if count else self.low - 1

    def place(self, key: Key) -> tuple[float, int, int, int]:
        """Where among entries a row of this log is, or would be."""
        position = min(self.position(key.seq), len(self.lines) - 1)
        time = self.times[position] if position >= 0 else float("inf")
        return time, self.order, key.seq, key.gap
