"""Events and numbers of cron."""

from datetime import timedelta

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
from tests.node.collectors.cron_stage import Day, job
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
