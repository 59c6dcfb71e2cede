"""When a rule would have told, by what is stored."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from etlmon.contract.alerts import BacktestFiring
from node.alerts.backtest import MOST_FIRINGS, Replay, StoredPoint, backtest
from tests.node.alerts.judging import AT, a_rule, labels

MINUTE = timedelta(minutes=1)


def points(*values: float | tuple[float, float, float] | None, device: str = "") -> Iterator[StoredPoint]:
    """One for each minute; three numbers are the smallest, the average and the largest; None: there is none."""
    for number, value in enumerate(values):
        if value is not None:
            low, average, high = value if isinstance(value, tuple) else (value, value, value)
            yield StoredPoint(AT + number * MINUTE, labels(device), low, high, average)


def tried(condition: str, *values: float | tuple[float, float, float] | None, **fields: Any) -> Replay:
    return backtest(a_rule(condition, **fields), points(*values), MINUTE, node="n")


def minutes(firing: BacktestFiring) -> tuple[float | None, ...]:
    """When it was triggered, active and resolved, in minutes."""
    times = (firing.triggered_at, firing.active_at, firing.resolved_at)
    return tuple(None if at is None else (at - AT) / MINUTE for at in times)


def test_each_firing_has_its_times_and_its_worst() -> None:
    replay = tried("> 90", 50, 95, 99, 96, 50, 50, 91, 92, cooldown=0)
    assert [minutes(firing) for firing in replay.firings] == [(1, 1, 4), (6, 6, None)]
    assert [firing.worst for firing in replay.firings] == [99, 92]
    assert (replay.series, replay.notices) == (1, 3)


def test_what_did_not_last_is_no_firing() -> None:
    replay = tried("> 90", 95, 95, 50, 95, 95, 95, 95, 50, for_=120)
    assert [minutes(firing) for firing in replay.firings] == [(3, 5, 7)]


def test_a_cooldown_saves_notices_and_no_firings() -> None:
    replay = tried("> 90", *[95, 50] * 10, cooldown=3600)
    assert (len(replay.firings), replay.notices) == (10, 2)


def test_a_rule_that_tells_at_once_sees_the_worst_of_each_point() -> None:
    assert len(tried("> 90", (10, 20, 95)).firings) == 1
    assert len(tried("< 15", (10, 20, 95)).firings) == 1
    assert len(tried("!= 20", (10, 20, 95)).firings) == 1
    assert tried("> 90", (10, 20, 95)).firings[0].worst == 95
    assert tried("< 15", (10, 20, 95)).firings[0].worst == 10


def test_a_rule_that_waits_sees_the_average() -> None:
    assert tried("> 90", *[(10, 20, 95)] * 10, for_=60).firings == []
    assert len(tried("> 90", *[(10, 91, 95)] * 10, for_=60).firings) == 1


def test_a_rule_that_looks_back_works_over_stored_points() -> None:
    replay = tried("rate(5m) > 1", *[60 * number for number in range(10)], *[20_000] * 10)
    assert [minutes(firing)[0] for firing in replay.firings] == [10]


def test_a_number_that_ends_is_gone_but_not_while_nothing_at_all_is_stored() -> None:
    both = sorted([*points(*[95.0] * 4, device="sda"), *points(*[1.0] * 30, device="sdb")], key=lambda point: point.at)
    replay = backtest(a_rule(), both, MINUTE, node="n")
    assert [minutes(firing) for firing in replay.firings] == [(0, 0, 7)]
    assert replay.series == 2
    # The node was down: nobody looked.
    replay = tried("> 90", 95, *[None] * 60, 95)
    assert [minutes(firing) for firing in replay.firings] == [(0, 0, None)]


def test_a_rule_that_is_switched_off_or_for_another_node_can_be_tried_out() -> None:
    assert len(tried("> 90", 95, enabled=False, nodes=["other"]).firings) == 1


def test_only_matching_label_sets_are_judged() -> None:
    rule = a_rule(labels={"device": "sda"})
    mixed = sorted([*points(95, device="sda"), *points(95, device="sdb")], key=lambda point: point.labels)
    replay = backtest(rule, mixed, MINUTE, node="n")
    assert [firing.labels for firing in replay.firings] == [{"device": "sda"}]


def test_the_latest_firings_are_kept_when_there_are_too_many() -> None:
    replay = tried("> 90", *[95, 50] * (3 * MOST_FIRINGS))
    assert len(replay.firings) == MOST_FIRINGS
    assert minutes(replay.firings[-1]) == (6 * MOST_FIRINGS - 2, 6 * MOST_FIRINGS - 2, 6 * MOST_FIRINGS - 1)


def test_nothing_stored_is_nothing_told() -> None:
    assert tried("> 90") == Replay()
