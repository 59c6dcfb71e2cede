"""Looks at a host: by a collector that is driven by hand, over a host that a test makes up."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from etlmon.contract.host import Host, Memory
from node.collector import Reading
from node.collectors.host import HostCollector
from node.sources.host_proc import is_left_out
from node.sources.host_types import CpuTimes, DiskCounters, Link, LinkCounters, Look, Processes, SwapUse, Used

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
GIB = 2**30

LOOK = Look(
    at_sec=1000.0,
    cpu=CpuTimes(user=100.0, system=50.0, idle=800.0, iowait=40.0, steal=10.0),
    cores={0: CpuTimes(user=100.0, system=50.0, idle=800.0, iowait=40.0, steal=10.0)},
    memory=Memory(total_bytes=4 * GIB, used_bytes=GIB, available_bytes=3 * GIB, used_percent=25.0),
    swap=SwapUse(total_bytes=GIB, used_bytes=0, in_bytes=0, out_bytes=0),
    disks={"sda": DiskCounters(read_bytes=1000, write_bytes=2000, reads=10, writes=20, busy_ms=500)},
    links={"eth0": LinkCounters(1000, 2000, 10, 20, 0, 0), "lo": LinkCounters(5, 5, 1, 1, 0, 0)},
)


@dataclass
class MadeUpHost:
    """A `HostSource` whose looks and processes come from lists, one after the other; the last one stays."""

    looks: list[Look]
    processes_seen: list[Processes] = field(default_factory=lambda: [Processes(0.0, 3, {})])
    connections_seen: Mapping[str, int] = field(default_factory=dict)
    owners_seen: Mapping[int, str] = field(default_factory=dict)
    resident_seen: Mapping[int, int] = field(default_factory=dict)
    links_seen: Mapping[str, Link] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails: dict[str, OSError] = field(default_factory=dict)
    """What `connections` and `processes` raise, by their names, while it stands here."""

    def look(self, exclude_interfaces: Collection[str] = ()) -> Look:
        seen = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        told = {name: link for name, link in seen.links.items() if not is_left_out(name, exclude_interfaces)}
        return replace(seen, links=told)

    async def processes(self) -> Processes:
        self._ask("processes")
        return self.processes_seen.pop(0) if len(self.processes_seen) > 1 else self.processes_seen[0]

    async def owners(self, pids: Collection[int]) -> Mapping[int, str]:
        return {pid: user for pid, user in self.owners_seen.items() if pid in pids}

    async def resident(self, pids: Collection[int]) -> Mapping[int, int]:
        return {pid: size for pid, size in self.resident_seen.items() if pid in pids}

    async def connections(self) -> Mapping[str, int]:
        self._ask("connections")
        return self.connections_seen

    async def links(self, names: Collection[str], now_sec: float) -> Mapping[str, Link]:
        return {name: link for name, link in self.links_seen.items() if name in names}

    def booted_at_sec(self) -> float | None:
        return NOW.timestamp() - 3600

    async def close(self) -> None:
        self._ask("close")

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if name in self.fails:
            raise self.fails[name]


def later(look: Look, seconds: float, **changed: object) -> Look:
    """The look so many seconds later."""
    return replace(look, at_sec=look.at_sec + seconds, **changed)  # type: ignore[arg-type]


def used(pid: int, cpu_sec: float, rss_bytes: int, *, name: str = "loader", started: float = 1.0) -> Used:
    return Used(pid=pid, started=started, name=name, cpu_sec=cpu_sec, rss_bytes=rss_bytes)


def processes(at_sec: float, *seen: Used) -> Processes:
    return Processes(at_sec, len(seen) + 100, {one.pid: one for one in seen})


def readings(collector: HostCollector, times: int = 2) -> Sequence[Reading[Host]]:
    """So many looks, told five seconds apart; the collector is closed then."""

    async def look() -> list[Reading[Host]]:
        found = []
        for number in range(times):
            async for reading in collector.readings(NOW + timedelta(seconds=5 * number)):
                found.append(reading)
        await collector.close()
        return found

    return asyncio.run(look())


def looked(collector: HostCollector, times: int = 2) -> list[Host]:
    """What the readings stored."""
    return [host for reading in readings(collector, times) for host in reading.rows]
