"""The clusters collector in a real runner with a real store: what it asks, when, and what is stored and told of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.contract.clusters import Cluster
from etlmon.units import Duration
from node.collectors import COLLECTORS
from node.collectors.clusters import ClustersCollector, build, key_file_of
from node.collectors.clusters_targets import static_id
from node.commands.clusters import Registrar
from node.runner import Runner
from node.settings import Node, NodeSettings, Refresh
from node.settings_clusters import Clusters, StaticCluster
from node.sources.proxmox_types import ProxmoxError
from node.store import clusters as store
from node.store.database import Database
from tests.node.collecting import until
from tests.node.collectors.asking import Asking, Scripted, asking
from tests.node.collectors.cluster_looks import LATER, cluster, failure, guest, healthy, look, node
from tests.node.store.opened import START, opened

SECRET = "s3cret-of-lab"  # noqa: S105
LAB = StaticCluster(name="lab", api_endpoint="pve.example.com", username="etlmon@pve", password=SECRET)


def play(tmp_path: Path, scenario: Callable[[Asking, Scripted], Awaitable[None]], **options: Any) -> Scripted:
    """Run the scenario with a collector at work; who it asked is returned."""
    proxmox = Scripted()

    async def main() -> None:
        async with asking(tmp_path, proxmox, **options) as at:
            await scenario(at, proxmox)

    asyncio.run(main())
    return proxmox


def test_without_a_cluster_nobody_is_asked_and_nothing_is_written(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await at.until_run()
        await at.until_run(3)
        assert (proxmox.asked, proxmox.closed) == ([], 0)
        assert at.stage.database.health().last_commit_at is None
        assert at.stage.health("clusters").consecutive_failures == 0

    assert play(tmp_path, scenario).closed == 1


def test_a_cluster_that_is_registered_meanwhile_is_asked_at_the_next_run(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await at.until_run()
        await at.add("prod")
        row = await at.until_status("prod", "healthy")
        assert (row.proxmox_version, row.node_count, row.guests_total) == ("8.4.1", 3, 2)
        assert row.last_success_at == row.polled_at
        members = await at.stage.database.read(store.members, "prod")
        assert [one.name for one in members.nodes] == ["pve1", "pve2", "pve3"]
        assert [one.vmid for one in members.guests] == [100, 101, 900]
        await until(lambda: at.samples("prod").get("etlmon_cluster_up") == 1)
        assert proxmox.asked[0].sealed == "sealed prod"
        assert proxmox.asked[0].secret == ""
        assert await at.events("prod") == []

    play(tmp_path, scenario)


def test_a_cluster_that_is_slow_or_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        proxmox.held["slow"] = asyncio.Event()
        proxmox.answers["bad"] = failure("malformed", "a web page")
        await at.add("bad", "good", "slow")
        await at.until_status("good", "healthy")

        async def bad_is_stored() -> bool:
            return (await at.row("bad")).failures > 0

        await until(bad_is_stored)
        row = await at.row("bad")
        assert (row.status, row.status_reason) == ("unknown", "poll 1 of 3 failed: a web page")
        assert (await at.row("slow")).polled_at is None
        proxmox.held["slow"].set()
        await at.until_status("slow", "healthy")

    play(tmp_path, scenario)


def test_all_clusters_are_asked_at_once(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        names = [f"c{number:02}" for number in range(50)]
        proxmox.held = {name: asyncio.Event() for name in names}
        await at.add(*names)
        await until(lambda: len(proxmox.asked) == len(names))
        for event in proxmox.held.values():
            event.set()
        for name in names:
            await at.until_status(name, "healthy")

    play(tmp_path, scenario)


def test_a_cluster_that_is_deregistered_while_it_is_asked_stays_gone(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        proxmox.held["prod"] = asyncio.Event()
        await at.add("prod")
        await until(lambda: proxmox.times("prod") == 1)
        await at.remove("prod")
        proxmox.held["prod"].set()
        await at.until_run()
        assert await at.stage.database.read(store.clusters) == []
        assert await at.stage.database.read(store.nodes, "prod") == []
        await until(lambda: at.samples("prod") == {})
        assert proxmox.times("prod") == 1

    play(tmp_path, scenario)


def test_a_cluster_that_goes_away_is_unhealthy_after_three_polls_and_keeps_its_numbers(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await at.add("prod")
        before = await at.until_status("prod", "healthy")
        proxmox.answers["prod"] = failure("unreachable", "connection refused")
        row = await at.until_status("prod", "unhealthy")
        assert row.failures >= 3
        assert row.status_reason is not None
        assert row.status_reason.startswith("unreachable since ")
        assert (row.guests_total, row.cpu_percent) == (before.guests_total, before.cpu_percent)
        assert len(await at.stage.database.read(store.nodes, "prod")) == 3
        await until(lambda: at.samples("prod") == {"etlmon_cluster_up": 0})
        assert at.stage.runner.samples.unmeasured["clusters"] == [{"cluster": "prod"}]
        del proxmox.answers["prod"]
        row = await at.until_status("prod", "healthy")
        assert (row.failures, row.status_reason) == (0, None)
        told = [(event.kind, event.severity) for event in await at.events("prod")]
        assert told == [("cluster_status", "warning"), ("cluster_status", "critical"), ("cluster_status", "info")]

    play(tmp_path, scenario)


def test_the_polls_that_failed_are_counted_across_a_restart(tmp_path: Path) -> None:
    async def polled(at: Asking, failures: int) -> Cluster:
        """The row when so many polls have failed in a row."""

        async def holds() -> bool:
            return (await at.row("prod")).failures == failures

        await until(holds)
        return await at.row("prod")

    async def first(at: Asking, proxmox: Scripted) -> None:
        proxmox.answers["prod"] = failure()
        await until(lambda: at.stage.health("clusters").status == "ok")  # the run at the start, which finds no cluster
        await at.add("prod", status="healthy", polled_at=START, last_success_at=START)
        assert at.stage.runner.trigger("clusters")
        assert (await polled(at, 1)).status == "degraded"

    async def second(at: Asking, proxmox: Scripted) -> None:
        proxmox.answers["prod"] = failure()
        assert (await polled(at, 2)).status == "degraded"  # by the run at the start
        await until(lambda: at.stage.runner.trigger("clusters"))
        row = await polled(at, 3)
        assert row.status == "unhealthy"
        assert (row.status_reason or "").startswith("unreachable since 2026-11-21 06:00:00 UTC")

    play(tmp_path, first, interval_sec=3600.0)
    play(tmp_path, second, interval_sec=3600.0)


def test_a_node_that_goes_away_while_the_daemon_is_down_is_told_when_it_is_back(tmp_path: Path) -> None:
    async def first(at: Asking, _: Scripted) -> None:
        await at.add("prod")
        await at.until_status("prod", "healthy")

    async def second(at: Asking, proxmox: Scripted) -> None:
        proxmox.answers["prod"] = look(nodes=[node("pve1"), node("pve2", "offline"), node("pve3")])
        row = await at.until_status("prod", "degraded")
        assert row.status_reason == "pve2 offline"
        await at.until_run(2)
        told = [event.message for event in await at.events("prod")]
        assert told == ["prod is degraded: pve2 offline", "prod: node pve2 is offline"]

    play(tmp_path, first)
    play(tmp_path, second)


def test_a_cluster_that_refuses_the_log_in_is_left_alone_for_a_while_and_the_others_are_not(tmp_path: Path) -> None:
    async def run(at: Asking, proxmox: Scripted) -> int:
        """How often the one that refuses was asked after one more run."""
        times = proxmox.times("open")
        await until(lambda: at.stage.runner.trigger("clusters"))
        await until(lambda: proxmox.times("open") > times and at.stage.health("clusters").status == "ok")
        return proxmox.times("shut")

    async def scenario(at: Asking, proxmox: Scripted) -> None:
        proxmox.answers["shut"] = failure("authentication", "log-in refused")
        await at.until_run()
        await at.add("open", "shut")
        assert [await run(at, proxmox) for _ in range(3)] == [1, 1, 1]
        assert (await at.row("shut")).status == "unhealthy"
        assert at.samples("shut") == {"etlmon_cluster_up": 0}, "it is stated although it was not asked"
        assert at.samples("open")["etlmon_cluster_up"] == 1
        [stored] = [one for one in await at.stage.database.read(store.stored) if one.id == "shut"]
        del proxmox.answers["shut"]
        await at.collector.ask(stored)
        assert [await run(at, proxmox) for _ in range(2)] == [3, 4], "it was asked by hand, and let us in"
        assert (await at.row("shut")).status == "healthy"

    play(tmp_path, scenario, interval_sec=3600.0)


def test_guests_that_may_no_longer_be_read_stay_as_they_were_seen(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await at.add("prod")
        await at.until_status("prod", "healthy")
        proxmox.answers["prod"] = look(guests=[], missing=["guests: no permission (VM.Audit)"])
        row = await at.until_status("prod", "degraded")
        assert row.guests_total == 2
        members = await at.stage.database.read(store.members, "prod")
        assert len(members.guests) == 3
        proxmox.answers["prod"] = look(guests=[guest(7)])
        row = await at.until_status("prod", "healthy")
        assert row.guests_total == 1

    play(tmp_path, scenario)


def test_a_run_that_does_not_end_is_given_up_and_so_is_everybody_it_asks(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        proxmox.held["prod"] = asyncio.Event()
        at.collector.deadline_sec = 0.2
        await at.add("prod")
        await until(lambda: at.stage.health("clusters").consecutive_failures > 0)
        assert "took longer than" in (at.stage.health("clusters").last_error or "")
        await until(lambda: "prod" in proxmox.given_up)

    play(tmp_path, scenario)


def test_the_collector_is_who_commands_ask() -> None:
    collector = ClustersCollector(Clusters(), interval_sec=30.0, key_file=Path("/k"), proxmox=Scripted())
    assert isinstance(collector, Registrar)


def test_what_commands_ask_for_is_asked_with_what_they_give(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await at.add("prod")
        await at.until_status("prod", "healthy")
        [stored] = await at.stage.database.read(store.stored)
        target = proxmox.asked[0]
        assert (await at.collector.probe(msgspec.structs.replace(target, id="new"))).version == "8.4.1"
        assert (await at.collector.ask(stored)).version == "8.4.1"
        assert await at.collector.seal("new", "abc") == "sealed 3 for new"
        await at.collector.forget("prod")
        assert proxmox.forgotten == ["prod"]
        proxmox.answers["prod"] = failure("tfa")
        with pytest.raises(ProxmoxError):
            await at.collector.ask(stored)

    play(tmp_path, scenario)


def test_a_look_is_judged_without_anything_being_stored() -> None:
    collector = ClustersCollector(Clusters(), interval_sec=30.0, key_file=Path("/k"), proxmox=Scripted())
    seen = collector.judged(cluster(), store.Members(), look(), LATER)
    assert [row.cluster.status for row in seen.rows] == ["healthy"]
    assert seen.events == []
    other = failure("changed_certificate", fingerprint="EE:FF")
    lost = collector.judged(healthy(), store.Members(), other, LATER)
    assert [(row.cluster.status, row.members) for row in lost.rows] == [("unhealthy", None)]
    assert [event.kind for event in lost.events] == ["cluster_status", "cluster_certificate_changed"]


def settings(tmp_path: Path, *static: StaticCluster) -> NodeSettings:
    """The interval is long: nobody is asked but at the start."""
    return NodeSettings(
        node=Node(db_path=str(tmp_path / "etlmon.db")),
        refresh=Refresh(clusters=Duration(3600)),
        clusters=Clusters(static=static),
    )


async def pruned(database: Database, wanted: NodeSettings) -> list[str]:
    """The names of all clusters after the configuration was read."""
    [prune] = [each.prune for each in COLLECTORS if each.domain == "clusters"]
    assert prune is not None
    await database.write(lambda db: prune(db, wanted, ()))
    return [row.name for row in await database.read(store.clusters)]


def test_the_clusters_of_the_configuration_come_and_go_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await database.write(lambda db: store.add(db, cluster(id="prod", name="prod"), "sealed"))
            other = msgspec.structs.replace(LAB, name="edge")
            assert await pruned(database, settings(tmp_path, LAB, other)) == ["edge", "lab", "prod"]
            row = await database.read(store.find, static_id("lab"))
            assert row is not None
            assert (row.origin, row.status, row.api_endpoint) == ("static", "unknown", "https://pve.example.com:8006")
            assert await pruned(database, settings(tmp_path, other)) == ["edge", "prod"]
            assert await pruned(database, settings(tmp_path)) == ["prod"]

    asyncio.run(main())


def test_a_name_that_is_registered_already_is_not_taken_by_the_configuration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await database.write(lambda db: store.add(db, cluster(id="1", name="lab"), "sealed"))
            assert await pruned(database, settings(tmp_path, LAB)) == ["lab"]
            [row] = await database.read(store.clusters)
            assert row.origin == "registered"

    asyncio.run(main())
    assert "clusters.static: lab is not watched" in caplog.text


def test_a_cluster_of_the_configuration_is_asked_with_its_secret_which_is_stored_nowhere(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await pruned(at.stage.database, settings(tmp_path, LAB))
        await at.until_status(static_id("lab"), "healthy")
        assert (proxmox.asked[0].secret, proxmox.asked[0].sealed) == (SECRET, "")
        [stored] = await at.stage.database.read(store.stored)
        await at.collector.ask(stored)
        assert proxmox.asked[-1].secret == SECRET

    play(tmp_path, scenario, section=Clusters(static=(LAB,)))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_a_cluster_that_the_configuration_names_no_more_is_not_asked(tmp_path: Path) -> None:
    async def scenario(at: Asking, proxmox: Scripted) -> None:
        await pruned(at.stage.database, settings(tmp_path, LAB))
        await at.until_run(2)
        assert proxmox.asked == []
        [stored] = await at.stage.database.read(store.stored)
        assert (stored.polled_at, stored.status_reason) == (None, "not yet polled")
        with pytest.raises(ProxmoxError, match="no longer named"):
            await at.collector.ask(stored)

    play(tmp_path, scenario)


def test_a_collector_is_kept_until_something_it_was_built_from_changes(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            runner = Runner(database, [each for each in COLLECTORS if each.domain == "clusters"])
            try:
                await runner.start(settings(tmp_path))
                first = runner.collectors["clusters"]
                await runner.start(settings(tmp_path))
                assert runner.collectors["clusters"] is first
                await runner.start(settings(tmp_path, LAB))
                second = runner.collectors["clusters"]
                assert second is not first
                await runner.start(settings(tmp_path, msgspec.structs.replace(LAB, password="other")))  # noqa: S106
                assert runner.collectors["clusters"] is not second
            finally:
                await runner.stop()

    asyncio.run(main())


def test_the_key_lies_beside_the_database_unless_the_configuration_says_where(tmp_path: Path) -> None:
    assert key_file_of(settings(tmp_path)) == tmp_path / "secret.key"
    elsewhere = NodeSettings(clusters=Clusters(key_file="/etc/etlmon/key"))
    assert key_file_of(elsewhere) == Path("/etc/etlmon/key")
    assert key_file_of(NodeSettings()).name == "secret.key"


def test_there_is_a_collector_also_without_a_cluster_and_it_outlasts_what_it_asks(tmp_path: Path) -> None:
    [collector] = build(settings(tmp_path))
    assert (collector.name, collector.interval_sec) == ("clusters", 3600.0)
    assert collector.deadline_sec > float(Clusters().total_timeout) + 60
