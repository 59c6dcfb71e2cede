"""The lines a log already has, page by page: all of a time, or the newest ones."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from etlmon.answer import Answer
from etlmon.client import NodeClient
from etlmon.contract.endpoint import RowPage
from etlmon.contract.logs import LOG, LOG_GAPS, SEQ_BITS, LineSeverity, LogGap, LogLine, LogQuery

PAGE = 1000
MOST_GAPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines: the newest `count` (None: all) of those from `since` on that patterns and severity let by."""

    count: int | None = 100
    since: datetime | None = None
    grep: str | None = None
    exclude: str | None = None
    severity: LineSeverity | None = None

    @property
    def query(self) -> LogQuery:
        """The lines by what stands in them."""
        return LogQuery(grep=self.grep, exclude=self.exclude, severity=self.severity)

    @property
    def takes_all(self) -> bool:
        return self.query == LogQuery()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """One log of one node. `label` stands before its lines where there are several."""

    label: str
    node: str
    log: str
    client: NodeClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """The stored lines of a log at one moment: the seqs of the oldest and the newest, what stands above them in the
    ids, and where lines may be missing, oldest first. `last` < `first` when there is no line.
    """

    number: int = 0
    first: int = 1
    last: int = 0
    gaps: tuple[LogGap, ...] = ()

    def id_of(self, seq: int) -> int:
        return self.number << SEQ_BITS | seq

    @property
    def end(self) -> int:
        """The id of the newest line; 0 when there is none, which is before the first one that comes."""
        return self.id_of(self.last) if self.last >= self.first else 0


async def extent(source: LogSource) -> Extent:
    """Which lines there are now. Raises NodeError."""
    answer = await _ask(source, LogQuery(limit=1))
    lines = _lines(answer)
    if not lines:
        return Extent()
    newest, first = lines[-1], answer.headers.get("X-First-Seq", "")
    gaps = (await source.client.ask(LOG_GAPS, query=RowPage(limit=MOST_GAPS), name=source.log)).unwrap()
    return Extent(
        number=newest.id >> SEQ_BITS,
        first=int(first) if first.isdecimal() else newest.seq,
        last=newest.seq,
        gaps=tuple(sorted(gaps, key=lambda gap: (gap.seq, gap.id))),
    )


async def history(source: LogSource, wanted: Wanted, known: Extent) -> AsyncIterator[Sequence[LogLine]]:
    """The wanted lines up to the newest one that is known, oldest first. Raises NodeError."""
    first, last = known.first, known.last
    if wanted.count == 0 or last < first:
        return
    if wanted.since is not None:
        since = _lines(await _ask(source, LogQuery(limit=1, since=wanted.since)))
        if not since:
            return
        first = max(first, since[0].seq)
    if wanted.count is None or wanted.takes_all:
        if wanted.count is not None:
            first = max(first, last - wanted.count + 1)
        async for page in _forwards(source, wanted.query, first, last):
            yield page
        return
    for page in reversed(await _backwards(source, wanted, known, first)):
        yield page


async def _forwards(source: LogSource, query: LogQuery, start: int, last: int) -> AsyncIterator[Sequence[LogLine]]:
    """The lines of these seqs that the query lets by."""
    while start <= last:
        answer = await _ask(source, replace(query, limit=PAGE, start=start))
        lines = [line for line in _lines(answer) if line.seq <= last]
        if lines:
            yield lines
        searched = _searched(answer)
        if not lines and searched is None:
            return
        start = 1 + max(lines[-1].seq if lines else 0, searched or 0)


async def _backwards(source: LogSource, wanted: Wanted, known: Extent, first: int) -> list[Sequence[LogLine]]:
    """The newest lines from the seq `first` on, in pages, the newest page first: only going back tells how many."""
    pages: list[Sequence[LogLine]] = []
    missing = wanted.count or 0
    end = known.last + 1
    while missing > 0 and end > first:
        query = replace(wanted.query, limit=min(PAGE, missing), before=known.id_of(end))
        answer = await _ask(source, query)
        lines = [line for line in _lines(answer) if line.seq >= first]
        if lines:
            pages.append(lines)
            missing -= len(lines)
        searched = _searched(answer)
        if not lines and searched is None:
            break
        end = min(lines[0].seq if lines else end, searched or end)
    return pages


async def _ask(source: LogSource, query: LogQuery) -> Answer[list[LogLine | int]]:
    return await source.client.ask(LOG, query=query, name=source.log)


def _lines(answer: Answer[list[LogLine | int]]) -> list[LogLine]:
    return [line for line in answer.unwrap() if isinstance(line, LogLine)]


def _searched(answer: Answer[list[LogLine | int]]) -> int | None:
    """Where a search stopped that ran out of time."""
    text = answer.headers.get("X-Searched-Seq", "")
    return int(text) if text.isdecimal() else None
