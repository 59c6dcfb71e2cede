"""Rules as they stand in YAML, in either spelling."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etlmon.contract.alerts_rules import AlertRule
from etlmon.units import Duration
from node.api import alerts_bodies
from node.rules.errors import RuleError
from node.rules.rule import compile_rule, read_rule, rule_problems

HOUSE = """
name: landing_backlog
metric: etlmon_path_file_count
labels: {path: /data/logs}
condition: "> 10000"
for: 5m
clear: "< 8000"
cooldown: 15m
severity: warning
channels: [ops-slack]
summary: "{{ labels.path }} holds {{ value }} files"
description: "the loader is behind"
enabled: true
nodes: [etl-1]
"""
OTHER = """
name: landing_backlog
metric_name: etlmon_path_file_count
label_selector: {path: /data/logs}
condition: {operator: ">", threshold: 10000}
for_duration_minutes: 5
clear: "< 8000"
cooldown_minutes: 15
severity: warning
channels: [ops-slack]
annotations: {summary: "{{ labels.path }} holds {{ value }} files", description: "the loader is behind"}
enabled: true
nodes: [etl-1]
"""
LEAST: dict[str, Any] = {"name": "a", "metric": "m", "condition": "> 1"}


def problems(**changes: Any) -> list[str]:
    """Of a rule with only what is needed, changed; `None` leaves a key out."""
    raw = {key: value for key, value in {**LEAST, **changes}.items() if value is not None}
    return [str(error) for error in rule_problems(raw)]


def test_both_spellings_are_one_rule() -> None:
    house, other = read_rule(yaml.safe_load(HOUSE)), read_rule(yaml.safe_load(OTHER))
    assert house == other
    assert (house.for_, house.cooldown, house.labels) == (Duration(300), Duration(900), {"path": "/data/logs"})


@pytest.mark.parametrize("threshold", ["90%", "90 %"])
def test_a_percent_sign_says_nothing_however_the_rule_is_written(threshold: str) -> None:
    house = {**LEAST, "condition": f"> {threshold}", "clear": f"< 8{threshold[1:]}"}
    other = {"name": "a", "metric_name": "m", "condition": {"operator": ">", "threshold": threshold}}
    for raw in (house, other, alerts_bodies.rule(other), alerts_bodies.backtest({"rule": other})["rule"]):
        assert compile_rule(read_rule(raw), "api").condition.threshold == 90
    assert rule_problems({**LEAST, "condition": f"> {threshold} %"}) != []


def test_what_is_left_out_has_its_default() -> None:
    assert read_rule(LEAST) == AlertRule(name="a", metric="m", condition="> 1")
    assert read_rule({**LEAST, "for": None, "summary": None}) == read_rule(LEAST)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"core": 0, "up": True, "x": 1.5}, {"core": "0", "up": "true", "x": "1.5"}),
        ("path=/data/logs", {"path": "/data/logs"}),
        (
            '{path="/a, b", mode!=user,dev=~"sd.*" , x!~y}',
            {"path": "/a, b", "mode": "!user", "dev": "~sd.*", "x": "!~y"},
        ),
        ("", {}),
        ("{}", {}),
        ("a=", {"a": ""}),
        ('a="~/x", b="!y", c!="~z", d!="!y"', {"a": "~\\~/x", "b": "~!y", "c": "!~\\~z", "d": "!~!y"}),
    ],
)
def test_labels_are_text_and_may_stand_in_one_line(selector: object, expected: dict[str, str]) -> None:
    assert read_rule({**LEAST, "label_selector": selector}).labels == expected


@pytest.mark.parametrize("value", ["~/x", "!y", "~(", "!~.*", "~a.b"])
def test_a_selector_with_an_equals_sign_fits_that_value_alone(value: str) -> None:
    for operator, is_wanted in (("=", True), ("!=", False)):
        rule = compile_rule(read_rule({**LEAST, "label_selector": f'path{operator}"{value}"'}), "config")
        assert rule.fits((("path", value),)) is is_wanted
        assert rule.fits((("path", f"{value}x"),)) is not is_wanted


@pytest.mark.parametrize("operator", [">", "<", ">=", "<=", "==", "!="])
def test_a_condition_may_be_taken_apart(operator: str) -> None:
    for threshold in (90, 90.5, -1, "10GiB"):
        rule = read_rule({**LEAST, "condition": {"operator": operator, "threshold": threshold}})
        assert rule.condition == f"{operator} {threshold}"


def test_durations_are_numbers_of_seconds_too() -> None:
    rule = read_rule({**LEAST, "for": 90, "cooldown": "1h30m"})
    assert (rule.for_, rule.cooldown) == (Duration(90), Duration(5400))
    assert read_rule({**LEAST, "for_duration_minutes": 0.5}).for_ == Duration(30)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": None}, ["name: is missing"]),
        ({"metric": None, "condition": None}, ["metric: is missing", "condition: is missing"]),
        ({"condition": 90}, ["condition: 90 is not a condition in quotes, for example '> 90'"]),
        ({"condition": {"operator": ">"}}, ["condition.threshold: is missing"]),
        ({"condition": {"threshold": 1, "operator": ">", "x": 1}},
         ["condition.x: unknown key; known here: operator, threshold"]),
        ({"condition": {"operator": ">", "threshold": [1]}}, ["condition.threshold: [1] is not a number"]),
        ({"condition": {"operator": "gt", "threshold": 1}},
         ['condition.operator: "gt" is not one of > < >= <= == !=']),
        ({"condition": {"operator": ["<"], "threshold": 1}},
         ["condition.operator: ['<'] is not one of > < >= <= == !="]),
        ({"condition": {"operator": ">", "threshold": "much"}},
         ['condition.threshold: "much" is no number to compare with; write for example 90, 1.5e6, 10GiB or 2h']),
        ({"annotations": "it is full"},
         ['annotations: "it is full" is not a mapping; known in it: summary and description']),
        ({"label_selector": "a=" + " " * 3000}, ["label_selector: has 3,002 characters; 2,000 are allowed"]),
        ({"severity": "critcal"}, ['severity: "critcal" is not one of critical, info, warning']),
        ({"sumary": "x"}, ["sumary: unknown key; did you mean summary?"]),
        ({"for": "soon"}, ['for: "soon" is not a duration; write for example 15s, 5m, 1h30m or 7d']),
        ({"for": True}, ["for: True is not a duration; write for example 15s, 5m, 1h30m or 7d"]),
        ({"cooldown_minutes": -1}, ["cooldown_minutes: -1 is not a number of minutes"]),
        ({"for": "5m", "for_duration_minutes": 5},
         ["for_duration_minutes: says the same as for; keep one of them"]),
        ({"metric_name": "n"}, ["metric_name: says the same as metric; keep one of them"]),
        ({"labels": [1]}, ["labels: [1] is not a mapping of text to text"]),
        ({"labels": {"a": [1]}}, ["labels: {'a': [1]} is not a mapping of text to text"]),
        ({"label_selector": "path"},
         ['label_selector: "path" is no list of labels; write for example {path: /data} or path=/data']),
        ({"label_selector": {"1x": "y"}},
         ['label_selector.1x: "1x" is no name of a label: letters, digits and _ only, no digit first']),
        ({"enabled": "yes"}, ['enabled: "yes" is not true or false']),
        ({"channels": "ops"}, ['channels: "ops" is not a list of text']),
        ({"name": "a/b"}, ['name: "a/b" is no name: no / and nothing invisible may stand in it']),
        ({"name": "a\x1b[2J"}, ['name: "a·[2J" is no name: no / and nothing invisible may stand in it']),
        ({"name": " "}, ['name: " " is no name: no / and nothing invisible may stand in it']),
        ({"metric": 'm{x="1"}'}, ['metric: "m{x="1"}" is no name of a number; its labels stand in labels']),
        ({"condition": "absent", "clear": "< 1"},
         ["clear: absent has nothing to compare with; leave clear out"]),
        ({"clear": "rate(5m) < 1"}, ["clear: looks at another number than the condition > 1"]),
        ({"clear": "> 5"}, ['clear: "> 5" is true of 12, and so is the condition > 1']),
        ({"annotations": {"summary": "{{ x }}"}},
         ["annotations.summary: {{ x }} names nothing; known are value, threshold, node, rule, metric, severity, "
          "condition, labels, labels.NAME"]),
    ],
)  # fmt: skip
def test_every_problem_is_named_by_the_key_it_is_written_with(changes: dict[str, Any], expected: list[str]) -> None:
    assert problems(**changes) == expected


def test_all_problems_of_a_rule_are_told_at_once() -> None:
    found = problems(severity="x", sumary="y", condition="90", summary="{{", labels={"a": "~["})
    assert [words.partition(":")[0] for words in found] == ["severity", "sumary", "condition", "labels.a", "summary"]


@pytest.mark.parametrize("raw", [None, "x", 7, ["x"]])
def test_what_is_no_mapping_is_no_rule(raw: object) -> None:
    with pytest.raises(RuleError, match="is not a rule"):
        read_rule(raw)


def test_other_annotations_are_left_alone() -> None:
    assert read_rule({**LEAST, "annotations": {"runbook": "https://wiki"}}) == read_rule(LEAST)


def test_the_end_may_be_where_the_condition_ends() -> None:
    for condition, clear in (("> 90", "<= 90"), (">= 90", "< 90"), ("== 0", "> 0"), ("< 5", ">= 10")):
        assert problems(condition=condition, clear=clear) == []
    for condition, clear in ((">= 90", "<= 90"), ("== 0", ">= 0"), ("!= 0", "> 0"), ("< 5", "> 4.9")):
        (problem,) = problems(condition=condition, clear=clear)
        assert problem.startswith("clear: ")


def test_the_end_of_a_rate_may_be_written_either_way() -> None:
    assert problems(condition="rate(5m) > 10", clear="< 5") == []
    assert problems(condition="rate(5m) > 10", clear="rate(5m) < 5") == []


def test_a_rule_without_a_summary_says_what_is() -> None:
    rule = compile_rule(read_rule(LEAST), "config")
    assert rule.words("n", (), 5.0)[0] == "m is 5 (> 1)"
    assert rule.words("n", (("path", "/in"),), 5.0)[0] == "m of path=/in is 5 (> 1)"
    rate = compile_rule(read_rule({**LEAST, "condition": "rate(5m) > 1"}), "config")
    assert rate.words("n", (), 1.5)[0] == "m: rate(5m) > 1, it is 1.5 now"
    absent = compile_rule(read_rule({**LEAST, "condition": "absent"}), "config")
    assert absent.words("n", (), None)[0] == "m is absent"


def test_an_absent_number_has_the_labels_that_are_known() -> None:
    rule = compile_rule(read_rule({**LEAST, "condition": "absent", "labels": {"b": "~x", "c": "3", "a": "1"}}), "api")
    assert rule.absent_labels == (("a", "1"), ("c", "3"))


KEYS = st.sampled_from(
    ["name", "metric", "metric_name", "labels", "label_selector", "condition", "for", "for_duration_minutes", "clear",
     "cooldown", "cooldown_minutes", "severity", "channels", "summary", "annotations", "enabled", "nodes", "operator",
     "threshold", "sumary"]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["> 90", "absent", "rate(5m) > 1", "5m", "~sd.*", "{{ value }}", "critical"])
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_whatever_stands_there_is_a_rule_or_has_problems_in_words(raw: dict[str, Any]) -> None:
    found = rule_problems(raw)
    assert all(error.message for error in found)
    if not found:
        assert compile_rule(read_rule(raw), "config").name == raw["name"]
