"""All that is to be said of an alert, a silence, a notice, a rule, or a channel."""

from collections.abc import Mapping, Sequence
from typing import Any

from etlmon.contract.alerts import ALERT_DELIVERIES, Alert, BacktestResult, Delivery, DeliveryQuery
from etlmon.contract.alerts_rules import ChannelInfo, RuleInfo, Silence
from etlmon.labels import write_labels
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import alerts as alerts_problems
from ui.state import Question
from ui.views.alerts_chart import chart_of, chart_question
from ui.views.alerts_fields import (
    SEVERITIES,
    ahead_text,
    delivery_cell,
    lasted_cell,
    rule_state_cell,
    severity_cell,
    silence_state_cell,
    standing_cell,
    value_text,
    when_text,
)
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.rows import Row, counted, level_tone
from ui.views.times import past_cell, whole_text
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid

_ASKED = 100
_SHOWN = 20

DELIVERIES = Question(ALERT_DELIVERIES, DeliveryQuery(limit=_ASKED), pace="slow")
"""The newest notices; those about one alert are picked out of them."""


def alert_questions(row: Row[Alert]) -> tuple[Question[Any], ...]:
    """The notices, the history of its number, and what happened."""
    chart = chart_question(row.item)
    return DELIVERIES, events_question("alerts", row.item.rule), *([] if chart is None else [chart])


def alert_detail(row: Row[Alert]) -> Detail:
    alert = row.item
    return Detail(
        title=alerts_problems.summary(alert),
        charts=chart_of(row),
        sections=(
            Section(alerts_problems.summary(alert), _alert_facts(row)),
            *([Section("What to do", [[(line, None)] for line in alert.description.splitlines()])]
              if alert.description else []),
            Section("Labels", facts(*alert.labels.items()), "Its number has none."),
            _rule_section(row),
            _notices_section(row, f"Notices about it, of the newest {_ASKED}", alert),
            events_section(row, events_question("alerts", alert.rule)),
        ),
    )  # fmt: skip


def _alert_facts(row: Row[Alert]) -> list[Line]:
    alert = row.item
    known: list[tuple[str, Cell]] = [
        ("severity", severity_cell(alert)),
        ("state", standing_cell(row)),
        ("number", alert.metric),
        ("value", [(value_text(alert), None), (f"   must not be {alert.condition}", "dim")]),
        ("worst", alerts_problems.number(alert.metric, alert.worst, alert.condition)),
        ("wrong since", whole_text(row, alert.triggered_at)),
        ("active since", whole_text(row, alert.active_at)),
        *([("resolved", whole_text(row, alert.resolved_at))] if alert.resolved_at is not None else []),
        *([("because", alert.resolved_because)] if alert.resolved_because else []),
        ("lasted", lasted_cell(row)),
        ("acknowledged", _acknowledged(row)),
        ("silenced", _silenced(row)),
        ("told", counted(alert.notices, "notice")),
        ("looked at", row.when(alert.updated_at)),
        ("id", str(alert.id)),
    ]
    return facts(*known)


def _acknowledged(row: Row[Alert]) -> Cell:
    alert = row.item
    if alert.acknowledged_at is None:
        return ("nobody looks after it (A)" if alert.state != "resolved" else "nobody did", "dim")
    said = f": {alert.comment}" if alert.comment else ""
    return f"by {alert.acknowledged_by or 'somebody'}, {whole_text(row, alert.acknowledged_at)}{said}"


def _silenced(row: Row[Alert]) -> Cell:
    if row.item.silenced_until is None or row.item.state == "resolved":
        return ("no", "dim")
    return f"until {whole_text(row, row.item.silenced_until)}"


def _rule_section(row: Row[Alert]) -> Section:
    info = next((one for one in row.node.answer(alerts_problems.RULES) or () if one.rule.name == row.item.rule), None)
    if info is None:
        return Section(f"Rule {row.item.rule}", (), "The node has no such rule now.")
    return Section(f"Rule {row.item.rule}", _rule_facts(as_rule(row, info)))


def as_rule(row: Row[Any], info: RuleInfo) -> Row[RuleInfo]:
    """The row of a rule that another row is about."""
    level = alerts_problems.rule_level(info)
    return Row(key=row.key, node=row.node, item=info, level=level, now=row.now, times=row.times, zone=row.zone)


def _rule_facts(row: Row[RuleInfo]) -> list[Line]:
    info, rule = row.item, row.item.rule
    channels = "every one" if rule.channels is None else ", ".join(rule.channels) or "none: it is only shown"
    known: list[tuple[str, Cell]] = [
        ("state", rule_state_cell(row)),
        *([("why", (info.error, level_tone(row.level)))] if info.error else []),
        ("wrong when", when_text(info)),
        ("resolved when", rule.clear or "that holds no more"),
        ("severity", SEVERITIES[rule.severity]),
        ("not told again", f"for {rule.cooldown} after it was resolved"),
        ("channels", channels),
        ("nodes", ", ".join(rule.nodes) or "every one"),
        ("says", rule.summary or NOTHING),
        *([("what to do", " ".join(rule.description.split()))] if rule.description else []),
        ("from", {"builtin": "etlmon itself", "config": "node.yaml", "file": "alerts.rules_file"}.get(info.origin,
                                                                                                     "the API")),
        ("series it judges", f"{fmt.count(info.series)}, {fmt.count(info.firing)} of them firing"),
        ("judged", row.when(info.evaluated_at)),
    ]  # fmt: skip
    return facts(*known)


def _notices_section(row: Row[Any], title: str, alert: Alert) -> Section:
    deliveries = row.node.answer(DELIVERIES)
    nothing = "None." if deliveries is not None else row.node.refusals.get(DELIVERIES.key, "Not answered yet.")
    return Section(title, _notice_lines(row, [one for one in deliveries or () if alert.id in one.alerts]), nothing)


def _notice_lines(row: Row[Any], deliveries: Sequence[Delivery]) -> list[Line]:
    return grid(
        [
            (
                (row.when(one.created_at), "dim"), one.channel, one.kind, delivery_cell(_as_delivery(row, one)),
                fmt.count(one.attempts), one.title, (one.error or "", "dim"),
            )
            for one in deliveries[:_SHOWN]
        ],
        head=("TIME", "CHANNEL", "KIND", "STATE", "TRIES", "NOTICE", "ERROR"),
        right=(4,),
    )  # fmt: skip


def _as_delivery(row: Row[Any], delivery: Delivery) -> Row[Delivery]:
    level = alerts_problems.delivery_level(delivery)
    return Row(key=row.key, node=row.node, item=delivery, level=level, now=row.now, times=row.times, zone=row.zone)


def silence_detail(row: Row[Silence]) -> Detail:
    silence = row.item
    known: list[tuple[str, Cell]] = [
        ("state", silence_state_cell(silence)),
        ("rule", silence.rule or "every rule"),
        ("covers now", counted(silence.matched, "open alert")),
        ("begins", whole_text(row, silence.starts_at)),
        ("ends", whole_text(row, silence.ends_at)),
        ("made", f"by {silence.created_by or 'somebody'}, {whole_text(row, silence.created_at)}"),
        ("id", str(silence.id)),
    ]
    return Detail(
        title=silence.reason,
        sections=(
            Section(silence.reason, facts(*known)),
            Section("Labels that must match", facts(*silence.labels.items()), "None: it covers every alert of the rule."
                    if silence.rule else "None: it covers every alert of this node."),
        ),
    )  # fmt: skip


def delivery_detail(row: Row[Delivery], alerts: Mapping[int, Alert]) -> Detail:
    """`alerts` are those that are known, by their number."""
    notice = row.item
    known: list[tuple[str, Cell]] = [
        ("state", delivery_cell(row)),
        *([("error", (notice.error, level_tone(row.level)))] if notice.error else []),
        *([("refused for good", "a further try makes no sense")] if notice.is_permanent else []),
        ("channel", notice.channel),
        ("kind", notice.kind),
        ("made", whole_text(row, notice.created_at)),
        ("sent", whole_text(row, notice.sent_at)),
        *([("next try", ahead_text(row, notice.next_try_at))] if notice.next_try_at is not None else []),
        ("tries", fmt.count(notice.attempts)),
        ("key", (notice.key, "dim")),
    ]
    lines = [_about(row, number, alerts.get(number)) for number in notice.alerts]
    return Detail(
        title=notice.title,
        sections=(Section(notice.title, facts(*known)), Section("Alerts it is about", grid(lines), "None.")),
    )


def _about(row: Row[Any], number: int, alert: Alert | None) -> list[Cell]:
    if alert is None:
        return [(f"#{number}", "dim"), ("", None), ("no longer shown", "dim")]
    return [(f"#{number}", "dim"), severity_cell(alert), alerts_problems.summary(alert)]


def rule_questions(row: Row[RuleInfo]) -> tuple[Question[Any], ...]:
    return (events_question("alerts", row.item.rule.name),)


def rule_detail(row: Row[RuleInfo], replay: BacktestResult | None) -> Detail:
    """`replay` is what came of replaying the rule, when that was done."""
    name = row.item.rule.name
    alerts = [one for one in row.node.answer(alerts_problems.QUESTION) or () if one.rule == name]
    lines = grid(
        [
            (past_cell(row, one.triggered_at), severity_cell(one), alerts_problems.words(one), value_text(one),
             alerts_problems.summary(one))
            for one in alerts
        ],
        head=("SINCE", "SEV", "STATE", "VALUE", "ALERT"),
        right=(3,),
    )  # fmt: skip
    return Detail(
        title=name,
        sections=(
            Section(name, _rule_facts(row)),
            Section("Open alerts of it", lines, "None."),
            Section("Replayed over what is stored", *_replay(row, replay)),
            events_section(row, events_question("alerts", name)),
        ),
    )


def replay_words(result: BacktestResult) -> str:
    """What came of replaying a rule, in a sentence."""
    length = fmt.age((result.until - result.since).total_seconds())
    times = "once" if result.notices == 1 else f"{fmt.count(result.notices)} times"
    return f"in {length} it would have told {times}, of {fmt.count(result.series)} series"


def _replay(row: Row[RuleInfo], replay: BacktestResult | None) -> tuple[list[Line], str]:
    if replay is None:
        return [], "R replays it over the last week; nothing is sent."
    fine = {"raw": "points as they were read", "minute": "minutes", "hour": "hours"}[replay.level]
    rule = row.item.rule
    lines: list[Line] = [[(f"{replay_words(replay)}; from {fine}.", None)]]
    lines += grid(
        [
            (row.when(one.triggered_at), row.when(one.active_at), row.when(one.resolved_at),
             alerts_problems.number(rule.metric, one.worst, rule.condition),
             (write_labels(one.labels), "dim"))
            for one in replay.firings[-_SHOWN:][::-1]
        ],
        head=("WRONG FROM", "ACTIVE FROM", "TO", "WORST", "LABELS"),
        right=(3,),
    )  # fmt: skip
    if len(replay.firings) > _SHOWN:
        lines.append([(f"the newest {_SHOWN} of {fmt.count(len(replay.firings))}", "dim")])
    return lines, ""


def channel_questions(row: Row[ChannelInfo]) -> tuple[Question[Any], ...]:
    return _notices_of(row.item.name), events_question("alerts", row.item.name)


def _notices_of(channel: str) -> Question[list[Delivery]]:
    return Question(ALERT_DELIVERIES, DeliveryQuery(limit=_SHOWN, channel=channel), pace="slow")


def channel_detail(row: Row[ChannelInfo]) -> Detail:
    channel = row.item
    known: list[tuple[str, Cell]] = [
        ("state", (alerts_problems.channel_words(channel), level_tone(row.level))),
        ("type", channel.type),
        ("leads to", channel.target),
        ("waiting", counted(channel.waiting, "notice")),
        ("given up", counted(channel.failed, "notice")),
        ("sent last", whole_text(row, channel.last_sent_at)),
        *([("last error", f"{channel.last_error}, {whole_text(row, channel.last_error_at)}")]
          if channel.last_error else []),
        *([("next try", ahead_text(row, channel.next_try_at))] if channel.next_try_at is not None else []),
    ]  # fmt: skip
    question = _notices_of(channel.name)
    deliveries = row.node.answer(question)
    nothing = "None." if deliveries is not None else row.node.refusals.get(question.key, "Not answered yet.")
    return Detail(
        title=channel.name,
        sections=(
            Section(channel.name, facts(*known)),
            Section("Its newest notices (R sends one to try it)", _notice_lines(row, deliveries or ()), nothing),
            events_section(row, events_question("alerts", channel.name)),
        ),
    )
