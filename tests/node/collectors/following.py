"""One or more logs followed by a real runner into a real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlmon.contract.logs import Log
from etlmon.contract.node import Event, EventQuery
from node.collectors.logs import LogCollector
from node.settings import WatchedLog
from node.sources.watch import Watcher
from node.store import logs as store
from node.store import node as node_store
from tests.node.collecting import Stage, running, until
from tests.node.store.opened import fetch


@dataclass(frozen=True)
class Followed:
    stage: Stage
    name: str
    collector: LogCollector

    async def row(self) -> Log:
        row = await self.stage.database.read(store.state, self.name)
        assert row is not None
        return row

    async def lines(self) -> list[str]:
        sql = "SELECT line FROM log_lines JOIN logs ON number = log_lines.id >> 40 WHERE name = ? ORDER BY log_lines.id"
        return [line for (line,) in await self.stage.database.read(fetch, sql, self.name)]

    async def events(self) -> list[Event]:
        """Oldest first."""
        query = EventQuery(domain="logs", key=self.name)
        return (await self.stage.database.read(node_store.events, query))[::-1]

    async def until_lines(self, *lines: str) -> None:
        async def there() -> bool:
            return await self.lines() == list(lines)

        try:
            await until(there)
        except AssertionError:
            assert await self.lines() == list(lines)
            raise

    async def until_status(self, status: str) -> Log:
        async def holds() -> bool:
            row = await self.stage.database.read(store.state, self.name)
            return row is not None and row.status == status

        await until(holds)
        return await self.row()

    async def until_idle(self) -> None:
        """Until a run is over and the next one waits."""
        await until(lambda: self.stage.health(self.collector.name).status == "ok")

    def sample(self, name: str, **labels: str) -> float | None:
        stated = self.stage.runner.samples.find(name, {"log": self.name, **labels})
        return stated.value if stated is not None else None

    async def pause(self, paused: bool) -> None:
        """As the command does it."""
        await self.stage.database.write(lambda db: store.set_paused(db, self.name, paused))
        self.collector.set_paused(paused)
        self.stage.runner.trigger(self.collector.name)


@asynccontextmanager
async def following(where: Path, log: Path | str, **settings: Any) -> AsyncIterator[Followed]:
    """`log` followed from its beginning as `app`, its store in `where`."""
    watched = WatchedLog(name="app", path=str(log), **{"start": "beginning", **settings})
    collector = LogCollector(watched, Watcher())
    async with running(where, collector, record=store.record) as stage:
        followed = Followed(stage, "app", collector)
        await until(lambda: stage.health(collector.name).last_run_at is not None)
        await asyncio.sleep(0)
        yield followed


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def write(path: Path, text: str) -> None:
    path.write_text(text)


def rotate(path: Path, *, late: str = "", first: str = "") -> None:
    """As logrotate does; somebody who still has the old file open writes `late` into it."""
    with path.open("a") as old:
        path.rename(path.with_name(path.name + ".1"))
        write(path, first)
        old.write(late)
