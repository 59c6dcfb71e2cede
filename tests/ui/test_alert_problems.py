"""How bad it is with alerts, rules and channels, and in which words."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from etlmon.contract.alerts import Alert, Delivery
from etlmon.contract.alerts_rules import ChannelInfo, RuleInfo
from etlmon.contract.xferlog import Transfer
from tests.ui.alarms import alert, builtin, channel, delivery, resolved, rule
from tests.ui.looking import NOW
from tests.ui.transfers import transfer
from ui.problems import alerts as problems
from ui.problems import of_node
from ui.problems.alerts import Open
from ui.problems.xferlog import INTERRUPTED
from ui.state import NodeState, answered


@pytest.mark.parametrize(
    ("alert", "level", "words"),
    [
        (alert(1), "warn", "active"),
        (alert(1, severity="critical"), "crit", "active"),
        (alert(1, severity="info"), "ok", "active"),
        (alert(1, severity="critical", state="triggered"), "unknown", "triggered"),
        (alert(1, severity="critical", acknowledged_at=NOW, acknowledged_by="kim"), "ok", "acknowledged by kim"),
        (alert(1, acknowledged_at=NOW), "ok", "acknowledged"),
        (alert(1, severity="critical", silenced_until=NOW), "ok", "silenced"),
        (alert(1, state="triggered", silenced_until=NOW), "ok", "silenced"),
        (alert(1, silenced_until=NOW, acknowledged_at=NOW, acknowledged_by="kim"), "ok", "acknowledged by kim"),
        (resolved(1, severity="critical", acknowledged_at=NOW, silenced_until=NOW), "ok", "resolved"),
    ],
)
def test_an_alert_calls_for_somebody_until_somebody_looks_after_it(alert: Alert, level: str, words: str) -> None:
    assert (problems.level(alert), problems.words(alert)) == (level, words)


@pytest.mark.parametrize(
    ("metric", "value", "condition", "text"),
    [
        ("etlmon_path_file_count", 12017.0, "> 10000", "12,017"),
        ("etlmon_fs_used_percent", 93.04, "> 90", "93.0%"),
        ("memory_used_bytes", 3.5 * 2**30, "> 1", "3.5G"),
        ("disk_read_bytes_per_second", 2.0**20, "> 1", "1.0M/s"),
        ("disk_read_bytes_total", 2.0**20, "rate(5m) > 1", "1.0M/s"),
        ("disk_read_bytes_total", -(2.0**20), "delta(1h) < -1", "-1.0M"),
        ("disk_read_bytes_total", 2.0**21, "> 1", "2.0M"),
        ("agent_collector_duration_seconds", 0.0125, "> 1", "12 ms"),
        ("etl_lag_minutes", 90.0, "> 60", "01:30:00"),
        ("dataproc_wait_ms", 1500.0, "> 1", "2 s"),
        ("network_errors_total", 3.456, "rate(5m) > 1", "3.46/s"),
        ("cpu_load_average", 1.5249, "> 1", "1.52"),
        ("cpu_load_average", -0.25, "delta(1h) < 0", "-0.25"),
        ("etlmon_fs_up", 0.0, "== 0", "0"),
        ("big", 1.5e12, "> 1", "1.5T"),
        ("big", 12_345.5, "> 1", "12.3k"),
        ("any", None, "absent", "─"),
        ("any", float("nan"), "> 1", "─"),
        ("any", float("inf"), "> 1", "─"),
        ("any", 1e300, "> 1", ">999E"),
    ],
)
def test_a_value_has_the_unit_that_its_name_promises(
    metric: str, value: float | None, condition: str, text: str
) -> None:
    assert problems.number(metric, value, condition) == text


def test_an_alert_whose_template_says_nothing_is_named_by_its_rule_and_its_labels() -> None:
    assert problems.summary(alert(1, summary="")) == (
        "landing_backlog: etlmon_path_file_count{path=/data/logs} > 10000"
    )
    assert problems.series("up", {}) == "up"


@pytest.mark.parametrize(
    ("info", "level", "words"),
    [
        (rule(), "ok", "ok"),
        (rule(state="firing"), "warn", "firing"),
        (rule(state="firing", severity="info"), "ok", "firing"),
        (builtin(state="firing"), "crit", "firing"),
        (rule(state="no_data"), "unknown", "no such number has been seen"),
        (rule(state="no_data", error="it waits for room_celsius"), "unknown", "it waits for room_celsius"),
        (builtin(state="no_data"), "ok", "no such number has been seen"),
        (rule(state="disabled"), "ok", "disabled"),
        (rule(state="invalid", error='"many" is no number'), "warn", '"many" is no number'),
    ],
)
def test_a_rule_is_judged_by_its_state(info: RuleInfo, level: str, words: str) -> None:
    assert (problems.rule_level(info), problems.rule_words(info)) == (level, words)


LATER, EARLIER = NOW - timedelta(minutes=1), NOW - timedelta(minutes=2)


@pytest.mark.parametrize(
    ("channel", "level", "words"),
    [
        (channel(), "ok", "ok"),
        (channel(waiting=2), "ok", "waiting"),
        (channel(failed=3, last_sent_at=LATER, last_error="x", last_error_at=EARLIER), "ok", "ok"),
        (channel(waiting=1, last_sent_at=EARLIER, last_error="451 x", last_error_at=LATER), "warn",
         "tried again: 451 x"),
        (channel(failed=1, last_sent_at=None, last_error="410 Gone", last_error_at=LATER), "crit",
         "given up: 410 Gone"),
        (channel(failed=1, last_sent_at=None, last_error_at=LATER), "crit",
         "given up: the notice did not get through"),
    ],
)  # fmt: skip
def test_a_channel_is_judged_by_its_latest_notice(channel: ChannelInfo, level: str, words: str) -> None:
    assert (problems.channel_level(channel), problems.channel_words(channel)) == (level, words)


@pytest.mark.parametrize(
    ("notice", "level"),
    [
        (delivery(1), "ok"),
        (delivery(1, state="suppressed", error="silenced"), "ok"),
        (delivery(1, state="waiting"), "ok"),
        (delivery(1, state="waiting", error="no route"), "warn"),
        (delivery(1, state="failed", error="410"), "crit"),
    ],
)
def test_a_notice_is_judged_by_how_far_it_got(notice: Delivery, level: str) -> None:
    assert problems.delivery_level(notice) == level


def node_with(alerts: list[Alert], rules: list[RuleInfo], channels: list[ChannelInfo], **more: Any) -> NodeState:
    node = NodeState(name="web2", address="http://web2:8080", **more)
    node = answered(node, problems.RULES, rules, now=NOW)
    node = answered(node, problems.QUESTION, alerts, now=NOW)
    return answered(node, problems.CHANNELS, channels, now=NOW)


def told(node: NodeState) -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in problems.problems(node)]


def test_what_a_rule_of_the_program_tells_is_not_a_problem_twice() -> None:
    full = alert(1, "disk_nearly_full", severity="critical")
    assert told(node_with([full, alert(2)], [builtin(), rule()], [])) == [("warn", "/data/logs holds 12,017 files")]
    assert told(node_with([full], [], [])) == [("crit", "/data/logs holds 12,017 files")], "nobody knows the rule"


def test_an_alert_of_transfers_is_a_problem_where_no_such_transfer_is_one() -> None:
    broken = [
        alert(number, "transfer_incomplete", labels={"direction": direction}, summary=f"alert of {direction}")
        for number, direction in enumerate(("upload", "download"))
    ]
    node = node_with(broken, [builtin("transfer_incomplete"), builtin("cron_job_failed")], [])

    def listed(*transfers: Transfer) -> list[str]:
        """The problems while the log of transfers says this."""
        return [one.text for one in of_node(answered(node, INTERRUPTED, list(transfers), now=NOW))]

    upload = transfer(1, "/in/a", log_time=NOW, bytes=9)
    download = transfer(2, "/out/b", log_time=NOW - timedelta(hours=3), bytes=9, direction="download")
    named = ["/in/a: upload of etl broke off after 9"]
    assert [one.text for one in of_node(node)] == ["alert of upload", "alert of download"], "nothing is known"
    assert listed(upload, download) == [*named, "alert of download"], "its line was read long after"
    download = msgspec.structs.replace(download, log_time=NOW)
    assert listed(upload, download) == [*named, "/out/b: download of etl broke off after 9"]


def test_what_somebody_looks_after_or_has_not_lasted_yet_is_no_problem() -> None:
    quiet = [alert(1, acknowledged_at=NOW), alert(2, silenced_until=NOW), alert(3, state="triggered"),
             alert(4, severity="info")]  # fmt: skip
    assert told(node_with(quiet, [rule()], [channel()])) == []


def test_of_many_alerts_of_one_rule_the_first_are_named_and_the_others_counted() -> None:
    many = [alert(number, summary=f"path {number}") for number in range(6)]
    many[5] = alert(5, severity="critical")
    assert told(node_with(many, [rule()], [])) == [
        ("warn", "path 0"),
        ("warn", "path 1"),
        ("warn", "path 2"),
        ("crit", "3 more alerts of landing_backlog"),
    ]
    assert len(told(node_with(many[:4], [rule()], []))) == 4, "one more takes no more room than saying so"


def test_a_rule_that_is_not_taken_and_a_channel_that_reaches_nobody_are_problems() -> None:
    lame = [rule("broken", state="invalid", error='"many" is no number'), rule("heat", state="no_data")]
    dead = channel("hook", failed=3, last_sent_at=None, last_error="410 Gone", last_error_at=NOW)
    found = list(problems.problems(node_with([], lame, [dead, channel()], skew=timedelta(hours=1))))
    assert [(one.level, one.text, one.key) for one in found] == [
        ("warn", 'rule broken is not taken: "many" is no number', "rule broken"),
        ("crit", "channel hook: notices are given up: 410 Gone", "channel hook"),
    ]
    assert found[1].since == NOW - timedelta(hours=1)


def test_since_when_is_told_by_the_clock_of_the_one_who_looks() -> None:
    (problem,) = problems.problems(node_with([alert(1)], [rule()], [], skew=timedelta(hours=1)))
    assert problem.since == NOW - timedelta(minutes=12, hours=1)
    assert (problem.view, problem.key) == ("alerts", "1")


def test_open_alerts_are_counted_and_as_bad_as_the_worst_that_nobody_looks_after() -> None:
    assert problems.open_alerts(NodeState(name="x", address="x")) is None
    assert problems.open_alerts(node_with([], [], [])) == Open(0, "ok")
    some = [alert(1), alert(2, severity="critical", acknowledged_at=NOW), alert(3, state="triggered")]
    assert problems.open_alerts(node_with(some, [], [])) == Open(2, "warn")
    assert problems.open_alerts(node_with(some[1:], [], [])) == Open(1, "ok")
