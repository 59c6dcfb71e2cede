"""logs: stored lines, read back by their place, by time, or by what stands in them."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from sqlite3 import Row

import aiosqlite
import msgspec
from msgspec.structs import replace

from etlmon.contract.logs import LineSeverity, LogLine, LogQuery
from node.store import logs
from node.store.logs import PARTIAL, SEVERITY_CODES, SEVERITY_SHIFT, TRUNCATED, Bounds, seq_of
from node.store.rows import stamp, value

ReadTime = Callable[[str, datetime], datetime | None]
"""The time that stands in a line, given when the line was read."""

Matcher = Callable[[str, int], int]
"""Called with a line and its id for every line that is looked at, in SQLite's thread: 1 to find it."""

_SEVERITIES: tuple[LineSeverity | None, ...] = (None, *SEVERITY_CODES)
_LINE = (
    "SELECT id, created_at, source_inode, flags, line, coalesce(nullif(path, ?), '') "
    "FROM log_lines LEFT JOIN log_files USING (source)"
)
_BEFORE = datetime.min.replace(tzinfo=UTC)
MOST_TEXT = 2**21
"""Characters in one answer, about: as JSON it may become six times as large."""

_FETCHED = 256
"""Lines at a time; between two times the loop does other things."""

_UNTIMED_LINES = 50
"""A line without a time of its own (of a stack trace) stands under the next one's, if that is not further off."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Lines from `first` to `last`, both included, and from which end they are looked at."""

    first: int
    last: int
    newest: bool = True

    @property
    def is_empty(self) -> bool:
        return self.first > self.last

    @property
    def order(self) -> str:
        return "DESC" if self.newest else "ASC"

    def part(self, count: int) -> "Span":
        """The `count` lines that are looked at first."""
        if self.newest:
            return replace(self, first=max(self.first, self.last - count + 1))
        return replace(self, last=min(self.last, self.first + count - 1))

    def up_to(self, seq: int) -> "Span":
        """The lines that are looked at before this one."""
        return replace(self, first=seq + 1) if self.newest else replace(self, last=seq - 1)

    def beyond(self, part: "Span") -> "Span":
        """The lines that are looked at after those of a part."""
        return replace(self, last=part.first - 1) if self.newest else replace(self, first=part.last + 1)


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Texts one of which stands in a line, or with `absent` none. They are lower case when case is to be ignored."""

    any_of: tuple[str, ...]
    ignore_case: bool = False
    absent: bool = False

    @property
    def condition(self) -> str:
        line = "lower(line)" if self.ignore_case else "line"
        stands = " OR ".join(f"instr({line}, ?)" for _ in self.any_of)
        return f"NOT ({stands})" if self.absent else f"({stands})"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a line must be like to be found; all of it holds."""

    texts: tuple[Texts, ...] = ()
    severity: LineSeverity | None = None
    matcher: Matcher | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines of a log, oldest first, and which lines there are at the same moment."""

    bounds: Bounds
    lines: list[LogLine]


async def page(
    db: aiosqlite.Connection, name: str, query: LogQuery, limit: int, read_time: ReadTime | None = None
) -> Page | None:
    """At most `limit` of the lines that a query's places name; None when there is no such log."""
    placed = await span(db, name, query, read_time)
    if placed is None:
        return None
    bounds, asked = placed
    return Page(bounds=bounds, lines=await lines(db, bounds, asked, limit, read_time))


async def span(
    db: aiosqlite.Connection, name: str, query: LogQuery, read_time: ReadTime | None = None
) -> tuple[Bounds, Span] | None:
    """The lines between a query's places. They are looked at from the newest unless it says where to begin."""
    bounds = await logs.bounds(db, name)
    if bounds is None:
        return None
    first, last = bounds.first_seq, bounds.last_seq
    if query.after is not None:
        first = max(first, bounds.place_of(query.after) + 1)
    if query.start is not None:
        first = max(first, query.start)
    if query.since is not None:
        first = max(first, await seq_at(db, bounds, query.since, read_time))
    if query.before is not None:
        last = min(last, bounds.place_of(query.before - 1))
    newest = query.after is None and query.start is None and query.since is None
    return bounds, Span(first=first, last=last, newest=newest)


async def lines(
    db: aiosqlite.Connection,
    bounds: Bounds,
    span: Span,
    limit: int,
    read_time: ReadTime | None = None,
    *,
    most_text: int = MOST_TEXT,
) -> list[LogLine]:
    """At most `limit` lines of a span, from the end it is looked at; oldest first in any case.

    Fewer when they hold `most_text` characters together, but at least one.
    """
    where = "id BETWEEN ? AND ?"
    ends = bounds.id_of(span.first), bounds.id_of(span.last)
    return await _lines(db, bounds, span, where, (*ends, limit), read_time, most_text)


async def lines_of(
    db: aiosqlite.Connection,
    bounds: Bounds,
    span: Span,
    seqs: Collection[int],
    read_time: ReadTime | None = None,
    *,
    most_text: int = MOST_TEXT,
) -> list[LogLine]:
    """The lines of a span with these seqs, as `lines` gives them."""
    ids = json.dumps([bounds.id_of(seq) for seq in seqs])
    where = "id IN (SELECT value FROM json_each(?))"
    return await _lines(db, bounds, span, where, (ids, len(seqs)), read_time, most_text)


async def _lines(
    db: aiosqlite.Connection,
    bounds: Bounds,
    span: Span,
    where: str,
    params: Sequence[object],
    read_time: ReadTime | None,
    most_text: int,
) -> list[LogLine]:
    path = await value(db, "SELECT path FROM logs WHERE number = ?", (bounds.number,))
    found: list[LogLine] = []
    at, created_at = "", _BEFORE
    async with db.execute(f"{_LINE} WHERE {where} ORDER BY id {span.order} LIMIT ?", (path, *params)) as cursor:
        while most_text > 0 and (rows := await cursor.fetchmany(_FETCHED)):
            for row in rows:
                if row[1] != at:  # lines that were read together share it
                    at, created_at = row[1], datetime.fromisoformat(row[1])
                found.append(_line(row, created_at, read_time))
                most_text -= len(row[4])
                if most_text <= 0:
                    break
    return found[::-1] if span.newest else found


def _line(row: Row, created_at: datetime, read_time: ReadTime | None) -> LogLine:
    line_id, _, inode, flags, line, file = row
    return LogLine(
        id=line_id,
        seq=seq_of(line_id),
        line=line,
        created_at=created_at,
        source_inode=inode,
        truncated=bool(flags & TRUNCATED),
        partial=bool(flags & PARTIAL),
        severity=_SEVERITIES[flags >> SEVERITY_SHIFT],
        event_at=read_time(line, created_at) if read_time else None,
        file=file,
    )


async def matching(db: aiosqlite.Connection, bounds: Bounds, span: Span, limit: int, wanted: Wanted) -> list[int]:
    """The seqs of at most `limit` lines of a span that are wanted, from the end it is looked at."""
    conditions, params = ["id BETWEEN ? AND ?"], [bounds.id_of(span.first), bounds.id_of(span.last)]
    table = "log_lines"
    if wanted.severity is not None:
        # The second condition says nothing new; by it SQLite knows that the index has all of these.
        table = "log_lines INDEXED BY log_lines_severe"
        conditions += ["flags >= ?", f"flags >= {1 << SEVERITY_SHIFT}"]
        params.append(SEVERITY_CODES[wanted.severity] << SEVERITY_SHIFT)
    conditions += [texts.condition for texts in wanted.texts]
    sought = [text for texts in wanted.texts for text in texts.any_of]
    if wanted.matcher is not None:
        await db.create_function("etlmon_wanted", 2, wanted.matcher)
        conditions.append("etlmon_wanted(line, id)")
    sql = f"SELECT id FROM {table} WHERE {' AND '.join(conditions)} ORDER BY id {span.order} LIMIT ?"
    return [seq_of(row[0]) for row in await db.execute_fetchall(sql, (*params, *sought, limit))]


async def seq_at(db: aiosqlite.Connection, bounds: Bounds, moment: datetime, read_time: ReadTime | None = None) -> int:
    """The seq of the first line of this time or later, one more than the last when there is none.

    It halves the log again and again, so the lines are taken to be in the order of their times.
    """
    low, high = bounds.first_seq, bounds.last_seq + 1
    while low < high:
        middle = (low + high) // 2
        if await _time(db, bounds, middle, read_time) < stamp(moment):
            low = middle + 1
        else:
            high = middle
    return low


async def _time(db: aiosqlite.Connection, bounds: Bounds, seq: int, read_time: ReadTime | None) -> str:
    count = 1 if read_time is None else _UNTIMED_LINES
    sql = "SELECT created_at, line FROM log_lines WHERE id BETWEEN ? AND ? ORDER BY id"
    found = await db.execute_fetchall(sql, (bounds.id_of(seq), bounds.id_of(min(seq + count - 1, bounds.last_seq))))
    created = [row[0] for row in found]
    if read_time is not None:
        for at, line in found:
            if event_at := read_time(line, datetime.fromisoformat(at)):
                return stamp(event_at)
    first: str = created[0]
    return first
