import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.contract.cron import LARGEST_JOB_ID, CronJob, CronRun, CronRunQuery, CronSource, CronState
from etlmon.contract.endpoint import RowPage
from node.sources.tail_types import Lost, Place, Restored
from node.store import cron as store
from node.store import tails
from node.store.cron import OWNER, RECENT_RUNS, CronLook, StoredJob, StoredRun
from node.store.database import Database
from tests.node.store.opened import START, after, fetch, opened


def job(job_id: int = 1, **fields: Any) -> StoredJob:
    given: dict[str, Any] = {
        "number": job_id,
        "schedule": "30 5 * * *",
        "command": "/opt/etl/bin/load",
        "source": "/etc/crontab",
        "last_checked": START,
        "known_since": START,
        **fields,
    }
    return StoredJob(job_id=job_id, **given)


def listed(stored: StoredJob, **fields: Any) -> CronJob:
    shown = {name: getattr(stored, name) for name in CronJob.__struct_fields__}
    return CronJob(**{**shown, **fields})


def run(key: str = "a", seconds: float = 0, **fields: Any) -> StoredRun:
    given: dict[str, Any] = {"job_id": 1, "at": after(seconds), "started_at": after(seconds), "state": "ok", **fields}
    return StoredRun(key=key, **given)


def source(path: str = "/etc/crontab", **fields: Any) -> CronSource:
    given: dict[str, Any] = {"kind": "system", "last_checked": START, **fields}
    return CronSource(path=path, **given)


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(main())


async def record(database: Database, **look: Any) -> None:
    await database.write(lambda db: store.record(db, [CronLook(at=START, **look)]))


async def every(database: Database) -> list[CronJob]:
    return (await database.read(store.jobs, None, 1000, 0))[0]


async def runs(database: Database, **query: Any) -> list[CronRun]:
    return await database.read(store.runs, CronRunQuery(**query))


def test_a_job_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    whole = job(
        LARGEST_JOB_ID,
        user="이름",
        next_run=after(60),
        line_no=7,
        description="at 05:30 every day",
        timezone="Asia/Seoul",
        enabled=False,
        error_message="bad minute",
        last_run_at=after(-60),
        last_exit_code=0,
        last_duration_sec=0.5,
        state="invalid",
        state_reason="cron ignores the file",
        kind="anacron",
        name="cron.daily",
        warning="a date that never comes",
        next_runs=[after(60), after(120)],
        due_at=after(-60),
        running_pids=[1, 4_194_304],
        environment={"MAILTO": "", "X'\"": "\x1b[31m"},
        scripts=["/etc/cron.daily/apt"],
        known_since=after(-(10**6)),
    )

    async def scenario(database: Database) -> None:
        await record(database, jobs=[whole, job(2, number=0)])
        assert await every(database) == [listed(job(2)), listed(whole)]
        assert (await database.read(store.known)).jobs == [job(2, number=0), whole]

    with_database(tmp_path, scenario)


def test_jobs_that_are_found_no_more_are_gone_and_the_others_change(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, jobs=[job(1), job(2), job(3)])
        moved = job(3, number=0, line_no=1, state="running", running_pids=[9])
        await record(database, jobs=[moved, job(2)])
        assert await every(database) == [listed(moved), listed(job(2))]
        await record(database, jobs=None)
        assert len(await every(database)) == 2
        await record(database, jobs=[])
        assert await every(database) == []

    with_database(tmp_path, scenario)


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        look: dict[str, Any] = {"jobs": [job(1, next_runs=[after(5)]), job(2)], "runs": [run("a"), run("b", pid=3)]}
        look |= {"places": [Place(key=1, path="/var/log/syslog", offset=9)], "cursor": "s=1"}
        await record(database, **look)
        before = database.generation
        await record(database, **look)
        assert database.generation == before
        await record(database, runs=[run("b", pid=3, reason="lost")])
        assert database.generation == before + 1

    with_database(tmp_path, scenario)


def test_jobs_come_in_pages_of_one_state_or_of_all(tmp_path: Path) -> None:
    states: list[CronState] = ["missed", "ok", "missed", "failed", "ok"]

    async def scenario(database: Database) -> None:
        await record(database, jobs=[job(number, state=state) for number, state in enumerate(states)])

        async def page(state: CronState | None, limit: int, offset: int) -> tuple[list[int], int]:
            found, total = await database.read(store.jobs, state, limit, offset)
            return [one.job_id for one in found], total

        assert await page(None, 2, 1) == ([1, 2], 5)
        assert await page("ok", 10, 0) == ([1, 4], 2)
        assert await page("missed", 1, 1) == ([2], 2)
        assert await page("overlapping", 10, 0) == ([], 0)

    with_database(tmp_path, scenario)


def test_a_job_counts_its_own_troubles_among_the_stored_runs(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(
            database,
            jobs=[job(1), job(2)],
            runs=[
                run("a"),
                run("b", state="missed", started_at=None),
                run("c", state="missed", started_at=None),
                run("d", state="failed", overlapped=True),
                run("e", overlapped=True),
                run("f", overlapped=True, state="running"),
                run("g", job_id=2, state="failed"),
                run("h", job_id=3, state="failed"),
            ],
        )
        first, second = await every(database)
        assert (first.missed, first.failed, first.overlapped) == (2, 1, 3)
        assert (second.missed, second.failed, second.overlapped) == (0, 1, 0)

    with_database(tmp_path, scenario)


def test_a_run_that_is_seen_again_keeps_its_id_and_takes_what_is_known_now(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, runs=[run("a", due_at=START, pid=41, state="running"), run("b")])
        ended = run("a", due_at=START, pid=41, ended_at=after(9), duration_sec=9.0, exit_code=3, state="failed")
        await record(database, runs=[ended, run("c")])
        found = {one.id: one for one in await runs(database)}
        assert sorted(found)[:2] == [1, 2]
        assert len(found) == 3
        whole = {name: getattr(ended, name) for name in CronRun.__struct_fields__}
        assert found[1] == CronRun(**{**whole, "id": 1})

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [6, 5]),
        ({"limit": 2, "before": 4}, [3, 2]),
        ({"limit": 2, "after": 3}, [5, 4]),
        ({"job_id": 1}, [5, 3, 1]),
        ({"job_id": 1, "limit": 1, "before": 5}, [3]),
        ({"state": "missed"}, [5, 4]),
        ({"state": "missed", "job_id": 1}, [5]),
        ({"state": "unknown"}, []),
        ({"job_id": 0}, []),
        ({"job_id": LARGEST_JOB_ID}, [6]),
    ],
)
def test_runs_are_asked_for_by_job_and_state_newest_first(
    tmp_path: Path, query: dict[str, Any], found: Sequence[int]
) -> None:
    of = [1, 2, 1, 2, 1, LARGEST_JOB_ID]
    states = ["ok", "ok", "ok", "missed", "missed", "ok"]

    async def scenario(database: Database) -> None:
        told = [
            run(str(number), number, job_id=job_id, state=state)
            for number, (job_id, state) in enumerate(zip(of, states, strict=True))
        ]
        await record(database, runs=told)
        assert [one.id for one in await runs(database, **query)] == found

    with_database(tmp_path, scenario)


def test_sources_are_told_crontabs_first_then_the_daemon_and_its_log(tmp_path: Path) -> None:
    told = [
        source("/etc/crontab", jobs=4, changed_at=after(-1)),
        source("/etc/cron.d/a", kind="cron_d", state="skipped", reason="cron passes over names with a dot"),
        source("/etc/cron.d/b", kind="cron_d"),
        source("/var/spool/cron/crontabs/etl", kind="user", state="denied", reason="permission denied"),
        source("systemd", kind="timers"),
        source("cron", kind="daemon", state="missing"),
        source("/var/log/syslog", kind="run_log"),
    ]

    async def scenario(database: Database) -> None:
        await record(database, sources=[*reversed(told), source("/old")])
        await record(database, sources=list(reversed(told)))
        assert await database.read(store.sources) == told
        await record(database, sources=None)
        assert (await database.read(store.known)).sources == told

    with_database(tmp_path, scenario)


def test_a_collector_goes_on_with_what_runs_and_the_latest_of_each_job(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        told = [run(f"{job_id}-{number}", number, job_id=job_id) for number in range(9) for job_id in (1, 2)]
        gone = [run("gone", job_id=7), run("at work", job_id=7, state="running")]
        old = [run("stays", job_id=1, state="running", reason="it hangs")]
        await record(database, jobs=[job(1), job(2)], runs=[*old, *gone, *told])
        known = (await database.read(store.known)).runs
        latest = [f"{job_id}-{number}" for number in range(9 - RECENT_RUNS, 9) for job_id in (1, 2)]
        assert [one.key for one in known] == ["stays", "at work", *latest]
        assert known[0] == msgspec.structs.replace(old[0], id=1)

    with_database(tmp_path, scenario)


def test_how_far_the_log_is_read_is_stored_with_what_it_told(tmp_path: Path) -> None:
    place = Place(key=1, path="/var/log/syslog", inode=7, offset=900)
    lost = Lost(path="/var/log/syslog", inode=7, offset=3, lost_bytes=None, reason="gone", message="gone")

    async def scenario(database: Database) -> None:
        known = await database.read(store.known)
        assert (known.restored, known.cursor) == (Restored(), None)
        log = source("/var/log/syslog", kind="run_log")
        await record(database, sources=[log], runs=[run()], places=[place], lost=[lost], cursor="s=1;i=2")
        await record(database, runs=[run("b")])
        known = await database.read(store.known)
        assert known.restored == Restored(places=(place,), known=True)
        assert known.cursor == "s=1;i=2"
        [gap] = await database.read(tails.gaps, OWNER, RowPage())
        assert (gap.path, gap.at, gap.message) == ("/var/log/syslog", START, "gone")
        await record(database, places=[], cursor="s=1;i=3")
        known = await database.read(store.known)
        assert (known.restored, known.cursor) == (Restored(known=True), "s=1;i=3")

    with_database(tmp_path, scenario)


def test_a_log_that_was_looked_for_in_vain_is_known_so_that_one_that_comes_is_read_from_its_start(
    tmp_path: Path,
) -> None:
    async def scenario(database: Database) -> None:
        await record(database, sources=[source("/var/log/cron", kind="run_log", state="missing")])
        assert (await database.read(store.known)).restored == Restored(known=True)

    with_database(tmp_path, scenario)


def test_cron_that_is_watched_no_more_leaves_its_runs_and_none_of_them_running(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        place = Place(key=1, path="/var/log/syslog", offset=900)
        told = [run("a"), run("b", state="running")]
        await record(database, jobs=[job()], sources=[source(kind="run_log")], runs=told, places=[place], cursor="s=1")
        await database.write(store.forget)
        known = await database.read(store.known)
        assert (known.jobs, known.sources, known.runs) == ([], [], [])
        assert (known.restored, known.cursor) == (Restored(), None)
        assert [(one.state, one.reason) for one in await runs(database)] == [
            ("unknown", "cron was not watched any more when it ended"),
            ("ok", None),
        ]
        before = database.generation
        await database.write(store.forget)
        assert database.generation == before

    with_database(tmp_path, scenario)


def test_hostile_text_is_kept_and_does_no_harm(tmp_path: Path) -> None:
    texts = ["a'b\"; --", "\x1b[2J", "nul\0", "\udcff", "%_[x]"]

    async def scenario(database: Database) -> None:
        jobs = [job(number, command=text, environment={text: text}) for number, text in enumerate(texts)]
        await record(database, jobs=jobs, runs=[run(text, reason=text) for text in texts])
        shown = [text.replace("\udcff", "\\xff") for text in texts]
        assert [(one.command, one.environment) for one in await every(database)] == [
            (text, {text: text}) for text in shown
        ]
        assert [one.reason for one in reversed(await runs(database))] == shown
        assert await database.read(fetch, "SELECT key FROM cron_runs ORDER BY id") == [(text,) for text in shown]

    with_database(tmp_path, scenario)


def test_what_is_asked_for_often_is_found_without_reading_every_run(tmp_path: Path) -> None:
    queries: list[dict[str, Any]] = [{}, {"job_id": 1}, {"state": "missed"}, {"job_id": 1, "state": "failed"}]

    async def scenario(database: Database) -> None:
        await record(database, jobs=[job(1)], runs=[run()])

        class Explained:
            """Takes a query to the database, and asks how it is answered."""

            def __init__(self, db: Any) -> None:
                self.db = db
                self.plan: list[str] = []

            async def execute_fetchall(self, sql: str, params: Sequence[object] = ()) -> Any:
                self.plan += [row[3] for row in await self.db.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}", params)]
                return await self.db.execute_fetchall(sql, params)

        async def explained(db: Any, ask: Callable[..., Awaitable[Any]], *params: Any) -> list[str]:
            asked = Explained(db)
            await ask(asked, *params)
            return asked.plan

        plans = [await database.read(explained, store.runs, CronRunQuery(**query)) for query in queries]
        plans += [await database.read(explained, store.jobs, None, 100, 0), await database.read(explained, store.known)]
        sorts = [[step for step in plan if "TEMP B-TREE" in step] for plan in plans]
        assert sorts[:4] == [[]] * 4
        scans = [step for plan in plans[1:] for step in plan if step.startswith("SCAN cron_runs")]
        assert scans == []
        assert any("cron_runs_overlapped" in step for step in plans[4])

    with_database(tmp_path, scenario)
