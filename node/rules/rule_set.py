"""All the rules of a node: built in, from its configuration, from a file, and added over the API. Each name once."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlmon.config import ConfigError, load
from etlmon.config.words import did_you_mean
from etlmon.contract.alerts_rules import AlertRule, RuleOrigin
from node.rules.builtin import builtin_rules
from node.rules.errors import RuleError
from node.rules.rule import Rule, compile_rule, read_rule, rule_problems
from node.section import Section
from node.settings import NodeSettings

MOST_LISTED_RULES = 1000
"""In one list of a configuration."""


class RulesFile(Section, frozen=True, kw_only=True):
    """The file that alerts.rules_file names: one key, `rules`, written as alerts.rules is."""

    rules: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Invalid:
    """A rule that cannot be used, and why."""

    spec: AlertRule
    origin: RuleOrigin
    reason: str


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules to judge by, those that are switched off among them, and the ones that cannot be used."""

    rules: Sequence[Rule]
    invalid: Sequence[Invalid] = ()


def rule_set(settings: NodeSettings, from_file: Iterable[AlertRule], stored: Iterable[AlertRule]) -> RuleSet:
    """Each name once: of two the one that comes later is invalid.

    Settings and file were checked; what was added over the API was, too, but against the settings of its time.
    """
    rules: dict[str, Rule] = {}
    invalid: list[Invalid] = []
    channels = {channel.name for channel in settings.alerts.channels}
    for origin, spec in _specs(settings, from_file, stored):
        problem = next(unknown_channels(spec, channels), None)
        if spec.name in rules:
            problem = RuleError(_taken(spec.name, rules[spec.name].origin), "name")
        try:
            rule = compile_rule(spec, origin)
        except RuleError as error:
            problem = error
        if problem is not None:
            invalid.append(Invalid(spec, origin, str(problem)))
        else:
            rules[spec.name] = rule
    return RuleSet(tuple(rules.values()), tuple(invalid))


def rules_in(path: str) -> list[AlertRule]:
    """The rules of a file. Raises ConfigError with every problem of it, by file, line and key."""
    loaded = load(Path(path), RulesFile, env={}, check=lambda file: _problems(file.rules, "rules"))
    return [read_rule(raw) for raw in loaded.settings.rules]


def check_rules(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    """What is wrong with the rules of a configuration, the file that it names included: (key path, words)."""
    alerts = settings.alerts
    known = [rule.name for rule in builtin_rules(settings)]
    for index, name in enumerate(alerts.builtin_disabled):
        if name not in known:
            yield f"alerts.builtin_disabled[{index}]", f'"{name}" is no built-in rule{did_you_mean(name, known)}'
    taken = {
        name: f'"{name}" is a built-in rule; add it to alerts.builtin_disabled or choose another name'
        for name in _builtin_names(settings)
    }
    channels = {channel.name for channel in alerts.channels}
    yield from _problems(alerts.rules, "alerts.rules", taken, channels)
    if alerts.rules_file is not None:
        yield from _file_problems(alerts.rules_file, taken, channels)


def unknown_channels(spec: AlertRule, channels: Collection[str]) -> Iterator[RuleError]:
    """The channels of a rule that the node does not have."""
    for index, name in enumerate(spec.channels or ()):
        if name not in channels:
            there = did_you_mean(name, sorted(channels)) if channels else "; alerts.channels is empty"
            yield RuleError(f'"{name}" is no channel{there}', f"channels[{index}]")


def _specs(
    settings: NodeSettings, from_file: Iterable[AlertRule], stored: Iterable[AlertRule]
) -> Iterator[tuple[RuleOrigin, AlertRule]]:
    names = _builtin_names(settings)
    yield from (("builtin", rule) for rule in builtin_rules(settings) if rule.name in names)
    yield from (("config", read_rule(raw)) for raw in settings.alerts.rules)
    yield from (("file", rule) for rule in from_file)
    yield from (("api", rule) for rule in stored)


def _builtin_names(settings: NodeSettings) -> list[str]:
    alerts = settings.alerts
    names = [rule.name for rule in builtin_rules(settings)] if alerts.builtin else []
    return [name for name in names if name not in alerts.builtin_disabled]


def _taken(name: str, origin: RuleOrigin) -> str:
    where = {"builtin": "is a built-in rule", "config": "stands in alerts.rules", "file": "stands in alerts.rules_file"}
    return f'"{name}" {where.get(origin, "was added already")}; each rule needs a name of its own'


def _problems(
    rules: Sequence[Mapping[str, Any]],
    section: str,
    taken: dict[str, str] | None = None,
    channels: Collection[str] | None = None,
) -> Iterator[tuple[str, str]]:
    """`taken` says of each name why it cannot be used again; the names of these rules are added."""
    taken = {} if taken is None else taken
    if len(rules) > MOST_LISTED_RULES:
        yield section, f"holds {len(rules):,} rules; {MOST_LISTED_RULES:,} are the most"
    for index, raw in enumerate(rules):
        where = f"{section}[{index}]"
        problems = rule_problems(raw)
        if not problems and channels is not None:
            problems = list(unknown_channels(read_rule(raw), channels))
        for error in problems:
            yield f"{where}.{error.key}" if error.key else where, error.message
        name = raw.get("name")
        if isinstance(name, str):
            if name in taken:
                yield f"{where}.name", taken[name]
            taken.setdefault(name, f'"{name}" stands at {where} already; each must differ')


def _file_problems(path: str, taken: dict[str, str], channels: Collection[str]) -> Iterator[tuple[str, str]]:
    try:
        load(Path(path), RulesFile, env={}, check=lambda file: _problems(file.rules, "rules", taken, channels))
    except ConfigError as error:
        for finding in error.findings:
            yield "alerts.rules_file", str(finding)
