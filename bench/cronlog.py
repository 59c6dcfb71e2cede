"""P3b: matching runs to 200 jobs in a syslog of 100 MB, in which every fiftieth line is cron's.

First the log is there when the node sees it for the first time: only its end is read. Then as much is written while the
node runs. Beside it stands `grep -c CRON`, which reads the same bytes and keeps nothing.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.processes import cpu_sec, free_port, memory, program

MIB = 1024 * 1024
SIZE_BYTES = 100 * MIB
JOBS = 200
CRON_EVERY = 50
PADDING = (
    "app[812]: INFO worker-3 etl.load rows=895735 path=/data/in/sales_20261121.csv took 0.211 s, 4240 rows/s, ok, next"
)
MANY_SEC = 300.0


@dataclass(frozen=True, slots=True)
class Node:
    """A running node that follows one log of cron."""

    pid: int
    port: int

    def get(self, path: str) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", f"/api/v1/{path}")
            return json.loads(connection.getresponse().read())

    def read_until(self) -> str | None:
        """The time of the last line that is stored."""
        logs = [source for source in self.get("cron/sources") if source["kind"] == "run_log"]
        return logs[0]["changed_at"] if logs else None

    def caught_up(self, last: datetime) -> float:
        """Wait until the log is read; the seconds that took."""
        began, wanted = time.monotonic(), last.isoformat(timespec="milliseconds")[:23]
        while (self.read_until() or "") < wanted:
            if time.monotonic() - began > MANY_SEC:
                raise TimeoutError("the log is not read in time")
            time.sleep(0.05)
        return time.monotonic() - began


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="etlmon-bench-") as name:
        return list(_figures(Path(name)))


def _figures(scratch: Path) -> Iterator[Figure]:
    crontabs, log = scratch / "cron.d", scratch / "syslog"
    crontabs.mkdir()
    table = crontabs / "etl"
    table.write_text("".join(f"*/{1 + number % 30} * * * * root /opt/job {number}\n" for number in range(JOBS)))
    now = datetime.now(UTC)
    first, _ = write(log, now - timedelta(days=2), now - timedelta(minutes=10))
    with node(scratch, crontabs, log) as (started, began):
        last = now - timedelta(minutes=10)
        started.caught_up(last - timedelta(seconds=5))
        start_sec, start_cpu, before = time.monotonic() - began, cpu_sec(started.pid), memory(started.pid)
        more, last = write(log, now - timedelta(minutes=10), now, append=True)
        took_sec = started.caught_up(last - timedelta(seconds=1))
        cpu = cpu_sec(started.pid) - start_cpu
        after = memory(started.pid)
        grep_began = time.monotonic()
        subprocess.run(["grep", "-c", "CRON", log], check=False, capture_output=True)
        grep_sec = (time.monotonic() - grep_began) * more / (first + more)
    note = f"{first:,} lines there, read from 50,000 before the end; start of the node included"
    yield Figure(id="P3b", what="cron's log of 100 MB seen for the first time", measured=start_sec, unit="s", note=note)
    yield Figure(id="P3b", what="CPU of that, start included", measured=start_cpu, unit="s")
    peers = (("grep -c", more / grep_sec),)
    yield Figure(
        id="P3b", what="lines of a syslog matched to 200 jobs", measured=more / took_sec, unit="lines/s", peers=peers,
        note=f"{more:,} lines, {more // CRON_EVERY:,} of cron, stored",
    )  # fmt: skip
    yield Figure(id="P3b", what="CPU for a line of a syslog", measured=cpu / more * 1e6, unit="us")
    grown = f"{before.rss_bytes / MIB:.0f} MiB before"
    yield Figure(id="P3b", what="memory after that", measured=after.rss_bytes / MIB, unit="MiB RSS", note=grown)


def write(log: Path, since: datetime, until: datetime, *, append: bool = False) -> tuple[int, datetime]:
    """100 MB of lines spread over that time: (how many, the time of the last)."""
    average = len(since.isoformat()) + len(PADDING) + 10
    count = SIZE_BYTES // average
    host, step, at = os.uname().nodename, (until - since) / count, since
    with log.open("a" if append else "w") as file:
        for number in range(count):
            at = since + number * step
            if number % CRON_EVERY:
                file.write(f"{at.isoformat()} {host} {PADDING}\n")
            else:
                job = number // CRON_EVERY % JOBS
                file.write(f"{at.isoformat()} {host} CRON[{4_200_000 + job}]: (root) CMD (/opt/job {job})\n")
    return count, at


@contextlib.contextmanager
def node(scratch: Path, crontabs: Path, log: Path) -> Iterator[tuple[Node, float]]:
    """A node, and when it was started by the monotonic clock."""
    config, port = scratch / "node.yaml", free_port()
    config.write_text(
        f"node: {{db_path: '{scratch}/etlmon.db', listen: '127.0.0.1:{port}'}}\n"
        f"cron: {{system_crontab: /none, cron_d: '{crontabs}', spool: ['{scratch}/none'],"
        f" anacrontab: /none, systemd_timers: false, run_log: '{log}'}}\n"
    )
    command: list[str | Path] = [sys.executable, "-m", "etlmon", "node", "-c", config]
    began = time.monotonic()
    with program(command, f"http://127.0.0.1:{port}/health") as (pid, _):
        yield Node(pid, port), began
