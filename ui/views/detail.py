"""The detail of a row: facts, a history and small tables, one below the other, in a pane that scrolls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from ui.widgets.cells import Cell
from ui.widgets.chart import Chart, Mode
from ui.widgets.lines import Line, Lines, grid


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; with nothing below it, `nothing` says so in words."""

    title: str
    lines: Sequence[Line]
    nothing: str = ""


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

    @property
    def axis(self) -> tuple[object, ...]:
        """What takes another chart when it changes."""
        return self.low, self.warn, self.critical, self.mode, self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """All that is to be said of one row."""

    title: str
    sections: Sequence[Section]
    charts: Sequence[History] = ()
    """Side by side above the sections."""

    def lines(self) -> list[Line]:
        """The sections as lines, a blank one between two."""
        lines: list[Line] = []
        for section in self.sections:
            if lines:
                lines.append([])
            lines.append([(section.title, "title")])
            below: Sequence[Line] = section.lines or [[(section.nothing, "dim")]]
            lines += [[("  ", None), *line] for line in below]
        return lines

    def text(self) -> str:
        """The same as plain text, for copying and saving."""
        return "\n".join([self.title, *("".join(text for text, _ in line).rstrip() for line in self.lines())])


def facts(*pairs: tuple[str, Cell]) -> list[Line]:
    """Names and what they are, in two columns."""
    return grid([((name, "dim"), value) for name, value in pairs])


class DetailPane(Vertical):
    """Shows a Detail: its charts, if it has any, and below them the sections."""

    DEFAULT_CSS = """
    DetailPane { height: 1fr; }
    DetailPane > #charts { height: 9; max-height: 42%; min-height: 3; background: $surface; }
    DetailPane > #charts.-none { display: none; }
    DetailPane > #charts > Vertical { width: 1fr; margin-left: 1; }
    DetailPane > #charts > .-first { margin-left: 0; }
    DetailPane > #charts Static { height: 1; color: $tone-dim; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.detail: Detail | None = None
        self._axes: tuple[tuple[object, ...], ...] = ()
        self._charts: list[tuple[Static, Chart]] = []

    @property
    def text(self) -> str:
        """The detail as plain text, for copying and saving."""
        return "" if self.detail is None else self.detail.text()

    def compose(self) -> ComposeResult:
        yield Horizontal(id="charts", classes="-none")
        yield Lines()

    def show(self, detail: Detail) -> None:
        self.detail = detail
        if not self.is_mounted:
            return
        self._show_charts(detail.charts)
        self.query_one(Lines).show(detail.lines())

    def _show_charts(self, charts: Sequence[History]) -> None:
        axes = tuple(history.axis for history in charts)
        if axes != self._axes:
            self._axes = axes
            self._charts = [(Static(history.title, markup=False), _chart(history)) for history in charts]
            place = self.query_one("#charts", Horizontal)
            place.set_class(not charts, "-none")
            place.remove_children()
            columns = [Vertical(*both) for both in self._charts]
            for column in columns[:1]:
                column.add_class("-first")
            place.mount(*columns)
        for (title, chart), history in zip(self._charts, charts, strict=True):
            title.update(history.title)
            chart.show(history.values, high=history.high)


def _chart(history: History) -> Chart:
    return Chart(history.low, history.high, history.warn, history.critical, mode=history.mode, unit=history.unit)
