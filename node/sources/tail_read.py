"""Reading on in one file: blocks of bytes in, lines or records out."""

import errno
import os
from dataclasses import dataclass, field

from node.sources.tail_file import LINE_FEED, File
from node.sources.tail_frame import Framed, Records, frame, start_of_last, unfinished
from node.sources.tail_types import TailOptions

_BLOCK_BYTES = 256 * 1024


@dataclass(slots=True)
class Lines:
    """What one file gave. `behind`: there is more that could be read at once."""

    lines: list[str] = field(default_factory=list)
    truncated: set[int] = field(default_factory=set)
    partial: set[int] = field(default_factory=set)
    bytes: int = 0
    behind: bool = False


class Reader:
    """Reads files as the options say."""

    def __init__(self, options: TailOptions) -> None:
        self._longest = options.longest_line_bytes
        self._partial_after_sec = options.partial_after_sec
        self._block_bytes = max(_BLOCK_BYTES, 4 * options.longest_line_bytes)
        self._records = Records(options.record_start, self._longest) if options.record_start else None

    def read(self, file: File, budget: int, now: float, *, finish: bool = False) -> Lines:
        """The next lines of an open file, at most about `budget` bytes of them.

        `finish`: nothing more is expected of it, so that a last line without a line feed is given out too; else that
        happens only when the file did not grow for a while.

        Raises Rewritten when what was read of it is not there any more, OSError when it cannot be read.
        """
        result = Lines()
        size = file.size
        if file.unverified and size <= file.offset:
            file.block(0)
        while file.offset < size and not file.waiting:
            if result.bytes >= budget:
                result.behind = True
                return result
            data = file.block(min(self._block_bytes, size - file.offset))
            if not data:
                break  # it is being truncated
            if self._pass_hole(file, data, size):
                continue
            consumed = self._take(file, data, result)
            if not consumed:
                break
        left = size - file.offset
        if left > 0 and not file.waiting and (finish or self.due_in(file, now) <= 0):
            self._finish(file, left, result)
        return result

    def due_in(self, file: File, now: float) -> float:
        """Seconds until what is left of a file is given out, though it is no whole line or record."""
        return file.grown_at + self._partial_after_sec - now

    def _take(self, file: File, data: bytes, result: Lines) -> int:
        """Turn a block into lines; how many of its bytes are done with."""
        if self._passed_end(file, data):
            return 1
        framed = frame(data, self._longest, skipping=file.position.skipping)
        consumed = framed.consumed - self._add(data, framed, result)
        file.advance(data, consumed, skipping=framed.skipping)
        result.bytes += consumed
        return consumed

    def _add(self, data: bytes, framed: Framed, result: Lines) -> int:
        """Add the lines, or the records they make; how many of the bytes consumed belong to a record held back."""
        first = len(result.lines)
        if self._records is None:
            result.lines += framed.lines
            result.truncated.update(first + position for position in framed.cut)
            return 0
        grouped = self._records.group(framed.lines, framed.cut, complete=framed.skipping)
        result.lines += grouped.records
        result.truncated.update(first + position for position in grouped.cut)
        return framed.consumed - start_of_last(data, framed.consumed, grouped.held) if grouped.held else 0

    def _passed_end(self, file: File, data: bytes) -> bool:
        """Pass over a line feed that is all that came of a line given out without one."""
        if file.at_line_start or file.position.skipping or data[0] not in b"\r\n":
            return False
        ending = 2 if data.startswith(b"\r\n") else 1
        if data[ending - 1] != LINE_FEED:
            return False
        file.advance(data, ending)
        return True

    def _finish(self, file: File, left: int, result: Lines) -> None:
        """Give out the rest of a file, as it stands."""
        data = file.block(left + 1)
        if len(data) > left:
            return  # it grew this very moment
        if not data.strip(b"\0\r"):
            file.waiting = True
            return
        framed = frame(data, self._longest, skipping=file.position.skipping)
        lines, cut = framed.lines, framed.cut
        rest = data[framed.consumed :]
        if rest:
            line, was_cut = unfinished(rest, self._longest)
            if was_cut:
                cut.append(len(lines))
            lines.append(line)
        first = len(result.lines)
        if self._records is not None:
            grouped = self._records.group(lines, cut, complete=True)
            lines, cut = grouped.records, grouped.cut
        result.lines += lines
        result.truncated.update(first + position for position in cut)
        if rest:
            result.partial.add(len(result.lines) - 1)
        file.advance(data, len(data))
        result.bytes += len(data)

    def _pass_hole(self, file: File, data: bytes, size: int) -> bool:
        """Pass over NULs where a line should begin: a file that was truncated under a writer that does not append has a
        hole up to where the writer goes on. True when the block is to be read anew.
        """
        begins_with_hole = not file.offset or file.position.anchor.endswith(b"\0")
        if not data or data[0] or file.position.skipping or not (begins_with_hole or file.at_line_start):
            return False
        if (data_at := _next_data(file, size)) > file.offset:
            file.waiting = data_at >= size
            if not file.waiting:
                file.go_to(data_at)
            return True
        blank = len(data) - len(data.lstrip(b"\0"))
        if blank == len(data) and file.offset + blank >= size:
            file.waiting = True
            return True
        if begins_with_hole:
            file.advance(data, blank)
        return begins_with_hole


def _next_data(file: File, size: int) -> int:
    """Where something was written at or after the offset; `size` when nowhere."""
    if file.descriptor is None:
        return file.offset
    try:
        return os.lseek(file.descriptor, file.offset, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else file.offset
