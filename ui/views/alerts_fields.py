"""The columns of the Alerts view: of alerts, silences, notices, rules and channels."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from etlmon.contract.alerts import Alert, Delivery, DeliveryState, NoticeKind
from etlmon.contract.alerts_rules import AlertSeverity, ChannelInfo, RuleInfo, RuleState, Silence
from etlmon.labels import write_labels
from ui import format as fmt
from ui.format import TimeStyle
from ui.glyphs import NOTHING, UNICODE
from ui.problems import alerts as alerts_problems
from ui.problems.alerts import Standing
from ui.problems.problem import rank
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.views.times import clock_text, past_cell
from ui.widgets.cells import Cell

SEVERITIES: Final[Mapping[AlertSeverity, str]] = {"critical": "CRIT", "warning": "WARN", "info": "INFO"}
_STANDINGS: Final[Mapping[Standing, Cell]] = {
    "silenced": ("· silenced", "dim"),
    "acknowledged": ("✓ acked", "dim"),
    "resolved": ("● resolved", "ok"),
}
_RULE_WORDS: Final[Mapping[RuleState, str]] = {"no_data": "no data"}
_KINDS: Final[Mapping[NoticeKind, str]] = {"firing": "alert"}
_DELIVERY_CELLS: Final[Mapping[DeliveryState, Cell]] = {"sent": ("● sent", "ok"), "suppressed": ("· silenced", "dim")}


def _time_width(times: TimeStyle) -> int:
    """Times on a clock take more room than times from now."""
    return 10 if times == "relative" else 11


def severity_cell(alert: Alert) -> Cell:
    """How bad it is by its rule; dimmed when it calls for nobody any more, or not yet."""
    level = alerts_problems.severity_level(alert.severity)
    sign, tone = ("·", "info") if alert.severity == "info" else (UNICODE.state(level), level_tone(level))
    calls = alerts_problems.standing(alert) == "active"
    return (f"{sign} {SEVERITIES[alert.severity]}", tone if calls else "dim")


def standing_cell(row: Row[Alert]) -> Cell:
    """How it stands, in a word."""
    how = alerts_problems.standing(row.item)
    if how == "active" and row.item.severity == "info":
        return ("· active", "info")
    return _STANDINGS.get(how) or level_cell(row.level, how)


def who_cell(row: Row[Alert]) -> Cell:
    """Who looks after it; of a silenced one until when nobody is told."""
    alert = row.item
    if alert.acknowledged_by:
        return alert.acknowledged_by
    if alert.silenced_until is not None and alert.state != "resolved":
        return (f"→ {ahead_text(row, alert.silenced_until)}", "dim")
    return (NOTHING, "dim")


def ahead_text(row: Row[Any], moment: datetime) -> str:
    """A time to come, in few cells."""
    if row.times == "relative":
        return fmt.ahead((moment - row.now).total_seconds())
    return clock_text(row, moment, zone=False)


def value_text(alert: Alert) -> str:
    return alerts_problems.number(alert.metric, alert.value, alert.condition)


def open_fields(times: TimeStyle) -> tuple[Field[Alert], ...]:
    return (
        Field("severity", "SEV", 6, lambda row: severity_cell(row.item),
              lambda row: rank(alerts_problems.severity_level(row.item.severity))),
        Field("alert", "ALERT", 24, lambda row: alerts_problems.summary(row.item),
              lambda row: alerts_problems.summary(row.item), flex=True),
        Field("rule", "RULE", 14, lambda row: (row.item.rule, "dim"), lambda row: row.item.rule, flex=True, most=24,
              priority=4),
        Field("value", "VALUE", 9, lambda row: value_text(row.item), lambda row: row.item.value, right=True,
              priority=2),
        Field("since", "SINCE", _time_width(times), lambda row: past_cell(row, row.item.triggered_at),
              lambda row: row.item.triggered_at, right=True),
        Field("state", "STATE", 11, standing_cell,
              lambda row: alerts_problems.ORDER.index(alerts_problems.standing(row.item))),
        Field("who", "ACK", 10, who_cell, lambda row: row.item.acknowledged_by or None, priority=3),
        Field("told", "TOLD", 4, lambda row: (fmt.count(row.item.notices), None if row.item.notices else "dim"),
              lambda row: row.item.notices, right=True, priority=5),
    )  # fmt: skip


def lasted_sec(row: Row[Alert]) -> float:
    """How long it was wrong, or has been so far."""
    return max(0.0, ((row.item.resolved_at or row.now) - row.item.triggered_at).total_seconds())


def lasted_cell(row: Row[Alert]) -> Cell:
    return (fmt.duration(lasted_sec(row)), "info" if row.item.resolved_at is None else None)


def history_fields(times: TimeStyle) -> tuple[Field[Alert], ...]:
    return (
        Field("time", "TIME", _time_width(times), lambda row: past_cell(row, row.item.triggered_at),
              lambda row: row.item.triggered_at, right=True),
        Field("severity", "SEV", 6, lambda row: severity_cell(row.item),
              lambda row: rank(alerts_problems.severity_level(row.item.severity))),
        Field("alert", "ALERT", 24, lambda row: alerts_problems.summary(row.item),
              lambda row: alerts_problems.summary(row.item), flex=True),
        Field("rule", "RULE", 14, lambda row: (row.item.rule, "dim"), lambda row: row.item.rule, flex=True, most=24,
              priority=4),
        Field("worst", "WORST", 9,
              lambda row: alerts_problems.number(row.item.metric, row.item.worst, row.item.condition),
              lambda row: row.item.worst, right=True, priority=2),
        Field("lasted", "LASTED", 11, lasted_cell, lasted_sec, right=True, priority=1),
        Field("state", "STATE", 11, standing_cell,
              lambda row: alerts_problems.ORDER.index(alerts_problems.standing(row.item))),
        Field("why", "WHY", 20, lambda row: (row.item.resolved_because, "dim"), flex=True, priority=3),
    )  # fmt: skip


def silence_cell(silence: Silence) -> Cell:
    """Which alerts it covers."""
    labels = write_labels(silence.labels)
    rule = silence.rule or "every rule"
    return [(rule, None), (f"  {labels}", "dim")] if labels else rule


def silence_state_cell(silence: Silence) -> Cell:
    return ("▶ active", "info") if silence.active else ("○ planned", "dim")


def silence_fields(times: TimeStyle) -> tuple[Field[Silence], ...]:
    width = _time_width(times)
    return (
        Field("state", "STATE", 9, lambda row: silence_state_cell(row.item), lambda row: not row.item.active),
        Field("covers", "COVERS", 24, lambda row: silence_cell(row.item), lambda row: row.item.rule, flex=True),
        Field("alerts", "ALERTS", 6, lambda row: fmt.count(row.item.matched), lambda row: row.item.matched, right=True,
              priority=1),
        Field("starts", "STARTS", width, lambda row: past_cell(row, row.item.starts_at),
              lambda row: row.item.starts_at, right=True, priority=2),
        Field("ends", "ENDS", width, lambda row: ahead_text(row, row.item.ends_at), lambda row: row.item.ends_at,
              right=True),
        Field("by", "BY", 10, lambda row: row.item.created_by, lambda row: row.item.created_by, priority=3),
        Field("reason", "REASON", 16, lambda row: (row.item.reason, "dim"), flex=True),
    )  # fmt: skip


def delivery_cell(row: Row[Delivery]) -> Cell:
    """How far a notice got."""
    known = _DELIVERY_CELLS.get(row.item.state)
    if known is not None:
        return known
    return level_cell(row.level, "given up" if row.item.state == "failed" else row.item.state)


def _delivery_why(row: Row[Delivery]) -> Cell:
    notice = row.item
    again = ""
    if notice.state == "waiting" and notice.next_try_at is not None:
        again = f"{'again ' if notice.attempts else ''}{ahead_text(row, notice.next_try_at)}"
    return (": ".join(part for part in (again, notice.error or "") if part), level_tone(row.level))


def delivery_fields(times: TimeStyle) -> tuple[Field[Delivery], ...]:
    return (
        Field("time", "TIME", _time_width(times), lambda row: past_cell(row, row.item.created_at),
              lambda row: row.item.created_at, right=True),
        Field("channel", "CHANNEL", 12, lambda row: row.item.channel, lambda row: row.item.channel, flex=True,
              most=20),
        Field("kind", "KIND", 8, lambda row: _KINDS.get(row.item.kind, row.item.kind), lambda row: row.item.kind,
              priority=1),
        Field("notice", "NOTICE", 24, lambda row: row.item.title, lambda row: row.item.title, flex=True),
        Field("tries", "TRIES", 5, lambda row: fmt.count(row.item.attempts), lambda row: row.item.attempts, right=True,
              priority=2),
        Field("state", "STATE", 10, delivery_cell, lambda row: row.item.state),
        Field("why", "WHY", 20, _delivery_why, flex=True, priority=3),
    )  # fmt: skip


def rule_state_cell(row: Row[RuleInfo]) -> Cell:
    state = row.item.state
    words = _RULE_WORDS.get(state, state)
    if row.level == "ok" and state in ("no_data", "disabled"):
        return (f"· {words}", "dim")
    return level_cell(row.level, "" if state == "ok" else words)


def when_text(info: RuleInfo) -> str:
    """What must hold, and for how long."""
    rule = info.rule
    lasting = f" for {rule.for_}" if rule.for_ else ""
    return f"{alerts_problems.series(rule.metric, rule.labels)} {rule.condition}{lasting}"


def rule_fields(times: TimeStyle) -> tuple[Field[RuleInfo], ...]:
    return (
        Field("rule", "RULE", 18, lambda row: row.item.rule.name, lambda row: row.item.rule.name, flex=True, most=32),
        Field("severity", "SEV", 4, lambda row: SEVERITIES[row.item.rule.severity],
              lambda row: rank(alerts_problems.severity_level(row.item.rule.severity)), priority=2),
        Field("when", "WHEN", 24, lambda row: (when_text(row.item), "dim"), lambda row: row.item.rule.metric,
              flex=True),
        Field("from", "FROM", 7, lambda row: row.item.origin, lambda row: row.item.origin, priority=3),
        Field("series", "SERIES", 6, lambda row: fmt.count(row.item.series), lambda row: row.item.series, right=True,
              priority=4),
        Field("firing", "FIRING", 6, lambda row: (fmt.count(row.item.firing), None if row.item.firing else "dim"),
              lambda row: row.item.firing, right=True, priority=1),
        Field("state", "STATE", 10, rule_state_cell, lambda row: row.item.state),
    )  # fmt: skip


def channel_cell(row: Row[ChannelInfo]) -> Cell:
    if row.level == "ok":
        return ("· waiting", "info") if row.item.waiting else level_cell("ok")
    return level_cell(row.level, "failing")


def channel_fields(times: TimeStyle) -> tuple[Field[ChannelInfo], ...]:
    return (
        Field("channel", "CHANNEL", 12, lambda row: row.item.name, lambda row: row.item.name, flex=True, most=24),
        Field("type", "TYPE", 12, lambda row: row.item.type, lambda row: row.item.type, priority=2),
        Field("target", "TARGET", 20, lambda row: row.item.target, lambda row: row.item.target, flex=True, priority=1),
        Field("waiting", "WAIT", 5, lambda row: fmt.short_count(row.item.waiting), lambda row: row.item.waiting,
              right=True),
        Field("failed", "FAILED", 6, lambda row: fmt.short_count(row.item.failed), lambda row: row.item.failed,
              right=True),
        Field("sent", "SENT", _time_width(times), lambda row: past_cell(row, row.item.last_sent_at),
              lambda row: row.item.last_sent_at, right=True),
        Field("state", "STATE", 10, channel_cell, lambda row: row.item.waiting),
        Field("why", "WHY", 20, lambda row: (row.item.last_error or "" if row.level != "ok" else "",
              level_tone(row.level)), flex=True, priority=3),
    )  # fmt: skip
