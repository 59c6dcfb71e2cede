"""The clusters: Proxmox VE and Google Cloud Dataproc in one list, what they consist of, and how many there are."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from ui import format as fmt
from ui.keys import key
from ui.problems import dataproc as dataproc_problems
from ui.state import NodeState
from ui.views.clusters_acts import ClusterActs
from ui.views.clusters_fields import Count
from ui.views.clusters_parts import Clusters, Counts
from ui.views.clusters_query import HELP, ClusterQuery, QueryError, exactly, parse_query
from ui.views.dataproc_parts import Jobs, Policies, Runs, Templates
from ui.views.parts import Part
from ui.views.rows import Row, Scope, level_tone
from ui.widgets.cells import Run
from ui.widgets.filterbar import FilterBar, FilterInput
from ui.widgets.querybar import QueryBar
from ui.widgets.sayline import SayLine

_MAKERS: tuple[Callable[[ClusterQuery], Part[Any]], ...] = (Clusters, Counts, Jobs, Templates, Policies, Runs)
_FIRST = Clusters(ClusterQuery())


class ClustersView(ClusterActs):
    """The clusters, those in trouble first; `v` turns to counts, jobs, templates, policies and collections."""

    view, number, title, tab, tab_short = "clusters", "8", "Clusters", "Clusters", "Clus"
    question = _FIRST.questions(1)[0]
    fields = _FIRST.fields("relative")
    noun = _FIRST.noun
    nothing = _FIRST.nothing

    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority: what is typed after it goes into the line, also when it comes in one burst.
        key("f,F", "query", "Find", id="find", show=True, priority=True)
    ]
    TABLE_ONLY = ClusterActs.TABLE_ONLY | {"find", "register"}

    def __init__(self) -> None:
        super().__init__()
        self._query, self._text = ClusterQuery(), ""
        self.parts = [make(self._query) for make in _MAKERS]

    # What the app asks and tells

    def show(self, scope: Scope) -> None:
        before = self._asked(scope)
        super().show(scope)
        self.query_one(SayLine).say(_say(scope.nodes))
        self._go_to_awaited()
        if before != self._asked(scope):
            self.post_message(self.QuestionsChanged())

    def _asked(self, scope: Scope) -> Sequence[str]:
        return [question.key for question in self.part.questions(len(scope.nodes))]

    def nothing_of(self, node: NodeState) -> str:
        if self._query:
            return "Nothing is what is to be found. f changes that, \\ clears it."
        return self.part.nothing

    def back(self) -> bool:
        in_front = self.is_typing or self.opened is not None or self.query_one(FilterBar).filter
        if self._query and not in_front:
            self._find("", ClusterQuery())
            return True
        return super().back()

    @property
    def is_typing(self) -> bool:
        return super().is_typing or self.query_one(QueryBar).is_typing

    def leave_input(self) -> bool:
        bar = self.query_one(QueryBar)
        if bar.is_typing:
            bar.action_leave()
            return True
        return super().leave_input()

    # How it is drawn

    def compose(self) -> ComposeResult:
        panel, filter_bar = super().compose()
        yield panel
        yield SayLine()
        yield QueryBar(HELP)
        yield filter_bar

    # What the operator does

    def open(self, row: Row[Any]) -> None:
        """Show the detail of a row; of a count the clusters that it counts."""
        if not isinstance(row.item, Count):
            super().open(row)
            return
        one = "" if row.item.by == "all" else exactly(row.item.by, row.item.value)
        text = f"{self._text} {one}".strip()
        try:
            query = parse_query(text)
        except QueryError as error:
            self.notify(f"These clusters cannot be listed: {error}", severity="error", markup=False)
        else:
            self._index = 0
            self._find(text, query)

    def action_query(self) -> None:
        bar = self.query_one(QueryBar)
        bar.open()
        self.screen.set_focus(bar.query_one(FilterInput))

    def action_clear_filter(self) -> None:
        super().action_clear_filter()
        if self._query:
            self._find("", ClusterQuery())

    @on(QueryBar.Submitted)
    def _query_submitted(self, event: QueryBar.Submitted) -> None:
        event.stop()
        try:
            query = parse_query(event.text)
        except QueryError as error:
            event.bar.complain(str(error))
        else:
            self._find(event.text, query)
            self.take_focus()
        self.post_message(self.TypingEnded())

    @on(QueryBar.Left)
    def _query_left(self, event: QueryBar.Left) -> None:
        event.stop()
        self.take_focus()
        self.post_message(self.TypingEnded())

    def _find(self, text: str, query: ClusterQuery) -> None:
        self.query_one(QueryBar).use(text)
        self._query, self._text = query, text
        self.parts = [make(query) for make in _MAKERS]
        self._turn_to(self._index)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("query", "register") and not self.is_table_live:
            return False
        if action == "match":
            return False  # n registers here; j and k go through what the filter lets through
        return super().check_action(action, parameters)


def _say(nodes: Sequence[NodeState]) -> list[Run]:
    """How the accounts of Dataproc were collected last, in a line."""
    runs: list[Run] = []
    for node in nodes:
        where = f"{node.name} " if len(nodes) > 1 else ""
        for account, ended in dataproc_problems.by_account(node).items():
            level = dataproc_problems.account_level(ended)
            words = dataproc_problems.run_words(ended[0])
            if level == "ok":
                result, comma, more = words.partition(",")
                words = f"{result} in {fmt.latency(ended[0].duration_ms)}{comma}{more}"
            runs += [(" · ", "dim")] if runs else []
            runs.append((f"{where}Dataproc {account}: {words}", "dim" if level == "ok" else level_tone(level)))
    return runs
