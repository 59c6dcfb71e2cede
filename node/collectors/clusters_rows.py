"""clusters: the row of a cluster after a look at it, summed over what it consists of."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from etlmon.contract.clusters import Cluster
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from node.collectors.clusters_status import Verdict
from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLook
from node.store.clusters import Part


def unread(look: ProxmoxLook) -> tuple[Part, ...]:
    """What the cluster did not show although it answered: an empty list of it does not mean that there is none."""
    missing = {text.partition(":")[0] for text in look.missing}
    parts: list[Part] = []
    if "guests" in missing and not look.guests:
        parts.append("guests")
    if "storage" in missing and not look.storage:
        parts.append("storage")
    return tuple(parts)


def seen(before: Cluster, look: ProxmoxLook, verdict: Verdict, at: datetime) -> Cluster:
    """The row after a look that succeeded. What it did not show stands as it was."""
    row = msgspec.structs.replace(
        _judged(before, verdict, at),
        proxmox_version=look.version,
        active_endpoint=look.endpoint,
        console_url=look.endpoint,
        seen_fingerprint="",
        cluster_name=look.cluster_name,
        quorate=look.quorate,
        missing=list(look.missing),
        last_success_at=at,
        failures=0,
        duration_ms=look.duration_ms,
        **_of_nodes(look.nodes),
    )
    parts = unread(look)
    if "guests" not in parts:
        row = msgspec.structs.replace(row, **_of_guests(look.guests))
    if "storage" not in parts:
        row = msgspec.structs.replace(row, **_of_storage(look.storage))
    return row


def unseen(before: Cluster, failure: ProxmoxFailure, verdict: Verdict, at: datetime) -> Cluster:
    """The row after a look that failed: the numbers are the last good ones."""
    return msgspec.structs.replace(
        _judged(before, verdict, at),
        failures=before.failures + 1,
        seen_fingerprint=failure.fingerprint or before.seen_fingerprint,
    )


def _judged(before: Cluster, verdict: Verdict, at: datetime) -> Cluster:
    """Without the secret that a stored row carries."""
    row = Cluster(**{name: getattr(before, name) for name in Cluster.__struct_fields__})
    return msgspec.structs.replace(
        row,
        status=verdict.status,
        status_reason=verdict.reason,
        polled_at=at,
        updated_at=at if verdict.status != before.status else before.updated_at,
    )


def _of_nodes(nodes: Sequence[ClusterNode]) -> dict[str, object]:
    """A node with more cores weighs more; one whose numbers are not known does not count."""
    measured = [(node.cpu_percent, node.cpu_cores) for node in nodes if node.cpu_percent is not None]
    cores = sum(weight for _, weight in measured)
    busy = sum(percent * weight for percent, weight in measured)
    return {
        "node_count": len(nodes),
        "nodes_online": sum(node.status == "online" for node in nodes),
        "cpu_percent": round(busy / cores, 2) if cores else None,
        "cpu_cores": sum(node.cpu_cores for node in nodes),
        "mem_used_bytes": sum(node.mem_used_bytes for node in nodes),
        "mem_total_bytes": sum(node.mem_total_bytes for node in nodes),
    }


def _of_guests(guests: Sequence[ClusterGuest]) -> dict[str, object]:
    machines = [guest for guest in guests if not guest.template]
    return {"guests_total": len(machines), "guests_running": sum(guest.status == "running" for guest in machines)}


def _of_storage(storage: Sequence[ClusterStorage]) -> dict[str, object]:
    """A shared one is one row, so it counts once."""
    return {
        "storage_used_bytes": sum(one.used_bytes for one in storage),
        "storage_total_bytes": sum(one.total_bytes for one in storage),
    }
