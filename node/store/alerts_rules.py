"""alerts: the rules that were added over the API, and the silences."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import aiosqlite
import msgspec

from etlmon.contract.alerts_rules import AlertRule, Silence
from etlmon.contract.wire import decode_custom, encode_custom
from node.store.rows import column, select, value

Said = Literal["", "began", "ended"]

_SILENCE = ("id", "rule", "labels", "reason", "created_by", "created_at", "starts_at", "ends_at")
_COLUMNS = ", ".join(_SILENCE)


class StoredSilence(Silence, frozen=True, kw_only=True):
    """A silence, and which of its events there are."""

    said: Said = ""


async def rules(db: aiosqlite.Connection) -> tuple[list[AlertRule], list[str]]:
    """The rules that were added over the API, by name; and the names of those that somebody has edited by hand."""
    found, unread = [], []
    for row in await db.execute_fetchall("SELECT name, rule FROM alert_rules ORDER BY name"):
        try:
            found.append(msgspec.json.decode(row["rule"], type=AlertRule, dec_hook=decode_custom))
        except msgspec.MsgspecError:
            unread.append(row["name"])
    return found, unread


async def put_rule(db: aiosqlite.Connection, rule: AlertRule, at: datetime, by: str) -> None:
    """Store a rule, in the place of one with its name."""
    text = msgspec.json.encode(rule, enc_hook=encode_custom).decode()
    await db.execute_fetchall(
        "INSERT INTO alert_rules VALUES (:name, :rule, :at, :by, :at, :by) ON CONFLICT (name) "
        "DO UPDATE SET rule = excluded.rule, updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        {"name": column(rule.name), "rule": column(text), "at": column(at), "by": column(by)},
    )


async def remove_rule(db: aiosqlite.Connection, name: str) -> bool:
    """False when no rule of this name was added."""
    async with db.execute("DELETE FROM alert_rules WHERE name = ?", (column(name),)) as cursor:
        return cursor.rowcount > 0


async def add_silence(db: aiosqlite.Connection, silence: Silence) -> int:
    """Store a silence; its id, which it gets here."""
    names = [name for name in _SILENCE if name != "id"]
    marks = ", ".join("?" for _ in names)
    async with db.execute(
        f"INSERT INTO alert_silences ({', '.join(names)}, said) VALUES ({marks}, '')",
        [column(getattr(silence, name)) for name in names],
    ) as cursor:
        return int(cursor.lastrowid or 0)


async def silences(db: aiosqlite.Connection, now: datetime) -> list[Silence]:
    """Those that are not over at `now`, the first to begin first."""
    sql = f"SELECT {_COLUMNS} FROM alert_silences WHERE ends_at > ? AND ends_at > starts_at ORDER BY starts_at, id"
    return [
        msgspec.structs.replace(found, active=found.starts_at <= now)
        for found in await select(db, Silence, sql, (now,))
    ]


async def silence(db: aiosqlite.Connection, silence_id: int) -> Silence | None:
    """One silence, over or not; None when there is none of this id."""
    found = await select(db, Silence, f"SELECT {_COLUMNS} FROM alert_silences WHERE id = ?", (silence_id,))
    return found[0] if found else None


async def end_silence(db: aiosqlite.Connection, silence_id: int, at: datetime) -> bool:
    """End a silence, or take back one that has not begun; False when it is over already.

    One that was ended lasts no time in its row: no clock that is set back brings it into force again.
    """
    still = "SELECT 1 FROM alert_silences WHERE id = ? AND ends_at > ? AND ends_at > starts_at"
    if await value(db, still, (silence_id, at)) is None:
        return False
    unborn = "DELETE FROM alert_silences WHERE id = ? AND starts_at > ? AND said = ''"
    await db.execute_fetchall(unborn, (silence_id, column(at)))
    sql = "UPDATE alert_silences SET starts_at = :at, ends_at = :at WHERE id = :id"
    await db.execute_fetchall(sql, {"at": column(at), "id": silence_id})
    return True


async def unsaid_silences(db: aiosqlite.Connection, now: datetime) -> list[StoredSilence]:
    """Those that began or ended by `now`, without an event that says so; the oldest first."""
    sql = (
        f"SELECT {_COLUMNS}, said FROM alert_silences "
        "WHERE (said = '' AND starts_at <= ?1) OR (said = 'began' AND ends_at <= ?1) ORDER BY id"
    )
    return await select(db, StoredSilence, sql, (now,))


async def mark_said(db: aiosqlite.Connection, silence_ids: Sequence[int], said: Said) -> None:
    await db.executemany("UPDATE alert_silences SET said = ? WHERE id = ?", [(said, row) for row in silence_ids])
