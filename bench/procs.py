"""What a look at all processes costs (P2b): on a host with 100, 1,000 and 5,000 of them, ten of which are watched.

The peers read the same processes: `ps` once, as a script would, glances as it refreshes itself (a long run less a short
one, so that its start does not count), and psutil, by which most other tools do it.
"""

import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figure import Figure
from bench.processes import children_sec, glances_looks
from node.clock import utc_now
from node.collectors.processes import ProcessCollector
from node.settings import ProcessWatch

SIZES = (100, 1000, 5000)
BUDGET_MS = {1000: 15.0}
WATCHED = 10
ROUNDS = 15
GLANCES_LOOKS = 10
APART_SEC = 0.2


def run() -> list[Figure]:
    return [_figure(size) for size in SIZES]


def _figure(size: int) -> Figure:
    with _host_of(size) as names:
        count = _processes()
        ours, first, children = asyncio.run(_looks(names))
        peers = [("ps", _ps()), *glances_looks("processlist,processcount", GLANCES_LOOKS), *_psutil()]
    return Figure(
        id="P2b",
        what=f"a look at {count:,} processes, {WATCHED} of them watched",
        measured=ours,
        unit="ms of processor time",
        budget=BUDGET_MS.get(size),
        peers=tuple(peers),
        note=f"median of {ROUNDS}, {children:.1f} of it in the child that reads; the first look, which reads every "
        f"command line, {first:.0f} ms",
    )


def _processes() -> int:
    return sum(path.name.isdecimal() for path in Path("/proc").iterdir())


@contextlib.contextmanager
def _host_of(size: int) -> Iterator[list[str]]:
    """At least so many processes; the names of those to watch."""
    sleep = shutil.which("sleep") or "sleep"
    there = _processes()
    marks = [f"36{number:02}" for number in range(WATCHED)]
    made: list[int] = []
    try:
        for number in range(max(size - there, WATCHED)):
            seconds = marks[number] if number < WATCHED else "3599"
            made.append(os.posix_spawn(sleep, ["sleep", seconds], {}))
        yield [f"^sleep {mark}$" for mark in marks]
    finally:
        for pid in made:
            os.kill(pid, 9)
        for pid in made:
            os.waitpid(pid, 0)


async def _looks(names: list[str]) -> tuple[float, float, float]:
    """Milliseconds of processor time of a usual look with its child, of the first one, and of the child alone."""
    collector = ProcessCollector([ProcessWatch(match=name) for name in names], interval_sec=5.0)

    async def look() -> tuple[float, float]:
        own, below = time.process_time(), children_sec()
        async for reading in collector.readings(utc_now()):
            (looked,) = reading.rows
            assert sum(watch.running for watch in looked.watches) == WATCHED
        own = time.process_time() - own
        await collector.close()
        return own * 1000, (children_sec() - below) * 1000

    first = sum(await look())
    # Young processes are compared again until they are some minutes old; that is no usual look.
    for known in list(collector._processes._known.values()):
        known.due_sec += 600
    costs = []
    for _ in range(ROUNDS):
        await asyncio.sleep(APART_SEC)
        costs.append(await look())
    child = statistics.median(below for _, below in costs)
    return statistics.median(own + below for own, below in costs), first, child


def _cost_of(command: list[str | Path]) -> float:
    """Milliseconds of processor time."""
    before = children_sec()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (children_sec() - before) * 1000


def _median(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    return statistics.median(measure() for _ in range(rounds))


def _ps() -> float:
    return _median(lambda: _cost_of(["ps", "-eo", "pid,ppid,user,stat,time,rss,nlwp,args"]))


def _psutil() -> list[tuple[str, float]]:
    try:
        import psutil
    except ImportError:
        return []

    def look() -> float:
        began = time.process_time()
        for process in psutil.process_iter(
            ["pid", "ppid", "username", "status", "cpu_times", "memory_info", "cmdline"]
        ):
            process.info.clear()
        return (time.process_time() - began) * 1000

    look()
    return [("psutil", _median(look))]
