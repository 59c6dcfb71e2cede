"""What the Alerts view can show: open alerts, past ones, silences, notices, rules and channels."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from etlmon.contract.alerts import (
    ALERT_DELIVERIES,
    ALERT_HISTORY,
    ALERT_SILENCES,
    Alert,
    AlertHistoryQuery,
    BacktestResult,
    Delivery,
    DeliveryQuery,
)
from etlmon.contract.alerts_rules import ChannelInfo, RuleInfo, Silence
from etlmon.contract.wire import encode_custom
from ui.format import TimeStyle
from ui.glyphs import State
from ui.problems import alerts as alerts_problems
from ui.problems.problem import rank
from ui.state import NodeState, Question
from ui.views.alerts_detail import (
    alert_detail,
    alert_questions,
    channel_detail,
    channel_questions,
    delivery_detail,
    rule_detail,
    rule_questions,
    silence_detail,
)
from ui.views.alerts_fields import (
    channel_fields,
    delivery_fields,
    history_fields,
    open_fields,
    rule_fields,
    silence_fields,
)
from ui.views.detail import Detail
from ui.views.parts import Part
from ui.views.rows import Field, Row

T = TypeVar("T")

NEWEST = 500
"""Past alerts and notices in an answer while one node is shown; of many nodes each sends its share."""

LEAST = 50
SILENCES = Question(ALERT_SILENCES)

_RECENT = Question(ALERT_HISTORY, AlertHistoryQuery(limit=NEWEST), pace="slow")
_OFF = "alerts: {enabled: false}"


class AlertsPart(Part[T]):
    """One kind of rows. `acts` are the actions that can be done on them."""

    acts: frozenset[str] = frozenset()


class OpenAlerts(AlertsPart[Alert]):
    """What is wrong now: first what nobody looks after, the worst first, the newest of equals."""

    acts = frozenset({"acknowledge", "silence"})
    title = "Alerts"
    name = "alerts"
    noun = "alert"
    nothing = f"No alert is open: no rule finds anything wrong, or {_OFF} stands in node.yaml."

    def fields(self, times: TimeStyle) -> tuple[Field[Alert], ...]:
        return open_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (alerts_problems.QUESTION.at("fast"), alerts_problems.RULES)

    def items(self, node: NodeState, nodes: int) -> Sequence[Alert]:
        return node.answer(alerts_problems.QUESTION) or ()

    def key_of(self, item: Alert) -> str:
        return str(item.id)

    def level_of(self, item: Alert) -> State:
        return alerts_problems.level(item)

    def order(self, item: Alert) -> tuple[int, int, float]:
        how = alerts_problems.ORDER.index(alerts_problems.standing(item))
        return how, rank(alerts_problems.severity_level(item.severity)), -item.triggered_at.timestamp()

    def detail_questions(self, row: Row[Alert]) -> tuple[Question[Any], ...]:
        return alert_questions(row)

    def detail(self, row: Row[Alert]) -> Detail:
        return alert_detail(row)


class PastAlerts(OpenAlerts):
    """What is and was wrong: what still is first, then the newest."""

    title = "Alert history"
    name = "history"
    nothing = "No alert has been open yet, or none within alerts.retention of node.yaml."

    def fields(self, times: TimeStyle) -> tuple[Field[Alert], ...]:
        return history_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (_history(nodes), alerts_problems.RULES)

    def items(self, node: NodeState, nodes: int) -> Sequence[Alert]:
        return node.answer(_history(nodes)) or ()

    def order(self, item: Alert) -> tuple[int, int, float]:
        return 0, 0, -item.triggered_at.timestamp()

    def cut_short(self, nodes: Sequence[NodeState]) -> str:
        return _cut_short([node.answer(_history(len(nodes))) for node in nodes])


class Silences(AlertsPart[Silence]):
    """What nobody is told of, and until when."""

    acts = frozenset({"silence", "end_silence"})
    title = "Silences"
    name = "silences"
    noun = "silence"
    nothing = "Nothing is silenced. M silences an alert, or plans a maintenance window."

    def fields(self, times: TimeStyle) -> tuple[Field[Silence], ...]:
        return silence_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (SILENCES,)

    def items(self, node: NodeState, nodes: int) -> Sequence[Silence]:
        return node.answer(SILENCES) or ()

    def key_of(self, item: Silence) -> str:
        return str(item.id)

    def level_of(self, item: Silence) -> State:
        return "ok"

    def order(self, item: Silence) -> tuple[bool, datetime]:
        return not item.active, item.ends_at if item.active else item.starts_at

    def detail(self, row: Row[Silence]) -> Detail:
        return silence_detail(row)


class Notices(AlertsPart[Delivery]):
    """Who was told what, and how far it got; those that were given up first."""

    title = "Notices"
    name = "notices"
    noun = "notice"
    nothing = "Nobody was told anything yet: no alert was active, or no channel stands under alerts: in node.yaml."

    def fields(self, times: TimeStyle) -> tuple[Field[Delivery], ...]:
        return delivery_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (_deliveries(nodes), alerts_problems.QUESTION)

    def items(self, node: NodeState, nodes: int) -> Sequence[Delivery]:
        return node.answer(_deliveries(nodes)) or ()

    def key_of(self, item: Delivery) -> str:
        return str(item.id)

    def level_of(self, item: Delivery) -> State:
        return alerts_problems.delivery_level(item)

    def order(self, item: Delivery) -> float:
        return -item.created_at.timestamp()

    def cut_short(self, nodes: Sequence[NodeState]) -> str:
        return _cut_short([node.answer(_deliveries(len(nodes))) for node in nodes])

    def detail_questions(self, row: Row[Delivery]) -> tuple[Question[Any], ...]:
        return (_RECENT,)

    def detail(self, row: Row[Delivery]) -> Detail:
        known = (*(row.node.answer(_RECENT) or ()), *(row.node.answer(alerts_problems.QUESTION) or ()))
        return delivery_detail(row, {alert.id: alert for alert in known})


class Rules(AlertsPart[RuleInfo]):
    """What is looked for. `replays` are what came of replaying some, by node and rule."""

    acts = frozenset({"silence", "try_it"})
    title = "Alert rules"
    name = "rules"
    noun = "rule"
    nothing = f"The node looks for nothing: {_OFF} stands in its node.yaml."

    def __init__(self, replays: Mapping[tuple[str, str], BacktestResult]) -> None:
        self._replays = replays

    def fields(self, times: TimeStyle) -> tuple[Field[RuleInfo], ...]:
        return rule_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (alerts_problems.RULES.at("fast"), alerts_problems.QUESTION)

    def items(self, node: NodeState, nodes: int) -> Sequence[RuleInfo]:
        return node.answer(alerts_problems.RULES) or ()

    def key_of(self, item: RuleInfo) -> str:
        return item.rule.name

    def level_of(self, item: RuleInfo) -> State:
        return alerts_problems.rule_level(item)

    def order(self, item: RuleInfo) -> tuple[bool, bool, str]:
        return item.state == "disabled", item.origin == "builtin", item.rule.name

    def detail_questions(self, row: Row[RuleInfo]) -> tuple[Question[Any], ...]:
        return rule_questions(row)

    def record(self, item: RuleInfo) -> Mapping[str, Any]:
        record: dict[str, Any] = msgspec.to_builtins(item, enc_hook=encode_custom)
        return record

    def detail(self, row: Row[RuleInfo]) -> Detail:
        return rule_detail(row, self._replays.get((row.node.name, row.item.rule.name)))


class Channels(AlertsPart[ChannelInfo]):
    """The ways to tell people, those that fail first."""

    acts = frozenset({"try_it"})
    title = "Alert channels"
    name = "channels"
    noun = "channel"
    nothing = "Nobody is told of alerts: name a channel under alerts: {channels: [...]} in node.yaml."

    def fields(self, times: TimeStyle) -> tuple[Field[ChannelInfo], ...]:
        return channel_fields(times)

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (alerts_problems.CHANNELS.at("fast"),)

    def items(self, node: NodeState, nodes: int) -> Sequence[ChannelInfo]:
        return node.answer(alerts_problems.CHANNELS) or ()

    def key_of(self, item: ChannelInfo) -> str:
        return item.name

    def level_of(self, item: ChannelInfo) -> State:
        return alerts_problems.channel_level(item)

    def order(self, item: ChannelInfo) -> int:
        return 0  # as node.yaml has them

    def detail_questions(self, row: Row[ChannelInfo]) -> tuple[Question[Any], ...]:
        return channel_questions(row)

    def detail(self, row: Row[ChannelInfo]) -> Detail:
        return channel_detail(row)


def _share(nodes: int) -> int:
    return max(LEAST, NEWEST // max(1, nodes))


def _history(nodes: int) -> Question[list[Alert]]:
    return Question(ALERT_HISTORY, AlertHistoryQuery(limit=_share(nodes)))


def _deliveries(nodes: int) -> Question[list[Delivery]]:
    return Question(ALERT_DELIVERIES, DeliveryQuery(limit=_share(nodes)))


def _cut_short(answers: Sequence[Sequence[Any] | None]) -> str:
    share = _share(len(answers))
    is_cut = any(answer is not None and len(answer) >= share for answer in answers)
    return "older ones are not shown" if is_cut else ""
