"""alerts: the queue of notices, durable from the moment at which it is decided that somebody is told.

A delivery collects what comes for its channel until it is tried for the first time; from then on it says the same at
each try, under the same key.
"""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

import aiosqlite
import msgspec

from etlmon.contract.alerts import Alert, Delivery, DeliveryQuery, NoticeKind
from node.store.pages import page
from node.store.rows import column, columns, select, value

LARGEST_CONTENT = 1000
"""So many alerts a delivery tells of."""

MOST_WAITING = 20
"""Deliveries that wait for a channel. What comes when they are full is not kept, only how many alerts it is about."""

LONGEST_STORED_TITLE = 300

NOT_CONFIGURED = "the channel is not configured any more"


class QueuedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One change that is told: an alert as it was at that moment."""

    kind: Literal["firing", "resolved"]
    at: datetime
    alert: Alert


class QueuedDelivery(Delivery, frozen=True, kw_only=True):
    """A delivery that waits, with what it tells: oldest first, of at most LARGEST_CONTENT alerts.

    `alerts` names all of them. `attempts` counts those that were begun.
    """

    notices: list[QueuedNotice] = msgspec.field(default_factory=list)


class ChannelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel fares, by the deliveries that are kept. The newest error counts while nothing was sent since."""

    channel: str
    waiting: int = 0
    failed: int = 0
    last_sent_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    next_try_at: datetime | None = None


async def enqueue(
    db: aiosqlite.Connection, channel: str, notices: Sequence[QueuedNotice], *, at: datetime, send_at: datetime
) -> None:
    """Have a channel told, not before `send_at`; together with what it waits to be told already.

    What a delivery has no room for goes into another one behind it, so that no end is lost. Of what is too much for
    MOST_WAITING of them it is told how many alerts there are.
    """
    if not notices:
        return
    sql = "SELECT id, attempts FROM alert_deliveries WHERE channel = ? AND state = 'waiting' ORDER BY id"
    waiting = [(int(row["id"]), int(row["attempts"])) for row in await db.execute_fetchall(sql, (channel,))]
    last, attempts = waiting[-1] if waiting else (0, 1)
    left = notices if attempts else await _put(db, last, notices)
    for _ in range(len(waiting), MOST_WAITING):
        if not left:
            return
        last = await _add(db, channel, state="waiting", notices=left[:1], at=at, next_try_at=send_at, error=None)
        left = await _put(db, last, left)
    if left:
        await _name(db, last, left)


async def _put(db: aiosqlite.Connection, delivery_id: int, notices: Sequence[QueuedNotice]) -> list[QueuedNotice]:
    """Put them into a delivery; those for which there is no room. What it tells of already needs none."""
    sql = "SELECT DISTINCT alert_id FROM alert_notices WHERE delivery_id = ?"
    known = {int(row["alert_id"]) for row in await db.execute_fetchall(sql, (delivery_id,))}
    new = [alert for alert in _alerts(notices) if alert not in known]
    told = known.union(new[: LARGEST_CONTENT - len(known)])
    fitting = [one for one in notices if one.alert.id in told]
    await db.executemany(
        "INSERT OR REPLACE INTO alert_notices VALUES (?, ?, ?, ?, ?)",
        [(delivery_id, one.alert.id, one.kind, column(one.at), column(one.alert)) for one in fitting],
    )
    await _name(db, delivery_id, fitting)
    return [one for one in notices if one.alert.id not in told]


async def _name(db: aiosqlite.Connection, delivery_id: int, notices: Sequence[QueuedNotice]) -> None:
    """Let a delivery be about these, too; its list entry says so."""
    known = json.loads(await value(db, "SELECT alerts FROM alert_deliveries WHERE id = ?", (delivery_id,)))
    alerts = list(dict.fromkeys([*known, *_alerts(notices)]))
    (first,) = await select(db, QueuedNotice, _FIRST, (delivery_id,))
    kind, title = _outline(first, len(alerts))
    await db.execute_fetchall(
        "UPDATE alert_deliveries SET alerts = ?, kind = ?, title = ? WHERE id = ?",
        (json.dumps(alerts), kind, column(title), delivery_id),
    )


_FIRST = (
    f"SELECT {columns(QueuedNotice)} FROM alert_notices AS one WHERE delivery_id = ? ORDER BY EXISTS (SELECT 1 FROM "
    "alert_notices AS other WHERE other.delivery_id = one.delivery_id AND other.alert_id = one.alert_id "
    "AND other.kind = 'resolved'), kind DESC, at, alert_id LIMIT 1"
)
"""What gives a delivery its title: what goes on comes before what is over."""


async def suppress(
    db: aiosqlite.Connection, channel: str, notices: Sequence[QueuedNotice], *, at: datetime, reason: str
) -> None:
    """Write down that a channel was not told, and why."""
    if notices:
        await _add(db, channel, state="suppressed", notices=notices, at=at, next_try_at=None, error=reason)


def _alerts(notices: Sequence[QueuedNotice]) -> list[int]:
    return list(dict.fromkeys(notice.alert.id for notice in notices))


async def _add(
    db: aiosqlite.Connection,
    channel: str,
    *,
    state: Literal["waiting", "suppressed"],
    notices: Sequence[QueuedNotice],
    at: datetime,
    next_try_at: datetime | None,
    error: str | None,
) -> int:
    alerts = _alerts(notices)
    kind, title = _outline(notices[0], len(alerts))
    ended_at = at if state == "suppressed" else None
    async with db.execute(
        "INSERT INTO alert_deliveries (key, channel, kind, alerts, title, state, attempts, created_at, next_try_at, "
        "error, is_permanent, ended_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 0, ?)",
        [
            column(item)
            for item in (
                uuid.uuid4().hex,
                channel,
                kind,
                json.dumps(alerts),
                title,
                state,
                at,
                next_try_at,
                error,
                ended_at,
            )
        ],
    ) as cursor:
        return int(cursor.lastrowid or 0)


def _outline(first: QueuedNotice, alerts: int) -> tuple[NoticeKind, str]:
    more = f" and {alerts - 1} more" if alerts > 1 else ""
    title = first.alert.summary or first.alert.rule
    return first.kind, title[: LONGEST_STORED_TITLE - len(more)] + more


async def due(db: aiosqlite.Connection, channel: str, now: datetime) -> QueuedDelivery | None:
    """What a channel has to send now; None when there is nothing, or its turn has not come.

    It is the oldest that waits: while that one is tried again, the later ones wait, and so keep their order. What was
    written in the future was written before the clock was set back, and is due.
    """
    sql = (
        f"SELECT {columns(Delivery)} FROM (SELECT * FROM alert_deliveries WHERE channel = :channel "
        "AND state = 'waiting' ORDER BY id LIMIT 1) "
        "WHERE next_try_at <= :now OR next_try_at IS NULL OR coalesce(tried_at, created_at) > :now"
    )
    found = await select(db, Delivery, sql, {"channel": channel, "now": now})
    if not found:
        return None
    return QueuedDelivery(**msgspec.structs.asdict(found[0]), notices=await _content(db, found[0].id))


async def _content(db: aiosqlite.Connection, delivery_id: int) -> list[QueuedNotice]:
    sql = f"SELECT {columns(QueuedNotice)} FROM alert_notices WHERE delivery_id = ? ORDER BY at, alert_id, kind"
    return await select(db, QueuedNotice, sql, (delivery_id,))


async def next_due_at(db: aiosqlite.Connection, channel: str) -> datetime | None:
    """When the oldest that waits in a channel is due; None when nothing waits."""
    sql = (
        f"SELECT {columns(Delivery)} FROM alert_deliveries WHERE channel = ? AND state = 'waiting' ORDER BY id LIMIT 1"
    )
    found = await select(db, Delivery, sql, (channel,))
    return (found[0].next_try_at or found[0].created_at) if found else None


async def begin_try(db: aiosqlite.Connection, delivery_id: int, at: datetime, kind: NoticeKind, title: str) -> bool:
    """Close a delivery for what comes later, and count a try; False when it does not wait any more.

    Committed before anything is sent: what is tried again after a crash says the same. `kind` and `title` are those of
    the message.
    """
    sql = (
        "UPDATE alert_deliveries SET attempts = attempts + 1, tried_at = ?, kind = ?, title = ? "
        "WHERE id = ? AND state = 'waiting'"
    )
    async with db.execute(sql, (column(at), kind, column(title[:LONGEST_STORED_TITLE]), delivery_id)) as cursor:
        return cursor.rowcount > 0


async def mark_sent(db: aiosqlite.Connection, delivery_id: int, at: datetime) -> None:
    """It arrived: its alerts count it, its content goes."""
    sql = (
        "UPDATE alert_deliveries SET state = 'sent', sent_at = :at, ended_at = :at, next_try_at = NULL, error = NULL "
        "WHERE id = :id AND state = 'waiting'"
    )
    async with db.execute(sql, {"at": column(at), "id": delivery_id}) as cursor:
        if cursor.rowcount > 0:
            await db.execute_fetchall(
                "UPDATE alerts SET notices = notices + 1 WHERE id IN (SELECT each.value FROM alert_deliveries AS sent, "
                "json_each(sent.alerts) AS each WHERE sent.id = ?)",
                (delivery_id,),
            )
            await db.execute_fetchall("DELETE FROM alert_notices WHERE delivery_id = ?", (delivery_id,))


async def mark_failed(
    db: aiosqlite.Connection,
    delivery_id: int,
    at: datetime,
    error: str,
    *,
    next_try_at: datetime | None,
    is_permanent: bool = False,
) -> None:
    """A try came to nothing: it waits for the next one, or is given up when there is none, and stays visible."""
    state = "failed" if next_try_at is None else "waiting"
    await db.execute_fetchall(
        "UPDATE alert_deliveries SET state = ?, error = ?, is_permanent = ?, next_try_at = ?, tried_at = ?, "
        "ended_at = ? WHERE id = ? AND state = 'waiting'",
        [
            column(item)
            for item in (state, error, is_permanent, next_try_at, at, at if next_try_at is None else None, delivery_id)
        ],
    )
    if next_try_at is None:
        await db.execute_fetchall("DELETE FROM alert_notices WHERE delivery_id = ?", (delivery_id,))


async def give_up_others(db: aiosqlite.Connection, channels: Collection[str], at: datetime) -> list[Delivery]:
    """Give up what waits for a channel that is none of `channels`; those that were given up."""
    where = "state = 'waiting' AND channel NOT IN (SELECT value FROM json_each(?))"
    known = json.dumps(sorted(channels))
    lost = await select(db, Delivery, f"SELECT {columns(Delivery)} FROM alert_deliveries WHERE {where}", (known,))
    for delivery in lost:
        await mark_failed(db, delivery.id, at, NOT_CONFIGURED, next_try_at=None, is_permanent=True)
    return lost


async def deliveries(db: aiosqlite.Connection, query: DeliveryQuery) -> list[Delivery]:
    """One page of the deliveries, newest first."""
    return await page(db, Delivery, "alert_deliveries", query, equal={"channel": query.channel, "state": query.state})


async def channel_records(db: aiosqlite.Connection) -> Mapping[str, ChannelRecord]:
    """How each channel fares that has deliveries."""
    sql = (
        "SELECT channel, sum(state = 'waiting') AS waiting, sum(state = 'failed') AS failed, "
        "max(sent_at) AS last_sent_at, NULL AS last_error, NULL AS last_error_at, "
        "min(CASE state WHEN 'waiting' THEN next_try_at END) AS next_try_at FROM alert_deliveries GROUP BY channel"
    )
    found = {record.channel: record for record in await select(db, ChannelRecord, sql)}
    newest = (
        "SELECT channel, error, max(tried_at) AS at FROM alert_deliveries "
        "WHERE error IS NOT NULL AND state IN ('waiting', 'failed') AND tried_at IS NOT NULL GROUP BY channel"
    )
    for row in await db.execute_fetchall(newest):
        record, at = found[row["channel"]], datetime.fromisoformat(row["at"])
        if record.last_sent_at is None or record.last_sent_at <= at:
            found[record.channel] = msgspec.structs.replace(record, last_error=row["error"], last_error_at=at)
    return found
