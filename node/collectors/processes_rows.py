"""What a look at the processes gave, in the words of the contract: rows, points and samples. Pure functions."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from etlmon.contract.processes import Process, ProcessWatch, WatchState
from node.collector import Sample
from node.collectors.processes_conditions import Trouble
from node.settings import ProcessWatch as Watch
from node.sources.process_types import Stat
from node.sources.procfs import STATES, has_ended

CORES = os.cpu_count() or 1
_LONGEST_LIST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was read of one process of a watch; what could not be is None."""

    stat: Stat
    rss_bytes: int
    started_at: datetime
    runtime_sec: float
    command: str
    user: str
    cpu_percent: float | None = None
    recent_cpu: Sequence[float | None] = ()
    open_files: int | None = None
    io: tuple[int, int] | None = None
    wchan: str | None = None
    is_unread: bool = False


def row(title: str, measured: Measured, now: datetime) -> Process:
    """A process that is there. One that has ended and waits for its parent is STOPPED."""
    stat = measured.stat
    ended = has_ended(stat)
    cpu = measured.cpu_percent
    return Process(
        watch=title,
        pid=stat.pid,
        process_name=stat.name,
        cmdline=measured.command or f"[{stat.name}]",
        start_time=measured.started_at,
        runtime_sec=None if ended else round(max(measured.runtime_sec, 0.0), 1),
        cpu_percent=None if ended or cpu is None else round(cpu, 1),
        mem_rss_bytes=None if ended else measured.rss_bytes,
        status="STOPPED" if ended else "RUNNING",
        collected_at=now,
        user=measured.user,
        ppid=stat.ppid,
        state=STATES.get(stat.state, "unknown"),
        threads=None if ended else stat.threads,
        open_files=None if ended else measured.open_files,
        read_bytes=measured.io[0] if measured.io is not None else None,
        write_bytes=measured.io[1] if measured.io is not None else None,
        last_seen_at=now,
        wchan=measured.wchan,
        cpu_host_percent=None if ended or cpu is None else round(cpu / CORES, 1),
        recent_cpu=[value if value is None else round(value, 1) for value in measured.recent_cpu],
        error_message=_words(measured, ended=ended),
    )


def _words(measured: Measured, *, ended: bool) -> str | None:
    if ended:
        return f"it has ended; its parent, pid {measured.stat.ppid}, has not collected it"
    if measured.is_unread:
        return "its command line cannot be read now: the process is stuck in the kernel, or the host is very busy"
    return None


def stopped(title: str, last: Process | None, now: datetime, reason: str | None) -> Process:
    """The row of a watch of which nothing is there: what ran last, as far as that is known."""
    if last is None:
        return Process(watch=title, status="STOPPED", collected_at=now, error_message=reason)
    return Process(
        watch=title,
        process_name=last.process_name,
        cmdline=last.cmdline,
        start_time=last.start_time,
        status="STOPPED",
        collected_at=now,
        user=last.user,
        last_seen_at=last.last_seen_at,
        error_message=reason,
    )


def verdict(
    watch: Watch, running: int, trouble: Trouble | None, unsure: Sequence[Stat], *, hidden: bool
) -> tuple[WatchState, str | None]:
    """Whether as many run as should, and what there is to say about it."""
    if trouble is not None and trouble.is_error:
        return "error", trouble.message
    if running < watch.min:
        if hidden:
            return "error", (
                "processes of other users are hidden (/proc is mounted with hidepid); run the node as root, or let its "
                "user be in the group of the mount's gid="
            )
        return "too_few", trouble.message if trouble is not None else _unsure_words(unsure)
    if watch.max is not None and running > watch.max:
        return "too_many", None
    return "ok", None


def _unsure_words(unsure: Sequence[Stat]) -> str | None:
    if not unsure:
        return None
    named = ", ".join(f"{stat.pid} {stat.name}" for stat in unsure[:_LONGEST_LIST])
    more = f" and {len(unsure) - _LONGEST_LIST} more" if len(unsure) > _LONGEST_LIST else ""
    return f"whether {named}{more} belong to it cannot be told: their command lines cannot be read now"


def total(values: Sequence[float | None]) -> float | None:
    """The sum of what is known: 0 of nothing, None when there is something and nothing is known of it."""
    known = [value for value in values if value is not None]
    return float(sum(known)) if known or not values else None


def samples_of(watches: Sequence[ProcessWatch], processes: Sequence[Process], host_processes: int) -> Iterator[Sample]:
    """The numbers of a look. A watch that cannot be judged has no count, rather than 0."""
    yield Sample("etlmon_processes", host_processes)
    for watch in watches:
        running = [row for row in processes if row.watch == watch.name and row.status == "RUNNING"]
        for name, value in _values(watch, running):
            yield Sample(name, value, {"watch": watch.name})


def _values(watch: ProcessWatch, running: Sequence[Process]) -> Iterator[tuple[str, float]]:
    yield "etlmon_process_watch_ok", float(watch.state == "ok")
    yield "etlmon_process_starts_total", watch.starts
    yield "etlmon_process_stops_total", watch.stops
    yield "etlmon_process_restarts_total", watch.restarts
    if watch.state == "error":
        return
    yield "etlmon_process_running", watch.running
    if watch.cpu_percent is not None:
        yield "etlmon_process_cpu_percent", watch.cpu_percent
    sums = (
        ("etlmon_process_memory_bytes", [row.mem_rss_bytes for row in running]),
        ("etlmon_process_threads", [row.threads for row in running]),
        ("etlmon_process_open_files", [row.open_files for row in running]),
    )
    for name, values in sums:
        known = total(values)
        if known is not None:
            yield name, known
    oldest = max((row.runtime_sec for row in running if row.runtime_sec is not None), default=None)
    if oldest is not None:
        yield "etlmon_process_oldest_runtime_seconds", oldest
