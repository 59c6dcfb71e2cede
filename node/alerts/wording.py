"""A message in words, for people: the lines that e-mail, Slack and apprise have in common."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from etlmon.contract.alerts import Alert
from etlmon.units import Duration
from node.alerts.notices import Message, one_line
from node.rules.templates import number

MOST_LISTED = 10
"""Alerts that a message lists; of the others it says how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One alert: what happened in one word, which, and what else is to be said, a line each."""

    mark: str
    summary: str
    lines: tuple[str, ...]


def heading(message: Message) -> str:
    """One line that names the severity, the node and what it is about."""
    word = {"resolved": "RESOLVED", "test": "TEST"}.get(message.kind, message.severity.upper())
    if not message.firing and message.kind != "test":
        word = "RESOLVED"
    title = message.title.removeprefix("resolved: ") if word == "RESOLVED" else message.title
    return f"{word} {message.node}: {title}"


def paragraphs(message: Message) -> list[Paragraph]:
    """What is told, the beginnings before the ends, the worst first; no more than MOST_LISTED."""
    began = (_began(alert) for alert in message.firing)
    ended = (_ended(alert) for alert in message.resolved)
    return list(chain(began, ended))[:MOST_LISTED]


def closing(message: Message) -> list[str]:
    """What comes after: how many are not listed and of which rules, where to look, who says it."""
    lines = []
    alerts = message.alerts
    if rest := message.more + max(0, len(alerts) - MOST_LISTED):
        lines.append(f"and {rest} more")
    if message.kind == "digest":
        counts = Counter(alert.rule for alert in alerts)
        lines.append("by rule: " + ", ".join(f"{one_line(rule)} {count}" for rule, count in counts.most_common(10)))
    if message.url:
        lines.append(f"all that is open: {message.url}")
    lines.append(f"etlmon on {message.node}, {moment(message.at)}")
    return lines


def text(message: Message) -> str:
    """The whole message as plain text."""
    blocks = [
        "\n".join([f"{one.mark}  {one.summary}", *(f"  {line}" for line in one.lines)]) for one in paragraphs(message)
    ]
    if not blocks:
        blocks = [message.title]
    return "\n\n".join([*blocks, "\n".join(closing(message))]) + "\n"


def moment(at: datetime) -> str:
    """`2026-11-21 06:00:00 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _began(alert: Alert) -> Paragraph:
    now = "" if alert.value is None else f", now {number(alert.value)}"
    lines = [*_description(alert), f"{_series(alert)} {one_line(alert.condition)}{now}".strip(), _rule(alert)]
    lines.append(f"since {moment(alert.triggered_at)}")
    return Paragraph(mark=alert.severity.upper(), summary=_summary(alert), lines=tuple(lines))


def _ended(alert: Alert) -> Paragraph:
    lines = [one_line(alert.resolved_because)] if alert.resolved_because else []
    lines.append(_rule(alert))
    if alert.resolved_at is not None:
        lasted = Duration(max(0, round((alert.resolved_at - alert.triggered_at).total_seconds())))
        worst = "" if alert.worst is None else f", worst {number(alert.worst)}"
        lines.append(f"from {moment(alert.triggered_at)} to {moment(alert.resolved_at)} ({lasted}{worst})")
    return Paragraph(mark="RESOLVED", summary=_summary(alert), lines=tuple(lines))


def _summary(alert: Alert) -> str:
    return one_line(alert.summary) or alert.rule


def _description(alert: Alert) -> Sequence[str]:
    return [line.strip() for line in alert.description.splitlines() if line.strip()]


def _series(alert: Alert) -> str:
    labels = ", ".join(f"{name}={one_line(value)}" for name, value in sorted(alert.labels.items()))
    return f"{one_line(alert.metric)}{{{labels}}}" if labels else one_line(alert.metric)


def _rule(alert: Alert) -> str:
    return f"rule {one_line(alert.rule)}, {alert.severity}"
