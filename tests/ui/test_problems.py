"""What is wrong, and how badly."""

from datetime import UTC, datetime, timedelta

import pytest

from etlmon.contract.fs import Mount
from etlmon.contract.node import Health
from etlmon.contract.paths import PathStats
from ui.problems import fs as fs_problems
from ui.problems import level_of, of_fleet, of_node
from ui.problems import node as node_problems
from ui.problems import paths as paths_problems
from ui.problems.node import next_try, why_nothing
from ui.problems.problem import worst
from ui.state import NodeState, answered, failed, refused

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def a_mount(**more: object) -> Mount:
    return Mount(**{"mount_point": "/data", "collected_at": NOW, **more})  # type: ignore[arg-type]


def a_path(**more: object) -> PathStats:
    return PathStats(**{"path": "/in", "collected_at": NOW, **more})  # type: ignore[arg-type]


def a_node() -> NodeState:
    return NodeState(name="web2", address="http://web2:8080")


@pytest.mark.parametrize(
    ("mount", "level", "words"),
    [
        (a_mount(used_percent=79.9), "ok", "ok"),
        (a_mount(used_percent=80.0), "warn", "80% used (limit 80%)"),
        (a_mount(used_percent=90.0), "crit", "90% used (limit 90%)"),
        (a_mount(used_percent=50.0, warn_percent=40.0), "warn", "50% used (limit 40%)"),
        (a_mount(used_percent=5.0, inodes_used_percent=97.0), "crit", "97% of the inodes used (limit 90%)"),
        (a_mount(state="stuck"), "crit", "does not answer"),
        (a_mount(state="not_mounted"), "crit", "not mounted"),
        (a_mount(state="error", error_message="I/O error"), "crit", "I/O error"),
        (a_mount(state="denied"), "warn", "denied"),
    ],
)
def test_a_mount_is_judged_by_its_state_and_its_own_limits(mount: Mount, level: str, words: str) -> None:
    assert (fs_problems.level(mount), fs_problems.words(mount)) == (level, words)


@pytest.mark.parametrize(
    ("path", "level", "words"),
    [
        (a_path(file_count=7), "ok", "ok"),
        (a_path(state="empty"), "ok", "empty"),
        (a_path(state="missing", status="ERROR", error_message="no such directory"), "crit", "no such directory"),
        (a_path(state="not_mounted"), "crit", "not mounted"),
        (a_path(state="incomplete", complete=False, error_message="stopped after 30 s"), "warn", "stopped after 30 s"),
        (a_path(skipped=3), "warn", "3 directories could not be read"),
    ],
)
def test_a_path_is_judged_by_whether_it_could_be_counted(path: PathStats, level: str, words: str) -> None:
    assert (paths_problems.level(path), paths_problems.words(path)) == (level, words)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "/data/gone does not exist"),
        ("/data/gone", "/data/gone does not exist"),
        ("partner", "partner: /data/gone does not exist"),
    ],
)
def test_a_path_is_named_once(name: str, text: str) -> None:
    gone = a_path(path="/data/gone", name=name, state="missing", error_message="/data/gone does not exist")
    (problem,) = paths_problems.problems(answered(a_node(), paths_problems.QUESTION, [gone], now=NOW))
    assert problem.text == text


def test_a_node_is_as_well_as_its_worst_part() -> None:
    node = a_node()
    assert level_of(node) == "unknown"
    node = answered(node, node_problems.QUESTION, Health(status="healthy"), now=NOW)
    assert level_of(node) == "ok"
    node = answered(node, fs_problems.QUESTION, [a_mount(used_percent=85.0)], now=NOW)
    assert level_of(node) == "warn"
    node = answered(node, paths_problems.QUESTION, [a_path(state="missing")], now=NOW)
    assert level_of(node) == "crit"
    assert level_of(failed(node, "connection refused", now=NOW, next_try=NOW)) == "down"


def test_a_silent_node_has_that_one_problem_and_not_yesterday_s() -> None:
    node = answered(a_node(), fs_problems.QUESTION, [a_mount(used_percent=99.0)], now=NOW)
    node = failed(node, "connection refused: is it running?", now=NOW, next_try=NOW)
    problems = list(of_node(node))
    assert [(problem.level, problem.text) for problem in problems] == [("down", "node offline: connection refused")]


def test_an_unhealthy_node_says_why() -> None:
    health = Health(status="unhealthy", problems=["the store is full", "no collector works"])
    node = answered(a_node(), node_problems.QUESTION, health, now=NOW)
    assert [(one.level, one.text) for one in of_node(node)] == [
        ("crit", "the store is full"),
        ("crit", "no collector works"),
    ]


def test_a_clock_that_is_off_is_a_warning() -> None:
    node = answered(a_node(), fs_problems.QUESTION, [], now=NOW, server_date=NOW - timedelta(seconds=41))
    assert [(one.level, one.text) for one in of_node(node)] == [("warn", "clock is 41 s behind")]


def test_the_problems_of_all_nodes_stand_worst_first() -> None:
    full = answered(a_node(), fs_problems.QUESTION, [a_mount(used_percent=85.0), a_mount(used_percent=95.0)], now=NOW)
    gone = failed(NodeState(name="gone", address="http://gone"), "no route", now=NOW, next_try=NOW)
    assert [(one.level, one.node) for one in of_fleet([full, gone])] == [
        ("down", "gone"),
        ("crit", "web2"),
        ("warn", "web2"),
    ]
    assert worst([]) == "ok"


def test_why_there_is_nothing_is_told_in_words() -> None:
    node = a_node()
    assert why_nothing(node, fs_problems.QUESTION, NOW) == "web2 has not answered yet."
    down = failed(node, "no route", now=NOW, next_try=NOW + timedelta(seconds=8))
    assert next_try(down, NOW) == "retry in 8s · #1"
    assert "no route (retry in 8s · #1)" in why_nothing(down, fs_problems.QUESTION, NOW)
    assert "it said no" in why_nothing(
        refused(node, fs_problems.QUESTION, "it said no", now=NOW), fs_problems.QUESTION, NOW
    )
    assert why_nothing(answered(node, fs_problems.QUESTION, [], now=NOW), fs_problems.QUESTION, NOW) == ""
