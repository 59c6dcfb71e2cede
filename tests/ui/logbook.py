"""Fake nodes with logs, for the tests of the Log view."""

from datetime import timedelta

from tests.fakes.logs import FakeLog
from tests.fakes.nodes import FakeNode
from tests.ui.hosts import says
from tests.ui.looking import NOW

LEVELS = ("INFO ", "DEBUG", "INFO ", "WARN ", "INFO ", "INFO ", "ERROR", "INFO ")


def entry(number: int) -> str:
    """A line as an ETL job writes it."""
    name = "한글파일" if number % 9 == 0 else str(number * 37 % 5000)
    return (
        f"{LEVELS[number % 8]} [worker-{number % 13}] etl.load job={number * 7919 % 100_003} "
        f"rows={number * 101 % 9973} path=/data/in/{name}.csv"
    )


def app_log(lines: int = 400) -> FakeLog:
    """A log that is well; its newest line is 20 s old."""
    begin = NOW - timedelta(seconds=lines + 20)
    return FakeLog("app", begin=begin).write(*map(entry, range(1, lines + 1)))


def well(fake: FakeNode, name: str, lines: int = 400) -> FakeNode:
    """A node with a log of jobs and a small one."""
    says(fake, name)
    fake.logs["app"] = app_log(lines)
    loader = FakeLog("loader", 2, begin=NOW - timedelta(seconds=60))
    loader.write(*(f"loader {number} done" for number in range(1, 41)))
    fake.logs["loader"] = loader
    return fake


def in_trouble(fake: FakeNode, name: str) -> FakeNode:
    """A node whose logs are rotated, truncated, paused, missing and noisy."""
    well(fake, name)
    app = fake.logs["app"]
    app.gap("the file was truncated; what was written just before may be lost", 52_000)
    app.inode = 132
    app.write("INFO  [main] a new file begins", "ERROR [main] Traceback\n\tat load.py:7\n\tat main.py:1")
    app.write("ERROR [main] \x1b[31mred\x1b[0m [/x] \u202egnp.exe 👩‍👩‍👧 데이터", "WARN  " + "long " * 60)
    app.facts = {"errors_per_min": 12.0, "gaps": 1, "lost_bytes": 52_000, "last_gap_at": NOW - timedelta(minutes=4)}
    paused = FakeLog("loader", 2).write("loader 1 done")
    paused.paused = True
    paused.facts = {"lag_bytes": 12 * 2**20, "lines_per_sec": 0.0}
    fake.logs["loader"] = paused
    gone = FakeLog("nightly", 3, path="/data/logs/nightly-*.log").write("done")
    gone.status = "missing"
    gone.facts = {"error_message": "no such file", "lines_per_sec": 0.0}
    fake.logs["nightly"] = gone
    return fake
