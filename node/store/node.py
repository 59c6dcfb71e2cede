"""node: what happened on the host, and who did what."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Sequence

import aiosqlite

from etlmon.contract.endpoint import RowPage
from etlmon.contract.node import AuditEntry, AuditQuery, Event, EventQuery
from node.store.rows import Row, columns, insert, select


async def add_events(db: aiosqlite.Connection, events: Sequence[Event]) -> None:
    """Append events; each gets an id larger than all before."""
    await insert(db, "events", events, without=("id",))


async def events(db: aiosqlite.Connection, query: EventQuery) -> list[Event]:
    """One page of events, newest first."""
    return await _page(db, Event, "events", query, {"domain": query.domain, "key": query.key})


async def add_audit(db: aiosqlite.Connection, entry: AuditEntry) -> None:
    """Append one attempt; it gets an id larger than all before."""
    await insert(db, "audit", [entry], without=("id",))


async def audit(db: aiosqlite.Connection, query: AuditQuery) -> list[AuditEntry]:
    """One page of attempts, newest first."""
    return await _page(db, AuditEntry, "audit", query, {"action": query.action})


async def _page(
    db: aiosqlite.Connection, type_: type[Row], table: str, page: RowPage, equal: dict[str, str | None]
) -> list[Row]:
    """With `after`, the rows that come next after it; they too are given newest first."""
    wanted: list[tuple[str, object]] = [(f'"{name}" = ?', item) for name, item in equal.items() if item is not None]
    if page.before is not None:
        wanted.append(("id < ?", page.before))
    if page.after is not None:
        wanted.append(("id > ?", page.after))
    where = " AND ".join(condition for condition, _ in wanted) or "1"
    order = "ASC" if page.after is not None and page.before is None else "DESC"
    sql = f"SELECT {columns(type_)} FROM {table} WHERE {where} ORDER BY id {order} LIMIT ?"
    found = await select(db, type_, sql, [*(item for _, item in wanted), page.limit])
    return found if order == "DESC" else found[::-1]
