"""host: its numbers as samples. What is not known is not stated."""

from collections.abc import Iterable, Iterator

from etlmon.contract.host import CpuUse, DiskIo, Host, Interface
from node.collector import Sample

_MODES = ("user", "system", "idle", "iowait", "steal", "busy")


def samples_of(host: Host) -> Iterator[Sample]:
    """Everything that host_metrics.py declares, as far as it is known."""
    if host.cpu is not None:
        yield from _cpu(host.cpu)
    for core in host.cores:
        yield Sample("cpu_core_usage_percent", core.busy, {"core": str(core.number)})
    for period, load in (("1m", host.load_1), ("5m", host.load_5), ("15m", host.load_15)):
        if load is not None:
            yield Sample("cpu_load_average", load, {"period": period})
    yield from _memory(host)
    for disk in host.disks:
        yield from _disk(disk)
    for interface in host.interfaces:
        yield from _interface(interface)
    for state, count in host.connections.items():
        yield Sample("network_connections", count, {"state": state})
    for pressure in host.pressure:
        for kind, percent in (("some", pressure.some_avg10), ("full", pressure.full_avg10)):
            if percent is not None:
                yield Sample("pressure_percent", percent, {"resource": pressure.resource, "kind": kind})
    yield from _by_name("process_top_cpu_percent", ((one.name, one.cpu_percent) for one in host.top_cpu))
    yield from _by_name("process_top_memory_bytes", ((one.name, one.mem_rss_bytes) for one in host.top_memory))


def _by_name(metric: str, processes: Iterable[tuple[str, float | None]]) -> Iterator[Sample]:
    """Those of one name together: a series for each pid would never be asked for again."""
    used: dict[str, float] = {}
    for name, amount in processes:
        if amount is not None:
            used[name] = used.get(name, 0.0) + amount
    for name, amount in used.items():
        yield Sample(metric, round(amount, 1), {"name": name})


def _cpu(cpu: CpuUse) -> Iterator[Sample]:
    for mode in _MODES:
        if (percent := getattr(cpu, mode)) is not None:
            yield Sample("cpu_usage_percent", percent, {"mode": mode})


def _memory(host: Host) -> Iterator[Sample]:
    memory, swap = host.memory, host.swap
    known: dict[str, float | None] = {
        "memory_total_bytes": memory.total_bytes,
        "memory_used_bytes": memory.used_bytes,
        "memory_available_bytes": memory.available_bytes,
        "memory_cached_bytes": memory.cached_bytes,
        "memory_buffers_bytes": memory.buffers_bytes,
        "memory_usage_percent": memory.used_percent,
        "swap_total_bytes": swap.total_bytes,
        "swap_used_bytes": swap.used_bytes,
        "swap_usage_percent": swap.used_percent,
    }
    yield from _stated(known, {})


def _disk(disk: DiskIo) -> Iterator[Sample]:
    known: dict[str, float | None] = {
        "disk_read_bytes_total": disk.read_bytes_total,
        "disk_written_bytes_total": disk.write_bytes_total,
        "disk_reads_total": disk.reads_total,
        "disk_writes_total": disk.writes_total,
        "disk_read_bytes_per_second": disk.read_bytes_per_sec,
        "disk_written_bytes_per_second": disk.write_bytes_per_sec,
        "disk_busy_percent": disk.busy_percent,
    }
    yield from _stated(known, {"device": disk.device})


def _interface(interface: Interface) -> Iterator[Sample]:
    known: dict[str, float | None] = {
        "network_received_bytes_total": interface.received_bytes_total,
        "network_sent_bytes_total": interface.sent_bytes_total,
        "network_received_packets_total": interface.received_packets_total,
        "network_sent_packets_total": interface.sent_packets_total,
        "network_errors_total": interface.errors_total,
        "network_drops_total": interface.drops_total,
        "network_received_bytes_per_second": interface.received_bytes_per_sec,
        "network_sent_bytes_per_second": interface.sent_bytes_per_sec,
    }
    yield from _stated(known, {"interface": interface.name})


def _stated(known: dict[str, float | None], labels: dict[str, str]) -> Iterator[Sample]:
    for name, value in known.items():
        if value is not None:
            yield Sample(name, value, labels)
