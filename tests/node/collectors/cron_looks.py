"""A crontab, a log and a daemon for tests, and the collector that looks at them over a real database, look by look."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite

from etlmon.contract.cron import CronJob, CronRun, CronRunQuery, CronSource
from etlmon.contract.node import Event
from node.collector import Reading
from node.collectors.cron import CronCollector
from node.collectors.cron_types import Found, FoundJob, Host
from node.settings import Cron
from node.sources.procfs import TICKS_PER_SEC, since_boot
from node.store import cron as store
from node.store.cron import CronLook
from node.store.database import Database
from tests.node.store.opened import opened

HOST = "vm"
DAEMON_PID = 4_000_001
"""Larger than any that Linux gives, so it is nobody."""


class Given:
    """A finder that finds these jobs."""

    def __init__(self, jobs: Sequence[FoundJob]) -> None:
        self.jobs = jobs
        self.fresh: list[bool] = []

    async def find(self, now: datetime, *, fresh: bool = False) -> Found:
        self.fresh.append(fresh)
        paths = sorted({job.source for job in self.jobs})
        sources = [CronSource(kind="cron_d", path=path, jobs=len(self.jobs), last_checked=now) for path in paths]
        return Found(jobs=self.jobs, sources=sources)

    async def close(self) -> None:
        """Nothing is held."""


class Proc:
    """A /proc in which cron runs, or not, and in which real processes are seen."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        (place / "stat").symlink_to("/proc/stat")
        (place / "self").symlink_to("/proc/self")
        (place / "1").symlink_to("/proc/1")

    def start_cron(self, *arguments: str, ago_sec: float = 0.0, name: str = "cron", pid: int = DAEMON_PID) -> None:
        self.stop_cron(pid)
        ticks = max(1, int((since_boot() - ago_sec) * TICKS_PER_SEC))
        own = self.place / str(pid)
        own.mkdir()
        (own / "cmdline").write_bytes(b"\0".join(map(os.fsencode, (f"/usr/sbin/{name}", *arguments))) + b"\0")
        zeros = " ".join("0" * 12)
        (own / "stat").write_text(f"{pid} ({name}) S 1 0 0 0 0 0 {zeros} {ticks} 0 0 {' '.join('0' * 30)}\n")

    def stop_cron(self, pid: int = DAEMON_PID) -> None:
        own = self.place / str(pid)
        for file in sorted(own.iterdir()) if own.exists() else ():
            file.unlink()
        if own.exists():
            own.rmdir()

    def show(self, pid: int) -> None:
        """Let a real process be seen."""
        (self.place / str(pid)).symlink_to(f"/proc/{pid}")


class Looks:
    """The jobs, the log and the collector. The time goes on as the test says, from now on."""

    def __init__(self, folder: Path, database: Database, *jobs: FoundJob, **settings: Any) -> None:
        self.database = database
        self.log = folder / "cron.log"
        self.given = Given(jobs)
        self.proc = Proc(folder / "proc")
        self.now = datetime.now(UTC)
        self.events: list[Event] = []
        self.readings: list[Reading[CronLook]] = []
        self.settings = {"timezone": "UTC", "run_log": str(self.log), "grace": 300, **settings}
        self.candidates: Sequence[str] = (str(self.log),)
        self.journals: Sequence[str] = ()
        self.installed = Host(debian_cron=str(folder), crond=())
        self.collector = self._collector()

    def _collector(self) -> CronCollector:
        return CronCollector(
            Cron(**self.settings),
            interval_sec=60.0,
            host=self.installed,
            finder=self.given,
            proc=self.proc.place,
            candidates=self.candidates,
            journals=self.journals,
            name_of_host=lambda: HOST,
        )

    async def start(self) -> None:
        await self.database.read(self.collector.resume)

    async def restart(self) -> None:
        """The node is started again, with what it had stored and nothing else."""
        await self.collector.close()
        self.collector = self._collector()
        await self.start()

    def write(self, *messages: str, at: datetime | None = None, program: str = "CRON") -> None:
        """Lines of the log, `PID (etl) CMD (x)` each, written at this time or now."""
        with self.log.open("a") as file:
            for message in messages:
                pid, _, rest = message.partition(" ")
                file.write(f"{(at or self.now).isoformat()} {HOST} {program}[{pid}]: {rest}\n")

    async def look(self, after_sec: float = 1.0, *, until: datetime | None = None) -> list[Reading[CronLook]]:
        """One run, so much later or at this time; each reading is stored before the next is asked for."""
        self.now = until or self.now + timedelta(seconds=after_sec)
        self.readings = []
        async for reading in self.collector.readings(self.now):
            await self._store(reading)
            self.readings.append(reading)
            self.events += reading.events
        return self.readings

    async def _store(self, reading: Reading[CronLook]) -> None:
        async def work(db: aiosqlite.Connection) -> None:
            await store.record(db, reading.rows)

        if not reading.unchanged:
            await self.database.write(work)

    def minute(self, ahead: int = 2) -> datetime:
        """A whole minute, so many ahead."""
        return self.now.replace(second=0, microsecond=0) + timedelta(minutes=ahead)

    async def jobs(self) -> list[CronJob]:
        found, _ = await self.database.read(store.jobs, None, 1000, 0)
        return found

    async def job(self) -> CronJob:
        (only,) = await self.jobs()
        return only

    async def runs(self) -> list[CronRun]:
        """Oldest first."""
        return (await self.database.read(store.runs, CronRunQuery(limit=1000)))[::-1]

    async def source(self, kind: str) -> CronSource:
        (only,) = [source for source in await self.database.read(store.sources) if source.kind == kind]
        return only

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def samples(self) -> dict[str, float]:
        """The last reading's, by name and label values."""
        return {" ".join((one.name, *one.labels.values())): one.value for one in self.readings[-1].samples}


@asynccontextmanager
async def looking(folder: Path, *jobs: FoundJob, **settings: Any) -> AsyncIterator[Looks]:
    """The collector over a database in `folder`; cron is running and its log is there and empty."""
    async with opened(folder / "etlmon.db") as database:
        looks = Looks(folder, database, *jobs, **settings)
        looks.proc.start_cron("-f")
        looks.log.touch()
        await looks.start()
        try:
            yield looks
        finally:
            await looks.collector.close()


def numbers(first: int) -> Iterator[int]:
    while True:
        yield first
        first += 1
