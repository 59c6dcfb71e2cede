"""Which of the host's processes use most. The kernel's own threads are not among them."""

from collections.abc import Sequence
from pathlib import Path

from node.sources import procfs
from node.sources.host_types import Processes, Used
from node.sources.procfs import PROC, TICKS_PER_SEC

Ranked = tuple[Used, float | None]
"""A process with the percent of a core that it used since the look before; None when there was none."""


async def look(proc: Path = PROC) -> Processes:
    """Every process now. Raises OSError when /proc cannot be read."""
    scan = await procfs.scan(proc)
    used = {}
    for line in scan.lines.values():
        stat = procfs.parse_stat(line)
        if not stat.is_kernel_thread:
            used[stat.pid] = Used(
                pid=stat.pid,
                started=float(stat.start_ticks),
                name=stat.name,
                cpu_sec=stat.cpu_ticks / TICKS_PER_SEC,
                rss_bytes=stat.rss_bytes,
            )
    return Processes(scan.at_sec, len(scan.lines), used)


def by_cpu(n: int, now: Processes, before: Processes | None) -> Sequence[Ranked]:
    """The `n` processes that used most of the processor since `before`; those that used none are not among them."""
    busy = [(used, share) for used in now.used.values() if (share := share_of(used, now, before))]
    return sorted(busy, key=lambda one: (-one[1], one[0].pid))[:n]


def by_memory(n: int, now: Processes, before: Processes | None) -> Sequence[Ranked]:
    """The `n` processes that hold most memory."""
    largest = sorted(now.used.values(), key=lambda used: (-used.rss_bytes, used.pid))[:n]
    return [(used, share_of(used, now, before)) for used in largest]


def share_of(used: Used, now: Processes, before: Processes | None) -> float | None:
    """Percent of a core; None when there was no look before, or no time passed.

    One that was not there before, or was another process under its pid, used all of its time since then.
    """
    if before is None or now.at_sec <= before.at_sec:
        return None
    was = before.used.get(used.pid)
    was_sec = was.cpu_sec if was is not None and was.started == used.started else 0.0
    return max(used.cpu_sec - was_sec, 0.0) / (now.at_sec - before.at_sec) * 100
