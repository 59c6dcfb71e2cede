"""What becomes of alerts from look to look."""

import math
from datetime import timedelta

import pytest

from node.alerts.engine import MOST_OPEN, PATIENCE_SEC, WRITE_SEC
from node.alerts.transitions import GONE_SEC, IS_GONE, IS_OVER, IS_THERE
from node.samples import Stated
from tests.node.alerts.judging import AT, LOOK_SEC, Stage, a_rule


def test_a_rule_that_does_not_wait_is_active_and_told_at_the_first_look() -> None:
    stage = Stage((a_rule(summary="{{ labels.device }} on {{ node }}: {{ value }}"),))
    tick = stage.look({"sda": 95.0, "sdb": 10.0})
    (change,) = tick.changes
    assert (change.before, change.alert.state, change.became_active) == (None, "active", True)
    assert change.alert.summary == "sda on node-1: 95"
    assert change.alert.triggered_at == change.alert.active_at == change.alert.told_at == stage.now
    assert stage.told == ["firing sda"]


def test_nothing_is_told_again_while_it_lasts() -> None:
    stage = Stage((a_rule(),))
    for value in (95, 96, 97, 95, 99):
        stage.look(value)
    assert stage.told == ["firing"]


def test_a_rule_that_waits_is_triggered_first_and_active_after_that_time() -> None:
    stage = Stage((a_rule(for_=60),))
    seen = []
    for _ in range(6):
        stage.look(95)
        seen.append(stage.states[""])
    assert seen == ["triggered"] * 4 + ["active"] * 2
    assert stage.told == ["firing"]
    (alert,) = stage.engine.alerts()
    assert alert.active_at is not None
    assert alert.active_at - alert.triggered_at == timedelta(seconds=60)


def test_what_ends_before_it_counts_leaves_nothing_behind() -> None:
    stage = Stage((a_rule(for_=60),))
    stage.look(95)
    (change,) = stage.look(50).changes
    assert change.is_dropped
    assert not change.ended
    assert (stage.told, stage.stored, stage.history) == ([], {}, [])


def test_a_square_wave_shorter_than_the_wait_is_never_told() -> None:
    stage = Stage((a_rule(for_=60),))
    for number in range(200):
        stage.look(95 if number % 6 < 3 else 50)
    assert stage.told == []


def test_a_square_wave_longer_than_the_wait_is_told_once_a_cooldown() -> None:
    stage = Stage((a_rule(for_=60, cooldown=3600),))
    for number in range(4 * 120):
        stage.look(95 if number % 20 < 10 else 50)
    # Two hours with a period of 5 minutes: at the beginning, and whenever an hour since the end that was told is over.
    assert stage.told == ["firing", "resolved"] * 2
    assert len(stage.history) == 24


def test_what_lasts_beyond_the_cooldown_is_told_when_that_is_over() -> None:
    stage = Stage((a_rule(cooldown=600),))
    stage.look(95)
    stage.look(50)
    ended_at = stage.now
    while len(stage.told) == 2:
        stage.look(95)
    assert stage.told[2:] == ["firing"]
    assert stage.now - ended_at == timedelta(seconds=600)
    assert stage.look(50).notices[0].kind == "resolved"


def test_the_end_of_what_nobody_was_told_of_is_not_told() -> None:
    stage = Stage((a_rule(cooldown=600),))
    for value in (95, 50, 95, 50):
        stage.look(value)
    assert stage.told == ["firing", "resolved"]
    assert [alert.told_at is None for alert in stage.history] == [False, True]


def test_without_a_cooldown_each_time_is_told() -> None:
    stage = Stage((a_rule(cooldown=0),))
    for value in (95, 50, 95, 50):
        stage.look(value)
    assert stage.told == ["firing", "resolved"] * 2


def test_an_end_of_which_nobody_was_told_begins_no_cooldown() -> None:
    stage = Stage((a_rule(cooldown=600),))
    stage.look(95)
    stage.store(stage.look(50, stores=False), unheard=[("full", ())])
    assert [notice.kind for notice in stage.look(95).notices] == ["firing"]


def test_with_a_threshold_of_its_own_the_end_comes_only_there() -> None:
    stage = Stage((a_rule(clear="< 80"),))
    seen = []
    for value in (95, 85, 91, 80, 79, 85):
        stage.look(value)
        seen.append(stage.states.get("", "none"))
    assert seen == ["active"] * 4 + ["none"] * 2
    assert stage.told == ["firing", "resolved"]


def test_hysteresis_does_not_keep_what_is_only_triggered() -> None:
    stage = Stage((a_rule(clear="< 80", for_=60),))
    stage.look(95)
    stage.look(85)
    assert stage.states == {}


def test_each_label_set_is_judged_by_itself() -> None:
    stage = Stage((a_rule(),))
    stage.look({"sda": 95, "sdb": 50})
    stage.look({"sda": 50, "sdb": 95})
    assert stage.told == ["firing sda", "resolved sda", "firing sdb"]
    assert stage.states == {"sdb": "active"}


def test_the_worst_number_and_the_newest_are_kept() -> None:
    stage = Stage((a_rule(), a_rule("< 5", name="low", metric="free")))
    for used, free in ((95, 4), (99, 1), (93, 3)):
        stage.look(used, others=[Stated("free", (), free, stage.now, "disks")])
    high, low = stage.engine.alerts()
    assert (high.value, high.worst, low.value, low.worst) == (93, 99, 3, 1)


def test_an_alert_of_which_only_the_number_changes_is_stored_once_a_minute() -> None:
    stage = Stage((a_rule(summary="{{ value }}"),))
    stage.look(95)
    writes = [len(stage.look(96 + number).changes) for number in range(12)]
    assert writes == [0, 0, 0, 1] * 3
    assert WRITE_SEC == 4 * LOOK_SEC
    assert stage.stored[("full", ())].summary == "107"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_no_alarm_and_infinity_is_a_number(value: float) -> None:
    stage = Stage((a_rule("!= 7"), a_rule("> 90", name="high")))
    stage.look(value)
    opened = {alert.rule for alert in stage.engine.alerts()}
    assert opened == (set() if math.isnan(value) else {"full", "high"} if value > 0 else {"full"})


def test_a_number_that_is_gone_ends_its_alert_with_that_reason() -> None:
    stage = Stage((a_rule(),))
    stage.look({"sda": 95, "sdb": 95})
    began = stage.now
    while "sdb" in stage.states:
        stage.look({"sda": 95})
    assert stage.now - began == timedelta(seconds=GONE_SEC)
    assert [alert.resolved_because for alert in stage.history] == [IS_GONE]
    assert stage.states == {"sda": "active"}


def test_a_number_that_is_late_by_a_look_is_not_gone() -> None:
    stage = Stage((a_rule(),))
    for value in (95, None, None, 95, None, 95):
        stage.look(value)
    assert (stage.told, stage.states) == (["firing"], {"": "active"})


def test_a_number_that_cannot_be_read_keeps_its_alert_for_as_long_as_that_takes() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    for _ in range(100):
        stage.look(None, failing=["disks"])
    assert stage.states == {"": "active"}
    stage.look(50)
    assert [alert.resolved_because for alert in stage.history] == [IS_OVER]


def test_a_number_that_cannot_be_read_does_not_make_a_triggered_alert_active() -> None:
    stage = Stage((a_rule(for_=60),))
    stage.look(95)
    for _ in range(20):
        stage.look(None, failing=["disks"])
    assert stage.states == {"": "triggered"}


def test_an_old_number_of_a_collector_that_hangs_changes_no_alert_and_opens_none() -> None:
    stage = Stage((a_rule(for_=60), a_rule("< 5", name="low", metric="free"), a_rule("> 1", name="new", for_=30)))
    stage.look(95, others=[Stated("free", (), 4.0, stage.now, "disks")])
    old = [Stated("used", (), 95.0, stage.now, "disks"), Stated("free", (), 9.0, stage.now, "disks")]
    waiting = [Stated("used", (("device", "sdb"),), 95.0, stage.now, "disks")]
    for _ in range(20):
        stage.look(None, others=[*old, *waiting], failing=["disks"])
    assert {(alert.rule, alert.state) for alert in stage.engine.alerts()} == {
        ("full", "triggered"),
        ("low", "active"),
        ("new", "triggered"),
    }
    assert stage.told == ["firing"]
    stage.look({"": 95, "sdb": 95})
    assert "firing" in stage.told[1:]
    assert {(alert.rule, alert.labels) for alert in stage.engine.alerts()} >= {("full", (("device", "sdb"),))}


def test_a_number_that_a_failing_collector_states_anew_is_judged() -> None:
    stage = Stage((a_rule(for_=30),))
    for _ in range(3):
        stage.look(95, failing=["disks"])
    assert stage.told == ["firing"]
    stage.look(50, failing=["disks"])
    assert stage.told == ["firing", "resolved"]


def test_a_number_that_is_gone_when_it_can_be_read_again_ends_its_alert_at_once() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    for _ in range(10):
        stage.look(None, failing=["disks"])
    stage.look(None)
    assert [alert.resolved_because for alert in stage.history] == [IS_GONE]


def test_absent_is_told_when_nothing_has_these_labels_and_ends_when_something_has() -> None:
    stage = Stage((a_rule("absent", labels={"device": "sda"}),))
    stage.look({"sdb": 1})
    assert stage.told == ["firing sda"]
    assert stage.engine.alerts()[0].summary == "used of device=sda is absent"
    stage.look({"sda": 1})
    assert [alert.resolved_because for alert in stage.history] == [IS_THERE]


def test_absent_waits_after_a_start_for_those_who_did_not_run_yet_but_not_without_end() -> None:
    stage = Stage((a_rule("absent"),))
    stage.look(None, starting=["disks"])
    began = stage.now
    while not stage.told:
        stage.look(None, starting=["disks"])
    assert (stage.now - began).total_seconds() == PATIENCE_SEC


def test_absent_with_a_wait_is_triggered_first() -> None:
    stage = Stage((a_rule("absent", for_=30),))
    seen = []
    for _ in range(4):
        stage.look(None)
        seen.append(stage.states[""])
    assert seen == ["triggered", "triggered", "active", "active"]


def test_an_acknowledged_alert_is_not_repeated_and_its_end_is_told() -> None:
    stage = Stage((a_rule(),), repeat_sec=60)
    for _ in range(6):
        stage.look(95)
    assert stage.told == ["firing", "still firing"]
    stage.acknowledge(("full", ()))
    for _ in range(20):
        stage.look(95)
    stage.look(50)
    assert stage.told == ["firing", "still firing", "resolved"]


def test_what_was_acknowledged_during_its_cooldown_is_not_told_afterwards() -> None:
    stage = Stage((a_rule(cooldown=60),))
    for value in (95, 50, 95):
        stage.look(value)
    stage.acknowledge(("full", ()))
    for _ in range(10):
        stage.look(95)
    stage.look(50)
    assert stage.told == ["firing", "resolved"]


def test_an_acknowledgement_while_a_look_is_being_stored_counts() -> None:
    stage = Stage((a_rule(),), repeat_sec=30)
    tick = stage.look(95, stores=False)
    stage.engine.acknowledge(("full", ()))
    stage.store(tick)
    for _ in range(5):
        stage.look(95)
    assert stage.told == ["firing"]


def test_what_could_not_be_stored_is_found_again() -> None:
    stage = Stage((a_rule(),))
    for _ in range(3):
        assert len(stage.look(95, stores=False).notices) == 1
    assert stage.states == {}
    stage.look(95)
    assert (stage.told, stage.states) == (["firing"], {"": "active"})
    for _ in range(3):
        assert len(stage.look(50, stores=False).notices) == 1
    stage.look(50)
    assert stage.told == ["firing", "resolved"]


def test_a_look_that_was_overtaken_does_not_count_when_it_is_stored_late() -> None:
    stage = Stage((a_rule(),))
    late = stage.look({"sda": 95}, stores=False)
    newer = stage.look({"sdb": 95}, stores=False)
    stage.engine.saved(late)
    assert stage.states == {}
    stage.store(newer)
    assert stage.states == {"sdb": "active"}


def test_a_look_that_changes_nothing_counts_without_being_stored() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    stage.look(97, stores=False)
    (alert,) = stage.engine.alerts()
    assert (alert.value, alert.worst, alert.updated_at) == (97, 97, stage.now)


def test_after_a_restart_an_alert_waits_for_those_who_state_its_number_but_not_without_end() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    stage.restart()
    stage.look(None, owner="somebody", after=600)
    began = stage.now
    while stage.states:
        stage.look(None, owner="somebody")
    assert (stage.now - began).total_seconds() == PATIENCE_SEC
    assert stage.told == ["firing", "resolved"]


def test_after_a_restart_an_alert_is_over_when_its_number_is_not_stated_any_more() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    stage.restart()
    stage.look(None, starting=["disks"], after=600)
    assert stage.states == {"": "active"}
    stage.look(None)
    assert [alert.resolved_because for alert in stage.history] == [IS_GONE]


def test_label_sets_that_come_and_go_change_nothing_for_the_others() -> None:
    stage = Stage((a_rule(labels={"device": "sda"}), a_rule(name="others", labels={"device": "!~sda|sdb"})))
    stage.look({"sdb": 95})
    stage.look({"sdb": 95, "sda": 95})
    stage.look({"sda": 95, "sdc": 95, "sdb": 95})
    assert stage.told == ["firing sda", "firing sdc"]


def test_a_clock_that_is_set_back_lengthens_no_wait_beyond_what_the_rule_says() -> None:
    stage = Stage((a_rule(for_=60, cooldown=60),))
    stage.look(95)
    stage.look(95, after=-86400.0)
    began = stage.now
    while stage.states[""] == "triggered":
        stage.look(95)
    assert stage.now - began == timedelta(seconds=60)
    stage.look(50)
    stage.look(95, after=-7200.0)
    began = stage.now
    while len(stage.told) == 2:
        stage.look(95)
    assert stage.now - began == timedelta(seconds=60)
    (alert,) = stage.engine.alerts()
    assert alert.triggered_at <= stage.now


def test_a_clock_that_is_set_back_puts_off_no_repetition() -> None:
    stage = Stage((a_rule(cooldown=7200),), repeat_sec=60)
    for value in (95, 50, 95):
        stage.look(value)
    stage.look(None, after=7200, failing=["disks"])
    assert stage.told[-1] == "firing"
    stage.look(None, after=-7000, failing=["disks"])
    for _ in range(4):
        stage.look(None, failing=["disks"])
    assert stage.told[-1] == "still firing"


def test_a_clock_that_jumps_ahead_ends_waits_and_breaks_nothing() -> None:
    stage = Stage((a_rule(for_=60),))
    stage.look(95, after=-50 * 365 * 86400.0)
    stage.look(95, after=50 * 365 * 86400.0)
    assert stage.states == {"": "active"}
    stage.look(50)
    assert stage.told == ["firing", "resolved"]


def test_there_is_a_limit_to_open_alerts_and_the_rule_says_so() -> None:
    stage = Stage((a_rule(), a_rule("> 1", name="more")))
    crowd = {f"sd{number}": 95.0 for number in range(MOST_OPEN + 5)}
    stage.look(crowd)
    assert len(stage.engine.alerts()) == len(stage.told) == MOST_OPEN
    error = stage.engine.standing("more").error
    assert error is not None
    assert error.startswith("holds for 1,005 label sets")
    stage.look({})
    stage.look({}, after=GONE_SEC)
    stage.look({"new": 95.0})
    assert stage.told[-2:] == ["firing new", "firing new"]


def test_two_numbers_with_one_label_set_are_one_alert() -> None:
    stage = Stage((a_rule(),))
    twin = Stated("used", (), 96.0, AT, "somebody")
    stage.look(95, others=[twin])
    stage.look(95, others=[twin])
    assert stage.told == ["firing"]
