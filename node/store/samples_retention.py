"""samples: what is too old for its level goes, a stretch of time after the other."""
# ruff: noqa: S608 - the names of tables in the SQL are the code's own

from datetime import datetime

import aiosqlite

from node.settings import History
from node.store.database import Database
from node.store.rows import value
from node.store.samples_levels import HOUR, LEVELS, Level, kept_sec

MOST_ROWS = 5000
"""In one write, and what else has the time of the last one. They lie together, and take a few milliseconds."""


class SampleRetention:
    """Keeps each level of the history for as long as the settings say, and the series of which something is left."""

    def __init__(self, database: Database, keep: History) -> None:
        self._database = database
        self._kept_sec = kept_sec(keep)

    async def step(self, now: datetime) -> bool:
        """Delete some points of each level, each in a short write; True when more is left. Raises StoreError."""
        more = False
        for level in LEVELS:
            more |= await self._shorten(level, self._end(level, now))
        end = self._end(HOUR, now)
        if await self._database.read(value, "SELECT 1 FROM sample_series WHERE first_at < ?", (end,)):
            await self._database.write(lambda db: _shorten_series(db, end))
        return more

    def _end(self, level: Level, now: datetime) -> int:
        return level.begin(int(now.timestamp() - self._kept_sec[level.name]))

    async def _shorten(self, level: Level, end: int) -> bool:
        until = await self._database.read(_until, level, end)
        if until is None:
            return False
        await self._database.write(lambda db: _delete(db, level, until))
        return until < end


async def _until(db: aiosqlite.Connection, level: Level, end: int) -> int | None:
    """Up to which time points are deleted now: `end`, or before it when they are too many; None when there are none."""
    oldest = await value(db, f"SELECT min(at) FROM {level.table}")
    if oldest is None or oldest >= end:
        return None
    sql = f"SELECT at FROM {level.table} WHERE at < ? ORDER BY at, series LIMIT 1 OFFSET ?"
    last = await value(db, sql, (end, MOST_ROWS))
    return end if last is None else min(end, int(last) + level.width)


async def _delete(db: aiosqlite.Connection, level: Level, until: int) -> None:
    await db.execute_fetchall(f"DELETE FROM {level.table} WHERE at < ?", (until,))


async def _shorten_series(db: aiosqlite.Connection, end: int) -> None:
    await db.execute_fetchall("DELETE FROM sample_series WHERE last_at < ?", (end,))
    await db.execute_fetchall("UPDATE sample_series SET first_at = ? WHERE first_at < ?", (end, end))
