import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.paths import PathState, PathStats, PathTop, TopDirectory, TopFile
from node.store import paths
from node.store.database import Database
from node.store.paths import PathScan
from tests.node.store.opened import after, fetch, opened


def stats(path: str = "/data/in", seconds: float = 0, files: int = 10, **fields: Any) -> PathStats:
    return PathStats(path=path, collected_at=after(seconds), file_count=files, **fields)


def largest(*names: str) -> PathTop:
    return PathTop(
        files=[TopFile(path=name, bytes=len(name), mtime=after(0)) for name in names],
        directories=[TopDirectory(path=f"{name}.d", bytes=9, file_count=2) for name in names],
    )


async def every(database: Database) -> list[PathStats]:
    return (await database.read(paths.stats, 1000, 0))[0]


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def record(database: Database, *rows: PathStats, top: PathTop | None = None) -> None:
    await database.write(lambda db: paths.record(db, [PathScan(stats=row, top=top) for row in rows]))


async def counts(database: Database) -> list[int]:
    return [point.file_count for point in await database.read(paths.history, "/data/in")]


def test_the_latest_scan_of_each_path_is_kept_whole(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        whole = stats(
            name="landing",
            dir_count=3,
            scan_duration_ms=7,
            total_bytes=2**50,
            oldest_mtime=after(-(10**9)),
            newest_mtime=after(-1),
            arriving_count=1,
            ready_count=9,
            delta_files=-4,
            next_scan_at=after(60),
        )
        await record(database, stats(files=1), stats("/b"), stats("/a"))
        await record(database, whole)
        assert await every(database) == [stats("/a"), stats("/b"), whole]

    with_database(tmp_path, scenario)


def test_paths_come_in_pages_with_their_total(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, *(stats(f"/{name}") for name in "edcba"))
        page, total = await database.read(paths.stats, 2, 1)
        assert [row.path for row in page] == ["/b", "/c"]
        assert total == 5
        assert await database.read(paths.stats, 2, 9) == ([], 5)

    with_database(tmp_path, scenario)


def test_a_running_scan_shows_the_counts_of_the_one_before(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, stats(files=10, status="ERROR", state="incomplete", complete=False, error_message="cut"))
        running = stats(seconds=60, files=3, status="SCANNING", scanned_files=3, next_scan_at=after(120))
        await record(database, running)
        [row] = await every(database)
        assert (row.status, row.scanned_files, row.next_scan_at) == ("SCANNING", 3, after(120))
        assert (row.file_count, row.collected_at, row.error_message) == (10, after(0), "cut")
        await record(database, stats(seconds=70, files=12))
        assert await every(database) == [stats(seconds=70, files=12)]
        assert await counts(database) == [10, 12]

    with_database(tmp_path, scenario)


def test_a_first_scan_shows_the_counts_so_far_which_are_no_history(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for files in (1, 5, 9):
            await record(database, stats(seconds=files, files=files, status="SCANNING", scanned_files=files))
            [row] = await every(database)
            assert (row.file_count, row.status) == (files, "SCANNING")
        assert await counts(database) == []

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    ("state", "counted"),
    [
        ("ok", True),
        ("empty", True),
        ("incomplete", True),
        ("denied", False),
        ("missing", False),
        ("not_mounted", False),
        ("stuck", False),
    ],
)
def test_a_scan_that_could_not_count_is_no_zero_in_the_history(tmp_path: Path, state: PathState, counted: bool) -> None:
    async def scenario(database: Database) -> None:
        await record(database, stats(files=10))
        await record(database, stats(seconds=60, files=0, state=state, status="OK" if counted else "ERROR"))
        assert await counts(database) == ([10, 0] if counted else [10])
        [row] = await every(database)
        assert row.state == state

    with_database(tmp_path, scenario)


def test_the_largest_files_are_those_of_the_last_scan_that_measured(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        assert await database.read(paths.top, "/data/in", 5) == PathTop(files=[], directories=[])
        await record(database, stats(), top=largest("a", "bb", "ccc"))
        await record(database, stats(seconds=60))
        assert await database.read(paths.top, "/data/in", 5) == largest("a", "bb", "ccc")
        await record(database, stats(seconds=120), top=largest("ccc", "a"))
        assert await database.read(paths.top, "/data/in", 5) == largest("ccc", "a")
        assert await database.read(paths.top, "/data/in", 1) == largest("ccc")
        await record(database, stats(seconds=180), top=largest())
        assert await database.read(paths.top, "/data/in", 5) == PathTop(files=[], directories=[])

    with_database(tmp_path, scenario)


def test_a_path_is_found_by_itself_before_any_name(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, stats("/a", name="landing"), stats("/b", name="/a"), stats("/c", name="landing"))
        assert await database.read(paths.resolve, "/a") == "/a"
        assert await database.read(paths.resolve, "landing") == "/a"
        assert await database.read(paths.resolve, "/c") == "/c"
        assert await database.read(paths.resolve, "nothing") is None

    with_database(tmp_path, scenario)


def test_paths_no_longer_watched_are_forgotten_but_for_their_history(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, stats("/data/in"), stats("/keep"), top=largest("a"))
        await database.write(lambda db: paths.forget(db, ["/keep"]))
        assert [row.path for row in await every(database)] == ["/keep"]
        assert await database.read(paths.top, "/data/in", 5) == PathTop(files=[], directories=[])
        assert await database.read(paths.top, "/keep", 5) == largest("a")
        assert await counts(database) == [10]
        await database.write(lambda db: paths.forget(db, []))
        assert await every(database) == []

    with_database(tmp_path, scenario)


def test_scans_that_ended_with_the_node_do_not_stay_running(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, stats("/known", status="ERROR", state="denied"), stats("/calm"))
        await record(database, stats("/known", status="SCANNING", scanned_files=5), stats("/new", status="SCANNING"))
        await database.write(paths.end_interrupted)
        assert await every(database) == [
            stats("/calm"),
            stats("/known", status="ERROR", state="denied"),
        ]

    with_database(tmp_path, scenario)


def test_scans_that_go_on_stay_as_they_are_while_others_are_ended(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        begun, again = stats("/begun", status="SCANNING"), stats("/known", status="SCANNING", scanned_files=5)
        await record(database, stats("/known"), stats("/ended", status="SCANNING"))
        await record(database, begun, again)
        await database.write(lambda db: paths.end_interrupted(db, ["/begun", "/known"]))
        assert await every(database) == [begun, again]
        assert await database.read(paths.latest, "/known") == again
        assert await database.read(paths.latest, "/ended") is None

    with_database(tmp_path, scenario)


def test_hostile_names_are_kept_apart_and_do_no_harm(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        names = ["/a'b\"; --", "/\x1b[2J", "/nul\0", "/\udcff", "/%_[x]"]
        await record(database, *(stats(name, name=name) for name in names), top=largest("x\udcfe\0"))
        assert len(await every(database)) == len(names)
        for name in names:
            assert await database.read(paths.resolve, name) is not None
            found = await database.read(paths.top, name, 1)
            assert found.files[0].path == "x\\xfe\0"
        await database.write(lambda db: paths.forget(db, names[3:4]))
        assert await database.read(fetch, "SELECT path FROM path_stats") == [("/\\xff",)]

    with_database(tmp_path, scenario)
