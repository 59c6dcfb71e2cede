"""Every node at a glance, and below them whatever is wrong anywhere. Detail: how the node itself fares."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult

from ui import format as fmt
from ui.glyphs import NOTHING, WORDS, State
from ui.problems import level_of, of_fleet
from ui.problems import node as node_problems
from ui.problems.problem import Problem
from ui.state import NodeState, Question
from ui.views import overview_detail
from ui.views.base import Wanted
from ui.views.detail import Detail
from ui.views.overview_fields import FIELDS, RECENT_CPU
from ui.views.rows import Field, Row, Scope, level_tone, text_of
from ui.views.rows_table import RowsTable
from ui.views.table import TableView
from ui.widgets.cells import Cell
from ui.widgets.columns import Column
from ui.widgets.panel import Panel
from ui.widgets.table import KeyedTable

_LEAST_FOR_PROBLEMS = 14
_LEAST_PANEL = 6
_NOT_SAVED = frozenset({"node", "recent"})
"""The name stands there already, and a picture is no value."""

PROBLEM_COLUMNS = (
    Column(key="since", label="SINCE", width=8),
    Column(key="severity", label="SEV", width=4),
    Column(key="node", label="NODE", width=14),
    Column(key="problem", label="PROBLEM", width=30, flex=True),
)


class OverviewView(TableView[NodeState]):
    """The nodes, the worst first, and all open problems. Detail: a node's collectors, store, events and audit."""

    view, number, title, tab, tab_short = "overview", "1", "Overview", "Overview", "Over"
    question = node_problems.QUESTION
    fields = FIELDS
    noun = "node"
    nothing = "No node is configured."

    every_node = True

    DEFAULT_CSS = """
    OverviewView > #problems { max-height: 40%; }
    OverviewView > #problems.-away { display: none; }
    """

    # The table

    def key_of(self, item: NodeState) -> str:
        return item.name

    def level_of(self, item: NodeState) -> State:
        return level_of(item)

    def items(self, node: NodeState) -> Iterable[NodeState]:
        return (node,)

    def record(self, row: Row[NodeState]) -> Mapping[str, Any]:
        fields = (field for field in self.fields if field.key not in _NOT_SAVED)
        return {field.key: text_of(field.cell(row)) for field in fields}

    @property
    def shown_fields(self) -> tuple[Field[Any], ...]:
        return self.fields

    def as_of(self, scope: Scope) -> list[str]:
        return []  # each row says when its node was seen last

    def questions(self, names: Collection[str]) -> Wanted:
        """One thing more than what every node is asked anyhow; and what the detail takes, when one is open."""
        wanted: dict[str, tuple[Question[Any], ...]] = dict.fromkeys(names, (RECENT_CPU,))
        if self.opened is not None:
            wanted[self.opened.node.name] = (*self.detail_questions(self.opened), RECENT_CPU)
        return wanted

    @on(KeyedTable.CursorMoved)
    def _choose(self, event: KeyedTable.CursorMoved) -> None:
        """The node under the cursor is the one the other views show."""
        event.stop()
        if event.key != self.query_one(RowsTable).cursor_key:
            return  # it has moved on since
        row = next((row for row in self.shown_rows if row.key == event.key), None)
        if row is not None:
            self.post_message(self.NodeChosen(row.node.name))

    def point_at(self, node: str) -> None:
        row = next((row for row in self.shown_rows if row.node.name == node), None)
        if row is not None:
            self.query_one(RowsTable).move_to(row.key)

    # The problems below it

    def compose(self) -> ComposeResult:
        yield from super().compose()
        problems = KeyedTable(PROBLEM_COLUMNS, empty="Nothing is wrong.")
        problems.can_focus = False
        yield Panel(problems, title="Problems", id="problems")

    def show(self, scope: Scope) -> None:
        is_first = not self.shown_rows
        super().show(scope)
        if is_first:
            self.point_at(scope.chosen)
        problems = of_fleet(scope.nodes)
        panel = self.query_one("#problems", Panel)
        panel.set_class(self.opened is not None or self.size.height < _LEAST_FOR_PROBLEMS, "-away")
        panel.styles.height = max(_LEAST_PANEL, len(problems) + 3)
        panel.query_one(KeyedTable).set_rows(
            [f"{index}" for index in range(len(problems))], [_problem_cells(one, scope) for one in problems]
        )
        worst_ones = sum(problem.level in ("down", "crit") for problem in problems)
        panel.show(foot=f"{worst_ones} critical · {len(problems) - worst_ones} warnings")

    # The detail: how the node itself fares

    def detail_questions(self, row: Row[NodeState]) -> tuple[Question[Any], ...]:
        return overview_detail.QUESTIONS

    def detail(self, row: Row[NodeState]) -> Detail:
        return overview_detail.detail_of(row)


def _problem_cells(problem: Problem, scope: Scope) -> list[Cell]:
    since = NOTHING if problem.since is None else fmt.age((scope.now - problem.since).total_seconds())
    tone = level_tone(problem.level)
    return [(since, "dim"), (WORDS[problem.level], tone), problem.node, problem.text]
