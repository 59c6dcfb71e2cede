"""What fake nodes say of alerts: a node that calls for nobody, and one that does."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from etlmon.contract.alerts import (
    ALERT_ACK,
    ALERT_BACKTEST,
    ALERT_CHANNEL_TEST,
    ALERT_CHANNELS,
    ALERT_DELIVERIES,
    ALERT_HISTORY,
    ALERT_RULES,
    ALERT_SILENCES,
    ALERTS,
    Alert,
    BacktestFiring,
    BacktestResult,
    Delivery,
)
from etlmon.contract.alerts_rules import AlertRule, ChannelInfo, RuleInfo, Silence, TestResult
from etlmon.contract.errors import NotFound
from etlmon.contract.host import HOST_HISTORY, HistoryPoint
from etlmon.units import Duration
from tests.fakes.nodes import FakeNode
from tests.ui.looking import NOW

GB = 2**30
MINUTE = timedelta(minutes=1)


def alert(number: int, rule: str = "landing_backlog", **more: Any) -> Alert:
    """An alert that is active for a while, and that nobody looks after."""
    values: dict[str, Any] = {
        "id": number,
        "rule": rule,
        "metric": "etlmon_path_file_count",
        "labels": {"path": "/data/logs"},
        "severity": "warning",
        "state": "active",
        "value": 12017.0,
        "worst": 12431.0,
        "condition": "> 10000",
        "summary": "/data/logs holds 12,017 files",
        "triggered_at": NOW - 17 * MINUTE,
        "active_at": NOW - 12 * MINUTE,
        "updated_at": NOW - timedelta(seconds=4),
        "notices": 1,
    }
    return Alert(**{**values, **more})


def resolved(number: int, **more: Any) -> Alert:
    """An alert that is over."""
    values: dict[str, Any] = {
        "state": "resolved",
        "resolved_at": NOW - timedelta(hours=3),
        "triggered_at": NOW - timedelta(hours=4),
        "active_at": NOW - timedelta(hours=4) + 5 * MINUTE,
        "resolved_because": "it does not hold any more",
        "notices": 2,
    }
    return alert(number, **{**values, **more})


def rule(name: str = "landing_backlog", **more: Any) -> RuleInfo:
    """A rule of node.yaml that finds nothing wrong; `more` are fields of the rule or of what is known of it."""
    known = {"origin", "state", "error", "series", "firing", "evaluated_at"}
    of_rule: dict[str, Any] = {
        "name": name,
        "metric": "etlmon_path_file_count",
        "labels": {"path": "/data/logs"},
        "condition": "> 10000",
        "for_": Duration(300),
        "clear": "< 8000",
        "channels": ["ops-slack"],
        "summary": "{{ labels.path }} holds {{ value }} files",
    }
    of_info: dict[str, Any] = {"origin": "config", "series": 1, "evaluated_at": NOW - timedelta(seconds=4)}
    of_rule |= {key: value for key, value in more.items() if key not in known}
    of_info |= {key: value for key, value in more.items() if key in known}
    return RuleInfo(rule=AlertRule(**of_rule), **of_info)


def builtin(name: str = "disk_nearly_full", **more: Any) -> RuleInfo:
    """A rule that came with the program."""
    values: dict[str, Any] = {
        "metric": "etlmon_fs_used_percent", "labels": {}, "condition": "> 90", "clear": "< 85", "channels": None,
        "severity": "critical", "summary": "{{ labels.mount }} is {{ value }} full", "origin": "builtin", "series": 6,
    }  # fmt: skip
    return rule(name, **{**values, **more})


def silence(number: int, **more: Any) -> Silence:
    """A silence that goes on for an hour yet."""
    values: dict[str, Any] = {
        "id": number,
        "rule": "landing_backlog",
        "reason": "the loader is being moved",
        "created_by": "kim",
        "created_at": NOW - timedelta(hours=1),
        "starts_at": NOW - timedelta(hours=1),
        "ends_at": NOW + timedelta(hours=1, minutes=1),
        "active": True,
        "matched": 1,
    }
    return Silence(**{**values, **more})


def delivery(number: int, **more: Any) -> Delivery:
    """A notice that was sent."""
    values: dict[str, Any] = {
        "id": number,
        "key": f"9f2c{number:04}",
        "channel": "ops-slack",
        "kind": "firing",
        "alerts": [1],
        "title": "/data/logs holds 12,017 files",
        "state": "sent",
        "attempts": 1,
        "created_at": NOW - 12 * MINUTE,
        "sent_at": NOW - 11 * MINUTE,
    }
    return Delivery(**{**values, **more})


def channel(name: str = "ops-slack", **more: Any) -> ChannelInfo:
    """A channel through which people are told."""
    values: dict[str, Any] = {"type": "slack", "target": "https://hooks.slack.com/***", "last_sent_at": NOW - MINUTE}
    return ChannelInfo(name=name, **{**values, **more})


def replayed(name: str = "landing_backlog") -> BacktestResult:
    """What came of replaying a rule."""
    begins = NOW - timedelta(days=3)
    firings = [
        BacktestFiring(
            labels={"path": "/data/logs"}, triggered_at=begins + timedelta(hours=hours), worst=12_000.0 + hours,
            active_at=begins + timedelta(hours=hours, minutes=5),
            resolved_at=begins + timedelta(hours=hours + 1) if hours < 40 else None,
        )
        for hours in (1, 20, 40)
    ]  # fmt: skip
    return BacktestResult(
        rule=name, since=NOW - timedelta(days=7), until=NOW, level="minute", series=1, notices=3, firings=firings
    )


def of_method(**answers: Any) -> Any:
    """An answer for each method of one path."""

    def answer(request: web.Request) -> Any:
        found = answers[request.method]
        return found(request) if callable(found) else found

    return answer


def alerted(fake: FakeNode) -> FakeNode:
    """The node has rules and a channel, and nothing has been wrong for long enough to tell anybody."""
    soon = alert(1, state="triggered", value=10_007.0, worst=10_007.0, summary="/data/logs holds 10,007 files",
                 triggered_at=NOW - MINUTE, active_at=None, notices=0)  # fmt: skip
    return _says(fake, [soon], rules=[rule(), builtin()], channels=[channel()])


def alerts_in_trouble(fake: FakeNode) -> FakeNode:
    """Alerts of every standing, a rule that is not taken, one without a number, and channels that fail."""
    alerts = [
        alert(1),
        alert(2, "disk_nearly_full", metric="etlmon_fs_used_percent", labels={"mount": "/data"}, severity="critical",
              value=93.0, worst=93.4, condition="> 90", summary="/data is 93.0% full",
              description="Archive what is older than a week:\netl-archive --older 7d /data",
              triggered_at=NOW - timedelta(hours=2), active_at=NOW - timedelta(hours=2)),
        alert(3, "적재-지연", metric="etl_lag_seconds", labels={"branch": "서울", "queue": "in"}, severity="critical",
              value=5400.0, worst=5400.0, condition="> 3600", summary="서울 적재가 1시간 30분 늦음",
              triggered_at=NOW - 40 * MINUTE, active_at=NOW - 35 * MINUTE),
        alert(4, "rx_drops", metric="network_drops_total", labels={"interface": "eth0"}, state="triggered", value=3.5,
              worst=4.0, condition="rate(5m) > 1", summary="eth0 drops packets", triggered_at=NOW - MINUTE,
              active_at=None, notices=0),
        alert(5, "slow_scan", metric="etlmon_path_scan_seconds", labels={"path": "/data/archive"}, value=41.0,
              worst=44.0, condition="> 30", summary="a scan of /data/archive takes 41 s",
              acknowledged_at=NOW - 9 * MINUTE, acknowledged_by="kim", comment="the array rebuilds until noon"),
        alert(6, "mount_stuck", metric="etlmon_fs_up", labels={"mount": "/mnt/hung"}, severity="critical", value=0.0,
              worst=0.0, condition="== 0", summary="/mnt/hung does not answer",
              silenced_until=NOW + timedelta(hours=1, minutes=1), notices=0),
        alert(7, "new_kernel", metric="host_reboot_wanted", labels={}, severity="info", value=1.0, worst=1.0,
              condition="== 1", summary="a reboot is wanted for a new kernel", triggered_at=NOW - timedelta(days=9),
              active_at=NOW - timedelta(days=9)),
    ]  # fmt: skip
    rules = [
        rule(state="firing", firing=1),
        rule("적재-지연", metric="etl_lag_seconds", labels={}, condition="> 3600", clear=None, severity="critical",
             state="firing", firing=1, origin="file", series=12),
        rule("rx_drops", metric="network_drops_total", labels={"interface": "!lo"}, condition="rate(5m) > 1",
             clear=None, origin="api", series=2),
        rule("heat", metric="room_celsius", labels={}, condition="> 40", state="no_data", series=0,
             error="no sample is called room_celsius"),
        rule("broken", condition="> many", state="invalid", series=0, error='"many" is no number in condition'),
        rule("old", enabled=False, state="disabled", series=0),
        builtin(state="firing", firing=1),
        builtin("cluster_unreachable", metric="etlmon_cluster_up", condition="== 0", state="no_data", series=0),
        builtin("mount_stuck", metric="etlmon_fs_up", condition="== 0", state="firing", firing=1),
    ]  # fmt: skip
    _says(fake, alerts, rules=rules, channels=_channels_in_trouble())
    past = [
        resolved(number, labels={"path": f"/data/in/{number}"}, summary=f"/data/in/{number} holds 10,00{number} files",
                 triggered_at=NOW - timedelta(hours=4 + number), severity="critical" if number % 3 == 1 else "warning")
        for number in range(8)
    ]  # fmt: skip
    gone = resolved(98, severity="info", resolved_because="the rule was removed", acknowledged_by="lee",
                    acknowledged_at=NOW - timedelta(hours=5))  # fmt: skip
    fake.answers[ALERT_HISTORY.path] = [*alerts, gone, *(_numbered(one, 80 + place) for place, one in enumerate(past))]
    fake.answers[ALERT_SILENCES.path] = of_method(
        GET=[
            silence(1, rule="mount_stuck", labels={"mount": "~/mnt/.*"}, reason="the NAS is being moved"),
            silence(2, rule="", reason="maintenance of the database", created_by="lee", active=False, matched=0,
                    starts_at=NOW + timedelta(hours=16), ends_at=NOW + timedelta(hours=19)),
        ],
        POST=silence(3),
    )  # fmt: skip
    fake.answers[ALERT_DELIVERIES.path] = _deliveries_in_trouble()
    fake.answers[HOST_HISTORY.path] = _history_of_disks
    return fake


def _history_of_disks(request: web.Request) -> Any:
    """A mount that fills; no history is kept of other numbers."""
    if request.query["metric"] != "etlmon_fs_used_percent":
        return NotFound(f"no history is kept of {request.query['metric']}", field="metric")
    return [
        HistoryPoint(at=NOW - back * MINUTE, min=90.0, max=93.0 - back * 0.04, avg=91.0)
        for back in reversed(range(180))
        if not 60 <= back < 75
    ]


def _numbered(one: Alert, number: int) -> Alert:
    """The same under another number: those of the open ones are taken."""
    return resolved(number, labels=one.labels, summary=one.summary, triggered_at=one.triggered_at,
                    severity=one.severity)  # fmt: skip


def _channels_in_trouble() -> list[ChannelInfo]:
    return [
        channel(),
        channel("ops-mail", type="email", target="ops@example.com", waiting=2, last_sent_at=NOW - timedelta(hours=9),
                last_error="451 greylisted, try again later", last_error_at=NOW - MINUTE,
                next_try_at=NOW + timedelta(seconds=40)),
        channel("hook", type="webhook", target="http://127.0.0.1:9000/***", failed=3, last_sent_at=None,
                last_error="410 Gone", last_error_at=NOW - 12 * MINUTE),
    ]  # fmt: skip


def _deliveries_in_trouble() -> list[Delivery]:
    return [
        delivery(9, channel="ops-mail", alerts=[3], title="서울 적재가 1시간 30분 늦음", state="waiting", attempts=4,
                 created_at=NOW - 35 * MINUTE, sent_at=None, next_try_at=NOW + timedelta(seconds=40),
                 error="451 greylisted, try again later"),
        delivery(8, channel="hook", state="failed", attempts=1, sent_at=None, error="410 Gone", is_permanent=True),
        delivery(7),
        delivery(6, kind="digest", alerts=[1, 2, 3, 777], title="3 alerts on dw-load-02"),
        delivery(5, alerts=[6], title="/mnt/hung does not answer", state="suppressed", attempts=0, sent_at=None,
                 error="silenced: the NAS is being moved"),
        delivery(4, kind="resolved", title="resolved: /data/in/1 holds 10,001 files", alerts=[81],
                 created_at=NOW - timedelta(hours=3), sent_at=NOW - timedelta(hours=3)),
        delivery(3, kind="test", alerts=[], title="a test of ops-slack", created_at=NOW - timedelta(days=2)),
    ]  # fmt: skip


def _says(fake: FakeNode, alerts: list[Alert], *, rules: list[RuleInfo], channels: list[ChannelInfo]) -> FakeNode:
    fake.answers[ALERTS.path] = alerts
    fake.answers[ALERT_HISTORY.path] = alerts
    fake.answers[ALERT_RULES.path] = rules
    fake.answers[ALERT_CHANNELS.path] = channels
    fake.answers[ALERT_SILENCES.path] = of_method(GET=[], POST=silence(1))
    fake.answers[ALERT_DELIVERIES.path] = []
    fake.answers[ALERT_ACK.path] = alert(1, acknowledged_at=NOW, acknowledged_by="kim")
    fake.answers[ALERT_BACKTEST.path] = replayed()
    fake.answers[ALERT_CHANNEL_TEST.path] = TestResult(
        channel="ops-slack", delivered=True, message="200 ok", duration_ms=132.0
    )
    fake.answers[HOST_HISTORY.path] = []
    return fake
