"""Which collectors a configuration makes, and what of the store goes with what is taken out of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from etlmon.contract.cron import CronRunQuery
from etlmon.contract.processes import Process, ProcessWatch
from node.collectors import COLLECTORS
from node.settings import Cron, NodeSettings
from node.settings import ProcessWatch as Watch
from node.store import cron, processes
from node.store.cron import CronLook, StoredJob, StoredRun
from node.store.database import Database
from node.store.processes import ProcessLook
from tests.node.store.opened import START, opened

WATCHING = NodeSettings(process_watch=(Watch(name="etl", match="worker"), Watch(pidfile="/run/vsftpd.pid")))


def names(settings: NodeSettings, domain: str) -> list[str]:
    return [one.name for each in COLLECTORS if each.domain == domain for one in each.build(settings)]


@pytest.mark.parametrize(
    ("settings", "domain", "built"),
    [
        (NodeSettings(), "processes", []),
        (WATCHING, "processes", ["processes"]),
        (NodeSettings(), "cron", ["cron"]),
        (NodeSettings(cron=Cron(enabled=False)), "cron", []),
    ],
)
def test_there_is_one_collector_for_what_is_watched_and_none_for_what_is_not(
    settings: NodeSettings, domain: str, built: list[str]
) -> None:
    assert names(settings, domain) == built


def test_each_domain_and_each_collector_has_a_name_of_its_own() -> None:
    domains = [each.domain for each in COLLECTORS]
    assert sorted(set(domains)) == sorted(domains)
    built = [one for each in COLLECTORS for one in each.build(WATCHING)]
    assert len({one.name for one in built}) == len(built)
    assert {one.domain for one in built} <= set(domains)


def play(tmp_path: Path, domain: str, scenario: Callable[[Database, Any], Awaitable[None]]) -> None:
    """Run the scenario with a database, and a function that prunes it by the settings it is given."""

    async def main() -> None:
        [prune] = [each.prune for each in COLLECTORS if each.domain == domain]
        assert prune is not None

        async with opened(tmp_path / "etlmon.db") as database:

            async def pruned(settings: NodeSettings) -> None:
                async def work(db: aiosqlite.Connection) -> None:
                    await prune(db, settings, ())

                await database.write(work)

            await scenario(database, pruned)

    asyncio.run(main())


def test_watches_leave_with_their_processes_when_they_are_taken_out(tmp_path: Path) -> None:
    titles = ["etl", "pidfile /run/vsftpd.pid", "old"]
    look = ProcessLook(
        processes=[Process(watch=name, status="STOPPED", collected_at=START) for name in titles],
        watches=[ProcessWatch(name=name, looks_for=name, collected_at=START) for name in titles],
    )

    async def scenario(database: Database, prune: Any) -> None:
        await database.write(lambda db: processes.record(db, [look]))
        await prune(WATCHING)
        watches, rows = await database.read(processes.remembered)
        assert [one.name for one in watches] == [one.watch for one in rows] == titles[:2]
        await prune(NodeSettings())
        assert await database.read(processes.remembered) == ([], [])

    play(tmp_path, "processes", scenario)


def test_jobs_leave_when_cron_is_not_watched_any_more_and_their_runs_stay(tmp_path: Path) -> None:
    job = StoredJob(
        job_id=1, number=1, schedule="@daily", command="x", source="y", last_checked=START, known_since=START
    )
    look = CronLook(at=START, jobs=[job], runs=[StoredRun(key="a", at=START, job_id=1, state="ok")])

    async def scenario(database: Database, prune: Any) -> None:
        await database.write(lambda db: cron.record(db, [look]))
        await prune(NodeSettings())
        assert len((await database.read(cron.known)).jobs) == 1
        await prune(NodeSettings(cron=Cron(enabled=False)))
        assert (await database.read(cron.known)).jobs == []
        assert len(await database.read(cron.runs, CronRunQuery())) == 1

    play(tmp_path, "cron", scenario)
