"""What fake nodes say of their hosts: one that is idle, and one that runs out of memory and waits for its disk."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from etlmon.contract.errors import NotFound
from etlmon.contract.host import (
    HOST,
    HOST_HISTORY,
    CpuUse,
    DiskIo,
    HistoryPoint,
    Host,
    Interface,
    Memory,
    Pressure,
    SelfUse,
    Swap,
    TopUser,
)
from etlmon.labels import read_labels
from tests.fakes.nodes import FakeNode
from tests.ui.looking import NOW

GB = 2**30
MB = 2**20


def cpu(busy: float, number: int | None = None, **more: float) -> CpuUse:
    values = {"user": busy * 0.8, "system": busy * 0.2, "idle": 100 - busy, "iowait": 0.0, "steal": 0.0, "busy": busy}
    return CpuUse(number=number, **{**values, **more})


def memory(used_percent: float, total: int = 16 * GB) -> Memory:
    used = int(total * used_percent / 100)
    return Memory(
        total_bytes=total, used_bytes=used, available_bytes=total - used, free_bytes=(total - used) // 4,
        cached_bytes=(total - used) // 2, buffers_bytes=64 * MB, used_percent=used_percent,
    )  # fmt: skip


def disk(device: str, read: float | None, written: float | None, **more: Any) -> DiskIo:
    values: dict[str, Any] = {
        "read_bytes_total": 812 * GB, "write_bytes_total": 402 * GB,
        "reads_total": 9_000_000, "writes_total": 4_000_000,
        "reads_per_sec": 120.0, "writes_per_sec": 45.0, "busy_percent": 3.1,
    }  # fmt: skip
    return DiskIo(device=device, read_bytes_per_sec=read, write_bytes_per_sec=written, **{**values, **more})


def interface(name: str, received: float | None, sent: float | None, **more: Any) -> Interface:
    values: dict[str, Any] = {
        "speed_mbit": 1000, "received_bytes_total": 90 * GB, "sent_bytes_total": 20 * GB,
        "received_packets_total": 80_000_000, "sent_packets_total": 30_000_000,
        "received_packets_per_sec": 900.0, "sent_packets_per_sec": 300.0,
    }  # fmt: skip
    return Interface(name=name, received_bytes_per_sec=received, sent_bytes_per_sec=sent, **{**values, **more})


def user(pid: int, name: str, cpu_percent: float | None, rss: int, owner: str = "etl") -> TopUser:
    return TopUser(pid=pid, name=name, user=owner, cpu_percent=cpu_percent, mem_rss_bytes=rss)


def host(**more: Any) -> Host:
    """A host that has little to do."""
    values: dict[str, Any] = {
        "collected_at": NOW - timedelta(seconds=2),
        "boot_at": NOW - timedelta(days=12, hours=3),
        "uptime_sec": 12 * 86400.0 + 3 * 3600,
        "cpu": cpu(12.0),
        "cores": [cpu(10.0 + number, number) for number in range(4)],
        "load_1": 0.42, "load_5": 0.51, "load_15": 0.48,
        "memory": memory(38.0),
        "swap": Swap(total_bytes=4 * GB, used_bytes=12 * MB, used_percent=0.3, in_bytes_per_sec=0.0,
                     out_bytes_per_sec=0.0),
        "disks": [disk("sda", 1.2 * MB, 0.4 * MB), disk("sdb", 0.0, 0.0, read_bytes_total=GB, write_bytes_total=0)],
        "interfaces": [interface("eth0", 4.0 * MB, 0.8 * MB)],
        "connections": {"ESTABLISHED": 12, "TIME_WAIT": 3, "LISTEN": 9, "CLOSE_WAIT": 0},
        "pressure": [
            Pressure(resource="cpu", some_avg10=2.0, some_avg60=1.8),
            Pressure(resource="memory", full_avg10=0.0, full_avg60=0.0),
            Pressure(resource="io", some_avg10=1.0, some_avg60=0.9, full_avg10=0.4, full_avg60=0.3),
        ],
        "top_cpu": [user(12357, "etl_worker", 21.5, 333 * MB), user(812, "vsftpd", 4.0, 40 * MB, "root")],
        "top_memory": [user(901, "postgres", 1.5, 3 * GB, "postgres"), user(12357, "etl_worker", 21.5, 333 * MB)],
        "processes": 212,
        "own": SelfUse(cpu_percent=0.31, mem_rss_bytes=46 * MB, children_rss_bytes=9 * MB, max_cpu_percent=2.0,
                       max_mem_bytes=80 * MB),
    }  # fmt: skip
    return Host(**{**values, **more})


def host_in_trouble() -> Host:
    """No memory is left, it swaps, everything waits for the disk, and the node itself uses too much."""
    return host(
        cpu=cpu(63.0, iowait=22.0, steal=24.0, idle=15.0),
        cores=[cpu(95.0 - 4 * number, number) for number in range(16)],
        load_1=31.2, load_5=24.75, load_15=12.1,
        memory=memory(98.4, 64 * GB),
        swap=Swap(total_bytes=8 * GB, used_bytes=int(7.6 * GB), used_percent=95.0, in_bytes_per_sec=2.0 * MB,
                  out_bytes_per_sec=6.5 * MB),
        disks=[disk("nvme0n1", 212.0 * MB, 388.0 * MB, busy_percent=99.2), disk("sdb", None, None, busy_percent=None)],
        interfaces=[interface("bond0", 108.0 * MB, 12.0 * MB, errors_total=17, drops_total=4021),
                    interface("eth1", 0.0, 0.0, is_up=False, speed_mbit=None, received_bytes_total=9,
                              sent_bytes_total=0)],
        pressure=[
            Pressure(resource="cpu", some_avg10=88.0, some_avg60=71.0),
            Pressure(resource="memory", some_avg10=41.0, some_avg60=33.0, full_avg10=28.0, full_avg60=21.0),
            Pressure(resource="io", some_avg10=82.0, some_avg60=74.0, full_avg10=66.0, full_avg60=58.0),
        ],
        top_cpu=[user(4242 + number, name, 190.0 - 30 * number, (900 - 100 * number) * MB)
                 for number, name in enumerate(("etl_loader", "sqlldr", "적재-작업자", "gzip", "[x]\u202eevil"))],
        top_memory=[user(901, "postgres", 12.5, 31 * GB, "postgres"), user(4242, "etl_loader", 190.0, 900 * MB)],
        own=SelfUse(cpu_percent=3.4, mem_rss_bytes=91 * MB, children_rss_bytes=20 * MB, max_cpu_percent=2.0,
                    max_mem_bytes=80 * MB, over=["cpu", "memory"], slowed=True),
    )  # fmt: skip


_HIGHEST: Mapping[str, float] = {
    "cpu_usage_percent": 80.0,
    "cpu_load_average": 30.0,
    "memory_usage_percent": 98.0,
    "swap_usage_percent": 95.0,
    "disk_read_bytes_per_second": 220.0 * MB,
    "disk_written_bytes_per_second": 400.0 * MB,
    "disk_busy_percent": 99.0,
    "network_received_bytes_per_second": 110.0 * MB,
    "network_sent_bytes_per_second": 15.0 * MB,
    "network_connections": 400.0,
    "pressure_percent": 70.0,
    "etlmon_node_cpu_percent": 3.5,
    "etlmon_node_memory_bytes": 91.0 * MB,
    "etlmon_fs_inodes_used_percent": 97.0,
    "etlmon_cluster_cpu_percent": 40.0,
    "etlmon_cluster_memory_used_bytes": 600.0 * 1024 * MB,
    "etlmon_dataproc_run_seconds": 30.0,
    "etlmon_dataproc_run_failure": 2.0,
}


def wave(query: Mapping[str, str], share: float) -> list[HistoryPoint]:
    """A number that swings once in the time that is asked for, up to what it is usually at the most."""
    step, last = int(query["step"]), int(query.get("last", "3600"))
    highest = _HIGHEST[query["metric"]] * share
    end = int(NOW.timestamp()) // step * step
    return [
        HistoryPoint(at=datetime.fromtimestamp(at, NOW.tzinfo), min=value * 0.8, avg=value * 0.9, max=value)
        for at in range(end - last + step, end + step, step)
        for value in [highest * (0.55 - 0.45 * math.cos(2 * math.pi * (end - at) / last))]
        if not 0.30 < (end - at) / last < 0.36
    ]


def _histories(share: float, before: Any) -> Callable[[web.Request], Any]:
    """The history of the host's numbers; of others what was said before."""

    def answer(request: web.Request) -> Any:
        read_labels(request.query.get("labels", ""))
        if request.query["metric"] in _HIGHEST and "step" in request.query:
            return wave(request.query, share)
        if callable(before):
            return before(request)
        return NotFound("no history is kept of it", field="metric") if before is None else before

    return answer


def machine(fake: FakeNode, now: Host | None = None, share: float = 0.2) -> FakeNode:
    """The node tells of a host that is well."""
    fake.answers[HOST.path] = now or host()
    fake.answers[HOST_HISTORY.path] = _histories(share, fake.answers.get(HOST_HISTORY.path))
    return fake


def machine_in_trouble(fake: FakeNode) -> FakeNode:
    return machine(fake, host_in_trouble(), 1.0)
