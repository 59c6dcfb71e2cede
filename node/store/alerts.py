"""alerts: what is and was wrong, who was told of it, and who looks after it.

Its rules and silences stand in `alerts_rules`, the queue of notices in `alerts_deliveries`.
"""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import aiosqlite
import msgspec

from etlmon.contract.alerts import Alert, AlertHistoryQuery, AlertQuery
from node.rules.alert import AlertChange, Key, OpenAlert
from node.store.pages import page
from node.store.rows import Column, column, columns, select, storable, value

_SEVERITY_RANK = "CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END"
_STATE_RANK = "CASE state WHEN 'active' THEN 0 ELSE 1 END"


class StoredAlert(Alert, frozen=True, kw_only=True):
    """An alert with what was told of it, and what its rule wants told.

    `channels` are those of its rule, None being all; `told` are those that heard of its beginning, `told_at` is when it
    was given out last, to whomever it concerned then.
    """

    channels: list[str] | None = None
    owner: str = ""
    told: list[str] = msgspec.field(default_factory=list)
    told_at: datetime | None = None

    @property
    def answer(self) -> Alert:
        """The part of it that is told."""
        return Alert(**{name: getattr(self, name) for name in Alert.__struct_fields__})

    @property
    def remembered(self) -> OpenAlert:
        """What the engine has to know of it."""
        own = {name: getattr(self, name) for name in _FACTS if name != "channels"}
        return OpenAlert(
            rule=self.rule,
            labels=tuple(sorted(self.labels.items())),
            channels=None if self.channels is None else tuple(self.channels),
            acknowledged=self.acknowledged_at is not None,
            **own,
        )


_FACTS = tuple(
    field.name for field in msgspec.structs.fields(OpenAlert) if field.name not in ("rule", "labels", "acknowledged")
)
"""What a look may change."""

_OWN: dict[str, Column] = {
    "acknowledged_at": None,
    "acknowledged_by": "",
    "comment": "",
    "notices": 0,
    "told": "[]",
}
"""What no look changes, as it is at the beginning."""

_INSERTED = ("rule", "labels", *_FACTS, *_OWN)
_NO_COLUMNS = ("silenced_until",)
"""Silences are matched when an alert is answered."""

_ALERT, _STORED = (columns(type_, without=_NO_COLUMNS) for type_ in (Alert, StoredAlert))
_UPDATE = f"UPDATE alerts SET {', '.join(f'{name} = :{name}' for name in _FACTS)} WHERE id = :id"
_INSERT = f"INSERT INTO alerts ({', '.join(_INSERTED)}) VALUES ({', '.join(f':{name}' for name in _INSERTED)})"


async def save(db: aiosqlite.Connection, changes: Sequence[AlertChange]) -> dict[Key, StoredAlert]:
    """Store what became of alerts; their rows then, by their keys as they are stored.

    One that was over before it counted is gone, and has no row. The same again changes nothing.
    """
    if not changes:
        return {}
    before = {row.remembered.key: row for row in await open_alerts(db)}
    known = [(before[key], one) for one in changes if (key := _stored_key(one)) in before]
    new = [one for one in changes if _stored_key(one) not in before and not one.is_dropped]
    await _delete(db, [row.id for row, one in known if one.is_dropped])
    await db.executemany(_UPDATE, [_values(one) | {"id": row.id} for row, one in known if not one.is_dropped])
    await db.executemany(_INSERT, [_values(one) | _OWN for one in new])
    found = await _rows(db, [row.id for row, _ in known]) + (await _newest(db, len(new)) if new else [])
    return {row.remembered.key: row for row in found}


def _stored_key(change: AlertChange) -> Key:
    rule, labels = change.alert.key
    return storable(rule), tuple((name, storable(value)) for name, value in labels)


def _values(change: AlertChange) -> dict[str, Column]:
    alert = change.alert
    key = {"rule": column(alert.rule), "labels": column(dict(alert.labels))}
    return {name: column(getattr(alert, name)) for name in _FACTS} | key


async def _delete(db: aiosqlite.Connection, ids: Sequence[int]) -> None:
    await db.executemany("DELETE FROM alerts WHERE id = ?", [(alert_id,) for alert_id in ids])


async def _rows(db: aiosqlite.Connection, ids: Sequence[int]) -> list[StoredAlert]:
    sql = f"SELECT {_STORED} FROM alerts WHERE id IN (SELECT value FROM json_each(?))"
    return await select(db, StoredAlert, sql, (json.dumps(list(ids)),))


async def _newest(db: aiosqlite.Connection, count: int) -> list[StoredAlert]:
    return await select(db, StoredAlert, f"SELECT {_STORED} FROM alerts ORDER BY id DESC LIMIT ?", (count,))


async def find(db: aiosqlite.Connection, alert_id: int) -> StoredAlert | None:
    """The alert of this id, open or not; None when there is none."""
    found = await select(db, StoredAlert, f"SELECT {_STORED} FROM alerts WHERE id = ?", (alert_id,))
    return found[0] if found else None


async def open_alerts(db: aiosqlite.Connection) -> list[StoredAlert]:
    """Every alert that is not resolved, oldest first."""
    sql = f"SELECT {_STORED} FROM alerts WHERE resolved_at IS NULL ORDER BY id"
    return await select(db, StoredAlert, sql)


async def told_and_resolved(db: aiosqlite.Connection, since: datetime) -> list[StoredAlert]:
    """Of each rule and label set the last alert that a channel was told of, if it was resolved at `since` or later.

    Oldest first.
    """
    sql = (
        f"SELECT {_STORED} FROM alerts WHERE id IN (SELECT max(id) FROM alerts "
        "WHERE resolved_at >= ? AND told <> '[]' GROUP BY rule, labels) ORDER BY id"
    )
    return await select(db, StoredAlert, sql, (since,))


async def page_of_open(db: aiosqlite.Connection, query: AlertQuery) -> tuple[list[Alert], int]:
    """One page of what is open, the worst first, the newest of those first; and how many there are in all."""
    where = "resolved_at IS NULL AND (?1 IS NULL OR severity = ?1) AND (?2 IS NULL OR rule = ?2)"
    of = (query.severity, query.rule)
    sql = (
        f"SELECT {_ALERT} FROM alerts WHERE {where} "
        f"ORDER BY {_SEVERITY_RANK}, {_STATE_RANK}, triggered_at DESC, id DESC LIMIT ?3 OFFSET ?4"
    )
    found = await select(db, Alert, sql, (*of, query.limit, query.offset))
    return found, int(await value(db, f"SELECT count(*) FROM alerts WHERE {where}", of))


async def history(db: aiosqlite.Connection, query: AlertHistoryQuery) -> list[Alert]:
    """One page of the alerts, newest first; with `since` those that were open then or later."""
    still: list[tuple[str, object]] = []
    if query.since is not None:
        still.append(("(resolved_at IS NULL OR resolved_at >= ?)", query.since))
    equal = {"rule": query.rule, "severity": query.severity}
    return await page(db, Alert, "alerts", query, equal=equal, where=still, without=_NO_COLUMNS)


async def acknowledge(db: aiosqlite.Connection, alert_id: int, at: datetime, by: str, comment: str) -> None:
    """Somebody looks after an alert from now on."""
    sql = "UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ?, comment = ? WHERE id = ? AND resolved_at IS NULL"
    await db.execute_fetchall(sql, (column(at), column(by), column(comment), alert_id))


async def mark_told(db: aiosqlite.Connection, told: Iterable[tuple[StoredAlert, Collection[str]]]) -> None:
    """These channels hear of the beginning of these alerts, besides those that heard of it before."""
    marks = [(json.dumps(list(dict.fromkeys([*row.told, *channels]))), row.id) for row, channels in told]
    await db.executemany("UPDATE alerts SET told = ? WHERE id = ?", marks)


async def not_heard_by_all(db: aiosqlite.Connection, channels: Collection[str]) -> list[StoredAlert]:
    """The active alerts that were given out and that nobody looks after, of which not all these channels were told."""
    sql = (
        f"SELECT {_STORED} FROM alerts WHERE resolved_at IS NULL AND state = 'active' AND told_at IS NOT NULL "
        "AND acknowledged_at IS NULL AND EXISTS (SELECT 1 FROM json_each(?) AS channel "
        "WHERE channel.value NOT IN (SELECT value FROM json_each(alerts.told))) ORDER BY id"
    )
    return await select(db, StoredAlert, sql, (json.dumps(sorted(channels)),))
