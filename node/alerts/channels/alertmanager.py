"""Channels of type alertmanager: Prometheus' Alertmanager, API v2 (POST /api/v2/alerts).

It forgets an alert that nobody repeats, and everything when it is started anew: what is open is posted again every
minute, and holds for four, as Prometheus itself does it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from etlmon.contract.alerts import Alert
from node.alerts.channels import http
from node.alerts.channels.channel import Sent
from node.alerts.notices import Message
from node.clock import Clock
from node.settings_alerts import AlertChannel

REPEAT_SEC = 60.0
HOLDS_SEC = 4 * REPEAT_SEC
_OWN = ("alertname", "severity", "node", "job")
"""Labels that say what a rule is; a series' own ones of these names are called exported_… as in Prometheus."""


class AlertmanagerChannel:
    """Tells an Alertmanager, which decides who hears of it."""

    def __init__(self, settings: AlertChannel, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def send(self, message: Message, key: str) -> Sent:
        """Raises ChannelError. A test is posted as an alert that ends by itself within a minute."""
        now = self._clock()
        if message.kind == "test":
            return await self._post([_test(message, now + timedelta(seconds=REPEAT_SEC))], key)
        return await self._post(_newest(message, now), key)

    async def repeat(self, open_alerts: Sequence[Alert], node: str) -> None:
        """Say that these are still there. Raises ChannelError."""
        until = self._clock() + timedelta(seconds=HOLDS_SEC)
        await self._post([alert(one, node, until=until) for one in open_alerts], "")

    async def _post(self, posted: Sequence[dict[str, Any]], key: str) -> Sent:
        url = f"{(self._settings.url or '').rstrip('/')}/api/v2/alerts"
        headers = {**self._settings.headers, **({http.KEY_HEADER: key} if key else {})}
        return await http.send(self._settings, url, msgspec.json.encode(posted), headers)


def alert(one: Alert, node: str, *, until: datetime) -> dict[str, Any]:
    """An alert as Alertmanager takes it: its labels make it what it is."""
    own = {"alertname": one.rule, "severity": one.severity, "node": node, "job": "etlmon"}
    labels = {f"exported_{name}" if name in _OWN else name: value for name, value in one.labels.items()}
    annotations = {"summary": one.summary, "description": one.description}
    if one.value is not None:
        annotations["value"] = str(one.value)
    return {
        "labels": {name: value for name, value in {**labels, **own}.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": one.triggered_at,
        "endsAt": max(until, one.triggered_at),
    }


def _newest(message: Message, now: datetime) -> list[dict[str, Any]]:
    """What is told, the oldest first, each label set once as it is now: Alertmanager takes the last word for it."""
    posted: dict[frozenset[tuple[str, str]], dict[str, Any]] = {}
    for notice in message.told:
        one = notice.alert
        ends_at = now + timedelta(seconds=HOLDS_SEC) if notice.kind == "firing" else one.resolved_at or now
        body = alert(one, message.node, until=ends_at)
        labels = frozenset(body["labels"].items())
        posted.pop(labels, None)
        posted[labels] = body
    return list(posted.values())


def _test(message: Message, until: datetime) -> dict[str, Any]:
    return {
        "labels": {"alertname": "etlmon_test", "severity": "info", "node": message.node, "job": "etlmon"},
        "annotations": {"summary": message.title},
        "startsAt": message.at,
        "endsAt": until,
    }
