"""A desk where clusters are registered, with the real collector and store, and a Proxmox VE that answers as told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from etlmon.contract.clusters import Cluster, ClusterTls, RegisterCluster, TrustCertificate
from etlmon.contract.node import AuditEntry, AuditQuery, Event, EventQuery
from node.clock import utc_now
from node.collectors.clusters import ClustersCollector
from node.commands.act import Acts, Caller, Refusal
from node.commands.clusters import COLLECTOR, ClusterActs
from node.settings_clusters import Clusters
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLook, ProxmoxTarget
from node.store import clusters as store
from node.store import node as node_store
from node.store.database import Database
from tests.node.collectors.cluster_looks import look
from tests.node.store.opened import opened

SECRET = "s3cret-Pa55/word+é"  # noqa: S105 - of nobody
FINGERPRINT = ":".join(["5F"] * 32)
CALLER = Caller(name="ops", address="127.0.0.1", role="operator")
VIEWER = Caller(
    name="ops", address="10.0.0.9", role="viewer", refusal=Refusal(reason="not_local", message="10.0.0.9 may look")
)


def request(name: str = "prod", **fields: Any) -> RegisterCluster:
    given: dict[str, Any] = {
        "api_endpoint": "https://10.0.0.11:8006", "username": "etlmon@pve", "password": SECRET, **fields
    }  # fmt: skip
    return RegisterCluster(name=name, **given)


def trusting(fingerprint: str = FINGERPRINT, *, confirm: bool = True) -> TrustCertificate:
    return TrustCertificate(fingerprint=fingerprint, confirm=confirm)


def static(name: str, cluster_id: str, at: datetime) -> Cluster:
    return Cluster(
        id=cluster_id, name=name, api_endpoint="https://pve:8006", status="unknown", proxmox_version="", node_count=0,
        created_at=at, updated_at=at, username="root@pam", auth="password", origin="static", tls=ClusterTls(),
    )  # fmt: skip


class Proxmox:
    """Who asks the clusters, as the collector knows it. `found` is what a look finds, once the gate is open."""

    def __init__(self) -> None:
        self.found: ProxmoxLook | ProxmoxFailure = look()
        self.sealing: ProxmoxFailure | None = None
        self.asked: list[ProxmoxTarget] = []
        self.forgotten: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def look(self, target: ProxmoxTarget, now: datetime) -> ProxmoxLook:
        self.asked.append(target)
        await self.gate.wait()
        if isinstance(self.found, ProxmoxFailure):
            raise ProxmoxError(self.found)
        return msgspec.structs.replace(
            self.found,
            nodes=[msgspec.structs.replace(one, cluster_id=target.id) for one in self.found.nodes],
            guests=[msgspec.structs.replace(one, cluster_id=target.id) for one in self.found.guests],
            storage=[msgspec.structs.replace(one, cluster_id=target.id) for one in self.found.storage],
        )

    async def seal(self, cluster_id: str, secret: str) -> str:
        if self.sealing is not None:
            raise ProxmoxError(self.sealing)
        return f"sealed for {cluster_id}: {len(secret)}"

    async def forget(self, cluster_id: str) -> None:
        self.forgotten.append(cluster_id)

    async def close(self) -> None:
        pass


class Desk:
    """A node's database, its collector, and one who acts."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.proxmox = Proxmox()
        self.collectors: dict[str, object] = {
            COLLECTOR: ClustersCollector(
                Clusters(), interval_sec=30.0, key_file=folder / "secret.key", proxmox=self.proxmox
            )
        }

    def acts(self, caller: Caller = CALLER) -> ClusterActs:
        return ClusterActs(
            acts=Acts(self.database, utc_now),
            caller=caller,
            database=self.database,
            collectors=lambda: self.collectors,
            clock=utc_now,
        )

    async def rows(self) -> list[Cluster]:
        return await self.database.read(store.clusters)

    async def audit(self) -> AuditEntry:
        """The latest attempt."""
        return (await self.database.read(node_store.audit, AuditQuery()))[0]

    async def events(self) -> list[Event]:
        return await self.database.read(node_store.events, EventQuery(domain="clusters"))


def at_the_desk(folder: Path, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(folder / "etlmon.db") as database:
            await scenario(Desk(database, folder))

    asyncio.run(main())
