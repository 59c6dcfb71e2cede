import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from etlmon.contract.processes import Process, ProcessPoint, ProcessWatch
from node.store import processes as store
from node.store.database import Database
from node.store.processes import ProcessLook, WatchPoint
from tests.node.store.opened import after, fetch, opened


def process(watch: str = "etl", pid: int | None = 100, **fields: Any) -> Process:
    given: dict[str, Any] = {"status": "RUNNING", "collected_at": after(0), **fields}
    return Process(watch=watch, pid=pid, **given)


def watch(name: str = "etl", **fields: Any) -> ProcessWatch:
    return ProcessWatch(name=name, looks_for=f"match {name}", collected_at=after(0), **fields)


def point(name: str = "etl", seconds: float = 0, **fields: Any) -> WatchPoint:
    measured: dict[str, Any] = {
        "running": 1,
        "cpu_percent": 1.5,
        "mem_rss_bytes": 4096,
        "read_bytes_per_sec": 0.0,
        "write_bytes_per_sec": None,
        **fields,
    }
    return WatchPoint(watch=name, at=after(seconds), **measured)


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def record(database: Database, look: ProcessLook) -> None:
    await database.write(lambda db: store.record(db, [look]))


async def put(database: Database, *processes: Process) -> None:
    watches = [watch(name) for name in sorted({one.watch for one in processes})]
    await record(database, ProcessLook(processes=processes, watches=watches))


async def pids(database: Database, of: str | None = None, limit: int = 1000, offset: int = 0) -> list[int | None]:
    return [one.pid for one in (await database.read(store.processes, of, limit, offset))[0]]


def test_a_process_and_its_watch_come_back_as_they_were_stored(tmp_path: Path) -> None:
    whole = process(
        process_name="python3",
        cmdline="python3 worker.py --token=***",
        start_time=after(-3600),
        runtime_sec=3600.25,
        cpu_percent=72.7,
        mem_rss_bytes=2**40,
        user="이름",
        ppid=1,
        state="disk_sleep",
        threads=4,
        open_files=0,
        read_bytes=2**60,
        write_bytes=0,
        restarts=3,
        last_seen_at=after(-5),
        wchan="nfs_wait",
        cpu_host_percent=9.1,
        recent_cpu=[None, 70.1, 72.7],
        error_message="its descriptors cannot be read: permission denied",
    )
    seen = watch(
        running=1,
        min=0,
        max=4,
        state="too_many",
        error_message="no user etl",
        starts=5,
        stops=4,
        restarts=3,
        last_started_at=after(-60),
        last_stopped_at=after(-61),
        since=after(-60),
        cpu_percent=72.7,
        mem_rss_bytes=2**40,
        may_kill=True,
    )

    async def scenario(database: Database) -> None:
        await record(database, ProcessLook(processes=[whole], watches=[seen]))
        assert await database.read(store.processes, None, 10, 0) == ([whole], 1)
        assert await database.read(store.watches) == [seen]
        assert await database.read(store.watch, "etl") == seen
        assert await database.read(store.watch, "other") is None
        assert await database.read(store.remembered) == ([seen], [whole])

    with_database(tmp_path, scenario)


def test_what_could_not_be_read_is_none_and_no_nought(tmp_path: Path) -> None:
    stopped = process(pid=None, status="STOPPED")

    async def scenario(database: Database) -> None:
        await put(database, stopped)
        assert (await database.read(store.processes, None, 10, 0))[0] == [stopped]

    with_database(tmp_path, scenario)


def test_a_look_is_all_there_is(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, process(pid=1), process(pid=2), process("ftpd", pid=3))
        await put(database, process(pid=2))
        assert await pids(database) == [2]
        assert [one.name for one in await database.read(store.watches)] == ["etl"]
        await record(database, ProcessLook(processes=[], watches=[]))
        assert await database.read(store.remembered) == ([], [])

    with_database(tmp_path, scenario)


def test_processes_keep_their_order_within_a_watch_and_come_in_pages(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, process("b", 9), process("a", 8), process("b", 3), process("a", 30), process("b", 9))
        assert await pids(database) == [8, 30, 9, 3, 9]
        assert await pids(database, limit=2, offset=1) == [30, 9]
        assert await database.read(store.processes, None, 2, 9) == ([], 5)
        assert await pids(database, "b", limit=2) == [9, 3]
        assert (await database.read(store.processes, "b", 2, 0))[1] == 3
        assert await database.read(store.processes, "c", 2, 0) == ([], 0)
        assert await database.read(store.processes, "", 2, 0) == ([], 0)

    with_database(tmp_path, scenario)


def test_a_process_that_fits_two_watches_is_a_row_in_each(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, process("a", 7), process("b", 7))
        assert await pids(database) == [7, 7]

    with_database(tmp_path, scenario)


def test_points_become_the_history_of_their_watch(tmp_path: Path) -> None:
    def plain(one: WatchPoint) -> ProcessPoint:
        return ProcessPoint(**{name: getattr(one, name) for name in ProcessPoint.__struct_fields__})

    async def scenario(database: Database) -> None:
        points = [point(seconds=second, running=second) for second in (0, 15, 30)]
        for one in points:
            await record(database, ProcessLook(processes=[], watches=[], points=[one, point("other", 7)]))
        assert await database.read(store.history, "etl") == [plain(one) for one in points]
        assert [one.running for one in await database.read(store.history, "etl", after(1), after(15))] == [15]
        assert [one.running for one in await database.read(store.history, "etl", step=30)] == [15, 30]
        assert await database.read(store.history, "nothing") == []

    with_database(tmp_path, scenario)


def test_a_look_at_the_same_moment_replaces_the_point(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for running in (1, 2):
            await record(database, ProcessLook(processes=[], watches=[], points=[point(running=running)]))
        assert [one.running for one in await database.read(store.history, "etl")] == [2]

    with_database(tmp_path, scenario)


def test_watches_that_are_configured_no_more_are_forgotten_but_for_their_history(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        look = ProcessLook(
            processes=[process("gone", 1), process("kept", 2)],
            watches=[watch("gone"), watch("kept")],
            points=[point("gone")],
        )
        await record(database, look)
        await database.write(lambda db: store.forget(db, ["kept", "new"]))
        assert await pids(database) == [2]
        assert [one.name for one in await database.read(store.watches)] == ["kept"]
        assert len(await database.read(store.history, "gone")) == 1
        await database.write(lambda db: store.forget(db, []))
        assert await database.read(store.remembered) == ([], [])

    with_database(tmp_path, scenario)


def test_hostile_text_is_kept_and_does_no_harm(tmp_path: Path) -> None:
    names = ["a'b\"; --", "\x1b[2J", "nul\0", "\udcff", "%_[x]", "match \\xff"]

    async def scenario(database: Database) -> None:
        await put(database, *(process(name, 1, process_name=name, cmdline=name * 100) for name in names))
        for name in names:
            [found] = (await database.read(store.processes, name, 10, 0))[0]
            shown = name.replace("\udcff", "\\xff")
            assert (found.watch, found.process_name, found.cmdline) == (shown, shown, shown * 100)
        await database.write(lambda db: store.forget(db, ["\udcff"]))
        assert await database.read(fetch, "SELECT DISTINCT watch FROM processes") == [("\\xff",)]

    with_database(tmp_path, scenario)


def test_numbers_that_no_column_holds_do_not_lose_the_look(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, process(read_bytes=2**64, cpu_percent=float("nan"), recent_cpu=[float("inf"), 1.0]))
        [found] = (await database.read(store.processes, None, 10, 0))[0]
        assert (found.read_bytes, found.cpu_percent, found.recent_cpu) == (2**63 - 1, None, [None, 1.0])

    with_database(tmp_path, scenario)


def test_a_look_at_fifty_processes_is_stored_in_little_time(tmp_path: Path) -> None:
    """It is stored every five seconds, for as long as the host lives: some 2 ms of CPU, all told."""

    def look(number: int) -> ProcessLook:
        at = after(5 * number)
        rows = [
            process(
                f"w{one % 10}", one, cmdline="python3 worker.py " * 4, start_time=at, recent_cpu=[float(number)] * 12
            )
            for one in range(50)
        ]
        watches = [watch(f"w{one}", since=at, running=5) for one in range(10)]
        points = [point(f"w{one}", 5 * number) for one in range(10)] if number % 3 == 0 else []
        return ProcessLook(
            processes=[msgspec.structs.replace(row, collected_at=at) for row in rows], watches=watches, points=points
        )

    async def scenario(database: Database) -> None:
        looks = [look(number) for number in range(60)]
        spent = []
        for one in looks:
            began = time.process_time()
            await record(database, one)
            spent.append(time.process_time() - began)
        assert sorted(spent)[len(spent) // 2] < 0.01

    with_database(tmp_path, scenario)
