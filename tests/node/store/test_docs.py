"""docs/storage.md tells what is there, and its commands work as they stand."""

import asyncio
import re
from pathlib import Path

import pytest

from etlmon.contract.fs import Mount
from etlmon.contract.node import Event, EventQuery
from etlmon.contract.processes import Process
from node.store import alerts_deliveries, clusters, cron, dataproc, fs, node, processes
from tests.node.store import alert_rows, estates
from tests.node.store.cluster_rows import cluster, guest, look
from tests.node.store.log_batches import batch, put
from tests.node.store.opened import START, fetch, opened
from tests.node.store.sampling import point
from tests.node.store.sampling import put as put_samples
from tests.peers import program, run

TEXT = (Path(__file__).parents[3] / "docs" / "storage.md").read_text(encoding="utf-8")


CRON = cron.CronLook(
    at=START,
    jobs=[
        cron.StoredJob(
            job_id=1,
            number=1,
            schedule="* * * * *",
            command="load",
            source="/etc/crontab",
            state="missed",
            state_reason="cron was down",
            last_checked=START,
            known_since=START,
        )
    ],
    runs=[cron.StoredRun(key="a", at=START, job_id=1, state="failed", exit_code=3)],
)


PROCESSES = processes.ProcessLook(
    processes=[
        Process(watch="etl_worker", pid=7, cmdline="worker.py", cpu_percent=72.7, status="RUNNING", collected_at=START)
    ],
    watches=[],
    points=[
        processes.WatchPoint(
            watch="etl_worker",
            at=START,
            running=1,
            cpu_percent=72.7,
            mem_rss_bytes=None,
            read_bytes_per_sec=None,
            write_bytes_per_sec=None,
        )
    ],
)


def documented() -> dict[str, list[str]]:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (`.*) \|$", TEXT, flags=re.MULTILINE)
    return {table: re.findall(r"`(\w+)`", columns) for table, columns in rows}


def test_every_table_and_column_is_documented(tmp_path: Path) -> None:
    async def scenario() -> dict[str, list[str]]:
        async with opened(tmp_path / "etlmon.db") as database:
            tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            return {
                name: [row[0] for row in await database.read(fetch, "SELECT name FROM pragma_table_info(?)", name)]
                for (name,) in await database.read(fetch, tables)
            }

    assert documented() == asyncio.run(scenario())


@pytest.mark.peer("sqlite3")
def test_the_queries_and_the_backup_work_beside_a_running_node(tmp_path: Path) -> None:
    queries = re.findall(r"^SELECT .*;$", TEXT, flags=re.MULTILINE)
    assert len(queries) == 22
    path, copy = tmp_path / "etlmon.db", tmp_path / "copy.db"

    async def scenario() -> str:
        async with opened(path) as database:
            mount = Mount(mount_point="/", collected_at=START, used_bytes=9, used_percent=93.4)
            event = Event(at=START, domain="fs", key="/", kind="tested", message="hello")
            await database.write(lambda db: fs.record(db, [mount]))
            await database.write(lambda db: node.add_events(db, [event]))
            await put(database, batch("a line", "another"))
            await database.write(lambda db: processes.record(db, [PROCESSES]))
            await database.write(lambda db: cron.record(db, [CRON]))
            await database.write(lambda db: clusters.add(db, cluster(status="healthy"), "sealed"))
            await database.write(lambda db: clusters.record(db, [look(cluster(), guest(101, name="etl-db"))]))
            estate = estates.look("u1", run=estates.run(result="partial", success=1, reason="r2: denied"))
            await database.write(lambda db: dataproc.record(db, [estate]))
            await put_samples(database, point(0, 62.5, "memory_usage_percent"))
            await alert_rows.save(database, alert_rows.change())
            queued = [alert_rows.notice(1)]
            await database.write(lambda db: alerts_deliveries.enqueue(db, "mail", queued, at=START, send_at=START))
            told = "".join(run(program("sqlite3"), "-readonly", path, query) for query in queries)
            run(program("sqlite3"), path, f".backup {copy}")
            return told + database.node_id

    told = asyncio.run(scenario())
    assert "/|93%|ok\n" in told
    assert "2026-11-21T06:00:00.000Z|fs|/|tested|hello\n" in told
    assert "2026-11-21 06:00:00|62.5|\n" in told
    assert "backlog|warning|active|/in holds 12017 files|2026-11-21T06:00:00.000Z|\n" in told
    assert "2026-11-21T06:00:00.000Z|mail|firing|number 1|waiting|0|\n" in told
    assert "app|following|2|2026-11-21T06:00:00.000Z|0\n" in told
    assert "etl_worker|7|RUNNING|72.7||worker.py\n" in told
    assert "2026-11-21T06:00:00.000Z|1|72.7\n" in told
    assert "* * * * *|load|missed|cron was down|\n" in told
    assert "2026-11-21T06:00:00.000Z|load|failed|3|\n" in told
    assert "prod|unknown||0|0|\n" in told
    assert "p1|asia-northeast3|etl-u1|RUNNING|0|\n" in told
    assert "2026-11-21T06:00:00.000Z|data|partial|1|0|0|r2: denied\n" in told
    assert "prod|101|etl-db|pve1|running\n" in told
    assert "2026-11-21T06:00:00.000Z|a line\n2026-11-21T06:00:00.000Z|another\n" in told

    async def restored() -> str:
        async with opened(copy) as database:
            assert [row.message for row in await database.read(node.events, EventQuery())] == ["hello"]
            return database.node_id

    assert told.endswith(asyncio.run(restored()))
