import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlmon.contract.fs import Mount
from etlmon.contract.node import AuditEntry, Event, EventQuery
from etlmon.contract.paths import PathStats
from etlmon.units import Duration
from node.settings import History, Keep, Retention
from node.store import cron, fs, node, paths, processes
from node.store.database import Database
from node.store.retention import Retention as Keeper
from node.store.rows import stamp
from tests.node.store.log_batches import batch, numbered, put
from tests.node.store.opened import START, after, fetch, opened

MINUTE, HOUR, DAY = 60, 3600, 86400
FOR_EVER = Keep(max_age=Duration(0), max_rows=0)
HISTORY = History(raw=Duration(HOUR), minute=Duration(6 * HOUR), hour=Duration(2 * DAY))


def keep(events: Keep = FOR_EVER, audit: Keep = FOR_EVER) -> Retention:
    return Retention(events=events, audit=audit)


def with_database(path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(path) as database:
            await scenario(database)

    asyncio.run(run())


async def finish(keeper: Keeper, now: datetime) -> int:
    """Step until nothing is left; returns how many steps that took."""
    steps = 1
    while await keeper.step(now):
        steps += 1
        assert steps < 1000, "it never ends"
    return steps


async def add_events(database: Database, seconds: range) -> None:
    rows = [Event(at=after(second), domain="fs", key="/", kind="tested", message=str(second)) for second in seconds]
    await database.write(lambda db: node.add_events(db, rows))


async def event_seconds(database: Database) -> list[int]:
    return [int(row[0]) for row in await database.read(fetch, "SELECT message FROM events ORDER BY id")]


async def add_usage(db: aiosqlite.Connection, times: set[str], key: str = "/data") -> None:
    sql = "INSERT INTO filesystem_usage VALUES (?, ?, 1, 1, 1, 1, 1)"
    await db.executemany(sql, [(key, time) for time in times])


async def usage_times(database: Database) -> list[str]:
    return [row[0] for row in await database.read(fetch, "SELECT collected_at FROM filesystem_usage ORDER BY 1")]


def test_rows_older_than_their_age_go_and_the_rest_stays(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add_events(database, range(0, 1000, 10))
        keeper = Keeper(database, keep(events=Keep(max_age=Duration(300), max_rows=0)), HISTORY)
        await finish(keeper, after(1000))
        assert await event_seconds(database) == list(range(700, 1000, 10))

    with_database(tmp_path / "etlmon.db", scenario)


def test_rows_beyond_the_newest_go(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add_events(database, range(100))
        keeper = Keeper(database, keep(events=Keep(max_age=Duration(0), max_rows=7)), HISTORY)
        await finish(keeper, after(10**9))
        assert await event_seconds(database) == list(range(93, 100))

    with_database(tmp_path / "etlmon.db", scenario)


@pytest.mark.parametrize("forever", [FOR_EVER, Keep(max_age=Duration(10**13), max_rows=10**12)])
def test_nought_and_very_long_keep_for_ever(tmp_path: Path, forever: Keep) -> None:
    async def scenario(database: Database) -> None:
        await add_events(database, range(50))
        far = Duration(10**13)
        keeper = Keeper(database, keep(events=forever), History(raw=far, minute=far, hour=far))
        await database.write(lambda db: add_usage(db, {stamp(after(second)) for second in range(50)}))
        await finish(keeper, after(10**9))
        assert len(await event_seconds(database)) == 50
        assert len(await usage_times(database)) == 50

    with_database(tmp_path / "etlmon.db", scenario)


def test_gaps_and_transfers_go_like_events_each_by_its_own_time(tmp_path: Path) -> None:
    times = [(stamp(after(second)),) for second in range(0, 100, 10)]
    gap = (
        "INSERT INTO tail_gaps (owner, at, path, offset, reason, message, seq) VALUES ('x', ?, '/x', 0, 'gone', '', 0)"
    )
    entry = (
        "INSERT INTO xferlog_entries (log_time, remote_host, username, filename, bytes, transfer_time_sec, direction, "
        "status, service, outcome) VALUES (?, '', '', '', 0, 0, 'upload', 'complete', 'ftp', 'complete')"
    )
    unparsed = "INSERT INTO xferlog_unparsed (at, line, reason) VALUES (?, 'x', 'y')"

    async def add(db: aiosqlite.Connection) -> None:
        for sql in (gap, entry, unparsed):
            await db.executemany(sql, times)

    async def left(database: Database) -> list[int]:
        tables = ("tail_gaps", "xferlog_entries", "xferlog_unparsed")
        counts = [await database.read(fetch, f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608
        return [rows[0][0] for rows in counts]

    async def scenario(database: Database) -> None:
        await database.write(add)
        young, few = Keep(max_age=Duration(50), max_rows=0), Keep(max_age=Duration(0), max_rows=3)
        await finish(Keeper(database, Retention(events=young, xferlog_entries=FOR_EVER), HISTORY), after(100))
        assert await left(database) == [5, 10, 10]
        await finish(Keeper(database, Retention(events=FOR_EVER, xferlog_entries=young), HISTORY), after(100))
        assert await left(database) == [5, 5, 5]
        await finish(Keeper(database, Retention(events=FOR_EVER, xferlog_entries=few), HISTORY), after(100))
        assert await left(database) == [5, 3, 3]
        oldest = await database.read(fetch, "SELECT min(log_time) FROM xferlog_entries")
        assert oldest == [(stamp(after(70)),)]

    with_database(tmp_path / "etlmon.db", scenario)


def test_runs_of_cron_go_by_when_they_started_or_were_due(tmp_path: Path) -> None:
    async def left(database: Database) -> list[str]:
        return [row[0] for row in await database.read(fetch, "SELECT key FROM cron_runs ORDER BY id")]

    async def scenario(database: Database) -> None:
        told = [
            cron.StoredRun(key=str(second), at=after(second), job_id=1, state="ok" if second % 20 else "missed")
            for second in range(0, 100, 10)
        ]
        await database.write(lambda db: cron.record(db, [cron.CronLook(at=START, runs=told)]))
        young, few = Keep(max_age=Duration(50), max_rows=0), Keep(max_age=Duration(0), max_rows=2)
        await finish(Keeper(database, Retention(cron_runs=FOR_EVER), HISTORY), after(10**9))
        assert len(await left(database)) == 10
        await finish(Keeper(database, Retention(cron_runs=young), HISTORY), after(100))
        assert await left(database) == ["50", "60", "70", "80", "90"]
        await finish(Keeper(database, Retention(cron_runs=few), HISTORY), after(100))
        assert await left(database) == ["80", "90"]

    with_database(tmp_path / "etlmon.db", scenario)


def test_lines_of_logs_go_too(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, batch(*numbered(300)))
        keeper = Keeper(database, Retention(log_lines=Keep(max_age=Duration(0), max_rows=10)), HISTORY)
        await finish(keeper, START)
        assert await database.read(fetch, "SELECT count(*) FROM log_lines") == [(10,)]

    with_database(tmp_path / "etlmon.db", scenario)


def test_a_backlog_is_worked_off_in_small_writes(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add_events(database, range(5500))
        keeper = Keeper(database, keep(events=Keep(max_age=Duration(1), max_rows=0)), HISTORY)
        before = database.generation
        assert await keeper.step(after(10**6))
        assert await event_seconds(database) == list(range(1000, 5500))
        assert database.generation == before + 1
        assert await finish(keeper, after(10**6)) >= 5
        assert await event_seconds(database) == []

    with_database(tmp_path / "etlmon.db", scenario)


def test_the_audit_is_shortened_though_its_rows_are_never_changed(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for second in range(5):
            attempt = AuditEntry(
                at=after(second), who="", address="", action="a", target=str(second), result="done", status=200
            )
            await database.write(lambda db, attempt=attempt: node.add_audit(db, attempt))  # type: ignore[misc]
        keeper = Keeper(database, keep(audit=Keep(max_age=Duration(0), max_rows=2)), HISTORY)
        await finish(keeper, after(10))
        assert await database.read(fetch, "SELECT target FROM audit ORDER BY id") == [("3",), ("4",)]

    with_database(tmp_path / "etlmon.db", scenario)


def expected(times: list[datetime], now: datetime, history: History) -> list[datetime]:
    """What thinning must leave, told the long way round: of each minute and hour the last, by age."""
    hourly = (now - timedelta(seconds=history.minute)).replace(minute=0, second=0, microsecond=0)
    by_minute = (now - timedelta(seconds=history.raw)).replace(second=0, microsecond=0)
    left: dict[Any, datetime] = {}
    for time in sorted(times):
        if time < now - timedelta(seconds=history.hour):
            continue
        if time < hourly:
            left[time.replace(minute=0, second=0, microsecond=0), "hour"] = time
        elif time < by_minute:
            left[time.replace(second=0, microsecond=0), "minute"] = time
        else:
            left[time, "raw"] = time
    return sorted(left.values())


AGES = st.integers(0, 3 * DAY * 1000).map(lambda age: START - timedelta(milliseconds=age))
CLUSTERS = st.builds(
    lambda start, gaps: [start - timedelta(seconds=gap) for gap in gaps], AGES, st.lists(st.integers(0, 300))
)


@settings(max_examples=25, deadline=None)
@given(
    clusters=st.lists(CLUSTERS, max_size=8),
    looks=st.lists(st.integers(0, 2 * DAY), max_size=4),
    levels=st.tuples(st.integers(0, 3 * HOUR), st.integers(0, DAY), st.integers(0, 3 * DAY)).map(sorted),
)
def test_thinning_leaves_the_last_of_each_minute_then_of_each_hour_then_nothing(
    tmp_path_factory: pytest.TempPathFactory, clusters: list[list[datetime]], looks: list[int], levels: list[int]
) -> None:
    raw, minute, hour = levels
    history = History(raw=Duration(raw), minute=Duration(minute), hour=Duration(hour))
    times = sorted({time for cluster in clusters for time in cluster})

    async def scenario(database: Database) -> None:
        await database.write(lambda db: add_usage(db, {stamp(time) for time in times}))
        keeper = Keeper(database, keep(), history)
        # Looking often on the way comes to the same as looking once at the end.
        for look in sorted(looks):
            await finish(keeper, START + timedelta(seconds=look))
        end = START + timedelta(seconds=max(looks, default=0))
        await finish(keeper, end)
        left = [datetime.fromisoformat(time) for time in await usage_times(database)]
        assert left == expected(times, end, history)
        await finish(Keeper(database, keep(), history), end)
        assert len(await usage_times(database)) == len(left), "a new keeper finds nothing more to do"

    with_database(tmp_path_factory.mktemp("thin") / "etlmon.db", scenario)


def watched(name: str, seconds_ago: int) -> processes.WatchPoint:
    return processes.WatchPoint(
        watch=name,
        at=after(-seconds_ago),
        running=seconds_ago,
        cpu_percent=None,
        mem_rss_bytes=None,
        read_bytes_per_sec=None,
        write_bytes_per_sec=None,
    )


def test_each_mount_path_and_watch_is_thinned_on_its_own(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        every = {stamp(START - timedelta(hours=2, seconds=second)) for second in range(60)}
        for key in ("/a", "/b", "/c"):
            await database.write(lambda db, key=key: add_usage(db, every, key))  # type: ignore[misc]
        rows = [
            paths.PathScan(stats=PathStats(path=path, collected_at=START - timedelta(hours=2, seconds=second)))
            for path in ("/x", "/y")
            for second in range(1, 31)
        ]
        await database.write(lambda db: paths.record(db, rows))
        points = [watched(name, 7200 + second) for name in ("etl", "ftpd") for second in range(1, 31)]
        look = processes.ProcessLook(processes=[], watches=[], points=points)
        await database.write(lambda db: processes.record(db, [look]))
        await finish(Keeper(database, keep(), HISTORY), START)
        kept = "SELECT mount_point, count(*) FROM filesystem_usage GROUP BY 1"
        assert await database.read(fetch, kept) == [("/a", 2), ("/b", 2), ("/c", 2)]
        assert await database.read(fetch, "SELECT path, count(*) FROM path_history GROUP BY 1") == [
            ("/x", 1),
            ("/y", 1),
        ]
        assert [point.running for point in await database.read(processes.history, "etl")] == [7201]
        assert [point.running for point in await database.read(processes.history, "ftpd")] == [7201]

    with_database(tmp_path / "etlmon.db", scenario)


def test_a_crowded_history_is_thinned_in_small_writes(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        dense = {stamp(START - timedelta(hours=2, milliseconds=100 * tenth)) for tenth in range(1, 1501)}
        for key in ("/a", "/b"):
            await database.write(lambda db, key=key: add_usage(db, dense, key))  # type: ignore[misc]
        keeper = Keeper(database, keep(), HISTORY)
        assert await keeper.step(START)
        assert len(await usage_times(database)) == 2000
        assert await finish(keeper, START) == 2
        kept = "SELECT mount_point, count(*) FROM filesystem_usage GROUP BY 1"
        assert await database.read(fetch, kept) == [("/a", 3), ("/b", 3)]

    with_database(tmp_path / "etlmon.db", scenario)


def test_pages_that_became_free_are_given_back(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add_events(database, range(30_000))
        keeper = Keeper(database, keep(events=Keep(max_age=Duration(0), max_rows=10)), HISTORY)
        full = (await database.read(fetch, "PRAGMA page_count"))[0][0]
        await finish(keeper, after(0))
        left = (await database.read(fetch, "PRAGMA page_count"))[0][0]
        assert left < full / 2
        assert (await database.read(fetch, "PRAGMA freelist_count"))[0][0] <= 256

    with_database(tmp_path / "etlmon.db", scenario)


def test_a_step_gives_back_256_pages_at_a_time(tmp_path: Path) -> None:
    async def pages(database: Database, pragma: str = "freelist_count") -> int:
        ((count,),) = await database.read(fetch, f"PRAGMA {pragma}")
        return int(count)

    async def scenario(database: Database) -> None:
        await add_events(database, range(30_000))
        await database.write(lambda db: db.execute_fetchall("DELETE FROM events"))
        keeper = Keeper(database, keep(), HISTORY)
        free, total = await pages(database), await pages(database, "page_count")
        assert free > 3 * 256
        assert await keeper.step(START)
        assert await pages(database) == free - 256
        assert await keeper.step(START)
        assert await pages(database) == free - 512
        # The file has pages besides, that say where the others belong, and fewer of them now.
        assert await pages(database, "page_count") <= total - 512

    with_database(tmp_path / "etlmon.db", scenario)


@pytest.mark.timeout(300)
def test_more_than_a_day_of_readings_leaves_a_small_database_and_a_small_log(tmp_path: Path) -> None:
    """A reading every 15 s, a scan, an event and a step of retention a minute; only the clock is turned."""
    history = History(raw=Duration(2 * HOUR), minute=Duration(6 * HOUR), hour=Duration(12 * HOUR))
    sizes: list[int] = []
    logs: list[int] = []

    async def minute(database: Database, keeper: Keeper, number: int) -> None:
        writes = [database.write(lambda db, rows=rows: fs.record(db, rows)) for rows in readings(number)]  # type: ignore[misc]
        scan = PathStats(path="/data/in", file_count=number, collected_at=after(number * 60))
        writes.append(database.write(lambda db: paths.record(db, [paths.PathScan(stats=scan)])))
        await asyncio.gather(*writes, add_events(database, range(number * 60, number * 60 + 1)))
        while await keeper.step(after(number * 60)):
            pass

    def readings(number: int) -> list[list[Mount]]:
        return [
            [
                Mount(mount_point=f"/data/{name}", collected_at=after(number * 60 + quarter * 15), used_bytes=quarter)
                for name in ("a", "b", "c", "d", "e")
            ]
            for quarter in range(4)
        ]

    async def scenario(database: Database) -> None:
        keeper = Keeper(database, keep(events=Keep(max_age=Duration(DAY), max_rows=500)), history)
        for number in range(26 * 60):
            await minute(database, keeper, number)
            health = database.health()
            logs.append(health.wal_bytes)
            sizes.append(health.db_bytes)
        assert len(await database.read(node.events, EventQuery(limit=1000))) == 500
        points = len(await usage_times(database))
        # Of each of 5 mounts: 2 h raw, 4 h by minute, 6 h by hour.
        assert 5 * (2 * 240 + 4 * 60 + 6) <= points <= 5 * (2 * 240 + 4 + 5 * 60 + 8)

    with_database(tmp_path / "etlmon.db", scenario)
    assert max(sizes[12 * 60 :]) <= 1.3 * max(sizes[: 12 * 60]), "after the first 12 h it grows no more"
    assert max(sizes) < 2 * 2**20
    assert max(logs) < 4 * 2**20


def test_a_step_with_nothing_to_do_writes_nothing(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add_events(database, range(10))
        await database.write(lambda db: add_usage(db, {stamp(START)}))
        keeper = Keeper(database, Retention(), History())
        before = database.generation
        assert not await keeper.step(START)
        assert database.generation == before
        assert database.health().last_commit_at is not None

    with_database(tmp_path / "etlmon.db", scenario)


def test_a_clock_that_was_a_month_ahead_for_a_while_stops_no_thinning(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        keeper = Keeper(database, keep(), History(raw=Duration(HOUR), minute=Duration(DAY), hour=Duration(90 * DAY)))
        await database.write(lambda db: add_usage(db, {stamp(after(0))}))
        await finish(keeper, after(30 * DAY))
        await database.write(lambda db: add_usage(db, {stamp(after(second)) for second in range(10, 120, 10)}))
        await finish(keeper, after(2 * HOUR))
        assert await usage_times(database) == [stamp(after(50)), stamp(after(110))]

    with_database(tmp_path / "etlmon.db", scenario)
