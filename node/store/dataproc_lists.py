"""dataproc: what is asked of the estate and its runs."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import aiosqlite
import msgspec

from etlmon.contract.dataproc import (
    DataprocJobQuery,
    DataprocQuery,
    DataprocRunQuery,
    InventoryQuery,
    ResourceQuery,
)
from etlmon.contract.dataproc_models import DataprocCluster, DataprocJob, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun, ResourceReference
from node.store.errors import StoreError
from node.store.pages import page
from node.store.rows import Column, column, columns, select, value

Model = TypeVar("Model", bound=msgspec.Struct)

_PLACE = ("project_id", "region", "cluster_name", "id")
_JOBS_OF = (
    "SELECT document FROM dataproc_jobs WHERE cluster_id = {cluster} ORDER BY submitted_at DESC NULLS LAST, job_id DESC"
)
_USED_BY = (
    "(SELECT json_group_array(cluster_name) FROM (SELECT cluster_name FROM dataproc_clusters AS c "
    "WHERE c.project_id = p.project_id AND c.region = p.region AND c.policy = json_extract(p.document, '$.id') "
    "AND c.gone_at IS NULL ORDER BY cluster_name))"
)


class RawResource(msgspec.Struct, frozen=True, kw_only=True):
    """A DataprocResource whose data is the JSON that is stored."""

    name: str
    data: msgspec.Raw
    reference: ResourceReference
    region_code: str
    account: str


async def clusters(db: aiosqlite.Connection, query: DataprocQuery) -> tuple[list[DataprocRow], int]:
    """One page of the clusters, by project, region and name; and how many there are in all."""
    where, of = _where({"project_id": query.project, "region": query.region, "state": query.state}, gone=query.gone)
    sql = f"SELECT {columns(DataprocRow)} FROM dataproc_clusters WHERE {where} ORDER BY {', '.join(_PLACE)}"
    found = await select(db, DataprocRow, f"{sql} LIMIT ? OFFSET ?", (*of, query.limit, query.offset))
    return found, await _count(db, f"dataproc_clusters WHERE {where}", of)


async def cluster(db: aiosqlite.Connection, key: str) -> DataprocCluster | None:
    """One cluster, whole, with its latest jobs, newest first; one that is gone, too."""
    this = (column(key),)
    found = await _documents(db, DataprocCluster, "SELECT document FROM dataproc_documents WHERE id = ?", this)
    if not found:
        return None
    jobs = await _documents(db, DataprocJob, _JOBS_OF.format(cluster="?"), this)
    return msgspec.structs.replace(found[0], jobs=jobs)


async def jobs(db: aiosqlite.Connection, query: DataprocJobQuery) -> tuple[list[DataprocJob], int]:
    """One page of the jobs, newest first; and how many there are in all."""
    equal = {"project_id": query.project, "region": query.region, "cluster_id": query.cluster, "state": query.state}
    where, of = _where(equal)
    order = "submitted_at DESC NULLS LAST, job_id DESC, cluster_id"
    sql = f"SELECT document FROM dataproc_jobs WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    found = await _documents(db, DataprocJob, sql, (*of, query.limit, query.offset))
    return found, await _count(db, f"dataproc_jobs WHERE {where}", of)


async def templates(db: aiosqlite.Connection, query: InventoryQuery) -> tuple[list[DataprocTemplate], int]:
    """One page of the workflow templates, by project, region and name; and how many there are in all."""
    where, of = _where({"project_id": query.project, "region": query.region})
    sql = f"SELECT document FROM dataproc_templates WHERE {where} ORDER BY project_id, region, name LIMIT ? OFFSET ?"
    found = await _documents(db, DataprocTemplate, sql, (*of, query.limit, query.offset))
    return found, await _count(db, f"dataproc_templates WHERE {where}", of)


async def policies(db: aiosqlite.Connection, query: InventoryQuery) -> tuple[list[DataprocPolicy], int]:
    """One page of the autoscaling policies, each with the clusters that follow it; and how many there are in all."""
    where, of = _where({"project_id": query.project, "region": query.region})
    sql = (
        f"SELECT json_set(document, '$.used_by', json({_USED_BY})) FROM dataproc_policies AS p WHERE {where} "
        "ORDER BY project_id, region, name LIMIT ? OFFSET ?"
    )
    found = await _documents(db, DataprocPolicy, sql, (*of, query.limit, query.offset))
    return found, await _count(db, f"dataproc_policies WHERE {where}", of)


async def runs(db: aiosqlite.Connection, query: DataprocRunQuery) -> list[DataprocRun]:
    """One page of the runs, newest first."""
    return await page(db, DataprocRun, "dataproc_runs", query, equal={"account": query.account})


async def last_runs(db: aiosqlite.Connection, accounts: Sequence[str]) -> list[DataprocRun]:
    """The last run that has ended of each of these accounts; none of an account that has none."""
    sql = (
        f"SELECT {columns(DataprocRun)} FROM dataproc_runs WHERE account = ? AND result <> 'running' "
        "ORDER BY id DESC LIMIT 1"
    )
    return [run for account in accounts for run in await select(db, DataprocRun, sql, (account,))]


async def resources(db: aiosqlite.Connection, query: ResourceQuery) -> list[RawResource] | None:
    """The clusters that are not gone, whole, by project, region and name; None when there is no cluster `after`.

    Their JSON is put together where the rows are read, off the event loop, and is not taken apart again.
    """
    where, of = _where({"project_id": query.project, "region": query.region}, gone=False)
    if query.after is not None:
        if await value(db, "SELECT 1 FROM dataproc_clusters WHERE id = ?", (query.after,)) is None:
            return None
        place = ", ".join(_PLACE)
        where += f" AND ({place}) > (SELECT {place} FROM dataproc_clusters WHERE id = ?)"
        of.append(column(query.after))
    jobs = f"(SELECT json_group_array(json(document)) FROM ({_JOBS_OF.format(cluster='id')}))"
    sql = (
        "SELECT cluster_name, id, console_url, region, project_id, "
        f"CASE WHEN EXISTS (SELECT 1 FROM dataproc_jobs WHERE cluster_id = id) "
        f"THEN json_set(document, '$.jobs', json({jobs})) ELSE document END "
        f"FROM dataproc_clusters JOIN dataproc_documents USING (id) WHERE {where} "
        f"ORDER BY {', '.join(_PLACE)} LIMIT ?"
    )
    found = await db.execute_fetchall(sql, (*of, -1 if query.limit is None else query.limit))
    return [_resource(*row) for row in found]


def _resource(name: str, key: str, console_url: str, region: str, project: str, data: str) -> RawResource:
    reference = ResourceReference(resource_id=key, external_link=console_url)
    raw = msgspec.Raw(data.encode())
    return RawResource(name=name, data=raw, reference=reference, region_code=region, account=project)


async def _documents(db: aiosqlite.Connection, type_: type[Model], sql: str, params: Sequence[Column]) -> list[Model]:
    """The first column of each row, decoded. Raises StoreError."""
    decoder = msgspec.json.Decoder(type_)
    try:
        return [decoder.decode(row[0]) for row in await db.execute_fetchall(sql, params)]
    except msgspec.DecodeError as error:
        message = f"cannot read a {type_.__name__} from the database: {error}; was it edited by hand?"
        raise StoreError(message) from error


async def _count(db: aiosqlite.Connection, of: str, params: Sequence[Column]) -> int:
    return int(await value(db, f"SELECT count(*) FROM {of}", params))


def _where(equal: Mapping[str, str | None], *, gone: bool = True) -> tuple[str, list[Column]]:
    """The condition and its parameters; None is any. Without `gone`, those that are gone are left out."""
    wanted = {name: item for name, item in equal.items() if item is not None}
    conditions = [*(f"{name} = ?" for name in wanted), *_present(gone)]
    return " AND ".join(conditions) or "1", [column(item) for item in wanted.values()]


def _present(gone: bool) -> Iterator[str]:
    if not gone:
        yield "gone_at IS NULL"
