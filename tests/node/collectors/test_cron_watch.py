"""Which job a start belongs to, and what is said of a due time without one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from node.collectors.cron_watch import TOLD_ONE_BY_ONE, Watch
from node.store.cron import StoredRun
from tests.node.collectors.cron_stage import BOOTED, GRACE, Day, daemon, evidence, job, said, start
from tests.node.store.opened import START, after

HOURLY = "0 * * * *"


def states(runs: list[StoredRun]) -> list[tuple[str, datetime | None]]:
    return [(run.state, run.due_at) for run in runs]


def test_a_job_that_is_started_at_its_times_misses_nothing() -> None:
    day = Day(job("*/10 * * * *"))
    for minute in range(10, 120, 10):
        day.read(start(after(60 * minute + 1.5), minute))
    assert all(run.state == "running" for run in day.judge(after(119 * 60)))


def test_a_due_time_without_a_start_is_missed_after_the_grace_and_once() -> None:
    day = Day(job(HOURLY))
    due = after(3600)
    assert day.judge(due + GRACE) == []
    (run,) = day.judge(due + GRACE + timedelta(seconds=1))
    assert (run.state, run.due_at, run.started_at) == ("missed", due, None)
    assert run.reason == "cron runs and did not start it"
    assert day.row().state == "missed"
    assert day.row().due_at == due
    assert day.judge(due + timedelta(minutes=50)) == []


def test_a_start_within_the_grace_is_not_missed_however_late() -> None:
    day = Day(job(HOURLY))
    day.judge(after(3600 + 200))
    day.read(start(after(3600 + 290)))
    assert states(day.judge(after(3600 + 400))) == [("running", after(3600))]


def test_the_next_run_ends_the_state_and_the_missed_one_stays() -> None:
    day = Day(job(HOURLY))
    day.judge(after(4000))
    day.read(start(after(7201)))
    assert day.row().state == "running"
    assert [run.state for run in day.runs()] == ["missed", "running"]


def test_what_was_due_before_the_job_was_found_is_not_missed() -> None:
    day = Day(job(HOURLY), since=after(60))
    assert day.judge(after(3000)) == []
    row = day.row()
    assert (row.state, row.due_at) == ("unknown", None)
    assert row.state_reason is not None
    assert "when etlmon began to watch cron" in row.state_reason


def test_a_line_that_came_later_says_so() -> None:
    day = Day(job(HOURLY))
    added = job("30 5 * * *", "/opt/new")
    day.watch.found([*day.jobs, added], after(600))
    day.now = after(700)
    row = day.row(1)
    assert (row.state, row.known_since) == ("unknown", after(600))
    assert "its line is in the crontab since 2026-11-21 06:10:00 UTC" in (row.state_reason or "")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"log": ""}, "no log of cron was found"),
        ({"status": "denied", "log_reason": "permission denied"}, "cron's log cannot be read: permission denied"),
        ({"since": after(3700)}, "begins later than it was due"),
        ({"since": None}, "tells nothing yet"),
        ({"booted_at": after(3650)}, "the host was down"),
        ({"latest": after(3599)}, "nothing has been written to /var/log/cron.log since it was due"),
        ({"daemon": daemon(14)}, "cron does not log that jobs start (-L 14)"),
    ],
)
def test_nothing_is_called_missed_that_could_not_be_seen(facts: dict[str, Any], words: str) -> None:
    day = Day(job(HOURLY))
    day.known = evidence(**facts)
    assert day.judge(after(4000)) == []
    row = day.row()
    assert row.state == "unknown"
    assert words in (row.state_reason or "")


def test_a_daemon_that_does_not_run_misses_everything_even_when_the_log_is_silent() -> None:
    day = Day(job(HOURLY))
    day.known = evidence(daemon=None, latest=START)
    (run,) = day.judge(after(4000))
    assert run.reason == "cron is not running"


def test_a_daemon_that_was_started_later_did_not_run_then() -> None:
    day = Day(job(HOURLY))
    day.known = evidence(daemon=daemon(started_at=after(3700)))
    (run,) = day.judge(after(4000))
    assert run.reason == "cron was not running when it was due: it was started at 2026-11-21 07:01:40 UTC"


def test_hidden_processes_are_no_proof_that_cron_is_down() -> None:
    day = Day(job(HOURLY))
    day.known = evidence(daemon=None, hidden=True, latest=START)
    assert day.judge(after(4000)) == []


def test_what_cron_complained_of_is_told_with_a_missed_run() -> None:
    day = Day(job(HOURLY))
    day.read(said(after(3601), 31, "Authentication failure"))
    (run,) = day.judge(after(4000))
    assert run.reason == "cron runs and did not start it; it said: Authentication failure"


def test_of_two_jobs_with_one_command_the_one_that_was_due_last_was_started() -> None:
    day = Day(job(HOURLY), job("30 8 * * *"))
    day.read(start(after(3600 + 1), 1), start(after(2.5 * 3600 + 1), 2), start(after(3 * 3600 + 1), 3))
    assert [[run.pid for run in day.runs(which)] for which in (0, 1)] == [[1, 3], [2]]


def test_two_jobs_with_one_command_that_are_due_at_once_are_started_once_each() -> None:
    day = Day(job(HOURLY), job("*/30 * * * *"), job(HOURLY, source="/etc/cron.d/other"), since=after(3000))
    day.read(*(start(after(3601), pid) for pid in (1, 2, 3)))
    assert [[run.pid for run in day.runs(which)] for which in (0, 1, 2)] == [[1], [2], [3]]
    assert all(run.state == "running" for run in day.judge(after(5000)))


def test_one_start_for_two_that_were_due_leaves_one_missed() -> None:
    day = Day(job(HOURLY), job(HOURLY, source="/etc/cron.d/other"))
    day.read(start(after(3601), 1))
    day.judge(after(4000))
    assert [[run.state for run in day.runs(which)] for which in (0, 1)] == [["running"], ["missed"]]


def test_the_same_command_of_another_user_is_another_job() -> None:
    day = Day(job(user="root"), job())
    day.read(start(after(61)))
    assert (len(day.runs(0)), len(day.runs(1))) == (0, 1)
    assert day.watch.is_strange(start(after(61), user="nobody"))


def test_a_command_is_known_by_what_cron_runs_and_writes() -> None:
    day = Day(job(command=r"echo 한글 \% a%input"), job(command=r"grep '\\x' f"), job(command="\t /opt/x\r"))
    day.read(
        start(after(61), 1, r"echo \355\225\234\352\270\200 % a"),
        start(after(61), 2, r"grep '\\x' f"),
        start(after(121), 3, r"grep '\x' f"),
        start(after(61), 4, "/opt/x^M"),
    )
    assert [[run.pid for run in day.runs(which)] for which in (0, 1, 2)] == [[1], [2, 3], [4]]


def test_a_command_that_the_log_cut_is_known_by_its_beginning() -> None:
    day = Day(job(command="/opt/load " + "x" * 300), job(command="/opt/other"))
    day.read(said(after(61), 5, "(etl) CMD (/opt/load xxxxxx"))
    assert [run.pid for run in day.runs(0)] == [5]


def test_a_start_out_of_its_time_is_a_run_without_a_due_time() -> None:
    day = Day(job("0 0 1 1 *"))
    day.read(start(after(61)))
    assert [run.due_at for run in day.runs()] == [None]


def test_a_time_that_the_clock_skipped_is_started_twice_and_missed_as_often() -> None:
    """Berlin, the 29th of March 2026: 15 and 45 past two both come at three."""
    began = datetime(2026, 3, 28, 12, tzinfo=UTC)
    due = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    twice = job("15,45 2 * * *", zone=ZoneInfo("Europe/Berlin"))
    day = Day(twice, since=began)
    day.known = evidence(since=began, booted_at=began - timedelta(days=9))
    day.read(start(due + timedelta(seconds=1), 1))
    runs = day.judge(due + timedelta(minutes=20))
    assert sorted(states(runs), key=str) == [("missed", due), ("running", due)]


def test_catching_up_after_a_pause_starts_every_minute_that_was_left_out() -> None:
    day = Day(job())
    day.read(start(after(61), 1))
    day.judge(after(62))
    day.read(*(start(after(300 + number / 10), 2 + number) for number in range(4)))
    day.judge(after(300 + 310))
    assert {run.due_at for run in day.runs() if run.state == "running"} == {
        after(60 * number) for number in range(1, 6)
    }


def test_a_long_stop_is_told_one_by_one_at_first_and_then_counted() -> None:
    day = Day(job())
    day.known = evidence(daemon=None)
    assert len(day.judge(after(100 * 60))) == TOLD_ONE_BY_ONE
    (last,) = day.judge(after(105 * 60 + 1))
    missed = day.row()
    assert "it missed 80 more since, the last at 2026-11-21 07:40 UTC" in (last.reason or "")
    assert missed.state == "missed"


def test_after_a_restart_nothing_is_judged_twice_and_nothing_left_out() -> None:
    one = job(HOURLY)
    day = Day(one)
    day.read(start(after(3601), 1))
    stored = day.judge(after(3700))
    again = Watch({one.job_id: START}, stored, judged=after(3700) - GRACE)
    again.found([one], after(3 * 3600))
    again.judge(day.known, after(3 * 3600), GRACE)
    assert states(again.runs.take_changed()) == [("missed", after(7200))]


def test_nobody_asks_for_what_was_due_long_before_a_restart() -> None:
    one = job()
    again = Watch({one.job_id: BOOTED}, (), judged=BOOTED)
    again.found([one], START)
    assert again.jobs[0].dues.next == START - timedelta(days=2) + timedelta(minutes=1)


def test_a_job_that_is_never_due_misses_nothing() -> None:
    day = Day(job("0 0 31 2 *"), job("@reboot"), job(HOURLY, error="bad minute"), job("5 * * * *", enabled=False))
    assert day.judge(after(30 * 86400)) == []
    assert [day.row(which).state for which in range(4)] == ["ok", "unknown", "invalid", "ok"]
    assert [day.row(which).next_run for which in range(4)] == [None] * 4


def test_a_job_at_reboot_ran_when_a_start_was_seen_since_the_boot() -> None:
    day = Day(job("@reboot"))
    day.read(start(BOOTED + timedelta(seconds=9), 1))
    day.book.gone(day.runs()[0], None, after(1))
    day.book.settle(after(1), 1)
    assert day.row().state == "ok"


def test_anacron_that_is_overdue_by_more_than_a_day_missed_its_run() -> None:
    daily = job(kind="anacron", name="cron.daily", period_sec=86400.0, last_run_at=START - timedelta(days=1.5))
    assert Day(daily).row().state == "ok"
    late = replace(daily, last_run_at=START - timedelta(days=2.5))
    row = Day(late).row()
    assert (row.state, row.last_run_at) == ("missed", late.last_run_at)
    assert Day(replace(daily, last_run_at=None)).row().state == "unknown"


def test_states_are_told_the_worst_first() -> None:
    day = Day(job(), level=15)
    day.read(start(after(61), 1))
    assert day.row().state == "running"
    day.read(start(after(121), 2))
    day.book.lives(day.runs()[0], after(122))
    assert day.row().state == "overlapping"
    day.read(said(after(125), 31, "(CRON) error (grandchild #1 failed with exit status 1)"))
    assert (day.row().state, day.row().last_exit_code) == ("failed", 1)
    day.read(said(after(130), 31, "(etl) END ([2] /opt/load)"))
    assert (day.row().state, day.row().last_exit_code, day.row().last_duration_sec) == ("ok", 0, 9.0)


def test_an_exit_code_that_nobody_tells_comes_with_how_to_get_it() -> None:
    day = Day(job())
    day.read(start(after(61), 1))
    day.book.gone(day.runs()[0], after(62), after(62))
    day.book.settle(after(62), 1)
    day.now = after(70)
    row = day.row()
    assert (row.state, row.last_exit_code) == ("ok", None)
    assert 'EXTRA_OPTS="-L 15"' in (row.state_reason or "")


def test_secrets_are_hidden_in_what_is_stored() -> None:
    day = Day(job(command="load --password hunter2", environment={"API_TOKEN": "hunter2", "MAILTO": "a@b"}))
    row = day.row()
    assert "hunter2" not in row.command + str(row.environment)
    assert row.environment["MAILTO"] == "a@b"
    day.read(start(after(61), 1, "load --password hunter2"))
    assert len(day.runs()) == 1


def test_the_next_five_runs_are_told_and_move_on() -> None:
    day = Day(job("0 6,18 * * *"))
    day.now = after(1)
    first = day.row().next_runs
    assert first[0] == after(12 * 3600)
    assert len(first) == 5
    day.now = after(12 * 3600)
    assert day.row().next_run == after(24 * 3600)
