"""The host's own numbers as Linux tells them: proc_stat(5), proc_meminfo(5), proc_diskstats(5), proc_net(5).

None of these files waits for a device or another machine. Reading and parsing are apart: `parse_*` is given what stands
in a file and touches nothing.
"""

import os
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from etlmon.contract.host import Memory, Pressure
from node.sources.host_types import CpuTimes, DiskCounters, LinkCounters, Look, SwapUse
from node.sources.procfs import PAGE_BYTES, PROC, TICKS_PER_SEC

SYS = Path("/sys")

MOST_DISKS = 256
MOST_INTERFACES = 256
"""More of either are not told: a host of containers may have thousands."""

_SECTOR_BYTES = 512
"""Of /proc/diskstats, whatever the sectors of the device are."""
_NOT_DISKS = ("loop", "ram")
"""What stands behind a loop device is a file, whose disk counts the same bytes."""
_RESOURCES: tuple[Literal["cpu", "memory", "io"], ...] = ("cpu", "memory", "io")
_PAGES_READ, _PAGES_WRITTEN = b"pswpin ", b"pswpout "


def look(exclude_interfaces: Collection[str] = (), *, proc: Path = PROC, sys: Path = SYS) -> Look:
    """The host now, in about a millisecond. Raises OSError when /proc cannot be read, and ValueError for nonsense."""
    at_sec = time.monotonic()
    cpu, cores = parse_stat((proc / "stat").read_bytes())
    amounts = parse_meminfo((proc / "meminfo").read_bytes())
    swapped = _optional(proc / "vmstat")
    return Look(
        at_sec=at_sec,
        cpu=cpu,
        cores=cores,
        memory=memory_of(amounts),
        swap=swap_of(amounts, swapped),
        disks=parse_diskstats(_optional(proc / "diskstats"), whole_disks(sys)),
        links=parse_net_dev(_optional(proc / "net/dev"), exclude_interfaces),
        load=parse_loadavg(_optional(proc / "loadavg")),
        pressure=tuple(
            pressure
            for resource in _RESOURCES
            if (pressure := parse_pressure(resource, _optional(proc / "pressure" / resource))) is not None
        ),
    )


def _optional(file: Path) -> bytes:
    """What a kernel may be built without, or refuse; empty then."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def parse_stat(content: bytes) -> tuple[CpuTimes, dict[int, CpuTimes]]:
    """All processors together, and each by its number. Raises ValueError when there is nothing of them."""
    everything: CpuTimes | None = None
    cores: dict[int, CpuTimes] = {}
    for line in content.splitlines():
        if not line.startswith(b"cpu"):
            break  # they stand first, and the line of the interrupts is long
        name, *fields = line.split()
        if name == b"cpu":
            everything = _times(fields)
        else:
            cores[int(name[3:])] = _times(fields)
    if everything is None:
        raise ValueError("/proc/stat does not tell what the processors do")
    return everything, cores


def _times(fields: list[bytes]) -> CpuTimes:
    # guest and guest_nice are in user and nice already.
    user, nice, system, idle, *more = (int(field) for field in fields[:8])
    iowait, irq, softirq, steal = [*more, 0, 0, 0, 0][:4]
    ticks = (user + nice, system + irq + softirq, idle, iowait, steal)
    return CpuTimes(*(count / TICKS_PER_SEC for count in ticks))


def parse_meminfo(content: bytes) -> dict[str, int]:
    """Bytes by name: `MemTotal`, `SwapFree`, …; what is no amount is left out."""
    amounts = {}
    for line in content.splitlines():
        name, _, amount = line.partition(b":")
        fields = amount.split()
        if len(fields) == 2 and fields[1] == b"kB":
            amounts[name.decode("ascii", "replace")] = int(fields[0]) * 1024
    return amounts


def memory_of(amounts: Mapping[str, int]) -> Memory:
    """As free(1) reckons. Raises ValueError when not even the total is told."""
    if "MemTotal" not in amounts:
        raise ValueError("/proc/meminfo does not tell how much memory there is")
    total, free = amounts["MemTotal"], amounts.get("MemFree", 0)
    buffers, cached = amounts.get("Buffers", 0), amounts.get("Cached", 0) + amounts.get("SReclaimable", 0)
    # Before Linux 3.14, and in some containers, nothing says what is available; there it may also exceed the total.
    available = min(amounts.get("MemAvailable", free + buffers + cached), total)
    used = total - available
    return Memory(
        total_bytes=total,
        used_bytes=used,
        available_bytes=available,
        free_bytes=free,
        cached_bytes=cached,
        buffers_bytes=buffers,
        used_percent=percent(used, total),
    )


def swap_of(amounts: Mapping[str, int], vmstat: bytes) -> SwapUse:
    """`vmstat` is /proc/vmstat, where the pages are counted that were swapped."""
    pages: dict[bytes, int] = {}
    for line in vmstat.splitlines():
        if line.startswith((_PAGES_READ, _PAGES_WRITTEN)):
            name, _, number = line.partition(b" ")
            pages[name + b" "] = int(number) * PAGE_BYTES
    total = amounts.get("SwapTotal", 0)
    return SwapUse(
        total_bytes=total,
        used_bytes=max(total - amounts.get("SwapFree", 0), 0),
        in_bytes=pages.get(_PAGES_READ),
        out_bytes=pages.get(_PAGES_WRITTEN),
    )


def percent(part: float, whole: float) -> float:
    """0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0.0


def whole_disks(sys: Path) -> Collection[str] | None:
    """The devices that are no partitions; None where that cannot be told."""
    with suppress(OSError):
        return frozenset(os.listdir(sys / "block"))  # noqa: PTH208 - names alone, in each look
    return None


def parse_diskstats(content: bytes, whole: Collection[str] | None) -> dict[str, DiskCounters]:
    """The disks among the `whole` devices (None: among all), without those that never read or wrote anything."""
    disks: dict[str, DiskCounters] = {}
    for line in content.splitlines():
        fields = line.split()
        if len(fields) < 14:
            continue
        # A slash in a device's name stands as `!` below /sys, and as it is here.
        name = fields[2].decode("utf-8", "backslashreplace")
        if name.startswith(_NOT_DISKS) or (whole is not None and name.replace("/", "!") not in whole):
            continue
        reads, sectors_read, writes, sectors_written, busy_ms = (int(fields[place]) for place in (3, 5, 7, 9, 12))
        if (reads or writes) and len(disks) < MOST_DISKS:
            disks[name] = DiskCounters(
                read_bytes=sectors_read * _SECTOR_BYTES,
                write_bytes=sectors_written * _SECTOR_BYTES,
                reads=reads,
                writes=writes,
                busy_ms=busy_ms,
            )
    return disks


def is_left_out(interface: str, exclude: Collection[str]) -> bool:
    """Whether one of the patterns, with * and ?, fits the name."""
    return any(fnmatchcase(interface, pattern) for pattern in exclude)


def parse_net_dev(content: bytes, exclude: Collection[str] = ()) -> dict[str, LinkCounters]:
    """Each interface by its name: behind two lines of headings stand eight counters received, then eight sent.

    MOST_INTERFACES of those that no pattern of `exclude` leaves out.
    """
    links: dict[str, LinkCounters] = {}
    for line in content.splitlines()[2:]:
        if len(links) == MOST_INTERFACES:
            break
        # A name has no colon, but an alias of old kernels has: the counters have none.
        stated, _, counters = line.rpartition(b":")
        name = stated.strip().decode("utf-8", "backslashreplace")
        # Before the counters are read, which takes ten times as long.
        if is_left_out(name, exclude):
            continue
        fields = [int(field) for field in counters.split()]
        if len(fields) >= 16:
            links[name] = LinkCounters(
                received_bytes=fields[0],
                received_packets=fields[1],
                sent_bytes=fields[8],
                sent_packets=fields[9],
                errors=fields[2] + fields[10],
                drops=fields[3] + fields[11],
            )
    return links


def parse_loadavg(content: bytes) -> tuple[float, float, float] | None:
    """Over 1, 5 and 15 minutes."""
    fields = content.split()
    return (float(fields[0]), float(fields[1]), float(fields[2])) if len(fields) >= 3 else None


def parse_pressure(resource: Literal["cpu", "memory", "io"], content: bytes) -> Pressure | None:
    """/proc/pressure/RESOURCE (kernel.org, accounting/psi); None of a kernel that does not measure it."""
    told = {
        kind: _averages(fields) for kind, *fields in (line.split() for line in content.splitlines() if line.strip())
    }
    if b"some" not in told:
        return None
    some, full = told[b"some"], told.get(b"full", {})
    return Pressure(
        resource=resource,
        some_avg10=some.get(b"avg10", 0.0),
        some_avg60=some.get(b"avg60", 0.0),
        full_avg10=full.get(b"avg10"),
        full_avg60=full.get(b"avg60"),
    )


def _averages(fields: Iterable[bytes]) -> dict[bytes, float]:
    pairs = (field.partition(b"=") for field in fields)
    return {name: float(value) for name, _, value in pairs if name.startswith(b"avg")}
