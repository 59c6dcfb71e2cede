"""clusters: how a Proxmox VE cluster fares, in one word and a sentence. Nothing here asks anybody."""

from collections.abc import Sequence
from dataclasses import dataclass

from etlmon.contract.clusters import Cluster, ClusterStatus
from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLook, Trouble

UNHEALTHY_AFTER = 3
"""Polls in a row that failed; a single one may be a restart of pveproxy."""

_AT_ONCE: frozenset[Trouble] = frozenset({"authentication", "tfa", "certificate", "changed_certificate"})
"""Waiting does not help against these."""

_UNREACHABLE: frozenset[Trouble] = frozenset({"unreachable", "timeout"})
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    status: ClusterStatus
    reason: str | None = None


def of_look(look: ProxmoxLook) -> Verdict:
    """Of a cluster that answered."""
    offline = [node.name for node in look.nodes if node.status == "offline"]
    if look.quorate is False:
        online = sum(node.status == "online" for node in look.nodes)
        return Verdict("unhealthy", f"no quorum: {online} of {len(look.nodes)} nodes online")
    reasons = []
    if offline:
        reasons.append(f"{_named(offline)} offline")
    if silent := _silent(look):
        reasons.append(f"no numbers of {_named(silent)}")
    reasons += look.missing
    return Verdict("degraded", "; ".join(reasons)) if reasons else Verdict("healthy")


def of_failure(before: Cluster, failure: ProxmoxFailure) -> Verdict:
    """Of a cluster that could not be looked at. `before` is the row as it was until now.

    What answered before is degraded at first; what never did stays unknown so long. A secret that cannot be opened and
    a package that is missing say nothing about the cluster.
    """
    if failure.trouble == "secret":
        return Verdict("unknown", f"secret unreadable: {failure.message}")
    if failure.trouble == "missing_package":
        return Verdict("unknown", failure.message)
    if failure.trouble in _AT_ONCE:
        return Verdict("unhealthy", failure.message)
    failures = before.failures + 1
    if failures < UNHEALTHY_AFTER and before.status != "unhealthy":
        status: ClusterStatus = "unknown" if before.last_success_at is None else "degraded"
        return Verdict(status, f"poll {failures} of {UNHEALTHY_AFTER} failed: {failure.message}")
    what = "unreachable" if failure.trouble in _UNREACHABLE else "no usable answer"
    if before.last_success_at is None:
        return Verdict("unhealthy", f"{what}, and never was any: {failure.message}")
    return Verdict("unhealthy", f"{what} since {before.last_success_at:%Y-%m-%d %H:%M:%S} UTC: {failure.message}")


def _silent(look: ProxmoxLook) -> list[str]:
    """The nodes that send no numbers. Where nobody may read them, that is what stands among the missing."""
    if any(text.startswith("nodes:") for text in look.missing):
        return []
    return [node.name for node in look.nodes if node.status == "unknown" or (node.status == "online" and node.error)]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
