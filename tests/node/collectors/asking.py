"""Clusters that a real collector asks in a real runner with a real store, and that answer as a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec

from etlmon.contract.clusters import Cluster, ClusterStatus
from etlmon.contract.node import Event, EventQuery
from node.collectors.clusters import ClustersCollector, Found
from node.settings_clusters import Clusters
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLook, ProxmoxTarget
from node.store import clusters as store
from node.store import node as node_store
from tests.node.collecting import Stage, running, until
from tests.node.collectors.cluster_looks import cluster, look


@dataclass
class Scripted:
    """Who asks: `answers` are by id, a usual look when there is none; one in `held` answers when that is set."""

    answers: dict[str, Found] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    asked: list[ProxmoxTarget] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    closed: int = 0

    def times(self, cluster_id: str) -> int:
        return sum(target.id == cluster_id for target in self.asked)

    async def look(self, target: ProxmoxTarget, now: datetime) -> ProxmoxLook:
        self.asked.append(target)
        try:
            if target.id in self.held:
                await self.held[target.id].wait()
        except asyncio.CancelledError:
            self.given_up.append(target.id)
            raise
        found = self.answers.get(target.id) or look()
        if isinstance(found, ProxmoxFailure):
            raise ProxmoxError(found)
        return _of(target.id, found, now)

    async def seal(self, cluster_id: str, secret: str) -> str:
        return f"sealed {len(secret)} for {cluster_id}"

    async def forget(self, cluster_id: str) -> None:
        self.forgotten.append(cluster_id)

    async def close(self) -> None:
        self.closed += 1


def _of(cluster_id: str, found: ProxmoxLook, now: datetime) -> ProxmoxLook:
    """The same look at this cluster."""
    replace = msgspec.structs.replace
    return replace(
        found,
        at=now,
        nodes=[replace(one, cluster_id=cluster_id, collected_at=now) for one in found.nodes],
        guests=[replace(one, cluster_id=cluster_id, collected_at=now) for one in found.guests],
        storage=[replace(one, cluster_id=cluster_id, collected_at=now) for one in found.storage],
    )


@dataclass(frozen=True)
class Asking:
    stage: Stage
    collector: ClustersCollector

    async def add(self, *names: str, **changes: Any) -> list[str]:
        """Clusters as a registration leaves them; their ids are their names."""

        async def work(db: aiosqlite.Connection) -> None:
            for name in names:
                await store.add(db, cluster(id=name, name=name, **changes), f"sealed {name}")

        await self.stage.database.write(work)
        return list(names)

    async def remove(self, cluster_id: str) -> None:
        async def work(db: aiosqlite.Connection) -> bool:
            return await store.remove(db, cluster_id)

        await self.stage.database.write(work)

    async def row(self, cluster_id: str) -> Cluster:
        row = await self.stage.database.read(store.find, cluster_id)
        assert row is not None
        return row

    async def until_status(self, cluster_id: str, status: ClusterStatus) -> Cluster:
        async def holds() -> bool:
            return (await self.row(cluster_id)).status == status

        await until(holds)
        return await self.row(cluster_id)

    async def until_run(self, times: int = 1) -> None:
        """Until so many runs are over that begin from now on."""
        for _ in range(times):
            before = self.stage.health("clusters").last_run_at
            await until(lambda before=before: self.stage.health("clusters").last_run_at != before)  # type: ignore[misc]
            began = self.stage.health("clusters").last_run_at
            await until(lambda began=began: self._is_over(began))  # type: ignore[misc]

    def _is_over(self, began: datetime) -> bool:
        health = self.stage.health("clusters")
        return health.last_run_at != began or health.status != "running"

    async def events(self, cluster_id: str) -> list[Event]:
        """Oldest first."""
        query = EventQuery(domain="clusters", key=cluster_id)
        return (await self.stage.database.read(node_store.events, query))[::-1]

    def samples(self, cluster_id: str) -> dict[str, float]:
        """Those without a status, by name."""
        labels = (("cluster", cluster_id),)
        return {stated.name: stated.value for stated in self.stage.runner.samples if stated.labels == labels}


@asynccontextmanager
async def asking(
    where: Path, proxmox: Scripted, section: Clusters | None = None, *, interval_sec: float = 0.05
) -> AsyncIterator[Asking]:
    collector = ClustersCollector(
        section or Clusters(), interval_sec=interval_sec, key_file=where / "secret.key", proxmox=proxmox
    )
    async with running(where, collector, record=store.record) as stage:
        yield Asking(stage, collector)
