"""Stretches of several logs in one order. Pure: nothing here asks anybody."""

from bisect import bisect_left
from collections.abc import Sequence

from etlmon.contract.logs import LogLine
from ui.reader.lines import MOST_BYTES, MOST_LINES
from ui.reader.part import Entry, Part
from ui.widgets.logrow import Key, LogRow

_KEPT = 0.75
"""What is left of the most that may be held, after some of it was let go."""


class Merge:
    """The rows of all parts by time, as far as it is known what belongs between them.

    What lies before the beginning of one part, or after its end, is left out of the others, too.
    """

    def __init__(self, parts: Sequence[Part], *, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self.parts = parts
        self._most = (most_lines, most_bytes)
        self._entries: list[Entry] | None = None

    def changed(self) -> None:
        """The parts hold something else."""
        self._entries = None

    @property
    def entries(self) -> list[Entry]:
        if self._entries is None:
            begins = [part.times[0] for part in self.parts if part.has_older and part.times]
            ends = [part.times[-1] for part in self.parts if part.has_newer and part.times]
            begin, end = max(begins, default=float("-inf")), min(ends, default=float("inf"))
            every = (entry for part in self.parts for entry in part.entries())
            self._entries = sorted(entry for entry in every if begin <= entry.time <= end)
        return self._entries

    @property
    def has_older(self) -> bool:
        return any(part.has_older for part in self.parts)

    @property
    def has_newer(self) -> bool:
        return any(part.has_newer for part in self.parts)

    def key_of(self, entry: Entry) -> Key:
        return Key(entry.seq, entry.gap, *self.parts[entry.order].source.name)

    def row_of(self, entry: Entry) -> LogRow:
        if isinstance(entry.item, LogLine):
            return LogRow(key=self.key_of(entry), line=entry.item)
        return LogRow(key=self.key_of(entry), gap=entry.item)

    def place_of(self, key: Key) -> int:
        """Where the row is, or would be."""
        part = self.part_of(key)
        return len(self.entries) if part is None else bisect_left(self.entries, part.place(key))

    def part_of(self, key: Key) -> Part | None:
        return next((part for part in self.parts if part.source.name == (key.node, key.log)), None)

    def append(self, part: Part, lines: Sequence[LogLine]) -> None:
        """These lines have come at the new end of a part."""
        start = len(part.lines)
        part.add_newer(lines, lines[-1].seq)
        entries = self._entries
        added = [
            Entry(part.times[place], part.order, part.lines[place].seq, 0, part.lines[place])
            for place in range(start, len(part.lines))
        ]
        if entries is None or self.has_newer or (entries and entries[-1] > added[0]):
            self._entries = None
        else:
            entries += added

    def trim(self, *, oldest: bool) -> None:
        """Let go of lines at one end, when more are held than may be."""
        most_lines, most_bytes = self._most
        lines, size = sum(len(part.lines) for part in self.parts), sum(part.bytes for part in self.parts)
        if lines <= most_lines and size <= most_bytes:
            return
        share = _KEPT * min(most_lines / lines, most_bytes / max(1, size))
        times = sorted(time for part in self.parts for time in part.times)
        for part in self.parts:
            if oldest:
                part.drop_older(times[int(len(times) * (1 - share))])
            else:
                part.drop_newer(times[int(len(times) * share)])
        self._entries = None
