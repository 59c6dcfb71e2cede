"""What is wrong with cron, and how badly."""

from datetime import timedelta
from typing import Any

import pytest

from etlmon.contract.cron import CronJob, CronRun, CronSource
from tests.ui.crontabs import DAY, DUE, daemon, job, missed_run, run, run_log, source
from tests.ui.looking import NOW
from ui.problems import cron as cron_problems
from ui.problems.cron import ill_count, level, problems, run_level, source_level, standing, summary, title, words
from ui.state import NodeState, answered

NEVER: dict[str, Any] = {"next_run": None, "next_runs": [], "last_run_at": None, "due_at": None}


def a_node(jobs: list[CronJob], sources: list[CronSource] | None = None, **more: object) -> NodeState:
    node = NodeState(name="web2", address="http://web2:8080", **more)  # type: ignore[arg-type]
    node = answered(node, cron_problems.QUESTION, jobs, now=NOW)
    return node if sources is None else answered(node, cron_problems.SOURCES, sources, now=NOW)


def said(node: NodeState) -> list[tuple[str, str]]:
    return [(problem.level, problem.text) for problem in problems(node)]


@pytest.mark.parametrize(
    ("one", "how", "how_bad", "why"),
    [
        (job(1), "ok", "ok", "ok"),
        (job(1, state="running"), "running", "ok", "running"),
        (job(1, state="missed", state_reason="cron was not running"), "missed", "crit", "cron was not running"),
        (job(1, state="failed", state_reason="it ended with exit status 3"), "failed", "crit",
         "it ended with exit status 3"),
        (job(1, state="failed", last_exit_code=3), "failed", "crit", "exit code 3"),
        (job(1, state="overlapping"), "overlapping", "warn", "overlapping"),
        (job(1, state="unknown", state_reason="the host was down"), "unknown", "warn", "the host was down"),
        (job(1, state="invalid", enabled=False, error_message="bad minute"), "invalid", "warn", "bad minute"),
        (job(1, warning="31 February never comes", **NEVER), "never runs", "warn", "31 February never comes"),
        (job(1, **NEVER), "never runs", "warn", "no time fits its schedule"),
        (job(1, warning="it never runs: no month has such a day", **NEVER), "never runs", "warn",
         "no month has such a day"),
        (job(1, warning="fri-mon runs backwards; it never runs", **NEVER), "never runs", "warn",
         "fri-mon runs backwards"),
        (job(1, schedule="@reboot", **NEVER), "ok", "ok", "ok"),
        (job(1, warning="a % in it is a new line"), "ok", "ok", "ok"),
        (job(1, state_reason="exit codes are not logged"), "ok", "ok", "exit codes are not logged"),
        (job(1, state="unknown", state_reason="it was not due since", **{**NEVER, "next_run": NOW}), "no run yet",
         "unknown", "it was not due since"),
        (job(1, state="unknown", due_at=None), "unknown", "warn", "unknown"),
        (job(1, state="unknown", last_run_at=None), "unknown", "warn", "unknown"),
        (job(1, enabled=False, kind="timer", **NEVER), "off", "ok", "it is not enabled"),
        (job(1, enabled=False, kind="timer", warning="it was stopped", **NEVER), "off", "ok", "it was stopped"),
        (job(1, kind="timer", **NEVER), "ok", "ok", "ok"),
    ],
)  # fmt: skip
def test_a_job_is_judged_by_the_worst_that_is_known_of_it(one: CronJob, how: str, how_bad: str, why: str) -> None:
    assert (standing(one), level(one), words(one)) == (how, how_bad, why)


@pytest.mark.parametrize(
    ("more", "how"),
    [
        ({"last_run_at": DUE - DAY}, "late"),
        ({"last_run_at": None}, "late"),
        ({"last_run_at": DUE}, "ok"),
        ({"last_run_at": DUE - DAY, "last_checked": DUE + timedelta(seconds=119)}, "ok"),
        ({"last_run_at": DUE - DAY, "last_checked": DUE + timedelta(seconds=120)}, "late"),
        ({"last_run_at": DUE - DAY, "kind": "anacron"}, "ok"),
        ({"last_run_at": DUE - DAY, "state": "running"}, "running"),
        ({"last_run_at": DUE - DAY, "state": "unknown"}, "unknown"),
        ({"last_run_at": DUE - DAY, "due_at": None}, "ok"),
    ],
)
def test_a_job_is_late_when_a_look_well_after_its_time_saw_no_start(more: dict[str, Any], how: str) -> None:
    assert standing(job(1, **more)) == how


@pytest.mark.parametrize(
    ("one", "called"),
    [
        (job(1, "/opt/etl/bin/load --fast"), "load --fast"),
        (job(1, "cd / && run"), "cd / && run"),
        (job(1, "/opt/etl/bin/"), "/opt/etl/bin/"),
        (job(1, "/opt/적재 --지점"), "적재 --지점"),
        (job(1, "run-parts /etc/cron.hourly", name="/etc/cron.hourly"), "/etc/cron.hourly"),
        (job(1, "x" * 100), "x" * 59 + "…"),
        (job(1, ""), ""),
    ],
)
def test_a_job_is_called_by_its_name_or_its_program(one: CronJob, called: str) -> None:
    assert title(one) == called


@pytest.mark.parametrize(
    ("one", "how_bad"),
    [
        (run(1), "ok"),
        (run(1, state="ended", exit_code=None), "ok"),
        (run(1, state="failed", exit_code=1), "crit"),
        (missed_run(1), "crit"),
        (run(1, overlapped=True), "warn"),
        (run(1, state="unknown"), "unknown"),
    ],
)
def test_a_run_is_judged_by_how_it_ended(one: CronRun, how_bad: str) -> None:
    assert run_level(one) == how_bad


@pytest.mark.parametrize(
    ("one", "with_jobs", "without"),
    [
        (daemon(), "ok", "ok"),
        (daemon(state="error", reason="cron is not running"), "crit", "ok"),
        (daemon(state="missing"), "warn", "ok"),
        (run_log(state="denied"), "warn", "ok"),
        (run_log(state="missing"), "warn", "ok"),
        (source(state="invalid"), "warn", "warn"),
        (source(state="denied"), "warn", "warn"),
        (source(state="error"), "warn", "warn"),
        (source(state="missing"), "ok", "ok"),
        (source(state="skipped"), "ok", "ok"),
    ],
)
def test_a_silent_daemon_matters_where_it_has_something_to_run(one: CronSource, with_jobs: str, without: str) -> None:
    assert source_level(one, [job(1)]) == with_jobs
    assert source_level(one, [job(1, kind="timer"), job(2, enabled=False, state="invalid")]) == without


def test_what_is_wrong_stands_worst_first_and_since_when() -> None:
    node = a_node(
        [
            job(1, state="unknown", state_reason="the host was down"),
            job(2, "/b", state="failed", state_reason="it ended with exit status 3"),
            job(3, "/c", state="missed", state_reason="cron was not running"),
        ],
        [daemon(state="error", reason="cron is not running")],
        skew=timedelta(hours=1),
    )
    found = list(problems(node))
    assert [(one.level, one.text, one.key) for one in found] == [
        ("crit", "cron: cron is not running", "cron"),
        ("crit", "c missed its last run: cron was not running", "3"),
        ("crit", "b failed: it ended with exit status 3", "2"),
        ("warn", "nightly_load --date yesterday is not known to have run: the host was down", "1"),
    ]
    assert [one.since for one in found] == [
        None, DUE - timedelta(hours=1), DUE + timedelta(seconds=1) - timedelta(hours=1), None,
    ]  # fmt: skip


def test_many_jobs_with_one_trouble_are_counted_after_the_first() -> None:
    ill = [job(number, f"/j{number}", state="missed", state_reason="no start") for number in range(7)]
    texts = [text for _, text in said(a_node(ill))]
    assert texts[:3] == [f"j{number} missed its last run: no start" for number in range(3)]
    assert texts[3:] == ["4 more jobs missed their last run"]
    assert len(said(a_node(ill[:4]))) == 4, "one more costs no more than the line that counts it"


def test_a_file_that_is_ignored_is_one_problem_and_not_one_for_each_of_its_lines() -> None:
    lines = [job(number, f"/j{number}", state="invalid", enabled=False, error_message="x") for number in range(3)]
    other = job(9, "/other", state="invalid", enabled=False, error_message="bad hour", source="/etc/anacrontab")
    node = a_node([*lines, other], [source(state="invalid", reason="bad minute in line 2")])
    assert said(node) == [
        ("warn", "/etc/cron.d/etl: bad minute in line 2"),
        ("warn", "other is not taken: bad hour"),
    ]


def test_a_log_that_cannot_be_read_is_one_problem_and_not_one_for_each_job() -> None:
    jobs = [job(number, state="unknown", state_reason="no log") for number in range(5)]
    unread = a_node(jobs, [run_log(state="denied", reason="no permission to read it")])
    assert said(unread) == [("warn", "/var/log/cron.log: no permission to read it")]
    assert said(a_node(jobs)) == [("warn", "5 jobs are not known to have run: no log")]


def test_where_no_cron_is_installed_that_is_said_once() -> None:
    sources = [daemon(state="missing", reason="no cron is installed here"), run_log(state="missing", reason="no log")]
    assert said(a_node([job(1)], sources)) == [("warn", "cron: no cron is installed here")]
    assert said(a_node([], sources)) == []


@pytest.mark.parametrize(
    ("jobs", "sources", "told"),
    [
        ([job(1), job(2, state="running"), job(3, enabled=False, kind="timer")], [daemon()], ("3 ok", "ok")),
        ([job(1), job(2, state="failed"), job(3, state="missed"), job(4, state="missed")], [], ("2 missed", "crit")),
        ([job(1, state="missed")], [daemon(state="error")], ("stopped", "crit")),
        ([job(1, state="overlapping"), job(2, state="unknown")], [], ("1 overlapping", "warn")),
        ([job(1)], [source(state="denied")], ("1 unread", "warn")),
        ([job(1, state="unknown", due_at=None, last_run_at=None)], [], ("1 ok", "ok")),
        ([], [source()], ("0 ok", "ok")),
        ([], [], None),
    ],
)
def test_cron_is_told_in_two_words(
    jobs: list[CronJob], sources: list[CronSource], told: tuple[str, str] | None
) -> None:
    assert summary(a_node(jobs, sources)) == told


def test_what_was_never_answered_is_not_told_as_nothing() -> None:
    node = NodeState(name="web2", address="http://web2:8080")
    assert (summary(node), ill_count(node)) == (None, None)
    assert ill_count(a_node([job(1), job(2, state="missed"), job(3, state="unknown")])) == 2
    assert said(node) == []


def test_a_time_beyond_every_calendar_ends_nothing() -> None:
    first = DUE.min.replace(tzinfo=DUE.tzinfo)
    node = a_node([job(1, state="missed", due_at=first)], skew=timedelta(hours=1))
    assert [one.since for one in problems(node)] == [None]
