"""A fake Proxmox VE, polled by the real collector through its real process into a real store."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from etlmon.contract.clusters import Cluster, ClusterStatus, ClusterTls
from etlmon.contract.node import Event, EventQuery
from etlmon.units import Duration
from node.collectors.clusters import ClustersCollector
from node.collectors.clusters_targets import static_id, static_row
from node.settings_clusters import Clusters, StaticCluster, StaticTls
from node.store import clusters as store
from node.store import node as node_store
from tests.fakes.proxmox import PASSWORD, TOKEN, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_access import Token
from tests.fakes.proxmox_estate import GIB, Estate, Node, usual
from tests.fakes.proxmox_faults import HTML
from tests.node.collecting import Stage, running, until
from tests.node.collectors.cluster_looks import cluster
from tests.node.store.opened import START

PATIENCE_SEC = 60.0
"""The process is long in starting on a busy machine."""

INTERVAL_SEC = 0.1
SECTION = Clusters(total_timeout=Duration(20), read_timeout=Duration(20))


@dataclass(frozen=True)
class Polled:
    stage: Stage
    collector: ClustersCollector
    id: str

    async def row(self) -> Cluster:
        row = await self.stage.database.read(store.find, self.id)
        assert row is not None
        return row

    async def until(self, status: ClusterStatus, reason: str = "") -> Cluster:
        """The row as soon as it is in this state, and its reason holds that text."""

        async def holds() -> bool:
            row = await self.row()
            return row.status == status and reason in (row.status_reason or "")

        try:
            await until(holds, PATIENCE_SEC)
        except AssertionError:
            row = await self.row()
            assert (row.status, row.status_reason) == (status, reason)
            raise
        return await self.row()

    async def events(self, kind: str) -> list[Event]:
        """Oldest first."""
        found = await self.stage.database.read(node_store.events, EventQuery(domain="clusters"))
        return [event for event in found[::-1] if event.kind == kind]


@asynccontextmanager
async def polled(where: Path, pve: FakeProxmox, *, token: str = "") -> AsyncIterator[Polled]:
    """A registered cluster, polled all the time; with a password, or with an API token of root@pam."""
    collector = ClustersCollector(SECTION, interval_sec=INTERVAL_SEC, key_file=where / "secret.key")
    async with running(where, collector, record=store.record) as stage:
        row = cluster(
            id=str(uuid.uuid4()),
            api_endpoint=pve.url,
            username="root@pam",
            auth="token" if token else "password",
            token_name="mon" if token else "",
            tls=ClusterTls(verify="fingerprint", fingerprint=pve.fingerprint),
        )
        sealed = await collector.seal(row.id, token or PASSWORD)
        await stage.database.write(lambda db: store.add(db, row, sealed))
        yield Polled(stage, collector, row.id)


def play(tmp_path: Path, pve: FakeProxmox, scenario: Callable[[Polled], Awaitable[None]], *, token: str = "") -> None:
    async def main() -> None:
        async with polled(tmp_path, pve, token=token) as at:
            await at.until("degraded" if pve.tokens["root@pam!mon"].privileges == {} else "healthy")
            await scenario(at)

    asyncio.run(main())


def test_a_cluster_is_seen_as_it_is(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        row = await at.row()
        assert (row.proxmox_version, row.cluster_name, row.quorate) == ("8.4.1", "prod", True)
        assert (row.node_count, row.nodes_online, row.cpu_cores) == (3, 3, 48)
        assert (row.guests_total, row.guests_running) == (4, 3)
        assert (row.cpu_percent, row.mem_used_bytes, row.mem_total_bytes) == (12.5, 72 * GIB, 192 * GIB)
        assert row.storage_total_bytes == 1024 * GIB + 3 * 100 * GIB
        assert (row.active_endpoint, row.missing) == (row.api_endpoint, [])
        members = await at.stage.database.read(store.members, at.id)
        assert [one.ip for one in members.nodes] == ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
        assert [(one.vmid, one.name) for one in members.guests][:2] == [(100, "etl-db"), (101, "etl-web")]
        assert sum(one.shared for one in members.storage) == 1

    with fake_proxmox() as pve:
        play(tmp_path, pve, scenario)
        assert {call.path for call in pve.calls} == {
            "/access/ticket",
            "/version",
            "/cluster/status",
            "/cluster/resources",
        }


def test_one_log_in_serves_many_polls_and_a_ticket_that_is_refused_is_renewed_once(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        polls = len(pve.called("/cluster/status"))
        await until(lambda: len(pve.called("/cluster/status")) >= polls + 5, PATIENCE_SEC)
        assert len(pve.called("/access/ticket")) == 1
        pve.expire_tickets()
        await until(lambda: len(pve.called("/access/ticket")) == 2, PATIENCE_SEC)
        polls = len(pve.called("/cluster/status"))
        await until(lambda: len(pve.called("/cluster/status")) >= polls + 3, PATIENCE_SEC)
        assert len(pve.called("/access/ticket")) == 2
        assert await at.events("cluster_status") == []

    with fake_proxmox(unauthorized_delay_sec=0.05) as pve:
        play(tmp_path, pve, scenario)


def test_a_dead_node_degrades_a_cluster_and_one_without_quorum_is_unhealthy(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        pve.state.node("pve2").online = False
        row = await at.until("degraded", "pve2 offline")
        assert (row.node_count, row.nodes_online) == (3, 2)
        assert row.guests_running == 2, "what became of those on the dead node is not known"
        pve.state.quorate = pve.state.node("pve3").online = False
        await at.until("unhealthy", "no quorum: 1 of 3 nodes online")
        pve.state.quorate = pve.state.node("pve2").online = pve.state.node("pve3").online = True
        await at.until("healthy")
        assert {event.message for event in await at.events("cluster_node_offline")} == {
            "prod: node pve2 is offline",
            "prod: node pve3 is offline",
        }
        assert len(await at.events("cluster_node_online")) == 2
        assert not [call for call in pve.calls if call.path.startswith("/nodes")]

    with fake_proxmox() as pve:
        play(tmp_path, pve, scenario)


def test_a_changed_certificate_gets_no_secret_and_is_told_until_it_is_trusted(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        pve.change_certificate()
        row = await at.until("unhealthy")
        asked = len(pve.calls)
        assert row.seen_fingerprint == pve.fingerprint
        failures = row.failures

        async def went_on() -> bool:
            return (await at.row()).failures >= failures + 3

        await until(went_on, PATIENCE_SEC)
        assert len(pve.calls) == asked, "a connection that is not trusted carries nothing"
        [event] = await at.events("cluster_certificate_changed")
        assert pve.fingerprint in event.message
        await at.stage.database.write(lambda db: store.trust(db, at.id, pve.fingerprint, START))
        row = await at.until("healthy")
        assert row.seen_fingerprint == ""

    with fake_proxmox() as pve:
        play(tmp_path, pve, scenario)


def test_a_cluster_that_is_down_or_talks_nonsense_is_unhealthy_after_three_polls(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        pve.stop()
        row = await at.until("unhealthy", "unreachable since")
        assert row.failures >= 3
        assert (row.guests_total, row.proxmox_version) == (4, "8.4.1")
        pve.start()
        await at.until("healthy")
        pve.state.faults["*"] = HTML
        await at.until("unhealthy", "no usable answer since")
        pve.state.faults.clear()
        await at.until("healthy")
        told = [event.message.split(":")[0] for event in await at.events("cluster_status")]
        once = ["prod is degraded", "prod is unhealthy", "prod is healthy again"]
        assert [text.split(" since")[0] for text in told] == once * 2

    with fake_proxmox() as pve:
        play(tmp_path, pve, scenario)


def test_a_token_that_may_see_nothing_shows_no_permission_and_never_no_guests(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        row = await at.until("degraded", "guests: no permission (VM.Audit)")
        assert any(text.startswith("storage: no permission") for text in row.missing)
        assert row.node_count == 3
        names = {stated.name for stated in at.stage.runner.samples if ("cluster", "prod") in stated.labels}
        assert "etlmon_cluster_nodes" in names
        assert not any("guests" in name or "storage" in name for name in names)
        pve.tokens["root@pam!mon"] = Token(TOKEN)
        assert (await at.until("healthy")).guests_total == 4

    with fake_proxmox() as pve:
        pve.tokens["root@pam!mon"] = Token(TOKEN, {})
        play(tmp_path, pve, scenario, token=TOKEN)


def test_a_password_that_is_refused_is_not_tried_at_every_poll(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        pve.users["root@pam"] = "another"
        pve.expire_tickets()
        await at.until("unhealthy", "root@pam")
        refused, clock = len(pve.called("/access/ticket")), asyncio.get_running_loop().time
        began = clock()
        await until(lambda: clock() - began > 10 * INTERVAL_SEC, PATIENCE_SEC)
        pauses = math.log2((clock() - began) / INTERVAL_SEC)
        assert len(pve.called("/access/ticket")) <= refused + 1 + pauses, "each pause is twice the last"
        pve.users["root@pam"] = PASSWORD
        await at.until("healthy")

    with fake_proxmox(unauthorized_delay_sec=0.05) as pve:
        play(tmp_path, pve, scenario)


def test_a_lost_key_makes_a_cluster_unknown_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(at: Polled) -> None:
        key = tmp_path / "secret.key"
        content = key.read_bytes()
        key.unlink()
        row = await at.until("unknown", "secret unreadable")
        assert (row.guests_total, row.node_count) == (4, 3)
        assert at.stage.health("clusters").consecutive_failures == 0
        assert not key.exists(), "another key would not open what is stored"
        key.write_bytes(content)
        key.chmod(0o600)
        await at.until("healthy")

    with fake_proxmox() as pve:
        play(tmp_path, pve, scenario)


def test_a_cluster_of_the_configuration_needs_no_key_and_is_trusted_by_its_authorities(tmp_path: Path) -> None:
    async def main(pve: FakeProxmox) -> None:
        (tmp_path / "ca.pem").write_text(pve.ca_pem)
        lab = StaticCluster(
            name="lab",
            api_endpoint=pve.url,
            username="root@pam",
            token_name="mon",  # noqa: S106 - a name
            token_value=TOKEN,
            tls=StaticTls(verify="ca", ca_file=str(tmp_path / "ca.pem")),
        )
        section = Clusters(static=(lab,))
        collector = ClustersCollector(section, interval_sec=INTERVAL_SEC, key_file=Path("/nonexistent/secret.key"))

        async def keep(db: aiosqlite.Connection) -> None:
            assert await store.keep_static(db, [static_row(lab, START)]) == []

        async with running(tmp_path, collector, record=store.record) as stage:
            await stage.database.write(keep)
            at = Polled(stage, collector, static_id("lab"))
            row = await at.until("healthy")
            assert (row.cluster_name, row.quorate, row.node_count) == ("", None, 1)
            (tmp_path / "ca.pem").unlink()
            await at.until("unhealthy", "ca_file")

    with fake_proxmox(Estate(cluster_name=None, nodes=[Node("solo")])) as pve:
        asyncio.run(main(pve))
    assert TOKEN.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


def test_fifty_clusters_are_asked_at_once(tmp_path: Path) -> None:
    """Three calls each, of three tenths of a second: one after the other it would be forty-five seconds."""
    many = 50

    async def main(pve: FakeProxmox) -> None:
        collector = ClustersCollector(SECTION, interval_sec=3600.0, key_file=tmp_path / "secret.key")

        async def healthy() -> int:
            rows = await stage.database.read(store.clusters)
            return sum(row.status == "healthy" for row in rows)

        async def all_healthy() -> bool:
            return await healthy() == many

        async with running(tmp_path, collector, record=store.record) as stage:
            for number in range(many):
                row = cluster(
                    id=str(uuid.uuid4()),
                    name=f"c{number:02}",
                    api_endpoint=pve.url,
                    username="root@pam",
                    auth="token",
                    token_name="mon",  # noqa: S106 - a name
                    tls=ClusterTls(verify="fingerprint", fingerprint=pve.fingerprint),
                )
                sealed = await collector.seal(row.id, TOKEN)
                await stage.database.write(lambda db, row=row, sealed=sealed: store.add(db, row, sealed))  # type: ignore[misc]
            began = asyncio.get_running_loop().time()
            await until(lambda: stage.runner.trigger("clusters"))
            await until(all_healthy, PATIENCE_SEC)
            assert asyncio.get_running_loop().time() - began < 0.3 * 3 * many

    estate = usual()
    estate.latency_sec = 0.3
    with fake_proxmox(estate) as pve:
        asyncio.run(main(pve))
