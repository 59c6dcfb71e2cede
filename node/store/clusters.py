"""clusters: the Proxmox VE clusters that are watched, each as it was seen last, and their sealed secrets."""
# ruff: noqa: S608 - the names of tables and columns in the SQL are the code's own

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import aiosqlite
import msgspec

from etlmon.contract.clusters import Cluster, ClusterTls, GuestQuery
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from node.store.rows import Row, column, columns, insert, select, upsert, value

SETTINGS = ("name", "api_endpoint", "username", "auth", "token_name", "origin", "tls", "failover")
"""What somebody said of a cluster. All else was seen, apart from `id` and `created_at`, which never change."""

_SEEN = tuple(name for name in Cluster.__struct_fields__ if name not in (*SETTINGS, "id", "created_at"))
_OVERTAKEN = timedelta(minutes=2)
"""A look that is older than the stored one by no more than this was overtaken by it; by more, the clock was set."""

_RECORD = (
    f"UPDATE clusters SET {', '.join(f'{name} = :{name}' for name in _SEEN)} WHERE id = :id "
    "AND (polled_at IS NULL OR :polled_at IS NULL OR polled_at <= :polled_at OR polled_at > :overtaken)"
)
_BEGIN_ANEW = (
    f"INSERT INTO clusters ({columns(Cluster)}, sealed) "
    f"VALUES ({', '.join(f':{name}' for name in Cluster.__struct_fields__)}, '') "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in (*SETTINGS, *_SEEN))} "
    f"WHERE ({', '.join(SETTINGS)}) IS NOT ({', '.join(f'excluded.{name}' for name in SETTINGS)})"
)


Part = Literal["nodes", "guests", "storage"]
"""What a cluster consists of; the table is called `cluster_` and that."""


class DuplicateName(Exception):
    """Another cluster goes by this name."""


class StoredCluster(Cluster, frozen=True, kw_only=True):
    """A cluster with its secret as it is stored: encrypted; empty for one of the configuration."""

    sealed: str

    def __repr__(self) -> str:
        """Without the secret, wherever it is printed."""
        return f"StoredCluster(id={self.id!r}, name={self.name!r}, status={self.status!r})"


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """All that a cluster consists of: nodes by name, guests by number, storage by name."""

    nodes: list[ClusterNode] = []
    guests: list[ClusterGuest] = []
    storage: list[ClusterStorage] = []


class ClusterLook(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as one look leaves it. `members` are all there are; None leaves those that are stored.

    `unread` are the parts of them that the cluster did not show: of these, too, what is stored is left.
    """

    cluster: Cluster
    members: Members | None = None
    unread: Sequence[Part] = ()


async def record(db: aiosqlite.Connection, rows: Sequence[ClusterLook]) -> None:
    """Store what was seen of each cluster.

    What somebody said of it stays as it is stored. A look at a cluster that was deregistered meanwhile is dropped, and
    so is one that another look, begun later, has overtaken.
    """
    for look in rows:
        if await _update(db, look.cluster) and look.members is not None:
            await _replace_members(db, look.cluster.id, look.members, look.unread)


async def _update(db: aiosqlite.Connection, cluster: Cluster) -> bool:
    """False when the row is not there, or newer."""
    values = {name: column(getattr(cluster, name)) for name in ("id", *_SEEN)}
    values["overtaken"] = column(cluster.polled_at and cluster.polled_at + _OVERTAKEN)
    async with db.execute(_RECORD, values) as cursor:
        return cursor.rowcount > 0


async def _replace_members(
    db: aiosqlite.Connection, cluster_id: str, members: Members, unread: Sequence[Part] = ()
) -> None:
    found: dict[Part, Sequence[msgspec.Struct]] = {
        "nodes": members.nodes,
        "guests": members.guests,
        "storage": members.storage,
    }
    for part, rows in found.items():
        if part not in unread:
            await db.execute_fetchall(f"DELETE FROM cluster_{part} WHERE cluster_id = ?", (cluster_id,))
            await upsert(db, f"cluster_{part}", rows)


async def add(db: aiosqlite.Connection, cluster: Cluster, sealed: str) -> None:
    """Store a cluster that is registered. Raises DuplicateName, with nothing stored."""
    row = StoredCluster(**msgspec.structs.asdict(cluster), sealed=sealed)
    if await named(db, row.name) is not None:
        raise DuplicateName(row.name)
    await insert(db, "clusters", [row])


async def remove(db: aiosqlite.Connection, cluster_id: str) -> bool:
    """Forget a cluster, its members and its secret; False when there is none of this id."""
    async with db.execute("DELETE FROM clusters WHERE id = ?", (cluster_id,)) as cursor:
        return cursor.rowcount > 0


async def trust(db: aiosqlite.Connection, cluster_id: str, fingerprint: str, at: datetime) -> bool:
    """From now on the certificate with this fingerprint is the one; False when there is no cluster of this id."""
    sql = "UPDATE clusters SET tls = ?, seen_fingerprint = '', updated_at = ? WHERE id = ?"
    tls = ClusterTls(verify="fingerprint", fingerprint=fingerprint)
    async with db.execute(sql, (column(tls), column(at), cluster_id)) as cursor:
        return cursor.rowcount > 0


async def keep_static(db: aiosqlite.Connection, clusters: Sequence[Cluster]) -> list[str]:
    """Make `clusters` all those of the configuration; the registered ones stay.

    One whose settings are as stored goes on with what was seen of it, another begins anew. Returns the names that a
    registered cluster has taken: these are not watched as the configuration says.
    """
    taken = {cluster.name for cluster in await stored(db) if cluster.origin == "registered"}
    kept = [cluster for cluster in clusters if cluster.name not in taken]
    gone = "DELETE FROM clusters WHERE origin = 'static' AND id NOT IN (SELECT value FROM json_each(?))"
    await db.execute_fetchall(gone, (json.dumps([cluster.id for cluster in kept]),))
    for cluster in kept:
        values = {name: column(getattr(cluster, name)) for name in Cluster.__struct_fields__}
        async with db.execute(_BEGIN_ANEW, values) as cursor:
            if cursor.rowcount > 0:
                await _replace_members(db, cluster.id, Members())
    return [cluster.name for cluster in clusters if cluster.name in taken]


async def clusters(db: aiosqlite.Connection) -> list[Cluster]:
    """Every cluster, by name."""
    return await select(db, Cluster, f"SELECT {columns(Cluster)} FROM clusters ORDER BY name")


async def stored(db: aiosqlite.Connection) -> list[StoredCluster]:
    """Every cluster with its sealed secret, by name: for whoever asks them."""
    return await select(db, StoredCluster, f"SELECT {columns(StoredCluster)} FROM clusters ORDER BY name")


async def find(db: aiosqlite.Connection, cluster_id: str) -> Cluster | None:
    """The cluster of this id; None when there is none."""
    return _only(await select(db, Cluster, f"SELECT {columns(Cluster)} FROM clusters WHERE id = ?", (cluster_id,)))


async def find_stored(db: aiosqlite.Connection, cluster_id: str) -> StoredCluster | None:
    """The same with its sealed secret."""
    sql = f"SELECT {columns(StoredCluster)} FROM clusters WHERE id = ?"
    return _only(await select(db, StoredCluster, sql, (cluster_id,)))


async def named(db: aiosqlite.Connection, name: str) -> Cluster | None:
    """The cluster of this very name; None when there is none."""
    return _only(await select(db, Cluster, f"SELECT {columns(Cluster)} FROM clusters WHERE name = ?", (name,)))


def _only(found: Sequence[Row]) -> Row | None:
    return found[0] if found else None


async def members(db: aiosqlite.Connection, cluster_id: str) -> Members:
    """All that a cluster consists of, as it was seen last."""
    return Members(
        nodes=await nodes(db, cluster_id),
        guests=await _guests(db, "cluster_id = ?", (cluster_id,)),
        storage=await storage(db, cluster_id),
    )


async def nodes(db: aiosqlite.Connection, cluster_id: str) -> list[ClusterNode]:
    """The nodes of a cluster, by name."""
    sql = f"SELECT {columns(ClusterNode)} FROM cluster_nodes WHERE cluster_id = ? ORDER BY name"
    return await select(db, ClusterNode, sql, (cluster_id,))


async def guests(db: aiosqlite.Connection, cluster_id: str, query: GuestQuery) -> tuple[list[ClusterGuest], int]:
    """One page of a cluster's guests, by number; and how many there are of what is asked for."""
    where = "cluster_id = ?1 AND (?2 IS NULL OR node = ?2) AND (?3 IS NULL OR status = ?3)"
    of = (cluster_id, query.node, query.status)
    found = await _guests(db, where, of, query.limit, query.offset)
    return found, int(await value(db, f"SELECT count(*) FROM cluster_guests WHERE {where}", of))


async def _guests(
    db: aiosqlite.Connection, where: str, of: Sequence[object], limit: int = -1, offset: int = 0
) -> list[ClusterGuest]:
    sql = f"SELECT {columns(ClusterGuest)} FROM cluster_guests WHERE {where} ORDER BY vmid LIMIT ? OFFSET ?"
    return await select(db, ClusterGuest, sql, (*of, limit, offset))


async def storage(db: aiosqlite.Connection, cluster_id: str) -> list[ClusterStorage]:
    """The storage of a cluster, by name, a local one by node."""
    sql = f"SELECT {columns(ClusterStorage)} FROM cluster_storage WHERE cluster_id = ? ORDER BY name, nodes"
    return await select(db, ClusterStorage, sql, (cluster_id,))
