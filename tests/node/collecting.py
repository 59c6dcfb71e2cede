"""Collectors for tests, a store that takes their rows, and a runner that is stopped whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite

from etlmon.contract.node import CollectorHealth
from node.clock import Clock, utc_now
from node.collector import Collector, Reading, Registration
from node.runner import Runner
from node.settings import NodeSettings
from node.store.database import Database
from tests.node.store.opened import fetch, opened

Look = Callable[["Scripted", datetime], AsyncIterator[Reading[str]]]


class Scripted(Collector[str]):
    """Does what its script says; notes when each run began and how many were under way at once."""

    domain = "tests"

    def __init__(
        self,
        script: Look,
        *,
        name: str = "one",
        interval_sec: float = 0.05,
        deadline_sec: float = 10.0,
        options: object = None,
    ) -> None:
        self.name = name
        self.interval_sec = interval_sec
        self.deadline_sec = deadline_sec
        self.options = options
        self.began: list[float] = []
        self.nows: list[datetime] = []
        self.under_way = 0
        self.most_at_once = 0
        self.closed = 0
        self._script = script

    @property
    def runs(self) -> int:
        return len(self.began)

    async def readings(self, now: datetime) -> AsyncIterator[Reading[str]]:
        self.began.append(asyncio.get_running_loop().time())
        self.nows.append(now)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            async for reading in self._script(self, now):
                yield reading
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        self.closed += 1


async def nothing(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
    yield Reading()


async def record(db: aiosqlite.Connection, rows: Sequence[Any]) -> None:
    await db.execute_fetchall("CREATE TABLE IF NOT EXISTS seen (row TEXT NOT NULL)")
    await db.executemany("INSERT INTO seen VALUES (?)", [(row,) for row in rows])


async def seen(database: Database) -> list[str]:
    """The rows in the order in which they were stored."""
    if not await database.read(fetch, "SELECT 1 FROM sqlite_master WHERE name = 'seen'"):
        return []
    return [row for (row,) in await database.read(fetch, "SELECT row FROM seen ORDER BY rowid")]


@dataclass(frozen=True)
class Stage:
    runner: Runner
    database: Database

    def health(self, name: str = "one") -> CollectorHealth:
        return next(health for health in self.runner.health() if health.name == name)


@asynccontextmanager
async def running(
    where: Path, *collectors: Collector[Any], clock: Clock = utc_now, record: Any = record
) -> AsyncIterator[Stage]:
    """A started runner with a real database at `where`."""
    registration = Registration("tests", lambda _: collectors, record)
    async with opened(where / "etlmon.db") as database:
        runner = Runner(database, (registration,), clock=clock)
        await runner.start(NodeSettings())
        try:
            yield Stage(runner, database)
        finally:
            await runner.stop()


async def until(holds: Callable[[], bool | Awaitable[bool]], within_sec: float = 30.0) -> None:
    """Return as soon as the condition holds; fail when it does not hold in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_sec
    while True:
        verdict = holds()
        if await verdict if isinstance(verdict, Awaitable) else verdict:
            return
        assert loop.time() < end, f"did not come about within {within_sec:g} s"
        await asyncio.sleep(0.005)
