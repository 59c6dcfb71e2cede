"""dataproc: the clusters of the estate with their jobs, templates and policies, and how each run went: what is written.

What is asked of them stands in `dataproc_lists`.
"""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import aiosqlite
import msgspec

from etlmon.contract.dataproc_models import DataprocCluster, DataprocJob, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from node.settings_dataproc import DataprocAccount
from node.store.rows import column, columns, select, storable

REGIONS_KEPT = 100
"""So many of an account's complete runs keep the results of their regions: all of them are good, and they are many."""

Place: TypeAlias = tuple[str, str]
"""A project and a region of it."""


class DataprocLook(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of one account's run gave, best one region; it is stored whole or not at all.

    `rows` are the clusters whose row changes: those that were seen, and those of before that are stale or gone now. A
    row that is not named stays as it is. `clusters` are those that were seen, whole, by the id of their row; their jobs
    are passed over here. `jobs` are, by the id of the row, all that is to be kept of a cluster's; those of a cluster
    that is not named stay, as they must where jobs could not be read. `templates` and `policies` are, by project and
    region, all there are; those of a region that is not named stay.

    `run` is the run as it is by now. The first one makes a row with an id of its own, the same `started_at` again is
    the same run. Each run leaves one that has ended, also when it failed as a whole.
    """

    account: str
    rows: Sequence[DataprocRow] = ()
    clusters: Mapping[str, DataprocCluster] = {}
    jobs: Mapping[str, Sequence[DataprocJob]] = {}
    templates: Mapping[Place, Sequence[DataprocTemplate]] = {}
    policies: Mapping[Place, Sequence[DataprocPolicy]] = {}
    run: DataprocRun | None = None


class DataprocKnown(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector goes on from. `rows` are the account's clusters that are there; `run` is its last ended run."""

    rows: list[DataprocRow]
    run: DataprocRun | None


def _save(table: str, names: Sequence[str], *key: str) -> str:
    """An INSERT that changes the row with the same key instead, when there is one and it says something else."""
    facts = [name for name in names if name not in key]
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)}) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in facts)} "
        f"WHERE ({', '.join(facts)}) IS NOT ({', '.join(f'excluded.{name}' for name in facts)})"
    )


_ROW = DataprocRow.__struct_fields__
_RUN = tuple(name for name in DataprocRun.__struct_fields__ if name != "id")
_JOB = ("cluster_id", "job_id", "project_id", "region", "state", "submitted_at", "document")
_NAMED = ("name", "account", "project_id", "region", "document")

_SAVE_ROW = _save("dataproc_clusters", _ROW, "id")
_SAVE_CLUSTER = _save("dataproc_documents", ("id", "document"), "id")
_SAVE_JOB = _save("dataproc_jobs", _JOB, "cluster_id", "job_id")
_SAVE_RUN = _save("dataproc_runs", _RUN, "account", "started_at")
_STRIP_RUN = (
    "UPDATE dataproc_runs SET regions = '[]' WHERE regions <> '[]' AND id = (SELECT id FROM dataproc_runs "
    "WHERE account = ? AND result = 'complete' ORDER BY id DESC LIMIT 1 OFFSET ?)"
)
_OTHER_JOBS = "DELETE FROM dataproc_jobs WHERE cluster_id = ? AND job_id NOT IN (SELECT value FROM json_each(?))"


async def record(db: aiosqlite.Connection, rows: Sequence[DataprocLook]) -> None:
    """Store what each part of a run gave."""
    for look in rows:
        if look.rows:
            await db.executemany(_SAVE_ROW, [[column(getattr(row, name)) for name in _ROW] for row in look.rows])
        if look.clusters:
            whole = [(storable(key), _document(_without_jobs(cluster))) for key, cluster in look.clusters.items()]
            await db.executemany(_SAVE_CLUSTER, whole)
        if look.jobs:
            await _keep_jobs(db, look.jobs)
        await _replace(db, "dataproc_templates", look.account, look.templates)
        await _replace(db, "dataproc_policies", look.account, look.policies)
        if look.run is not None:
            if look.run.result == "running":
                await _end_others(db, look.run)
            await db.execute_fetchall(_SAVE_RUN, [column(getattr(look.run, name)) for name in _RUN])
            await db.execute_fetchall(_STRIP_RUN, (storable(look.run.account), REGIONS_KEPT))


def _without_jobs(cluster: DataprocCluster) -> DataprocCluster:
    return msgspec.structs.replace(cluster, jobs=[])


def _document(model: msgspec.Struct) -> str:
    # There may be thousands in a run: they do not take the long way of other documents.
    return msgspec.json.encode(model).decode()


async def _keep_jobs(db: aiosqlite.Connection, jobs: Mapping[str, Sequence[DataprocJob]]) -> None:
    """Make these all the jobs of their clusters; what says the same as before is not written again."""
    kept = [(storable(key), json.dumps([job.job_id for job in of])) for key, of in jobs.items()]
    await db.executemany(_OTHER_JOBS, kept)
    found = [
        [
            *(storable(key), job.job_id, job.project_id, job.region, job.status.state),
            *(column(job.submitted_at), _document(job)),
        ]
        for key, of in jobs.items()
        for job in of
    ]
    await db.executemany(_SAVE_JOB, found)


async def _replace(
    db: aiosqlite.Connection,
    table: str,
    account: str,
    found: Mapping[Place, Sequence[DataprocTemplate] | Sequence[DataprocPolicy]],
) -> None:
    """Make these all there are in their regions."""
    if not found:
        return
    names = [(*place, json.dumps([one.name for one in of])) for place, of in found.items()]
    others = "project_id = ? AND region = ? AND name NOT IN (SELECT value FROM json_each(?))"
    await db.executemany(f"DELETE FROM {table} WHERE {others}", names)
    rows = [(one.name, account, *place, _document(one)) for place, of in found.items() for one in of]
    await db.executemany(_save(table, _NAMED, "name"), rows)


async def forget(db: aiosqlite.Connection, accounts: Sequence[DataprocAccount]) -> None:
    """Remove what none of these accounts reads any more. Runs stay until they are old."""
    reads = {(storable(account.name), storable(project)) for account in accounts for project in account.projects}
    for table in ("dataproc_clusters", "dataproc_templates", "dataproc_policies"):
        known = {tuple(row) for row in await db.execute_fetchall(f"SELECT DISTINCT account, project_id FROM {table}")}
        gone = sorted(known - reads)
        await db.executemany(f"DELETE FROM {table} WHERE account = ? AND project_id = ?", gone)
    for account in accounts:
        await _forget_regions(db, account)


async def _forget_regions(db: aiosqlite.Connection, account: DataprocAccount) -> None:
    """Remove what is in regions that the account passes over."""
    chosen, excluded = json.dumps(account.region_filter), json.dumps(account.exclude_regions)
    unread = (
        "account = ?1 AND (region IN (SELECT value FROM json_each(?3)) "
        "OR (?2 <> '[]' AND region NOT IN (SELECT value FROM json_each(?2))))"
    )
    for table in ("dataproc_clusters", "dataproc_templates", "dataproc_policies"):
        await db.execute_fetchall(f"DELETE FROM {table} WHERE {unread}", (storable(account.name), chosen, excluded))


async def end_interrupted(db: aiosqlite.Connection, going_on: Collection[str]) -> None:
    """Runs that nothing goes on with are over: all but those of these accounts."""
    reason = "the node stopped, or read its configuration anew, before the run was over"
    sql = (
        "UPDATE dataproc_runs SET result = 'failed', reason = ? "
        "WHERE result = 'running' AND account NOT IN (SELECT value FROM json_each(?))"
    )
    await db.execute_fetchall(sql, (reason, json.dumps([storable(account) for account in going_on])))


async def _end_others(db: aiosqlite.Connection, run: DataprocRun) -> None:
    """An account is read once at a time: when a run begins, one that was never said to be over is."""
    sql = (
        "UPDATE dataproc_runs SET result = 'failed', reason = 'it broke off' "
        "WHERE account = ? AND result = 'running' AND started_at <> ?"
    )
    await db.execute_fetchall(sql, (storable(run.account), column(run.started_at)))


async def known(db: aiosqlite.Connection, account: str) -> DataprocKnown:
    """Where the collector of an account goes on."""
    # Where each job has a cluster of its own those that are gone are many times as many as those that are there.
    rows = f"SELECT {columns(DataprocRow)} FROM dataproc_clusters WHERE account = ? AND gone_at IS NULL"
    run = (
        f"SELECT {columns(DataprocRun)} FROM dataproc_runs WHERE account = ? AND result <> 'running' "
        "ORDER BY id DESC LIMIT 1"
    )
    return DataprocKnown(
        rows=await select(db, DataprocRow, rows, (account,)),
        run=next(iter(await select(db, DataprocRun, run, (account,))), None),
    )
