"""xferlog: transfers, lines that could not be read, how far the log is read, and what the disk says of the uploads."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import aiosqlite
import msgspec

from etlmon.contract.endpoint import RowPage
from etlmon.contract.xferlog import (
    Direction,
    Finding,
    FindingQuery,
    OnDisk,
    Outcome,
    SummaryQuery,
    Transfer,
    TransferQuery,
    TransferSummary,
    UnparsedLine,
    XferSource,
)
from node.sources.tail_types import Lost, Place, Restored
from node.store import tails
from node.store.pages import page
from node.store.rows import Column, column, columns, insert, select, stamp, storable, value

OWNER = "xferlog"
"""Of the places and gaps of the log's tail."""

UNPARSED_KEPT = 1000
"""Lines that could not be read; of more than these only the newest are kept."""

_COMPARED = ("root", "compared_at", "compare_error")
_INSERTED = tuple(name for name in Transfer.__struct_fields__ if name != "id")
_INSERT = f"INSERT INTO xferlog_entries ({', '.join(_INSERTED)}) VALUES ({', '.join('?' for _ in _INSERTED)})"
_SUM_BY = {"user": "username", "host": "remote_host", "hour": "substr(log_time, 1, 13) || ':00:00Z'"}
_SUM_ORDER = {"user": "upload_bytes + download_bytes DESC, key", "host": "upload_bytes + download_bytes DESC, key"}


class XferBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the log gave; it is stored whole or not at all.

    `source` is the log's state with its totals. `places` None leaves them as they are. `clocks` and `counts` are for
    the collector alone, see XferState.
    """

    source: XferSource
    transfers: Sequence[Transfer] = ()
    unparsed: Sequence[UnparsedLine] = ()
    places: Sequence[Place] | None = None
    lost: Sequence[Lost] = ()
    clocks: Mapping[int, datetime] = {}
    counts: Mapping[str, tuple[int, int]] = {}


class XferState(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector goes on from. `source` is None when the log was never read.

    `clocks` holds the time of the last line by the key of its place, `counts` transfers and bytes by direction and
    status.
    """

    source: XferSource | None
    restored: Restored
    clocks: dict[int, datetime] = {}
    counts: dict[str, tuple[int, int]] = {}


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk says of the uploads. `on_disk` holds the ids of transfers whose state changed.

    `mount_point` is that of the root; None when it could not be told. `findings` replace those of before.
    """

    root: str
    at: datetime
    mount_point: str | None = None
    error: str | None = None
    on_disk: Mapping[OnDisk | None, Sequence[int]] = {}
    findings: Sequence[Finding] = ()


class Logged(NamedTuple):
    """What the log says of a file, as far as a comparison needs it."""

    id: int
    log_time: datetime
    filename: str
    bytes: int
    is_ascii: bool
    direction: Direction
    outcome: Outcome
    on_disk: OnDisk | None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared with the disk: uploads, deletions and renamings, newest first, that were not refused.

    They are all there are since `since`; None when the log has told nothing yet. `caught_up` is whether all of the log
    was read. `mount_point` and `findings` are those of the comparison before.
    """

    acts: Sequence[Logged] = ()
    since: datetime | None = None
    caught_up: bool = False
    mount_point: str | None = None
    findings: Sequence[Finding] = ()


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    clocks: dict[int, datetime]
    counts: dict[str, tuple[int, int]]


async def record(db: aiosqlite.Connection, rows: Sequence[XferBatch | Comparison]) -> None:
    """Store what was read of the log, or what the disk says."""
    for row in rows:
        await (_record_batch(db, row) if isinstance(row, XferBatch) else _record_comparison(db, row))


async def _record_batch(db: aiosqlite.Connection, batch: XferBatch) -> None:
    if batch.transfers:
        await db.executemany(_INSERT, list(map(_columns, batch.transfers)))
    if batch.unparsed:
        await insert(db, "xferlog_unparsed", batch.unparsed, without=("id",))
        surplus = "DELETE FROM xferlog_unparsed WHERE id <= (SELECT max(id) FROM xferlog_unparsed) - ?"
        await db.execute_fetchall(surplus, (UNPARSED_KEPT,))
    if batch.places is not None:
        await tails.save_places(db, OWNER, batch.places)
    if batch.lost:
        await tails.add_gaps(db, OWNER, batch.source.collected_at, batch.lost)
    facts = {name: item for name, item in msgspec.structs.asdict(batch.source).items() if name not in _COMPARED}
    facts |= {"clocks": batch.clocks, "counts": batch.counts}
    sql = f"INSERT OR REPLACE INTO xferlog_source ({', '.join(facts)}) VALUES ({', '.join('?' for _ in facts)})"
    await db.execute_fetchall(sql, [column(item) for item in facts.values()])


def _columns(transfer: Transfer) -> tuple[Column, ...]:
    # There may be thousands a second: each column is taken as what it is.
    return (
        stamp(transfer.log_time),
        storable(transfer.remote_host),
        storable(transfer.username),
        storable(transfer.filename),
        transfer.bytes,
        transfer.transfer_time_sec,
        transfer.direction,
        transfer.status,
        transfer.transfer_type,
        transfer.access_mode,
        storable(transfer.service),
        transfer.on_disk,
        transfer.outcome,
        None if transfer.started_at is None else stamp(transfer.started_at),
        transfer.bytes_per_sec,
    )


async def _record_comparison(db: aiosqlite.Connection, comparison: Comparison) -> None:
    for state, ids in comparison.on_disk.items():
        await db.executemany("UPDATE xferlog_entries SET on_disk = ? WHERE id = ?", [(state, row) for row in ids])
    await db.execute_fetchall("DELETE FROM xferlog_findings")
    await insert(db, "xferlog_findings", comparison.findings)
    await db.execute_fetchall("DELETE FROM xferlog_comparison")
    facts = (comparison.root, comparison.mount_point, comparison.at, comparison.error)
    await db.execute_fetchall("INSERT INTO xferlog_comparison VALUES (?, ?, ?, ?)", [column(fact) for fact in facts])


async def forget(db: aiosqlite.Connection, path: str, root: str | None) -> None:
    """Keep what is known of this log and this root only; "" and None are none.

    Transfers stay until they are old, whatever log they are of.
    """
    others = await value(db, "SELECT 1 FROM xferlog_source WHERE path <> ?", (path,))
    if others or not path:
        await tails.forget(db, OWNER)
        await db.execute_fetchall("DELETE FROM xferlog_source")
    if root is None or await value(db, "SELECT 1 FROM xferlog_comparison WHERE root <> ?", (root,)):
        await db.execute_fetchall("DELETE FROM xferlog_findings")
        await db.execute_fetchall("DELETE FROM xferlog_comparison")
        await db.execute_fetchall("UPDATE xferlog_entries SET on_disk = NULL WHERE on_disk IS NOT NULL")


async def state(db: aiosqlite.Connection, path: str) -> XferState:
    """Where the reading of this log goes on."""
    known = next(iter(await source(db)), None)
    if known is None or known.path != storable(path):
        return XferState(source=None, restored=Restored())
    own = (await select(db, _Source, "SELECT clocks, counts FROM xferlog_source"))[0]
    restored = Restored(places=tuple(await tails.places(db, OWNER)), known=True)
    return XferState(source=known, restored=restored, clocks=own.clocks, counts=own.counts)


async def source(db: aiosqlite.Connection) -> list[XferSource]:
    """The log that is read; none before the first look at it."""
    sql = f"SELECT {columns(XferSource)} FROM xferlog_source LEFT JOIN xferlog_comparison ORDER BY path"
    return await select(db, XferSource, sql)


async def transfers(db: aiosqlite.Connection, query: TransferQuery) -> list[Transfer]:
    """One page of transfers, newest first."""
    equal = {"direction": query.direction, "status": query.status, "outcome": query.outcome}
    return await page(db, Transfer, "xferlog_entries", query, equal=equal, where=list(_conditions(query)))


def _conditions(query: TransferQuery | SummaryQuery) -> Iterator[tuple[str, object]]:
    if isinstance(query, TransferQuery) and query.filename is not None:
        # An opening bracket is wild in GLOB, and nothing can stand before it to make it plain; a set of it alone can.
        yield "filename GLOB ?", query.filename.replace("[", "[[]")
    if isinstance(query, TransferQuery):
        for name, wanted in (("username", query.user), ("remote_host", query.host)):
            if wanted is not None and "*" in wanted:
                yield f"{name} GLOB ?", wanted.replace("[", "[[]").replace("?", "[?]")
            elif wanted is not None:
                yield f"{name} = ?", wanted
    if query.since is not None:
        yield "log_time >= ?", query.since
    if query.until is not None:
        yield "log_time < ?", query.until


async def summary(db: aiosqlite.Connection, query: SummaryQuery) -> list[TransferSummary]:
    """Uploads and downloads added up: users and hosts with the most bytes first, hours the newest first.

    Bytes are added as floats: no sum is too large, and up to 8 PiB each is exact.
    """
    wanted = list(_conditions(query))
    where = " AND ".join(["direction IN ('upload', 'download')", *(condition for condition, _ in wanted)])
    sql = (
        f"SELECT {_SUM_BY[query.by]} AS key, count(*) AS transfers, "
        "count(*) FILTER (WHERE direction = 'upload') AS uploads, "
        "count(*) FILTER (WHERE direction = 'download') AS downloads, "
        "CAST(total(bytes) FILTER (WHERE direction = 'upload') AS INTEGER) AS upload_bytes, "
        "CAST(total(bytes) FILTER (WHERE direction = 'download') AS INTEGER) AS download_bytes, "
        "count(*) FILTER (WHERE outcome = 'interrupted') AS interrupted, "
        "count(*) FILTER (WHERE outcome = 'refused') AS refused, "
        "total(bytes) FILTER (WHERE bytes_per_sec > 0) "
        "/ nullif(total(transfer_time_sec) FILTER (WHERE bytes_per_sec > 0), 0.0) AS bytes_per_sec, "
        "max(log_time) AS last_at "
        f"FROM xferlog_entries WHERE {where} GROUP BY key ORDER BY {_SUM_ORDER.get(query.by, 'key DESC')} LIMIT ?"
    )
    return await select(db, TransferSummary, sql, [*(item for _, item in wanted), query.limit])


async def unparsed(db: aiosqlite.Connection, query: RowPage) -> list[UnparsedLine]:
    """One page of the lines that could not be read, newest first."""
    return await page(db, UnparsedLine, "xferlog_unparsed", query, equal={})


async def findings(db: aiosqlite.Connection, query: FindingQuery) -> list[Finding]:
    """Where the log and the disk do not say the same, newest first; what is missing before all."""
    kinds: dict[str, Literal[0, 1, 2]] = {"missing": 0, "shorter": 1, "unlogged": 2}
    order = " ".join(f"WHEN '{kind}' THEN {place}" for kind, place in kinds.items())
    sql = (
        f"SELECT {columns(Finding)} FROM xferlog_findings WHERE ?1 IS NULL OR kind = ?1 "
        f"ORDER BY CASE kind {order} END, id DESC LIMIT ?2"
    )
    return await select(db, Finding, sql, (query.kind, query.limit))


async def known(db: aiosqlite.Connection, root: str, since: datetime, limit: int) -> Known:
    """What the log says of the files since then, the newest `limit` acts at most."""
    first = await value(db, "SELECT min(log_time) FROM xferlog_entries")
    names = "id, log_time, filename, bytes, transfer_type = 'ascii', direction, outcome, on_disk"
    found = await db.execute_fetchall(
        f"SELECT {names} FROM xferlog_entries WHERE log_time >= ? AND direction IN ('upload', 'delete', 'rename') "
        "AND outcome <> 'refused' ORDER BY id DESC LIMIT ?",
        (stamp(since), limit),
    )
    acts = [_logged(tuple(row)) for row in found]
    sources = await source(db)
    mount = await value(db, "SELECT mount_point FROM xferlog_comparison WHERE root = ?", (root,))
    begin = None if first is None else max(since, datetime.fromisoformat(first))
    return Known(
        acts=acts,
        since=max(begin, acts[-1].log_time) if begin and len(acts) == limit else begin,
        caught_up=any(one.status == "following" and not one.lag_bytes for one in sources),
        mount_point=mount,
        findings=await select(db, Finding, f"SELECT {columns(Finding)} FROM xferlog_findings ORDER BY id"),
    )


def _logged(row: tuple[object, ...]) -> Logged:
    number, log_time, filename, size, is_ascii, *rest = row
    return Logged(number, datetime.fromisoformat(str(log_time)), filename, size, bool(is_ascii), *rest)  # type: ignore[arg-type]
