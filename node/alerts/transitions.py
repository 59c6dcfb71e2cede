"""What becomes of one alert: triggered, active, resolved. Pure: an alert goes in, the alert as it is then comes out."""

from datetime import datetime

from msgspec.structs import replace

from etlmon.labels import Labels
from node.alerts.judge import Reading
from node.rules.alert import OpenAlert
from node.rules.rule import Rule

GONE_SEC = 60.0
"""How long a number must be missing before it is gone: one that is late by a look or two comes back."""

IS_OVER = "it does not hold any more"
IS_GONE = "its number is gone"
WAS_REMOVED = "the rule was removed"
WAS_SWITCHED_OFF = "the rule was switched off"
WAS_CHANGED = "the rule was changed"
IS_THERE = "there is such a number"


def is_about(alert: OpenAlert, rule: Rule) -> bool:
    """Whether a rule, perhaps another one than that which opened the alert, speaks of the same number."""
    if alert.metric != rule.metric or (alert.condition == "absent") != (rule.condition.of == "absent"):
        return False
    return alert.labels == rule.absent_labels if rule.condition.of == "absent" else rule.fits(alert.labels)


def begun(rule: Rule, labels: Labels, reading: Reading, now: datetime, node: str) -> OpenAlert:
    """An alert whose condition holds for the first time; active at once when the rule does not want to wait."""
    summary, description = rule.words(node, labels, reading.value)
    is_active = not rule.spec.for_
    return OpenAlert(
        rule=rule.name,
        labels=labels,
        metric=rule.metric,
        severity=rule.spec.severity,
        channels=_channels(rule),
        owner=reading.owner,
        state="active" if is_active else "triggered",
        value=reading.value,
        worst=reading.value,
        condition=rule.condition.text,
        summary=summary,
        description=description,
        triggered_at=now,
        active_at=now if is_active else None,
        updated_at=now,
    )


def judged(alert: OpenAlert, rule: Rule, reading: Reading, now: datetime, node: str) -> OpenAlert:
    """An alert whose number is there."""
    value = reading.value
    if value is None:
        return replace(alert, owner=reading.owner, updated_at=now)
    holds = rule.condition.holds(value)
    if alert.state == "triggered" and not holds:
        return resolved(alert, _why(alert, rule), now, value)
    if alert.state == "active":
        is_over = rule.clear.holds(value) if rule.clear is not None else not holds
        if is_over:
            return resolved(alert, _why(alert, rule), now, value)
    return _goes_on(alert, rule, reading, now, node)


def absent(alert: OpenAlert, rule: Rule, now: datetime, node: str) -> OpenAlert:
    """An alert that there is no such number, while there is none."""
    return _goes_on(alert, rule, Reading("", None), now, node)


def missed(alert: OpenAlert, now: datetime) -> OpenAlert:
    """An alert whose number is not there, although who states it works."""
    is_gone = (now - alert.updated_at).total_seconds() >= GONE_SEC
    return resolved(alert, IS_GONE, now) if is_gone else alert


def resolved(alert: OpenAlert, because: str, now: datetime, value: float | None = None) -> OpenAlert:
    """An alert that is over."""
    return replace(
        alert,
        state="resolved",
        resolved_at=now,
        resolved_because=because,
        value=alert.value if value is None else value,
        updated_at=now if value is not None else alert.updated_at,
    )


def not_after(alert: OpenAlert, now: datetime) -> OpenAlert:
    """The same alert on a clock that was set back: nothing of it lies in the future, so no wait is longer than told."""
    if all(at is None or at <= now for at in (alert.triggered_at, alert.active_at, alert.told_at, alert.updated_at)):
        return alert
    return replace(
        alert,
        triggered_at=min(alert.triggered_at, now),
        active_at=min(alert.active_at, now) if alert.active_at is not None else None,
        told_at=min(alert.told_at, now) if alert.told_at is not None else None,
        updated_at=min(alert.updated_at, now),
    )


def reworded(alert: OpenAlert, rule: Rule, node: str) -> OpenAlert:
    """The same alert, described by its newest number."""
    summary, description = rule.words(node, alert.labels, alert.value)
    if (summary, description) == (alert.summary, alert.description):
        return alert
    return replace(alert, summary=summary, description=description)


def _goes_on(alert: OpenAlert, rule: Rule, reading: Reading, now: datetime, node: str) -> OpenAlert:
    waited = (now - alert.triggered_at).total_seconds() >= rule.spec.for_
    becomes_active = alert.state == "triggered" and waited
    after = replace(
        alert,
        severity=rule.spec.severity,
        channels=_channels(rule),
        condition=rule.condition.text,
        owner=reading.owner,
        state="active" if becomes_active else alert.state,
        active_at=now if becomes_active else alert.active_at,
        value=reading.value,
        worst=_worst(alert, rule, reading.value),
        updated_at=now,
    )
    return reworded(after, rule, node) if becomes_active or after.severity != alert.severity else after


def _worst(alert: OpenAlert, rule: Rule, value: float | None) -> float | None:
    if value is None or alert.worst is None:
        return value if alert.worst is None else alert.worst
    return value if rule.condition.is_worse(value, alert.worst) else alert.worst


def _why(alert: OpenAlert, rule: Rule) -> str:
    return IS_OVER if alert.condition == rule.condition.text else WAS_CHANGED


def _channels(rule: Rule) -> tuple[str, ...] | None:
    return None if rule.spec.channels is None else tuple(rule.spec.channels)
