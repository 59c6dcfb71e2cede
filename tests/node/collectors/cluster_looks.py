"""Clusters as they are stored, and what a look at one finds: as a test needs them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from etlmon.contract.clusters import Cluster
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage, GuestType, MemberStatus
from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLook, Trouble

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=30)
ID = "550e8400-e29b-41d4-a716-446655440000"
URL = "https://10.0.0.11:8006"
GIB = 2**30


def cluster(**changes: Any) -> Cluster:
    """One that was registered and not yet polled."""
    row = Cluster(
        id=ID,
        name="prod",
        api_endpoint=URL,
        status="unknown",
        proxmox_version="",
        node_count=0,
        created_at=AT,
        updated_at=AT,
        username="etlmon@pve",
        auth="password",
    )
    return msgspec.structs.replace(row, **changes)


def healthy(**changes: Any) -> Cluster:
    """One that answered a moment ago."""
    seen = {"status": "healthy", "proxmox_version": "8.4.1", "node_count": 3, "nodes_online": 3, "guests_total": 7}
    return cluster(**{**seen, "polled_at": AT, "last_success_at": AT, **changes})


def node(name: str, status: MemberStatus = "online", *, cpu: float | None = 20.0, cores: int = 8) -> ClusterNode:
    if status == "offline":
        return ClusterNode(cluster_id=ID, name=name, status=status, error="it is offline", collected_at=AT)
    return ClusterNode(
        cluster_id=ID,
        name=name,
        status=status,
        cpu_percent=cpu,
        cpu_cores=cores,
        mem_used_bytes=GIB,
        mem_total_bytes=4 * GIB,
        collected_at=AT,
    )


def guest(vmid: int, status: str = "running", *, template: bool = False, type: GuestType = "qemu") -> ClusterGuest:  # noqa: A002
    return ClusterGuest(
        cluster_id=ID, vmid=vmid, type=type, node="pve1", status=status, template=template, collected_at=AT
    )


def storage(name: str, nodes: Sequence[str], *, used: int = GIB, total: int = 10 * GIB) -> ClusterStorage:
    return ClusterStorage(
        cluster_id=ID,
        name=name,
        nodes=list(nodes),
        shared=len(nodes) > 1,
        status="available",
        used_bytes=used,
        total_bytes=total,
        collected_at=AT,
    )


def look(**changes: Any) -> ProxmoxLook:
    """Of a cluster with three nodes, all is well."""
    found = ProxmoxLook(
        endpoint=URL,
        fingerprint="AB:CD",
        version="8.4.1",
        cluster_name="prod",
        quorate=True,
        nodes=[node("pve1"), node("pve2"), node("pve3")],
        guests=[guest(100), guest(101, "stopped"), guest(900, "stopped", template=True)],
        storage=[storage("nas", ["pve1", "pve2", "pve3"]), storage("local", ["pve1"])],
        at=LATER,
        duration_ms=212.0,
    )
    return msgspec.structs.replace(found, **changes)


def failure(trouble: Trouble = "unreachable", message: str = "connection refused", **more: Any) -> ProxmoxFailure:
    return ProxmoxFailure(trouble=trouble, message=message, endpoint=URL, **more)
