from datetime import UTC, datetime
from typing import Any

from node.sources import proxmox_answers as answers
from node.sources.proxmox_rows import Members, members
from tests.fakes import proxmox_estate as estates
from tests.fakes.proxmox_estate import Estate, Guest, Node, Storage

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
AT = "https://pve:8006"
GIB = 2**30


def seen(estate: Estate, *, status: bool = True, resources: bool = True, may: Any = lambda path, name: True) -> Members:
    return members(
        "c1",
        AT,
        NOW,
        answers.status(estates.status(estate)) if status else None,
        answers.resources(estates.resources(estate, may)) if resources else None,
    )


def test_a_node_comes_with_its_numbers_and_with_how_many_guests_run_on_it() -> None:
    rows = seen(estates.usual())
    assert [(row.name, row.status, row.guests_running) for row in rows.nodes] == [
        ("pve1", "online", 2),
        ("pve2", "online", 1),
        ("pve3", "online", 0),
    ]
    first = rows.nodes[0]
    assert (first.cluster_id, first.ip, first.collected_at) == ("c1", "10.0.0.11", NOW)
    assert (first.cpu_percent, first.cpu_cores, first.uptime_sec) == (12.5, 16, 864_000)
    assert (first.mem_used_bytes, first.mem_total_bytes) == (24 * GIB, 64 * GIB)
    assert (first.disk_used_bytes, first.disk_total_bytes) == (8 * GIB, 96 * GIB)
    assert first.error is None
    assert first.console_url == f"{AT}/#v1:0:=node%2Fpve1"


def test_a_guest_comes_with_all_that_is_known_of_it() -> None:
    rows = seen(estates.usual())
    by_number = {row.vmid: row for row in rows.guests}
    assert list(by_number) == [100, 101, 200, 201, 900]
    first = by_number[100]
    assert (first.name, first.type, first.node, first.status) == ("etl-db", "qemu", "pve1", "running")
    assert (first.tags, first.pool, first.ha_state) == (["etl", "prod"], "etl", "started")
    assert (first.cpu_percent, first.cpu_cores, first.uptime_sec) == (25, 8, 7200)
    assert (first.mem_used_bytes, first.mem_total_bytes, first.disk_total_bytes) == (2 * GIB, 4 * GIB, 32 * GIB)
    assert first.console_url == f"{AT}/#v1:0:=qemu%2F100"
    assert (by_number[200].type, by_number[200].cpu_cores) == ("lxc", 0.5)
    assert [row.template for row in rows.guests] == [False, False, False, False, True]
    assert [row.error for row in rows.guests] == [None] * 5


def test_shared_storage_is_one_row_and_local_storage_one_a_node() -> None:
    rows = seen(estates.usual())
    assert [(row.name, row.nodes, row.shared) for row in rows.storage] == [
        ("local", ["pve1"], False),
        ("local", ["pve2"], False),
        ("local", ["pve3"], False),
        ("nas", ["pve1", "pve2", "pve3"], True),
    ]
    nas = rows.storage[-1]
    assert (nas.type, nas.content, nas.status, nas.error) == ("nfs", ["backup", "images"], "available", None)
    assert (nas.used_bytes, nas.total_bytes, nas.used_percent) == (512 * GIB, 1024 * GIB, 50)


def test_an_offline_node_is_offline_and_its_guests_are_unknown_and_nameless() -> None:
    estate = estates.usual()
    estate.node("pve2").online = False
    rows = seen(estate)
    dead = rows.nodes[1]
    assert (dead.status, dead.cpu_percent, dead.error) == ("offline", None, "it is offline")
    lost = [row for row in rows.guests if row.node == "pve2"]
    assert [(row.vmid, row.name, row.status, row.cpu_percent) for row in lost] == [
        (200, "", "unknown", None),
        (201, "", "unknown", None),
    ]
    assert {row.error for row in lost} == {"its node pve2 is offline"}
    local = next(row for row in rows.storage if row.nodes == ["pve2"])
    assert (local.status, local.used_percent, local.error) == ("unknown", None, "its node pve2 is offline")


def test_shared_storage_shows_the_numbers_of_a_node_that_has_it_and_names_those_that_have_not() -> None:
    estate = estates.usual()
    estate.node("pve1").online = False
    nas = seen(estate).storage[-1]
    assert (nas.name, nas.status, nas.used_percent, nas.error) == ("nas", "available", 50, "nothing about it from pve1")


def test_shared_storage_that_no_node_has_is_unknown() -> None:
    estate = estates.usual()
    estate.storage[1].active = False
    nas = seen(estate).storage[-1]
    assert (nas.status, nas.total_bytes, nas.error) == ("unknown", 0, "no node says anything about it")


def test_a_node_whose_statistics_do_not_come_is_online_and_says_why() -> None:
    estate = estates.usual()
    estate.node("pve3").silent = True
    silent = seen(estate).nodes[2]
    assert (silent.status, silent.cpu_percent, silent.cpu_cores) == ("online", None, 0)
    assert silent.error == "it sends no numbers; is pvestatd running there?"


def test_without_the_privilege_a_node_is_there_without_its_numbers() -> None:
    rows = seen(estates.usual(), may=lambda path, name: name != "Sys.Audit")
    assert {row.status for row in rows.nodes} == {"online"}
    assert {row.error for row in rows.nodes} == {"its numbers may not be read (Sys.Audit)"}


def test_without_the_status_the_nodes_say_themselves_whether_they_are_there() -> None:
    estate = estates.usual()
    estate.node("pve2").online = False
    estate.node("pve3").silent = True
    rows = seen(estate, status=False)
    assert [(row.name, row.status, row.ip) for row in rows.nodes] == [
        ("pve1", "online", ""),
        ("pve2", "offline", ""),
        ("pve3", "unknown", ""),
    ]


def test_without_the_resources_the_nodes_are_there_without_numbers() -> None:
    rows = seen(estates.usual(), resources=False)
    assert [(row.name, row.status, row.error) for row in rows.nodes] == [
        (f"pve{number}", "online", "the cluster says nothing of its numbers") for number in (1, 2, 3)
    ]
    assert (rows.guests, rows.storage) == ([], [])


def test_names_that_mean_something_in_an_address_lead_to_no_other_place() -> None:
    estate = Estate(
        cluster_name=None,
        nodes=[Node("a/b?c#d")],
        guests=[Guest(7, "a/b?c#d", status="")],
        storage=[Storage("x", ["a/b?c#d"], total=0, used=0)],
    )
    rows = seen(estate)
    assert rows.nodes[0].console_url == f"{AT}/#v1:0:=node%2Fa%2Fb%3Fc%23d"
    assert rows.guests[0].status == "unknown"
    assert rows.storage[0].used_percent is None
