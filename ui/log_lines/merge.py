"""Lines of several logs in one order, by their times."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from etlmon.contract.logs import LogLine
from ui.log_lines.printing import time_of

S = TypeVar("S")


class _Head:
    """One log's next line, with its time. No line is earlier than the one before it: a log keeps its own order."""

    def __init__(self, pages: AsyncIterator[Sequence[LogLine]]) -> None:
        self._pages = pages
        self._page: Sequence[LogLine] = ()
        self._index = 0
        self.at: datetime | None = None
        """The time of the next line; None when there is none."""

    async def begin(self) -> None:
        await self._turn()

    async def take(self, *, all_of_page: bool) -> Sequence[LogLine]:
        """The next line, or all that are left of its page."""
        end = len(self._page) if all_of_page else self._index + 1
        lines = self._page[self._index : end]
        self._index = end
        if end < len(self._page):
            self._note()
        else:
            await self._turn()
        return lines

    async def _turn(self) -> None:
        """Go on to the next page."""
        self._page, self._index = (), 0
        while not self._page:
            try:
                self._page = await anext(self._pages)
            except StopAsyncIteration:
                self.at = None
                return
        self._note()

    def _note(self) -> None:
        at = time_of(self._page[self._index])
        self.at = at if self.at is None else max(self.at, at)


async def merged(logs: Mapping[S, AsyncIterator[Sequence[LogLine]]]) -> AsyncIterator[tuple[S, Sequence[LogLine]]]:
    """The lines of all of them, the earliest first. `logs` gives the pages of each, in its order."""
    heads = {source: _Head(pages) for source, pages in logs.items()}
    for head in heads.values():
        await head.begin()
    while True:
        ready = [(head.at, source) for source, head in heads.items() if head.at is not None]
        if not ready:
            return
        _, source = min(ready, key=lambda one: one[0])
        yield source, await heads[source].take(all_of_page=len(ready) == 1)
