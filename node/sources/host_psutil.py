"""The host's own numbers where there is no /proc, as on macOS: psutil asks the system.

psutil is imported when it is first asked, so that Linux, which does without it, need not have it. What a platform does
not tell (time waited for disks, pressure) stays unknown.
"""

import asyncio
import importlib
import time
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, get_args

from etlmon.contract.host import Memory
from node.sources.host_proc import MOST_DISKS, MOST_INTERFACES, is_left_out, percent
from node.sources.host_types import (
    ConnectionState,
    CpuTimes,
    DiskCounters,
    Link,
    LinkCounters,
    Look,
    Processes,
    SwapUse,
    Used,
)

_OF_PROCESS = ("pid", "name", "create_time", "cpu_times", "memory_info")


class PsutilHost:
    """A `HostSource` (host_types.py) over psutil."""

    def __init__(self, module: str = "psutil") -> None:
        """`module` is what is imported for it."""
        self._module = module

    @cached_property
    def _psutil(self) -> Any:
        return importlib.import_module(self._module)

    def look(self, exclude_interfaces: Collection[str] = ()) -> Look:
        """See `HostSource`."""
        psutil = self._psutil
        return Look(
            at_sec=time.monotonic(),
            cpu=_times(psutil.cpu_times()),
            cores=dict(enumerate(map(_times, psutil.cpu_times(percpu=True)))),
            memory=_memory(psutil.virtual_memory()),
            swap=self._swap(),
            disks=self._disks(),
            links=self._link_counters(exclude_interfaces),
            load=self._load(),
        )

    def _swap(self) -> SwapUse:
        swap = self._psutil.swap_memory()
        return SwapUse(swap.total, swap.used, swap.sin, swap.sout)

    def _disks(self) -> dict[str, DiskCounters]:
        # Counters that wrap are for who reckons with them: `nowrap` would hide it.
        told = self._psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        return {
            name: DiskCounters(
                read_bytes=disk.read_bytes, write_bytes=disk.write_bytes, reads=disk.read_count, writes=disk.write_count
            )
            for name, disk in list(told.items())[:MOST_DISKS]
        }

    def _link_counters(self, exclude: Collection[str]) -> dict[str, LinkCounters]:
        told = self._psutil.net_io_counters(pernic=True, nowrap=False) or {}
        wanted = [(name, link) for name, link in told.items() if not is_left_out(name, exclude)]
        return {
            name: LinkCounters(
                received_bytes=link.bytes_recv,
                sent_bytes=link.bytes_sent,
                received_packets=link.packets_recv,
                sent_packets=link.packets_sent,
                errors=link.errin + link.errout,
                drops=link.dropin + link.dropout,
            )
            for name, link in wanted[:MOST_INTERFACES]
        }

    def _load(self) -> tuple[float, float, float] | None:
        try:
            one, five, fifteen = self._psutil.getloadavg()
        except OSError:
            return None
        return one, five, fifteen

    async def processes(self) -> Processes:
        """See `HostSource`. Of a process that may not be looked into nothing is known."""
        return await asyncio.to_thread(self._processes)

    def _processes(self) -> Processes:
        at_sec, count, used = time.monotonic(), 0, {}
        for process in self._psutil.process_iter(_OF_PROCESS, ad_value=None):
            told, count = process.info, count + 1
            if told["cpu_times"] is None or told["memory_info"] is None:
                continue
            used[told["pid"]] = Used(
                pid=told["pid"],
                started=told["create_time"] or 0.0,
                name=told["name"] or "",
                cpu_sec=told["cpu_times"].user + told["cpu_times"].system,
                rss_bytes=told["memory_info"].rss,
            )
        return Processes(at_sec, count, used)

    async def owners(self, pids: Collection[int]) -> Mapping[int, str]:
        """See `HostSource`. In a thread: the names may come from a directory service."""
        return await asyncio.to_thread(self._owners, pids)

    def _owners(self, pids: Collection[int]) -> dict[int, str]:
        found = {}
        for pid in pids:
            try:
                found[pid] = self._psutil.Process(pid).username()
            except self._psutil.Error:  # it ended, or is hidden
                continue
        return found

    async def resident(self, pids: Collection[int]) -> Mapping[int, int]:
        """See `HostSource`: what `processes` tells is exact."""
        return {}

    async def connections(self) -> Mapping[str, int]:
        """See `HostSource`. On macOS only root may ask for those of all processes."""
        return await asyncio.to_thread(self._connections)

    def _connections(self) -> dict[str, int]:
        try:
            counted = Counter(connection.status for connection in self._psutil.net_connections(kind="tcp"))
        except (self._psutil.Error, OSError):
            return {}
        return {state: counted[state] for state in get_args(ConnectionState)}

    async def links(self, names: Collection[str], now_sec: float) -> Mapping[str, Link]:
        """See `HostSource`."""
        told = self._psutil.net_if_stats()
        return {name: Link(told[name].isup, told[name].speed or None) for name in names if name in told}

    def booted_at_sec(self) -> float | None:
        """See `HostSource`."""
        return float(self._psutil.boot_time())

    async def close(self) -> None:
        """Nothing is held."""


def _times(times: Any) -> CpuTimes:
    """psutil's named tuple has the fields that the platform tells."""
    system = times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
    return CpuTimes(
        user=times.user + getattr(times, "nice", 0.0),
        system=system,
        idle=times.idle,
        iowait=getattr(times, "iowait", None),
        steal=getattr(times, "steal", None),
    )


def _memory(memory: Any) -> Memory:
    used = max(memory.total - memory.available, 0)
    return Memory(
        total_bytes=memory.total,
        used_bytes=used,
        available_bytes=memory.available,
        free_bytes=memory.free,
        cached_bytes=getattr(memory, "cached", None),
        buffers_bytes=getattr(memory, "buffers", None),
        used_percent=percent(used, memory.total),
    )
