"""The clusters in the store: what was said of them, what was seen of them, and their secrets."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.contract.clusters import Cluster, ClusterTls, GuestQuery
from node.store import clusters as store
from node.store.clusters import ClusterLook, Members, StoredCluster
from node.store.database import Database
from tests.node.store.cluster_rows import ID, cluster, guest, look, node, number, storage
from tests.node.store.opened import after, fetch, opened

TABLES = ("clusters", "cluster_nodes", "cluster_guests", "cluster_storage")
Scenario = Callable[[Database], Awaitable[None]]


def with_database(tmp_path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def add(database: Database, *rows: Cluster, sealed: str = "sealed") -> None:
    for row in rows:
        await database.write(lambda db, row=row: store.add(db, row, sealed))  # type: ignore[misc]


async def record(database: Database, *looks: ClusterLook) -> None:
    await database.write(lambda db: store.record(db, looks))


async def keep_static(database: Database, *rows: Cluster) -> list[str]:
    return await database.write(lambda db: store.keep_static(db, rows))


async def found(database: Database, cluster_id: str = ID) -> Cluster:
    row = await database.read(store.find, cluster_id)
    assert row is not None
    return row


async def counts(database: Database) -> list[int]:
    return [(await database.read(fetch, f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES]  # noqa: S608


def seen(row: Cluster, **fields: Any) -> Cluster:
    return msgspec.structs.replace(row, **{"status": "healthy", "polled_at": after(30), **fields})


def test_a_cluster_comes_back_as_it_was_saved_and_is_found_by_its_id_and_its_name(tmp_path: Path) -> None:
    whole = cluster(
        "생산-1",
        token_name="mon",  # noqa: S106 - a name
        auth="token",
        tls=ClusterTls(verify="ca", ca="-----BEGIN CERTIFICATE-----\n"),
        failover=["https://b.example.com:8006"],
        status="degraded",
        status_reason="pve2 is offline",
        proxmox_version="8.4.1",
        node_count=3,
        quorate=True,
        cpu_percent=17.4,
        mem_total_bytes=2**45,
        missing=["guests: no permission (VM.Audit)"],
        polled_at=after(1),
        last_success_at=after(1),
        duration_ms=212.5,
    )

    async def scenario(database: Database) -> None:
        await add(database, whole)
        assert await database.read(store.find, ID) == whole
        assert await database.read(store.named, "생산-1") == whole
        assert await database.read(store.find, number(1)) is None
        assert await database.read(store.named, "생산") is None

    with_database(tmp_path, scenario)


def test_clusters_are_listed_by_name_without_their_secrets(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, *(cluster(name, number(at)) for at, name in enumerate(("b", "a", "B", "가"))))
        rows = await database.read(store.clusters)
        assert [row.name for row in rows] == ["B", "a", "b", "가"]
        assert not any(isinstance(row, StoredCluster) for row in rows)
        stored = await database.read(store.stored)
        assert [(row.name, row.sealed) for row in stored] == [(row.name, "sealed") for row in rows]

    with_database(tmp_path, scenario)


def test_a_sealed_secret_does_not_show_when_its_row_is_printed() -> None:
    row = StoredCluster(**msgspec.structs.asdict(cluster()), sealed="gAAAA")
    assert "gAAAA" not in f"{row!r} {row} {[row]}"


def test_a_second_cluster_of_the_same_name_is_refused_and_another_spelling_is_another_name(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster("prod"))
        with pytest.raises(store.DuplicateName):
            await add(database, cluster("prod", number(1)))
        assert await database.read(store.find, number(1)) is None
        await add(database, cluster("Prod", number(1)))
        assert await counts(database) == [2, 0, 0, 0]

    with_database(tmp_path, scenario)


def test_of_two_that_register_one_name_at_the_same_time_one_wins(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        attempts = [add(database, cluster("prod", number(at))) for at in range(5)]
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [*["DuplicateName"] * 4, "NoneType"]
        assert await counts(database) == [1, 0, 0, 0]

    with_database(tmp_path, scenario)


def test_a_removed_cluster_takes_its_members_and_its_secret_with_it(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster(), cluster("other", number(1)))
        await record(database, look(seen(cluster()), node(), guest(), storage()))
        await record(database, look(seen(cluster("other", number(1))), node(cluster_id=number(1))))
        assert await database.write(lambda db: store.remove(db, ID))
        assert not await database.write(lambda db: store.remove(db, ID))
        assert await counts(database) == [1, 1, 0, 0]
        assert await database.read(store.find, ID) is None

    with_database(tmp_path, scenario)


def test_a_look_changes_what_was_seen_and_never_what_was_said(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster(tls=ClusterTls(verify="fingerprint", fingerprint="AB")))
        poll = seen(
            cluster(api_endpoint="https://old:8006", username="old@pam", origin="static", created_at=after(9)),
            proxmox_version="8.4.1",
        )
        await record(database, look(poll))
        row = await found(database)
        assert (row.status, row.proxmox_version, row.polled_at) == ("healthy", "8.4.1", after(30))
        assert (row.api_endpoint, row.username, row.origin) == (
            "https://prod.example.com:8006", "etlmon@pve", "registered"
        )  # fmt: skip
        assert (row.tls.fingerprint, row.created_at) == ("AB", after(0))

    with_database(tmp_path, scenario)


def test_a_look_at_a_cluster_that_was_deregistered_meanwhile_leaves_no_row(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster())
        await database.write(lambda db: store.remove(db, ID))
        await record(database, look(seen(cluster()), node(), guest(), storage()))
        assert await counts(database) == [0, 0, 0, 0]

    with_database(tmp_path, scenario)


def test_a_look_that_another_has_overtaken_changes_nothing(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster())
        await record(database, look(seen(cluster(), polled_at=after(60)), node("new")))
        await record(database, look(seen(cluster(), status="unhealthy", polled_at=after(30)), node("old")))
        assert (await found(database)).status == "healthy"
        assert [one.name for one in await database.read(store.nodes, ID)] == ["new"]

    with_database(tmp_path, scenario)


def test_after_the_clock_was_set_back_looks_are_stored_again(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster())
        await record(database, look(seen(cluster(), polled_at=after(7200))))
        await record(database, look(seen(cluster(), status="degraded", polled_at=after(0))))
        assert (await found(database)).status == "degraded"

    with_database(tmp_path, scenario)


def test_members_are_replaced_whole_or_left_as_they_are(tmp_path: Path) -> None:
    first = (node("pve2"), node("pve1"), guest(200), guest(100), storage("nas", shared=True, nodes=["pve1", "pve2"]))

    async def scenario(database: Database) -> None:
        await add(database, cluster())
        await record(database, look(seen(cluster()), *first))
        await record(database, ClusterLook(cluster=seen(cluster(), status="unhealthy", polled_at=after(60))))
        members = await database.read(store.members, ID)
        assert [one.name for one in members.nodes] == ["pve1", "pve2"]
        assert [one.vmid for one in members.guests] == [100, 200]
        assert members.storage == [first[-1]]
        await record(database, look(seen(cluster(), polled_at=after(90)), node("pve1")))
        assert await database.read(store.members, ID) == Members(nodes=[node("pve1")])

    with_database(tmp_path, scenario)


def test_members_that_a_cluster_did_not_show_are_left_as_they_are(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster())
        await record(database, look(seen(cluster()), node("pve1"), guest(100), storage("nas")))
        blind = ClusterLook(cluster=seen(cluster()), members=Members(nodes=[node("pve2")]), unread=["guests"])
        await record(database, blind)
        assert await database.read(store.members, ID) == Members(nodes=[node("pve2")], guests=[guest(100)])

    with_database(tmp_path, scenario)


def test_a_member_comes_back_as_it_was_seen(tmp_path: Path) -> None:
    members = Members(
        nodes=[node(status="offline", ip="10.0.0.11", cpu_percent=None, error="it is offline", mem_total_bytes=2**40)],
        guests=[guest(name="etl-db", tags=["etl", "가"], template=True, cpu_percent=0.5, cpu_cores=1.5, lock="backup")],
        storage=[storage(content=["iso", "backup"], type="nfs", used_percent=50.0), storage(nodes=["pve2"])],
    )

    async def scenario(database: Database) -> None:
        await add(database, cluster())
        await record(database, ClusterLook(cluster=seen(cluster()), members=members))
        assert await database.read(store.members, ID) == members

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    ("query", "expected", "total"),
    [
        ({}, [100, 101, 102, 103], 4),
        ({"limit": 2}, [100, 101], 4),
        ({"limit": 2, "offset": 3}, [103], 4),
        ({"node": "pve2"}, [101, 103], 2),
        ({"status": "stopped"}, [102, 103], 2),
        ({"node": "pve2", "status": "stopped", "limit": 1}, [103], 1),
        ({"node": "none"}, [], 0),
    ],
)
def test_guests_come_in_pages_of_a_node_and_a_status(
    query: dict[str, Any], expected: list[int], total: int, tmp_path: Path
) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster(), cluster("other", number(1)))
        guests = [
            guest(100 + at, node=f"pve{1 + at % 2}", status="running" if at < 2 else "stopped") for at in range(4)
        ]
        await record(database, look(seen(cluster()), *guests))
        await record(database, look(seen(cluster("other", number(1))), guest(7, number(1))))
        rows, count = await database.read(store.guests, ID, GuestQuery(**query))
        assert ([row.vmid for row in rows], count) == (expected, total)

    with_database(tmp_path, scenario)


def test_a_trusted_certificate_is_the_one_from_then_on(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster(tls=ClusterTls(verify="ca", ca="PEM"), seen_fingerprint="AB"))
        assert await database.write(lambda db: store.trust(db, ID, "CD", after(5)))
        assert not await database.write(lambda db: store.trust(db, number(1), "CD", after(5)))
        row = await found(database)
        assert row.tls == ClusterTls(verify="fingerprint", fingerprint="CD")
        assert (row.seen_fingerprint, row.updated_at) == ("", after(5))

    with_database(tmp_path, scenario)


def static(name: str = "static", cluster_id: str = ID, **fields: Any) -> Cluster:
    return cluster(name, cluster_id, origin="static", **fields)


def test_a_static_cluster_goes_on_with_what_was_seen_of_it(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        assert await keep_static(database, static()) == []
        await record(database, look(seen(static()), node()))
        await keep_static(database, static(created_at=after(99), updated_at=after(99)))
        row = await found(database)
        assert (row.status, row.created_at, row.updated_at) == ("healthy", after(0), after(0))
        assert await counts(database) == [1, 1, 0, 0]

    with_database(tmp_path, scenario)


def test_a_static_cluster_whose_settings_changed_begins_anew(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await keep_static(database, static())
        await record(database, look(seen(static(), proxmox_version="8.4.1"), node()))
        await keep_static(database, static(api_endpoint="https://new:8006", updated_at=after(99)))
        row = await found(database)
        assert (row.api_endpoint, row.status, row.proxmox_version) == ("https://new:8006", "unknown", "")
        assert (row.created_at, row.updated_at, row.polled_at) == (after(0), after(99), None)
        assert await counts(database) == [1, 0, 0, 0]

    with_database(tmp_path, scenario)


def test_static_clusters_that_left_the_configuration_are_gone_and_registered_ones_stay(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster("registered", number(1)))
        await keep_static(database, static("a", number(2)), static("b", number(3)))
        await keep_static(database, static("b", number(3)))
        assert [row.name for row in await database.read(store.clusters)] == ["b", "registered"]
        await keep_static(database)
        assert [row.name for row in await database.read(store.clusters)] == ["registered"]

    with_database(tmp_path, scenario)


def test_a_registered_cluster_keeps_its_name_from_one_of_the_configuration(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await add(database, cluster("prod"))
        assert await keep_static(database, static("prod", number(1)), static("b", number(2))) == ["prod"]
        assert [(row.name, row.origin) for row in await database.read(store.clusters)] == [
            ("b", "static"), ("prod", "registered")
        ]  # fmt: skip
        assert [row.sealed for row in await database.read(store.stored)] == ["", "sealed"]

    with_database(tmp_path, scenario)


def test_fifty_clusters_with_ten_thousand_guests_are_listed_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for at in range(50):
            row = cluster(f"c{at:02}", number(at))
            await add(database, row)
            guests = [guest(vmid, row.id) for vmid in range(200)]
            await record(database, look(seen(row), *(node(f"pve{n}", row.id) for n in range(3)), *guests))
        took = []
        for _ in range(5):
            began = time.process_time()  # the others' time does not count
            assert len(await database.read(store.clusters)) == 50
            took.append(time.process_time() - began)
        assert min(took) < 0.1

    with_database(tmp_path, scenario)
