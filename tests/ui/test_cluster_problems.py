"""How bad it is with a cluster of either kind, and in which words."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from etlmon.contract.clusters import Cluster
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from tests.ui.estates import NEW_PRINT, cut_off, gcp, listing, pve, ran
from tests.ui.looking import NOW
from ui.problems import clusters as clusters_problems
from ui.problems import dataproc as dataproc_problems
from ui.problems import level_of
from ui.problems.problem import Problem
from ui.state import NodeState, answered

NODE = NodeState(name="web1", address="http://web1:8080")


def knows(clusters: tuple[Cluster, ...] = (), rows: tuple[DataprocRow, ...] = (), runs: Any = ()) -> NodeState:
    node = answered(NODE, clusters_problems.QUESTION, listing(*clusters), now=NOW)
    node = answered(node, dataproc_problems.QUESTION, list(rows), now=NOW)
    return answered(node, dataproc_problems.RUNS, list(runs), now=NOW)


def said(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in problems]


@pytest.mark.parametrize(
    ("cluster", "level", "words"),
    [
        (pve(), "ok", "healthy"),
        (pve(status="degraded", status_reason="pve3 offline"), "warn", "pve3 offline"),
        (pve(status="degraded", missing=["guests: no permission"]), "warn", "guests: no permission"),
        (pve(status="unhealthy", status_reason="no quorum"), "crit", "no quorum"),
        (pve(status="unknown", polled_at=None, status_reason="not yet polled"), "unknown", "not asked yet"),
        (pve(status="unknown", status_reason="secret unreadable: no key"), "warn", "secret unreadable: no key"),
    ],
)
def test_a_proxmox_cluster_is_judged_by_its_status(cluster: Cluster, level: str, words: str) -> None:
    assert (clusters_problems.level(cluster), clusters_problems.words(cluster)) == (level, words)
    expected = [] if level in ("ok", "unknown") else [(level, f"prod-cluster: {words}")]
    assert said(list(clusters_problems.problems(knows((cluster,))))) == expected


def test_a_certificate_that_can_be_trusted_says_where() -> None:
    changed = pve(status="unhealthy", status_reason="another certificate", seen_fingerprint=NEW_PRINT)
    (problem,) = clusters_problems.problems(knows((changed,)))
    assert problem.text == "prod-cluster: another certificate (C in the Clusters view compares and trusts it)"


def test_a_problem_says_since_when_by_the_clock_of_the_screen() -> None:
    ill = pve(status="degraded", updated_at=NOW - timedelta(minutes=4))
    node = answered(NODE, clusters_problems.QUESTION, listing(ill), now=NOW, server_date=NOW + timedelta(minutes=1))
    (problem,) = clusters_problems.problems(node)
    assert problem.since == NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("row", "level", "words"),
    [
        (gcp(), "ok", "RUNNING"),
        (gcp(state="STOPPED"), "ok", "STOPPED"),
        (gcp(state="A_NEW_STATE"), "ok", "A_NEW_STATE"),
        (gcp(state="ERROR", detail="quota"), "crit", "quota"),
        (gcp(attention="error", attention_reason="unhealthy daemons"), "crit", "unhealthy daemons"),
        (gcp(attention="stuck", attention_reason="CREATING for 48 min"), "warn", "CREATING for 48 min"),
        (gcp(attention="idle", attention_reason="idle for 9 h"), "warn", "idle for 9 h"),
        (gcp(stale=True), "unknown", "the last run could not ask its region: this is what was known before"),
        (gcp(stale=True, attention="idle", attention_reason="idle for 9 h"), "warn", "idle for 9 h"),
        (gcp(state="ERROR", gone_at=NOW), "ok", "it is gone"),
    ],
)
def test_a_dataproc_cluster_is_judged_by_what_calls_for_somebody(row: DataprocRow, level: str, words: str) -> None:
    assert (dataproc_problems.level(row), dataproc_problems.words(row)) == (level, words)
    named = f"etl-prod (data-prod, asia-northeast3): {words}"
    expected = [(level, named)] if level in ("warn", "crit") else []
    assert said(list(dataproc_problems.problems(knows(rows=(row,))))) == expected


def test_of_many_clusters_with_one_trouble_the_first_are_named_and_the_others_counted() -> None:
    rows = tuple(gcp(f"c{number}", attention="idle", attention_reason="idle") for number in range(9))
    problems = list(dataproc_problems.problems(knows(rows=rows)))
    assert [one.text.partition(" ")[0] for one in problems] == ["c0", "c1", "c2", "6"]
    assert problems[-1].text == "6 more Dataproc clusters are idle and have no time to live"
    four = tuple(rows[:4])
    assert [one.text[:2] for one in dataproc_problems.problems(knows(rows=four))] == ["c0", "c1", "c2", "c3"]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([ran()], []),
        ([], []),
        ([ran(result="running"), ran()], []),
        ([cut_off(2), ran(1)], [("warn", "Dataproc account data: 2 of 3 regions could not be read")]),
        ([ran(result="timeout"), ran()], [("warn", "Dataproc account data: the run took too long and was cut")]),
        ([ran(result="failed", errors=["401 invalid_grant"])], [("warn", "Dataproc account data: 401 invalid_grant")]),
        (
            [ran(result="running"), *[ran(result="failed", reason="no network")] * 3],
            [("crit", "Dataproc account data: no network; so it was 3 times in a row")],
        ),
        ([ran(result="failed", reason="x"), ran(result="partial"), ran(result="failed")],
         [("warn", "Dataproc account data: x")]),
        ([ran(duration_ms=72_000.0)], [("warn", "Dataproc account data: the run took 00:01:12")]),
        ([ran(quota_percent=83.4)],
         [("warn", "Dataproc account data: 83% of the calls that a project may make in a minute were needed")]),
    ],
)  # fmt: skip
def test_an_account_is_judged_by_its_latest_runs(runs: list[DataprocRun], expected: list[tuple[str, str]]) -> None:
    assert said(list(dataproc_problems.problems(knows(runs=runs)))) == expected


def test_an_idle_cluster_is_a_problem_since_it_idles() -> None:
    idle = gcp(attention="idle", idle_since=NOW - timedelta(hours=2))
    (problem,) = dataproc_problems.problems(knows(rows=(idle,)))
    assert problem.since == NOW - timedelta(hours=2)


def test_each_account_is_judged_by_its_own_runs_and_since_its_first_bad_one() -> None:
    bad = {"result": "failed", "reason": "no network"}
    runs = [ran(9, **bad), ran(8, account="lab"), ran(7, **bad), ran(6), ran(5, **bad)]
    (problem,) = dataproc_problems.problems(knows(runs=runs))
    assert (problem.key, problem.since) == ("dataproc data", ran(7).started_at)


def test_a_node_is_as_ill_as_its_worst_cluster() -> None:
    assert level_of(knows((pve(),), (gcp(),), [ran()])) == "ok"
    assert level_of(knows((pve(status="degraded"),), (gcp(),), [ran()])) == "warn"
    assert level_of(knows((pve(),), (gcp(state="ERROR"),), [ran()])) == "crit"


def test_times_beyond_every_calendar_do_no_harm() -> None:
    first = datetime.min.replace(tzinfo=NOW.tzinfo)
    state = knows((pve(status="degraded", updated_at=first),), (gcp(state="ERROR", state_since=first),), [cut_off(1)])
    skewed = answered(state, dataproc_problems.RUNS, [cut_off(1)], now=NOW, server_date=NOW + timedelta(minutes=1))
    assert [one.since for one in clusters_problems.problems(skewed)] == [None]
    assert len(list(dataproc_problems.problems(skewed))) == 2
