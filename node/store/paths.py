"""paths: the latest scan of every watched path, its history and its largest files."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Collection, Sequence
from datetime import datetime

import aiosqlite
import msgspec

from etlmon.contract.paths import PathPoint, PathStats, PathTop, TopDirectory, TopFile
from node.store.rows import column, columns, insert, select, upsert, value
from node.store.series import Series

HISTORY = Series(table="path_history", key="path", at="at")

_COUNTED = ("ok", "empty", "incomplete")
"""The states in which the counts are of what was there, so that they belong into the history."""


class PathScan(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan gave: `top` when it ended and had measured sizes."""

    stats: PathStats
    top: PathTop | None = None


class _Stored(PathStats, frozen=True, kw_only=True):
    finished_status: str | None


class _Point(PathPoint, frozen=True, kw_only=True):
    path: str


class _File(msgspec.Struct, frozen=True, kw_only=True):
    watched: str
    rank: int
    file: str
    bytes: int
    mtime: datetime


class _Directory(msgspec.Struct, frozen=True, kw_only=True):
    watched: str
    rank: int
    directory: str
    bytes: int
    file_count: int


async def record(db: aiosqlite.Connection, rows: Sequence[PathScan]) -> None:
    """Make each scan the latest of its path; a finished one that counted something also becomes history.

    A scan that is still going on changes nothing of the one before but its status, and how far the new one is.
    """
    for row in rows:
        if row.stats.status == "SCANNING":
            await _record_progress(db, row.stats)
        else:
            await _record_finished(db, row.stats)
        if row.top is not None:
            await _replace_top(db, row.stats.path, row.top)


async def _record_progress(db: aiosqlite.Connection, stats: PathStats) -> None:
    progress = [column(item) for item in (stats.name, stats.next_scan_at, stats.scanned_files, stats.path)]
    known = await value(db, "SELECT 1 FROM path_stats WHERE path = ? AND finished_status IS NOT NULL", (stats.path,))
    if known is None:
        await upsert(db, "path_stats", [stats])
        return
    await db.execute_fetchall(
        "UPDATE path_stats SET status = 'SCANNING', name = ?, next_scan_at = ?, scanned_files = ? WHERE path = ?",
        progress,
    )


async def _record_finished(db: aiosqlite.Connection, stats: PathStats) -> None:
    fields = msgspec.structs.asdict(stats)
    await upsert(db, "path_stats", [_Stored(**fields, finished_status=stats.status)])
    if stats.state in _COUNTED:
        point = {name: fields[name] for name in PathPoint.__struct_fields__ if name != "at"}
        await upsert(db, HISTORY.table, [_Point(**point, at=stats.collected_at, path=stats.path)])


async def _replace_top(db: aiosqlite.Connection, watched: str, top: PathTop) -> None:
    for table in ("path_top_files", "path_top_directories"):
        await db.execute_fetchall(f"DELETE FROM {table} WHERE watched = ?", (column(watched),))
    files = [
        _File(watched=watched, rank=rank, file=file.path, bytes=file.bytes, mtime=file.mtime)
        for rank, file in enumerate(top.files, 1)
    ]
    directories = [
        _Directory(watched=watched, rank=rank, directory=item.path, bytes=item.bytes, file_count=item.file_count)
        for rank, item in enumerate(top.directories, 1)
    ]
    await insert(db, "path_top_files", files)
    await insert(db, "path_top_directories", directories)


async def forget(db: aiosqlite.Connection, keep: Collection[str]) -> None:
    """Remove the paths that are not in `keep`. Their history stays until it is old, should they come back."""
    kept = {column(path) for path in keep}
    for table, key in (("path_stats", "path"), ("path_top_files", "watched"), ("path_top_directories", "watched")):
        known = {row[0] for row in await db.execute_fetchall(f"SELECT DISTINCT {key} FROM {table}")}
        gone = [(path,) for path in sorted(known - kept)]
        await db.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)


async def end_interrupted(db: aiosqlite.Connection, going_on: Collection[str] = ()) -> None:
    """Scans that were going on when their collector ended go on no more; those of the paths in `going_on` do."""
    kept = {column(path) for path in going_on}
    scanning = await db.execute_fetchall("SELECT path FROM path_stats WHERE status = 'SCANNING'")
    ended = [(row[0],) for row in scanning if row[0] not in kept]
    await db.executemany("DELETE FROM path_stats WHERE path = ? AND finished_status IS NULL", ended)
    await db.executemany("UPDATE path_stats SET status = finished_status, scanned_files = NULL WHERE path = ?", ended)


async def stats(db: aiosqlite.Connection, limit: int, offset: int) -> tuple[list[PathStats], int]:
    """One page of the watched paths in their order, and how many there are in all."""
    sql = f"SELECT {columns(PathStats)} FROM path_stats ORDER BY path LIMIT ? OFFSET ?"
    page = await select(db, PathStats, sql, (limit, offset))
    return page, int(await value(db, "SELECT count(*) FROM path_stats"))


async def latest(db: aiosqlite.Connection, path: str) -> PathStats | None:
    """The latest scan of one watched path; None when there is none yet."""
    sql = f"SELECT {columns(PathStats)} FROM path_stats WHERE path = ?"
    return next(iter(await select(db, PathStats, sql, (column(path),))), None)


async def history(
    db: aiosqlite.Connection,
    path: str,
    since: datetime | None = None,
    until: datetime | None = None,
    step: int | None = None,
) -> list[PathPoint]:
    """The scans of a path that counted something, oldest first; `step` is in seconds. See Series.points."""
    return await HISTORY.points(db, PathPoint, path, since=since, until=until, step=step)


async def top(db: aiosqlite.Connection, path: str, n: int) -> PathTop:
    """The largest `n` files and directories of the last scan that measured sizes; empty when none did."""
    files = 'SELECT file AS "path", bytes, mtime FROM path_top_files WHERE watched = ? ORDER BY rank LIMIT ?'
    directories = (
        'SELECT directory AS "path", bytes, file_count FROM path_top_directories '
        "WHERE watched = ? ORDER BY rank LIMIT ?"
    )
    return PathTop(
        files=await select(db, TopFile, files, (path, n)),
        directories=await select(db, TopDirectory, directories, (path, n)),
    )


async def resolve(db: aiosqlite.Connection, path_or_name: str) -> str | None:
    """The watched path of that path or, failing that, of that name (the first in order); None when there is none."""
    sql = "SELECT path FROM path_stats WHERE ?1 IN (path, name) ORDER BY path <> ?1, path LIMIT 1"
    found: str | None = await value(db, sql, (path_or_name,))
    return found
