"""P8: how long `/metrics` takes with 1,000 series, and what a scrape costs, beside node_exporter.

Both are asked one after the other, gzipped and over one connection each, as Prometheus does. The node's series are
those of the host and of as many watched directories as it takes.
"""

import contextlib
import gzip
import http.client
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.processes import cpu_sec, free_port, program

EXPORTER = "prometheus-node-exporter"
SERIES, PATHS = 1000, 75
SCRAPES = 300
READY_SEC = 60.0


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Milliseconds of waiting, the median and 95 of 100; of processor time, each; series and bytes of the answer."""

    median: float
    p95: float
    cpu: float
    series: int
    size: int


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="etlmon-bench-") as scratch, _node(Path(scratch)) as (pid, port):
        ours = _scraped(pid, port)
    theirs = None
    if shutil.which(EXPORTER) is not None:
        with _exporter() as (pid, port):
            theirs = _scraped(pid, port)
    note = f"{ours.series:,} series, {ours.size:,} bytes"
    if theirs is not None:
        note += f"; node_exporter {theirs.series:,} series, {theirs.size:,} bytes"
    budgets = (("median", 15.0), ("p95", None), ("cpu", None))
    words = {"median": "a scrape, median", "p95": "a scrape, 95 of 100", "cpu": "processor time a scrape"}
    return [
        Figure(
            id="P8",
            what=f"/metrics with {SERIES:,} series: {words[name]}",
            measured=getattr(ours, name),
            unit="ms",
            budget=budget,
            peers=(("node_exporter", getattr(theirs, name)),) if theirs is not None else (),
            note=note,
        )
        for name, budget in budgets
    ]


def _scraped(pid: int, port: int) -> Scrapes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        body = _scrape(connection)
        waited = []
        used = cpu_sec(pid)
        for _ in range(SCRAPES):
            began = time.perf_counter()
            _scrape(connection)
            waited.append((time.perf_counter() - began) * 1000)
        used = cpu_sec(pid) - used
    waited.sort()
    return Scrapes(
        statistics.median(waited), waited[int(0.95 * SCRAPES)], used * 1000 / SCRAPES, _series(body), len(body)
    )


def _scrape(connection: http.client.HTTPConnection) -> bytes:
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    return gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body


def _series(body: bytes) -> int:
    return sum(not line.startswith(b"#") for line in body.splitlines())


@contextlib.contextmanager
def _node(scratch: Path) -> Iterator[tuple[int, int]]:
    """A node that states SERIES series and more: its pid and port."""
    paths = []
    for number in range(PATHS):
        where = scratch / f"path{number:03d}"
        where.mkdir()
        paths.append(f"  - {{path: {where}, scan_interval: 60s}}")
    config = scratch / "node.yaml"
    config.write_text("\n".join([f"node: {{db_path: {scratch / 'etlmon.db'}}}", "paths:", *paths, ""]))
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "etlmon", "node", "-c", config]
    url = f"http://127.0.0.1:{port}/health"
    with program(command, url, {"ETLMON_NODE__LISTEN": f"127.0.0.1:{port}"}) as (pid, _):
        _wait_for_series(port)
        yield pid, port


def _wait_for_series(port: int) -> None:
    deadline = time.monotonic() + READY_SEC
    while True:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            found = _series(_scrape(connection))
        if found >= SERIES:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the node states only {found} series")
        time.sleep(0.2)


@contextlib.contextmanager
def _exporter() -> Iterator[tuple[int, int]]:
    port = free_port()
    with program([EXPORTER, f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}/") as (pid, _):
        yield pid, port
