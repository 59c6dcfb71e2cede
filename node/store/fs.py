"""fs: the mounts as last seen, and how full they were."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Sequence
from datetime import datetime, timedelta

import aiosqlite

from etlmon.contract.fs import FsPoint, Mount
from node.store.rows import column, columns, select, stamp, upsert
from node.store.series import Series

USAGE = Series(table="filesystem_usage", key="mount_point", at="collected_at")

_UNCHANGED = timedelta(minutes=5)
"""How often a mount whose usage does not change gets a point."""

_RECENT_STEP_SEC = 60

_APPEND = """
INSERT OR REPLACE INTO filesystem_usage
SELECT :mount_point, :collected_at, :total_bytes, :used_bytes, :avail_bytes, :used_percent, :inodes_used_percent
WHERE NOT EXISTS (
    SELECT 1 FROM (
        SELECT * FROM filesystem_usage WHERE mount_point = :mount_point AND collected_at <= :collected_at
        ORDER BY collected_at DESC LIMIT 1
    )
    WHERE used_bytes = :used_bytes AND avail_bytes = :avail_bytes AND collected_at > :unchanged_since
)
"""


async def record(db: aiosqlite.Connection, rows: Sequence[Mount]) -> None:
    """Make `rows` all the mounts there are, and add to the history of those that were measured (state ok).

    A mount gets a point when its used or available bytes differ from its last point, and every five minutes.
    """
    await db.execute_fetchall("DELETE FROM filesystem_mounts")
    await upsert(db, "filesystem_mounts", rows)
    await db.executemany(_APPEND, [_usage(row) for row in rows if row.state == "ok"])


def _usage(row: Mount) -> dict[str, object]:
    names = ("mount_point", "collected_at", "total_bytes", "used_bytes", "avail_bytes", "used_percent")
    usage: dict[str, object] = {name: column(getattr(row, name)) for name in (*names, "inodes_used_percent")}
    return usage | {"unchanged_since": stamp(row.collected_at - _UNCHANGED)}


async def mounts(db: aiosqlite.Connection) -> list[Mount]:
    """Every mount, in the order of the mount points."""
    return await select(db, Mount, f"SELECT {columns(Mount)} FROM filesystem_mounts ORDER BY mount_point")


async def mount(db: aiosqlite.Connection, mount_point: str) -> Mount | None:
    """One mount as last seen; None when there is none."""
    sql = f"SELECT {columns(Mount)} FROM filesystem_mounts WHERE mount_point = ?"
    return next(iter(await select(db, Mount, sql, (mount_point,))), None)


async def history(
    db: aiosqlite.Connection,
    mount: str,
    since: datetime | None = None,
    until: datetime | None = None,
    step: int | None = None,
) -> list[FsPoint]:
    """How full a mount was, oldest first; `step` is in seconds. At most 2,000 points, see Series.points."""
    return await USAGE.points(db, FsPoint, mount, since=since, until=until, step=step)


async def recent_usage(db: aiosqlite.Connection, since: datetime) -> dict[str, list[FsPoint]]:
    """The points of every mount since then, oldest first, at most one a minute."""
    return {
        key: await USAGE.points(db, FsPoint, key, since=since, until=None, step=_RECENT_STEP_SEC)
        for key in await USAGE.keys(db)
    }
