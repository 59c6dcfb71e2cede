"""Alerts as the tests store them."""

from collections.abc import Mapping
from typing import Any

from etlmon.contract.alerts import Alert
from node.rules.alert import AlertChange, OpenAlert
from node.store import alerts
from node.store.alerts import StoredAlert
from node.store.alerts_deliveries import QueuedNotice
from node.store.database import Database
from tests.node.store.opened import START


def change(rule: str = "backlog", labels: Mapping[str, str] | None = None, **fields: Any) -> AlertChange:
    """An active alert, as the engine says it."""
    alert = OpenAlert(
        **{
            "rule": rule,
            "labels": tuple((labels or {"path": "/in"}).items()),
            "metric": "etlmon_path_file_count",
            "severity": "warning",
            "owner": "paths:/in",
            "state": "active",
            "value": 12017.0,
            "worst": 12431.0,
            "condition": "> 10000",
            "summary": "/in holds 12017 files",
            "triggered_at": START,
            "active_at": START,
            "updated_at": START,
            **fields,
        }
    )
    return AlertChange(alert, None)


async def save(database: Database, *changes: AlertChange) -> list[StoredAlert]:
    """Store these changes, one look each; the alerts that stay."""
    kept: list[StoredAlert] = []
    for one in changes:
        rows = await database.write(lambda db, one=one: alerts.save(db, [one]))  # type: ignore[misc]
        kept += rows.values()
    return kept


def notice(alert_id: int, kind: Any = "firing", **fields: Any) -> QueuedNotice:
    """One thing to tell."""
    alert = Alert(
        **{
            "id": alert_id,
            "rule": "backlog",
            "metric": "etlmon_path_file_count",
            "severity": "warning",
            "state": "active",
            "summary": f"number {alert_id}",
            "triggered_at": START,
            "updated_at": START,
            **fields,
        }
    )
    return QueuedNotice(kind=kind, at=START, alert=alert)
