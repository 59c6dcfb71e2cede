"""Which channel is told, when, and in which words."""

from datetime import timedelta

import pytest

from etlmon.units import Duration
from node.alerts import wording
from node.alerts.notices import compose, concerns, hears_ends, send_at, trial
from node.rules import templates
from node.settings_alerts import AlertChannel, Alerts
from tests.node.alerts.told import AT, alert, delivery, message, notice, over


def channel(type_: str = "webhook", **given: object) -> AlertChannel:
    return AlertChannel(name="ops", type=type_, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "told"), [(None, True), (["ops"], True), (["a", "ops"], True), (["a"], False), ([], False)]
)
def test_a_rule_names_its_channels_or_means_all(names: list[str] | None, told: bool) -> None:
    assert concerns(channel(), alert(), names) is told


@pytest.mark.parametrize(
    ("severity", "least", "told"),
    [("info", "info", True), ("info", "warning", False), ("warning", "warning", True), ("critical", "warning", True)],
)
def test_a_channel_may_want_to_hear_of_grave_things_only(severity: str, least: str, told: bool) -> None:
    assert concerns(channel(min_severity=least), alert(severity=severity), None) is told


def test_a_channel_may_not_want_to_hear_of_ends_but_an_alertmanager_must() -> None:
    assert hears_ends(channel())
    assert not hears_ends(channel(send_resolved=False))
    assert hears_ends(channel("alertmanager", send_resolved=False))


def test_a_change_waits_for_company_but_not_for_an_alertmanager() -> None:
    alerts = Alerts(group_window=Duration(30))
    assert send_at(channel(), alerts, AT) == AT + timedelta(seconds=30)
    assert send_at(channel("alertmanager"), alerts, AT) == AT


@pytest.mark.parametrize(
    ("alerts", "kind", "title"),
    [
        ([alert()], "firing", "/data/in1 holds 12017 files"),
        ([over()], "resolved", "resolved: /data/in1 holds 12017 files"),
        ([alert(summary="")], "firing", "landing_backlog"),
        ([alert(), alert(2)], "firing", "2 alerts: /data/in1 holds 12017 files and 1 more"),
        (
            [alert(), alert(2, severity="critical"), over(3)],
            "firing",
            "2 alerts, 1 resolved: /data/in2 holds 12017 files and 2 more",
        ),
        ([over(), over(2)], "resolved", "2 resolved: /data/in1 holds 12017 files and 1 more"),
        (
            [alert(1), alert(2, severity="critical"), alert(3, severity="info"), alert(4), over(5)],
            "digest",
            "4 alerts, 1 resolved (1 critical, 2 warning, 1 info)",
        ),
        ([over(number) for number in range(1, 6)], "digest", "5 resolved"),
        ([alert(), over()], "resolved", "resolved: /data/in1 holds 12017 files"),
        (
            [alert(1, severity="critical"), over(1, severity="critical"), alert(2)],
            "firing",
            "1 alert, 1 resolved: /data/in2 holds 12017 files and 1 more",
        ),
        ([one(number) for number in range(1, 6) for one in (alert, over)], "digest", "5 resolved"),
    ],
)
def test_the_title_says_what_it_is_about(alerts: list[object], kind: str, title: str) -> None:
    what = message(*alerts, storm=4)  # type: ignore[arg-type]
    assert (what.kind, what.title) == (kind, title)


def test_a_title_is_one_line_of_bounded_length() -> None:
    what = message(alert(summary="a\nb\tc" + "x" * 5000))
    assert what.title.startswith("a b cxxx")
    assert len(what.title) == 200


def test_the_worst_that_began_decides_and_what_ended_only_when_nothing_began() -> None:
    assert message(alert(severity="info"), over(2, severity="critical")).severity == "info"
    assert message(over(1, severity="info"), over(2, severity="critical")).severity == "critical"
    both = [alert(1, severity="critical"), over(1, severity="critical"), alert(2, severity="info")]
    assert message(*both).severity == "info"


def test_an_alert_that_began_and_ended_in_one_message_is_over_and_counts_once() -> None:
    what = message(alert(), over(), alert(2))
    assert ([one.id for one in what.firing], [one.id for one in what.resolved]) == ([2], [1])
    assert [one.mark for one in wording.paragraphs(what)] == ["WARNING", "RESOLVED"]
    storm = message(*(one(number) for number in range(1, 31) for one in (alert, over)), more=5)
    assert "\nand 25 more\nby rule: landing_backlog 30\n" in wording.text(storm)


def test_nothing_in_a_message_drives_a_terminal_or_hides() -> None:
    hostile = "a\x1b[31m\u202egnp\u200b\x00\u2028end"
    one = alert(summary=hostile, labels={hostile: hostile}, description=f"two\n{hostile}")
    what = compose(delivery([notice(one)]), storm=10, node=hostile)
    told = [what.title, what.node, *what.firing[0].labels, *what.firing[0].labels.values(), what.firing[0].description]
    assert not set("\x1b\u202e\u200b\x00\u2028") & set("".join(told))
    assert what.firing[0].description.startswith("two\n")


def test_the_text_says_what_to_know_of_a_beginning() -> None:
    assert wording.text(message(alert(), url="http://etl01:8080/api/v1/alerts")) == (
        "WARNING  /data/in1 holds 12017 files\n"
        "  The loader does not keep up.\n"
        "  etlmon_path_file_count{path=/data/in1} > 10000, now 12017\n"
        "  rule landing_backlog, warning\n"
        "  since 2026-11-21 06:00:00 UTC\n"
        "\n"
        "all that is open: http://etl01:8080/api/v1/alerts\n"
        "etlmon on etl01, 2026-11-21 06:00:00 UTC\n"
    )


def test_the_text_says_what_to_know_of_an_end() -> None:
    assert wording.text(message(over())) == (
        "RESOLVED  /data/in1 holds 12017 files\n"
        "  does not hold any more\n"
        "  rule landing_backlog, warning\n"
        "  from 2026-11-21 06:00:00 UTC to 2026-11-21 07:00:00 UTC (1h, worst 12431)\n"
        "\n"
        "etlmon on etl01, 2026-11-21 06:00:00 UTC\n"
    )


def test_a_rule_about_what_is_absent_has_no_value_to_tell() -> None:
    absent = alert(value=None, worst=None, condition="absent", labels={}, description="")
    assert "\n  etlmon_path_file_count absent\n" in wording.text(message(absent))
    assert "worst" not in wording.text(message(over(worst=None)))


def test_a_digest_lists_the_worst_and_counts_the_rest_by_rule() -> None:
    many = [alert(number, rule=f"rule{number % 2}") for number in range(1, 31)]
    worst = alert(99, severity="critical", summary="the worst")
    text = wording.text(message(*many, worst, more=5))
    assert text.startswith("CRITICAL  the worst\n")
    assert text.count("WARNING  ") == 9
    assert "\nand 26 more\nby rule: rule1 15, rule0 15, landing_backlog 1\n" in text


@pytest.mark.parametrize("value", [12017.0, 93.456, 0.1 + 0.2, 1e18, -2.0])
def test_a_value_is_written_in_one_way_in_the_whole_message(value: float) -> None:
    shown = templates.number(value)
    assert f", now {shown}\n" in wording.text(message(alert(value=value)))
    assert f", worst {shown})" in wording.text(message(over(worst=value)))


def test_a_test_says_that_nothing_is_wrong() -> None:
    what = trial(AT, node="etl01", channel="ops")
    assert wording.heading(what) == "TEST etl01: a test of the channel ops; nothing is wrong"
    assert wording.text(what).startswith("a test of the channel ops; nothing is wrong\n\netlmon on etl01")
