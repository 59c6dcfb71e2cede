"""Processes as /proc tells of them: proc_pid_stat(5), read without ever waiting for the process itself.

/proc/PID/stat, a process' directory and its links never block. Its command line and its I/O counters may, because the
kernel waits for a lock of the process there: those are for proc_reader.py.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etlmon.contract.processes import ProcessState
from node.sources.process_types import Stat

PROC = Path("/proc")
TICKS_PER_SEC = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

STATES: Mapping[str, ProcessState] = {
    "R": "running",
    "S": "sleeping",
    "D": "disk_sleep",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "X": "dead",
    "x": "dead",
    "I": "idle",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAT_BYTES = 2048
"""A stat line has about 350 bytes; the name in it is at most 64 bytes long."""
_AT_ONCE = 500
"""So many processes are read before the event loop gets a turn: about 3 ms."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The stat lines of all processes at one moment, by pid. `at_sec` is by the clock of `since_boot`.

    `hidden`: processes of others are kept from this one (hidepid of proc(5)), so what is missing may run all the same.
    """

    at_sec: float
    lines: Mapping[int, bytes] = field(repr=False)
    hidden: bool = False

    def cpu_percent(self, pid: int, before: "Scan") -> float | None:
        """How much of a core a process used since an earlier scan; None when it is not the same in both."""
        old, new = before.lines.get(pid), self.lines.get(pid)
        elapsed_sec = self.at_sec - before.at_sec
        if old is None or new is None or elapsed_sec <= 0:
            return None
        was, now = parse_stat(old), parse_stat(new)
        if was.start_ticks != now.start_ticks:
            return None
        return max(now.cpu_ticks - was.cpu_ticks, 0) / TICKS_PER_SEC / elapsed_sec * 100


def since_boot() -> float:
    """Seconds since the boot, by the clock in which the kernel notes when a process started; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_time(proc: Path = PROC) -> float:
    """When the host booted, in whole seconds since 1970 as the kernel rounds them: the same answer each time.

    Where /proc/stat speaks of something else (a container's own start) the clocks say it. Raises OSError.
    """
    by_clocks = float(
        (time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 10**9
    )
    for line in (proc / "stat").read_bytes().splitlines():
        if line.startswith(b"btime "):
            told = float(line.split()[1])
            return told if abs(told - by_clocks) <= 1 else by_clocks
    return by_clocks


async def scan(proc: Path = PROC) -> Scan:
    """Read the stat line of every process. Raises OSError when /proc cannot be read, or no descriptor is free."""
    at_sec = since_boot()
    lines: dict[int, bytes] = {}
    directory = os.open(proc, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        names = os.listdir(directory)  # noqa: PTH208 - of a descriptor
        pids = [name for name in names if name.isdecimal()]
        for first in range(0, len(pids), _AT_ONCE):
            if first:
                await asyncio.sleep(0)
            _read_lines(directory, pids[first : first + _AT_ONCE], lines)
    finally:
        os.close(directory)
    return Scan(at_sec, lines, 1 not in lines)


def _read_lines(directory: int, pids: list[str], lines: dict[int, bytes]) -> None:
    for pid in pids:
        try:
            descriptor = os.open(f"{pid}/stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        try:
            lines[int(pid)] = os.read(descriptor, _STAT_BYTES)
        except ProcessLookupError:  # it ended meanwhile
            continue
        finally:
            os.close(descriptor)


def read_line(pid: int, proc: Path = PROC) -> bytes | None:
    """The stat line of a process now; None when there is none. Raises OSError when it is hidden."""
    try:
        return (proc / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None


def read_stat(pid: int, proc: Path = PROC) -> Stat | None:
    """The process of a pid now; None when there is none. Raises OSError when it is hidden."""
    line = read_line(pid, proc)
    return parse_stat(line) if line is not None else None


def parse_stat(line: bytes) -> Stat:
    """A line of /proc/PID/stat. The name stands in parentheses and may hold any byte, parentheses and blanks too."""
    head, _, rest = line.rpartition(b") ")
    pid, _, name = head.partition(b" (")
    fields = rest.split()
    # proc_pid_stat(5) counts from 1 and the state is its third field.
    return Stat(
        pid=int(pid),
        name=name.decode("utf-8", "backslashreplace"),
        state=fields[0].decode("ascii"),
        ppid=int(fields[1]),
        flags=int(fields[6]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        threads=int(fields[17]),
        start_ticks=int(fields[19]),
        rss_bytes=max(int(fields[21]), 0) * PAGE_BYTES,
    )


def program_mark(line: bytes) -> tuple[bytes, bytes, bytes]:
    """What another program under the same pid has otherwise: its name, and where its stack and arguments lie.

    The two addresses are random for each program, and zero where this process may not see them.
    """
    head, _, rest = line.rpartition(b") ")
    fields = rest.split()
    return head, fields[25], fields[45]


def started_at(boot_sec: float, start_ticks: int) -> datetime:
    """When a process started, exact to a tick: the same each time it is told."""
    return _EPOCH + timedelta(seconds=int(boot_sec), milliseconds=start_ticks * 1000 // TICKS_PER_SEC)


def start_of(line: bytes) -> int:
    """When the process of a stat line started, in ticks since the boot."""
    return int(line.rpartition(b") ")[2].split(None, 20)[19])


def session_of(line: bytes) -> int:
    """The session of the process of a stat line."""
    return int(line.rpartition(b") ")[2].split(None, 4)[3])


def nice_of(line: bytes) -> int:
    """How nice the process of a stat line is: -20 comes first, 19 last."""
    return int(line.rpartition(b") ")[2].split(None, 17)[16])


def has_ended(stat: Stat) -> bool:
    """Whether it runs no more and only waits to be collected. A first thread that ended leaves the others running."""
    return stat.state in "ZXx" and stat.threads < 2


def uid_of(pid: int, proc: Path = PROC) -> int | None:
    """The effective user of a process: the kernel lets its directory belong to it. None when it is gone."""
    try:
        return (proc / str(pid)).stat().st_uid
    except (FileNotFoundError, ProcessLookupError):
        return None


def ancestors(pid: int, proc: Path = PROC) -> Iterator[Stat]:
    """The parent of a process, the parent's parent and so on, the nearest first, read one after the other."""
    seen = {pid, 0}
    stat = read_stat(pid, proc)
    while stat is not None and stat.ppid not in seen:
        seen.add(stat.ppid)
        stat = read_stat(stat.ppid, proc)
        if stat is not None:
            yield stat


def resident_bytes(stat: Stat, proc: Path = PROC) -> int:
    """The resident set of a process, closer than its stat line tells it.

    Since Linux 6.2 each processor counts apart, and the stat line leaves out what they have not added up yet: some
    megabytes on a large host. /proc/PID/statm adds it up where the kernel is new enough.
    """
    try:
        return int((proc / str(stat.pid) / "statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return stat.rss_bytes


def wait_channel(pid: int, proc: Path = PROC) -> str | None:
    """Where in the kernel it waits; None when that may not be seen."""
    try:
        name = (proc / str(pid) / "wchan").read_bytes()
    except OSError:
        return None
    return name.decode("ascii", "replace") if name not in (b"", b"0") else None


def open_files(pid: int, proc: Path = PROC) -> int | None:
    """How many descriptors it has open; None when that may not be seen."""
    directory = proc / str(pid) / "fd"
    try:
        # Linux 6.2 tells the number as the directory's size; before, each entry is read.
        return directory.stat().st_size or len(os.listdir(directory))  # noqa: PTH208 - only their number is wanted
    except OSError:
        return None
