import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from etlmon.contract.fs import Mount
from node.store import fs
from node.store.database import Database
from tests.node.store.opened import after, fetch, opened


def mount(mount_point: str = "/data", seconds: float = 0, used: int = 500, **fields: Any) -> Mount:
    return Mount(
        mount_point=mount_point,
        collected_at=after(seconds),
        total_bytes=1000,
        used_bytes=used,
        avail_bytes=1000 - used,
        used_percent=used / 10,
        **fields,
    )


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def record(database: Database, *rows: Mount) -> None:
    await database.write(lambda db: fs.record(db, rows))


async def recorded_at(database: Database, mount_point: str = "/data") -> list[float]:
    return [(point.at - after(0)).total_seconds() for point in await database.read(fs.history, mount_point)]


def test_the_latest_look_is_all_the_mounts_there_are(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        root, data = mount("/"), mount("/data", state="stuck", stuck_since=after(-60), error_message="no answer")
        await record(database, data, root)
        assert await database.read(fs.mounts) == [root, data]
        assert await database.read(fs.mount, "/data") == data
        later = msgspec.structs.replace(root, collected_at=after(15))
        await record(database, later)
        assert await database.read(fs.mounts) == [later]
        assert await database.read(fs.mount, "/data") is None
        await record(database)
        assert await database.read(fs.mounts) == []

    with_database(tmp_path, scenario)


def test_usage_that_changes_is_kept_and_usage_that_does_not_every_five_minutes(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in range(0, 901, 15):
            await record(database, mount(seconds=seconds))
        assert await recorded_at(database) == [0, 300, 600, 900]
        await record(database, mount(seconds=915, used=501))
        await record(database, mount(seconds=930, used=501))
        await record(database, mount(seconds=945, used=500))
        assert await recorded_at(database) == [0, 300, 600, 900, 915, 945]

    with_database(tmp_path, scenario)


def test_only_what_was_measured_becomes_history(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, mount(used=1, state="ok"))
        for seconds, state in enumerate(("stuck", "denied", "not_mounted", "error"), 1):
            await record(database, mount(seconds=seconds, used=seconds + 100, state=state))
        assert await recorded_at(database) == [0]

    with_database(tmp_path, scenario)


def test_a_clock_that_is_set_back_does_not_stop_the_history(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, mount(seconds=3600))
        for seconds in range(0, 901, 60):
            await record(database, mount(seconds=seconds))
        assert await recorded_at(database) == [0, 300, 600, 900, 3600]

    with_database(tmp_path, scenario)


def test_two_looks_in_one_millisecond_keep_the_later_one(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, mount(used=1))
        await record(database, mount(used=2))
        assert [point.used_bytes for point in await database.read(fs.history, "/data")] == [2]

    with_database(tmp_path, scenario)


def test_history_takes_a_window_and_the_last_point_of_each_step(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in range(0, 600, 15):
            await record(database, mount(seconds=seconds, used=seconds), mount("/other", seconds=seconds))
        points = await database.read(fs.history, "/data", after(60), after(300), 60)
        assert [point.used_bytes for point in points] == [105, 165, 225, 285, 300]
        assert points[0].at == after(105)
        assert points[0].used_percent == 10.5
        assert await database.read(fs.history, "/nowhere") == []
        assert await database.read(fs.history, "/data", after(9000), None, None) == []

    with_database(tmp_path, scenario)


def test_recent_usage_has_every_mount_with_a_point_a_minute(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in range(0, 600, 15):
            await record(database, mount("/a", seconds, used=seconds), mount("/b", seconds, used=seconds + 1))
        recent = await database.read(fs.recent_usage, after(300))
        assert set(recent) == {"/a", "/b"}
        assert [point.used_bytes for point in recent["/a"]] == [345, 405, 465, 525, 585]

    with_database(tmp_path, scenario)


def test_one_odd_mount_does_not_spoil_the_others(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        odd = Mount(mount_point="/odd\udcff", collected_at=after(0), total_bytes=2**64, used_bytes=-(2**65))
        await record(database, mount("/data"), odd)
        assert {row.mount_point for row in await database.read(fs.mounts)} == {"/data", "/odd\\xff"}
        assert await database.read(fs.mount, "/odd\udcff") is not None
        assert len(await database.read(fs.history, "/odd\udcff")) == 1

    with_database(tmp_path, scenario)


def test_the_table_reads_as_df_prints_it(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, mount(seconds=0.5, blocked=[]))
        row = await database.read(fetch, "SELECT * FROM filesystem_usage")
        assert row == [("/data", "2026-11-21T06:00:00.500Z", 1000, 500, 500, 50.0, 0.0)]
        assert after(0.5) - after(0) == timedelta(milliseconds=500)

    with_database(tmp_path, scenario)
