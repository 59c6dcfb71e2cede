"""Runs put together from the lines of cron's log and from what becomes of processes."""

from typing import Any

import pytest

from node.collectors.cron_runs import SETTLED, RunBook
from node.store.cron import RECENT_RUNS, StoredRun
from tests.node.collectors.cron_stage import Day, daemon, evidence, job, said, start
from tests.node.store.opened import after


def only(day: Day) -> StoredRun:
    (run,) = day.runs()
    return run


def test_a_start_is_a_run_that_goes_on_and_belongs_to_its_due_time() -> None:
    day = Day(job())
    day.read(start(after(61.5), 34))
    run = only(day)
    assert (run.state, run.pid, run.started_at, run.due_at) == ("running", 34, after(61.5), after(60))
    assert (run.ended_at, run.exit_code, run.duration_sec) == (None, None, None)


def test_a_line_that_is_read_twice_is_one_run() -> None:
    day = Day(job())
    day.read(start(after(61), 34), start(after(61), 34))
    assert len(day.runs()) == 1


def test_with_every_level_the_end_and_the_exit_code_join_by_the_jobs_process() -> None:
    day = Day(job(), level=15)
    day.read(
        said(after(61), 31, "(etl) CMD ([48] /opt/load)"),
        said(after(67), 31, "(CRON) error (grandchild #48 failed with exit status 3)"),
        said(after(67.1), 31, "(etl) END ([48] /opt/load)"),
    )
    run = only(day)
    assert (run.state, run.exit_code, run.duration_sec, run.ended_at) == ("failed", 3, 6.0, after(67))
    assert run.reason == "it ended with exit status 3"


def test_an_end_without_a_failure_is_a_success_where_failures_are_logged() -> None:
    day = Day(job(), level=15)
    day.read(said(after(61), 31, "(etl) CMD ([48] /opt/load)"), said(after(67), 31, "(etl) END ([48] /opt/load)"))
    assert (only(day).state, only(day).exit_code) == ("ok", 0)


def test_an_end_without_a_failure_says_nothing_where_failures_are_not_logged() -> None:
    day = Day(job(), level=11)
    day.read(said(after(61), 31, "(etl) CMD ([48] /opt/load)"), said(after(67), 31, "(etl) END ([48] /opt/load)"))
    assert (only(day).state, only(day).exit_code, only(day).duration_sec) == ("ended", None, 6.0)


def test_the_level_of_a_daemon_that_was_started_later_says_nothing_of_an_older_run() -> None:
    day = Day(job(), level=15)
    newer = daemon(15, after(3600))
    day.known = evidence(daemon=newer, daemons=[newer])
    day.read(said(after(61), 31, "(etl) CMD ([48] /opt/load)"), said(after(67), 31, "(etl) END ([48] /opt/load)"))
    assert only(day).state == "ended"


def test_without_process_numbers_an_end_is_that_of_the_process_that_cron_started_next() -> None:
    day = Day(job(), level=7)
    day.read(start(after(61), 42), start(after(121), 56))
    day.read(said(after(125), 55, "(etl) END (/opt/load)"))
    first, second = day.runs()
    assert (first.state, second.state, second.duration_sec) == ("running", "ok", 4.0)
    day.read(said(after(130), 41, "(etl) END (/opt/load)"))
    assert day.runs()[0].duration_sec == 69.0


def test_cronie_tells_the_end_and_no_code() -> None:
    day = Day(job())
    day.read(
        said(after(61), 42, "(etl) CMD (/opt/load)", "CROND"), said(after(70), 41, "(etl) CMDEND (/opt/load)", "CROND")
    )
    assert (only(day).state, only(day).duration_sec, only(day).exit_code) == ("ended", 9.0, None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("terminated by signal 9", "it was ended by signal SIGKILL"),
        ("terminated by signal 40", "it was ended by signal 40"),
        ("failed with exit status 127", "it ended with exit status 127: the command was not found"),
        ("failed with exit status 126", "it ended with exit status 126: the command could not be executed"),
        ("failed with exit status 137", "it ended with exit status 137: a signal ended its command, SIGKILL"),
        ("failed with exit status 255", "it ended with exit status 255"),
    ],
)
def test_a_failure_is_told_in_words(words: str, reason: str) -> None:
    day = Day(job(), level=15)
    day.read(start(after(61), 48), said(after(67), 31, f"(CRON) error (grandchild #48 {words})"))
    assert only(day).reason == reason


def test_at_the_default_level_a_run_ends_when_its_process_does() -> None:
    day = Day(job())
    day.read(start(after(61), 34))
    day.book.gone(only(day), after(75.25), after(76))
    day.book.settle(after(76), 1)
    assert (only(day).state, only(day).ended_at, only(day).duration_sec) == ("ended", after(75.25), 14.25)


def test_a_process_that_was_gone_before_anybody_looked_leaves_the_end_unknown() -> None:
    day = Day(job())
    day.read(start(after(61), 34))
    day.book.gone(only(day), None, after(4000))
    day.book.settle(after(4000), 1)
    assert (only(day).state, only(day).ended_at, only(day).duration_sec) == ("ended", None, None)
    assert "between two looks" in (only(day).reason or "")


def test_where_the_log_tells_the_end_it_is_given_a_moment_to_do_so() -> None:
    day = Day(job(), level=15)
    day.read(start(after(61), 34))
    day.book.gone(only(day), after(75), after(75))
    day.book.settle(after(75), 15)
    assert only(day).state == "running"
    assert day.book.leaving
    day.read(said(after(75.1), 31, "(CRON) error (grandchild #34 failed with exit status 2)"))
    assert (only(day).state, only(day).exit_code) == ("failed", 2)
    assert not day.book.leaving


def test_the_log_may_tell_the_end_late() -> None:
    """A job that leaves something behind which holds its output open: cron waits for that."""
    day = Day(job(), level=15)
    day.read(start(after(61), 34))
    day.book.gone(only(day), after(75), after(75))
    day.book.settle(after(75) + SETTLED, 15)
    assert (only(day).state, only(day).exit_code) == ("ended", None)
    day.read(said(after(900), 31, "(etl) END ([34] /opt/load)"))
    assert (only(day).state, only(day).exit_code, only(day).ended_at) == ("ok", 0, after(75))


def test_where_failures_alone_are_logged_none_is_a_success() -> None:
    day = Day(job(), level=5)
    day.read(start(after(61), 34))
    day.book.gone(only(day), after(75), after(75))
    day.book.settle(after(75) + SETTLED, 5)
    assert (only(day).state, only(day).exit_code) == ("ok", 0)


def test_a_pid_that_is_given_to_another_job_ends_the_run_that_had_it() -> None:
    day = Day(job(), job(command="/opt/other"))
    day.read(start(after(61), 34), start(after(3661), 34, "/opt/other"))
    assert [run.state for run in (*day.runs(0), *day.runs(1))] == ["ended", "running"]


def test_a_start_while_an_earlier_run_lives_overlaps_it() -> None:
    day = Day(job())
    day.read(start(after(61), 34), start(after(121), 35))
    assert [run.overlapped for run in day.runs()] == [False, False]
    day.book.lives(day.runs()[0], after(122))
    assert [run.overlapped for run in day.runs()] == [False, True]


def test_a_start_before_the_end_of_an_earlier_run_overlapped_it() -> None:
    day = Day(job(), level=15)
    day.read(start(after(61), 34), start(after(121), 35))
    day.read(said(after(130), 31, "(etl) END ([34] /opt/load)"), said(after(131), 32, "(etl) END ([35] /opt/load)"))
    day.read(start(after(181), 36))
    assert [run.overlapped for run in day.runs()] == [False, True, False]


def test_nothing_is_said_of_an_overlap_that_nobody_saw() -> None:
    day = Day(job())
    day.read(start(after(61), 34), start(after(121), 35))
    day.book.gone(day.runs()[0], None, after(122))
    day.book.settle(after(122), 1)
    assert [run.overlapped for run in day.runs()] == [False, False]


def test_an_end_whose_start_is_not_logged_is_a_run() -> None:
    day = Day(job(), level=14)
    day.read(said(after(67), 31, "(etl) END ([48] /opt/load)"))
    assert (only(day).state, only(day).started_at, only(day).ended_at) == ("ok", None, after(67))


def test_an_end_whose_start_was_before_the_log_begins_is_no_run() -> None:
    day = Day(job(), level=15)
    day.read(said(after(67), 31, "(etl) END ([48] /opt/load)"))
    assert day.runs() == []


def test_anacron_tells_start_end_and_exit_code_by_the_jobs_name() -> None:
    day = Day(job(kind="anacron", name="cron.daily"), job(kind="anacron", name="cron.weekly", command="weekly"))
    day.read(
        said(after(61), 23, "Job `cron.daily' started", "anacron"),
        said(after(62), 23, "Job `cron.weekly' started", "anacron"),
        said(after(90), 23, "Job `cron.daily' terminated (exit status: 2) (mailing output)", "anacron"),
        said(after(95), 23, "Job `cron.weekly' terminated", "anacron"),
    )
    daily, weekly = only(day), day.runs(1)[0]
    assert (daily.state, daily.exit_code, daily.duration_sec, daily.pid) == ("failed", 2, 29.0, 23)
    assert (weekly.state, weekly.exit_code, weekly.duration_sec) == ("ok", 0, 33.0)


def test_a_timers_run_is_told_by_systemd() -> None:
    timer = job(kind="timer", name="load.timer", last_run_at=after(60), running_pids=[77])
    day = Day(timer)
    assert (only(day).state, only(day).started_at) == ("running", after(60))
    facts: dict[str, Any] = {
        "running_pids": [],
        "last_exit_code": 1,
        "last_result": "exit-code",
        "last_duration_sec": 3.0,
    }
    over = job(kind="timer", name="load.timer", last_run_at=after(60), **facts)
    day.watch.found([over], after(120))
    assert (only(day).state, only(day).exit_code, only(day).ended_at) == ("failed", 1, after(63))
    day.book.take_changed()
    day.watch.found([over], after(180))
    assert day.book.take_changed() == []


def test_only_the_latest_runs_of_a_job_are_kept_and_all_that_go_on() -> None:
    day = Day(job(), level=15)
    day.read(start(after(1), 9))
    for minute in range(1, 30):
        day.read(start(after(60 * minute + 1), 100 + minute))
        day.read(said(after(60 * minute + 2), 8, f"(etl) END ([{100 + minute}] /opt/load)"))
    assert len(day.runs()) == RECENT_RUNS + 1
    assert day.runs()[0].state == "running"
    assert len(day.book.take_changed()) == 30


def test_runs_of_a_job_that_is_gone_from_its_crontab_are_left_alone() -> None:
    day = Day(job())
    day.read(start(after(61), 34))
    day.book.take_changed()
    day.watch.found([], after(90))
    (run,) = day.book.take_changed()
    assert (run.state, run.reason) == ("unknown", "its job is no longer in the crontab")
    assert day.book.open == []


def test_what_was_stored_goes_on_after_a_restart() -> None:
    day = Day(job(), level=15)
    day.read(said(after(61), 31, "(etl) CMD ([48] /opt/load)"))
    again = RunBook(day.book.take_changed())
    again.end(said(after(99), 31, "(etl) END ([48] /opt/load)"), [day.jobs[0].job_id], 15)
    (run,) = again.take_changed()
    assert (run.state, run.duration_sec, run.key) == ("ok", 38.0, only(day).key)


def test_times_never_run_backwards() -> None:
    day = Day(job())
    day.read(start(after(61), 34))
    day.book.gone(only(day), after(60.9), after(62))
    day.book.settle(after(62), 1)
    assert only(day).duration_sec == 0.0
