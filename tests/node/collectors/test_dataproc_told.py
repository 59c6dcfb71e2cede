"""What a run tells beside its rows: events of what happened, samples, and lines in the log."""

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun
from etlmon.contract.node import Event
from node.collectors.dataproc_gathering import Change
from node.collectors.dataproc_told import FAILURES, TroubleLog, cluster_events, quota_events, run_events, samples
from tests.node.collectors.dataproc_said import trouble
from tests.node.store.estates import region, row, run
from tests.node.store.opened import START, after

LAST = run(0, regions=[region()])
AT = after(120)
WHERE = "p1/asia-northeast3/etl-u1"


def told(*changes: Change, last: DataprocRun | None = LAST) -> list[tuple[str, str, str]]:
    return [(one.kind, one.severity, one.message) for one in cluster_events(changes, last, AT)]


def kinds(events: Iterable[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.severity) for event in events]


def test_a_cluster_in_a_region_that_was_read_before_is_new() -> None:
    assert told(Change(None, row(state="CREATING"))) == [
        ("cluster_created", "info", f"{WHERE} is new, in state CREATING")
    ]
    [event] = cluster_events([Change(None, row())], LAST, AT)
    assert (event.domain, event.key, event.at) == ("dataproc", "u1", AT)


def test_at_the_very_first_look_nothing_is_new() -> None:
    assert told(Change(None, row()), last=None) == []


def test_in_a_region_that_was_not_read_before_only_what_was_made_since_is_new() -> None:
    last = run(0, regions=[region(state="failed")])
    assert told(Change(None, row(), created_at=after(-9999)), last=last) == []
    assert [kind for kind, *_ in told(Change(None, row(), created_at=after(30)), last=last)] == ["cluster_created"]


def test_a_cluster_that_is_gone_is_told_with_its_last_state() -> None:
    gone = Change(row(state="DELETING"), row(state="DELETING", gone_at=AT))
    assert told(gone) == [("cluster_gone", "info", f"{WHERE} is there no more; it was last seen in state DELETING")]


def test_a_change_of_state_is_told() -> None:
    assert told(Change(row(state="CREATING"), row())) == [
        ("cluster_state", "info", f"{WHERE} went from CREATING to RUNNING")
    ]
    broken = row(state="ERROR", detail="no quota", attention="error")
    assert told(Change(row(), broken)) == [
        ("cluster_state", "critical", f"{WHERE} went from RUNNING to ERROR: no quota")
    ]
    unwell = row(substate="UNHEALTHY", attention="error")
    assert told(Change(row(), unwell))[0][2] == f"{WHERE} went from RUNNING to RUNNING (UNHEALTHY)"


def test_nothing_is_told_of_what_stays_as_it_was_or_cannot_be_seen() -> None:
    assert told(Change(row(), row(collected_at=AT))) == []
    assert told(Change(row(state="CREATING"), row(state="CREATING", stale=True))) == []


@pytest.mark.parametrize("kind", ["stuck", "idle"])
def test_what_wants_attention_is_told_when_it_begins(kind: Any) -> None:
    now = row(attention=kind, attention_reason="for 2 h")
    assert told(Change(row(), now)) == [(f"cluster_{kind}", "warning", f"{WHERE} is {kind}: for 2 h")]
    assert told(Change(now, row(attention=kind, attention_reason="for 3 h"))) == []


def after_run(result: Any, last: DataprocRun | None, *, failures: int = 1, refused: bool = False, **fields: Any) -> Any:
    return kinds(run_events(run(120, result=result, **fields), last, failures=failures, refused=refused))


def test_the_first_failed_run_is_told_and_the_third_in_a_row_is_serious() -> None:
    assert after_run("failed", None) == [("run_failed", "warning")]
    assert after_run("timeout", LAST) == [("run_failed", "warning")]
    bad = run(0, result="failed")
    assert after_run("failed", bad, failures=2) == []
    assert after_run("failed", bad, failures=FAILURES) == [("run_failed", "critical")]
    assert after_run("failed", bad, failures=FAILURES + 1) == []


def test_the_end_of_failing_is_told_once() -> None:
    assert after_run("partial", run(0, result="timeout"), failures=0) == [("run_recovered", "info")]
    assert after_run("complete", run(0, result="partial"), failures=0) == []


def test_a_refused_account_is_told_until_the_reason_is_another_one() -> None:
    assert after_run("failed", LAST, refused=True, reason="denied") == [("account_refused", "critical")]
    same = run(0, result="failed", reason="denied")
    assert after_run("failed", same, refused=True, reason="denied", failures=2) == []
    assert after_run("failed", same, refused=True, reason="expired", failures=2) == [("account_refused", "critical")]


def test_a_slow_run_is_told_when_it_begins() -> None:
    assert after_run("complete", LAST, failures=0, duration_ms=60_001.0) == [("run_slow", "warning")]
    assert after_run("complete", LAST, failures=0, duration_ms=60_000.0) == []
    assert after_run("complete", run(0, duration_ms=70_000.0), failures=0, duration_ms=61_000.0) == []


def test_calls_near_their_limit_are_told_when_it_begins() -> None:
    def quota(now: float, before: float | None) -> list[tuple[str, str]]:
        last = run(0, quota_percent=before) if before is not None else None
        return kinds(quota_events(run(120, quota_percent=now), last, 0.8))

    assert quota(80.0, 79.9) == quota(80.0, None) == [("quota_high", "warning")]
    assert quota(79.9, None) == quota(90.0, 85.0) == []


def stated(rows: Iterable[DataprocRow], of: DataprocRun) -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels.values()): one.value for one in samples(list(rows), of)}


def test_the_numbers_are_those_of_what_is_there() -> None:
    rows = [
        row("u1", attention="idle", attention_reason="x", jobs_running=0),
        row("u2", jobs_running=2, stale=True),
        row("u3", state="ERROR", attention="error"),
        row("u4", gone_at=START, jobs_running=9),
        row("u5", project_id="p2"),
    ]
    ended = run(0, success=4, failure=1, timeout=2, unknown=3, calls=80, duration_ms=5200.0, quota_percent=8.0)
    found = stated(rows, ended)
    assert {key: value for key, value in found.items() if key[0] == "etlmon_dataproc_clusters"} == {
        ("etlmon_dataproc_clusters", "data", "p1", "RUNNING"): 2,
        ("etlmon_dataproc_clusters", "data", "p1", "ERROR"): 1,
        ("etlmon_dataproc_clusters", "data", "p2", "RUNNING"): 1,
    }
    assert found["etlmon_dataproc_attention", "data", "p1", "idle"] == 1
    assert found["etlmon_dataproc_attention", "data", "p2", "stuck"] == 0
    assert found["etlmon_dataproc_jobs_running", "data", "p1"] == 2
    assert found["etlmon_dataproc_stale", "data"] == 1
    of_run = {key[0].rpartition("_")[2]: value for key, value in found.items() if "_run_" in key[0]}
    assert of_run == {"success": 4, "failure": 1, "timeout": 2, "unknown": 3, "calls": 80, "seconds": 5.2}
    assert found["etlmon_dataproc_quota_percent", "data"] == 8.0


@pytest.mark.parametrize(("result", "up"), [("complete", 1), ("partial", 1), ("failed", 0), ("timeout", 0)])
def test_an_account_is_up_when_something_of_it_could_be_read(result: Any, up: int) -> None:
    assert stated([], run(0, result=result))["etlmon_dataproc_up", "data"] == up


def test_failures_are_errors_in_the_log_and_the_rest_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    log = TroubleLog("data")
    for kind in ("failure", "timeout", "unknown"):
        log.trouble(trouble(f"what {kind}", kind=kind, region="us-east1"))
    log.run(run(0, result="partial"))
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (logging.ERROR, "dataproc account=data result=FAILURE: p1/us-east1: what failure"),
        (logging.WARNING, "dataproc account=data result=TIMEOUT: p1/us-east1: what timeout"),
        (logging.WARNING, "dataproc account=data result=UNKNOWN: p1/us-east1: what unknown"),
    ]


def test_a_success_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    TroubleLog("data").run(run(0, success=9))
    assert caplog.records == []


def test_what_goes_on_is_written_once_and_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    log = TroubleLog("data")
    for lines in ([trouble()], [trouble()], [], [trouble()]):
        for line in lines:
            log.trouble(line)
        log.run(run(0, result="partial"))
    assert len(caplog.records) == 2


def test_a_run_that_was_cut_off_is_a_warning_and_one_that_broke_an_error(caplog: pytest.LogCaptureFixture) -> None:
    log = TroubleLog("data")
    log.run(run(0, result="timeout", reason="it was cut off"))
    log.run(run(0, result="failed", reason="the process ended"))
    assert [one.levelname for one in caplog.records] == ["WARNING", "ERROR"]
