"""clusters: what is told of a look at a cluster: events and samples."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from etlmon.contract.clusters import Cluster, ClusterStatus
from etlmon.contract.clusters_members import ClusterNode
from etlmon.contract.node import Event, Severity
from node.collector import Sample
from node.collectors.clusters_rows import unread
from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLook

_SEVERITY: Mapping[ClusterStatus, Severity] = {
    "healthy": "info",
    "degraded": "warning",
    "unhealthy": "critical",
    "unknown": "warning",
}


def status_events(before: Cluster, after: Cluster, at: datetime) -> Iterator[Event]:
    """A new status. That a new cluster is healthy is what its registration said."""
    is_new = before.polled_at is None and after.status in ("healthy", "unknown")
    if after.status == before.status or is_new:
        return
    again = " again" if after.status == "healthy" and before.last_success_at is not None else ""
    reason = f": {after.status_reason}" if after.status_reason else ""
    message = f"{after.name} is {after.status}{again}{reason}"
    yield _event(after, at, "cluster_status", _SEVERITY[after.status], message)


def node_events(
    cluster: Cluster, before: Sequence[ClusterNode], after: Sequence[ClusterNode], at: datetime
) -> Iterator[Event]:
    """Nodes that went away or came back since the look before."""
    offline = {node.name: node.status == "offline" for node in before}
    for node in after:
        was, is_now = offline.get(node.name), node.status == "offline"
        if was is False and is_now:
            message = f"{cluster.name}: node {node.name} is offline"
            yield _event(cluster, at, "cluster_node_offline", "warning", message)
        elif was is True and not is_now:
            message = f"{cluster.name}: node {node.name} is back"
            yield _event(cluster, at, "cluster_node_online", "info", message)


def certificate_events(before: Cluster, failure: ProxmoxFailure, at: datetime) -> Iterator[Event]:
    """Another certificate than the one that was trusted: told once for each."""
    is_other = failure.fingerprint and failure.fingerprint != before.seen_fingerprint
    if is_other and (failure.trouble == "changed_certificate" or before.last_success_at is not None):
        message = f"{before.name}: {failure.message} (SHA-256 {failure.fingerprint})"
        yield _event(before, at, "cluster_certificate_changed", "critical", message)


def silence(cluster: Cluster) -> list[Sample]:
    """Of a cluster that could not be looked at: old numbers are no samples."""
    return [Sample("etlmon_cluster_up", 0.0, {"cluster": cluster.name})]


def samples(cluster: Cluster, look: ProxmoxLook) -> Iterator[Sample]:
    """Of a cluster that answered: `cluster` is its row after that."""
    labels = {"cluster": cluster.name}
    yield Sample("etlmon_cluster_up", 1.0, labels)
    yield Sample("etlmon_cluster_poll_seconds", look.duration_ms / 1000, labels)
    nodes = Counter[str](node.status for node in look.nodes)
    for status in ("online", "offline", "unknown"):
        yield Sample("etlmon_cluster_nodes", nodes[status], {**labels, "status": status})
    if cluster.cpu_percent is not None:
        yield Sample("etlmon_cluster_cpu_percent", cluster.cpu_percent, labels)
    if cluster.mem_total_bytes:
        yield Sample("etlmon_cluster_memory_used_bytes", cluster.mem_used_bytes, labels)
        yield Sample("etlmon_cluster_memory_total_bytes", cluster.mem_total_bytes, labels)
    parts = unread(look)
    if "guests" not in parts:
        guests = Counter({"running": 0, "stopped": 0})
        guests.update(guest.status for guest in look.guests if not guest.template)
        for status, count in guests.items():
            yield Sample("etlmon_cluster_guests", count, {**labels, "status": status})
    if "storage" not in parts:
        yield Sample("etlmon_cluster_storage_used_bytes", cluster.storage_used_bytes, labels)
        yield Sample("etlmon_cluster_storage_total_bytes", cluster.storage_total_bytes, labels)


def _event(cluster: Cluster, at: datetime, kind: str, severity: Severity, message: str) -> Event:
    return Event(at=at, domain="clusters", key=cluster.name, kind=kind, severity=severity, message=message)
