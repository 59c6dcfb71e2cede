"""clusters: how each cluster is asked: the registered ones, and those that the configuration names."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from etlmon.contract.clusters import Cluster, ClusterTls
from node.settings_clusters import StaticCluster
from node.sources.proxmox_endpoint import fingerprint_of, parse
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxTarget
from node.store.clusters import StoredCluster

_NAMESPACE = uuid.UUID("6f1d5a0e-7f0a-4c7e-9a55-0c3b1d2e4f60")
"""Of the ids of clusters that are named in a configuration: the same name has the same id after every restart."""

_LARGEST_CA_BYTES = 256 * 1024
READ_SEC = 2.0
"""The file may lie on a file system that hangs."""


def static_id(name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, name))


def static_row(static: StaticCluster, at: datetime) -> Cluster:
    """As it stands in the list before it was asked. Its authorities stay in their file."""
    tls = static.tls
    return Cluster(
        id=static_id(static.name),
        name=static.name,
        api_endpoint=parse(static.api_endpoint),
        status="unknown",
        status_reason="not yet polled",
        proxmox_version="",
        node_count=0,
        created_at=at,
        updated_at=at,
        username=static.username,
        auth="password" if static.password is not None else "token",
        token_name=static.token_name or "",
        origin="static",
        tls=ClusterTls(verify=tls.verify, fingerprint=fingerprint_of(tls.fingerprint) if tls.fingerprint else ""),
        failover=[parse(endpoint) for endpoint in static.failover],
    )


def registered_target(cluster: StoredCluster) -> ProxmoxTarget:
    return _target(cluster, sealed=cluster.sealed, ca=cluster.tls.ca)


async def static_target(cluster: Cluster, static: StaticCluster) -> ProxmoxTarget:
    """With the secret as the configuration gives it. Raises ProxmoxError when the authorities cannot be read."""
    secret = static.password if static.password is not None else static.token_value
    return _target(cluster, secret=secret or "", ca=await _authorities(static.tls.ca_file))


def _target(cluster: Cluster, *, ca: str, secret: str = "", sealed: str = "") -> ProxmoxTarget:
    return ProxmoxTarget(
        id=cluster.id,
        endpoints=endpoints(cluster),
        username=cluster.username,
        token_name=cluster.token_name,
        secret=secret,
        sealed=sealed,
        verify=cluster.tls.verify,
        ca=ca,
        fingerprint=cluster.tls.fingerprint,
    )


def endpoints(cluster: Cluster) -> Sequence[str]:
    """Each once, in the order in which they were given."""
    return list(dict.fromkeys([cluster.api_endpoint, *cluster.failover]))


async def _authorities(file: str | None) -> str:
    """The text of `ca_file`, read at each look: it may be replaced while the node runs."""
    if file is None:
        return ""
    try:
        async with asyncio.timeout(READ_SEC):
            return await asyncio.to_thread(_text, Path(file))
    except TimeoutError as error:
        raise _unreadable(file, f"it was not read within {READ_SEC:g} s") from error
    except (OSError, ValueError) as error:
        raise _unreadable(file, str(error)) from error


def _text(path: Path) -> str:
    """Raises OSError and ValueError."""
    with path.open("rb") as file:
        content = file.read(_LARGEST_CA_BYTES + 1)
    if len(content) > _LARGEST_CA_BYTES:
        raise ValueError(f"it is larger than {_LARGEST_CA_BYTES} bytes")
    return content.decode("ascii")


def _unreadable(file: str, reason: str) -> ProxmoxError:
    message = f"its certificate cannot be checked: ca_file {file} cannot be read: {reason}"
    return ProxmoxError(ProxmoxFailure(trouble="certificate", message=message))
