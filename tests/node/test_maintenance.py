import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosqlite
import pytest

from etlmon.contract.node import Event, EventQuery
from etlmon.units import Duration
from node.maintenance import Maintenance
from node.settings import Keep, NodeSettings, Retention
from node.store import node as node_store
from node.store.database import Database
from tests.node.collecting import until
from tests.node.store.opened import opened
from tests.peers import tmpfs

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def keeping(days: int) -> NodeSettings:
    return NodeSettings(retention=Retention(events=Keep(max_age=Duration(days * 86400), max_rows=0)))


async def add_events(database: Database, count: int, age_days: int) -> None:
    at = NOW - timedelta(days=age_days)
    events = [Event(at=at, domain="fs", key="/", kind="filled", message="x" * 200) for _ in range(count)]

    async def work(db: aiosqlite.Connection) -> None:
        await node_store.add_events(db, events)

    await database.write(work)


async def count(database: Database) -> int:
    return len(await database.read(node_store.events, EventQuery(limit=1000)))


def test_old_rows_go_by_the_settings_that_are_in_force_at_the_time(tmp_path: Path) -> None:
    async def check() -> None:
        settings = [keeping(days=30)]
        async with opened(tmp_path / "etlmon.db") as database:
            await add_events(database, 3, age_days=40)
            await add_events(database, 5, age_days=10)
            await add_events(database, 7, age_days=1)
            maintenance = Maintenance(database, lambda: settings[0], lambda: NOW, every_sec=0.05)
            task = asyncio.create_task(maintenance.go_on())

            async def left(rows: int) -> bool:
                return await count(database) == rows

            await until(lambda: left(12))
            settings[0] = keeping(days=5)
            await until(lambda: left(7))
            task.cancel()
            await asyncio.wait({task})

    asyncio.run(check())


def test_when_there_is_much_to_remove_it_does_not_wait_for_the_next_minute(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await add_events(database, 2500, age_days=40)
            maintenance = Maintenance(database, lambda: keeping(days=30), lambda: NOW, every_sec=1.5)
            task = asyncio.create_task(maintenance.go_on())
            began = asyncio.get_running_loop().time()

            async def all_gone() -> bool:
                return await count(database) == 0

            await until(all_gone)
            # Three steps are needed; a turn each would take at least four seconds and a half.
            assert asyncio.get_running_loop().time() - began < 4.4
            task.cancel()
            await asyncio.wait({task})

    asyncio.run(check())


@pytest.mark.peer("tmpfs")
def test_a_full_disk_is_told_once_and_overcome(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def check(where: Path) -> None:
        async with opened(where / "etlmon.db") as database:
            await add_events(database, 50, age_days=40)
            with (where / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                while True:
                    ballast.write(b"x" * 4096)
            task = asyncio.create_task(
                Maintenance(database, lambda: keeping(days=30), lambda: NOW, every_sec=0.05).go_on()
            )
            await until(lambda: "old rows stay" in caplog.text)
            await asyncio.sleep(0.3)
            (where / "ballast").unlink()
            await until(lambda: "old rows are removed again" in caplog.text)
            assert await count(database) == 0
            task.cancel()
            await asyncio.wait({task})

    with tmpfs(tmp_path / "small", "size=4m") as where:
        asyncio.run(check(where))
    assert caplog.text.count("old rows stay") == 1
