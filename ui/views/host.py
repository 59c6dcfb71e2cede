"""The host: what it does now and did, over an hour to a week, and the processes that use most of it."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize

from etlmon.contract.host import Host, TopUser
from ui.keys import key
from ui.problems import host as host_problems
from ui.state import NodeState, Question
from ui.views.base import Wanted
from ui.views.charts import ChartRow, History
from ui.views.detail import DetailPane
from ui.views.host_charts import A_ROW, chart_questions, charts_of
from ui.views.host_fields import NUMBER_FIELDS, TOP_CPU_COLUMNS, TOP_MEMORY_COLUMNS, top_cells
from ui.views.host_parts import Numbers, Users
from ui.views.parts import PartsView
from ui.views.rows import Scope
from ui.views.rows_table import RowsTable
from ui.views.sampled import SPANS, Span
from ui.widgets.filterbar import FilterBar
from ui.widgets.panel import Panel
from ui.widgets.table import KeyedTable

_LEAST_FOR_CHARTS = 18
"""Lines in which the charts leave room for rows."""

_LEAST_FOR_TOP = 92
"""Columns in which the processes that use most stand beside the rows."""


class HostView(PartsView):
    """Charts of a node's host over a time that `<` and `>` choose, and a row for each part of it; `v` turns to the
    processes that use most. Of several nodes there are the rows alone. Detail: the part's numbers, large.
    """

    view, number, title, tab, tab_short = "host", "0", "Host", "Host", "Host"
    question = host_problems.QUESTION.at("fast")
    fields = NUMBER_FIELDS
    noun, nothing = Numbers.noun, Numbers.nothing

    BINDINGS: ClassVar[list[BindingType]] = [
        key("less_than_sign", "span(-1)", "Shorter time", id="shorter_time"),
        key("greater_than_sign", "span(1)", "Longer time", id="longer_time", show=True),
    ]

    DEFAULT_CSS = """
    HostView #graphs { height: 45%; min-height: 8; max-height: 24; }
    HostView #lists { height: 1fr; }
    HostView #top { width: 34; margin-left: 1; }
    HostView.-low #graphs, HostView.-slim #top, HostView .-away { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._span = 0
        self._charted: tuple[Question[Any], ...] = ()
        self.parts = (Numbers(lambda: self.span), Users())
        self._graphs = (ChartRow(), ChartRow())
        self._top = _top_table(TOP_CPU_COLUMNS), _top_table(TOP_MEMORY_COLUMNS)

    @property
    def span(self) -> Span:
        """The time that is shown."""
        return SPANS[self._span]

    def compose(self) -> ComposeResult:
        table = RowsTable([field.column for field in self.fields], empty="", markable=True)
        yield Panel(
            Vertical(*self._graphs, id="graphs"),
            Horizontal(table, Vertical(*self._top, id="top"), id="lists"),
            DetailPane(),
        )
        yield FilterBar()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.height < _LEAST_FOR_CHARTS, "-low")
        self.set_class(event.size.width < _LEAST_FOR_TOP, "-slim")

    # What the app asks and tells

    def questions(self, names: Collection[str]) -> Wanted:
        wanted = dict(super().questions(names))
        if len(wanted) == 1 and self.opened is None:
            wanted = {name: (*asked, *self._charted) for name, asked in wanted.items()}
        return wanted

    def show(self, scope: Scope) -> None:
        node = scope.nodes[0] if len(scope.nodes) == 1 else None
        before, self._charted = self._charted, () if node is None else chart_questions(node, self.span)
        super().show(scope)
        if [question.key for question in before] != [question.key for question in self._charted]:
            self.post_message(self.QuestionsChanged())
        self._show_graphs([] if node is None else charts_of(node, self.span, node.clock(scope.now)))
        self._show_top(node)

    def _show_graphs(self, charts: Sequence[History]) -> None:
        self.query_one("#graphs").set_class(not charts or self.opened is not None, "-away")
        for row, first in zip(self._graphs, (0, A_ROW), strict=True):
            row.show(charts[first : first + A_ROW])

    def _show_top(self, node: NodeState | None) -> None:
        host = None if node is None else node.answer(host_problems.QUESTION)
        lists = _tops(host)
        away = self._index != 0 or not any(lists)
        self.query_one("#top").set_class(away, "-away")
        for table, processes in zip(self._top, lists, strict=True):
            table.set_rows([str(one.pid) for one in processes], [top_cells(one) for one in processes])

    def _swap(self, *, detail: bool) -> None:
        self.query_one("#lists").display = not detail
        super()._swap(detail=detail)
        if self._scope is not None:
            self.show(self._scope)

    def frame(self, title: str, foot: str) -> None:
        charted = self._charted and self.opened is None and self._index == 0
        super().frame(f"{title} · {self.span.name}" if charted else title, foot)

    # What the operator does

    def action_span(self, step: int) -> None:
        """Show a longer or a shorter time."""
        self._span = max(0, min(len(SPANS) - 1, self._span + step))
        if self._scope is not None:
            self.show(self._scope)
        self.post_message(self.QuestionsChanged())


def _tops(host: Host | None) -> tuple[list[TopUser], list[TopUser]]:
    return ([], []) if host is None else (host.top_cpu, host.top_memory)


def _top_table(columns: Sequence[Any]) -> KeyedTable:
    table = KeyedTable(columns, empty="None.")
    table.can_focus = False
    return table
