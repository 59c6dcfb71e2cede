"""clusters: a Proxmox VE cluster that is not whole, does not answer, or cannot be asked any more."""

from collections.abc import Iterator, Sequence

from etlmon.contract.clusters import CLUSTERS, Cluster
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(CLUSTERS, pace="slow")


def clusters(node: NodeState) -> Sequence[Cluster]:
    """The Proxmox clusters that a node watches."""
    answer = node.answer(QUESTION)
    return () if answer is None else answer.clusters


def level(cluster: Cluster) -> State:
    if cluster.status == "unhealthy":
        return "crit"
    if cluster.status == "degraded":
        return "warn"
    if cluster.status == "unknown":
        return "unknown" if is_new(cluster) else "warn"
    return "ok"


def words(cluster: Cluster) -> str:
    """Why a cluster fares as it does, or how it fares."""
    if is_new(cluster):
        return "not asked yet"
    return cluster.status_reason or "; ".join(cluster.missing) or cluster.status


def is_new(cluster: Cluster) -> bool:
    """It was never asked, and nothing keeps it from being asked."""
    return cluster.status == "unknown" and cluster.polled_at is None and not cluster.missing


def is_answering(cluster: Cluster) -> bool:
    """The numbers are those of the latest look, not the last good ones of a cluster that is silent since."""
    return cluster.last_success_at is not None and not cluster.failures


def are_guests_known(cluster: Cluster) -> bool:
    """Its guests were seen, and may be: where nobody may read them none are counted, which is not none."""
    return cluster.last_success_at is not None and not any(one.startswith("guests") for one in cluster.missing)


def key_of(cluster: Cluster) -> str:
    return f"pve {cluster.id}"


def levels(node: NodeState) -> list[State]:
    return [level(cluster) for cluster in clusters(node)]


def problems(node: NodeState) -> Iterator[Problem]:
    for cluster in clusters(node):
        if (severity := level(cluster)) not in ("warn", "crit"):
            continue
        trust = " (C in the Clusters view compares and trusts it)" if cluster.seen_fingerprint else ""
        yield Problem(
            level=severity,
            node=node.name,
            since=node.here(cluster.updated_at),
            text=f"{cluster.name}: {words(cluster)}{trust}",
            view="clusters",
            key=key_of(cluster),
        )
