"""clusters: how the Proxmox VE clusters fare, those that were registered and those that the configuration names."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

import aiosqlite

from etlmon.contract.clusters import Cluster
from etlmon.home import home
from node.clock import Clock, utc_now
from node.collector import Collector, Reading
from node.collectors import clusters_rows as rows
from node.collectors import clusters_status as status
from node.collectors import clusters_told as told
from node.collectors.clusters_targets import registered_target, static_id, static_row, static_target
from node.collectors.clusters_turns import Turns
from node.settings import NodeSettings, default_db_path
from node.settings_clusters import Clusters, StaticCluster
from node.sources.proxmox import Proxmox
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLimits, ProxmoxLook, ProxmoxTarget
from node.store import clusters as store
from node.store.clusters import ClusterLook, Members, StoredCluster

KEY_FILE = "secret.key"
_SLACK_SEC = 75.0
"""For the process that asks: on a busy host it is long in starting, and its answers are late."""

Found = ProxmoxLook | ProxmoxFailure


class Asks(Protocol):
    """Who asks a cluster: a Proxmox."""

    async def look(self, target: ProxmoxTarget, now: datetime) -> ProxmoxLook: ...

    async def seal(self, cluster_id: str, secret: str) -> str: ...

    async def forget(self, cluster_id: str) -> None: ...

    async def close(self) -> None: ...


def build(settings: NodeSettings) -> list["ClustersCollector"]:
    """One collector, also while there is no cluster: one may be registered at any time."""
    return [
        ClustersCollector(
            settings.clusters, interval_sec=float(settings.refresh.clusters), key_file=key_file_of(settings)
        )
    ]


def key_file_of(settings: NodeSettings) -> Path:
    """Where the key of the stored secrets lies: beside the database, unless the configuration says where."""
    if settings.clusters.key_file is not None:
        return Path(settings.clusters.key_file)
    database = default_db_path(os.environ.get("XDG_STATE_HOME", ""), home(), is_root=os.geteuid() == 0)
    if settings.node.db_path:
        database = Path(settings.node.db_path)
    # A node that has no place for its database does not start.
    return (database or Path("/etlmon.db")).with_name(KEY_FILE)


def static_rows(settings: NodeSettings, at: datetime) -> list[Cluster]:
    """The clusters that the configuration names, as they stand in the list before they were asked."""
    return [static_row(static, at) for static in settings.clusters.static]


class ClustersCollector(Collector[ClusterLook]):
    """Asks every cluster at once, each interval, and also when told to: it is a Registrar (node/commands/clusters.py).

    A run that finds no cluster does nothing. `proxmox` is who asks here; `clock` tells the time of what is asked for
    between two runs.
    """

    domain: ClassVar[str] = "clusters"
    name = "clusters"
    resumes_each_run = True

    def __init__(
        self,
        section: Clusters,
        *,
        interval_sec: float,
        key_file: Path,
        proxmox: Asks | None = None,
        clock: Clock = utc_now,
    ) -> None:
        total_sec = float(section.total_timeout)
        limits = ProxmoxLimits(
            connect_sec=float(section.connect_timeout), read_sec=float(section.read_timeout), total_sec=total_sec
        )
        self.interval_sec = interval_sec
        self.deadline_sec = total_sec + _SLACK_SEC
        self.options = (section, interval_sec, key_file)
        self._proxmox = proxmox or Proxmox(limits, key_file)
        self._clock = clock
        self._static: dict[str, StaticCluster] = {static_id(static.name): static for static in section.static}
        self._turns = Turns(interval_sec)
        self._clusters: Sequence[StoredCluster] = ()
        self._members: dict[str, Members] = {}
        self._numbers: dict[str, Reading[ClusterLook]] = {}

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Take up the clusters as they are stored now: some may be new, and some gone."""
        self._clusters = [cluster for cluster in await store.stored(db) if self._is_known(cluster)]
        self._members = {one.id: Members(nodes=await store.nodes(db, one.id)) for one in self._clusters}
        self._numbers = {one.id: self._numbers[one.id] for one in self._clusters if one.id in self._numbers}

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[ClusterLook], None]:
        """What each cluster says, as it says it: one that is slow holds up no other."""
        at_sec = asyncio.get_running_loop().time()
        due = [cluster for cluster in self._clusters if self._turns.is_due(cluster.id, at_sec)]
        asked = {asyncio.create_task(self._look(cluster, now), name=f"ask {cluster.name}"): cluster for cluster in due}
        waiting = set(asked)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                yield self._reading([(asked[task], task.result()) for task in done], now)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        rested = [self._numbers[one.id] for one in self._clusters if one not in due and one.id in self._numbers]
        if rested:
            samples = [sample for reading in rested for sample in reading.samples]
            unmeasured = [labels for reading in rested for labels in reading.unmeasured]
            yield Reading(samples=samples, unmeasured=unmeasured, unchanged=True)

    async def close(self) -> None:
        await self._proxmox.close()

    async def probe(self, target: ProxmoxTarget) -> ProxmoxLook:
        """See `Registrar`. Raises ProxmoxError."""
        return await self._proxmox.look(target, self._clock())

    async def ask(self, cluster: StoredCluster) -> ProxmoxLook:
        """See `Registrar`. Raises ProxmoxError."""
        return await self._ask(cluster, self._clock())

    async def seal(self, cluster_id: str, secret: str) -> str:
        """See `Registrar`. Raises ProxmoxError."""
        return await self._proxmox.seal(cluster_id, secret)

    async def forget(self, cluster_id: str) -> None:
        """See `Registrar`."""
        self._turns.answered(cluster_id)
        await self._proxmox.forget(cluster_id)

    def judged(self, before: Cluster, members: Members, found: Found, at: datetime) -> Reading[ClusterLook]:
        """See `Registrar`."""
        if isinstance(found, ProxmoxFailure):
            row = rows.unseen(before, found, status.of_failure(before, found), at)
            events = [*told.status_events(before, row, at), *told.certificate_events(before, found, at)]
            return Reading(
                rows=[ClusterLook(cluster=row)],
                samples=told.silence(row),
                events=events,
                unmeasured=[{"cluster": row.name}],
            )
        row = rows.seen(before, found, status.of_look(found), at)
        look = ClusterLook(
            cluster=row,
            members=Members(nodes=found.nodes, guests=found.guests, storage=found.storage),
            unread=rows.unread(found),
        )
        events = [*told.status_events(before, row, at), *told.node_events(row, members.nodes, found.nodes, at)]
        unmeasured = [{"cluster": row.name}] if look.unread else []
        return Reading(rows=[look], samples=list(told.samples(row, found)), events=events, unmeasured=unmeasured)

    def _is_known(self, cluster: StoredCluster) -> bool:
        """False of one that was named by a configuration, and is no more."""
        return cluster.origin == "registered" or cluster.id in self._static

    async def _look(self, cluster: StoredCluster, now: datetime) -> Found:
        try:
            return await self._ask(cluster, now)
        except ProxmoxError as error:
            return error.failure

    async def _ask(self, cluster: StoredCluster, now: datetime) -> ProxmoxLook:
        """Raises ProxmoxError."""
        try:
            look = await self._proxmox.look(await self._target(cluster), now)
        except ProxmoxError as error:
            self._turns.failed(cluster.id, error.failure, asyncio.get_running_loop().time())
            raise
        self._turns.answered(cluster.id)
        return look

    async def _target(self, cluster: StoredCluster) -> ProxmoxTarget:
        """Raises ProxmoxError."""
        static = self._static.get(cluster.id)
        if cluster.origin == "registered":
            return registered_target(cluster)
        if static is None:
            message = f"{cluster.name} is no longer named by the configuration"
            raise ProxmoxError(ProxmoxFailure(trouble="secret", message=message))
        return await static_target(cluster, static)

    def _reading(self, found: Sequence[tuple[StoredCluster, Found]], at: datetime) -> Reading[ClusterLook]:
        """All that came at one time."""
        readings = []
        for cluster, one in found:
            reading = self.judged(cluster, self._members[cluster.id], one, at)
            self._numbers[cluster.id] = Reading(samples=reading.samples, unmeasured=reading.unmeasured)
            readings.append(reading)
        return Reading(
            rows=[row for reading in readings for row in reading.rows],
            samples=[sample for reading in readings for sample in reading.samples],
            events=[event for reading in readings for event in reading.events],
            unmeasured=[labels for reading in readings for labels in reading.unmeasured],
        )
