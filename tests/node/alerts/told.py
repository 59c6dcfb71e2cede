"""Alerts that are told, and messages about them, for the tests of channels and deliveries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from etlmon.contract.alerts import Alert
from node.alerts.notices import Message, compose
from node.store.alerts_deliveries import QueuedDelivery, QueuedNotice

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def alert(number: int = 1, **given: Any) -> Alert:
    """An alert that is active since six o'clock."""
    facts = {
        "id": number,
        "rule": "landing_backlog",
        "metric": "etlmon_path_file_count",
        "labels": {"path": f"/data/in{number}"},
        "severity": "warning",
        "state": "active",
        "value": 12017.0,
        "worst": 12431.0,
        "condition": "> 10000",
        "summary": f"/data/in{number} holds 12017 files",
        "description": "The loader does not keep up.",
        "triggered_at": AT,
        "active_at": AT,
        "updated_at": AT,
    }
    return Alert(**{**facts, **given})


def over(number: int = 1, **given: Any) -> Alert:
    """The same an hour later, when it does not hold any more."""
    ended = {"state": "resolved", "resolved_at": AT + timedelta(hours=1), "resolved_because": "does not hold any more"}
    return alert(number, **{**ended, **given})


def notice(one: Alert, kind: Literal["firing", "resolved"] | None = None) -> QueuedNotice:
    return QueuedNotice(kind=kind or ("resolved" if one.state == "resolved" else "firing"), at=AT, alert=one)


def message(*alerts: Alert, storm: int = 10, node: str = "etl01", more: int = 0, url: str = "") -> Message:
    """What would be said about these."""
    return compose(delivery([notice(one) for one in alerts], more=more), storm=storm, node=node, url=url)


def delivery(notices: Sequence[QueuedNotice], *, more: int = 0) -> QueuedDelivery:
    ids = [*dict.fromkeys(one.alert.id for one in notices)]
    return QueuedDelivery(
        id=1,
        key="k1",
        channel="ops",
        kind="firing",
        alerts=[*ids, *(max(ids) + extra for extra in range(1, more + 1))],
        title="as queued",
        state="waiting",
        created_at=AT,
        notices=[*notices],
    )
