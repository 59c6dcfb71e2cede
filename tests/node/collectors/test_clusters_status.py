"""How a cluster fares: in what state it is, why, and what of it is told."""

from typing import Any, get_args

import msgspec
import pytest

from etlmon.contract.clusters import Cluster
from etlmon.contract.node import Event
from node.collector import Sample
from node.collectors import clusters_rows as rows
from node.collectors import clusters_status as status
from node.collectors import clusters_told as told
from node.collectors.clusters_status import Verdict
from node.sources.proxmox_types import ProxmoxFailure, ProxmoxLook, Trouble
from node.store.clusters import StoredCluster
from tests.node.collectors.cluster_looks import AT, GIB, LATER, cluster, failure, guest, healthy, look, node, storage


def after_failures(before: Cluster, *failures: ProxmoxFailure) -> Cluster:
    for one in failures:
        before = rows.unseen(before, one, status.of_failure(before, one), LATER)
    return before


def after_look(before: Cluster, found: ProxmoxLook) -> Cluster:
    return rows.seen(before, found, status.of_look(found), LATER)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict("healthy")),
        ({"quorate": None, "cluster_name": "", "nodes": [node("solo")]}, Verdict("healthy")),
        ({"nodes": [node("pve1"), node("pve2", "offline")]}, Verdict("degraded", "pve2 offline")),
        (
            {"nodes": [node(f"pve{n}", "offline" if n > 1 else "online") for n in range(1, 7)]},
            Verdict("degraded", "pve2, pve3, pve4 and 2 more offline"),
        ),
        (
            {"nodes": [node("pve1"), node("pve2", "unknown")]},
            Verdict("degraded", "no numbers of pve2"),
        ),
        (
            {"missing": ["guests: no permission (VM.Audit)"]},
            Verdict("degraded", "guests: no permission (VM.Audit)"),
        ),
        (
            {"nodes": [node("pve1"), node("pve2", "offline")], "missing": ["storage: answered 500"]},
            Verdict("degraded", "pve2 offline; storage: answered 500"),
        ),
        (
            {"quorate": False, "nodes": [node("pve1"), node("pve2", "offline"), node("pve3", "offline")]},
            Verdict("unhealthy", "no quorum: 1 of 3 nodes online"),
        ),
        ({"unreachable": ["https://10.0.0.12:8006: connection refused"]}, Verdict("healthy")),
    ],
    ids=[
        "well",
        "alone",
        "one offline",
        "many offline",
        "silent",
        "no permission",
        "two reasons",
        "no quorum",
        "other",
    ],
)
def test_a_cluster_that_answers_is_as_well_as_its_nodes_and_what_may_be_read(
    changes: dict[str, Any], verdict: Verdict
) -> None:
    assert status.of_look(look(**changes)) == verdict


def test_a_node_that_is_there_and_sends_no_numbers_degrades_a_cluster_unless_it_may_not_be_read_anyway() -> None:
    silent = msgspec.structs.replace(node("pve2", cpu=None), error="it sends no numbers; is pvestatd running there?")
    assert status.of_look(look(nodes=[node("pve1"), silent])) == Verdict("degraded", "no numbers of pve2")
    missing = ["nodes: no permission (Sys.Audit)"]
    assert status.of_look(look(nodes=[silent], missing=missing)) == Verdict("degraded", missing[0])


def test_one_failed_poll_degrades_and_the_third_in_a_row_makes_it_unhealthy() -> None:
    states = []
    row = healthy()
    for _ in range(4):
        row = after_failures(row, failure("timeout", "no answer within 15 s"))
        states.append((row.status, row.failures))
    assert states == [("degraded", 1), ("degraded", 2), ("unhealthy", 3), ("unhealthy", 4)]
    assert row.status_reason == "unreachable since 2026-11-21 06:00:00 UTC: no answer within 15 s"
    assert after_failures(healthy(), failure()).status_reason == "poll 1 of 3 failed: connection refused"


def test_what_never_answered_stays_unknown_until_it_is_unhealthy() -> None:
    row = after_failures(cluster(), failure(), failure())
    assert (row.status, row.status_reason) == ("unknown", "poll 2 of 3 failed: connection refused")
    row = after_failures(row, failure())
    assert (row.status, row.status_reason) == ("unhealthy", "unreachable, and never was any: connection refused")


def test_the_last_good_numbers_stay_with_the_time_they_were_read_at() -> None:
    before = healthy(cpu_percent=17.4, missing=["storage: answered 500"], active_endpoint="https://10.0.0.12:8006")
    row = after_failures(before, failure("malformed", "answered with a web page"))
    assert (row.guests_total, row.cpu_percent, row.nodes_online, row.proxmox_version) == (7, 17.4, 3, "8.4.1")
    assert (row.missing, row.active_endpoint) == (before.missing, before.active_endpoint)
    assert (row.last_success_at, row.polled_at, row.updated_at) == (AT, LATER, LATER)


TROUBLES: dict[Trouble, tuple[str, str]] = {
    "authentication": ("unhealthy", "why"),
    "tfa": ("unhealthy", "why"),
    "certificate": ("unhealthy", "why"),
    "changed_certificate": ("unhealthy", "why"),
    "secret": ("unknown", "secret unreadable: why"),
    "missing_package": ("unknown", "why"),
    "unreachable": ("degraded", "poll 1 of 3 failed: why"),
    "timeout": ("degraded", "poll 1 of 3 failed: why"),
    "malformed": ("degraded", "poll 1 of 3 failed: why"),
    "refused": ("degraded", "poll 1 of 3 failed: why"),
}


@pytest.mark.parametrize(("trouble", "told_as"), TROUBLES.items())
def test_each_trouble_has_its_state(trouble: Trouble, told_as: tuple[str, str]) -> None:
    row = after_failures(healthy(), failure(trouble, "why"))
    assert (row.status, row.status_reason) == told_as


def test_every_trouble_was_thought_of() -> None:
    assert set(TROUBLES) == set(get_args(Trouble))


def test_an_unhealthy_cluster_is_not_better_for_being_unreachable() -> None:
    without_quorum = after_look(healthy(), look(quorate=False))
    row = after_failures(without_quorum, failure())
    assert (row.status, row.failures) == ("unhealthy", 1)
    assert row.status_reason == "unreachable since 2026-11-21 06:00:30 UTC: connection refused"


def test_a_cluster_that_answers_nonsense_is_not_called_unreachable() -> None:
    row = after_failures(healthy(failures=2), failure("malformed", "a web page"))
    assert row.status_reason == "no usable answer since 2026-11-21 06:00:00 UTC: a web page"


def test_an_answer_ends_all_trouble() -> None:
    bad = after_failures(healthy(), *[failure("certificate", fingerprint="EE:FF")] * 3)
    assert bad.seen_fingerprint == "EE:FF"
    row = after_look(bad, look())
    assert (row.status, row.status_reason, row.failures, row.seen_fingerprint) == ("healthy", None, 0, "")
    assert (row.last_success_at, row.polled_at, row.updated_at) == (LATER, LATER, LATER)
    assert after_look(healthy(), look()).updated_at == AT


def test_the_certificate_that_was_seen_is_remembered_while_the_cluster_is_away() -> None:
    row = after_failures(healthy(), failure("changed_certificate", fingerprint="EE:FF"), failure())
    assert row.seen_fingerprint == "EE:FF"


def test_a_row_is_summed_over_what_the_cluster_consists_of() -> None:
    nodes = [node("pve1", cpu=50.0, cores=24), node("pve2", cpu=10.0, cores=8), node("pve3", "offline")]
    row = after_look(cluster(), look(nodes=nodes, unreachable=["https://10.0.0.12:8006: refused"]))
    assert (row.node_count, row.nodes_online) == (3, 2)
    assert (row.cpu_percent, row.cpu_cores) == (40.0, 32)
    assert (row.mem_used_bytes, row.mem_total_bytes) == (2 * GIB, 8 * GIB)
    assert (row.guests_total, row.guests_running) == (2, 1), "a template is no guest"
    assert (row.storage_used_bytes, row.storage_total_bytes) == (2 * GIB, 20 * GIB), "shared storage counts once"
    assert (row.proxmox_version, row.cluster_name, row.quorate) == ("8.4.1", "prod", True)
    assert row.active_endpoint == row.console_url == look().endpoint
    assert row.duration_ms == 212.0


def test_without_numbers_of_any_node_the_cpu_is_unknown_and_not_idle() -> None:
    row = after_look(cluster(), look(nodes=[node("pve1", cpu=None), node("pve2", "offline")]))
    assert row.cpu_percent is None
    assert after_look(cluster(), look(nodes=[node("pve1", cpu=3.0, cores=0)])).cpu_percent is None


def test_what_may_not_be_read_is_never_none_of_it() -> None:
    hidden = look(
        guests=[],
        storage=[],
        missing=["guests: no permission (VM.Audit)", "storage: no permission (Datastore.Audit)"],
    )
    before = healthy(guests_running=5, storage_total_bytes=9 * GIB)
    row = after_look(before, hidden)
    assert rows.unread(hidden) == ("guests", "storage")
    assert (row.guests_total, row.guests_running, row.storage_total_bytes) == (7, 5, 9 * GIB)
    assert row.missing == hidden.missing
    names = {sample.name for sample in told.samples(row, hidden)}
    assert not any("guests" in name or "storage" in name for name in names)


def test_a_cluster_without_guests_has_none() -> None:
    row = after_look(healthy(), look(guests=[]))
    assert (row.guests_total, row.status) == (0, "healthy")
    assert rows.unread(look(guests=[])) == ()
    some = look(guests=[guest(100)], missing=["guests: 2 could not be read"])
    assert rows.unread(some) == (), "what was shown is taken"


def test_no_secret_is_carried_on() -> None:
    stored = StoredCluster(**msgspec.structs.asdict(healthy()), sealed="gAAAA")
    for row in (after_look(stored, look()), after_failures(stored, failure())):
        assert type(row) is Cluster


def of_change(before: Cluster, after: Cluster) -> list[tuple[str, str, str]]:
    return [
        (event.kind, event.severity, event.message)
        for event in told.status_events(before, after, LATER)
        if (event.domain, event.key, event.at) == ("clusters", "prod", LATER)
    ]


@pytest.mark.parametrize(
    ("after", "severity", "message"),
    [
        (look(quorate=False), "critical", "prod is unhealthy: no quorum: 3 of 3 nodes online"),
        (look(missing=["guests: x"]), "warning", "prod is degraded: guests: x"),
        (failure("secret", "the key is gone"), "warning", "prod is unknown: secret unreadable: the key is gone"),
    ],
    ids=["unhealthy", "degraded", "unknown"],
)
def test_a_new_state_is_told_once(after: ProxmoxLook | ProxmoxFailure, severity: str, message: str) -> None:
    before = healthy()
    row = after_look(before, after) if isinstance(after, ProxmoxLook) else after_failures(before, after)
    assert of_change(before, row) == [("cluster_status", severity, message)]
    assert of_change(row, row) == []
    assert of_change(row, healthy()) == [("cluster_status", "info", "prod is healthy again")]


def test_a_new_cluster_that_is_well_is_no_news_and_one_that_is_not_is() -> None:
    assert of_change(cluster(), after_look(cluster(), look())) == []
    assert of_change(cluster(), after_failures(cluster(), failure())) == []
    bad = after_failures(cluster(), failure("authentication", "log-in refused"))
    assert of_change(cluster(), bad) == [("cluster_status", "critical", "prod is unhealthy: log-in refused")]
    polled = after_failures(cluster(), failure())
    assert of_change(polled, after_look(polled, look())) == [("cluster_status", "info", "prod is healthy")]


def kinds(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.severity, event.message) for event in events]


def test_a_node_that_goes_away_and_comes_back_is_told_once_each() -> None:
    row, there, away = healthy(), [node("pve1"), node("pve2")], [node("pve1"), node("pve2", "offline")]
    back = [node("pve1"), node("pve2", "unknown")]
    assert kinds(list(told.node_events(row, there, away, LATER))) == [
        ("cluster_node_offline", "warning", "prod: node pve2 is offline")
    ]
    assert kinds(list(told.node_events(row, away, back, LATER))) == [
        ("cluster_node_online", "info", "prod: node pve2 is back")
    ]
    for same in (there, away, back):
        assert list(told.node_events(row, same, same, LATER)) == []


def test_nodes_that_are_seen_for_the_first_time_are_no_news() -> None:
    assert list(told.node_events(healthy(), [], [node("pve1"), node("pve2", "offline")], LATER)) == []
    assert list(told.node_events(healthy(), [node("pve1"), node("pve2")], [node("pve1")], LATER)) == []


def certificate(before: Cluster, **changes: Any) -> list[Event]:
    return list(told.certificate_events(before, failure(**changes), LATER))


def test_another_certificate_is_told_once_with_its_fingerprint() -> None:
    changed = {"trouble": "changed_certificate", "message": "shows another certificate", "fingerprint": "EE:FF"}
    [event] = certificate(healthy(), **changed)
    assert (event.kind, event.severity) == ("cluster_certificate_changed", "critical")
    assert event.message == "prod: shows another certificate (SHA-256 EE:FF)"
    assert certificate(healthy(seen_fingerprint="EE:FF"), **changed) == []
    assert len(certificate(healthy(seen_fingerprint="EE:00"), **changed)) == 1
    changed["trouble"] = "certificate"
    assert len(certificate(healthy(), **changed)) == 1
    assert certificate(cluster(), **changed) == [], "one that was never trusted did not change"
    assert certificate(healthy(), trouble="unreachable") == []


def values(samples: list[Sample]) -> dict[tuple[str, str], float]:
    assert all(sample.labels["cluster"] == "prod" for sample in samples)
    return {(sample.name, sample.labels.get("status", "")): sample.value for sample in samples}


def test_the_samples_are_those_of_the_look() -> None:
    found = look(nodes=[node("pve1"), node("pve2", "offline")], guests=[guest(1), guest(2), guest(3, "paused")])
    assert values(list(told.samples(after_look(healthy(), found), found))) == {
        ("etlmon_cluster_up", ""): 1,
        ("etlmon_cluster_poll_seconds", ""): 0.212,
        ("etlmon_cluster_nodes", "online"): 1,
        ("etlmon_cluster_nodes", "offline"): 1,
        ("etlmon_cluster_nodes", "unknown"): 0,
        ("etlmon_cluster_cpu_percent", ""): 20.0,
        ("etlmon_cluster_memory_used_bytes", ""): GIB,
        ("etlmon_cluster_memory_total_bytes", ""): 4 * GIB,
        ("etlmon_cluster_guests", "running"): 2,
        ("etlmon_cluster_guests", "stopped"): 0,
        ("etlmon_cluster_guests", "paused"): 1,
        ("etlmon_cluster_storage_used_bytes", ""): 2 * GIB,
        ("etlmon_cluster_storage_total_bytes", ""): 20 * GIB,
    }


def test_a_cluster_that_is_silent_states_no_old_numbers() -> None:
    assert told.silence(healthy()) == [Sample("etlmon_cluster_up", 0.0, {"cluster": "prod"})]


def test_a_storage_without_numbers_adds_nothing() -> None:
    row = after_look(healthy(), look(storage=[storage("nas", ["pve1"], used=0, total=0)]))
    assert (row.storage_used_bytes, row.storage_total_bytes) == (0, 0)
