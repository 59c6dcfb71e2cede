"""Following a log: what comes is held, what breaks off is taken up again, and what is wrong is known."""

from collections.abc import Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from etlmon.answer import NodeError
from etlmon.contract.logs import LOG, LogGap, LogLine, LogQuery
from etlmon.stream import Connected, Follows, Lost, ServerEvent, followed
from ui.reader.lines import PAGE
from ui.reader.source import Source

Took = Callable[[Source, Sequence[LogLine]], None]


async def follow(client: Follows, source: Source, query: LogQuery, seq: int, took: Took) -> None:
    """Take in what comes after the line `seq`, as far as the query is about it; `took` hears of it. Never ends."""
    query = replace(query, follow=True)
    if source.number is None:
        # Nothing is there yet, as far as is known: what came meanwhile must not be left out.
        last_id, query = "", replace(query, lines=PAGE)
    else:
        last_id = str(source.id_of(seq))
    async with aclosing(followed(client, LOG, query=query, last_id=last_id, name=source.name.log)) as events:
        async for event in events:
            try:
                _take(source, event, took)
            except NodeError as error:
                source.lose(error.message)


def _take(source: Source, event: Connected | Lost | ServerEvent, took: Took) -> None:
    """Raises NodeError when it is not what was agreed, or comes from another node."""
    if isinstance(event, Lost):
        source.lose(event.error.message)
    elif isinstance(event, Connected):
        source.check(event.node_id)
        source.hold()
    elif event.name == "line":
        lines = (event.decode(LogLine),)
        source.take(lines)
        took(source, lines)
    elif event.name == "gap":
        source.add_gap(event.decode(LogGap))
