"""The lines of a log that are held: those on the screen, and the ones looked at last."""

from collections import OrderedDict
from collections.abc import Iterable

from etlmon.contract.logs import LogLine

PAGE = 256
"""Lines are asked for and forgotten by pages: page n holds the seqs from n * PAGE on."""

MOST_LINES = 40 * PAGE
MOST_BYTES = 32 * 2**20
"""Lines may have 64 KiB each."""


class LineCache:
    """Lines by seq. What was looked at longest ago is forgotten first; a page that is `shown` never is."""

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self._most = (most_lines, most_bytes)
        self._pages: OrderedDict[int, dict[int, LogLine]] = OrderedDict()
        self._shown: frozenset[int] = frozenset()
        self.lines = 0
        self.bytes = 0

    def get(self, seq: int) -> LogLine | None:
        """The line, which counts as looked at."""
        page = self._pages.get(seq // PAGE)
        if page is None:
            return None
        self._pages.move_to_end(seq // PAGE)
        return page.get(seq)

    def peek(self, seq: int) -> LogLine | None:
        page = self._pages.get(seq // PAGE)
        return None if page is None else page.get(seq)

    def put(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            page = self._pages.setdefault(line.seq // PAGE, {})
            if line.seq not in page:
                page[line.seq] = line
                self.lines += 1
                self.bytes += len(line.line)
        self._evict()

    def show(self, seqs: Iterable[int]) -> None:
        """These lines are on the screen."""
        self._shown = frozenset(seq // PAGE for seq in seqs)

    def clear(self) -> None:
        self._pages.clear()
        self.lines = self.bytes = 0

    def _evict(self) -> None:
        most_lines, most_bytes = self._most
        while self.lines > most_lines or self.bytes > most_bytes:
            oldest = next((number for number in self._pages if number not in self._shown), None)
            if oldest is None:
                return
            page = self._pages.pop(oldest)
            self.lines -= len(page)
            self.bytes -= sum(len(line.line) for line in page.values())
