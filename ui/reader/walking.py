"""Walking through a log by query: the next line of a kind, the first one of a time, all of them."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from etlmon.contract.logs import LogLine, LogQuery
from ui.reader.source import Source
from ui.widgets.logrow import Key

_PAGE = 1000


async def next_line(source: Source, query: LogQuery, key: Key, direction: Literal[1, -1]) -> LogLine | None:
    """The nearest line after a row (or, with -1, before it) that the query is about; None when there is none.

    Raises NodeError.
    """
    if source.number is None:
        return None
    # A gap stands after its line: going up from it, that line is the first.
    seq = key.seq + 1 if key.gap and direction < 0 else key.seq
    while True:
        place = {"after": source.id_of(seq)} if direction > 0 else {"before": max(1, source.id_of(seq))}
        answer = await source.ask(replace(query, limit=1, **place))
        if answer.lines:
            return answer.lines[0]
        if answer.searched is None:
            return None
        seq = answer.searched


async def first_since(source: Source, query: LogQuery, moment: datetime) -> LogLine | None:
    """The first line from a moment on (by the node's clock) that the query is about. Raises NodeError."""
    answer = await source.ask(replace(query, limit=1, since=moment))
    while not answer.lines and answer.searched is not None:
        answer = await source.ask(replace(query, limit=1, start=answer.searched + 1))
    return answer.lines[0] if answer.lines else None


async def each_page(source: Source, query: LogQuery, start: int) -> AsyncIterator[Sequence[LogLine]]:
    """The lines from a seq on that the query is about, page by page, to the newest one of now. Raises NodeError."""
    end = source.last
    while start <= end:
        answer = await source.ask_apart(replace(query, limit=_PAGE, start=start))
        if answer.lines:
            yield [line for line in answer.lines if line.seq <= end]
            start = answer.lines[-1].seq + 1
        elif answer.searched is not None:
            start = answer.searched + 1
        else:
            return
