"""The transfers that are held of a node: the newest ones, asked for again and again, and older ones on demand. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from etlmon.contract.xferlog import XFERLOG, Transfer, TransferQuery
from ui.state import NodeState, Question

NEWEST = 200
"""Transfers in an answer while one node is shown; of many nodes each sends its share."""
LEAST = 50
OLDER = 500
MOST = 3000
"""So many are held of all shown nodes: whoever looks for older ones filters."""


class Pages:
    """Of one node, under one query: what was answered so far, without a hole in it."""

    def __init__(self, query: TransferQuery, nodes: int = 1) -> None:
        """`nodes` share the screen with this one."""
        self._query = query
        self._limit = max(LEAST, NEWEST // nodes)
        self._most = max(self._limit, MOST // nodes)
        self._rows: dict[int, Transfer] = {}
        self._taken: object = None
        self._older: Question[list[Transfer]] | None = None
        self._node_id = ""
        self.whole = True
        """Nothing older is left."""

    @property
    def newest(self) -> Question[list[Transfer]]:
        return Question(XFERLOG, replace(self._query, limit=self._limit))

    @property
    def questions(self) -> tuple[Question[list[Transfer]], ...]:
        """What is to be asked now."""
        return (self.newest,) if self._older is None else (self.newest, self._older)

    @property
    def full(self) -> bool:
        """There is more, and no room for it."""
        return not self.whole and len(self._rows) >= self._most

    def ask_older(self) -> bool:
        """Ask for the page after the last one; False when it is asked for already, or there is none."""
        if self.whole or self.full or self._older is not None or not self._rows:
            return False
        wanted = replace(self._query, limit=OLDER, before=min(self._rows))
        self._older = Question(XFERLOG, wanted, pace="once")
        return True

    def take(self, node: NodeState) -> Sequence[Transfer]:
        """The transfers, newest first, with what the node has answered since."""
        held = node.held(self.newest)
        if held is None or node.node_id != self._node_id:
            self._forget(node.node_id)
        if held is not None and held.value is not self._taken:
            self._taken = held.value
            self._take_newest(held.value)
        if self._older is not None:
            self._take_older(node, self._older)
        return sorted(self._rows.values(), key=lambda transfer: transfer.id, reverse=True)

    def _forget(self, node_id: str) -> None:
        self._rows, self._taken, self._older, self.whole, self._node_id = {}, None, None, True, node_id

    def _take_newest(self, page: Sequence[Transfer]) -> None:
        found = {transfer.id: transfer for transfer in page}
        joins = len(page) == self._limit and max(self._rows, default=0) in found
        if not joins:
            # All there is fits in the answer; or so many are new that some between were never seen.
            self._rows, self._older, self.whole = {}, None, len(page) < self._limit
        self._rows |= found
        for oldest in sorted(self._rows)[: max(0, len(self._rows) - self._most)]:
            del self._rows[oldest]
            self.whole = False

    def _take_older(self, node: NodeState, question: Question[list[Transfer]]) -> None:
        page = node.answer(question)
        if page is not None:
            self._rows |= {transfer.id: transfer for transfer in page}
            self.whole = len(page) < OLDER
        if page is not None or question.key in node.refusals:
            self._older = None
