"""What this process uses, and what it started: processor time and memory."""

import asyncio
import importlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.sources import procfs
from node.sources.process_types import Stat
from node.sources.procfs import PROC, TICKS_PER_SEC


@dataclass(frozen=True, slots=True)
class OwnUse:
    """At the moment `at_sec` of a clock that nobody can set.

    `cpu_sec` is of the process, of its children that ended, and of what goes on below it. It may go back when something
    ends that a child had started. Memory is what is resident; what several share counts for each.
    """

    at_sec: float
    cpu_sec: float
    rss_bytes: int
    children_rss_bytes: int


async def measure(platform: str = sys.platform) -> OwnUse:
    """What is used now. Raises OSError."""
    return await by_proc() if platform == "linux" else await asyncio.to_thread(by_psutil)


async def by_proc(proc: Path = PROC) -> OwnUse:
    """By the process table: children are found by their parents, on every kernel."""
    at_sec, own_sec = time.monotonic(), _own_sec()
    scan = await procfs.scan(proc)
    stats = {pid: procfs.parse_stat(line) for pid, line in scan.lines.items()}
    own = stats.get(os.getpid())
    if own is None:
        raise ProcessLookupError(f"{proc} does not show this process")
    below = list(_below(own.pid, stats))
    return OwnUse(
        at_sec=at_sec,
        cpu_sec=own_sec + sum(_ticks(scan.lines[stat.pid]) for stat in below) / TICKS_PER_SEC,
        rss_bytes=procfs.resident_bytes(own, proc),
        children_rss_bytes=sum(procfs.resident_bytes(stat, proc) for stat in below),
    )


def _own_sec() -> float:
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def _below(pid: int, stats: Mapping[int, Stat]) -> Iterator[Stat]:
    """Everything that descends from a process."""
    children: dict[int, list[Stat]] = {}
    for stat in stats.values():
        children.setdefault(stat.ppid, []).append(stat)
    waiting = children.pop(pid, [])
    while waiting:
        stat = waiting.pop()
        yield stat
        waiting += children.pop(stat.pid, [])


def _ticks(line: bytes) -> int:
    """utime, stime, and those of its children that it waited for: fields 14 to 17 of proc_pid_stat(5)."""
    return sum(map(int, line.rpartition(b") ")[2].split(None, 15)[11:15]))


def by_psutil(module: str = "psutil") -> OwnUse:
    """Where there is no /proc."""
    psutil: Any = importlib.import_module(module)
    at_sec, cpu_sec, children_rss_bytes = time.monotonic(), _own_sec(), 0
    own = psutil.Process()
    for child in own.children(recursive=True):
        with suppress(psutil.Error):  # it ended
            times, rss_bytes = child.cpu_times(), child.memory_info().rss
            cpu_sec += times.user + times.system
            children_rss_bytes += rss_bytes
    return OwnUse(at_sec, cpu_sec, own.memory_info().rss, children_rss_bytes)
