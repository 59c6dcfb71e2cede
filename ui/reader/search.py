"""A search through all of a log: from the newest line down, step by step, and on as lines come."""

import asyncio
from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from etlmon.answer import NodeRefused
from etlmon.contract.logs import LogQuery
from ui.reader.lines import PAGE
from ui.reader.matches import Matches
from ui.reader.reading import Progress
from ui.reader.source import Source
from ui.reader.tasks import Tasks
from ui.widgets.logrow import Key

MOST_SEQS = 10_000
_PAUSE_SEC = 0.1
"""Between two searches in what is new: a log of many lines a second is not searched for each."""


class Search:
    """Fills `matches` with the seqs of the lines that a query is about."""

    def __init__(self, source: Source, query: LogQuery, tasks: Tasks, changed: Callable[[], None]) -> None:
        self.matches = Matches()
        self._source = source
        self._query = query
        self._tasks = tasks
        self._changed = changed
        self._complaint = ""
        self._has_begun = self._is_searching = False

    @property
    def progress(self) -> Progress:
        matches, source = self.matches, self._source
        total = max(0, source.last - source.first + 1)
        low = source.first if matches.is_done else max(matches.low, source.first)
        searched = max(0, min(matches.high, source.last) - low + 1)
        # What came just now is searched in a moment; the search itself is over.
        return Progress(
            found=len(matches), searched=total if matches.is_done else searched, total=total, complaint=self._complaint
        )

    @property
    def has_answer(self) -> bool:
        """All that there was at first is searched, or the node refuses to."""
        return self.matches.is_done or bool(self._complaint)

    def next(self, key: Key, direction: Literal[1, -1]) -> int | None:
        """The nearest match after (or, with -1, before) a row, if what is searched holds it."""
        matches = self.matches
        if not matches.low <= key.seq <= matches.high:
            return None
        return matches.step(key.seq + 1 if key.gap and direction < 0 else key.seq, direction)

    def start(self) -> None:
        self._tasks.start(self._run())

    def heard(self) -> None:
        """There may be more lines, or fewer."""
        self.matches.drop_below(self._source.first)
        if self._has_begun and not self._is_searching and self._source.last > self.matches.high:
            self._is_searching = True
            self._tasks.start(self._search_newer())

    async def _run(self) -> None:
        try:
            await self._search_older()
        except NodeRefused as error:
            self._complaint = error.body.message
        self._changed()

    async def _search_older(self) -> None:
        source, matches = self._source, self.matches
        if source.number is None:
            await source.insist(LogQuery(limit=1))
        # The first answer is of lines, not of seqs: with it the screen is full already.
        found = await source.insist(replace(self._query, limit=PAGE))
        matches.begin(found.last)
        seqs = [line.seq for line in reversed(found.lines)]
        low = found.searched if found.searched is not None else seqs[-1] if seqs else source.first
        matches.add_older(seqs, low)
        matches.is_done = found.searched is None and not seqs
        self._has_begun = True
        while not matches.is_done:
            self._changed()
            answer = await source.insist_seqs(
                replace(self._query, limit=MOST_SEQS, matches="seq", before=source.id_of(matches.low))
            )
            more = answer.searched is not None or len(answer.seqs) >= MOST_SEQS
            low = answer.searched if answer.searched is not None else answer.seqs[-1] if more else source.first
            matches.add_older(answer.seqs, low)
            matches.is_done = not more

    async def _search_newer(self) -> None:
        source, matches = self._source, self.matches
        try:
            while source.last > matches.high:
                answer = await source.insist_seqs(
                    replace(self._query, limit=MOST_SEQS, matches="seq", after=source.id_of(matches.high))
                )
                full = len(answer.seqs) >= MOST_SEQS
                high = answer.searched if answer.searched is not None else answer.seqs[0] if full else answer.last
                matches.add_newer(reversed(answer.seqs), max(high, matches.high))
                self._changed()
                await asyncio.sleep(_PAUSE_SEC)
        finally:
            self._is_searching = False
