"""What a look at the host costs (P2c): the usual one, and that which also counts connections and ranks processes.

The peers read the same numbers: node_exporter by a scrape of those collectors alone, glances as it refreshes itself (a
long run less a short one, so that its start does not count), and psutil, by which most other tools do it.
"""

import asyncio
import contextlib
import shutil
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure
from bench.processes import children_sec, cpu_sec, free_port, glances_looks, program
from node.clock import utc_now
from node.collectors.host import HostCollector
from node.sources.host_linux import LinuxHost
from node.sources.host_psutil import PsutilHost
from node.sources.host_types import HostSource

PROCESSES = 500
ROUNDS = 40
APART_SEC = 0.05
GLANCES_LOOKS = 20
SCRAPES = 200
EXPORTER = "prometheus-node-exporter"
COLLECTORS = ("cpu", "meminfo", "vmstat", "diskstats", "netdev", "loadavg", "pressure")
BUDGET_MS = 5.0


def run() -> list[Figure]:
    with _crowd():
        usual, whole = asyncio.run(_looks(LinuxHost()))
        by_psutil, all_by_psutil = asyncio.run(_looks(PsutilHost()))
        return [
            Figure(
                id="P2c",
                what="a look at the host",
                measured=usual,
                unit="ms of processor time",
                budget=BUDGET_MS,
                peers=(
                    *_exporter(*COLLECTORS),
                    *glances_looks("cpu,percpu,mem,memswap,load,network,diskio", GLANCES_LOOKS),
                    ("psutil", by_psutil),
                ),
                note=f"median of {ROUNDS}; every 5 s",
            ),
            Figure(
                id="P2c",
                what=f"the same with connections and {PROCESSES} processes",
                measured=whole,
                unit="ms of processor time",
                peers=(*_exporter(*COLLECTORS, "tcpstat", "processes"), ("psutil", all_by_psutil)),
                note=f"median of {ROUNDS}; every 15 s",
            ),
        ]


@contextlib.contextmanager
def _crowd() -> Iterator[None]:
    """As many processes as a host has that is at work."""
    missing = max(0, PROCESSES - sum(entry.name.isdigit() for entry in Path("/proc").iterdir()))
    crowd = [subprocess.Popen(["sleep", "infinity"]) for _ in range(missing)]
    try:
        yield
    finally:
        for process in crowd:
            process.kill()
        for process in crowd:
            process.wait()


async def _looks(source: HostSource) -> tuple[float, float]:
    """Milliseconds of processor time of a usual look, and of one at everything."""
    costs: dict[bool, list[float]] = {False: [], True: []}
    collectors = {
        seldom: HostCollector(source, interval_sec=1.0, top_n=20, seldom_sec=0.0 if seldom else 3600.0)
        for seldom in costs
    }
    for number in range(ROUNDS + 1):
        for seldom, collector in collectors.items():
            began, below = time.process_time(), children_sec()
            async for reading in collector.readings(utc_now()):
                assert len(reading.samples) > 20
            if number:
                costs[seldom].append((time.process_time() - began + children_sec() - below) * 1000)
        await asyncio.sleep(APART_SEC)
    await source.close()
    return statistics.median(costs[False]), statistics.median(costs[True])


def _exporter(*collectors: str) -> list[tuple[str, float]]:
    """Milliseconds a scrape. The kernel counts in hundredths of a second, so many are asked for."""
    if shutil.which(EXPORTER) is None:
        return []
    port = free_port()
    names = [f"--collector.{name}" for name in collectors]
    command: list[str | Path] = [
        EXPORTER, f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults", *names
    ]  # fmt: skip
    with program(command, f"http://127.0.0.1:{port}/") as (pid, _):
        before = cpu_sec(pid)
        for _ in range(SCRAPES):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                assert b"node_cpu_seconds_total" in answer.read()
        return [("node_exporter", (cpu_sec(pid) - before) * 1000 / SCRAPES)]
