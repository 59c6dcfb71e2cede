"""Numbers that cannot be told now, or of which not all was counted: they are neither gone nor small."""

import pytest

from tests.node.alerts.judging import Stage, a_rule


def test_an_alert_stays_while_its_number_cannot_be_measured() -> None:
    stage = Stage((a_rule("> 90", for_=60),))
    stage.look({"sda": 95, "sdb": 95})
    for _ in range(10):
        stage.look({"sdb": 95}, unmeasured=("sda",))
    assert stage.states == {"sda": "triggered", "sdb": "active"}
    stage.look({"sda": 95, "sdb": 95})
    assert stage.states == {"sda": "active", "sdb": "active"}
    for _ in range(10):
        stage.look({}, unmeasured=("sda",))
    assert stage.told == ["firing sdb", "firing sda", "resolved sdb"]
    assert stage.states == {"sda": "active"}
    stage.restart()
    stage.look({}, unmeasured=("sda",))
    assert stage.states == {"sda": "active"}
    stage.look({"sda": 5})
    assert stage.told[3:] == ["resolved sda"]


def test_what_cannot_be_measured_and_is_not_there_any_more_is_gone() -> None:
    stage = Stage((a_rule("> 90"),))
    stage.look({"sda": 95})
    stage.look({}, after=600, unmeasured=("sda",))
    assert stage.states == {"sda": "active"}
    stage.look({})
    assert [alert.resolved_because for alert in stage.history] == ["its number is gone"]


@pytest.mark.parametrize(
    ("condition", "whole", "part", "after"),
    [
        ("> 15", 20, 8, "active"),
        ("> 15", 20, 18, "active"),
        (">= 15", 20, 14, "active"),
        ("< 15", 10, 8, "active"),
        ("< 15", 10, 20, None),
        ("<= 15", 10, 16, None),
        ("== 0", 0, 0, "active"),
        ("== 20", 20, 21, None),
        ("!= 20", 10, 20, "active"),
        ("!= 20", 10, 21, "active"),
    ],
)
def test_a_part_of_the_number_ends_an_alert_only_when_the_whole_would(
    condition: str, whole: float, part: float, after: str | None
) -> None:
    stage = Stage((a_rule(condition),))
    stage.look({"in": whole})
    assert stage.states == {"in": "active"}
    stage.look({"in": part}, at_least=True)
    assert stage.states.get("in") == after


@pytest.mark.parametrize(
    ("condition", "part", "begins"),
    [
        ("> 15", 16, True),
        (">= 15", 15, True),
        ("> 15", 8, False),
        ("< 15", 8, False),
        ("== 8", 8, False),
        ("!= 15", 8, False),
        ("!= 15", 16, True),
    ],
)
def test_a_part_of_the_number_begins_an_alert_only_when_the_whole_would(
    condition: str, part: float, begins: bool
) -> None:
    stage = Stage((a_rule(condition),))
    stage.look({"in": part}, at_least=True)
    assert bool(stage.states) == begins


def test_a_part_of_a_number_is_no_change_of_it() -> None:
    stage = Stage((a_rule("delta(1m) < -5"), a_rule("rate(1m) < 0", name="falls")))
    for _ in range(6):
        stage.look({"in": 20})
    for _ in range(6):
        stage.look({"in": 8}, at_least=True)
    assert stage.told == []
    stage.look({"in": 8})
    assert stage.states == {"in": "active"}


def test_a_counter_that_grew_too_much_already_is_told_before_its_window_is_full() -> None:
    stage = Stage(
        (a_rule("rate(15m) > 0", metric="lost_total"), a_rule("rate(15m) < 1", metric="lost_total", name="b"))
    )
    stage.look({"app": 7}, metric="lost_total")
    stage.look({"app": 7}, metric="lost_total")
    assert stage.told == []
    stage.look({"app": 8}, metric="lost_total")
    (alert,) = stage.engine.alerts()
    assert (alert.rule, alert.value) == ("full", 1 / 900)
