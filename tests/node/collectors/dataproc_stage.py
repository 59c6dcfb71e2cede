"""Runs of a dataproc collector with a real store, one after the other, at times of one's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite

from etlmon.contract.dataproc import DataprocQuery, DataprocRunQuery
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from etlmon.contract.node import Event, EventQuery
from node.collector import Reading
from node.collectors.dataproc import DataprocCollector
from node.run import Outcome, Run
from node.settings_dataproc import Dataproc as Section
from node.settings_dataproc import DataprocAccount
from node.sources.dataproc_types import DataprocLine
from node.store import dataproc as store
from node.store import dataproc_lists as lists
from node.store import node as node_store
from node.store.database import Database
from tests.node.collectors.dataproc_said import Teller
from tests.node.store.opened import after, opened

ACCOUNT = DataprocAccount(name="data", projects=("p1",), anonymous=True, endpoint="127.0.0.1:1", insecure=True)


@dataclass
class Stage:
    """A collector and the database that its readings go to. `readings` are those of the last run."""

    collector: DataprocCollector
    database: Database
    readings: list[Reading[Any]]

    async def run(self, seconds: float = 0) -> Outcome:
        """One run that begins so late."""
        self.readings.clear()
        run = Run(self.collector, after(seconds))
        outcome = await run.perform(self._commit, before=self.database.read(self.collector.resume))
        await run.close()
        return outcome

    async def rows(self, **query: Any) -> dict[str, DataprocRow]:
        found, _ = await self.database.read(lists.clusters, DataprocQuery(**query))
        return {row.cluster_name: row for row in found}

    async def runs(self) -> list[DataprocRun]:
        """Newest first."""
        return await self.database.read(lists.runs, DataprocRunQuery())

    async def events(self) -> list[tuple[str, str]]:
        """All so far, oldest first: kind and message."""
        found: list[Event] = await self.database.read(node_store.events, EventQuery())
        return [(event.kind, event.message) for event in sorted(found, key=lambda event: event.id)]

    async def _commit(self, reading: Reading[Any]) -> bool:
        self.readings.append(reading)

        async def work(db: aiosqlite.Connection) -> None:
            await store.record(db, reading.rows)
            await node_store.add_events(db, reading.events)

        await self.database.write(work)
        return True


@asynccontextmanager
async def staged(where: Path, collector: DataprocCollector) -> AsyncIterator[Stage]:
    async with opened(where / "etlmon.db") as database:
        try:
            yield Stage(collector, database, [])
        finally:
            await collector.close()


def play(
    where: Path,
    *runs: Sequence[DataprocLine | Exception],
    scenario: Callable[[Stage, Teller], Awaitable[None]],
    account: DataprocAccount = ACCOUNT,
    section: Section | None = None,
) -> None:
    """The scenario with a collector whose runs say these lines."""
    teller = Teller(*runs)
    collector = DataprocCollector(account, section or Section(), interval_sec=120.0, asker=teller)

    async def main() -> None:
        async with staged(where, collector) as stage:
            await scenario(stage, teller)
        assert teller.closed
        assert teller.open == 0

    asyncio.run(main())
