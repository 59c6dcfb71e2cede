"""The history of the number that an alert is about."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etlmon.contract.alerts import Alert
from etlmon.contract.host import HistoryPoint, HistoryQuery
from tests.ui.alarms import alert, resolved
from tests.ui.looking import NOW
from ui.state import NodeState, answered
from ui.views.alerts_chart import axis_end, chart_of, chart_question, threshold_of
from ui.views.charts import History
from ui.views.rows import Row

MINUTE = timedelta(minutes=1)


def drawn(about: Alert, points: Sequence[HistoryPoint]) -> tuple[History, ...]:
    node = NodeState(name="web2", address="http://web2")
    question = chart_question(about)
    assert question is not None
    node = answered(node, question, list(points), now=NOW)
    return chart_of(Row(key="1", node=node, item=about, level="warn", now=NOW, times="relative", zone=UTC))


def point(minutes_ago: int, value: float) -> HistoryPoint:
    return HistoryPoint(at=NOW - minutes_ago * MINUTE, min=0.0, max=value, avg=value / 2)


def test_it_is_asked_for_from_before_the_alert_on_and_the_question_stays_the_same() -> None:
    first, later = chart_question(alert(1)), chart_question(alert(1, value=9.0, updated_at=NOW))
    assert first is not None
    assert later is not None
    assert first.key == later.key
    wanted = HistoryQuery(
        metric="etlmon_path_file_count", labels="path=/data/logs", since=NOW - 77 * MINUTE, until=None
    )
    assert first.query == wanted


def test_of_an_alert_that_is_over_the_chart_ends_a_while_after_it() -> None:
    question = chart_question(resolved(1))
    assert question is not None
    assert isinstance(question.query, HistoryQuery)
    assert question.query.until == NOW - timedelta(hours=2, minutes=30)
    (chart,) = drawn(resolved(1), [point(299, 5.0), point(151, 7.0), point(20, 99.0)])
    assert chart.values[0] == 5.0
    assert chart.values[-1] == 7.0
    assert chart.title.endswith(", 2h")


@pytest.mark.parametrize(
    "more",
    [
        {"condition": "absent"},
        {"triggered_at": datetime.min.replace(tzinfo=UTC)},
        {"resolved_at": datetime.max.replace(tzinfo=UTC)},
        {"labels": {"path": "x" * 7000}},
    ],
)
def test_what_has_no_history_is_not_asked_for(more: dict[str, Any]) -> None:
    assert chart_question(alert(1, **more)) is None
    node = NodeState(name="web2", address="http://web2")
    row = Row(key="1", node=node, item=alert(1, **more), level="warn", now=NOW, times="relative", zone=UTC)
    assert chart_of(row) == ()


def test_a_step_has_its_largest_value_which_holds_for_a_while_before_there_is_a_gap() -> None:
    (chart,) = drawn(alert(1), [point(70, 10.0), point(40, 3.0), HistoryPoint(at=NOW, min=0, max=8.0, avg=1)])
    values = list(chart.values)
    assert len(values) in (144, 145)
    assert [value for value in values if value is not None] == [10.0] * 4 + [3.0] * 4 + [8.0]
    assert values[0] is None
    assert values[-1] == 8.0
    (chart,) = drawn(alert(1), [HistoryPoint(at=NOW, min=0, max=peak, avg=1) for peak in (3.0, 8.0, 5.0)])
    assert chart.values[-1] == 8.0


@pytest.mark.parametrize(
    ("condition", "severity", "warn", "critical"),
    [
        ("> 10000", "warning", 10_000.0, None),
        (">= 10000", "critical", None, 10_000.0),
        ("< 5", "critical", None, None),
        ("rate(5m) > 5", "critical", None, None),
        ("== 3", "warning", None, None),
        ("> 5", "info", None, None),
    ],
)
def test_what_is_above_the_threshold_has_the_colour_of_the_alert(
    condition: str, severity: str, warn: float | None, critical: float | None
) -> None:
    (chart,) = drawn(alert(1, condition=condition, severity=severity), [point(2, 1.0), point(1, 2.0)])
    assert (chart.warn, chart.critical) == (warn, critical)


def test_the_axis_holds_the_threshold_and_all_values_and_speaks_in_their_unit() -> None:
    (chart,) = drawn(alert(1), [point(2, 300.0), point(1, 400.0)])
    assert (chart.low, chart.high) == (0.0, 10_000.0)
    (chart,) = drawn(alert(1, condition="< 0"), [point(2, -5.0), point(1, 1.5)])
    assert (chart.low, chart.high) == (-5.0, 2.0)
    about = alert(1, metric="memory_used_bytes", condition="> 1")
    (chart,) = drawn(about, [point(2, 2.0**30), point(1, 2.0**30)])
    assert callable(chart.unit)
    assert chart.unit(2.0**31) == "2.0G"
    assert chart.axis == drawn(about, [point(2, 2.0**30), point(1, 1.0)])[0].axis, "the same chart is not made anew"


def test_without_two_points_there_is_no_chart_and_with_none_in_its_time_it_is_empty() -> None:
    assert drawn(alert(1), []) == ()
    assert drawn(alert(1), [point(1, 5.0)]) == ()
    (chart,) = drawn(alert(1), [point(900, 5.0), point(901, 5.0)])
    assert set(chart.values) == {None}


@pytest.mark.parametrize(
    ("condition", "threshold"),
    [
        ("> 90", 90.0), ("<=-1.5e3", -1500.0), (">= .5", 0.5), ("> 90%", 90.0), ("> 90 %", 90.0),
        ("> 10GiB", 10.0 * 2**30), (">= 2h", 7200.0), ("> 1_000", 1000.0), ("> 1E3", 1000.0),
        ("== 0", None), ("!= 1", None), ("absent", None),
        ("delta(1h) > 5", None), ("", None), ("> something new", None),
    ],
)  # fmt: skip
def test_only_a_plain_condition_has_a_threshold(condition: str, threshold: float | None) -> None:
    assert threshold_of(condition) == threshold


def test_the_end_of_an_axis_is_round() -> None:
    assert [axis_end(value) for value in (0.0, 0.3, 1.5, 4.0, 9.0, 11.0, 12_017.0)] == [1, 1, 2, 5, 10, 20, 20_000]
