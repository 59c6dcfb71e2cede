"""A deliverer over a real database, for tests: what is owed is put into the store, what was sent is looked up there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec

from etlmon.contract.alerts import Alert, Delivery, DeliveryQuery
from etlmon.contract.node import Event, EventQuery
from etlmon.units import Duration
from node.alerts.delivery import Deliverer
from node.clock import utc_now
from node.samples import SampleTable
from node.settings import NodeSettings
from node.settings_alerts import AlertChannel, AlertRetries, Alerts
from node.store import alerts_deliveries as store
from node.store import node as node_store
from node.store.alerts import StoredAlert
from node.store.database import Database
from node.store.rows import insert
from tests.node.alerts.told import notice

QUICK = AlertRetries(initial=Duration(0.05), max=Duration(0.1), give_up=Duration(3600))


@dataclass
class Stage:
    """`settings` may be replaced, with a wake() after it; `shift` moves the clock.

    `asked` counts how often somebody wanted to know `is_well`.
    """

    database: Database
    settings: NodeSettings
    samples: SampleTable = field(default_factory=SampleTable)
    is_well: bool = True
    asked: int = 0
    shift: timedelta = timedelta(0)

    def clock(self) -> datetime:
        return utc_now() + self.shift

    def deliverer(self) -> Deliverer:
        return Deliverer(
            self.database,
            lambda: self.settings,
            self.samples,
            hostname="etl01",
            is_well=self._say_how_it_is,
            clock=self.clock,
        )

    def _say_how_it_is(self) -> bool:
        self.asked += 1
        return self.is_well

    async def owe(self, channel: str, *alerts: Alert, in_sec: float = 0.0) -> None:
        at = self.clock()

        async def work(db: aiosqlite.Connection) -> None:
            due_at = at + timedelta(seconds=in_sec)
            await store.enqueue(db, channel, [notice(one) for one in alerts], at=at, send_at=due_at)

        await self.database.write(work)

    async def put_open(self, one: Alert, *, told: Sequence[str]) -> None:
        """Store an alert, and that these channels were told of it."""
        stored = StoredAlert(**msgspec.structs.asdict(one), told=[*told])

        async def work(db: aiosqlite.Connection) -> None:
            await insert(db, "alerts", [stored], without=("silenced_until",))

        await self.database.write(work)

    async def deliveries(self, **query: Any) -> list[Delivery]:
        """Oldest first."""
        return (await self.database.read(store.deliveries, DeliveryQuery(**query)))[::-1]

    async def states(self) -> list[str]:
        return [one.state for one in await self.deliveries()]

    async def events(self) -> list[Event]:
        return await self.database.read(node_store.events, EventQuery(domain="alerts"))

    def counted(self, channel: str, state: str) -> float | None:
        found = self.samples.find("etlmon_alert_deliveries_total", {"channel": channel, "state": state})
        return None if found is None else found.value


def hook(name: str, url: str, **given: Any) -> AlertChannel:
    return AlertChannel(name=name, type="webhook", url=url, **{"timeout": Duration(10), **given})


def settings(*channels: AlertChannel, **given: Any) -> NodeSettings:
    return NodeSettings(alerts=Alerts(channels=channels, **{"retries": QUICK, **given}))


@asynccontextmanager
async def stage(folder: Path, configured: NodeSettings) -> AsyncIterator[Stage]:
    """A database without anybody who delivers."""
    database = await Database.open(folder / "etlmon.db")
    try:
        yield Stage(database, configured)
    finally:
        await database.close()


@asynccontextmanager
async def running(deliverer: Deliverer) -> AsyncIterator[Deliverer]:
    """Someone who delivers, until the block ends."""
    task = asyncio.create_task(deliverer.go_on())
    try:
        yield deliverer
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task.exception()


def keys(deliveries: Sequence[Delivery]) -> list[str]:
    return [one.key for one in deliveries]
