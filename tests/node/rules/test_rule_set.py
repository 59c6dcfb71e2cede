"""All the rules of a node: each name once, and every problem with its place."""

from pathlib import Path
from typing import Any

import pytest

from etlmon.config import ConfigError, load
from etlmon.contract.alerts_rules import AlertRule
from node import checks
from node.rules.builtin import builtin_rules
from node.rules.rule_set import MOST_LISTED_RULES, rule_set, rules_in
from node.settings import NodeSettings

RULE = "{name: backlog, metric: etlmon_path_file_count, condition: '> 10'}"
FULL = AlertRule(name="disk_nearly_full", metric="m", condition="> 1")


def settings_of(tmp_path: Path, text: str) -> NodeSettings:
    """Raises ConfigError."""
    file = tmp_path / "node.yaml"
    file.write_text(text)
    return load(file, NodeSettings, env={}, check=checks.check).settings


def problems(tmp_path: Path, text: str) -> list[str]:
    """Each as `LINE: KEY: MESSAGE`."""
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, text)
    return [str(finding).removeprefix(f"{tmp_path}/node.yaml:") for finding in caught.value.findings]


def test_rules_come_from_four_places() -> None:
    settings = NodeSettings()
    from_file = [AlertRule(name="from file", metric="m", condition="> 1")]
    stored = [AlertRule(name="over the API", metric="m", condition="> 1")]
    rules = rule_set(settings, from_file, stored)
    origins: dict[str, list[str]] = {}
    for rule in rules.rules:
        origins.setdefault(rule.origin, []).append(rule.name)
    builtin = origins.pop("builtin")
    assert origins == {"file": ["from file"], "api": ["over the API"]}
    assert builtin == [rule.name for rule in builtin_rules(settings)]
    assert rules.invalid == ()


def test_built_in_rules_can_be_switched_off_all_or_by_name(tmp_path: Path) -> None:
    none = settings_of(tmp_path, "alerts: {builtin: false}")
    assert rule_set(none, (), ()).rules == ()
    fewer = settings_of(tmp_path, "alerts: {builtin_disabled: [log_gap, disk_nearly_full]}")
    names = [rule.name for rule in rule_set(fewer, [FULL], ()).rules]
    assert "log_gap" not in names
    assert names.count("disk_nearly_full") == 1


def test_a_rule_added_over_the_api_is_invalid_when_its_name_or_channel_is_taken_away(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"alerts: {{rules: [{RULE}]}}")
    stored = [
        AlertRule(name="backlog", metric="m", condition="> 1"),
        AlertRule(name="to nobody", metric="m", condition="> 1", channels=["ops"]),
        AlertRule(name="broken", metric="m", condition="much"),
        AlertRule(name="fine", metric="m", condition="> 1"),
        FULL,
    ]
    rules = rule_set(settings, (), stored)
    assert {one.spec.name: one.reason for one in rules.invalid} == {
        "backlog": 'name: "backlog" stands in alerts.rules; each rule needs a name of its own',
        "to nobody": 'channels[0]: "ops" is no channel; alerts.channels is empty',
        "broken": 'condition: "much" is no condition; write for example > 90, <= 5, == 0, absent, rate(5m) > 10 '
        "or delta(1h) < -100",
        "disk_nearly_full": 'name: "disk_nearly_full" is a built-in rule; each rule needs a name of its own',
    }
    assert [rule.name for rule in rules.rules if rule.origin == "api"] == ["fine"]


def test_problems_of_rules_stand_at_their_line_and_key(tmp_path: Path) -> None:
    text = f"""
alerts:
  builtin_disabled: [disk_full]
  channels:
    - {{name: ops, type: webhook, url: "http://127.0.0.1:9/"}}
  rules:
    - {RULE}
    - {RULE}
    - name: log_gap
      metric: m
      condition: ">> 1"
    - {{name: other, metric: m, condition: "> 1", channels: [ops, opps]}}
"""
    assert problems(tmp_path, text) == [
        '3: alerts.builtin_disabled[0]: "disk_full" is no built-in rule; did you mean disk_nearly_full?',
        '8: alerts.rules[1].name: "backlog" stands at alerts.rules[0] already; each must differ',
        '9: alerts.rules[2].name: "log_gap" is a built-in rule; add it to alerts.builtin_disabled or choose another '
        "name",
        '11: alerts.rules[2].condition: ">> 1" is no condition; write for example > 90, <= 5, == 0, absent, '
        "rate(5m) > 10 or delta(1h) < -100",
        '12: alerts.rules[3].channels[1]: "opps" is no channel; did you mean ops?',
    ]


def test_a_file_of_rules_is_read_in_either_spelling(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        f"rules:\n  - {RULE}\n  - {{name: b, metric_name: m, condition: {{operator: '<', threshold: 5}}}}\n"
    )
    assert [(rule.name, rule.condition) for rule in rules_in(str(file))] == [("backlog", "> 10"), ("b", "< 5")]
    assert settings_of(tmp_path, f"alerts: {{rules_file: '{file}'}}").alerts.rules_file == str(file)


def test_problems_of_the_file_are_those_of_the_configuration_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(f"rules:\n  - {RULE}\n  - {{name: b, metric: m, condition: '>'}}\n  - {{name: log_gap}}\nrule: 1\n")
    found = problems(tmp_path, f"alerts:\n  rules: [{RULE}]\n  rules_file: '{file}'\n")
    assert [line.partition(str(file))[2].partition(": ")[2][:40] for line in found] == [
        'rules[0].name: "backlog" stands at alert',
        'rules[1].condition: ">" is no condition;',
        "rules[2].metric: is missing",
        "rules[2].condition: is missing",
        'rules[2].name: "log_gap" is a built-in r',
        "rule: unknown key; did you mean rules?",
    ]
    assert all(line.startswith(f"3: alerts.rules_file: {file}:") for line in found)
    with pytest.raises(ConfigError, match="is no condition"):
        rules_in(str(file))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        ("rules: {a: 1}", "is not a list"),
        ("- a", "holds no keys"),
        ("rules: [7]", "7"),
    ],
)
def test_a_file_that_holds_no_rules_says_why(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "rules.yaml"
    if content is not None:
        file.write_text(content)
    (found,) = problems(tmp_path, f"alerts: {{rules_file: '{file}'}}")
    assert words in found


def test_an_empty_file_holds_no_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("")
    assert rules_in(str(file)) == []


def test_there_is_a_limit_to_rules(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"name": f"r{number}", "metric": "m", "condition": "> 1"} for number in range(MOST_LISTED_RULES + 1)
    ]
    found = problems(tmp_path, f"alerts: {{rules: {rules}}}")
    assert found == ["1: alerts.rules: holds 1,001 rules; 1,000 are the most"]
