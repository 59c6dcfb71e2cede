"""Reads logs for a view: the second thing besides the poller that talks to nodes.

The poller asks the same small questions again and again; lines are read page by page, followed as they come, searched
and jumped through. The view says what it shows (`Reading`) and gets a document; what it wants once is an `Errand`.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from etlmon.answer import NodeError
from etlmon.contract.logs import LogLine, LogQuery
from etlmon.stream import Follows
from ui.reader.following import follow
from ui.reader.merged import MergedDocument
from ui.reader.reading import Around, Errand, Export, Found, LogName, Reading, Seek, Step
from ui.reader.single import LogDocument
from ui.reader.source import QUESTION, Source
from ui.reader.tasks import Tasks
from ui.save import create, save_directory
from ui.state import Asks, Fleet
from ui.widgets.logrow import Key, LogRow

NEAR = timedelta(seconds=2)
"""Lines of other logs that are no further away in time stand below a line."""

_NEAR_LINES = 20
_MOST_NEAR = 100


class Reads(Asks, Follows, Protocol):
    """What the reader needs of a client; `etlmon.client.NodeClient` has it."""


Lines = LogDocument | MergedDocument


class Reader:
    """Holds one document at a time. `on_change` hears whenever there is something new to show of it."""

    def __init__(
        self,
        fleet: Fleet,
        connect: Callable[[str], Reads],
        *,
        on_change: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self.document: Lines | None = None
        self._fleet = fleet
        self._connect = connect
        self._on_change = on_change
        self._clock = clock
        self._clients: dict[str, Reads] = {}
        self._sources: dict[LogName, Source] = {}
        self._reading: Reading | None = None
        self._tasks = Tasks(self._failed)

    async def close(self) -> None:
        await self._tasks.close()
        for client in self._clients.values():
            await client.close()

    def watch(self, reading: Reading | None) -> None:
        """The screen now shows this, or no log at all: then nothing is followed, and what is held is kept."""
        before, self._reading = self._reading, reading
        if reading is None:
            self._tasks.stop()
            return
        if before is None or (before.logs, before.filter) != (reading.logs, reading.filter):
            self._open(reading)
        if self.document is not None:
            self.document.find(reading.find)
            self.document.want(reading.places, following=reading.following)

    def _open(self, reading: Reading) -> None:
        self._tasks.stop()
        self._tasks = Tasks(self._failed)
        self._sources = {name: self._sources.get(name) or self._source(name) for name in reading.logs}
        sources = tuple(self._sources.values())
        common = (reading.filter, self._tasks, self._changed, self._follow)
        self.document = LogDocument(sources[0], *common) if len(sources) == 1 else MergedDocument(sources, *common)
        for source in sources:
            self._learn(source)
        self.document.open()

    def _source(self, name: LogName) -> Source:
        return Source(name, self._client(name.node), self._fleet, self._changed, self._clock)

    def _client(self, node: str) -> Reads:
        if node not in self._clients:
            self._clients[node] = self._connect(self._fleet.live(node).address)
        return self._clients[node]

    def _learn(self, source: Source) -> None:
        log = source.log
        if log is not None:
            source.learn(log.first_seq, log.last_seq)

    def _follow(self, source: Source, query: LogQuery, seq: int) -> None:
        self._tasks.start(follow(self._client(source.name.node), source, query, seq, self._took))

    def _took(self, source: Source, lines: Sequence[LogLine]) -> None:
        if self.document is not None and source in self.document.sources:
            self.document.took(source, lines)
        self._changed()

    def heard(self, node: str) -> None:
        """The poller has news of a node."""
        for name, source in self._sources.items():
            identity = self._fleet.live(node).node_id
            if name.node != node:
                continue
            if source.identity and identity and source.identity != identity:
                # Another node was found to be the right one: nothing that is held is its own.
                self._sources.clear()
                if self._reading is not None:
                    self._open(self._reading)
                return
            source.identity = source.identity or identity
            self._learn(source)
        if self._reading is not None and self.document is not None:
            self.document.heard()

    def _changed(self) -> None:
        if self._reading is not None:
            self._on_change()

    def _failed(self, error: BaseException) -> None:
        """A bug: it is shown, and does not end the program."""
        for source in self._sources.values():
            source.fail(f"{type(error).__name__} while reading: {error}")

    async def run(self, errand: Errand) -> Found:
        """Do what is wanted once; what goes wrong is told in words."""
        document = self.document
        try:
            match errand:
                case Step() if document is not None:
                    return await document.step(errand)
                case Seek() if document is not None:
                    return await document.seek(errand)
                case Around():
                    return await self._around(errand.row)
                case Export() if document is not None:
                    return await self._export(document, errand)
        except (NodeError, OSError) as error:
            return Found(words=error.message if isinstance(error, NodeError) else str(error), failed=True)
        return Found(words="No log is open.", failed=True)

    async def _around(self, row: LogRow) -> Found:
        """Lines of the other logs of the row's node at about its time. Raises NodeError."""
        at, (_, _, node, log) = row.at, row.key
        others = [one.name for one in self._fleet.live(node).answer(QUESTION) or () if one.name != log]
        if at is None or not others:
            return Found()
        query = LogQuery(since=at - NEAR, limit=_NEAR_LINES)
        sources = [self._source(LogName(node, name)) for name in others]
        answers = await asyncio.gather(*(source.ask_apart(query) for source in sources))
        found = [
            (source.name.log, LogRow(key=Key(line.seq, 0, *source.name), line=line))
            for source, answer in zip(sources, answers, strict=True)
            for line in answer.lines
            if abs((line.event_at or line.created_at) - at) <= NEAR
        ]
        return Found(rows=sorted(found, key=lambda one: one[1].at or at)[:_MOST_NEAR])

    async def _export(self, document: Lines, errand: Export) -> Found:
        """Write what is shown to a new file, page by page. Raises NodeError and OSError."""
        path, file = await asyncio.to_thread(
            create, save_directory(os.environ), errand.stem, ".log", datetime.now().astimezone()
        )
        with file:
            async for text in document.texts():
                await asyncio.to_thread(file.write, text)
        return Found(path=path)
