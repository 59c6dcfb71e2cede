"""Clusters and their members to store, with what a test says of them."""

from typing import Any

from etlmon.contract.clusters import Cluster
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from node.store.clusters import ClusterLook, Members
from tests.node.store.opened import after

ID = "550e8400-e29b-41d4-a716-446655440000"


def number(count: int) -> str:
    """The id of the cluster with this number."""
    return f"550e8400-e29b-41d4-a716-{count:012x}"


def cluster(name: str = "prod", cluster_id: str = ID, **fields: Any) -> Cluster:
    given: dict[str, Any] = {
        "api_endpoint": f"https://{name}.example.com:8006",
        "status": "unknown",
        "proxmox_version": "",
        "node_count": 0,
        "created_at": after(0),
        "updated_at": after(0),
        "username": "etlmon@pve",
        "auth": "password",
        **fields,
    }
    return Cluster(id=cluster_id, name=name, **given)


def node(name: str = "pve1", cluster_id: str = ID, **fields: Any) -> ClusterNode:
    return ClusterNode(cluster_id=cluster_id, name=name, **{"status": "online", "collected_at": after(0), **fields})


def guest(vmid: int = 100, cluster_id: str = ID, **fields: Any) -> ClusterGuest:
    given: dict[str, Any] = {
        "type": "qemu", "node": "pve1", "status": "running", "collected_at": after(0), **fields
    }  # fmt: skip
    return ClusterGuest(cluster_id=cluster_id, vmid=vmid, **given)


def storage(name: str = "local", cluster_id: str = ID, **fields: Any) -> ClusterStorage:
    given: dict[str, Any] = {"nodes": ["pve1"], "status": "available", "collected_at": after(0), **fields}
    return ClusterStorage(cluster_id=cluster_id, name=name, **given)


def look(row: Cluster, *members: ClusterNode | ClusterGuest | ClusterStorage) -> ClusterLook:
    """A look that saw these members and no others."""
    return ClusterLook(
        cluster=row,
        members=Members(
            nodes=[one for one in members if isinstance(one, ClusterNode)],
            guests=[one for one in members if isinstance(one, ClusterGuest)],
            storage=[one for one in members if isinstance(one, ClusterStorage)],
        ),
    )
