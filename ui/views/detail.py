"""The detail of a row: facts, a history and small tables, one below the other, in a pane that scrolls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
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
    history: History | None = None

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
    """Shows a Detail: its chart, if it has one, and below it the sections."""

    DEFAULT_CSS = """
    DetailPane { height: 1fr; }
    DetailPane > Static { height: 1; color: $tone-dim; background: $surface; }
    DetailPane > Chart { height: 8; max-height: 35%; min-height: 2; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.detail: Detail | None = None
        self._axis: tuple[object, ...] = ()

    @property
    def text(self) -> str:
        """The detail as plain text, for copying and saving."""
        return "" if self.detail is None else self.detail.text()

    def compose(self) -> ComposeResult:
        yield Lines()

    def show(self, detail: Detail) -> None:
        self.detail = detail
        if not self.is_mounted:
            return
        self._show_history(detail.history)
        self.query_one(Lines).show(detail.lines())

    def _show_history(self, history: History | None) -> None:
        axis = () if history is None else history.axis
        if axis != self._axis:
            self._axis = axis
            self.query("Chart, Static").remove()
            if history is not None:
                chart = Chart(
                    history.low, history.high, history.warn, history.critical, mode=history.mode, unit=history.unit
                )
                self.mount(Static(history.title, markup=False), chart, before=0)
        if history is not None:
            for chart in self.query(Chart):
                chart.show(history.values, high=history.high)
            for title in self.query(Static):
                title.update(history.title)
