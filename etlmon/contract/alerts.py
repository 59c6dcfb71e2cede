"""alerts: what is wrong now and was, who was told, and the rules, silences and channels by which that is decided."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.alerts_rules import (
    LONGEST_NAME,
    LONGEST_REASON,
    AlertRule,
    AlertSeverity,
    ChannelInfo,
    NewSilence,
    RuleInfo,
    Silence,
    TestNotice,
    TestResult,
)
from etlmon.contract.endpoint import API, Endpoint, Instant, Page, RowPage
from etlmon.units import Duration

AlertState = Literal["triggered", "active", "resolved"]
DeliveryState = Literal["waiting", "sent", "failed", "suppressed"]
NoticeKind = Literal["firing", "resolved", "digest", "test"]

SWITCH_HEADER = "X-Etlmon-Alerts"
"""On what is listed: `off` while alerts are switched off on the node, absent otherwise."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong, or was. `triggered`: not yet for as long as the rule wants; `active`: for that long."""

    id: int
    rule: str
    metric: str
    labels: dict[str, str] = {}
    severity: AlertSeverity
    state: AlertState
    value: float | None = None
    """The newest; None for `absent`."""
    worst: float | None = None
    condition: str = ""
    summary: str
    description: str = ""
    triggered_at: datetime
    active_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_because: str = ""
    """It does not hold any more, its number is gone, the rule was changed or removed."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    comment: str = ""
    silenced_until: datetime | None = None
    notices: int = 0
    """How many were delivered about it."""
    updated_at: datetime


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notice to one channel, and how far it got."""

    id: int
    key: str
    """The idempotency key that the receiver gets, the same at each try."""
    channel: str
    kind: NoticeKind
    alerts: list[int] = []
    title: str
    state: DeliveryState
    attempts: int = 0
    created_at: datetime
    next_try_at: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None
    is_permanent: bool = False
    """A further try makes no sense: the address, the key, or the notice itself was refused."""


class AlertQuery(Page, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which open alerts."""

    severity: AlertSeverity | None = None
    rule: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] | None = None


class AlertHistoryQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alerts, newest first; the open ones, too."""

    rule: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] | None = None
    severity: AlertSeverity | None = None
    since: Instant | None = None


class DeliveryQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which notices, newest first."""

    channel: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] | None = None
    state: DeliveryState | None = None


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody knows and looks after it: it is not told again until it is resolved."""

    comment: Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)] = ""


class Backtest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule to be replayed over what is stored: one that is written here, or one that the node has (`name`)."""

    rule: AlertRule | None = None
    name: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] | None = None
    since: Instant | None = None
    """A week ago when it is left out."""
    until: Instant | None = None


class BacktestFiring(msgspec.Struct, frozen=True, kw_only=True):
    labels: dict[str, str] = {}
    triggered_at: datetime
    active_at: datetime | None = None
    resolved_at: datetime | None = None
    worst: float | None = None


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True):
    """When the rule would have told."""

    rule: str
    since: datetime
    until: datetime
    level: Literal["raw", "minute", "hour"]
    """How fine what is stored of that time is."""
    series: int
    notices: int
    firings: list[BacktestFiring]


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
_RULE = AlertRule(
    name="landing_backlog",
    metric="etlmon_path_file_count",
    labels={"path": "/data/logs"},
    condition="> 10000",
    for_=Duration(300),
    clear="< 8000",
    channels=["ops-slack"],
    summary="{{ labels.path }} holds {{ value }} files",
)
_ALERT = Alert(
    id=1,
    rule="landing_backlog",
    metric="etlmon_path_file_count",
    labels={"path": "/data/logs"},
    severity="warning",
    state="active",
    value=12017.0,
    worst=12431.0,
    condition="> 10000",
    summary="/data/logs holds 12017 files",
    triggered_at=_AT,
    active_at=_AT,
    updated_at=_AT,
)
_SILENCE = Silence(
    id=1,
    rule="landing_backlog",
    reason="the loader is being moved",
    created_by="operator",
    created_at=_AT,
    starts_at=_AT,
    ends_at=_AT,
    active=True,
)
_COMMAND = (413, 415, 429, 503)
_NEXT = {"Link": 'the next page, rel="next"; absent on the last'}
_SWITCH = {SWITCH_HEADER: "`off` while alerts are switched off (alerts.enabled); absent otherwise"}

ALERTS = Endpoint(
    method="GET",
    path=f"{API}/alerts",
    answer=list[Alert],
    summary="What is wrong now, the worst first",
    query=AlertQuery,
    headers=_SWITCH,
    keeps_layout=True,
    example=[_ALERT],
)

ALERT_HISTORY = Endpoint(
    method="GET",
    path=f"{API}/alerts/history",
    answer=list[Alert],
    summary="What is and was wrong, newest first",
    query=AlertHistoryQuery,
    headers={**_NEXT, **_SWITCH},
    keeps_layout=True,
    example=[_ALERT],
)

ALERT_ACK = Endpoint(
    method="POST",
    path=f"{API}/alerts/{{id}}/ack",
    answer=Alert,
    summary="Say that somebody looks after an open alert",
    body=Acknowledge,
    errors=(404, 409, *_COMMAND),
    example=_ALERT,
)

ALERT_RULES = Endpoint(
    method="GET",
    path=f"{API}/alerts/rules",
    answer=list[RuleInfo],
    summary="Every rule, where it comes from and how it stands",
    headers=_SWITCH,
    keeps_layout=True,
    example=[RuleInfo(rule=_RULE, origin="config", series=1, firing=1, state="firing", evaluated_at=_AT)],
)

ALERT_RULE = Endpoint(
    method="GET",
    path=f"{API}/alerts/rules/{{name}}",
    answer=RuleInfo,
    summary="One rule",
    errors=(404,),
    example=RuleInfo(rule=_RULE, origin="config"),
)

ALERT_RULE_ADD = Endpoint(
    method="POST",
    path=f"{API}/alerts/rules",
    answer=RuleInfo,
    summary="Add a rule; it counts from the next look on and is kept in the database",
    body=AlertRule,
    status=201,
    errors=(409, *_COMMAND),
    example=RuleInfo(rule=_RULE, origin="api"),
)

ALERT_RULE_PUT = Endpoint(
    method="PUT",
    path=f"{API}/alerts/rules/{{name}}",
    answer=RuleInfo,
    summary="Put a rule in the place of one that was added here",
    body=AlertRule,
    errors=(404, 409, *_COMMAND),
    example=RuleInfo(rule=_RULE, origin="api"),
)

ALERT_RULE_DELETE = Endpoint(
    method="DELETE",
    path=f"{API}/alerts/rules/{{name}}",
    answer=type(None),
    summary="Remove a rule that was added here; its open alerts are resolved",
    status=204,
    errors=(404, 409, *_COMMAND),
    example=None,
)

ALERT_BACKTEST = Endpoint(
    method="POST",
    path=f"{API}/alerts/rules/backtest",
    answer=BacktestResult,
    summary="When a rule would have told, had it been there; nothing is sent",
    body=Backtest,
    errors=(404, 504, *_COMMAND),
    patience_sec=30.0,
    example=BacktestResult(
        rule="landing_backlog", since=_AT, until=_AT, level="minute", series=1, notices=0, firings=[]
    ),
)

ALERT_SILENCES = Endpoint(
    method="GET",
    path=f"{API}/alerts/silences",
    answer=list[Silence],
    summary="The silences and maintenance windows that are not over",
    headers=_SWITCH,
    example=[_SILENCE],
)

ALERT_SILENCE = Endpoint(
    method="POST",
    path=f"{API}/alerts/silences",
    answer=Silence,
    summary="Tell nobody of some alerts for a while; they stay visible",
    body=NewSilence,
    status=201,
    errors=(409, *_COMMAND),
    example=_SILENCE,
)

ALERT_UNSILENCE = Endpoint(
    method="DELETE",
    path=f"{API}/alerts/silences/{{id}}",
    answer=type(None),
    summary="End a silence now",
    status=204,
    errors=(404, *_COMMAND),
    example=None,
)

ALERT_CHANNELS = Endpoint(
    method="GET",
    path=f"{API}/alerts/channels",
    answer=list[ChannelInfo],
    summary="The ways to tell people, and how each fares",
    headers=_SWITCH,
    example=[ChannelInfo(name="ops-slack", type="slack", target="https://hooks.slack.com/***", last_sent_at=_AT)],
)

ALERT_DELIVERIES = Endpoint(
    method="GET",
    path=f"{API}/alerts/deliveries",
    answer=list[Delivery],
    summary="Every notice and how far it got, newest first",
    query=DeliveryQuery,
    headers=_NEXT,
    example=[
        Delivery(
            id=1,
            key="9f2c",
            channel="ops-slack",
            kind="firing",
            alerts=[1],
            title="/data/logs holds 12017 files",
            state="sent",
            attempts=1,
            created_at=_AT,
            sent_at=_AT,
        )
    ],
)

ALERT_CHANNEL_TEST = Endpoint(
    method="POST",
    path=f"{API}/alerts/channels/{{name}}/test",
    answer=TestResult,
    summary="Send a notice through a channel now, and say what came of it",
    body=TestNotice,
    errors=(404, *_COMMAND),
    patience_sec=60.0,
    example=TestResult(channel="ops-slack", delivered=True, message="200 ok", duration_ms=132.0),
)
