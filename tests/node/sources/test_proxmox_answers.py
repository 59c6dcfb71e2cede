import json
import math
from typing import Any

import pytest

from node.sources import proxmox_answers as answers
from node.sources.proxmox_answers import MalformedAnswer, SecondFactorWanted


def test_the_data_of_an_answer_are_what_stands_in_data() -> None:
    assert answers.data_of(b'{"data": [1, "\xc3\xa9"], "success": 1}') == [1, "é"]
    assert answers.data_of(b'{"data": null}') is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"  \n<!DOCTYPE html><html>Sign in</html>", "a web page"),
        (b"<?xml version='1.0'?>", "a web page"),
        (b'{"data": [', "no JSON"),
        (b'{"data": NaN}', "no JSON"),
        (b'{"data": "\xff"}', "no JSON"),
        (b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "no JSON"),
        (b"[]", "JSON without `data`"),
        (b"null", "JSON without `data`"),
        (b'"data"', "JSON without `data`"),
        (b'{"errors": {}}', "JSON without `data`"),
    ],
)
def test_what_is_no_answer_of_proxmox_is_called_what_it_is(content: bytes, words: str) -> None:
    with pytest.raises(MalformedAnswer, match=words):
        answers.data_of(content)


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        (b'{"errors": {"username": "too long\\n"}, "data": null}', {"username": "too long"}),
        (b'{"errors": {"username": {"a": 1}}}', {"username": "{'a': 1}"}),
        (b'{"errors": "all of it"}', None),
        (b'{"message": "no", "data": null}', None),
        (b"<html>", None),
        (b"[1]", None),
    ],
)
def test_an_answer_with_an_error_names_the_parameters_or_none(content: bytes, errors: object) -> None:
    assert answers.errors_of(content) == errors


def test_a_log_in_gives_a_ticket() -> None:
    text = "PVE:root@pam:6740C1A2::k1n+/9=="
    assert answers.ticket({"ticket": text, "CSRFPreventionToken": "1", "cap": {}}) == text


@pytest.mark.parametrize(
    "data", [{"NeedTFA": 1, "ticket": "PVE:x"}, {"ticket": "PVE:!tfa!%7B%7D:1::x"}, {"NeedTFA": "1", "ticket": None}]
)
def test_a_half_finished_log_in_wants_a_second_factor(data: object) -> None:
    with pytest.raises(SecondFactorWanted):
        answers.ticket(data)


@pytest.mark.parametrize(
    "ticket", [None, "", 5, ["PVE"], "a b", "a;b", "a\r\nX: y", "a,b", 'a"b', "a\\b", "é", "a\x00"]
)
def test_what_no_cookie_can_hold_is_no_ticket(ticket: object) -> None:
    with pytest.raises(MalformedAnswer, match="no ticket"):
        answers.ticket({"ticket": ticket})


@pytest.mark.parametrize("data", [None, [], "PVE:x", 5, True, {}])
def test_a_log_in_that_is_no_object_gives_no_ticket(data: object) -> None:
    with pytest.raises(MalformedAnswer):
        answers.ticket(data)


def test_the_version_is_a_text() -> None:
    assert answers.version({"version": " 8.4.1\n", "release": "8.4"}) == "8.4.1"
    assert len(answers.version({"version": "9" * 10_000})) == answers.LONGEST_TEXT


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "null where an object should be"),
        ([], "a list where an object should be"),
        ("8.4", "a text where an object should be"),
        (True, "a truth where an object should be"),
        (8.4, "a number where an object should be"),
        ({}, "no version"),
        ({"version": 8}, "no version"),
        ({"version": " "}, "no version"),
    ],
)
def test_what_holds_no_version_is_no_proxmox(data: object, words: str) -> None:
    with pytest.raises(MalformedAnswer, match=words):
        answers.version(data)


def test_the_status_names_the_cluster_and_its_nodes_whatever_perl_made_of_the_numbers() -> None:
    status = answers.status(
        [
            {"type": "node", "name": "pve2", "online": "0", "ip": None, "nodeid": 2},
            {"type": "cluster", "id": "cluster", "name": "prod", "quorate": "1", "nodes": "2", "version": 4},
            {"type": "node", "name": "pve1", "online": 1, "ip": "10.0.0.11", "local": 1},
            {"type": "something new", "name": []},
        ]
    )
    assert status.cluster is not None
    assert (status.cluster.name, status.cluster.quorate) == ("prod", True)
    assert [(row.name, row.online, row.ip) for row in status.members] == [
        ("pve1", True, "10.0.0.11"),
        ("pve2", False, None),
    ]


def test_a_host_that_stands_alone_has_no_cluster() -> None:
    status = answers.status([{"type": "node", "name": "pve", "online": 1, "nodeid": 0, "local": 1}])
    assert status.cluster is None
    assert [row.name for row in status.members] == ["pve"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "null where a list should be"),
        ({}, "an object where a list should be"),
        ([], "no nodes"),
        ([None], "null where an object should be"),
        ([["node"]], "a list where an object should be"),
        ([{"type": "cluster", "name": "prod", "quorate": 1}], "no nodes"),
        ([{"type": "node", "online": 1}], "cannot be read"),
        ([{"type": "node", "name": "", "online": 1}], "cannot be read"),
        ([{"type": "node", "name": "pve1", "online": "maybe"}], "cannot be read"),
        ([{"type": "node", "name": "pve1"}, {"type": "cluster", "quorate": 7}], "cannot be read"),
    ],
)
def test_a_status_that_leaves_a_doubt_is_none(data: object, words: str) -> None:
    with pytest.raises(MalformedAnswer, match=words):
        answers.status(data)


def test_resources_come_by_kind_each_once_and_the_strange_are_counted() -> None:
    rows: list[dict[str, Any]] = [
        {"type": "node", "node": "pve2", "status": "online", "maxmem": "68719476736"},
        {"type": "node", "node": "pve1", "status": "offline"},
        {"type": "qemu", "vmid": "101", "node": "pve1", "name": "old name"},
        {"type": "qemu", "vmid": 101, "node": "pve2", "name": "new name"},
        {"type": "lxc", "vmid": 100, "node": "pve1", "template": 0, "maxcpu": "0.5"},
        {"type": "qemu", "vmid": "one", "node": "pve1"},
        {"type": "qemu", "vmid": -1, "node": "pve1"},
        {"type": "qemu", "vmid": 2**63, "node": "pve1"},
        {"type": "lxc", "vmid": 7, "node": "x" * 1000},
        {"type": "storage", "storage": "local", "node": "pve1", "shared": 0},
        {"type": "storage", "node": "pve1"},
        {"type": "sdn", "sdn": "localnetwork"},
        {"type": ["node"]},
        {},
    ]
    found = answers.resources(rows)
    assert [row.node for row in found.nodes] == ["pve1", "pve2"]
    assert found.nodes[1].maxmem == 68719476736
    assert [(row.vmid, row.type, row.name) for row in found.guests] == [(100, "lxc", None), (101, "qemu", "new name")]
    assert [(row.storage, row.node) for row in found.storage] == [("local", "pve1")]
    assert found.strange == {"guests": 4, "storage": 1}


@pytest.mark.parametrize("data", [None, {}, "", 0, [1], [None]])
def test_resources_that_are_no_list_of_objects_are_malformed(data: object) -> None:
    with pytest.raises(MalformedAnswer):
        answers.resources(data)


@pytest.mark.parametrize(
    ("permissions", "held"),
    [
        ({"/": {"VM.Audit": 1}}, True),
        ({"/": {"VM.Audit": 0}}, False),
        ({"/vms": {"VM.Audit": 1}}, True),
        ({"/vms": {"VM.Audit": 0}}, False),
        ({"/vms/101": {"VM.Audit": 0}}, True),
        ({"/pool/etl": {"VM.Audit": 1}}, True),
        ({"/vmsx": {"VM.Audit": 1}}, False),
        ({"/storage": {"VM.Audit": 1}}, False),
        ({"/": {"Sys.Audit": 1}, "/vms": {"VM.PowerMgmt": 1}}, False),
        ({}, False),
    ],
)
def test_a_privilege_is_held_where_it_reaches_a_guest(permissions: object, held: bool) -> None:
    assert answers.holds(answers.permissions(permissions), "VM.Audit", above="/vms") is held


@pytest.mark.parametrize("data", [None, [], "all", {"/vms": None}, {"/": {"VM.Audit": "a bit"}}])
def test_permissions_that_leave_a_doubt_are_none(data: object) -> None:
    with pytest.raises(MalformedAnswer, match="no permissions"):
        answers.permissions(data)


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 0), (5.9, 5), (-5, 0), (math.nan, 0), (math.inf, 0), (1e30, 2**63 - 1), (2**40, 2**40)],
)
def test_a_count_can_be_stored_whatever_came(value: float | None, count: int) -> None:
    assert answers.count(value) == count


@pytest.mark.parametrize(("value", "percent"), [(None, None), (0.12345, 12.35), (-1, 0), (math.nan, None), (2, 200)])
def test_a_percentage_is_a_number_or_none(value: float | None, percent: float | None) -> None:
    assert answers.percent(value) == percent


def test_lists_are_written_in_many_ways() -> None:
    assert answers.words("etl;prod, b  c") == ["etl", "prod", "b", "c"]
    assert answers.words(None) == answers.words("") == answers.words(" ; ") == []


def test_a_lone_surrogate_does_not_get_in() -> None:
    with pytest.raises(MalformedAnswer):
        answers.data_of(json.dumps({"data": "\ud800"}).encode())
