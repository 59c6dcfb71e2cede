"""What comes into a log, printed as it comes: each line once, whatever happens to the connection."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

from msgspec import structs

from etlmon.client import NodeError, NodeRefused
from etlmon.contract.logs import LOG, LogGap, LogLine
from etlmon.stream import FIRST_PAUSE_SEC, LONGEST_PAUSE_SEC, Connected, Lost, ServerEvent, followed
from ui import format as fmt
from ui.log_lines.history import Extent, LogSource, Wanted, extent, history
from ui.log_lines.printing import Printer, say

_FOR_GOOD = (400, 401, 403, 404)
"""What a node refuses with one of these it will refuse again."""


class Follower:
    """Follows one log. Standard error is told when the connection breaks, once, and when it is there again."""

    def __init__(self, source: LogSource, wanted: Wanted, printer: Printer, known: Extent | None) -> None:
        """`known` is where the lines that were printed end; None when the node could not be asked yet."""
        self._source = source
        self._wanted = wanted
        self._printer = printer
        self._known = known
        self._is_lost = known is None

    async def run(self) -> None:
        """Print what comes. Returns when the node says that there is nothing to follow."""
        try:
            known = self._known or await self._catch_up()
            query = structs.replace(self._wanted.query, follow=True, after=known.end)
            async with aclosing(followed(self._source.client, LOG, query=query, name=self._source.log)) as events:
                async for event in events:
                    self._take(event)
        except NodeError as error:
            say(f"{self._source.label}: {error.message}")

    async def _catch_up(self) -> Extent:
        """Wait for the node, and print what it has. Raises NodeRefused."""
        pause = FIRST_PAUSE_SEC
        while True:
            try:
                return await self._read(await extent(self._source))
            except NodeError as error:
                if is_final(error):
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SEC)

    async def _read(self, known: Extent) -> Extent:
        """Print what there is; what was printed, which is less when the connection broke. Raises NodeError."""
        self._found()
        printed: LogLine | None = None
        try:
            async for page in history(self._source, self._wanted, known):
                self._printer.lines(self._source, page)
                self._printer.flush()
                printed = page[-1]
        except NodeError:
            if printed is None:
                raise
            return replace(known, last=printed.seq)
        return known

    def _take(self, event: Connected | Lost | ServerEvent) -> None:
        """Raises NodeError when there is no use in waiting."""
        match event:
            case Connected():
                self._found()
            case Lost():
                if is_final(event.error):
                    raise event.error
                if not self._is_lost:
                    self._is_lost = True
                    say(f"{self._source.label}: {event.error.message}; trying again")
            case ServerEvent():
                self._print(event)

    def _found(self) -> None:
        if self._is_lost:
            self._is_lost = False
            say(f"{self._source.label}: connected again")

    def _print(self, event: ServerEvent) -> None:
        """A kind of event that is not known here says nothing about the lines."""
        if event.name == "line":
            self._printer.lines(self._source, [event.decode(LogLine)])
            self._printer.flush()
        elif event.name == "gap":
            self._printer.between(self._source, f"gap: {event.decode(LogGap).message}")
        elif event.name == "skipped":
            count = event.decode(dict[str, int]).get("count", 0)
            what = f"gap: {fmt.count(count)} lines are left out: they came faster than they were read, or are deleted"
            self._printer.between(self._source, what)


def is_final(error: NodeError) -> bool:
    """Whether asking again would be answered with the same."""
    return isinstance(error, NodeRefused) and error.status in _FOR_GOOD
