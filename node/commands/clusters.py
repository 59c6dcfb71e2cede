"""clusters: registering a Proxmox VE cluster, forgetting it, asking it now, trusting its new certificate."""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import aiosqlite
import msgspec

from etlmon.contract import clusters as contract
from etlmon.contract.clusters import Cluster, ClusterProbe, ClusterTls, RegisterCluster, TrustCertificate
from etlmon.contract.errors import BadRequest, Problem, Unavailable
from node.clock import Clock
from node.collector import Reading
from node.commands import clusters_told as words
from node.commands.act import Act, Acts, Caller
from node.commands.clusters_form import ClusterForm, checked
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLook, ProxmoxTarget
from node.store import clusters as store
from node.store import node as node_store
from node.store.clusters import ClusterLook, Members, StoredCluster
from node.store.database import Database

log = logging.getLogger(__name__)

COLLECTOR = "clusters"


@runtime_checkable
class Registrar(Protocol):
    """Who asks the clusters: the collector of the domain, which also holds what is needed to log in."""

    async def probe(self, target: ProxmoxTarget) -> ProxmoxLook:
        """Log in and look, with what the caller typed. Raises ProxmoxError."""

    async def ask(self, cluster: StoredCluster) -> ProxmoxLook:
        """Log in and look, with the stored secret and the settings in this row, as a poll does it.

        Raises ProxmoxError.
        """

    async def seal(self, cluster_id: str, secret: str) -> str:
        """The secret as it may be stored. Raises ProxmoxError."""

    async def forget(self, cluster_id: str) -> None:
        """Drop the session with a cluster: it is gone, or is asked in another way from now on."""

    def judged(
        self, before: Cluster, members: Members, found: ProxmoxLook | ProxmoxFailure, at: datetime
    ) -> Reading[ClusterLook]:
        """The row that a look at `at` (`polled_at`) makes of the one before, and the events; nothing is stored.

        `before` and `members` are as stored. One that was never polled and is healthy is no event.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterActs:
    """The acts on clusters, for one caller.

    `collectors` are the runner's: who asks the clusters is another one after the configuration was read again.
    """

    acts: Acts
    caller: Caller
    database: Database
    collectors: Callable[[], Mapping[str, object]]
    clock: Clock

    async def register(self, request: RegisterCluster) -> Cluster:
        """Log in, look, and watch the cluster from now on.

        Raises BadRequest (`field` in the details), Conflict (the name is taken), and with the `reason` in the details
        AuthenticationFailed, BadGateway (`fingerprint`, when it is the certificate), DeadlineExceeded and Unavailable.
        """

        async def work() -> Cluster:
            try:
                return await self._register(request)
            except Problem as problem:
                if not isinstance(problem, BadRequest):
                    log.warning("the cluster %s is not registered: %s", request.name, problem.message)
                raise

        act = _act("register", request.name, contract.CLUSTER_REGISTER.status, words.told(request))
        return await self.acts.perform(self.caller, act, work, outcome=lambda row: f"its id is {row.id}")

    async def _register(self, request: RegisterCluster) -> Cluster:
        form = await self._checked(request)
        registrar, cluster_id, at = self._registrar(), str(uuid.uuid4()), self.clock()
        is_stored = False
        try:
            look = await registrar.probe(form.target(cluster_id))
            sealed = await registrar.seal(cluster_id, form.secret)

            async def write(db: aiosqlite.Connection) -> Cluster:
                await store.add(db, form.cluster(cluster_id, at), sealed)
                await node_store.add_events(db, [words.registered(form.name, look, at)])
                return await _judge(db, registrar, cluster_id, look, at)

            row = await self.database.write(write)
            is_stored = True
        except ProxmoxError as error:
            raise words.problem_of(error.failure) from error
        except store.DuplicateName as error:
            raise words.taken(form.name) from error
        finally:
            if not is_stored:
                await registrar.forget(cluster_id)
        return row

    async def test(self, request: RegisterCluster) -> ClusterProbe:
        """Log in and look as for a registration; nothing is stored. Raises what `register` raises."""

        async def work() -> ClusterProbe:
            form = await self._checked(request)
            registrar, cluster_id = self._registrar(), str(uuid.uuid4())
            try:
                return words.probe_of(await registrar.probe(form.target(cluster_id)))
            except ProxmoxError as error:
                raise words.problem_of(error.failure) from error
            finally:
                await registrar.forget(cluster_id)

        act = _act("test", request.name, contract.CLUSTER_TEST.status, words.told(request))
        return await self.acts.perform(self.caller, act, work)

    async def deregister(self, cluster_id: str) -> None:
        """Forget a cluster, all that is known of it, and its secret. Raises BadRequest, NotFound and Conflict."""

        async def write(db: aiosqlite.Connection) -> str:
            row = await _stored(db, words.identified(cluster_id))
            if row.origin == "static":
                raise words.static(row)
            await store.remove(db, row.id)
            await node_store.add_events(db, [words.deregistered(row.name, self.clock())])
            return row.id

        async def work() -> None:
            removed = await self.database.write(write)
            collector = self.collectors().get(COLLECTOR)
            if isinstance(collector, Registrar):
                await collector.forget(removed)

        act = _act("deregister", await self._name(cluster_id), contract.CLUSTER_DEREGISTER.status)
        await self.acts.perform(self.caller, act, work)

    async def refresh(self, cluster_id: str) -> Cluster:
        """Ask the cluster now; its row afterwards, reachable or not. Raises BadRequest, NotFound and Unavailable."""

        async def work() -> tuple[Cluster, str | None]:
            row = await self.database.read(_stored, words.identified(cluster_id))
            registrar = self._registrar()
            found, at = await self._ask(registrar, row)
            answer = await self.database.write(lambda db: _judge(db, registrar, row.id, found, at))
            return answer, found.message if isinstance(found, ProxmoxFailure) else None

        act = _act("refresh", await self._name(cluster_id), contract.CLUSTER_REFRESH.status)
        row, _ = await self.acts.perform(self.caller, act, work, failure=lambda answer: answer[1])
        return row

    async def trust(self, cluster_id: str, request: TrustCertificate) -> Cluster:
        """Trust a certificate by its fingerprint from now on: the cluster must show that very one.

        Raises BadRequest, NotFound, Conflict (it shows another one, or stands in the configuration), and BadGateway,
        DeadlineExceeded and Unavailable when it does not get as far as that.
        """

        async def work() -> Cluster:
            fingerprint = words.confirmed(request)
            row = await self.database.read(_stored, words.identified(cluster_id))
            words.check_trustable(row)
            registrar = self._registrar()
            await registrar.forget(row.id)
            tls = ClusterTls(verify="fingerprint", fingerprint=fingerprint)
            found, at = await self._ask(registrar, msgspec.structs.replace(row, tls=tls))
            if isinstance(found, ProxmoxFailure) and found.trouble not in words.BEHIND_CERTIFICATE:
                raise words.not_trusted(row, found)

            async def write(db: aiosqlite.Connection) -> Cluster:
                await store.trust(db, row.id, fingerprint, at)
                return await _judge(db, registrar, row.id, found, at)

            return await self.database.write(write)

        act = _act(
            "trust",
            await self._name(cluster_id),
            contract.CLUSTER_TRUST.status,
            {"fingerprint": request.fingerprint, "confirm": request.confirm},
        )
        return await self.acts.perform(self.caller, act, work)

    async def _checked(self, request: RegisterCluster) -> ClusterForm:
        """Raises BadRequest and Conflict; nobody was asked anything then."""
        form = checked(request)
        if await self.database.read(store.named, form.name) is not None:
            raise words.taken(form.name)
        return form

    async def _ask(self, registrar: Registrar, row: StoredCluster) -> tuple[ProxmoxLook | ProxmoxFailure, datetime]:
        """What the cluster says, and when it was asked."""
        at = self.clock()
        try:
            return await registrar.ask(row), at
        except ProxmoxError as error:
            return error.failure, at

    def _registrar(self) -> Registrar:
        """Raises Unavailable while there is none."""
        collector = self.collectors().get(COLLECTOR)
        if isinstance(collector, Registrar):
            return collector
        raise Unavailable("the configuration is being read again; try once more", reason="reload")

    async def _name(self, cluster_id: str) -> str:
        """What the audit calls a cluster: its name, or what the caller wrote when there is none."""
        row = await self.database.read(store.find, cluster_id.lower())
        return row.name if row is not None else cluster_id


def _act(verb: str, target: str, status: int, params: Mapping[str, object] | None = None) -> Act:
    return Act(action=f"clusters.{verb}", target=target, params=params or {}, status=status)


async def _stored(db: aiosqlite.Connection, cluster_id: str) -> StoredCluster:
    """Raises NotFound."""
    row = await store.find_stored(db, cluster_id)
    if row is None:
        raise words.unknown(cluster_id)
    return row


async def _judge(
    db: aiosqlite.Connection,
    registrar: Registrar,
    cluster_id: str,
    found: ProxmoxLook | ProxmoxFailure,
    at: datetime,
) -> Cluster:
    """Store what a look found, and its events; the row then. Raises NotFound when it was deregistered meanwhile."""
    before = await _stored(db, cluster_id)
    reading = registrar.judged(before, await store.members(db, cluster_id), found, at)
    await store.record(db, reading.rows)
    if reading.events:
        await node_store.add_events(db, reading.events)
    after = await store.find(db, cluster_id)
    if after is None:
        raise words.unknown(cluster_id)
    return after
