"""A database for a test, closed whatever happens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite

from node.clock import Clock, utc_now
from node.store.database import Database

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@asynccontextmanager
async def opened(path: Path, *, clock: Clock = utc_now) -> AsyncIterator[Database]:
    database = await Database.open(path, clock=clock)
    try:
        yield database
    finally:
        await database.close()


async def fetch(db: aiosqlite.Connection, sql: str, *params: object) -> list[tuple[Any, ...]]:
    """The rows of any query as tuples: `await database.read(fetch, "SELECT ...")`."""
    return [tuple(row) for row in await db.execute_fetchall(sql, params)]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)
