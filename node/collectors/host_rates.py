"""host: what two looks at the host say of the time between them. A counter that went back says nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime

from etlmon.contract.host import CpuUse, DiskIo, Host, Interface, Swap
from node.sources.host_proc import percent
from node.sources.host_types import CpuTimes, DiskCounters, Link, LinkCounters, Look, SwapUse


def host_of(
    look: Look, before: Look | None, now: datetime, booted_at_sec: float | None, links: Mapping[str, Link]
) -> Host:
    """The host at `now`, with the rates since `before`, but for what is looked at less often.

    `links` are the interfaces to tell.
    """
    elapsed_sec = look.at_sec - before.at_sec if before is not None else 0.0
    if elapsed_sec <= 0:
        before = None
    boot_at = datetime.fromtimestamp(booted_at_sec, UTC) if booted_at_sec is not None else None
    load_1, load_5, load_15 = look.load if look.load is not None else (None, None, None)
    return Host(
        collected_at=now,
        boot_at=boot_at,
        uptime_sec=max((now - boot_at).total_seconds(), 0.0) if boot_at is not None else None,
        cpu=cpu_use(look.cpu, before.cpu) if before is not None else None,
        cores=[
            cpu_use(times, was, number)
            for number, times in sorted(look.cores.items())
            if before is not None and (was := before.cores.get(number)) is not None
        ],
        load_1=load_1,
        load_5=load_5,
        load_15=load_15,
        memory=look.memory,
        swap=_swap(look.swap, before.swap if before is not None else None, elapsed_sec),
        disks=[
            disk_io(name, disk, before.disks.get(name) if before is not None else None, elapsed_sec)
            for name, disk in sorted(look.disks.items())
        ],
        interfaces=[
            interface(name, look.links[name], before.links.get(name) if before is not None else None, link, elapsed_sec)
            for name, link in sorted(links.items())
        ],
        pressure=list(look.pressure),
    )


def cpu_use(times: CpuTimes, before: CpuTimes, number: int | None = None) -> CpuUse:
    """How the time between was spent. A part that went back counts as 0: the kernel's own idle and iowait may."""
    parts = {
        name: _spent(getattr(times, name), getattr(before, name))
        for name in ("user", "system", "idle", "iowait", "steal")
    }
    everything = sum(spent for spent in parts.values() if spent is not None)
    shares = {name: percent(spent, everything) if spent is not None else None for name, spent in parts.items()}
    user, system, idle = (shares[name] or 0.0 for name in ("user", "system", "idle"))
    return CpuUse(
        number=number,
        user=user,
        system=system,
        idle=idle,
        iowait=shares["iowait"],
        steal=shares["steal"],
        busy=round(user + system + (shares["steal"] or 0.0), 2),
    )


def _spent(now: float | None, before: float | None) -> float | None:
    return max(now - before, 0.0) if now is not None and before is not None else None


def rate(now: float | None, before: float | None, elapsed_sec: float) -> float | None:
    """A second; None when it is not known, or when the counter went back."""
    if now is None or before is None or elapsed_sec <= 0 or now < before:
        return None
    return round((now - before) / elapsed_sec, 2)


def _swap(swap: SwapUse, before: SwapUse | None, elapsed_sec: float) -> Swap:
    was = before if before is not None else SwapUse()
    return Swap(
        total_bytes=swap.total_bytes,
        used_bytes=swap.used_bytes,
        used_percent=percent(swap.used_bytes, swap.total_bytes),
        in_bytes_per_sec=rate(swap.in_bytes, was.in_bytes, elapsed_sec),
        out_bytes_per_sec=rate(swap.out_bytes, was.out_bytes, elapsed_sec),
    )


def disk_io(name: str, disk: DiskCounters, before: DiskCounters | None, elapsed_sec: float) -> DiskIo:
    """One device."""
    read, written, reads, writes = _rates(_of_disk(disk), _of_disk(before) if before else None, elapsed_sec)
    was_busy_ms = before.busy_ms if before is not None and reads is not None else None
    busy_ms_a_sec = rate(disk.busy_ms, was_busy_ms, elapsed_sec)
    return DiskIo(
        device=name,
        read_bytes_total=disk.read_bytes,
        write_bytes_total=disk.write_bytes,
        reads_total=disk.reads,
        writes_total=disk.writes,
        read_bytes_per_sec=read,
        write_bytes_per_sec=written,
        reads_per_sec=reads,
        writes_per_sec=writes,
        # The kernel adds to it when a request ends: one that took long may bring more than the time between.
        busy_percent=min(round(busy_ms_a_sec / 10, 1), 100.0) if busy_ms_a_sec is not None else None,
    )


def interface(
    name: str, counters: LinkCounters, before: LinkCounters | None, link: Link, elapsed_sec: float
) -> Interface:
    """One interface."""
    received, sent, packets_received, packets_sent = _rates(
        _of_link(counters), _of_link(before) if before else None, elapsed_sec
    )
    return Interface(
        name=name,
        is_up=link.is_up,
        speed_mbit=link.speed_mbit,
        received_bytes_total=counters.received_bytes,
        sent_bytes_total=counters.sent_bytes,
        received_packets_total=counters.received_packets,
        sent_packets_total=counters.sent_packets,
        errors_total=counters.errors,
        drops_total=counters.drops,
        received_bytes_per_sec=received,
        sent_bytes_per_sec=sent,
        received_packets_per_sec=packets_received,
        sent_packets_per_sec=packets_sent,
    )


_Four = tuple[int, int, int, int]


def _of_disk(disk: DiskCounters) -> _Four:
    return disk.read_bytes, disk.write_bytes, disk.reads, disk.writes


def _of_link(link: LinkCounters) -> _Four:
    return link.received_bytes, link.sent_bytes, link.received_packets, link.sent_packets


def _rates(now: _Four, before: _Four | None, elapsed_sec: float) -> list[float | None]:
    """A second, each. When one of them went back it is another thing of that name, or it began anew: none is known."""
    if before is None or any(count < was for count, was in zip(now, before, strict=True)):
        return [None] * 4
    return [rate(count, was, elapsed_sec) for count, was in zip(now, before, strict=True)]
