"""Rules that change under open alerts, and how a rule says that it stands."""

from typing import Any

from node.alerts.engine import ABSENT_SEC
from node.alerts.transitions import WAS_CHANGED, WAS_REMOVED, WAS_SWITCHED_OFF
from node.rules.rule import Rule
from tests.node.alerts.judging import Stage, a_rule


def use(stage: Stage, *rules: Rule) -> None:
    stage.rules = rules
    stage.engine.replace(rules)


def ends(stage: Stage) -> list[str]:
    return [alert.resolved_because for alert in stage.history]


def test_the_alert_of_a_rule_that_was_removed_is_over_and_that_is_told() -> None:
    stage = Stage((a_rule(channels=["ops"]),))
    stage.look(95)
    use(stage)
    tick = stage.look(95)
    assert ends(stage) == [WAS_REMOVED]
    assert [notice.alert.channels for notice in tick.notices] == [("ops",)]


def test_the_alert_of_a_rule_that_is_for_other_nodes_now_is_over() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    use(stage, a_rule(nodes=["node-2"]))
    stage.look(95)
    assert ends(stage) == [WAS_SWITCHED_OFF]
    assert stage.engine.standing("full").state == "disabled"


def test_the_cooldown_of_a_rule_that_is_absent_for_a_while_goes_on() -> None:
    for for_sec in (0.0, 60.0):
        stage = Stage((a_rule(cooldown=600), a_rule("> 1000", name="other", cooldown=0)))
        stage.look(95)
        use(stage)
        stage.look(95, after=for_sec)
        stage.look(95, after=for_sec)
        use(stage, a_rule(cooldown=600))
        while stage.told.count("firing") < 2:
            stage.look(95)
        (ended,) = (alert.resolved_at for alert in stage.history)
        assert ended is not None
        assert (stage.now - ended).total_seconds() == 600
        assert stage.told == ["firing", "resolved", "firing"]


def test_a_rule_that_comes_back_after_its_cooldown_tells_at_once() -> None:
    stage = Stage((a_rule(cooldown=600),))
    stage.look(95)
    use(stage)
    stage.look(95)
    stage.look(95, after=600)
    use(stage, a_rule(cooldown=86400))
    stage.look(95)
    assert stage.told == ["firing", "resolved", "firing"]


def test_a_cooldown_outlasts_a_restart_without_its_rule_for_a_day_at_most() -> None:
    for absent_sec, told in ((ABSENT_SEC - 60, []), (ABSENT_SEC, ["firing"])):
        stage = Stage((a_rule(cooldown=7 * 86400),))
        stage.look(95)
        stage.look(50)
        stage.told.clear()
        stage.rules = ()
        stage.restart()
        stage.look(50, after=absent_sec)
        use(stage, a_rule(cooldown=7 * 86400))
        stage.look(95)
        assert stage.told == told


def test_of_rules_that_are_gone_nothing_is_remembered_beyond_their_cooldown() -> None:
    stage = Stage((a_rule(cooldown=600),))
    stage.look(95)
    for number in range(100):
        use(stage, a_rule(name=f"full {number}", cooldown=600))
        stage.look(95)
    stage.look(50)
    use(stage)
    stage.look(50, after=600)
    assert (stage.engine._ended, stage.engine._cooldowns) == ({}, {})


def test_a_rule_for_this_node_among_others_is_judged() -> None:
    stage = Stage((a_rule(nodes=["node-2", "node-1"]),))
    stage.look(95)
    assert stage.told == ["firing"]


def test_an_alert_of_which_the_changed_rule_still_holds_goes_on_untold() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    use(stage, a_rule("> 80", severity="critical"))
    stage.look(95)
    (alert,) = stage.engine.alerts()
    assert (alert.severity, alert.condition, stage.told) == ("critical", "> 80", ["firing"])


def test_an_alert_of_which_the_changed_rule_does_not_hold_is_over_because_of_that() -> None:
    stage = Stage((a_rule(),))
    stage.look(95)
    use(stage, a_rule("> 99"))
    stage.look(95)
    assert ends(stage) == [WAS_CHANGED]


def test_an_alert_about_a_number_that_the_changed_rule_does_not_look_at_is_over() -> None:
    changed: list[dict[str, Any]] = [{"labels": {"device": "sdb"}}, {"metric": "free"}, {"condition": "absent"}]
    for change in changed:
        stage = Stage((a_rule(),))
        stage.look({"sda": 95, "sdb": 50})
        use(stage, a_rule(**change))
        stage.look({"sda": 95, "sdb": 50})
        assert ends(stage) == [WAS_CHANGED]


def test_a_rule_that_stays_as_it_is_keeps_its_points_when_others_change() -> None:
    def rate() -> Rule:
        return a_rule("rate(1m) > 1", name="rate", labels={"device": "~sd.*", "mode": ""})

    stage = Stage((rate(),))
    for number in range(5):
        if number == 3:
            use(stage, rate(), a_rule(name="another", metric="free"))
        stage.look({"sda": number * 100})
    assert stage.told == ["firing sda"]


def test_a_rule_without_numbers_says_what_it_waits_for() -> None:
    stage = Stage((a_rule(), a_rule(name="of sda", metric="used", labels={"device": "sda"})))
    stage.look(None)
    assert stage.engine.standing("full").error == "nothing is known under the name used"
    stage.look({"sdb": 1})
    standing = stage.engine.standing("of sda")
    assert (standing.state, standing.error) == ("no_data", "no used has these labels: device: sda")
    assert stage.engine.standing("full").state == "ok"


def test_a_rule_says_of_how_many_numbers_it_holds() -> None:
    stage = Stage((a_rule(), a_rule(name="waits", for_=60), a_rule("absent", name="absent")))
    stage.look({"sda": 95, "sdb": 96, "sdc": 1})
    full, waits, absent = (stage.engine.standing(name) for name in ("full", "waits", "absent"))
    assert (full.state, full.series, full.firing, full.evaluated_at) == ("firing", 3, 2, stage.now)
    assert (waits.state, waits.series, waits.firing) == ("ok", 3, 0)
    assert (absent.state, absent.error) == ("ok", None)


def test_a_rule_that_looks_back_says_that_it_knows_too_little_yet() -> None:
    stage = Stage((a_rule("delta(1m) > 5"),))
    stage.look(1)
    assert stage.engine.standing("full").error == "it looks back 60 s, and not so much is known yet"
    for _ in range(4):
        stage.look(1)
    assert stage.engine.standing("full").error is None
