"""Histories as charts, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from ui.widgets.chart import Chart, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A chart: the values, oldest first (None is a gap), what they are, and what the axis is like (see Chart)."""

    title: str
    values: Sequence[float | None]
    low: float = 0.0
    high: float = 100.0
    warn: float | None = None
    critical: float | None = None
    mode: Mode = "area"
    unit: str | Callable[[float], str] = "%"
    whole: bool = False

    @property
    def axis(self) -> tuple[object, ...]:
        """What takes another chart when it changes."""
        return self.low, self.warn, self.critical, self.mode, self.unit, self.whole


class ChartRow(Horizontal):
    """Charts with their titles. They are made anew only when they become other ones."""

    DEFAULT_CSS = """
    ChartRow { height: 1fr; background: $surface; }
    ChartRow.-none { display: none; }
    ChartRow > Vertical { width: 1fr; margin-left: 1; }
    ChartRow > .-first { margin-left: 0; }
    ChartRow Static { height: 1; color: $tone-dim; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes="-none")
        self._axes: tuple[tuple[object, ...], ...] = ()
        self._charts: list[tuple[Static, Chart]] = []

    def show(self, charts: Sequence[History]) -> None:
        axes = tuple(history.axis for history in charts)
        if axes != self._axes:
            self._axes = axes
            self._charts = [(Static(history.title, markup=False), _chart(history)) for history in charts]
            self.set_class(not charts, "-none")
            self.remove_children()
            columns = [Vertical(*both) for both in self._charts]
            for column in columns[:1]:
                column.add_class("-first")
            self.mount(*columns)
        for (title, chart), history in zip(self._charts, charts, strict=True):
            title.update(history.title)
            chart.show(history.values, high=history.high)


def _chart(history: History) -> Chart:
    return Chart(
        history.low,
        history.high,
        history.warn,
        history.critical,
        mode=history.mode,
        unit=history.unit,
        whole=history.whole,
    )
