"""Tails: how far the followed files are read, and what may be missing of them. Logs and xferlog share it.

An owner is one tail: `logs:NAME` or `xferlog`. What is written here is written in the transaction of the lines that it
speaks of.
"""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Sequence
from datetime import datetime

import aiosqlite
import msgspec

from etlmon.contract.endpoint import RowPage
from etlmon.contract.logs import LogGap
from node.sources.tail_types import Lost, Place
from node.store.pages import page
from node.store.rows import column, columns, insert, select, value

_SEEN_SEC = 30.0
"""A place of which nothing but `seen_at` changed is written again only after so long."""

_FACTS = tuple(name for name in Place.__struct_fields__ if name not in ("key", "seen_at"))
_SAVE = (
    f"INSERT INTO tail_places (owner, {columns(Place)}) VALUES (?, {', '.join('?' for _ in Place.__struct_fields__)}) "
    f"ON CONFLICT (owner, key) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in (*_FACTS, 'seen_at'))} "
    f"WHERE ({', '.join(_FACTS)}) IS NOT ({', '.join(f'excluded.{name}' for name in _FACTS)}) "
    f"OR abs(seen_at - excluded.seen_at) > {_SEEN_SEC}"
)


class _Gap(LogGap, frozen=True, kw_only=True):
    owner: str


async def places(db: aiosqlite.Connection, owner: str) -> list[Place]:
    """Where a tail was when its last lines were committed, by key."""
    sql = f"SELECT {columns(Place)} FROM tail_places WHERE owner = ? ORDER BY key"
    return await select(db, Place, sql, (owner,))


async def save_places(db: aiosqlite.Connection, owner: str, places: Sequence[Place]) -> None:
    """Make `places` all the places of a tail."""
    keys = json.dumps([place.key for place in places])
    gone = "DELETE FROM tail_places WHERE owner = ? AND key NOT IN (SELECT value FROM json_each(?))"
    await db.execute_fetchall(gone, (column(owner), keys))
    if places:
        rows = [(column(owner), *map(column, msgspec.structs.astuple(place))) for place in places]
        await db.executemany(_SAVE, rows)


async def add_gaps(db: aiosqlite.Connection, owner: str, at: datetime, lost: Sequence[Lost], seq: int = 0) -> None:
    """Append what may be missing; `seq` is that of the last line before it, for what has lines."""
    gaps = [_Gap(owner=owner, at=at, seq=seq, **msgspec.structs.asdict(one)) for one in lost]
    await insert(db, "tail_gaps", gaps, without=("id",))


async def gaps(db: aiosqlite.Connection, owner: str, query: RowPage) -> list[LogGap]:
    """One page of the gaps of a tail, newest first."""
    return await page(db, LogGap, "tail_gaps", query, equal={"owner": owner})


async def gaps_between(
    db: aiosqlite.Connection, owner: str, first_seq: int, last_seq: int, *, after: int, limit: int
) -> list[LogGap]:
    """The gaps that stand after one of these lines and have a larger id than `after`, oldest first."""
    sql = (
        f"SELECT {columns(LogGap)} FROM tail_gaps WHERE owner = ? AND seq BETWEEN ? AND ? AND id > ? "
        "ORDER BY seq, id LIMIT ?"
    )
    return await select(db, LogGap, sql, (owner, first_seq, last_seq, after, limit))


async def newest_gap(db: aiosqlite.Connection, owner: str, seq: int) -> int:
    """The id of the newest gap that stands after this line or an older one; 0 when there is none."""
    sql = "SELECT id FROM tail_gaps WHERE owner = ? AND seq <= ? ORDER BY seq DESC, id DESC LIMIT 1"
    return int(await value(db, sql, (owner, seq)) or 0)


async def forget(db: aiosqlite.Connection, owner: str) -> None:
    """A tail is no more: its places go, and its gaps with them."""
    for table in ("tail_places", "tail_gaps"):
        await db.execute_fetchall(f"DELETE FROM {table} WHERE owner = ?", (column(owner),))
