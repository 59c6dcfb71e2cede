"""The alerts, rules and silences of nodes as tables, or as JSON."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from etlmon.answer import Answer
from etlmon.client import NodeClient
from etlmon.contract.alerts import ALERT_HISTORY, ALERT_RULES, ALERT_SILENCES, ALERTS, Alert, AlertQuery
from etlmon.contract.alerts_rules import RuleInfo, Silence
from ui import format as fmt
from ui.alert_command.asking import Listing, print_list
from ui.problems import alerts as problems
from ui.problems.problem import rank
from ui.text_page import TextColumn, TextRow

_ALERTS = (
    TextColumn("SUMMARY"),
    TextColumn("ID", right=True),
    TextColumn("RULE"),
    TextColumn("SEVERITY"),
    TextColumn("VALUE", right=True),
    TextColumn("SINCE", right=True),
    TextColumn("STATE"),
)
_HISTORY = (
    TextColumn("SUMMARY"),
    TextColumn("ID", right=True),
    TextColumn("RULE"),
    TextColumn("SEVERITY"),
    TextColumn("WORST", right=True),
    TextColumn("FROM"),
    TextColumn("UNTIL"),
    TextColumn("LASTED", right=True),
    TextColumn("STATE"),
)
_RULES = (
    TextColumn("RULE"),
    TextColumn("FROM"),
    TextColumn("SEVERITY"),
    TextColumn("WHEN"),
    TextColumn("SERIES", right=True),
    TextColumn("FIRING", right=True),
    TextColumn("STATE"),
)
_SILENCES = (
    TextColumn("REASON"),
    TextColumn("ID", right=True),
    TextColumn("OF"),
    TextColumn("FROM"),
    TextColumn("UNTIL"),
    TextColumn("BY"),
    TextColumn("COVERS", right=True),
)


async def print_alerts(nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Print what is wrong; the exit code: 1 when a node did not answer."""
    now = datetime.now(UTC)
    listing = Listing(
        ask=lambda node: node.ask(ALERTS, query=AlertQuery(limit=1000)),
        columns=_ALERTS,
        row=lambda alert: _alert(alert, now),
        nothing="nothing is wrong",
    )
    return await print_list(nodes, listing, as_json=as_json)


async def print_history(nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Print what is and was wrong; the exit code: 1 when a node did not answer."""
    now = datetime.now(UTC)
    listing = Listing(
        ask=lambda node: node.ask(ALERT_HISTORY),
        columns=_HISTORY,
        row=lambda alert: _past(alert, now),
        nothing="nothing was wrong",
    )
    return await print_list(nodes, listing, as_json=as_json)


async def print_rules(nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Print every rule and how it stands; the exit code: 1 when a node did not answer."""

    async def ask(node: NodeClient) -> Answer[list[RuleInfo]]:
        answer = await node.ask(ALERT_RULES)
        found = sorted(answer.unwrap(), key=lambda info: (rank(problems.rule_level(info)), info.rule.name))
        return replace(answer, value=found)

    listing = Listing(ask=ask, columns=_RULES, row=_rule, nothing="there is no rule")
    return await print_list(nodes, listing, as_json=as_json)


async def print_silences(nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Print the silences that are not over; the exit code: 1 when a node did not answer."""
    now = datetime.now(UTC)
    listing = Listing(
        ask=lambda node: node.ask(ALERT_SILENCES),
        columns=_SILENCES,
        row=lambda row: _silence(row, now),
        nothing="nothing is silenced",
    )
    return await print_list(nodes, listing, as_json=as_json)


def _alert(alert: Alert, now: datetime) -> TextRow:
    since = alert.active_at or alert.triggered_at
    return TextRow(
        problems.level(alert),
        (
            problems.summary(alert),
            str(alert.id),
            alert.rule,
            alert.severity,
            problems.number(alert.metric, alert.value, alert.condition),
            fmt.ago((now - since).total_seconds()),
            problems.words(alert),
        ),
    )


def _past(alert: Alert, now: datetime) -> TextRow:
    began = alert.active_at or alert.triggered_at
    return TextRow(
        problems.level(alert),
        (
            problems.summary(alert),
            str(alert.id),
            alert.rule,
            alert.severity,
            problems.number(alert.metric, alert.worst, alert.condition),
            fmt.stamp(began, "local", now),
            "still" if alert.resolved_at is None else fmt.stamp(alert.resolved_at, "local", now),
            fmt.duration(((alert.resolved_at or now) - began).total_seconds()),
            problems.words(alert),
        ),
    )


def _rule(info: RuleInfo) -> TextRow:
    rule = info.rule
    lasting = f" for {rule.for_}" if rule.for_ else ""
    return TextRow(
        problems.rule_level(info),
        (
            rule.name,
            info.origin,
            rule.severity,
            f"{problems.series(rule.metric, rule.labels)} {rule.condition}{lasting}",
            fmt.count(info.series),
            fmt.count(info.firing),
            problems.rule_words(info),
        ),
    )


def _silence(silence: Silence, now: datetime) -> TextRow:
    of = silence.rule or "every rule"
    labels = ", ".join(f"{name}={value}" for name, value in silence.labels.items())
    return TextRow(
        "ok" if silence.active else "unknown",
        (
            silence.reason,
            str(silence.id),
            f"{of}{{{labels}}}" if labels else of,
            fmt.stamp(silence.starts_at, "local", now),
            fmt.stamp(silence.ends_at, "local", now),
            silence.created_by,
            fmt.count(silence.matched),
        ),
    )
