"""host: what the machine itself does. One look in the store is enough; the history is made of its samples."""

import sys
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from etlmon.contract.host import Host, TopUser
from node.collector import Collector, Reading
from node.collectors.host_rates import host_of
from node.collectors.host_samples import samples_of
from node.settings import NodeSettings
from node.sources import host_top
from node.sources.host_linux import LinuxHost
from node.sources.host_psutil import PsutilHost
from node.sources.host_top import Ranked
from node.sources.host_types import HostSource, Link, Look, Processes

DEADLINE_SEC = 10.0

SELDOM_SEC = 15.0
"""How often processes and connections are looked at, and the host is stored: each costs some milliseconds."""


def build(settings: NodeSettings) -> list["HostCollector"]:
    if not settings.host.enabled:
        return []
    return [
        HostCollector(
            source_of(sys.platform),
            interval_sec=float(settings.refresh.host),
            top_n=settings.host.top_n,
            exclude_interfaces=settings.host.exclude_interfaces,
        )
    ]


def source_of(platform: str) -> HostSource:
    """Who is asked on this platform (`sys.platform`)."""
    return LinuxHost() if platform == "linux" else PsutilHost()


class HostCollector(Collector[Host]):
    """Looks at the host; `latest` is what it saw last.

    `exclude_interfaces` are patterns with * and ?; with `top_n` 0 no process is looked at.
    """

    domain: ClassVar[str] = "host"
    name = "host"

    def __init__(
        self,
        source: HostSource,
        *,
        interval_sec: float,
        top_n: int,
        exclude_interfaces: Collection[str] = (),
        seldom_sec: float = SELDOM_SEC,
    ) -> None:
        self.interval_sec = interval_sec
        self.deadline_sec = DEADLINE_SEC
        self.options = (interval_sec, top_n, tuple(exclude_interfaces))
        self.latest: Host | None = None
        self._source = source
        self._top_n = top_n
        self._exclude = exclude_interfaces
        # Half an interval sooner, since looks are not exactly an interval apart.
        self._seldom_sec = max(seldom_sec - interval_sec / 2, 0.0)
        self._seldom_at_sec: float | None = None
        self._look: Look | None = None
        self._processes: Processes | None = None

    async def readings(self, now: datetime) -> AsyncIterator[Reading[Host]]:
        """One look. The rates are those since the look before."""
        look = self._source.look(self._exclude)
        links = await self._links(look)
        host = host_of(look, self._look, now, self._source.booted_at_sec(), links)
        self._look = look
        if self.latest is not None:
            host = _with_the_seldom_of(self.latest, host)
        seldom = self._seldom_at_sec is None or look.at_sec - self._seldom_at_sec >= self._seldom_sec
        failed: OSError | None = None
        if seldom:
            try:
                host = await self._with_the_seldom(host)
                self._seldom_at_sec = look.at_sec
            except OSError as error:
                failed = error
        self.latest = host
        yield Reading(rows=[host] if seldom else (), samples=list(samples_of(host)), unchanged=not seldom)
        if failed is not None:
            # The rest is told by now; the run fails all the same, so that the health says why.
            raise failed

    async def close(self) -> None:
        await self._source.close()

    async def _links(self, look: Look) -> dict[str, Link]:
        known = await self._source.links(list(look.links), look.at_sec)
        return {name: known.get(name, Link()) for name in look.links}

    async def _with_the_seldom(self, host: Host) -> Host:
        """Raises OSError when connections or processes cannot be looked at."""
        connections = dict(await self._source.connections())
        return await self._with_processes(msgspec.structs.replace(host, connections=connections))

    async def _with_processes(self, host: Host) -> Host:
        if not self._top_n:
            return host
        now, before = await self._source.processes(), self._processes
        self._processes = now
        cpu = host_top.by_cpu(self._top_n, now, before)
        # Their memory is not told exactly: among so many are the largest.
        memory = host_top.by_memory(2 * self._top_n, now, before)
        pids = {used.pid for used, _ in (*cpu, *memory)}
        exact, owners = await self._source.resident(pids), await self._source.owners(pids)

        def told(ranked: Sequence[Ranked]) -> list[TopUser]:
            return [
                TopUser(
                    pid=used.pid,
                    name=used.name,
                    user=owners.get(used.pid, ""),
                    cpu_percent=None if share is None else round(share, 1),
                    mem_rss_bytes=exact.get(used.pid, used.rss_bytes),
                )
                for used, share in ranked
            ]

        largest = sorted(told(memory), key=lambda user: (-user.mem_rss_bytes, user.pid))
        return msgspec.structs.replace(host, top_cpu=told(cpu), top_memory=largest[: self._top_n], processes=now.count)


def _with_the_seldom_of(before: Host, host: Host) -> Host:
    return msgspec.structs.replace(
        host,
        connections=before.connections,
        top_cpu=before.top_cpu,
        top_memory=before.top_memory,
        processes=before.processes,
    )
