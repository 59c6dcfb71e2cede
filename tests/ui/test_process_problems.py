"""How bad it is with the processes, and in which words."""

from datetime import UTC, datetime, timedelta

import pytest

from etlmon.contract.processes import Process, ProcessWatch
from tests.ui.running import absent, process, watch
from ui.problems import processes as problems
from ui.problems.processes import Watched
from ui.state import NodeState, answered

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
FEW = watch(running=0, state="too_few")


@pytest.mark.parametrize(
    ("process", "watch", "level", "words"),
    [
        (process(1), watch(), "ok", "sleeping"),
        (process(1), None, "ok", "sleeping"),
        (absent("etl_worker"), FEW, "crit", "none runs"),
        (absent("etl_worker"), watch(running=0, min=0), "ok", "none runs"),
        (absent("etl_worker"), None, "unknown", "none runs"),
        # The two answers come one after the other: the row is right at once, whatever the watch says still.
        (absent("etl_worker"), watch(running=1), "crit", "none runs"),
        (absent("etl_worker"), watch(running=0, state="error", error_message="no user etl"), "warn", "no user etl"),
        (process(1), watch(running=1, min=3, state="too_few"), "warn", "1 of 3 run"),
        (process(1), watch(running=5, max=4, state="too_many"), "warn", "5 run, at most 4 should"),
        (process(1, state="zombie"), watch(), "warn", "zombie: it has ended, and its parent has not taken notice"),
        (process(1, state="stopped"), watch(), "warn", "suspended: it goes on with SIGCONT"),
        (process(1, state="traced"), watch(), "warn", "held by a debugger"),
        (process(1, state="disk_sleep", recent_cpu=[0.0, 9.1, 0.0]), watch(), "ok", "disk sleep"),
        (process(1, state="disk_sleep", recent_cpu=[0.0, 0.0]), watch(), "ok", "disk sleep"),
        (process(1, state="disk_sleep", recent_cpu=[0.0, None, 0.0]), watch(), "ok", "disk sleep"),
        (
            process(1, state="disk_sleep", recent_cpu=[50.0, 0.0, 0.0, 0.0], wchan="nfs_wait"),
            watch(),
            "warn",
            "hangs in the kernel (nfs_wait): waits for a disk or a mount",
        ),
    ],
)
def test_a_process_is_judged_by_its_watch_and_by_itself(
    process: Process, watch: ProcessWatch | None, level: str, words: str
) -> None:
    assert (problems.level(Watched(process, watch)), problems.words(Watched(process, watch))) == (level, words)


def told(processes: list[Process], watches: list[ProcessWatch]) -> list[tuple[str, str]]:
    node = NodeState(name="web2", address="http://web2:8080")
    node = answered(node, problems.QUESTION, processes, now=NOW)
    node = answered(node, problems.WATCHES, watches, now=NOW)
    return [(one.level, one.text) for one in problems.problems(node)]


def test_a_watch_is_one_problem_however_many_rows_it_has() -> None:
    rows = [process(pid) for pid in range(5)]
    assert told(rows, [watch(running=5, max=4, state="too_many")]) == [
        ("warn", "etl_worker: 5 run, at most 4 should"),
    ]
    assert told([absent("etl_worker")], [FEW]) == [("crit", "etl_worker: none runs")]
    assert told(rows, [watch(running=5)]) == []


def test_a_process_that_ails_is_named_once_though_it_is_in_two_watches() -> None:
    rows = [process(7, state="zombie"), process(7, "all of etl", state="zombie"), process(8, state="traced")]
    assert told(rows, [watch(running=2), watch("all of etl", 1)]) == [
        ("warn", "python3 7 (etl_worker): zombie: it has ended, and its parent has not taken notice"),
        ("warn", "python3 8 (etl_worker): held by a debugger"),
    ]


def test_since_when_is_told_by_the_clock_of_the_one_who_looks() -> None:
    node = NodeState(name="web2", address="http://web2:8080", skew=timedelta(hours=1))
    since = NOW + timedelta(minutes=56)
    node = answered(node, problems.WATCHES, [watch(running=0, state="too_few", since=since)], now=NOW)
    (problem,) = problems.problems(node)
    assert problem.since == NOW - timedelta(minutes=4)
    assert (problem.view, problem.key) == ("processes", "etl_worker")
