"""clusters: what callers, the audit and the events are told of the acts on clusters. Pure, and without secrets."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from etlmon.contract.clusters import Cluster, ClusterProbe, RegisterCluster, TrustCertificate
from etlmon.contract.errors import (
    AuthenticationFailed,
    BadGateway,
    BadRequest,
    Conflict,
    DeadlineExceeded,
    NotFound,
    Problem,
    Unavailable,
)
from etlmon.contract.node import Event
from etlmon.logs import HIDDEN
from node.sources.proxmox_endpoint import fingerprint_of
from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLook, Trouble

BEHIND_CERTIFICATE: frozenset[Trouble] = frozenset({"authentication", "tfa", "malformed", "refused"})
"""Troubles that were told over a connection whose certificate was the right one."""

_CERTIFICATE: frozenset[Trouble] = frozenset({"certificate", "changed_certificate"})
_PROBLEMS: Mapping[Trouble, type[Problem]] = {
    "authentication": AuthenticationFailed,
    "tfa": AuthenticationFailed,
    "timeout": DeadlineExceeded,
    "secret": Unavailable,
    "missing_package": Unavailable,
}
"""What a trouble is to the caller; every other one is BadGateway."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOGIN_IN_ADDRESS = re.compile(r"^(\w+://)?.*@", re.DOTALL)
_VALUE_IN_TOKEN = re.compile(r"=.*", re.DOTALL)


def problem_of(failure: ProxmoxFailure) -> Problem:
    """The failure as the caller meets it: `reason` in the details, and the fingerprint that is not trusted."""
    details: dict[str, Any] = {"reason": failure.trouble}
    if failure.endpoint:
        details["endpoint"] = failure.endpoint
    if failure.fingerprint:
        details["fingerprint"] = failure.fingerprint
    return _PROBLEMS.get(failure.trouble, BadGateway)(failure.message, **details)


def not_trusted(row: Cluster, failure: ProxmoxFailure) -> Problem:
    """Why the certificate that the caller named is not trusted from now on."""
    if failure.trouble not in _CERTIFICATE:
        return problem_of(failure)
    return Conflict(
        f"{row.name} does not show this certificate: {failure.message}; compare the fingerprint with the one that "
        "`pvenode cert info` shows on the host itself",
        reason=failure.trouble,
        fingerprint=failure.fingerprint,
    )


def check_trustable(row: Cluster) -> None:
    """Raises Conflict for a cluster whose certificate is not the caller's to trust."""
    if row.origin == "static":
        raise Conflict(
            f"{row.name} stands in this node's configuration: write the fingerprint there (clusters.static, tls)",
            reason="static",
        )
    if row.api_endpoint.startswith("http:"):
        raise Conflict(f"{row.name} is asked without TLS: there is no certificate to trust", reason="no_tls")


def static(row: Cluster) -> Conflict:
    return Conflict(
        f"{row.name} is not deregistered: it stands in this node's configuration; take it out there (clusters.static)",
        reason="static",
    )


def taken(name: str) -> Conflict:
    return Conflict(f"there is a cluster {name!r} already; choose another name", field="name", reason="duplicate")


def unknown(cluster_id: str) -> NotFound:
    return NotFound(f"there is no cluster {cluster_id} here; GET /api/v1/clusters lists them", field="id")


def identified(text: str) -> str:
    """The id as it is stored. Raises BadRequest for what is no UUID."""
    if not _ID.fullmatch(text.lower()):
        raise BadRequest(f"the id of a cluster is a UUID, which {text[:100]!r} is not", field="id")
    return text.lower()


def confirmed(request: TrustCertificate) -> str:
    """The fingerprint in its one written form. Raises BadRequest."""
    if not request.confirm:
        raise BadRequest('say {"confirm": true} to trust a certificate: nobody does so by trying out', field="confirm")
    try:
        return fingerprint_of(request.fingerprint)
    except ValueError as error:
        raise BadRequest(f"the field fingerprint is wrong: {error}", field="fingerprint") from error


def told(request: RegisterCluster) -> dict[str, Any]:
    """What the audit keeps of a registration: as it was typed, without what is secret or stands where a secret may."""
    return {
        "api_endpoint": _address(request.api_endpoint),
        "username": _VALUE_IN_TOKEN.sub(f"={HIDDEN}", request.username),
        "auth": "token" if request.token_value is not None else "password",
        "token_name": _VALUE_IN_TOKEN.sub(f"={HIDDEN}", request.token_name or ""),
        "tls": {"verify": request.tls.verify, "fingerprint": request.tls.fingerprint},
        "failover": [_address(text) for text in request.failover],
    }


def _address(text: str) -> str:
    return _LOGIN_IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)


def probe_of(look: ProxmoxLook) -> ClusterProbe:
    return ClusterProbe(
        proxmox_version=look.version,
        cluster_name=look.cluster_name,
        node_count=len(look.nodes),
        nodes_online=sum(node.status == "online" for node in look.nodes),
        guests_total=sum(not guest.template for guest in look.guests),
        quorate=look.quorate,
        missing=look.missing,
        duration_ms=look.duration_ms,
        fingerprint=look.fingerprint,
    )


def registered(name: str, look: ProxmoxLook, at: datetime) -> Event:
    count = len(look.nodes)
    nodes = f"{count} node{'' if count == 1 else 's'}"
    return _event(at, name, "cluster_registered", f"{name} was registered: Proxmox VE {look.version}, {nodes}")


def deregistered(name: str, at: datetime) -> Event:
    return _event(at, name, "cluster_deregistered", f"{name} was deregistered")


def _event(at: datetime, name: str, kind: str, message: str) -> Event:
    return Event(at=at, domain="clusters", key=name, kind=kind, message=message)
