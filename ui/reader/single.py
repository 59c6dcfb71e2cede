"""One log as a document: every line has its place, also those that are not here yet."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from msgspec.structs import replace

from etlmon.answer import NodeError, NodeRefused
from etlmon.contract.logs import LogGap, LogLine, LogQuery
from ui.reader.lines import PAGE
from ui.reader.matches import Dense, Index
from ui.reader.reading import Found, LineFilter, Progress, Seek, Step
from ui.reader.search import Search
from ui.reader.source import Source
from ui.reader.tasks import Tasks
from ui.reader.walking import each_page, first_since, next_line
from ui.widgets.logrow import Key, LogRow

DEBOUNCE_SEC = 0.02
"""What is on the screen for less than this was scrolled past."""

Follow = Callable[[Source, LogQuery, int], None]
"""Has the lines of a log followed that a query is about, from those after a seq on."""

_IN_FLIGHT = 3

MOST_LINES_SAVED = 10_000
MOST_MATCHES_SAVED = 100_000


class LogDocument:
    """The lines of a log, or those that a filter lets through, with the gaps between them.

    `want` says what is on the screen; lines of it that are not held are asked for by pages, the newest wish first.
    """

    def __init__(
        self, source: Source, chosen: LineFilter, tasks: Tasks, changed: Callable[[], None], follow: Follow
    ) -> None:
        self.source = source
        self._follow = follow
        self.filter = chosen
        self.is_ready = source.is_known and bool(chosen)
        """Whether it is known which lines there are."""
        self._tasks = tasks
        self._changed = changed
        self._search = Search(source, chosen.query, tasks, changed) if chosen else None
        self._find: tuple[str, Search] | None = None
        self._wanted: tuple[int, int] = (0, -1)
        self._is_waiting = False
        self._in_flight: set[int] = set()
        self._absent: set[int] = set()
        self._laid_out: object = None
        self._gaps: Sequence[LogGap] = ()
        self._gap_seqs: list[int] = []
        self._gap_places: list[int] = []

    # What it holds

    @property
    def sources(self) -> Sequence[Source]:
        return (self.source,)

    @property
    def arrived(self) -> int:
        return self.source.last if self._search is None else self._search.matches.arrived

    @property
    def line_count(self) -> int:
        """How many of the rows are lines."""
        return len(self._index)

    @property
    def progress(self) -> Progress | None:
        """How far the filter's search is; None without a filter."""
        return None if self._search is None else self._search.progress

    @property
    def is_searched(self) -> bool:
        """Whether it is known which lines there are; before, there may be some although none is here."""
        return self.is_ready and (self._search is None or self._search.has_answer)

    @property
    def find_progress(self) -> Progress | None:
        return None if self._find is None else self._find[1].progress

    @property
    def _index(self) -> Index:
        return Dense(self.source.first, self.source.last) if self._search is None else self._search.matches

    def __len__(self) -> int:
        return len(self._index) + len(self._lay_out())

    def _lay_out(self) -> list[int]:
        """The places of the gaps, in order."""
        source, index = self.source, self._index
        state = (source.gaps, source.first, len(index))
        if state != self._laid_out:
            self._laid_out = state
            self._gaps = [gap for gap in source.gaps if gap.seq >= source.first - 1]
            self._gap_seqs = [gap.seq for gap in self._gaps]
            self._gap_places = [index.up_to(gap.seq) + before for before, gap in enumerate(self._gaps)]
        return self._gap_places

    def _position(self, place: int) -> tuple[int, int | None]:
        """Where a place is in the index, and which gap stands there, if one does."""
        places = self._lay_out()
        gaps_before = bisect_left(places, place)
        is_gap = gaps_before < len(places) and places[gaps_before] == place
        return place - gaps_before, gaps_before if is_gap else None

    def key_at(self, place: int) -> Key:
        if not 0 <= place < len(self):
            raise IndexError(place)
        position, gap = self._position(place)
        if gap is None:
            return Key(self._index[position], 0, *self.source.name)
        seq = self._gap_seqs[gap]
        return Key(seq, 1 + gap - bisect_left(self._gap_seqs, seq), *self.source.name)

    def place_of(self, key: Key) -> int:
        places = self._lay_out()
        gaps_before = bisect_left(self._gap_seqs, key.seq)
        if key.gap and gaps_before + key.gap <= len(places) and self._gap_seqs[gaps_before + key.gap - 1] == key.seq:
            return places[gaps_before + key.gap - 1]
        place = self._index.up_to(key.seq) - 1 + gaps_before
        return max(0, min(place, len(self) - 1))

    def row(self, place: int) -> LogRow | None:
        position, gap = self._position(place)
        if gap is not None:
            return LogRow(key=self.key_at(place), gap=self._gaps[gap])
        seq = self._index[position]
        line = self.source.lines.get(seq)
        if line is None:
            return None
        before = self.source.lines.peek(seq - 1)
        rotated = before is not None and not line.file and before.source_inode != line.source_inode
        return LogRow(key=Key(seq, 0, *self.source.name), line=line, rotated=rotated)

    # What it asks for

    def open(self) -> None:
        """Ask for the newest lines, and for the gaps."""
        self._tasks.start(self._open())
        self._tasks.start(self._ask_gaps())
        if self._search is not None:
            self._search.start()

    async def _open(self) -> None:
        if self._search is None:
            try:
                await self.source.insist(LogQuery(limit=PAGE))
            except NodeRefused as error:
                self.source.fail(error.message)
        # Not through the filter: the seqs of all lines are wanted, and the search finds what it lets through.
        self._follow(self.source, LogQuery(), self.source.last)
        self.is_ready = True
        self._changed()

    async def _ask_gaps(self) -> None:
        try:
            await self.source.ask_gaps()
        except NodeError:
            return  # the lines say what is wrong; the gaps come with the next news of the log
        self._changed()

    def took(self, source: Source, lines: Sequence[LogLine]) -> None:
        """These lines have come in, and are held already."""
        self._search_on()

    def heard(self) -> None:
        """There is news of the log."""
        log = self.source.log
        if log is not None and log.gaps != self.source.gaps_counted:
            self.source.gaps_counted = log.gaps
            self._tasks.start(self._ask_gaps())
        self._search_on()
        self._load_soon()

    def _search_on(self) -> None:
        for search in (self._search, None if self._find is None else self._find[1]):
            if search is not None:
                search.heard()

    def find(self, pattern: str) -> None:
        """Search this in all of it; empty ends that."""
        if pattern != ("" if self._find is None else self._find[0]):
            self._find = None
            if pattern:
                search = Search(self.source, self.filter.query_with(pattern), self._tasks, self._changed)
                self._find = (pattern, search)
                search.start()

    def want(self, places: tuple[int, int], *, following: bool) -> None:
        """These places are on the screen."""
        first, last = max(0, places[0]), min(places[1], len(self) - 1)
        if first > last:
            return
        low, high = self._position(first)[0], min(self._position(last)[0], len(self._index) - 1)
        self._wanted = (low, high)
        self.source.lines.show([self._index[position] for position in range(low, high + 1)])
        self._load_soon()

    def _load_soon(self) -> None:
        if self.is_ready and not self._is_waiting and next(self._missing(), None) is not None:
            self._is_waiting = True
            self._tasks.start(self._load())

    async def _load(self) -> None:
        await asyncio.sleep(DEBOUNCE_SEC)
        self._is_waiting = False
        self._fetch_missing()

    def _fetch_missing(self) -> None:
        for query in self._missing():
            start = query.start or 0
            if len(self._in_flight) < _IN_FLIGHT and start not in self._in_flight:
                self._in_flight.add(start)
                self._tasks.start(self._fetch(query, start))

    async def _fetch(self, query: LogQuery, start: int) -> None:
        try:
            answer = await self.source.insist(query)
            if self.source.lines.peek(start) is None and answer.searched is None:
                self._absent.add(start)  # it has gone meanwhile: asking again would not help
        except NodeRefused as error:
            self.source.fail(error.message)
            self._absent.add(start)
        finally:
            self._in_flight.discard(start)
        self._fetch_missing()
        self._changed()

    def _missing(self) -> Iterator[LogQuery]:
        """What to ask for so that the screen, and then a screen more on either side, is here."""
        low, high = self._wanted
        index, lines = self._index, self.source.lines
        height = high - low + 1
        asked: list[range] = []
        for position in (*range(low, high + 1), *range(high + 1, high + height), *range(low - 1, low - height, -1)):
            if not 0 <= position < len(index):
                continue
            seq = index[position]
            if seq in self._absent or lines.peek(seq) is not None or any(seq in one for one in asked):
                continue
            query, seqs = self._page_with(seq) if self._search is None else self._matches_from(position)
            asked.append(seqs)
            yield query

    def _page_with(self, seq: int) -> tuple[LogQuery, range]:
        """The lines of its page around this seq that are not held: asked for by pages, none is asked for twice."""
        start, end = seq, (seq // PAGE + 1) * PAGE
        least = max(self.source.first, end - PAGE)
        while start > least and self.source.lines.peek(start - 1) is None:
            start -= 1
        return LogQuery(start=start, limit=end - start), range(start, end)

    def _matches_from(self, position: int) -> tuple[LogQuery, range]:
        """A page of matches from this position on."""
        start, last = self._index[position], min(position + PAGE, len(self._index)) - 1
        query = replace(self.filter.query, start=start, limit=last - position + 1)
        return query, range(start, self._index[last] + 1)

    # What it is sent for

    async def step(self, step: Step) -> Found:
        """The next line of a kind. Raises NodeError."""
        search = None if self._find is None or self._find[0] != step.pattern else self._find[1]
        if search is not None and (seq := search.next(step.origin, step.direction)) is not None:
            return Found(key=self._key(seq))
        query = self.filter.query_with(step.pattern) if step.pattern else replace(self.filter.query, severity="error")
        line = await next_line(self.source, query, step.origin, step.direction)
        return Found(words=none_there(step)) if line is None else Found(key=self._key(line.seq))

    async def seek(self, seek: Seek) -> Found:
        """The first line of a time. Raises NodeError."""
        line = await first_since(self.source, self.filter.query, self.source.node.clock(seek.moment))
        if line is not None:
            return Found(key=self._key(line.seq))
        if not len(self):
            return Found(words="There are no lines.")
        return Found(key=self.key_at(len(self) - 1), words="No line is as new as that; this is the newest.")

    async def texts(self) -> AsyncIterator[str]:
        """What is saved: all that the filter lets through, or the newest lines. Raises NodeError."""
        index = self._index
        most = MOST_MATCHES_SAVED if self.filter else MOST_LINES_SAVED
        start = index[max(0, len(index) - most)] if len(index) else self.source.first
        async for lines in each_page(self.source, self.filter.query, start):
            yield "".join(f"{line.line}\n" for line in lines)

    def _key(self, seq: int) -> Key:
        return Key(seq, 0, *self.source.name)


def none_there(step: Step) -> str:
    """That there is no further line of a kind, in words."""
    what = "line matches" if step.pattern else "error"
    return f"No {what} {'after' if step.direction > 0 else 'before'} this one."
