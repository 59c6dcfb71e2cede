"""What there is of a host: its processors, its memory, each disk, each interface, …, with what has a history of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from etlmon.contract.host import CpuUse, DiskIo, Host, Interface, Pressure
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems import host as host_problems
from ui.views.sampled import HOST_CPU, OWN_CPU, OWN_MEMORY, Series

Device = TypeVar("Device", DiskIo, Interface)

_WAITS = {"cpu": "wait cpu", "memory": "wait memory", "io": "wait io"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One part of a host: a row of the view. `place` is where it stands among the others.

    `percent` is how much of it is in use, `bytes_per_sec` what goes through it; None where that is no question.
    """

    key: str
    place: int
    level: State
    now: str
    """What it does now, in a few words."""
    percent: float | None = None
    bytes_per_sec: float | None = None
    series: tuple[Series, ...] = ()
    """What has a history of it, the most telling first."""


def rate(value: float) -> str:
    return fmt.rate(value)


def plain_number(value: float) -> str:
    """`0.25`, `1.5`, `12`: as few digits as tell it."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 10 else f"{value:,.0f}"


CPU = HOST_CPU
IOWAIT = Series("waiting for disks", "cpu_usage_percent", (("mode", "iowait"),))
LOAD = Series("load", "cpu_load_average", (("period", "1m"),), plain_number)
MEMORY = Series("memory", "memory_usage_percent")
SWAP = Series("swap", "swap_usage_percent")


def numbers_of(host: Host) -> list[Number]:
    """The rows of a host, in the order in which they are looked at."""
    found = [*_processors(host), *_memory(host), *map(_waiting, host.pressure)]
    found += [*map(_disk, by_traffic(host.disks)), *map(_interface, by_traffic(host.interfaces))]
    if host.connections:
        found.append(_connections(host))
    found.append(_own(host))
    levels = {finding.about: finding.level for finding in reversed(list(host_problems.findings(host)))}
    return [replace(one, place=place, level=levels.get(one.key, "ok")) for place, one in enumerate(found)]


def by_traffic(rows: Sequence[Device]) -> list[Device]:
    """Those that carried most since the boot first: which of them matters does not change from look to look."""
    return sorted(rows, key=traffic_total, reverse=True)


def traffic_total(one: DiskIo | Interface) -> int:
    """Bytes since the boot, both ways."""
    if isinstance(one, DiskIo):
        return one.read_bytes_total + one.write_bytes_total
    return one.received_bytes_total + one.sent_bytes_total


def traffic(one: DiskIo | Interface) -> float | None:
    """Bytes a second, both ways together."""
    if isinstance(one, DiskIo):
        return _sum(one.read_bytes_per_sec, one.write_bytes_per_sec)
    return _sum(one.received_bytes_per_sec, one.sent_bytes_per_sec)


def disk_series(disk: DiskIo) -> tuple[Series, Series, Series]:
    device = (("device", disk.device),)
    return (
        Series(f"{disk.device} read", "disk_read_bytes_per_second", device, rate, in_bytes=True),
        Series(f"{disk.device} written", "disk_written_bytes_per_second", device, rate, in_bytes=True),
        Series(f"{disk.device} busy", "disk_busy_percent", device),
    )


def interface_series(interface: Interface) -> tuple[Series, Series]:
    name = (("interface", interface.name),)
    return (
        Series(f"{interface.name} received", "network_received_bytes_per_second", name, rate, in_bytes=True),
        Series(f"{interface.name} sent", "network_sent_bytes_per_second", name, rate, in_bytes=True),
    )


def wait_series(pressure: Pressure) -> tuple[Series, ...]:
    kinds = ("some", "full") if pressure.full_avg10 is not None else ("some",)
    return tuple(
        Series(
            f"{kind} waited for {pressure.resource}",
            "pressure_percent",
            (("resource", pressure.resource), ("kind", kind)),
        )
        for kind in kinds
    )


def modes(cpu: CpuUse) -> str:
    """`31% user, 6% system, 1% io`: what a processor does besides nothing."""
    parts = [f"{fmt.percent(cpu.user)} user", f"{fmt.percent(cpu.system)} system"]
    parts += [f"{fmt.percent(cpu.iowait)} io"] if cpu.iowait is not None else []
    parts += [f"{fmt.percent(cpu.steal)} stolen"] if cpu.steal else []
    return ", ".join(parts)


def _number(key: str, now: str, *series: Series, percent: float | None = None, through: float | None = None) -> Number:
    return Number(key=key, place=0, level="ok", now=now, percent=percent, bytes_per_sec=through, series=series)


def _processors(host: Host) -> Iterator[Number]:
    cpu = host.cpu
    known = cpu is not None and cpu.iowait is not None
    yield _number(
        "cpu",
        NOTHING if cpu is None else modes(cpu),
        *((CPU, IOWAIT) if known else (CPU,)),
        percent=None if cpu is None else cpu.busy,
    )
    loads = [load for load in (host.load_1, host.load_5, host.load_15) if load is not None]
    if loads:
        cores = f" on {len(host.cores)} cores" if len(host.cores) > 1 else ""
        top = float(len(host.cores))
        series = Series(LOAD.title, LOAD.metric, LOAD.labels, plain_number, top=top)
        yield _number("load", " ".join(f"{load:.2f}" for load in loads) + cores, series)


def _memory(host: Host) -> Iterator[Number]:
    memory, swap = host.memory, host.swap
    words = f"{fmt.size(memory.available_bytes)} left of {fmt.size(memory.total_bytes)}"
    yield _number("memory", words, MEMORY, percent=memory.used_percent if memory.total_bytes else None)
    if swap.total_bytes:
        moved = _sum(swap.in_bytes_per_sec, swap.out_bytes_per_sec)
        flow = f", in {fmt.rate(swap.in_bytes_per_sec)}, out {fmt.rate(swap.out_bytes_per_sec)}" if moved else ""
        words = f"{fmt.size(swap.used_bytes)} of {fmt.size(swap.total_bytes)}{flow}"
        yield _number("swap", words, SWAP, percent=swap.used_percent, through=moved)


def _waiting(pressure: Pressure) -> Number:
    full = "" if pressure.full_avg10 is None else f", all {fmt.percent(pressure.full_avg10)}"
    words = f"some {fmt.percent(pressure.some_avg10)}{full} of the time"
    return _number(_WAITS[pressure.resource], words, *wait_series(pressure), percent=pressure.some_avg10)


def _disk(disk: DiskIo) -> Number:
    words = f"read {fmt.rate(disk.read_bytes_per_sec)}, wrote {fmt.rate(disk.write_bytes_per_sec)}"
    return _number(f"disk {disk.device}", words, *disk_series(disk), percent=disk.busy_percent, through=traffic(disk))


def _interface(interface: Interface) -> Number:
    words = f"in {fmt.rate(interface.received_bytes_per_sec)}, out {fmt.rate(interface.sent_bytes_per_sec)}"
    return _number(
        f"net {interface.name}",
        words if interface.is_up else f"down, {words}",
        *interface_series(interface),
        percent=line_percent(interface),
        through=traffic(interface),
    )


def line_percent(interface: Interface) -> float | None:
    """How much of its line the busier direction takes; None when it is not known how fast that is."""
    rates = [one for one in (interface.received_bytes_per_sec, interface.sent_bytes_per_sec) if one is not None]
    if not interface.speed_mbit or not rates:
        return None
    return min(100.0, 100 * max(rates) * 8 / (interface.speed_mbit * 1e6))


def _connections(host: Host) -> Number:
    states = sorted(host.connections, key=lambda state: -host.connections[state])
    words = ", ".join(f"{fmt.count(host.connections[state])} {state}" for state in states if host.connections[state])
    drawn = [state for state in ("ESTABLISHED", "TIME_WAIT") if state in host.connections]
    series = [Series(state, "network_connections", (("state", state),), plain_number) for state in drawn]
    return _number("tcp", words or "none", *series)


def _own(host: Host) -> Number:
    own = host.own
    words = f"{fmt.percent(own.cpu_percent, 1)} of a core, {fmt.size(own.mem_rss_bytes)}"
    return _number("etlmon", words, OWN_CPU, OWN_MEMORY)


def _sum(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
