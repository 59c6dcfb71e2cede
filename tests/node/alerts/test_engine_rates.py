"""`rate` and `delta`: what a number did over a time."""

from datetime import timedelta

from node.alerts.points import MOST_NUMBERS
from node.samples import Stated
from tests.node.alerts.judging import AT, LOOK_SEC, Stage, a_rule


def test_a_rate_is_the_growth_a_second_over_the_window() -> None:
    stage = Stage((a_rule("rate(1m) > 9.9"),))
    for number in range(5):
        stage.look(number * 150)
    (alert,) = stage.engine.alerts()
    assert alert.value == 10.0
    assert alert.condition == "rate(1m) > 9.9"


def test_nothing_is_said_before_the_window_is_full() -> None:
    stage = Stage((a_rule("rate(1m) < 1"),))
    opened = []
    for _ in range(6):
        stage.look(7)
        opened.append(bool(stage.engine.alerts()))
    assert opened == [False] * 4 + [True] * 2


def test_a_counter_that_goes_back_began_anew() -> None:
    stage = Stage((a_rule("rate(1m) > 0.9", clear="<= 0.9"),))
    values = [0, 15, 30, 45, 60, 15, 30, 45]
    seen = []
    for value in values:
        stage.look(value)
        seen += [round(alert.value or 0.0, 6) for alert in stage.engine.alerts()]
    assert seen == [1.0] * 4


def test_a_delta_may_be_negative() -> None:
    stage = Stage((a_rule("delta(1m) < -100"),))
    for value in (500, 480, 450, 400, 390):
        stage.look(value)
    assert [alert.value for alert in stage.engine.alerts()] == [-110]


def test_a_number_that_is_stated_seldom_is_taken_to_change_evenly() -> None:
    stage = Stage((a_rule("rate(1m) > 0"), a_rule("delta(1m) > 0", name="delta")))
    for minute in range(3):
        for _ in range(20):
            stated = Stated("used", (), minute * 300.0, AT + timedelta(minutes=5 * minute), "disks")
            stage.look(None, others=[stated])
    rate, delta = stage.engine.alerts()
    assert (rate.value, delta.value) == (1.0, 60.0)


def test_a_counter_that_appears_later_than_its_owner_began_at_zero() -> None:
    stage = Stage((a_rule("rate(15m) > 0", metric="incomplete_total"),))
    stage.look(None)
    stage.look(1, metric="incomplete_total")
    assert stage.told == ["firing"]
    began = stage.now
    while stage.states:
        stage.look(1, metric="incomplete_total")
    # Points that are close together are one: the window may end a look later.
    assert 900 <= (stage.now - began).total_seconds() <= 900 + LOOK_SEC


def test_a_counter_that_appears_together_with_its_owner_may_be_old() -> None:
    stage = Stage((a_rule("rate(1m) > 0", metric="incomplete_total"),))
    for _ in range(10):
        stage.look(57, metric="incomplete_total")
    assert stage.told == []


def test_numbers_that_were_stated_before_the_start_fill_the_window() -> None:
    stage = Stage((a_rule("rate(1m) > 9"),))
    assert stage.engine.recalls == {"used": 60.0}
    stage.engine.recall(Stated("used", (), 150.0 * n, AT + timedelta(seconds=15 * n - 60), "disks") for n in range(5))
    stage.look(750)
    assert [alert.value for alert in stage.engine.alerts()] == [10.0]


def test_a_clock_that_is_set_back_begins_the_window_anew() -> None:
    stage = Stage((a_rule("rate(1m) > 0.5"),))
    for number in range(6):
        stage.look(number * 15)
    stage.look(90, after=-86400.0)
    values = []
    for number in range(5):
        stage.look(105 + number * 15)
        values.append(stage.engine.alerts()[0].value)
    # While nothing is known of the time before now, the alert stays as it was.
    assert values == [1.0] * 5
    assert stage.told == ["firing"]


def test_an_alert_over_a_window_stays_after_a_restart_until_the_window_is_full_again() -> None:
    stage = Stage((a_rule("rate(1m) > 0.5"),))
    for number in range(6):
        stage.look(number * 15)
    stage.restart()
    states = []
    for _ in range(5):
        stage.look(90)
        states.append(stage.states.get("", "over"))
    assert states == ["active"] * 4 + ["over"]


def test_there_is_a_limit_to_the_numbers_whose_points_are_kept_and_the_rule_says_so() -> None:
    stage = Stage((a_rule("rate(1m) > 0"),))
    crowd = {f"sd{number}": 1.0 for number in range(MOST_NUMBERS + 7)}
    stage.look(crowd)
    error = stage.engine.standing("full").error
    assert error == "7 of its numbers are not judged: too many points would have to be kept"
    use = a_rule("rate(2m) > 0")
    stage.engine.replace([use])
    stage.look({"sda": 1.0})
    assert stage.engine.standing("full").error == "it looks back 120 s, and not so much is known yet"


def test_numbers_that_come_and_go_give_their_room_back() -> None:
    stage = Stage((a_rule("rate(1m) > 0"),))
    for number in range(5):
        stage.look({f"{number}-{name}": 1.0 for name in range(MOST_NUMBERS)}, after=7200)
    assert stage.engine.standing("full").error == "it looks back 60 s, and not so much is known yet"
