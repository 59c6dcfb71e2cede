"""A cluster of either kind as the list of the Clusters view shows it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from etlmon.contract.clusters import Cluster
from etlmon.contract.dataproc_rows import DataprocRow
from ui.glyphs import NOTHING, State
from ui.problems import clusters as clusters_problems
from ui.problems import dataproc as dataproc_problems

Kind = Literal["PVE", "GCE", "GKE"]
"""Proxmox VE; Dataproc on Compute Engine; Dataproc on Kubernetes Engine."""

Words = Mapping[str, Sequence[str]]
"""What a row says under each name by which it can be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row of the list, whichever kind it is. `item` is what the node said."""

    item: Cluster | DataprocRow
    key: str
    kind: Kind
    name: str
    level: State
    status: str
    why: str
    """What is wrong with it; empty when nothing is."""
    where: str
    version: str
    nodes: str
    node_count: int | None
    work: str
    """What runs on it, and of how many: guests, or jobs."""
    work_count: int | None
    cpu_percent: float | None = None
    memory_percent: float | None = None
    storage_percent: float | None = None
    seen_at: datetime | None = None
    """How old the numbers are."""
    is_old: bool = False
    """The latest look has not brought the numbers anew."""
    console_url: str = ""
    words: Words = field(default_factory=dict)


def of_proxmox(cluster: Cluster) -> Listed:
    """A Proxmox cluster."""
    level = clusters_problems.level(cluster)
    was_seen = cluster.last_success_at is not None
    return Listed(
        item=cluster,
        key=clusters_problems.key_of(cluster),
        kind="PVE",
        name=cluster.name,
        level=level,
        status=cluster.status,
        why="" if level == "ok" else clusters_problems.words(cluster),
        where=_host(cluster.active_endpoint or cluster.api_endpoint),
        version=cluster.proxmox_version or NOTHING,
        nodes=f"{cluster.nodes_online}/{cluster.node_count}" if cluster.node_count else NOTHING,
        node_count=cluster.node_count or None,
        work=_guests(cluster) if was_seen else NOTHING,
        work_count=cluster.guests_running if clusters_problems.are_guests_known(cluster) else None,
        cpu_percent=cluster.cpu_percent,
        memory_percent=_percent(cluster.mem_used_bytes, cluster.mem_total_bytes),
        storage_percent=_percent(cluster.storage_used_bytes, cluster.storage_total_bytes),
        seen_at=cluster.last_success_at,
        is_old=was_seen and not clusters_problems.is_answering(cluster),
        console_url=cluster.console_url,
        words={
            "name": (cluster.name, cluster.cluster_name),
            "kind": ("pve", "proxmox"),
            "state": (cluster.status,),
            "version": (cluster.proxmox_version,),
            "is": _flags(level, old=cluster.failures > 0),
        },
    )


def of_dataproc(row: DataprocRow) -> Listed:
    """A Dataproc cluster."""
    level, is_gone = dataproc_problems.level(row), row.gone_at is not None
    return Listed(
        item=row,
        key=dataproc_problems.key_of(row),
        kind="GKE" if row.kind == "gke" else "GCE",
        name=row.cluster_name,
        level=level,
        status="gone" if is_gone else row.state,
        why=dataproc_problems.words(row) if level != "ok" or is_gone else "",
        where=f"{row.region} {row.project_id}",
        version=row.image_version or NOTHING,
        nodes=_instances(row),
        node_count=row.masters + row.workers + row.secondary_workers,
        work=f"{row.jobs_running}/{row.jobs}",
        work_count=row.jobs_running,
        seen_at=row.collected_at,
        is_old=row.stale,
        console_url=row.console_url,
        words={
            "name": (row.cluster_name,),
            "kind": (row.kind, "dataproc"),
            "state": ("gone",) if is_gone else (row.state, row.substate),
            "project": (row.project_id,),
            "region": (row.region,),
            "zone": (row.zone,),
            "version": (row.image_version,),
            "account": (row.account,),
            "policy": (row.policy,),
            "label": labels_of(row.labels),
            "is": _flags(level, dataproc_problems.attention_of(row) or "", old=row.stale, gone=is_gone),
        },
    )


def labels_of(labels: Mapping[str, str]) -> list[str]:
    """Labels as they are searched for: `env=prod`."""
    return [f"{name}={value}" for name, value in labels.items()]


def _host(endpoint: str) -> str:
    return endpoint.partition("://")[2].partition("/")[0] or endpoint


def _guests(cluster: Cluster) -> str:
    """How many guests run; where they may not be read that is said."""
    if not clusters_problems.are_guests_known(cluster):
        return "denied" if any("permission" in one for one in cluster.missing) else NOTHING
    return f"{cluster.guests_running}/{cluster.guests_total}"


def _instances(row: DataprocRow) -> str:
    """Masters, workers, and secondary workers where there are any: `1+4+2`."""
    if row.kind == "gke":
        return NOTHING
    secondary = f"+{row.secondary_workers}" if row.secondary_workers else ""
    return f"{row.masters}+{row.workers}{secondary}"


def _percent(used: int, total: int) -> float | None:
    return 100 * used / total if total else None


def _flags(level: State, attention: str = "", *, old: bool, gone: bool = False) -> list[str]:
    flags = {"ill": level in ("warn", "crit"), "old": old, "gone": gone, attention: bool(attention)}
    return [name for name, holds in flags.items() if holds]
