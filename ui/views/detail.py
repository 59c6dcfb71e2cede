"""The detail of a row: facts, a history and small tables, one below the other, in a pane that scrolls."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical

from ui.views.charts import ChartRow, History
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, Lines, grid

__all__ = ["Detail", "DetailPane", "History", "Section", "facts"]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; with nothing below it, `nothing` says so in words."""

    title: str
    lines: Sequence[Line]
    nothing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """All that is to be said of one row."""

    title: str
    sections: Sequence[Section]
    charts: Sequence[History] = ()
    """Side by side above the sections."""
    large_charts: bool = False
    """The charts are what it is about: they take more than half of the pane."""

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
    DetailPane > #charts { height: 9; max-height: 42%; min-height: 3; }
    DetailPane > #charts.-large { height: 55%; max-height: 55%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.detail: Detail | None = None

    @property
    def text(self) -> str:
        """The detail as plain text, for copying and saving."""
        return "" if self.detail is None else self.detail.text()

    def compose(self) -> ComposeResult:
        yield ChartRow(id="charts")
        yield Lines()

    def show(self, detail: Detail) -> None:
        self.detail = detail
        if not self.is_mounted:
            return
        row = self.query_one(ChartRow)
        row.set_class(detail.large_charts, "-large")
        row.show(detail.charts)
        self.query_one(Lines).show(detail.lines())
