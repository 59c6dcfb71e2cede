"""The clusters of both kinds in one list, and how many there are of what."""

from collections.abc import Mapping, Sequence
from math import ceil
from operator import is_
from typing import Any

import msgspec

from etlmon.contract.clusters import Cluster
from etlmon.contract.dataproc import DATAPROC_CLUSTERS, DataprocQuery
from etlmon.contract.dataproc_rows import DataprocRow
from ui import format as fmt
from ui.glyphs import State
from ui.problems import clusters as clusters_problems
from ui.problems import dataproc as dataproc_problems
from ui.state import NodeState, Question
from ui.views.clusters_detail import cluster_detail, cluster_questions
from ui.views.clusters_fields import COUNT_FIELDS, FIELDS, Count, counts
from ui.views.clusters_listed import Listed, of_dataproc, of_proxmox
from ui.views.clusters_query import ClusterQuery
from ui.views.dataproc import row_detail, row_questions
from ui.views.detail import Detail
from ui.views.parts import Part
from ui.views.rows import Field, Row

MOST_PAGES = 5
"""So many answers of 1,000 clusters are held of a node."""
_PAGE = 1000

NOTHING_WATCHED = (
    "No cluster is watched. n registers one of Proxmox VE; those of Google Cloud Dataproc are collected with dataproc: "
    "in node.yaml."
)


class Clusters(Part[Listed]):
    title = "Clusters"
    name = "clusters"
    noun = "cluster"
    nothing = NOTHING_WATCHED
    columns: tuple[Field[Any], ...] = FIELDS

    def __init__(self, query: ClusterQuery) -> None:
        self.query = query
        self._pages = 1
        self._listed: dict[str, tuple[Sequence[object], Sequence[Listed]]] = {}
        """Of each node the answers, and the rows they made: the same answers make the same rows."""

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        # The latest run says how the accounts fare; without jobs and policies there is nothing more to know of a row.
        return (clusters_problems.QUESTION.at("fast"), *map(self._page, range(self._pages)), dataproc_problems.RUNS)

    def items(self, node: NodeState, nodes: int) -> Sequence[Any]:
        return self._of(node)

    def _of(self, node: NodeState) -> Sequence[Listed]:
        """The clusters of a node that are to be shown."""
        proxmox, dataproc = clusters_problems.clusters(node), self._dataproc(node)
        before, listed = self._listed.get(node.name, ((), ()))
        answers = (proxmox, *dataproc)
        if len(answers) == len(before) and all(map(is_, answers, before)):
            return listed
        found = [of_proxmox(cluster) for cluster in proxmox]
        found += [of_dataproc(row) for page in dataproc for row in page or ()]
        listed = list({one.key: one for one in found if self.query.fits(one.words)}.values())
        self._listed[node.name] = answers, listed
        return listed

    def _dataproc(self, node: NodeState) -> list[list[DataprocRow] | None]:
        """What is held of it, in pages; when the node has more, the next ones are asked for, too."""
        held = node.held(self._page(0))
        if held is not None and held.total is not None:
            self._pages = max(self._pages, min(MOST_PAGES, ceil(held.total / _PAGE)))
        return [node.answer(self._page(page)) for page in range(self._pages)]

    def _page(self, number: int) -> Question[list[DataprocRow]]:
        query = DataprocQuery(limit=_PAGE, offset=number * _PAGE, gone=self.query.wants_gone)
        return Question(DATAPROC_CLUSTERS, query)

    def key_of(self, item: Listed) -> str:
        return item.key

    def level_of(self, item: Listed) -> State:
        return item.level

    def order(self, item: Listed) -> tuple[str, ...]:
        one = item.item
        return ("", "", one.name) if isinstance(one, Cluster) else (one.project_id, one.region, one.cluster_name)

    def cut_short(self, nodes: Sequence[NodeState]) -> str:
        total = max((held.total or 0 for node in nodes if (held := node.held(self._page(0))) is not None), default=0)
        most = MOST_PAGES * _PAGE
        return f"the first {fmt.count(most)} of {fmt.count(total)} of Dataproc" if total > most else ""

    def detail_questions(self, row: Row[Listed]) -> tuple[Question[Any], ...]:
        one = row.item.item
        return cluster_questions(one) if isinstance(one, Cluster) else row_questions(one)

    def detail(self, row: Row[Listed]) -> Detail:
        one = row.item.item
        return cluster_detail(row, one) if isinstance(one, Cluster) else row_detail(row, one)

    def record(self, item: Listed) -> Mapping[str, Any]:
        return {"kind": item.kind.lower(), **msgspec.to_builtins(item.item)}


class Counts(Clusters):
    """The same clusters, counted; enter lists those that a row counts."""

    title = "Clusters by kind, state, region and project"
    name = "counts"
    noun = "count"
    columns = COUNT_FIELDS

    def items(self, node: NodeState, nodes: int) -> Sequence[Any]:
        return counts(self._of(node))

    def key_of(self, item: Any) -> str:
        return f"{item.by} {item.value}"

    def level_of(self, item: Any) -> State:
        return "ok"  # the order is that of the counts, and the colour of a bar says how its clusters fare

    def order(self, item: Any) -> Any:
        return 0

    def detail_questions(self, row: Row[Any]) -> tuple[Question[Any], ...]:
        return ()

    def record(self, item: Any) -> Mapping[str, Any]:
        count: Count = item
        return {
            "by": count.by, "value": count.value, "clusters": count.clusters, "ill": count.ill, "nodes": count.nodes
        }  # fmt: skip
