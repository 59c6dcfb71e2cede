"""What `etlmon status` says of clusters, and whether somebody should be called."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from etlmon.contract.clusters import CLUSTERS
from etlmon.contract.dataproc import DATAPROC_CLUSTERS, DATAPROC_RUNS
from etlmon.contract.node import HEALTH, Health
from tests.fakes.nodes import FakeNode
from tests.ui.estates import clustered, clusters_in_trouble, gcp, listing, pve, ran
from tests.ui.hosts import says
from ui.problems import clusters as clusters_problems
from ui.problems import dataproc as dataproc_problems
from ui.state import NodeState, answered
from ui.status import print_status
from ui.status_text import render
from ui.text_page import TextPage

NOW = datetime.now(UTC)
SEEN: dict[str, Any] = {"last_success_at": NOW - timedelta(seconds=12), "polled_at": NOW - timedelta(seconds=12)}


def printed(clusters: Any = (), rows: Any = (), runs: Any = ()) -> list[str]:
    """The lines about a node that knows these, blanks squeezed."""
    node = NodeState(name="web1", address="http://web1:8080", up=True)
    node = answered(node, clusters_problems.QUESTION, listing(*clusters), now=NOW)
    node = answered(node, dataproc_problems.QUESTION, list(rows), now=NOW)
    node = answered(node, dataproc_problems.RUNS, list(runs), now=NOW)
    text = render([node], TextPage(width=None, colour=False, utf8=True), now=NOW)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()][1:-1]


def test_proxmox_clusters_are_a_table_the_worst_first() -> None:
    clusters = [
        pve(**SEEN),
        pve("dr-site", status="degraded", status_reason="pve3 offline", nodes_online=2, **SEEN),
        pve("viewer", status="degraded", missing=["guests: no permission"], **SEEN),
        pve("lab", status="unhealthy", status_reason="no quorum", **SEEN),
        pve("new", status="unknown", polled_at=None, last_success_at=None, node_count=0, cpu_percent=None,
            proxmox_version=""),
    ]  # fmt: skip
    assert printed(clusters) == [
        "CLUSTER NODES GUESTS CPU% VERSION SEEN STATE",
        "◆ lab 3/3 38/41 17% 8.4.1 12 s ago no quorum",
        "▲ dr-site 2/3 38/41 17% 8.4.1 12 s ago pve3 offline",
        "▲ viewer 3/3 ─ 17% 8.4.1 12 s ago guests: no permission",
        "○ new ─ ─ ─ ─ ─ not asked yet",
        "● prod-cluster 3/3 38/41 17% 8.4.1 12 s ago healthy",
    ]


def test_of_dataproc_those_that_are_not_well_are_named_and_the_others_counted() -> None:
    rows = [
        gcp(),
        gcp("b"),
        gcp("europe", stale=True),
        gcp("left", gone_at=NOW),
        gcp("broken", state="ERROR", detail="quota", state_since=NOW - timedelta(hours=2), secondary_workers=2),
    ]
    assert printed(rows=rows) == [
        "DATAPROC PROJECT REGION NODES SINCE STATE",
        "◆ broken data-prod asia-northeast3 7 2 h ago ERROR: quota",
        "3 Dataproc clusters are well",
        "1 Dataproc cluster was not seen by the last run",
    ]
    assert printed(rows=[gcp()]) == ["1 Dataproc cluster is well"]
    assert printed() == []


def test_what_no_table_says_stands_above_them() -> None:
    rows = [gcp(f"c{number}", attention="idle", attention_reason="idle", state_since=None) for number in range(5)]
    lines = printed(rows=rows, runs=[ran(result="partial", reason="1 of 2 regions could not be read")])
    assert lines[:2] == [
        "WARN Dataproc account data: 1 of 2 regions could not be read",
        "WARN 2 more Dataproc clusters are idle and have no time to live",
    ]
    assert [line.split()[1] for line in lines[3:]] == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("set_up", "code"),
    [
        (clustered, 0),
        (lambda fake: fake.answers.update({CLUSTERS.path: listing(pve(status="degraded"))}), 0),
        (lambda fake: fake.answers.update({CLUSTERS.path: listing(pve(status="unhealthy"))}), 1),
        (lambda fake: fake.answers.update({DATAPROC_CLUSTERS.path: [gcp(attention="idle")]}), 0),
        (lambda fake: fake.answers.update({DATAPROC_CLUSTERS.path: [gcp(state="ERROR")]}), 1),
        (lambda fake: fake.answers.update({DATAPROC_RUNS.path: [ran(result="failed")] * 2}), 0),
        (lambda fake: fake.answers.update({DATAPROC_RUNS.path: [ran(result="failed")] * 3}), 1),
        (clusters_in_trouble, 1),
    ],
)
def test_the_exit_status_says_whether_somebody_should_be_called(
    set_up: Callable[[FakeNode], Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    fake = FakeNode()
    try:
        asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(30)
        says(fake, "web1").headers.clear()
        fake.answers[HEALTH.path] = Health(status="healthy")
        set_up(fake)
        assert print_status([fake.url], as_json=True) == code
        asyncio.run_coroutine_threadsafe(fake.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
    (node,) = json.loads(capsys.readouterr().out)["nodes"]
    assert len(node["clusters"]) >= 1
    assert len(node["dataproc"]) >= 1
    assert [run["account"] for run in node["dataproc_runs"]] == ["data"]
    assert {problem["about"] for problem in node["problems"]} <= {"clusters"}
