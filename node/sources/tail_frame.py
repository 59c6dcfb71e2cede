"""Cutting bytes into lines, and lines into records. Pure: nothing here reads a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from node.sources.patterns import compile_pattern

MOST_RECORD_LINES = 500
"""A record that has more is given out in several."""

_SEARCHED_CHARS = 1000
"""How far into a line the start of a record is looked for."""

_SEARCH_SEC, _MOST_TIMEOUTS = 0.02, 10
"""How long that may take, and how often it may take longer."""


class Framed(NamedTuple):
    """The lines of a block. `cut` are the positions of those that were too long; `consumed` is how many bytes are done
    with; `skipping` says that the block ends inside a line that was cut.
    """

    lines: list[str]
    cut: list[int]
    consumed: int
    skipping: bool


def frame(data: bytes, longest: int, *, skipping: bool) -> Framed:
    """The lines in `data` that are whole, and the beginning of each that is longer than `longest` bytes.

    A line ends with LF or CR LF. An unfinished line at the end is left alone as long as it may become a whole one.
    `skipping`: the data begin inside a line that was cut before.
    """
    position = data.find(b"\n") + 1 if skipping else 0
    if skipping and not position:
        return Framed([], [], len(data), True)
    lines: list[str] = []
    cut: list[int] = []
    start = position  # what lies between is whole lines, not decoded yet
    while position < len(data):
        line_end = data.rfind(b"\n", position, position + longest + 1)
        if line_end >= 0:
            position = line_end + 1
        elif len(data) - position <= longest + 1:  # one more: it may be the CR of the line end
            break
        else:
            lines += _whole(data[start:position])
            line = data[position : position + longest]
            line_end = data.find(b"\n", position + longest)
            if data[position + longest : line_end] == b"\r":
                lines.append(text(line))
            else:
                cut.append(len(lines))
                lines.append(_beginning(line))
            if line_end < 0:
                return Framed(lines, cut, len(data), True)
            start = position = line_end + 1
    lines += _whole(data[start:position])
    return Framed(lines, cut, position, False)


def unfinished(data: bytes, longest: int) -> tuple[str, bool]:
    """The text of a line without an end, and whether it had to be cut. A CR alone is taken as half a line end."""
    data = data.removesuffix(b"\r")
    if len(data) > longest:
        return _beginning(data[:longest]), True
    return text(data), False


def text(data: bytes) -> str:
    """Bytes as text that holds no lone surrogates: what is not UTF-8 shows as \\xNN."""
    return data.decode("utf-8", "backslashreplace")


def _whole(block: bytes) -> list[str]:
    if not block:
        return []
    if b"\r\n" in block:
        block = block.replace(b"\r\n", b"\n")
    lines = text(block).split("\n")
    del lines[-1]
    return lines


def _beginning(data: bytes) -> str:
    """The first bytes of a line, less a character at their end that was cut in two."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return text(data[:-back] if length > back else data)
        if byte < 0x80:
            break
    return text(data)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Records, the positions among them of those with a cut line, and how many lines at the end are held back."""

    records: list[str]
    cut: list[int]
    held: int


class Records:
    """Puts lines together: those up to the next one that `start` matches are one record."""

    def __init__(self, start: str, longest: int) -> None:
        self._pattern = compile_pattern(start)
        self._timeouts = 0
        self._longest = longest

    def group(self, lines: Sequence[str], cut: Collection[int], *, complete: bool) -> Grouped:
        """The records in `lines`. Unless they are `complete`, the last one waits for what may still belong to it.

        A record of more than 500 lines, or longer than a line may be, is given out in several: nothing of it is lost.
        """
        records: list[str] = []
        cut_records: list[int] = []
        first = size = 0
        for position, line in enumerate(lines):
            size += len(line) + 1
            if position > first and (
                size > self._longest or position - first >= MOST_RECORD_LINES or self._begins(line)
            ):
                self._close(records, cut_records, lines, cut, first, position)
                first, size = position, len(line) + 1
        if not complete:
            return Grouped(records, cut_records, len(lines) - first)
        if first < len(lines):
            self._close(records, cut_records, lines, cut, first, len(lines))
        return Grouped(records, cut_records, 0)

    def _begins(self, line: str) -> bool:
        """Whether a record begins here. A pattern that is too slow again and again is given up: then each line does."""
        if self._timeouts >= _MOST_TIMEOUTS:
            return True
        try:
            return self._pattern.search(line[:_SEARCHED_CHARS], _SEARCH_SEC)
        except TimeoutError:
            self._timeouts += 1
            return True

    @staticmethod
    def _close(
        records: list[str], cut_records: list[int], lines: Sequence[str], cut: Collection[int], first: int, end: int
    ) -> None:
        if cut and any(first <= position < end for position in cut):
            cut_records.append(len(records))
        records.append(lines[first] if end - first == 1 else "\n".join(lines[first:end]))


def start_of_last(data: bytes, end: int, count: int) -> int:
    """Where the last `count` whole lines before `end` begin."""
    position = end
    for _ in range(count + 1):
        position = data.rfind(b"\n", 0, max(position, 0))
        if position < 0:
            break
    return position + 1
