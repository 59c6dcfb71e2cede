"""node: what happened on the host, and who did what."""

from collections.abc import Sequence

import aiosqlite

from etlmon.contract.node import AuditEntry, AuditQuery, Event, EventQuery
from node.store.pages import page
from node.store.rows import insert


async def add_events(db: aiosqlite.Connection, events: Sequence[Event]) -> None:
    """Append events; each gets an id larger than all before."""
    await insert(db, "events", events, without=("id",))


async def events(db: aiosqlite.Connection, query: EventQuery) -> list[Event]:
    """One page of events, newest first."""
    return await page(db, Event, "events", query, equal={"domain": query.domain, "key": query.key})


async def add_audit(db: aiosqlite.Connection, entry: AuditEntry) -> None:
    """Append one attempt; it gets an id larger than all before."""
    await insert(db, "audit", [entry], without=("id",))


async def audit(db: aiosqlite.Connection, query: AuditQuery) -> list[AuditEntry]:
    """One page of attempts, newest first."""
    return await page(db, AuditEntry, "audit", query, equal={"action": query.action})
