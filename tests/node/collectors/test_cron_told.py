"""Events and numbers of cron."""

from datetime import timedelta

import pytest

from etlmon.contract.cron import CronSource
from node.collectors.cron_told import (
    MOST_JOBS,
    MOST_TOLD,
    Told,
    Totals,
    change_events,
    run_events,
    samples,
    source_events,
)
from node.store.cron import StoredJob, StoredRun
from tests.node.collectors.cron_stage import Day, job, said
from tests.node.store.opened import START, after


def rows(*commands: str) -> list[StoredJob]:
    day = Day(*(job(command=command) for command in commands))
    return day.watch.rows(day.known, began=START, checked_at=START, now=START)


def missed(of: StoredJob, number: int = 0) -> StoredRun:
    due = after(60 * number)
    return StoredRun(
        key=f"k{number}", at=due, job_id=of.job_id, due_at=due, state="missed", reason="cron is not running"
    )


def test_a_missed_run_is_told_once_with_its_time_and_reason() -> None:
    (row,) = rows("/opt/load --token=hunter2")
    told = Told()
    jobs = {row.job_id: row}
    (event,) = run_events([missed(row)], jobs, told, START)
    assert (event.kind, event.severity, event.key) == ("job_missed", "warning", str(row.job_id))
    assert event.message == (
        "/opt/load --token=*** (/etc/cron.d/etl) was due at 2026-11-21 06:00 UTC and did not start: cron is not running"
    )
    assert list(run_events([missed(row)], jobs, told, START)) == []


def test_what_is_history_is_not_told() -> None:
    (row,) = rows("/opt/load")
    assert list(run_events([missed(row)], {row.job_id: row}, Told(), START + timedelta(hours=2))) == []
    assert list(run_events([missed(row)], {}, Told(), START)) == []


def test_many_are_counted() -> None:
    (row,) = rows("/opt/load")
    events = list(run_events([missed(row, -n) for n in range(MOST_TOLD + 5)], {row.job_id: row}, Told(), START))
    assert len(events) == MOST_TOLD + 1
    assert events[-1].message == "5 more runs were missed"


def test_jobs_that_come_and_go_are_told_by_their_crontab() -> None:
    old, new = rows("/opt/a", "/opt/b"), rows("/opt/b", "/opt/c", "/opt/d")
    (event,) = change_events(old, new, START)
    assert event.message == "/etc/cron.d/etl: 2 jobs added, 1 job removed"
    assert list(change_events(new, new, START)) == []


def test_the_daemon_and_its_log_are_told_when_they_change() -> None:
    def source(kind: str, state: str) -> CronSource:
        return CronSource(kind=kind, path=f"/{kind}", state=state, reason="why", last_checked=START)  # type: ignore[arg-type]

    well, ill = (
        [source("daemon", "ok"), source("run_log", "ok")],
        [source("daemon", "error"), source("run_log", "denied")],
    )
    assert [(event.kind, event.severity) for event in source_events(well, ill, START)] == [
        ("cron_stopped", "critical"),
        ("cron_log_unreadable", "warning"),
    ]
    assert [event.kind for event in source_events(ill, well, START)] == ["cron_started", "cron_log_back"]
    assert list(source_events([], ill, START)) == []
    assert list(source_events(ill, ill, START)) == []


def test_a_run_is_counted_once_and_again_when_the_log_tells_more() -> None:
    (row,) = rows("/opt/load")
    totals = Totals()
    totals.add([missed(row), missed(row)])
    counted = {one.labels["state"]: one.value for one in totals.samples()}
    assert counted == {"ok": 0, "failed": 0, "ended": 0, "missed": 1, "unknown": 0}


def test_with_very_many_jobs_there_are_no_numbers_of_single_ones() -> None:
    few, many = rows("/opt/load"), rows(*map(str, range(MOST_JOBS + 1)))
    assert any("job" in one.labels for one in samples(few, [], Totals()))
    told = list(samples(many, [], Totals()))
    assert not any("job" in one.labels for one in told)
    assert {one.labels["state"]: one.value for one in told if one.name == "etlmon_cron_jobs"}[
        "unknown"
    ] == MOST_JOBS + 1


def number_of(row: StoredJob, name: str) -> float | None:
    """What is stated of a job under this name; None when nothing is."""
    return next((one.value for one in samples([row], [], Totals()) if one.name == name), None)


@pytest.mark.parametrize(
    ("result", "code", "failed"),
    [("success", 0, 0), ("exit-code", 3, 1), ("timeout", 0, 1), ("exit-code", None, 1), (None, None, 0)],
)
def test_a_timer_that_failed_is_stated_whatever_its_exit_code(
    result: str | None, code: int | None, failed: float
) -> None:
    row = Day(job(kind="timer", last_run_at=after(60), last_result=result, last_exit_code=code)).row()
    assert number_of(row, "etlmon_cron_failed") == failed
    assert number_of(row, "etlmon_cron_last_exit_code") == code


def test_a_timer_that_runs_again_is_still_one_that_failed_until_it_ends_well() -> None:
    facts = {"kind": "timer", "name": "load.timer"}
    day = Day(job(**facts, last_run_at=after(60), last_result="timeout", last_exit_code=0))  # type: ignore[arg-type]
    day.watch.found([job(**facts, last_run_at=after(120), running_pids=[77])], after(130))  # type: ignore[arg-type]
    row = day.row()
    assert (row.state, row.state_reason, row.running_pids) == ("failed", "systemd says: timeout", [77])
    assert number_of(row, "etlmon_cron_failed") == 1
    good = job(**facts, last_run_at=after(120), last_result="success", last_exit_code=0)  # type: ignore[arg-type]
    day.watch.found([good], after(180))
    assert (day.row().state, number_of(day.row(), "etlmon_cron_failed")) == ("ok", 0)
    day.watch.found([job(**facts, last_run_at=after(240), running_pids=[78])], after(250))  # type: ignore[arg-type]
    assert (day.row().state, number_of(day.row(), "etlmon_cron_failed")) == ("running", 0)


def test_a_job_that_failed_is_one_until_a_run_ends_well_also_when_it_misses_runs_meanwhile() -> None:
    day = Day(job(), level=15)
    day.read(
        said(after(1), 7, "(etl) CMD ([40] /opt/load)"),
        said(after(2), 7, "(CRON) error (grandchild #40 failed with exit status 3)"),
        said(after(2), 7, "(etl) END ([40] /opt/load)"),
    )
    numbers = []
    for now in (30, 600):
        day.judge(after(now))
        numbers.append((day.row().state, number_of(day.row(), "etlmon_cron_failed")))
    day.read(said(after(601), 8, "(etl) CMD ([41] /opt/load)"))
    numbers.append((day.row().state, number_of(day.row(), "etlmon_cron_failed")))
    day.read(said(after(602), 8, "(etl) END ([41] /opt/load)"))
    numbers.append((day.row().state, number_of(day.row(), "etlmon_cron_failed")))
    assert numbers == [("failed", 1), ("missed", 1), ("failed", 1), ("ok", 0)]


def test_a_job_of_a_start_of_the_host_has_failed_until_a_later_start() -> None:
    day = Day(job("@reboot"), level=15)
    day.read(
        said(after(1), 7, "(etl) CMD ([40] /opt/load)"),
        said(after(2), 7, "(CRON) error (grandchild #40 failed with exit status 1)"),
    )
    day.judge(after(86_400))
    assert (day.row().state, number_of(day.row(), "etlmon_cron_failed")) == ("failed", 1)
    day.read(said(after(90_000), 8, "(etl) CMD ([41] /opt/load)"), said(after(90_001), 8, "(etl) END ([41] /opt/load)"))
    assert (day.row().state, number_of(day.row(), "etlmon_cron_failed")) == ("ok", 0)
