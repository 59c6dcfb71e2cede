"""cron: the jobs as they were found last, the runs that the log tells of, and how far that log is read."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Sequence
from datetime import datetime
from typing import get_args

import aiosqlite
import msgspec

from etlmon.contract.cron import CronJob, CronRun, CronRunQuery, CronSource, CronState, SourceKind
from node.sources.tail_types import Lost, Place, Restored
from node.store import tails
from node.store.pages import page
from node.store.rows import Column, column, columns, select, upsert, value

OWNER = "cron"
"""Of the places and gaps of the run log's tail."""

RECENT_RUNS = 5
"""So many of the latest runs of each job a collector goes on with."""

_COUNTS = {"missed": "state = 'missed'", "failed": "state = 'failed'", "overlapped": "overlapped"}
"""Of a job's runs: counted when the jobs are listed."""

_COUNTED = ", ".join(
    f'(SELECT count(*) FROM cron_runs WHERE cron_runs.job_id = cron_jobs.job_id AND {what}) AS "{name}"'
    for name, what in _COUNTS.items()
)
_SOURCE_ORDER = " ".join(f"WHEN '{kind}' THEN {place}" for place, kind in enumerate(get_args(SourceKind)))


class StoredJob(CronJob, frozen=True, kw_only=True):
    """A job with its place among all, and since when it is known: what was due before that is no missed run."""

    number: int
    known_since: datetime


class StoredRun(CronRun, frozen=True, kw_only=True):
    """A run to store. The same `key` again is the same run: its row changes and its id stays.

    `at` is when it started, or when it was due if it did not.
    """

    key: str
    at: datetime


class CronLook(msgspec.Struct, frozen=True, kw_only=True):
    """What one look gave; it is stored whole or not at all. None leaves what is stored as it is.

    `jobs` and `sources` are all there are. `places` and `lost` are of a log that is a file; `cursor` is what the reader
    of the log writes down for itself, whatever log it is.
    """

    at: datetime
    jobs: Sequence[StoredJob] | None = None
    sources: Sequence[CronSource] | None = None
    runs: Sequence[StoredRun] = ()
    places: Sequence[Place] | None = None
    lost: Sequence[Lost] = ()
    cursor: str | None = None


class CronKnown(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector goes on from.

    `runs` are those that were running and the latest of each job, oldest first. `restored` speaks of whichever file was
    followed last; it is known once a run log was looked for.
    """

    jobs: list[StoredJob]
    sources: list[CronSource]
    runs: list[StoredRun]
    restored: Restored
    cursor: str | None


_JOB_COLUMNS = tuple(name for name in StoredJob.__struct_fields__ if name not in _COUNTS)
_RUN_COLUMNS = tuple(name for name in StoredRun.__struct_fields__ if name != "id")


def _save(table: str, names: Sequence[str], key: str) -> str:
    """An INSERT that changes the row with the same key instead, when there is one and it says something else."""
    facts = [name for name in names if name != key]
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in facts)} "
        f"WHERE ({', '.join(facts)}) IS NOT ({', '.join(f'excluded.{name}' for name in facts)})"
    )


_SAVE_JOB = _save("cron_jobs", _JOB_COLUMNS, "job_id")
_SAVE_CURSOR = (
    "INSERT INTO cron_log VALUES (1, ?) "
    "ON CONFLICT DO UPDATE SET cursor = excluded.cursor WHERE cursor <> excluded.cursor"
)
_SAVE_RUN = _save("cron_runs", _RUN_COLUMNS, "key")


async def record(db: aiosqlite.Connection, rows: Sequence[CronLook]) -> None:
    """Store what each look gave."""
    for row in rows:
        if row.jobs is not None:
            await _replace_jobs(db, row.jobs)
        if row.sources is not None:
            await db.execute_fetchall("DELETE FROM cron_sources")
            await upsert(db, "cron_sources", row.sources)
        if row.runs:
            await db.executemany(_SAVE_RUN, [[column(getattr(run, name)) for name in _RUN_COLUMNS] for run in row.runs])
        if row.places is not None:
            await tails.save_places(db, OWNER, row.places)
        if row.lost:
            await tails.add_gaps(db, OWNER, row.at, row.lost)
        if row.cursor is not None:
            await db.execute_fetchall(_SAVE_CURSOR, (column(row.cursor),))


async def _replace_jobs(db: aiosqlite.Connection, jobs: Sequence[StoredJob]) -> None:
    found = json.dumps([job.job_id for job in jobs])
    gone = "DELETE FROM cron_jobs WHERE job_id NOT IN (SELECT value FROM json_each(?))"
    await db.execute_fetchall(gone, (found,))
    if jobs:
        await db.executemany(_SAVE_JOB, [[_job_column(getattr(job, name)) for name in _JOB_COLUMNS] for job in jobs])


def _job_column(value: object) -> Column:
    """As `column`, and quicker for the lists that most jobs have none of."""
    if isinstance(value, list | dict) and not value:
        return "[]" if isinstance(value, list) else "{}"
    return column(value)


async def forget(db: aiosqlite.Connection) -> None:
    """Cron is not watched any more: jobs, sources and how far the log is read go, runs stay until they are old."""
    for table in ("cron_jobs", "cron_sources", "cron_log"):
        await db.execute_fetchall(f"DELETE FROM {table}")
    await tails.forget(db, OWNER)
    reason = "cron was not watched any more when it ended"
    await db.execute_fetchall("UPDATE cron_runs SET state = 'unknown', reason = ? WHERE state = 'running'", (reason,))


async def known(db: aiosqlite.Connection) -> CronKnown:
    """Where a collector goes on."""
    latest = (
        f"SELECT {columns(StoredRun)} FROM cron_runs WHERE state = 'running' OR id IN (SELECT latest.id FROM cron_jobs "
        "JOIN cron_runs AS latest ON latest.id IN (SELECT id FROM cron_runs WHERE job_id = cron_jobs.job_id "
        "ORDER BY id DESC LIMIT ?)) ORDER BY id"
    )
    looked_at = await value(db, "SELECT 1 FROM cron_sources WHERE kind = 'run_log'")
    cursor: str | None = await value(db, "SELECT cursor FROM cron_log")
    return CronKnown(
        jobs=await select(db, StoredJob, f"SELECT {', '.join(_JOB_COLUMNS)} FROM cron_jobs ORDER BY number"),
        sources=await sources(db),
        runs=await select(db, StoredRun, latest, (RECENT_RUNS,)),
        restored=Restored(places=tuple(await tails.places(db, OWNER)), known=looked_at is not None),
        cursor=cursor,
    )


async def jobs(db: aiosqlite.Connection, state: CronState | None, limit: int, offset: int) -> tuple[list[CronJob], int]:
    """One page of the jobs, of one state or of all, in the order of their sources; and how many there are in all."""
    names = ", ".join(name for name in CronJob.__struct_fields__ if name not in _COUNTS)
    where = "WHERE ?1 IS NULL OR state = ?1"
    sql = f"SELECT {names}, {_COUNTED} FROM cron_jobs {where} ORDER BY number, job_id LIMIT ?2 OFFSET ?3"
    found = await select(db, CronJob, sql, (state, limit, offset))
    return found, int(await value(db, f"SELECT count(*) FROM cron_jobs {where}", (state,)))


async def runs(db: aiosqlite.Connection, query: CronRunQuery) -> list[CronRun]:
    """One page of the runs, newest first."""
    of: list[tuple[str, object]] = [] if query.job_id is None else [("job_id = ?", query.job_id)]
    return await page(db, CronRun, "cron_runs", query, equal={"state": query.state}, where=of)


async def sources(db: aiosqlite.Connection) -> list[CronSource]:
    """Where jobs and runs are read from: crontabs first, then the daemon and its log."""
    sql = f"SELECT {columns(CronSource)} FROM cron_sources ORDER BY CASE kind {_SOURCE_ORDER} END, path"
    return await select(db, CronSource, sql)
