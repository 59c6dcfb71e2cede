"""The host's processes that use most, watched or not, read when somebody asks."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from etlmon.contract.errors import Unavailable
from etlmon.contract.processes import TopProcess
from node.sources import procfs
from node.sources.proc_reader import ProcReader
from node.sources.process_command import arguments_of, shown
from node.sources.process_types import Stat
from node.sources.procfs import PROC, STATES, Scan
from node.sources.users import Users

SHORTEST_SEC = 0.5
"""Between two looks, for the processor's share to mean something: a tick is a hundredth of a second."""

Watches = Callable[[int, int], Sequence[str]]
"""The watches that a process (pid, start in ticks) fits."""


async def top(
    by: Literal["cpu", "memory"],
    n: int,
    *,
    reader: ProcReader,
    users: Users,
    before: Scan | None = None,
    watches: Watches | None = None,
    proc: Path = PROC,
) -> list[TopProcess]:
    """The `n` processes with most of it, the largest first; the kernel's own threads are left out.

    `before` is a look of a while ago; without one that is old enough another is made first. Raises Unavailable when
    /proc cannot be read.
    """
    try:
        if before is None or procfs.since_boot() - before.at_sec < SHORTEST_SEC:
            before = await procfs.scan(proc)
            await asyncio.sleep(SHORTEST_SEC)
        now = await procfs.scan(proc)
        boot_sec = procfs.boot_time(proc)
    except OSError as error:
        raise Unavailable(f"the host's processes cannot be read: {error.strerror}; try again") from error
    stats = [stat for line in now.lines.values() if not (stat := procfs.parse_stat(line)).is_kernel_thread]
    cpu = {stat.pid: now.cpu_percent(stat.pid, before) for stat in stats}
    if by == "cpu":
        stats.sort(key=lambda stat: (-(cpu[stat.pid] or 0.0), -stat.cpu_ticks, stat.pid))
    else:
        stats.sort(key=lambda stat: (-stat.rss_bytes, stat.pid))
        # The stat lines are not exact: among these are the largest.
        largest = {stat.pid: procfs.resident_bytes(stat, proc) for stat in stats[: 2 * n]}
        stats = sorted(stats[: 2 * n], key=lambda stat: (-largest[stat.pid], stat.pid))
    rows = await told(stats[:n], cpu, boot_sec, reader=reader, users=users, watches=watches, proc=proc)
    # Their memory was read once more: they stand in the order of what is told.
    return rows if by == "cpu" else sorted(rows, key=lambda row: (-row.mem_rss_bytes, row.pid))


async def told(
    stats: Iterable[Stat],
    cpu: Mapping[int, float | None],
    boot_sec: float,
    *,
    reader: ProcReader,
    users: Users,
    watches: Watches | None = None,
    proc: Path = PROC,
) -> list[TopProcess]:
    """These processes with their command lines and users, in their order. What could not be read in time is empty."""
    chosen = list(stats)
    uids = {stat.pid: procfs.uid_of(stat.pid, proc) for stat in chosen}
    await users.learn(uids={uid for uid in uids.values() if uid is not None})
    wanted = [f"{stat.pid}/cmdline" for stat in chosen if not stat.is_kernel_thread]
    try:
        lines = await reader.read(wanted)
    except OSError:  # no process can be started now
        lines = {}
    rows = []
    for stat in chosen:
        content, uid = lines.get(f"{stat.pid}/cmdline"), uids[stat.pid]
        share = cpu.get(stat.pid)
        rows.append(
            TopProcess(
                pid=stat.pid,
                ppid=stat.ppid,
                process_name=stat.name,
                cmdline=_command(stat, content),
                user=users.name(uid) if uid is not None else "",
                state=STATES.get(stat.state, "unknown"),
                start_time=procfs.started_at(boot_sec, stat.start_ticks),
                cpu_percent=None if share is None else round(share, 1),
                mem_rss_bytes=procfs.resident_bytes(stat, proc),
                threads=stat.threads,
                watches=list(watches(stat.pid, stat.start_ticks)) if watches is not None else [],
            )
        )
    return rows


def _command(stat: Stat, content: bytes | None) -> str:
    if content is None and not stat.is_kernel_thread:
        return ""
    arguments = arguments_of(content or b"")
    return shown(arguments) if arguments else f"[{stat.name}]"
