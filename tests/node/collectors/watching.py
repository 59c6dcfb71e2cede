"""A collector of processes over the real /proc, looked through by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from etlmon.contract.node import Event
from etlmon.contract.processes import Process, ProcessWatch
from node.collector import Sample
from node.collectors import processes_known
from node.collectors.processes import ProcessCollector
from node.settings import ProcessWatch as Watch
from node.store import processes as store
from node.store.database import Database
from node.store.processes import ProcessLook
from tests.node.programs import Programs, programs
from tests.node.store.opened import opened

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


class Watching:
    """A collector; each look is five seconds after the one before, as far as it is told, and is stored."""

    def __init__(self, collector: ProcessCollector, database: Database) -> None:
        self.collector = collector
        self.events: list[Event] = []
        self.all_events: list[Event] = []
        self.samples: Sequence[Sample] = ()
        self.looked = ProcessLook(processes=(), watches=())
        self._database = database
        self._looks = 0

    async def look(self) -> list[Process]:
        """The rows of a look; its events are in `events`."""
        now = NOW + timedelta(seconds=5 * self._looks)
        self._looks += 1
        async for reading in self.collector.readings(now):
            (self.looked,) = reading.rows
            self.samples, self.events = reading.samples, list(reading.events)
            self.all_events += self.events
            await self._database.write(lambda db: store.record(db, reading.rows))  # noqa: B023 - awaited here
        return list(self.looked.processes)

    async def until(self, holds: Callable[[list[Process]], bool], within_sec: float = 30.0) -> list[Process]:
        """Look until the rows are so; fail when they do not become so. `events` are those of the last look."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_sec
        while not holds(rows := await self.look()):
            assert loop.time() < end, rows
            await asyncio.sleep(0.02)
        return rows

    def watch(self, name: str = "w") -> ProcessWatch:
        return next(watch for watch in self.looked.watches if watch.name == name)

    def value(self, sample: str, name: str | None = "w") -> float | None:
        labels = {"watch": name} if name is not None else {}
        return next((one.value for one in self.samples if (one.name, one.labels) == (sample, labels)), None)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    async def restarted(self, *watches: Watch) -> "Watching":
        """Another node on the same store."""
        await self.collector.close()
        again = Watching(ProcessCollector(watches or self.collector.watches, interval_sec=5.0), self._database)
        await self._database.read(again.collector.resume)
        again._looks = self._looks
        return again


Scenario = Callable[[Watching, Programs], Awaitable[None]]


def watching(folder: Path, watches: Callable[[Programs], Sequence[Watch]], scenario: Scenario) -> None:
    """Run a scenario with a collector of these watches and with programs that end with it."""

    async def main(made: Programs) -> None:
        async with opened(folder / "etlmon.db") as database:
            collector = ProcessCollector(watches(made), interval_sec=5.0, may_kill={"w"})
            await database.read(collector.resume)
            stage = Watching(collector, database)
            try:
                await scenario(stage, made)
            finally:
                await collector.close()

    # On a busy machine the process that reads command lines may be late, and none is to be missed for that.
    with programs() as made, patch.object(processes_known, "_WITHIN_SEC", 20.0):
        asyncio.run(main(made))


def by_mark(made: Programs) -> list[Watch]:
    """One watch, of the programs of the test."""
    return [Watch(name="w", match=made.mark)]
