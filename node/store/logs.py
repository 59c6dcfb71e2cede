"""logs: the followed logs, and their lines as they come in. `logs_lines` reads the lines back.

A log has a `number` that stands above SEQ_BITS in the ids of its lines; below them stands `seq`, dense in its log.
"""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat

import aiosqlite
import msgspec

from etlmon.contract.endpoint import RowPage
from etlmon.contract.logs import SEQ_BITS, LineSeverity, Log, LogGap
from node.sources.tail_types import Chunk, Lost, Place, Restored
from node.store import tails
from node.store.rows import Column, column, select, stamp, value

SEVERITY_CODES: Mapping[LineSeverity, int] = {"info": 1, "warning": 2, "error": 3}
TRUNCATED, PARTIAL, SEVERITY_SHIFT = 1, 2, 2
"""The bits of `log_lines.flags`."""

_TRIMMED_PER_LINE = 2
_TRIM_ABOVE = 0.1
"""A log that is over its `max_rows` by this part of them loses its oldest lines as new ones come, two for each."""

FILES_SEQS = 100_000
"""`log_files.last_seq` is behind by less than so many lines, and a batch: it is not written with each of them."""

_COUNTED = ("lines_total", "rotations", "gaps", "lost_bytes", "last_seq")
_LATEST = ("last_line_at", "last_gap_at")
_STATED = (
    "path",
    "status",
    "size_bytes",
    "offset",
    "lag_bytes",
    "inode",
    "lines_per_sec",
    "error_message",
    "collected_at",
    "files",
    "polled",
    "errors_per_min",
)
_INSERTED = ("name", "configured", "paused", "matches", *_LATEST, *_STATED, *_COUNTED)
# Not an upsert: that would use up a number each time.
_ADD = f"INSERT INTO logs ({', '.join(_INSERTED)}) VALUES ({', '.join(f':{name}' for name in _INSERTED)})"
_CHANGE = (
    "UPDATE logs SET configured = 1, "
    f"{', '.join(f'{name} = :{name}' for name in ('matches', *_STATED))}, "
    f"{', '.join(f'{name} = coalesce(:{name}, {name})' for name in _LATEST)}, "
    f"{', '.join(f'{name} = {name} + :{name}' for name in _COUNTED)} WHERE name = :name"
)
_FIRST = f"(SELECT id & {2**SEQ_BITS - 1} FROM log_lines WHERE id > number << {SEQ_BITS} ORDER BY id LIMIT 1)"
"""The seq of the oldest line of the log at hand or of a later one: right when the log has any."""

_HAS_LINES = f"EXISTS (SELECT 1 FROM log_lines WHERE id = number << {SEQ_BITS} | last_seq)"
"""Rows go from the oldest on, so the newest one tells whether any is there."""

_FIRST_SEQ = f"CASE WHEN {_HAS_LINES} THEN {_FIRST} ELSE last_seq + 1 END AS first_seq"
_SPECIAL = {"first_seq": _FIRST_SEQ, "status": "CASE WHEN paused THEN 'paused' ELSE status END AS status"}
_LOG = ", ".join(_SPECIAL.get(name, f'"{name}"') for name in Log.__struct_fields__)


class LogBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a log gave; it is stored whole or not at all.

    `row` is the log's state; its seqs, its totals and `paused` are the store's own and not taken from it. `chunks` are
    lines with the severity code (1 info, 2 warning, 3 error) by position of those that matched. `places` None leaves
    them as they are. `rotations` and `matches` are added to what is stored. With `max_rows` the log's oldest lines go
    as these come, so that it stays near that many however fast it grows; 0 leaves all to the retention.
    """

    name: str
    row: Log
    at: datetime
    chunks: Sequence[tuple[Chunk, Mapping[int, int]]] = ()
    places: Sequence[Place] | None = None
    lost: Sequence[Lost] = ()
    rotations: int = 0
    matches: Mapping[str, int] = {}
    max_rows: int = 0


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a log are stored: `last_seq` < `first_seq` when none is."""

    number: int
    first_seq: int
    last_seq: int

    def id_of(self, seq: int) -> int:
        return self.number << SEQ_BITS | seq

    def place_of(self, line_id: int) -> int:
        """The seq of this id; for one of another log the place before or after all lines of this one."""
        number = line_id >> SEQ_BITS
        if number == self.number:
            return seq_of(line_id)
        return 0 if number < self.number else max(self.last_seq, self.first_seq)


class Head(Bounds, frozen=True, kw_only=True):
    """What changes of a log while somebody follows it."""

    path: str
    inode: int | None
    rotations: int
    gap_id: int
    """The id of its newest gap; 0 without one."""


class _Stored(Bounds, frozen=True, kw_only=True):
    matches: dict[str, int]


def owner(name: str) -> str:
    """The log as the owner of places and gaps."""
    return f"logs:{name}"


def seq_of(line_id: int) -> int:
    return line_id & (1 << SEQ_BITS) - 1


async def record(db: aiosqlite.Connection, rows: Sequence[LogBatch]) -> None:
    """Store each batch: the lines, how far the files are read, what may be missing, and the log's state."""
    for batch in rows:
        await _record(db, batch)


async def _record(db: aiosqlite.Connection, batch: LogBatch) -> None:
    stored = await _stored(db, batch.name)
    count = sum(len(chunk.lines) for chunk, _ in batch.chunks)
    await db.execute_fetchall(_CHANGE if stored else _ADD, _state(batch, count, stored.matches if stored else {}))
    before = stored or await _stored(db, batch.name, added=count)
    assert before is not None  # noqa: S101 - tells the type checker: it was added just now
    if count:
        sources = await _sources(db, before, batch.chunks)
        sql = "INSERT INTO log_lines (id, created_at, source_inode, source, flags, line) VALUES (?, ?, ?, ?, ?, ?)"
        await db.executemany(sql, _lines(batch, sources, before.id_of(before.last_seq + 1)))
    if batch.places is not None:
        await tails.save_places(db, owner(batch.name), batch.places)
    if batch.lost:
        await tails.add_gaps(db, owner(batch.name), batch.at, batch.lost, before.last_seq)
    surplus = before.last_seq + count - before.first_seq + 1 - batch.max_rows
    if count and batch.max_rows and surplus > batch.max_rows * _TRIM_ABOVE:
        await delete_lines(db, before, min(surplus, count * _TRIMMED_PER_LINE))


async def _stored(db: aiosqlite.Connection, name: str, added: int = 0) -> _Stored | None:
    """What the store has of a log; `added` lines are counted in `last_seq` already and not there yet."""
    sql = f"SELECT number, last_seq - ? AS last_seq, {_FIRST_SEQ}, matches FROM logs WHERE name = ?"
    return next(iter(await select(db, _Stored, sql, (added, name))), None)


def _state(batch: LogBatch, count: int, matches: Mapping[str, int]) -> dict[str, Column]:
    facts: dict[str, object] = {
        "name": batch.name,
        "configured": 1,
        "paused": 0,
        "matches": {**matches, **{name: matches.get(name, 0) + more for name, more in batch.matches.items()}},
        "last_line_at": batch.at if count else None,
        "last_gap_at": batch.at if batch.lost else None,
        "lines_total": count,
        "last_seq": count,
        "rotations": batch.rotations,
        "gaps": len(batch.lost),
        "lost_bytes": sum(lost.lost_bytes or 0 for lost in batch.lost),
    }
    return {name: column(facts[name] if name in facts else getattr(batch.row, name)) for name in _INSERTED}


def _lines(batch: LogBatch, sources: Mapping[str, int], first_id: int) -> Iterator[tuple[Column, ...]]:
    """The rows to insert. There may be a hundred thousand a second: no object is made for a line but its tuple."""
    at, chunks = stamp(batch.at), []
    for chunk, severities in batch.chunks:
        ids = range(first_id, first_id + len(chunk.lines))
        first_id = ids.stop
        same = repeat(at), repeat(chunk.inode), repeat(sources[chunk.path])
        chunks.append(zip(ids, *same, _flags(chunk, severities), chunk.lines, strict=False))
    return chain.from_iterable(chunks)


def _flags(chunk: Chunk, severities: Mapping[int, int]) -> Iterable[int]:
    if not (severities or chunk.truncated or chunk.partial):
        return repeat(0)
    flags = [0] * len(chunk.lines)
    for position, code in severities.items():
        flags[position] = code << SEVERITY_SHIFT
    for positions, bit in ((chunk.truncated, TRUNCATED), (chunk.partial, PARTIAL)):
        for position in positions:
            flags[position] |= bit
    return flags


async def _sources(
    db: aiosqlite.Connection, bounds: Bounds, chunks: Sequence[tuple[Chunk, Mapping[int, int]]]
) -> dict[str, int]:
    """The number of each chunk's file, by path."""
    paths = {chunk.path: column(chunk.path) for chunk, _ in chunks}
    fresh = "SELECT path, source FROM log_files WHERE number = ? AND last_seq > ?"
    known = {row[0]: row[1] for row in await db.execute_fetchall(fresh, (bounds.number, bounds.last_seq - FILES_SEQS))}
    if not known.keys() >= set(paths.values()):
        sql = (
            "INSERT INTO log_files (number, path, last_seq) VALUES (?, ?, ?) "
            "ON CONFLICT (number, path) DO UPDATE SET last_seq = excluded.last_seq"
        )
        await db.executemany(sql, [(bounds.number, path, bounds.last_seq + 1) for path in paths.values()])
        rows = await db.execute_fetchall("SELECT path, source FROM log_files WHERE number = ?", (bounds.number,))
        known = {row[0]: row[1] for row in rows}
    return {path: known[stored] for path, stored in paths.items()}


async def delete_lines(db: aiosqlite.Connection, bounds: Bounds, count: int) -> None:
    """Delete the oldest `count` lines of a log; they are never deleted elsewhere, or seq would not be dense."""
    ends = (bounds.id_of(bounds.first_seq), bounds.id_of(bounds.first_seq + count - 1))
    await db.execute_fetchall("DELETE FROM log_lines WHERE id BETWEEN ? AND ?", ends)


async def restored(db: aiosqlite.Connection, name: str, path: str) -> Restored:
    """Where a log's tail goes on. It is known when it was followed at this very path before."""
    known = await value(db, "SELECT 1 FROM logs WHERE name = ? AND path = ?", (name, path))
    return Restored(places=tuple(await tails.places(db, owner(name))), known=known is not None)


async def state(db: aiosqlite.Connection, name: str) -> Log | None:
    """A log as last stored, also one that is configured no more; None when it was never seen."""
    return next(iter(await select(db, Log, f"SELECT {_LOG} FROM logs WHERE name = ?", (name,))), None)


async def logs(db: aiosqlite.Connection) -> list[Log]:
    """Every configured log that was looked at, in the order they were first seen."""
    return await select(db, Log, f"SELECT {_LOG} FROM logs WHERE configured ORDER BY number")


async def bounds(db: aiosqlite.Connection, name: str) -> Bounds | None:
    """Which lines of a configured log are stored; None when there is no such log."""
    sql = f"SELECT number, last_seq, {_FIRST_SEQ} FROM logs WHERE name = ? AND configured"
    return next(iter(await select(db, Bounds, sql, (name,))), None)


async def head(db: aiosqlite.Connection, name: str) -> Head | None:
    """What a follower has to know of a configured log; None when there is no such log."""
    sql = (
        f"SELECT number, last_seq, {_FIRST_SEQ}, path, inode, rotations, "
        "(SELECT coalesce(max(id), 0) FROM tail_gaps WHERE owner = ?) AS gap_id FROM logs WHERE name = ? AND configured"
    )
    return next(iter(await select(db, Head, sql, (owner(name), name))), None)


async def stored(db: aiosqlite.Connection, name: str) -> Bounds | None:
    """The same also for a log that is configured no more."""
    sql = f"SELECT number, last_seq, {_FIRST_SEQ} FROM logs WHERE name = ?"
    return next(iter(await select(db, Bounds, sql, (name,))), None)


async def names(db: aiosqlite.Connection) -> list[str]:
    """Every log that is stored, configured or not."""
    return [row[0] for row in await db.execute_fetchall("SELECT name FROM logs ORDER BY number")]


async def set_paused(db: aiosqlite.Connection, name: str, paused: bool) -> Log | None:
    """Remember whether a configured log is paused; its row then, or None when there is no such log."""
    sql = (
        "UPDATE logs SET paused = ?1, status = iif(?1 = 0 AND status = 'paused', 'following', status) "
        "WHERE name = ?2 AND configured"
    )
    await db.execute_fetchall(sql, (int(paused), column(name)))
    return await state(db, name) if await bounds(db, name) else None


async def gaps(db: aiosqlite.Connection, name: str, query: RowPage) -> list[LogGap]:
    """One page of what may be missing of a log, newest first."""
    return await tails.gaps(db, owner(name), query)


async def forget(db: aiosqlite.Connection, keep: Collection[str]) -> None:
    """The logs that are not in `keep` are no longer configured; their lines stay until they are old.

    One that comes back goes on where it was. One without lines leaves at once.
    """
    names = json.dumps([column(name) for name in keep])
    sql = "UPDATE logs SET configured = (name IN (SELECT value FROM json_each(?)))"
    await db.execute_fetchall(sql, (names,))
    await drop_empty(db)


async def unconfigured(db: aiosqlite.Connection) -> list[str]:
    """The logs that are stored and not configured."""
    return [row[0] for row in await db.execute_fetchall("SELECT name FROM logs WHERE NOT configured ORDER BY number")]


async def drop_empty(db: aiosqlite.Connection) -> None:
    """Logs that are not configured, and of which no line is left, leave with their places and gaps."""
    sql = f"SELECT name, number FROM logs WHERE NOT configured AND NOT {_HAS_LINES}"
    for name, number in [tuple(row) for row in await db.execute_fetchall(sql)]:
        await tails.forget(db, owner(name))
        await db.execute_fetchall("DELETE FROM log_files WHERE number = ?", (number,))
        await db.execute_fetchall("DELETE FROM logs WHERE number = ?", (number,))
