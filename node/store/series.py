"""History tables: rows of a key over time, read in steps and thinned as they age."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import aiosqlite
import msgspec

from node.store.rows import select, stamp, value

Point = TypeVar("Point", bound=msgspec.Struct)

MAX_POINTS = 2000
"""In one answer."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_STEP_BEGINS = "strftime('%Y-%m-%dT%H:%M:%S.000Z', strftime('%s', t) / :width * :width, 'unixepoch')"


@dataclass(frozen=True, slots=True)
class Series:
    """A table whose primary key is a text and a time; the names come from the code, never from outside."""

    table: str
    key: str
    at: str

    async def points(
        self,
        db: aiosqlite.Connection,
        type_: type[Point],
        key: str,
        *,
        since: datetime | None,
        until: datetime | None,
        step: int | None,
    ) -> list[Point]:
        """The points of one key from `since` to `until`, oldest first; in each `step` seconds the last one.

        `type_` names its time `at`. There are at most MAX_POINTS: a step that is too small, or none, is made as wide as
        that takes. Steps begin at whole multiples of their width since 1970.
        """
        first, last = stamp(since or _FIRST), stamp(until or _LAST)
        span = await value(
            db,
            f"SELECT strftime('%s', max({self.at})) - strftime('%s', min({self.at})) FROM {self.table} "
            f"WHERE {self.key} = ? AND {self.at} BETWEEN ? AND ?",
            (key, first, last),
        )
        if span is None:
            return []
        width = max(step or 1, width_for(int(span)))
        names = ", ".join(f't AS "{name}"' if name == "at" else f'"{name}"' for name in type_.__struct_fields__)
        # From the newest point back, each time to the last one before the step it lies in: as many look-ups in the
        # primary key as there are points in the answer, however many rows lie between them.
        return await select(
            db,
            type_,
            f"WITH RECURSIVE last(t) AS ("
            f"SELECT max({self.at}) FROM {self.table} WHERE {self.key} = :key AND {self.at} BETWEEN :first AND :last "
            f"UNION ALL SELECT (SELECT max({self.at}) FROM {self.table} WHERE {self.key} = :key "
            f"AND {self.at} >= :first AND {self.at} < min(t, {_STEP_BEGINS})) FROM last WHERE t IS NOT NULL) "
            f"SELECT {names} FROM last JOIN {self.table} ON {self.key} = :key AND {self.at} = t ORDER BY t",
            {"key": key, "first": first, "last": last, "width": width},
        )

    async def keys(self, db: aiosqlite.Connection) -> list[str]:
        """Every key that has rows, found by jumping from one to the next."""
        found = await db.execute_fetchall(
            f"WITH RECURSIVE each(k) AS (SELECT min({self.key}) FROM {self.table} UNION ALL "
            f"SELECT (SELECT min({self.key}) FROM {self.table} WHERE {self.key} > k) FROM each WHERE k IS NOT NULL) "
            "SELECT k FROM each WHERE k IS NOT NULL"
        )
        return [row[0] for row in found]

    async def older(self, db: aiosqlite.Connection, key: str, until: str, limit: int) -> list[str]:
        """The oldest times before `until`."""
        found = await db.execute_fetchall(
            f"SELECT {self.at} FROM {self.table} WHERE {self.key} = ? AND {self.at} < ? ORDER BY {self.at} LIMIT ?",
            (key, until, limit),
        )
        return [row[0] for row in found]

    async def crowded(
        self, db: aiosqlite.Connection, key: str, since: str, until: str, prefix: int, limit: int
    ) -> list[str]:
        """Times from `since` to before `until` that another of the same minute or hour follows: all but its last.

        Two times are of the same minute when the first 16 characters of their text are equal, of the same hour when
        the first 13 are.
        """
        found = await db.execute_fetchall(
            f"SELECT t FROM (SELECT {self.at} AS t, lead({self.at}) OVER (ORDER BY {self.at}) AS next "
            f"FROM {self.table} WHERE {self.key} = ? AND {self.at} >= ? AND {self.at} < ?) "
            "WHERE substr(t, 1, ?) = substr(next, 1, ?) LIMIT ?",
            (key, since, until, prefix, prefix, limit),
        )
        return [row[0] for row in found]

    async def delete(self, db: aiosqlite.Connection, rows: Sequence[tuple[str, str]]) -> None:
        """Delete the rows of these keys and times."""
        await db.executemany(f"DELETE FROM {self.table} WHERE {self.key} = ? AND {self.at} = ?", rows)


def width_for(span_sec: int) -> int:
    """The narrowest of the usual steps with which a time of this length fits into MAX_POINTS; in seconds."""
    needed = span_sec / (MAX_POINTS - 1)
    return next((step for step in _STEPS if step >= needed), round(needed) + 1)
