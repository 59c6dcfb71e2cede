"""clusters: the Proxmox VE clusters, what they consist of, and the acts on them."""

from typing import Any

from etlmon.contract.clusters import (
    Cluster,
    ClusterAct,
    ClusterList,
    ClusterProbe,
    GuestQuery,
    RegisterCluster,
    TrustCertificate,
)
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from node.api.request import Nothing, Request, state_page
from node.commands.clusters import ClusterActs
from node.commands.clusters_told import identified, unknown
from node.store import clusters as store


async def list_clusters(request: Request[Nothing]) -> ClusterList:
    rows = await request.context.database.read(store.clusters)
    return ClusterList(clusters=rows, total=len(rows))


async def get_cluster(request: Request[Nothing]) -> Cluster:
    """Raises BadRequest and NotFound."""
    return await _cluster(request)


async def list_nodes(request: Request[Nothing]) -> list[ClusterNode]:
    """Raises BadRequest and NotFound."""
    cluster = await _cluster(request)
    return await request.context.database.read(store.nodes, cluster.id)


async def list_guests(request: Request[GuestQuery]) -> list[ClusterGuest]:
    """Raises BadRequest and NotFound."""
    cluster = await _cluster(request)
    rows, total = await request.context.database.read(store.guests, cluster.id, request.params)
    state_page(request, total)
    return rows


async def list_storage(request: Request[Nothing]) -> list[ClusterStorage]:
    """Raises BadRequest and NotFound."""
    cluster = await _cluster(request)
    return await request.context.database.read(store.storage, cluster.id)


async def register(request: Request[RegisterCluster]) -> Cluster:
    """Raises what every act may raise, and what `node.commands.clusters` names; so do the others below."""
    return await _acts(request).register(request.params)


async def test(request: Request[RegisterCluster]) -> ClusterProbe:
    return await _acts(request).test(request.params)


async def deregister(request: Request[Nothing]) -> None:
    await _acts(request).deregister(request.path_params["id"])


async def refresh(request: Request[ClusterAct]) -> Cluster:
    return await _acts(request).refresh(request.path_params["id"])


async def trust(request: Request[TrustCertificate]) -> Cluster:
    return await _acts(request).trust(request.path_params["id"], request.params)


async def _cluster(request: Request[Any]) -> Cluster:
    """The cluster of the path. Raises BadRequest and NotFound."""
    cluster_id = identified(request.path_params["id"])
    found = await request.context.database.read(store.find, cluster_id)
    if found is None:
        raise unknown(cluster_id)
    return found


def _acts(request: Request[Any]) -> ClusterActs:
    context = request.context
    return ClusterActs(
        acts=context.acts,
        caller=request.caller,
        database=context.database,
        collectors=lambda: context.runner.collectors,
        clock=context.clock,
    )
