"""alerts: what rules say is wrong and nobody looks after yet, rules that are not taken, channels that reach nobody."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from etlmon.contract.alerts import ALERT_CHANNELS, ALERT_RULES, ALERTS, Alert, AlertQuery, Delivery
from etlmon.contract.alerts_rules import AlertSeverity, ChannelInfo, RuleInfo
from etlmon.labels import write_labels
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems.problem import Problem, worst
from ui.state import NodeState, Question

RULES = Question(ALERT_RULES, pace="slow")
QUESTION = Question(ALERTS, AlertQuery(limit=1000), pace="slow")
CHANNELS = Question(ALERT_CHANNELS, pace="slow")
QUESTIONS = (RULES, QUESTION, CHANNELS)
"""The rules come first: they tell which alerts say what is said of a node already."""

Standing = Literal["active", "triggered", "silenced", "acknowledged", "resolved"]
"""How it stands with an alert for somebody who looks for work."""

ORDER: Final[tuple[Standing, ...]] = get_args(Standing)

NAMED = 3
"""So many alerts of one rule are named one by one; the others are counted."""

_SEVERITIES: Final[Mapping[AlertSeverity, State]] = {"critical": "crit", "warning": "warn", "info": "ok"}
_SIZES: Final[Mapping[str, float]] = {"_ms": 0.001, "_sec": 1.0, "_seconds": 1.0, "_minutes": 60.0, "_hours": 3600.0}


@dataclass(frozen=True, slots=True)
class Open:
    """How many alerts are active on a node, and how bad those are that nobody looks after."""

    count: int
    level: State


def standing(alert: Alert) -> Standing:
    """An alert that somebody looks after, or wants to hear nothing of, calls for nobody."""
    if alert.state == "resolved":
        return "resolved"
    if alert.acknowledged_at is not None:
        return "acknowledged"
    if alert.silenced_until is not None:
        return "silenced"
    return alert.state


def severity_level(severity: AlertSeverity) -> State:
    return _SEVERITIES[severity]


def level(alert: Alert) -> State:
    """How much an alert calls for somebody. One that has not lasted as long as its rule wants is not known yet."""
    how = standing(alert)
    if how == "triggered":
        return "unknown"
    return severity_level(alert.severity) if how == "active" else "ok"


def words(alert: Alert) -> str:
    """How it stands, in words."""
    how = standing(alert)
    if how == "acknowledged" and alert.acknowledged_by:
        return f"acknowledged by {alert.acknowledged_by}"
    return how


def summary(alert: Alert) -> str:
    """What is wrong, in a line."""
    return alert.summary or f"{alert.rule}: {series(alert.metric, alert.labels)} {alert.condition}".rstrip()


def series(metric: str, labels: Mapping[str, str]) -> str:
    """A number and its labels: `disk_busy_percent{device=sda}`."""
    return f"{metric}{{{write_labels(labels)}}}" if labels else metric


def number(metric: str, value: float | None, condition: str = "") -> str:
    """A value with the unit that the name of the metric promises; of a rate or a change, that of what changes."""
    if value is None or not math.isfinite(value):
        return NOTHING
    suffix = "/s" if condition.startswith("rate") else ""
    sign = "-" if value < 0 else ""
    name = metric.removesuffix("_total")
    if name.endswith("_per_second"):
        name, suffix = name.removesuffix("_per_second"), "/s"
    size = abs(value)
    if name.endswith("_bytes"):
        return f"{sign}{fmt.size(size)}{suffix}"
    if name.endswith("_percent"):
        return f"{sign}{fmt.percent(size, digits=1)}{suffix}"
    unit = next((unit for ending, unit in _SIZES.items() if name.endswith(ending)), None)
    if unit is not None and not suffix:
        return f"{sign}{fmt.duration(size * unit)}"
    return f"{sign}{_plain(size)}{suffix}"


def _plain(size: float) -> str:
    """A number without a unit: in full while it is whole and has room, else its first digits."""
    if size == int(size):
        return fmt.count(int(size)) if size < 1e9 else fmt.short_count(size)
    return f"{size:.3g}" if size < 1000 else fmt.short_count(size)


def rule_level(info: RuleInfo) -> State:
    """How it stands with a rule. That there is no number for one that came with the program is nothing unusual."""
    if info.state == "invalid":
        return "warn"
    if info.state == "no_data":
        return "ok" if info.origin == "builtin" else "unknown"
    return severity_level(info.rule.severity) if info.state == "firing" else "ok"


def rule_words(info: RuleInfo) -> str:
    """How it stands with a rule, in words."""
    if info.error:
        return info.error
    return "no such number has been seen" if info.state == "no_data" else info.state


def is_failing(channel: ChannelInfo) -> bool:
    """Whether the latest notice did not get through."""
    if channel.last_error_at is None:
        return False
    return channel.last_sent_at is None or channel.last_error_at > channel.last_sent_at


def channel_level(channel: ChannelInfo) -> State:
    """One whose notices are given up reaches nobody; one that is tried again may."""
    if not is_failing(channel):
        return "ok"
    return "warn" if channel.waiting else "crit"


def channel_words(channel: ChannelInfo) -> str:
    """How a channel fares, in words."""
    if not is_failing(channel):
        return "waiting" if channel.waiting else "ok"
    tried = "tried again" if channel.waiting else "given up"
    return f"{tried}: {channel.last_error or 'the notice did not get through'}"


def delivery_level(delivery: Delivery) -> State:
    """How it stands with a notice: given up, tried again, or well."""
    if delivery.state == "failed":
        return "crit"
    return "warn" if delivery.state == "waiting" and delivery.error else "ok"


def open_alerts(node: NodeState) -> Open | None:
    """The alerts that are active on a node; None while that is not known."""
    alerts = node.answer(QUESTION)
    if alerts is None:
        return None
    active = [alert for alert in alerts if alert.state == "active"]
    return Open(len(active), worst(map(level, active)))


def problems_but(is_said: Callable[[NodeState, Alert], bool]) -> Callable[[NodeState], Iterator[Problem]]:
    """The problems of a node, without what its domains say of it: `is_said` is whether one says what an alert does."""
    return lambda node: problems(node, lambda alert: is_said(node, alert))


def problems(node: NodeState, is_said: Callable[[Alert], bool] = lambda _: True) -> Iterator[Problem]:
    """Of the alerts of built-in rules those that their domains do not tell: `is_said` is whether one does."""
    rules = node.answer(RULES) or ()
    for info in rules:
        if info.state == "invalid":
            text = f"rule {info.rule.name} is not taken: {rule_words(info)}"
            yield Problem(level="warn", node=node.name, text=text, view="alerts", key=f"rule {info.rule.name}")
    builtin = {info.rule.name for info in rules if info.origin == "builtin"}
    yield from _alerts(node, lambda alert: alert.rule in builtin and is_said(alert))
    for channel in node.answer(CHANNELS) or ():
        if (severity := channel_level(channel)) != "ok":
            yield Problem(
                level=severity,
                node=node.name,
                since=node.here(channel.last_error_at),
                text=f"channel {channel.name}: notices are {channel_words(channel)}",
                view="alerts",
                key=f"channel {channel.name}",
            )


def _alerts(node: NodeState, is_said: Callable[[Alert], bool]) -> Iterator[Problem]:
    """The alerts that call for somebody, but those that tell what their domains tell anyhow."""
    by_rule: dict[str, list[Alert]] = {}
    for alert in node.answer(QUESTION) or ():
        if level(alert) in ("crit", "warn") and not is_said(alert):
            by_rule.setdefault(alert.rule, []).append(alert)
    for rule, alerts in by_rule.items():
        yield from _of_rule(node, rule, alerts)


def _of_rule(node: NodeState, rule: str, alerts: Sequence[Alert]) -> Iterator[Problem]:
    shown = len(alerts) if len(alerts) == NAMED + 1 else NAMED
    for alert in alerts[:shown]:
        since = node.here(alert.active_at or alert.triggered_at)
        yield Problem(
            level=level(alert), node=node.name, since=since, text=summary(alert), view="alerts", key=str(alert.id)
        )
    if rest := alerts[shown:]:
        text = f"{fmt.count(len(rest))} more alerts of {rule}"
        yield Problem(level=worst(map(level, rest)), node=node.name, text=text, view="alerts")
