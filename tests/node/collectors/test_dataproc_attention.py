"""Which clusters want attention: those that hang in a passing state, those in error, and those that idle for ever."""

from typing import Any

import pytest

from etlmon.contract.dataproc_models import (
    ClusterConfig,
    ClusterMetrics,
    DataprocCluster,
    DataprocJob,
    LifecycleConfig,
    Status,
)
from etlmon.contract.dataproc_rows import DataprocRow
from etlmon.units import Duration
from node.collectors.dataproc_attention import Limits, attention, has_ttl, idle_since, is_active
from tests.node.store.estates import cluster, job, row
from tests.node.store.opened import START, after

LIMITS = Limits(idle_after=Duration(3600), stuck_after=Duration(1800))


def verdict(seconds: float, limits: Limits = LIMITS, **fields: Any) -> tuple[str | None, str | None]:
    return attention(row(**{"state_since": START, **fields}), after(seconds), limits)


def running(**fields: Any) -> DataprocCluster:
    return cluster("u1", **{"config": ClusterConfig(), **fields})


def ended(seconds: float, submitted: float = 0) -> DataprocJob:
    return job("j", submitted, ended_at=after(seconds))


@pytest.mark.parametrize("state", ["CREATING", "DELETING", "STARTING", "STOPPING", "REPAIRING"])
def test_a_cluster_that_stays_in_a_passing_state_is_stuck(state: str) -> None:
    assert verdict(1800, state=state) == (None, None)
    assert verdict(1801, state=state) == ("stuck", f"it is {state} for 30 min, longer than 30m")


def test_a_cluster_that_gives_workers_back_gracefully_has_a_day_for_it() -> None:
    assert verdict(86400, state="UPDATING") == (None, None)
    assert verdict(86401, state="UPDATING")[0] == "stuck"


def test_a_state_that_lasts_is_none_to_be_stuck_in() -> None:
    for state in ("RUNNING", "STOPPED", "UNKNOWN", "99"):
        assert verdict(10 * 86400, state=state) == (None, None)
    assert verdict(10 * 86400, state="CREATING", state_since=None) == (None, None)


def test_an_error_is_told_with_what_google_says_of_it() -> None:
    assert verdict(0, state="ERROR", detail="no quota") == ("error", "it is in state ERROR: no quota")
    assert verdict(0, state="ERROR_DUE_TO_UPDATE") == ("error", "it is in state ERROR_DUE_TO_UPDATE")


def test_a_running_cluster_may_be_unwell() -> None:
    assert verdict(0, substate="UNHEALTHY")[0] == "error"
    assert "old" in str(verdict(0, substate="STALE_STATUS")[1])
    assert verdict(0, state="STOPPED", substate="STALE_STATUS") == (None, None)


def test_a_cluster_without_work_and_without_an_end_costs_for_nothing() -> None:
    assert verdict(3600, idle_since=START) == (None, None)
    said = "it runs, and costs, without a job for 2 h, and nothing deletes it by itself"
    assert verdict(7300, idle_since=START) == ("idle", said)
    assert verdict(7300, idle_since=START, has_ttl=True) == (None, None)
    assert verdict(7300) == (None, None)


def test_nobody_calls_a_cluster_idle_whose_jobs_are_not_read() -> None:
    unknown = Limits(idle_after=None, stuck_after=Duration(1800))
    assert verdict(7300, unknown, idle_since=START) == (None, None)


@pytest.mark.parametrize(
    ("life", "ends"),
    [
        (LifecycleConfig(), False),
        (LifecycleConfig(idle_start_time=START), False),
        (LifecycleConfig(idle_delete_ttl_sec=600.0), True),
        (LifecycleConfig(auto_delete_time=START), True),
        (LifecycleConfig(auto_delete_ttl_sec=600.0), True),
    ],
)
def test_a_cluster_has_an_end_when_something_deletes_it(life: LifecycleConfig, ends: bool) -> None:
    assert has_ttl(running(config=ClusterConfig(lifecycle_config=life))) is ends
    assert has_ttl(cluster(config=None)) is False


@pytest.mark.parametrize("state", ["PENDING", "SETUP_DONE", "RUNNING", "CANCEL_PENDING", "ATTEMPT_FAILURE"])
def test_a_cluster_with_a_job_under_way_is_not_idle(state: str) -> None:
    under_way = job("j", 10, status=Status(state=state))
    assert is_active(under_way)
    assert idle_since(running(), [ended(99), under_way], None) is None


@pytest.mark.parametrize("state", ["DONE", "ERROR", "CANCELLED"])
def test_a_job_that_is_over_is_no_work(state: str) -> None:
    assert not is_active(job("j", 10, status=Status(state=state)))


def test_a_cluster_is_idle_since_its_last_job_ended() -> None:
    assert idle_since(running(), [ended(300), ended(900, submitted=5)], None) == after(900)


def test_the_state_tells_when_a_job_ended_if_nothing_else_does() -> None:
    over = job("j", 5, status=Status(state="DONE", state_start_time=after(70)))
    assert idle_since(running(), [over], None) == after(70)


def test_a_cluster_that_never_had_a_job_is_idle_since_it_runs() -> None:
    status = Status(state="RUNNING", state_start_time=after(40))
    assert idle_since(running(status=status), [], None) == after(40)


def test_a_cluster_that_was_started_again_is_not_idle_since_before_that() -> None:
    status = Status(state="RUNNING", state_start_time=after(5000))
    assert idle_since(running(status=status), [ended(300)], None) == after(5000)


def test_google_may_know_better_when_it_became_idle() -> None:
    life = LifecycleConfig(idle_start_time=after(1200))
    assert idle_since(running(config=ClusterConfig(lifecycle_config=life)), [ended(300)], None) == after(1200)


@pytest.mark.parametrize("metric", ["yarn-apps-running", "yarn-apps-pending"])
def test_work_that_came_past_the_latest_jobs_is_seen_in_yarn(metric: str) -> None:
    metrics = ClusterMetrics(yarn_metrics={metric: 1, "yarn-apps-completed": 5})
    assert idle_since(running(metrics=metrics), [ended(300)], None) is None
    done = ClusterMetrics(yarn_metrics={metric: 0, "yarn-apps-completed": 5})
    assert idle_since(running(metrics=done), [ended(300)], None) == after(300)


def before(**fields: Any) -> DataprocRow:
    return row("u1", **{"collected_at": after(2000), **fields})


def test_work_that_was_seen_a_moment_ago_lasted_until_then() -> None:
    assert idle_since(running(), [ended(300)], before(idle_since=None)) == after(2000)
    assert idle_since(running(), [ended(300)], before(idle_since=after(700))) == after(700)
    assert idle_since(running(), [ended(300)], before(state="STOPPED")) == after(300)


def test_as_long_as_jobs_cannot_be_read_what_was_known_holds() -> None:
    assert idle_since(running(), None, before(idle_since=after(700))) == after(700)
    assert idle_since(running(), None, before(idle_since=None)) is None
    assert idle_since(running(), None, None) is None


def test_only_a_running_cluster_on_compute_engine_can_be_idle() -> None:
    assert idle_since(running(status=Status(state="STOPPED", state_start_time=START)), [], None) is None
    assert idle_since(cluster(config=None), [], None) is None
