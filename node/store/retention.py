"""Keeps the database small: old rows go, history is thinned, freed pages are given back; all of it in small steps."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiosqlite
from msgspec.structs import replace

from etlmon.units import Duration
from node import settings
from node.store import fs, paths, processes
from node.store.database import Database
from node.store.logs_retention import LogRetention
from node.store.rows import stamp, value
from node.store.samples_retention import SampleRetention
from node.store.series import Series

SERIES = (fs.USAGE, paths.HISTORY, processes.HISTORY)

_BATCH_ROWS = 1000
ALERTS_KEPT = Duration(30 * 86400)
"""When nothing else is said."""

_MOST_ALERTS = 100_000
"""However long they are kept: a number that comes and goes makes many."""

_MINUTE, _HOUR = len("2026-11-21T06:00"), len("2026-11-21T06")
_FREE_PAGES_KEPT = 256
"""Free pages stay in the file for what comes next, unless there are more than these and than a quarter of the file."""

_VACUUM_PAGES = 256
"""In one write: some 10 ms."""


@dataclass(frozen=True, slots=True)
class _Append:
    """A table whose rows go when they are old, with the column `id` and one that holds their time.

    Where `max_rows` counts, ids are numbers that grow. A row without a time stays.
    """

    table: str
    keep: settings.Keep
    at: str = "at"


@dataclass(frozen=True, slots=True)
class _Due:
    rows: list[tuple[str, str]]
    thinned: dict[tuple[str, str, int], str]

    @property
    def room(self) -> int:
        return _BATCH_ROWS - len(self.rows)

    def add(self, key: str, times: Sequence[str]) -> None:
        self.rows.extend((key, time) for time in times)


class Retention:
    """Call `step` once a minute, and again at once while it returns True.

    Append-only tables lose what is older than `max_age` or beyond the newest `max_rows`; so does each log. Series keep
    every point for `history.raw`, then the last of each minute until `history.minute`, then the last of each hour
    until `history.hour`; of what is recorded of numbers each level goes when its time is over.
    """

    def __init__(
        self,
        database: Database,
        keep: settings.Retention,
        history: settings.History,
        *,
        alerts: Duration = ALERTS_KEPT,
    ) -> None:
        """`alerts` is how long what is over of the alerts is kept; 0 for ever."""
        self._database = database
        past_alerts = settings.Keep(max_age=alerts, max_rows=_MOST_ALERTS)
        self._appends: tuple[_Append, ...] = (
            _Append("events", keep.events),
            _Append("audit", keep.audit),
            _Append("tail_gaps", keep.events),
            _Append("cron_runs", keep.cron_runs),
            _Append("dataproc_runs", keep.dataproc_runs, at="started_at"),
            # Their ids are no numbers: they go by the time since they are gone, and those that are there have none.
            _Append("dataproc_clusters", replace(keep.dataproc_runs, max_rows=0), at="gone_at"),
            _Append("xferlog_entries", keep.xferlog_entries, at="log_time"),
            _Append("xferlog_unparsed", keep.xferlog_entries),
            # What is open, waits or is in force has no such time yet, or one that is to come.
            _Append("alerts", past_alerts, at="resolved_at"),
            _Append("alert_deliveries", past_alerts, at="ended_at"),
            _Append("alert_silences", past_alerts, at="ends_at"),
        )
        self._logs = LogRetention(database, keep.log_lines)
        self._samples = SampleRetention(database, history)
        self._raw = history.raw
        self._minute = max(self._raw, history.minute)
        self._hour = max(self._minute, history.hour)
        # Up to where a series is thinned already. Lost with the process, it costs one more look at what is thin.
        self._thinned: dict[tuple[str, str, int], str] = {}

    async def step(self, now: datetime) -> bool:
        """Do a part of what is due, each write at most 1,000 rows; True when more is left. Raises StoreError."""
        more = False
        for append in self._appends:
            more |= await self._shorten(append, now)
        for series in SERIES:
            more |= await self._thin(series, now)
        more |= await self._samples.step(now)
        more |= await self._logs.step(now)
        return more or await self._give_back_pages()

    async def _shorten(self, append: _Append, now: datetime) -> bool:
        ids = await self._database.read(_surplus, append, now)
        if ids:
            await self._database.write(lambda db: _delete_ids(db, append.table, ids))
        return len(ids) == _BATCH_ROWS

    async def _thin(self, series: Series, now: datetime) -> bool:
        due = await self._database.read(self._due, series, now)
        if due.rows:
            await self._database.write(lambda db: series.delete(db, due.rows))
        self._thinned.update(due.thinned)
        return len(due.rows) == _BATCH_ROWS

    async def _due(self, db: aiosqlite.Connection, series: Series, now: datetime) -> _Due:
        """The rows of a series that have to go, at most a batch, and what is thinned once they have."""
        end = _ago(now, self._hour)
        # A stamp cut short is the first moment of its hour or minute: it sorts before all of them.
        hourly = _ago(now, self._minute)[:_HOUR]
        by_minute = _ago(now, self._raw)[:_MINUTE]
        due = _Due([], {})
        for key in await series.keys(db):
            due.add(key, await series.older(db, key, end, due.room))
            for prefix, since, until in ((_HOUR, end, hourly), (_MINUTE, hourly, by_minute)):
                place = (series.table, key, prefix)
                thinned = self._thinned.get(place, "")
                # What was thinned by a clock that has been set back since has to be looked at again.
                begin = max(since, thinned) if thinned <= until else since
                if due.room and begin < until:
                    due.add(key, await series.crowded(db, key, begin, until, prefix, due.room))
                    if due.room:
                        due.thinned[place] = until
            if not due.room:
                break
        return due

    async def _give_back_pages(self) -> bool:
        if not await self._database.read(_has_surplus_pages):
            return False
        await self._database.write(_vacuum_some)
        return await self._database.read(_has_surplus_pages)


def _ago(now: datetime, seconds: float) -> str:
    """The moment so long ago, as stored; before all times when the calendar does not reach back that far."""
    try:
        return stamp(now - timedelta(seconds=seconds))
    except OverflowError:
        return ""


async def _surplus(db: aiosqlite.Connection, append: _Append, now: datetime) -> list[int | str]:
    """The ids of rows that are too old, else of those that are too many; oldest first, at most a batch."""
    if append.keep.max_age:
        oldest = _ago(now, append.keep.max_age)
        sql = f"SELECT id FROM {append.table} WHERE {append.at} < ? ORDER BY {append.at} LIMIT ?"
        if ids := [row[0] for row in await db.execute_fetchall(sql, (oldest, _BATCH_ROWS))]:
            return ids
    if append.keep.max_rows:
        sql = (
            f"SELECT id FROM {append.table} WHERE id <= "
            f"(SELECT id FROM {append.table} ORDER BY id DESC LIMIT 1 OFFSET ?) "
            f"AND {append.at} IS NOT NULL ORDER BY id LIMIT ?"
        )
        return [row[0] for row in await db.execute_fetchall(sql, (append.keep.max_rows, _BATCH_ROWS))]
    return []


async def _delete_ids(db: aiosqlite.Connection, table: str, ids: Sequence[int | str]) -> None:
    await db.executemany(f"DELETE FROM {table} WHERE id = ?", [(row,) for row in ids])


async def _has_surplus_pages(db: aiosqlite.Connection) -> bool:
    free = int(await value(db, "PRAGMA freelist_count"))
    return free > max(_FREE_PAGES_KEPT, int(await value(db, "PRAGMA page_count")) // 4)


async def _vacuum_some(db: aiosqlite.Connection) -> None:
    # The pragma frees a page each time its statement is stepped. Its rows have no columns, and sqlite3 takes the first
    # of those for the end: however many pages it is told, one goes.
    for _ in range(_VACUUM_PAGES):
        await db.execute_fetchall("PRAGMA incremental_vacuum(1)")
