"""What the node itself may use: measured while it runs, told as samples, and acted upon when it is too much."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal, Protocol, get_args

import aiosqlite

from etlmon.contract.host import SelfUse
from etlmon.contract.node import Event, Severity
from etlmon.units import Duration
from node.clock import Clock
from node.collector import Metric, Sample
from node.samples import SampleTable
from node.settings import NodeSettings
from node.settings_host import Limits
from node.sources import own_use
from node.sources.own_use import OwnUse
from node.store import node as node_store
from node.store.database import Database, StoreError

logger = logging.getLogger(__name__)

CHECKS = 3
"""So many in a row say that a limit is exceeded, and so many that it is kept again."""

SLOWED_BY = 2.0
CALM_SEC = 1800.0
"""How long all limits must be kept before the collectors run as often as before."""

LONGEST_SLEEP_SEC = 60.0
STORE_SEC = 2.0
"""How long an event may take to be stored: a disk that hangs does not keep a node that must stop."""

OWNER = "limits"
MIB = 1024 * 1024

METRICS = (
    Metric(
        "etlmon_node_cpu_percent", "gauge", "Processor time of the node and its children; 100 is a core", keeps=True
    ),
    Metric("etlmon_node_memory_bytes", "gauge", "Resident memory of the node itself", keeps=True),
    Metric("etlmon_node_children_memory_bytes", "gauge", "Resident memory of what the node started", keeps=True),
    Metric("etlmon_node_over_limit", "gauge", "1 while the node exceeds this limit of its own", ("limit",), keeps=True),
    Metric("etlmon_node_slowed", "gauge", "1 while collectors run half as often because of that", keeps=True),
)


class LimitExceeded(Exception):
    """The node stopped itself, because it used more than it may; what and how much."""


LimitName = Literal["cpu", "memory"]


class Paced(Protocol):
    """Who runs collectors, and can do it less often."""

    samples: SampleTable

    def pace(self, factor: float) -> None: ...


class SelfWatch:
    """Checks what the node uses against `host.limits`. `use` is the last check; `exceeded` why the node had to stop.

    A limit that is exceeded is among the `problems` until it is kept again.
    """

    def __init__(
        self,
        runner: Paced,
        database: Database,
        settings: Callable[[], NodeSettings],
        clock: Clock,
        *,
        stop: Callable[[], None],
        measure: Callable[[], Awaitable[OwnUse]] = own_use.measure,
    ) -> None:
        """`stop` begins the end of the node."""
        self.use = SelfUse()
        self.exceeded: str | None = None
        self._runner = runner
        self._database = database
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._measure = measure
        self._before: OwnUse | None = None
        self._in_a_row: dict[LimitName, int] = dict.fromkeys(get_args(LimitName), 0)
        self._over: dict[LimitName, str] = {}
        self._slowed = False
        self._over_at_sec = 0.0
        self._blind = False

    @property
    def problems(self) -> list[str]:
        """Each limit that is exceeded, with what the last check above it found, for the node's health."""
        return list(self._over.values())

    async def go_on(self) -> None:
        """Runs until it is cancelled. Another interval in the settings counts within a minute."""
        loop = asyncio.get_running_loop()
        checked_at = -math.inf
        while True:
            wait_sec = checked_at + float(self._settings().host.limits.check_interval) - loop.time()
            if wait_sec <= 0:
                await self.check()
                checked_at = loop.time()
            else:
                await asyncio.sleep(min(wait_sec, LONGEST_SLEEP_SEC))

    async def check(self) -> None:
        """Measure once, and do what the limits ask for."""
        try:
            measured = await self._measure()
        except OSError as error:
            if not self._blind:
                logger.warning("what the node itself uses cannot be told: %s", error)
            self._blind = True
            return
        self._blind = False
        limits = self._settings().host.limits
        cpu_percent = _cpu_percent(measured, self._before)
        self._before = measured
        given: dict[LimitName, tuple[float | None, float]] = {
            "cpu": (cpu_percent, limits.max_cpu_percent),
            "memory": (measured.rss_bytes / MIB, limits.max_memory_mb),
        }
        events = [event for name, (used, limit) in given.items() for event in self._judge(name, used, limit, limits)]
        self._pace(limits, measured.at_sec)
        self._tell(measured, cpu_percent, limits)
        await self._store(events)
        if self._over and limits.action == "stop":
            self.exceeded = "; ".join(event.message for event in events) or "the node exceeds its own limits"
            logger.error("the node stops: %s", self.exceeded)
            self._stop()

    def _judge(self, name: LimitName, used: float | None, limit: float, limits: Limits) -> Iterator[Event]:
        """The event of a limit that is exceeded or kept now and was not before; 0 is no limit."""
        if used is None:
            return
        exceeds = bool(limit) and used > limit
        if exceeds and name in self._over:
            self._over[name] = _problem(name, used, limit)
        self._in_a_row[name] = self._in_a_row[name] + 1 if exceeds != (name in self._over) else 0
        if self._in_a_row[name] < (CHECKS if limit else 1):
            return
        self._in_a_row[name] = 0
        said = _sentence(name, used, limit, limits)
        if exceeds:
            self._over[name] = _problem(name, used, limit)
            logger.warning("%s", said)
            yield self._event(name, "limit_exceeded", "critical" if limits.action == "stop" else "warning", said)
        else:
            del self._over[name]
            logger.info("%s", said)
            yield self._event(name, "limit_kept", "info", said)

    def _event(self, name: LimitName, kind: str, severity: Severity, message: str) -> Event:
        return Event(at=self._clock(), domain="node", key=name, kind=kind, severity=severity, message=message)

    def _pace(self, limits: Limits, at_sec: float) -> None:
        if self._over:
            self._over_at_sec = at_sec
        if limits.action == "slow_down" and self._over and not self._slowed:
            self._slowed = True
            self._runner.pace(SLOWED_BY)
            logger.warning("collectors run half as often until the node keeps its limits for %s", Duration(CALM_SEC))
        elif self._slowed and (limits.action != "slow_down" or at_sec - self._over_at_sec >= CALM_SEC):
            self._slowed = False
            self._runner.pace(1.0)
            logger.info("collectors run as often as configured again")

    def _tell(self, measured: OwnUse, cpu_percent: float | None, limits: Limits) -> None:
        self.use = SelfUse(
            cpu_percent=cpu_percent,
            mem_rss_bytes=measured.rss_bytes,
            children_rss_bytes=measured.children_rss_bytes,
            max_cpu_percent=limits.max_cpu_percent,
            max_mem_bytes=limits.max_memory_mb * MIB,
            over=sorted(self._over),
            slowed=self._slowed,
        )
        self._runner.samples.replace(OWNER, self._samples(), self._clock())

    def _samples(self) -> Iterator[Sample]:
        if self.use.cpu_percent is not None:
            yield Sample("etlmon_node_cpu_percent", self.use.cpu_percent)
        yield Sample("etlmon_node_memory_bytes", self.use.mem_rss_bytes)
        yield Sample("etlmon_node_children_memory_bytes", self.use.children_rss_bytes)
        for name in get_args(LimitName):
            yield Sample("etlmon_node_over_limit", float(name in self._over), {"limit": name})
        yield Sample("etlmon_node_slowed", float(self._slowed))

    async def _store(self, events: list[Event]) -> None:
        async def work(db: aiosqlite.Connection) -> None:
            await node_store.add_events(db, events)

        if not events:
            return
        try:
            async with asyncio.timeout(STORE_SEC):
                await self._database.write(work)
        except (StoreError, TimeoutError) as error:
            logger.warning("an event about the node's own limits is not stored: %s", str(error) or "the store hangs")


def _cpu_percent(now: OwnUse, before: OwnUse | None) -> float | None:
    """Of one core; None at the first check."""
    if before is None or now.at_sec <= before.at_sec:
        return None
    return round(max(now.cpu_sec - before.cpu_sec, 0.0) / (now.at_sec - before.at_sec) * 100, 2)


def _problem(name: LimitName, used: float, limit: float) -> str:
    if name == "cpu":
        return f"the node itself uses {used:g} % of a core: host.limits.max_cpu_percent is {limit:g}"
    return f"the node itself holds {math.ceil(used)} MiB: host.limits.max_memory_mb is {limit:g}"


def _sentence(name: LimitName, used: float, limit: float, limits: Limits) -> str:
    checks = f"in {CHECKS} checks {limits.check_interval} apart"
    if name == "cpu":
        amount, key = f"{used:.1f} % of a core", f"host.limits.max_cpu_percent of {limit:g} %"
    else:
        amount, key = f"{used:.1f} MiB of memory", f"host.limits.max_memory_mb of {limit:g} MiB"
    if not limit:
        return f"the node uses {amount}, and has no limit any more"
    return f"the node uses {amount}: {'over' if used > limit else 'within'} {key} {checks}"
