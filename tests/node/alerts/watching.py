"""A watch over a real database, with numbers and a clock that the test sets."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from etlmon.contract.alerts import Alert, AlertHistoryQuery, Delivery, DeliveryQuery
from etlmon.contract.alerts_rules import AlertRule, Silence
from etlmon.contract.node import CollectorHealth, EventQuery
from etlmon.units import Duration
from node.alerts.watch import AlertWatch
from node.collector import Sample
from node.samples import SampleTable
from node.settings import NodeSettings
from node.settings_alerts import AlertChannel, Alerts
from node.store import alerts, alerts_deliveries, alerts_rules
from node.store import node as node_store
from node.store.database import Database
from tests.node.store.opened import START

LEVEL = {"name": "level", "metric": "level", "condition": "> 10", "summary": "{{ labels.tank }} is at {{ value }}"}
MAIL = AlertChannel(name="mail", type="webhook", url="http://127.0.0.1:1/")
CHAT = AlertChannel(name="chat", type="webhook", url="http://127.0.0.1:1/", send_resolved=False)


class Collecting:
    """Who states the numbers."""

    def __init__(self) -> None:
        self.samples = SampleTable()
        self.collectors = [collector()]

    def health(self) -> list[CollectorHealth]:
        return self.collectors


def collector(**fields: Any) -> CollectorHealth:
    return CollectorHealth(**{"name": "tanks", "status": "ok", "interval_sec": 5.0, "last_success_at": START, **fields})


def settings(*rules: Mapping[str, Any], channels: Iterable[AlertChannel] = (MAIL,), **fields: Any) -> NodeSettings:
    """Those of a node without built-in rules."""
    own = Alerts(builtin=False, rules=tuple(dict(rule) for rule in rules), channels=tuple(channels), **fields)
    return NodeSettings(alerts=own)


@dataclass
class Stage:
    database: Database
    settings: NodeSettings
    now: datetime = START
    collecting: Collecting = field(default_factory=Collecting)
    queued: int = 0
    watch: AlertWatch = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """As a new process does it: nothing is remembered but what is stored."""
        self.watch = AlertWatch(
            self.database,
            self.collecting,
            lambda: self.settings,
            hostname="etl01",
            clock=lambda: self.now,
            queued=self._count,
        )

    def _count(self) -> None:
        self.queued += 1

    def state(self, **levels: float) -> None:
        """The numbers from now on, by tank."""
        samples = [Sample("level", value, {"tank": tank}) for tank, value in levels.items()]
        self.collecting.samples.replace("tanks", samples, self.now)

    async def look(self, after_sec: float = 0.0, **levels: float) -> None:
        """Some time later: state these numbers, if any, and look."""
        self.now += timedelta(seconds=after_sec)
        if levels:
            self.state(**levels)
        await self.watch.look()

    async def open(self) -> list[alerts.StoredAlert]:
        return await self.database.read(alerts.open_alerts)

    async def history(self) -> list[Alert]:
        return await self.database.read(alerts.history, AlertHistoryQuery())

    async def deliveries(self, **query: Any) -> list[Delivery]:
        """Oldest first."""
        return (await self.database.read(alerts_deliveries.deliveries, DeliveryQuery(**query)))[::-1]

    async def told(self, channel: str = "mail") -> list[tuple[str, str]]:
        """What waits for a channel: kind and summary."""
        found = await self.database.read(alerts_deliveries.due, channel, self.now + timedelta(days=1))
        return [] if found is None else [(one.kind, one.alert.summary) for one in found.notices]

    async def sent(self, channel: str = "mail") -> list[tuple[str, str]]:
        """What waited for a channel and is sent now."""
        told = await self.told(channel)
        found = await self.database.read(alerts_deliveries.due, channel, self.now + timedelta(days=1))
        if found is not None:
            await self.database.write(lambda db: alerts_deliveries.mark_sent(db, found.id, self.now))
        return told

    async def events(self) -> list[tuple[str, str]]:
        """Kind and message, oldest first."""
        found = await self.database.read(node_store.events, EventQuery(domain="alerts"))
        return [(event.kind, event.message) for event in found[::-1]]

    async def silence(self, for_sec: float, *, starts_sec: float = 0.0, **fields: Any) -> int:
        starts_at = self.now + timedelta(seconds=starts_sec)
        row = Silence(
            **{
                "id": 0,
                "reason": "new pump",
                "created_by": "kim",
                "created_at": self.now,
                "starts_at": starts_at,
                "ends_at": starts_at + timedelta(seconds=for_sec),
                **fields,
            }
        )
        return await self.database.write(lambda db: alerts_rules.add_silence(db, row))

    async def put_rule(self, **fields: Any) -> None:
        rule = AlertRule(**{"name": "added", "metric": "level", "condition": "> 100", **fields})
        await self.database.write(lambda db: alerts_rules.put_rule(db, rule, self.now, "kim"))
        await self.watch.refresh()

    def reconfigure(self, **fields: Any) -> NodeSettings:
        """The settings with other alerts; they are in force."""
        self.settings = msgspec.structs.replace(
            self.settings, alerts=msgspec.structs.replace(self.settings.alerts, **fields)
        )
        return self.settings


@asynccontextmanager
async def stage(folder: Path, *rules: Mapping[str, Any], **fields: Any) -> AsyncIterator[Stage]:
    database = await Database.open(folder / "etlmon.db")
    try:
        yield Stage(database, settings(*(rules or (LEVEL,)), **fields))
    finally:
        await database.close()


MINUTE = Duration(60)
