"""One rule: read from what people write, checked, and made ready to judge with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import inspect

from etlmon.clean import clean
from etlmon.config.words import describe, did_you_mean, with_article
from etlmon.contract.alerts_rules import AlertRule, RuleOrigin
from etlmon.labels import Labels
from etlmon.rule_conditions import Condition, Of, parse_condition
from etlmon.rule_spellings import Spelled, shown
from etlmon.units import Duration
from node.rules.errors import RuleError
from node.rules.matchers import Matcher, all_fit, compile_matchers
from node.rules.templates import Facts, Template, parse_template

_UNSAID: Mapping[Of, str] = MappingProxyType(
    {
        "value": " is {{ value }} ({{ condition }})",
        "rate": ": {{ condition }}, it is {{ value }} now",
        "delta": ": {{ condition }}, it is {{ value }} now",
        "absent": " is absent",
    }
)
"""How a rule without a summary goes on after it named the number."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was checked, ready to judge with."""

    spec: AlertRule
    origin: RuleOrigin
    condition: Condition
    clear: Condition | None
    matchers: tuple[Matcher, ...]
    summary: Template
    description: Template

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def metric(self) -> str:
        return self.spec.metric

    @property
    def absent_labels(self) -> Labels:
        """The labels of the alert that there is no such number: those that are known without one."""
        return tuple(sorted((m.label, m.equals) for m in self.matchers if m.equals))

    def is_for(self, node: str) -> bool:
        """Whether it is switched on, here."""
        return self.spec.enabled and (not self.spec.nodes or node in self.spec.nodes)

    def fits(self, labels: Labels) -> bool:
        return all_fit(self.matchers, labels)

    def words(self, node: str, labels: Labels, value: float | None) -> tuple[str, str]:
        """The summary and the description of an alert."""
        facts = Facts(
            node=node,
            rule=self.name,
            metric=self.metric,
            severity=self.spec.severity,
            condition=self.condition.text,
            threshold=self.condition.threshold,
            value=value,
            labels=dict(labels),
        )
        number = "{{ metric }} of {{ labels }}" if labels else "{{ metric }}"
        summary = self.summary if self.summary.text else Template(number + _UNSAID[self.condition.of])
        return summary.render(facts), self.description.render(facts)


def compile_rule(spec: AlertRule, origin: RuleOrigin) -> Rule:
    """Raises RuleError that names the key which cannot be used."""
    rule, problems = _compiled(spec, origin)
    if rule is None:
        raise problems[0]
    return rule


def read_rule(raw: object) -> AlertRule:
    """A rule as it stands in YAML, in either spelling, checked to the last. Raises RuleError with its first problem."""
    spec, problems = _read(raw)
    if spec is None or problems:
        raise problems[0]
    return spec


def rule_problems(raw: object) -> list[RuleError]:
    """Everything that is wrong with a rule as it stands in YAML, by the keys it is written with."""
    return _read(raw)[1]


def _read(raw: object) -> tuple[AlertRule | None, list[RuleError]]:
    if not isinstance(raw, Mapping):
        return None, [RuleError(f"{shown(raw)} is not a rule; write name, metric and condition")]
    spelled = Spelled(raw)
    values, problems = dict[str, Any](), [RuleError(one.message, one.key) for one in spelled.problems]
    fields = {field.encode_name: field for field in msgspec.structs.fields(AlertRule)}
    for key, value in spelled.values.items():
        place = spelled.written[key]
        if value is None:
            continue
        if key not in fields:
            problems.append(RuleError("unknown key" + did_you_mean(place, [*fields]), place))
            continue
        try:
            values[fields[key].name] = _converted(value, fields[key].type, place)
        except RuleError as error:
            problems.append(error)
    for key, field in fields.items():
        if field.required and key not in spelled.values:
            problems.append(RuleError("is missing", key))
    if any(field.required and field.name not in values for field in fields.values()):
        return None, problems
    spec = AlertRule(**values)
    _, found = _compiled(spec, "config")
    problems += [RuleError(error.message, _as_written(error.key, spelled.written)) for error in found]
    return spec, problems


def _as_written(key: str, written: Mapping[str, str]) -> str:
    first, dot, rest = key.partition(".")
    return written.get(first, first) + dot + rest


def _converted(value: Any, type_: Any, place: str) -> Any:
    info = inspect.type_info(type_)
    try:
        if isinstance(info, inspect.CustomType):
            return Duration.parse(value)
        if place in ("condition", "condition.threshold"):
            return msgspec.convert(value, str)
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, ValueError) as error:
        expected = getattr(getattr(info, "cls", None), "expected", None) or with_article(describe(info))
        if place in ("condition", "clear"):
            expected = "a condition in quotes, for example '> 90'"
        raise RuleError(f"{shown(value)} is not {expected}", place) from error


def _compiled(spec: AlertRule, origin: RuleOrigin) -> tuple[Rule | None, list[RuleError]]:
    problems = list(_odd_names(spec))

    def attempt(work: Any, *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except RuleError as error:
            problems.append(error)
            return None

    condition = attempt(_condition, spec.condition, "condition")
    clear = attempt(_clear, condition, spec.clear) if condition and spec.clear is not None else None
    matchers = attempt(compile_matchers, spec.labels)
    summary = attempt(parse_template, spec.summary, "summary")
    description = attempt(parse_template, spec.description, "description")
    if problems:
        return None, problems
    return Rule(spec, origin, condition, clear, matchers, summary, description), []


def _odd_names(spec: AlertRule) -> Iterator[RuleError]:
    name = spec.name
    if name != name.strip() or not name or clean(name) != name or "/" in name:
        yield RuleError(f"{shown(name)} is no name: no / and nothing invisible may stand in it", "name")
    if any(character.isspace() for character in spec.metric) or "{" in spec.metric:
        yield RuleError(f"{shown(spec.metric)} is no name of a number; its labels stand in labels", "metric")


def _condition(text: str, key: str) -> Condition:
    """Raises RuleError with an example."""
    try:
        return parse_condition(text)
    except ValueError as error:
        raise RuleError(str(error), key) from error


def _clear(condition: Condition, text: str) -> Condition:
    """When an alert is over. Raises RuleError when that could be true together with the condition."""
    clear = _condition(text, "clear")
    if condition.of == "absent" or clear.of == "absent":
        raise RuleError("absent has nothing to compare with; leave clear out", "clear")
    if clear.of != "value" and (clear.of, clear.window_sec) != (condition.of, condition.window_sec):
        raise RuleError(f"looks at another number than the condition {condition.text}", "clear")
    low, high = sorted((condition.threshold, clear.threshold))
    margin = 1 + abs(low) + abs(high)
    for value in (low - margin, low, (low + high) / 2, high, high + margin):
        if condition.holds(value) and clear.holds(value):
            raise RuleError(f'"{text}" is true of {value:g}, and so is the condition {condition.text}', "clear")
    return clear
