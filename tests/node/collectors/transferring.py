"""A transfer log for tests, and the collectors that read it over a real database, look by look."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite

from etlmon.contract.endpoint import RowPage
from etlmon.contract.node import Event
from etlmon.contract.xferlog import Transfer, TransferQuery, UnparsedLine, XferSource
from node.collector import Collector, Reading
from node.collectors.xferlog import XferlogCollector
from node.settings import Xferlog
from node.store import xferlog as store
from node.store.database import Database
from tests.node.store.opened import START, opened

DATA = Path(__file__).resolve().parents[2] / "data/xferlog"


def stamp(moment: datetime) -> str:
    """As the servers write it, in the zone of the moment."""
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"


def line(
    path: str = "/in/a.csv", moment: datetime = START, *, size: int = 1500, way: str = "i", status: str = "c"
) -> str:
    return f"{stamp(moment)} 1 10.0.0.7 {size} {path} b _ {way} r etl ftp 0 * {status}\n"


def own_line(path: str = "/in/a.csv", moment: datetime = START, *, act: str = "OK UPLOAD", size: int = 1500) -> str:
    moved = f", {size} bytes, 100.00Kbyte/sec" if act.endswith("LOAD") else ""
    return f'{stamp(moment)} [pid 7] [etl] {act}: Client "10.0.0.7", "{path}"{moved}\n'


def append(log: Path, *lines: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(lines)


async def stored(database: Database, reading: Reading[Any]) -> None:
    async def work(db: aiosqlite.Connection) -> None:
        await store.record(db, reading.rows)

    if not reading.unchanged:
        await database.write(work)


async def run(collector: Collector[Any], database: Database, now: datetime) -> list[Reading[Any]]:
    """One run; each reading is stored before the next is asked for."""
    readings = []
    async for reading in collector.readings(now):
        await stored(database, reading)
        readings.append(reading)
    return readings


class Stage:
    """The log, its reader and the database. Each look is a second after the one before."""

    def __init__(self, folder: Path, database: Database, log: Path, **settings: Any) -> None:
        self.database = database
        self.log = log
        self.now = START
        self.events: list[Event] = []
        self._settings = {"timezone": "UTC", **settings}
        self._conf = folder / "vsftpd.conf"
        self._logrotate = folder / "logrotate.d"
        self.collector = self._collector()

    def _collector(self) -> XferlogCollector:
        section = Xferlog(path=str(self.log), **self._settings)
        return XferlogCollector(section, confs=[self._conf], logrotate=[self._logrotate])

    async def start(self) -> None:
        await self.database.read(self.collector.resume)

    async def restart(self, **settings: Any) -> None:
        """The node is started again, with what it had stored and nothing else."""
        await self.collector.close()
        self._settings |= settings
        self.collector = self._collector()
        await self.start()

    async def look(self, after_sec: float = 1.0) -> list[Reading[Any]]:
        self.now += timedelta(seconds=after_sec)
        readings = await run(self.collector, self.database, self.now)
        self.events += [event for reading in readings for event in reading.events]
        return readings

    async def source(self) -> XferSource:
        (row,) = await self.database.read(store.source)
        return row

    async def transfers(self) -> list[Transfer]:
        """Oldest first."""
        rows = await self.database.read(store.transfers, TransferQuery(limit=1000))
        return rows[::-1]

    async def names(self) -> list[str]:
        return [row.filename for row in await self.transfers()]

    async def unparsed(self) -> Sequence[UnparsedLine]:
        return (await self.database.read(store.unparsed, RowPage(limit=1000)))[::-1]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@asynccontextmanager
async def watching(folder: Path, log: Path | None = None, **settings: Any) -> AsyncIterator[Stage]:
    async with opened(folder / "etlmon.db") as database:
        stage = Stage(folder, database, log or folder / "xferlog", **settings)
        await stage.start()
        try:
            yield stage
        finally:
            await stage.collector.close()
