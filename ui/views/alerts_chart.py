"""The history of the number that an alert is about, from before it went wrong. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from etlmon.contract.alerts import Alert
from etlmon.contract.host import HOST_HISTORY, LONGEST_LABELS, HistoryPoint, HistoryQuery
from etlmon.labels import write_labels
from etlmon.rule_conditions import parse_condition
from ui import format as fmt
from ui.problems import alerts as alerts_problems
from ui.state import Question
from ui.views.detail import History
from ui.views.history import ceiling
from ui.views.rows import Row

BEFORE = timedelta(hours=1)
"""What was before it went wrong tells how it came."""

AFTER = timedelta(minutes=30)

_COLUMNS = 144
_LEAST_STEP_SEC = 30
_HELD_STEPS = 3
_HAVE_SIDES = (">", ">=", "<", "<=")
"""Operators of which a number can be on the wrong side."""


@dataclass(frozen=True, slots=True)
class _InUnits:
    """Writes the numbers of an axis; two of one metric are equal, so that the chart stays the same."""

    metric: str

    def __call__(self, value: float) -> str:
        return alerts_problems.number(self.metric, value)


def chart_question(alert: Alert) -> Question[list[HistoryPoint]] | None:
    """The history of its number; None for too many labels, and for what is not there at all.

    The question is the same as long as the alert lasts: it is asked for from a fixed time on.
    """
    labels, stretch = write_labels(alert.labels), _stretch(alert)
    if stretch is None or len(labels) > LONGEST_LABELS or alert.condition.strip() == "absent":
        return None
    query = HistoryQuery(metric=alert.metric, labels=labels, since=stretch[0], until=stretch[1])
    return Question(HOST_HISTORY, query, pace="slow")


def _stretch(alert: Alert) -> tuple[datetime, datetime | None] | None:
    """From when to when, None for now; nothing for times that no calendar has."""
    try:
        return alert.triggered_at - BEFORE, None if alert.resolved_at is None else alert.resolved_at + AFTER
    except OverflowError:
        return None


def chart_of(row: Row[Alert]) -> tuple[History, ...]:
    """The chart; none while there are no two points."""
    alert, question, stretch = row.item, chart_question(row.item), _stretch(row.item)
    points = (row.node.answer(question) or []) if question is not None else []
    if len(points) < 2 or stretch is None:
        return ()
    since, until = stretch[0], min(row.now, stretch[1] or row.now)
    span_sec = max(1.0, (until - since).total_seconds())
    step_sec = max(_LEAST_STEP_SEC, span_sec / _COLUMNS)
    values = _values(points, since=since, step_sec=step_sec, columns=int(span_sec // step_sec) + 1)
    known = [value for value in values if value is not None]
    threshold = threshold_of(alert.condition)
    is_over = threshold is not None and alert.condition.lstrip().startswith(">")
    level = alerts_problems.severity_level(alert.severity)
    return (
        History(
            title=f"{alerts_problems.series(alert.metric, alert.labels)}, {fmt.age(span_sec)}",
            values=values,
            low=min([0.0, *known]),
            high=axis_end(max([threshold or 0.0, *known])),
            warn=threshold if is_over and level == "warn" else None,
            critical=threshold if is_over and level == "crit" else None,
            unit=_InUnits(alert.metric),
            whole=True,
        ),
    )


def threshold_of(condition: str) -> float | None:
    """What a plain condition compares with, sizes in bytes and durations in seconds: 90 of `> 90%`.

    None for one of rates, changes, absence or equality, and for one that cannot be read: a node may be newer than this.
    """
    try:
        parsed = parse_condition(condition)
    except ValueError:
        return None
    return parsed.threshold if parsed.of == "value" and parsed.operator in _HAVE_SIDES else None


def axis_end(largest: float) -> float:
    """The end of an axis for values up to `largest`: a round number, 1 at the least."""
    return next((end for end in (1.0, 2.0, 5.0) if largest <= end), None) or ceiling(largest)


def _values(points: Sequence[HistoryPoint], *, since: datetime, step_sec: float, columns: int) -> list[float | None]:
    """The points as evenly spaced values, the largest of a step, each held for a while; then there is a gap."""
    values: list[float | None] = [None] * columns
    for point in points:
        place = int((point.at - since).total_seconds() // step_sec)
        if 0 <= place < columns:
            before = values[place]
            values[place] = point.max if before is None else max(before, point.max)
    last, left = None, 0
    for place, value in enumerate(values):
        if value is not None:
            last, left = value, _HELD_STEPS
        elif left:
            values[place], left = last, left - 1
    return values
