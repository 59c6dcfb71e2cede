"""P13: the history of 300 numbers: what recording it costs, what it takes on the disk, and how long an answer takes.

The answers are those of a node whose database holds all that is kept by default, never the same one twice. Beside that
of a day stands Prometheus with as many numbers once a minute.
"""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import asyncio
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from bench.figure import Figure
from bench.processes import free_port, program
from node.clock import utc_now
from node.collector import Metric, Sample
from node.history import Recorder
from node.samples import SampleTable
from node.store.database import Database

SERIES = 300
METRIC = "etlmon_path_file_count"
LOOKS = 200
ASKED = 40
DAY, MINUTE, SLOT = 86400, 60, 15
STATED_SEC = 5
MIB = 2**20
SPANS = (
    ("an hour", DAY // 24, None, 25),
    ("a day", DAY, None, 25),
    ("a week", 7 * DAY, None, 100),
    ("30 days", 30 * DAY, None, 25),
    ("a week, in steps of an hour", 7 * DAY, 3600, 25),
)
"""Of a week each of its minutes is looked at, and each of those lies elsewhere in the database."""

NOISE = "abs(random()) / 9.2e16"
KEPT = (
    ("samples_raw", SLOT, 1, "v"),
    ("samples_minute", MINUTE, 7, "v - 1, v + 1, v, 4"),
    ("samples_hour", 3600, 30, "v - 1, v + 1, v, 240"),
)
"""What the default settings keep: tables, seconds a row, days, and the columns of a row."""


def run() -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = asyncio.run(_recording(folder / "recording.db"))
        database = folder / "etlmon.db"
        now = int(time.time())
        asyncio.run(_made(database))
        _fill(database, now)
        figures.append(_size(database))
        peer = _prometheus(folder / "prometheus", now)
        port = free_port()
        command: list[str | Path] = [sys.executable, "-m", "etlmon", "node"]
        url = f"http://127.0.0.1:{port}"
        settings = {"ETLMON_NODE__LISTEN": f"127.0.0.1:{port}", "ETLMON_NODE__DB_PATH": str(database)}
        with program(command, f"{url}/health", settings):
            figures += [
                Figure(
                    id="P13",
                    what=f"the history of one number over {name}, {points:,} points, median",
                    measured=took,
                    unit="ms",
                    budget=budget,
                    peers=peer if span == DAY else (),
                )
                for name, span, step, budget in SPANS
                for took, points in [_asked(url, span, step)]
            ]
        return figures


async def _recording(path: Path) -> list[Figure]:
    """Processor time of all threads of this process: of hearing what is stated, and of the looks that store it.

    Every number is stated anew each 5 s, as those of the host are.
    """
    database = await Database.open(path)
    at = [datetime.fromtimestamp(time.time() // SLOT * SLOT, UTC)]
    table, alone = SampleTable(), SampleTable()
    recorder = Recorder(database, table, [Metric(METRIC, "gauge", "", ("path",), keeps=True)], lambda: at[0])
    looks, heard = [], []
    for _ in range(LOOKS):
        for _ in range(SLOT // STATED_SEC):
            samples = [Sample(METRIC, random.random(), {"path": f"/data/{one}"}) for one in range(SERIES)]
            heard.append(_stating(table, samples, at[0]) - _stating(alone, samples, at[0]))
            at[0] += timedelta(seconds=STATED_SEC)
        began = time.process_time()
        await recorder.look()
        looks.append(time.process_time() - began)
    await database.close()
    hearing, look = statistics.median(heard), statistics.median(looks)
    return [
        Figure(
            id="P13",
            what=f"recording {SERIES} numbers that are stated every {STATED_SEC} s, of a core",
            measured=(hearing / STATED_SEC + look / SLOT) * 100,
            unit="%",
            budget=0.1,
            note=f"{look * 1000:.1f} ms a look",
        ),
        Figure(
            id="P13",
            what=f"hearing of {SERIES} numbers for their history",
            measured=hearing * 1000,
            unit="ms",
            budget=1,
        ),
    ]


def _stating(table: SampleTable, samples: Sequence[Sample], at: datetime) -> float:
    """Seconds of processor time that it takes to state these."""
    began = time.process_time()
    table.replace("paths", samples, at)
    return time.process_time() - began


async def _made(path: Path) -> None:
    await (await Database.open(path)).close()


def _fill(path: Path, now: int) -> None:
    db = sqlite3.connect(path)
    rows = [(METRIC, f'{{"path":"/data/{one}"}}', now - 30 * DAY, now) for one in range(SERIES)]
    db.executemany("INSERT INTO sample_series (metric, labels, first_at, last_at) VALUES (?, ?, ?, ?)", rows)
    for table, width, days, columns in KEPT:
        db.execute(
            "WITH RECURSIVE slot(at) AS "
            "(SELECT :first UNION ALL SELECT at + :width FROM slot WHERE at + :width < :end) "
            f"INSERT INTO {table} "
            f"SELECT at, id, {columns} FROM (SELECT at, id, {NOISE} AS v FROM slot CROSS JOIN sample_series)",
            {"first": (now - days * DAY) // width * width, "width": width, "end": now},
        )
    db.commit()
    db.close()


def _size(path: Path) -> Figure:
    return Figure(
        id="P13",
        what=f"the database with all that is kept of {SERIES} numbers that never stay the same",
        measured=path.stat().st_size / MIB,
        unit="MiB",
        budget=200,
    )


def _prometheus(folder: Path, now: int) -> tuple[tuple[str, float], ...]:
    """How long Prometheus takes for a day of one of the same numbers; nothing where it is not installed."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        return ()
    folder.mkdir()
    numbers, config = folder / "numbers.om", folder / "prometheus.yml"
    with numbers.open("w") as file:
        file.write(f"# TYPE {METRIC} gauge\n")
        for one in range(SERIES):
            for at in range(now - DAY, now, MINUTE):
                file.write(f'{METRIC}{{path="/data/{one}"}} {random.random()} {at}\n')
        file.write("# EOF\n")
    config.write_text("scrape_configs: []\n")
    data, port = folder / "data", free_port()
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", numbers, data], check=True, capture_output=True
    )
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}"]
    url = f"http://127.0.0.1:{port}"
    with program([*command, f"--web.listen-address=127.0.0.1:{port}"], f"{url}/-/ready"):
        took = []
        for one in range(ASKED):
            query = {"query": f'{METRIC}{{path="/data/{one}"}}', "start": now - DAY, "end": now, "step": MINUTE}
            seconds, body = _get(f"{url}/api/v1/query_range?{urlencode(query)}")
            assert body.count(b",") > DAY / MINUTE
            took.append(seconds)
    return (("prometheus query_range", statistics.median(took) * 1000),)


def _asked(url: str, span: float, step: int | None) -> tuple[float, int]:
    """Milliseconds, and how many points the answer has."""
    took, points = [], 0
    for one in range(ASKED):
        since = datetime.fromtimestamp(time.time() - span, utc_now().tzinfo).isoformat()
        query = {"metric": METRIC, "labels": f"path=/data/{one}", "since": since} | ({"step": step} if step else {})
        seconds, body = _get(f"{url}/api/v1/host/history?{urlencode(query)}")
        took.append(seconds)
        points = body.count(b'"at"')
    return statistics.median(took) * 1000, points


def _get(url: str) -> tuple[float, bytes]:
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - all its addresses are http://
        body = answer.read()
    return time.perf_counter() - began, body
