"""processes: what ran of each watch at the last look, the watches themselves, and what they used over time."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Collection, Sequence
from datetime import datetime

import aiosqlite
import msgspec

from etlmon.contract.processes import Process, ProcessPoint, ProcessWatch
from node.store.rows import Column, column, columns, select, storable, upsert, value
from node.store.series import Series

HISTORY = Series(table="process_history", key="watch", at="at")

_FIELDS = tuple(name for name in Process.__struct_fields__ if name != "recent_cpu")
_INSERT = (
    f"INSERT INTO processes (number, recent_cpu, {', '.join(_FIELDS)}) VALUES ({', '.join('?' * (len(_FIELDS) + 2))})"
)
_SELECT = f"SELECT {columns(Process)} FROM processes"


class WatchPoint(ProcessPoint, frozen=True, kw_only=True):
    """A point in the history of one watch."""

    watch: str


class ProcessLook(msgspec.Struct, frozen=True, kw_only=True):
    """What one look gave: all processes that are watched, in their order within each watch, and all watches.

    `points` are what becomes history.
    """

    processes: Sequence[Process]
    watches: Sequence[ProcessWatch]
    points: Sequence[WatchPoint] = ()


async def record(db: aiosqlite.Connection, rows: Sequence[ProcessLook]) -> None:
    """Make each look all there is of processes and watches, and add its points to the history."""
    for row in rows:
        await db.execute_fetchall("DELETE FROM processes")
        if row.processes:
            await db.executemany(_INSERT, [_columns(number, one) for number, one in enumerate(row.processes)])
        await db.execute_fetchall("DELETE FROM process_watches")
        await upsert(db, "process_watches", row.watches)
        await upsert(db, HISTORY.table, row.points)


def _columns(number: int, process: Process) -> list[Column]:
    # These rows are written every few seconds: the list of numbers does not take the long way of other documents.
    recent = msgspec.json.encode(process.recent_cpu).decode()
    return [number, recent, *(column(getattr(process, name)) for name in _FIELDS)]


async def forget(db: aiosqlite.Connection, keep: Collection[str]) -> None:
    """Remove the watches that are not in `keep`. Their history stays until it is old, should they come back."""
    kept = {storable(name) for name in keep}
    for table, key in (("processes", "watch"), ("process_watches", "name")):
        known = {row[0] for row in await db.execute_fetchall(f"SELECT DISTINCT {key} FROM {table}")}
        await db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(name,) for name in sorted(known - kept)])


async def remembered(db: aiosqlite.Connection) -> tuple[list[ProcessWatch], list[Process]]:
    """What the last look gave, to go on from it."""
    return await watches(db), await select(db, Process, f"{_SELECT} ORDER BY watch, number")


async def processes(db: aiosqlite.Connection, watch: str | None, limit: int, offset: int) -> tuple[list[Process], int]:
    """One page of the processes, of one watch or of all in the order of their names; and how many there are in all."""
    where, of = ("WHERE watch = ?", (watch,)) if watch is not None else ("", ())
    page = await select(db, Process, f"{_SELECT} {where} ORDER BY watch, number LIMIT ? OFFSET ?", (*of, limit, offset))
    return page, int(await value(db, f"SELECT count(*) FROM processes {where}", of))


async def watches(db: aiosqlite.Connection) -> list[ProcessWatch]:
    """Every watch, by name."""
    return await select(db, ProcessWatch, f"SELECT {columns(ProcessWatch)} FROM process_watches ORDER BY name")


async def watch(db: aiosqlite.Connection, name: str) -> ProcessWatch | None:
    """One watch as of the last look; None when there is none of that name."""
    sql = f"SELECT {columns(ProcessWatch)} FROM process_watches WHERE name = ?"
    return next(iter(await select(db, ProcessWatch, sql, (name,))), None)


async def history(
    db: aiosqlite.Connection,
    watch: str,
    since: datetime | None = None,
    until: datetime | None = None,
    step: int | None = None,
) -> list[ProcessPoint]:
    """What ran of a watch and what it used, oldest first; `step` is in seconds. See Series.points."""
    return await HISTORY.points(db, ProcessPoint, watch, since=since, until=until, step=step)
