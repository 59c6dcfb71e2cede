"""logs: old lines go, log by log and from the oldest on."""

import time
from datetime import datetime, timedelta

import aiosqlite

from node.settings import Keep
from node.store import logs
from node.store.database import Database
from node.store.logs_lines import seq_at

_WRITE_SEC = 0.02
"""What one write may take, about; the number of lines in it follows from how long the one before took."""

_FEWEST, _FIRST, _MOST = 50, 2000, 50_000
_LARGEST_BATCH = 2**20
"""Lines that one look at a log can give: its bytes."""


class LogRetention:
    """Shortens every log to the lines younger than `max_age` and to its newest `max_rows`; 0 keeps for ever.

    Logs that are not configured any more are shortened, too, and leave when nothing of them is left.
    """

    def __init__(self, database: Database, keep: Keep) -> None:
        self._database = database
        self._keep = keep
        self._count = _FIRST

    async def step(self, now: datetime) -> bool:
        """Delete some lines, in one short write; True when more is left to do. Raises StoreError."""
        for name in await self._database.read(logs.names):
            end = await self._database.read(_end, name, self._keep, now)
            if end is not None:
                await self._delete(name, end)
                return True
        if await self._database.read(logs.unconfigured):
            await self._database.write(logs.drop_empty)
        return False

    async def _delete(self, name: str, end: int) -> None:
        count = self._count
        started = time.perf_counter()
        deleted = await self._database.write(lambda db: _delete(db, name, end, count))
        took = time.perf_counter() - started
        if deleted == count or took > _WRITE_SEC:
            paced = round(count * min(2.0, _WRITE_SEC / took))
            self._count = max(_FEWEST, min(paced, _MOST))


async def _end(db: aiosqlite.Connection, name: str, keep: Keep, now: datetime) -> int | None:
    """The seq before which all lines of a log have to go; None when none has to."""
    bounds = await logs.stored(db, name)
    if bounds is None or bounds.last_seq < bounds.first_seq:
        return None
    end = bounds.last_seq - keep.max_rows + 1 if keep.max_rows else bounds.first_seq
    if keep.max_age:
        end = max(end, await seq_at(db, bounds, _ago(now, keep.max_age)))
    return end if end > bounds.first_seq else None


async def _delete(db: aiosqlite.Connection, name: str, end: int, most: int) -> int:
    """Delete a log's oldest lines before `end`; returns how many those were."""
    bounds = await logs.stored(db, name)
    count = min(most, end - bounds.first_seq) if bounds is not None else 0
    if bounds is None or count <= 0:
        return 0
    await logs.delete_lines(db, bounds, count)
    unused = bounds.first_seq + count - logs.FILES_SEQS - _LARGEST_BATCH
    await db.execute_fetchall("DELETE FROM log_files WHERE number = ? AND last_seq < ?", (bounds.number, unused))
    return count


def _ago(now: datetime, seconds: float) -> datetime:
    """The moment so long ago; the first of all when the calendar does not reach back that far."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
