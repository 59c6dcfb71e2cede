"""The stored history of any number of a node: which one to ask for, and its points over a stretch of time. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from etlmon.contract.host import HOST_HISTORY, HistoryPoint, HistoryQuery
from etlmon.labels import write_labels
from ui import format as fmt
from ui.state import NodeState, Question
from ui.views.charts import History
from ui.views.history import ceiling, held

_HELD_STEPS = 2
"""A number that is stated less often than a column is wide holds a while; then there is a gap."""

_KIB = 1024.0


@dataclass(frozen=True, slots=True)
class Span:
    """The time up to now, in steps: each is a column of a chart that is wide enough."""

    name: str
    seconds: int
    step: int

    @property
    def columns(self) -> int:
        return self.seconds // self.step


SPANS: Final = (
    Span("1 h", 3600, 30),
    Span("6 h", 6 * 3600, 180),
    Span("24 h", 24 * 3600, 600),
    Span("7 d", 7 * 86400, 3600),
)
DAY: Final = SPANS[2]


@dataclass(frozen=True, slots=True)
class Series:
    """One number: its name in `/metrics` with its labels, what it is called here, and how it is drawn and written."""

    title: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    unit: Callable[[float], str] | None = None
    """Writes a value; None for percent."""
    in_bytes: bool = False
    """The ends of its axis are round in powers of 1024."""
    top: float = 0.0
    """Its axis reaches this far at the least."""

    def write(self, value: float) -> str:
        return f"{value:.0f}%" if self.unit is None else self.unit(value)


def fine_percent(value: float) -> str:
    """Percent of what is far from full: `0.3%`."""
    return f"{value:.1f}%"


OWN_CPU: Final = Series("CPU of the node", "etlmon_node_cpu_percent", (), fine_percent, top=1.0)
OWN_MEMORY: Final = Series("memory of the node", "etlmon_node_memory_bytes", (), fmt.size, in_bytes=True)
"""What the node itself uses; its children count for the processor alone."""

HOST_CPU: Final = Series("CPU", "cpu_usage_percent", (("mode", "busy"),))
"""How busy all processors of the host are together."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a number came to in a stretch of time; `most_at` is when it was largest."""

    least: float
    mean: float
    most: float
    most_at: datetime


def sample_question(series: Series, span: Span) -> Question[list[HistoryPoint]]:
    """The history of a number over a span up to now; the same question as time goes on."""
    labels = write_labels(dict(series.labels))
    query = HistoryQuery(metric=series.metric, labels=labels, last=span.seconds, step=span.step)
    return Question(HOST_HISTORY, query, pace="slow")


def sample_values(points: Sequence[HistoryPoint], span: Span, now: datetime) -> list[float | None]:
    """The averages of the steps of a span, the last one that of now; empty when there is no point in it."""
    values: list[float | None] = [None] * span.columns
    last = int(now.timestamp() // span.step)
    for point in points:
        place = span.columns - 1 - last + int(point.at.timestamp() // span.step)
        if 0 <= place < span.columns:
            values[place] = point.avg
    if not any(value is not None for value in values):
        return []
    return held(values, _HELD_STEPS)


def figures(points: Sequence[HistoryPoint]) -> Figures | None:
    """None when there is no point."""
    if not points:
        return None
    highest = max(points, key=lambda point: point.max)
    mean = sum(point.avg for point in points) / len(points)
    return Figures(min(point.min for point in points), mean, highest.max, highest.at)


def day_questions(numbers: Sequence[Series]) -> tuple[Question[list[HistoryPoint]], ...]:
    """The last day of some numbers, for day_charts."""
    return tuple(sample_question(series, DAY) for series in numbers)


def day_charts(node: NodeState, numbers: Sequence[Series], now: datetime) -> list[History]:
    """The last day of those of the numbers of which the node keeps a history."""
    held = zip(numbers, day_questions(numbers), strict=True)
    known = [(series, points) for series, question in held if (points := node.answer(question))]
    return [chart(series, points, DAY, now, title=f"{series.title}, {DAY.name}") for series, points in known]


def chart(series: Series, points: Sequence[HistoryPoint], span: Span, now: datetime, *, title: str) -> History:
    """The number over a span, all of which is on the screen however wide that is."""
    return whole_chart(series, sample_values(points, span, now), title=title)


def whole_chart(series: Series, values: Sequence[float | None], *, title: str) -> History:
    """Values that go from the beginning of a span to its end, as a chart of the number."""
    largest = max([series.top, *(value for value in values if value is not None)])
    if series.unit is None:
        return History(title=title, values=values, high=percent_ceiling(largest), whole=True)
    high = byte_ceiling(largest) if series.in_bytes else ceiling(largest, least=1.0)
    return History(title=title, values=values, high=high, mode="line", unit=series.unit, whole=True)


def added(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The sum of several numbers at each step; None where none of them is known."""
    known = [row for row in rows if row]
    return [
        sum(value for value in step if value is not None) if any(value is not None for value in step) else None
        for step in zip(*known, strict=True)
    ]


def percent_ceiling(largest: float) -> float:
    """The end of an axis for percent: 100, and more where several processors are counted."""
    return 100.0 if largest <= 100.0 else ceiling(largest)


def byte_ceiling(largest: float) -> float:
    """The end of an axis for bytes up to `largest`: 1, 2, 5, 10 .. 500 times a power of 1024, at least 1 KiB."""
    unit = _KIB
    while largest > 500 * unit:
        unit *= _KIB
    return next(unit * factor for factor in (1, 2, 5, 10, 20, 50, 100, 200, 500) if largest <= unit * factor)
