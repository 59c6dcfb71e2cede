"""The clusters: Proxmox VE and Google Cloud Dataproc in one list, what they consist of, and how many there are."""

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult

from ui import format as fmt
from ui.problems import clusters as clusters_problems
from ui.problems import dataproc as dataproc_problems
from ui.state import NodeState
from ui.views.clusters_acts import ClusterActs
from ui.views.clusters_fields import Count
from ui.views.clusters_parts import Clusters, Counts
from ui.views.clusters_query import EXAMPLE, ClusterQuery, exactly, parse_query
from ui.views.dataproc_parts import Jobs, Policies, Runs, Templates
from ui.views.parts import Part
from ui.views.queried import QueriedView, QueryError
from ui.views.rows import Row, Scope, level_tone
from ui.widgets.cells import Run
from ui.widgets.sayline import SayLine


class ClustersView(QueriedView[ClusterQuery], ClusterActs):
    """The clusters, those in trouble first; `v` turns to counts, jobs, templates, policies and collections."""

    view, number, title, tab, tab_short = "clusters", "8", "Clusters", "Clusters", "Clus"
    question = clusters_problems.QUESTION.at("fast")
    fields = Clusters.columns
    noun = Clusters.noun
    nothing = Clusters.nothing
    everything = ClusterQuery()
    example = EXAMPLE

    TABLE_ONLY = QueriedView.TABLE_ONLY | {"register"}

    # What a queried view asks

    def parse(self, text: str, scope: Scope) -> ClusterQuery:
        return parse_query(text)

    def parts_of(self, query: ClusterQuery) -> Sequence[Part[Any]]:
        return (Clusters(query), Counts(query), Jobs(query), Templates(query), Policies(query), Runs(query))

    # What the app asks and tells

    def show(self, scope: Scope) -> None:
        before = self._asked(scope)
        super().show(scope)
        self.query_one(SayLine).say(_say(scope.nodes))
        self._go_to_awaited()
        if before != self._asked(scope):
            self.post_message(self.QuestionsChanged())

    def _asked(self, scope: Scope) -> Sequence[str]:
        return [question.key for question in self.part.questions(scope.nodes[0].name, len(scope.nodes))]

    def nothing_of(self, node: NodeState) -> str:
        if self.sought:
            return "Nothing is what is to be found. f changes that, \\ clears it."
        return self.part.nothing

    # How it is drawn

    def compose(self) -> ComposeResult:
        panel, *bars = super().compose()
        yield panel
        yield SayLine()
        yield from bars

    # What the operator does

    def open(self, row: Row[Any]) -> None:
        """Show the detail of a row; of a count the clusters that it counts."""
        if not isinstance(row.item, Count):
            super().open(row)
            return
        one = "" if row.item.by == "all" else exactly(row.item.by, row.item.value)
        text = f"{self.sought} {one}".strip()
        try:
            query = parse_query(text)
        except QueryError as error:
            self.notify(f"These clusters cannot be listed: {error}", severity="error", markup=False)
        else:
            self._find(text, query, 0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "register" and not self.is_table_live:
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
