"""What the Xferlog view can show: the transfers, their sums, where log and disk differ, and lines nobody could read."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from etlmon.contract.endpoint import RowPage
from etlmon.contract.xferlog import (
    XFERLOG_SUMMARY,
    XFERLOG_UNPARSED,
    Finding,
    SummaryQuery,
    Transfer,
    TransferQuery,
    TransferSummary,
    UnparsedLine,
)
from ui.glyphs import State
from ui.problems import xferlog as xferlog_problems
from ui.state import NodeState, Question
from ui.views.detail import Detail
from ui.views.parts import Part
from ui.views.rows import Row
from ui.views.xferlog_detail import finding_detail, transfer_detail, transfer_questions, unparsed_detail
from ui.views.xferlog_fields import FINDING_FIELDS, TRANSFER_FIELDS, UNPARSED_FIELDS, Sum, sum_fields
from ui.views.xferlog_pages import Pages
from ui.views.xferlog_query import is_filtering

By = Literal["user", "host", "hour"]
_HOUR = timedelta(hours=1)


class Transfers(Part[Transfer]):
    title = "Transfers"
    name = "transfers"
    noun = "transfer"
    nothing = "No transfer yet."
    columns = TRANSFER_FIELDS

    def __init__(self, query: TransferQuery) -> None:
        self._query = query
        self._pages: dict[str, Pages] = {}
        self._nodes = 1

    def pages(self, node: str, nodes: int) -> Pages:
        """What is held of a node; it begins anew when more or fewer nodes share the screen."""
        if nodes != self._nodes:
            self._pages, self._nodes = {}, nodes
        return self._pages.setdefault(node, Pages(self._query, nodes))

    def let_go(self) -> None:
        """Hold nothing any more: it begins anew with the newest."""
        self._pages = {}

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return self.pages(node, nodes).questions

    def items(self, node: NodeState, nodes: int) -> Sequence[Transfer]:
        return self.pages(node.name, nodes).take(node)

    def key_of(self, item: Transfer) -> str:
        return str(item.id)

    def level_of(self, item: Transfer) -> State:
        return xferlog_problems.transfer_level(item)

    def order(self, item: Transfer) -> tuple[float, int]:
        return -item.log_time.timestamp(), -item.id

    def detail_questions(self, row: Row[Transfer]) -> tuple[Question[Any], ...]:
        return transfer_questions(row.item)

    def detail(self, row: Row[Transfer]) -> Detail:
        return transfer_detail(row)


class Sums(Part[Sum]):
    """The transfers added up; enter shows those of a row."""

    nothing = "No transfer in this time."

    def __init__(self, query: TransferQuery, by: By) -> None:
        self._query = query
        self._by: By = by
        self.name, self.noun = f"{by}s", by
        self.columns = sum_fields(by)
        span = "" if query.since or query.until else ", the last day"
        others = is_filtering(msgspec.structs.replace(query, since=None, until=None))
        self.title = f"Transfers by {by}{span}{' (only since: and until: count here)' if others else ''}"
        wanted = SummaryQuery(by=by, since=query.since, until=query.until)
        self._question: Question[list[TransferSummary]] = Question(XFERLOG_SUMMARY, wanted, pace="slow")

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (self._question,)

    def items(self, node: NodeState, nodes: int) -> Sequence[Sum]:
        answer = [one for one in node.answer(self._question) or () if self._by != "hour" or _is_time(one.key)]
        largest = max((one.upload_bytes + one.download_bytes for one in answer), default=0)
        return [Sum(one, largest) for one in answer]

    def key_of(self, item: Sum) -> str:
        return item.summary.key

    def level_of(self, item: Sum) -> State:
        return "ok"

    def order(self, item: Sum) -> float:
        return -datetime.fromisoformat(item.summary.key).timestamp() if self._by == "hour" else -item.bytes

    def narrowed(self, item: Sum) -> TransferQuery:
        """What is to be found to see the transfers that a sum is made of."""
        key = item.summary.key
        if self._by == "user":
            return msgspec.structs.replace(self._query, user=key)
        if self._by == "host":
            return msgspec.structs.replace(self._query, host=key)
        start = datetime.fromisoformat(key)
        return msgspec.structs.replace(self._query, since=start, until=start + _HOUR)

    def record(self, item: Sum) -> Mapping[str, Any]:
        record: dict[str, Any] = msgspec.to_builtins(item.summary)
        return record


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class Findings(Part[Finding]):
    title = "Log and disk"
    name = "findings"
    noun = "finding"
    nothing = (
        "Log and disk say the same, where they are compared: that takes root: under xferlog: in node.yaml, the "
        "directory that the server's clients see as /."
    )
    columns = FINDING_FIELDS

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (xferlog_problems.FINDINGS,)

    def items(self, node: NodeState, nodes: int) -> Sequence[Finding]:
        answer = node.answer(xferlog_problems.FINDINGS) or ()
        return list({self.key_of(finding): finding for finding in answer}.values())

    def key_of(self, item: Finding) -> str:
        return f"{item.kind}\t{item.transfer_id or ''}\t{item.filename}"

    def level_of(self, item: Finding) -> State:
        return xferlog_problems.finding_level(item)

    def order(self, item: Finding) -> float:
        return -(item.log_time or item.found_at).timestamp()

    def detail(self, row: Row[Finding]) -> Detail:
        return finding_detail(row)


class Unparsed(Part[UnparsedLine]):
    title = "Lines that could not be read"
    name = "unread lines"
    noun = "line"
    nothing = "Every line could be read."
    columns = UNPARSED_FIELDS
    _question = Question(XFERLOG_UNPARSED, RowPage(limit=200), pace="slow")

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        return (self._question,)

    def items(self, node: NodeState, nodes: int) -> Sequence[UnparsedLine]:
        return node.answer(self._question) or ()

    def key_of(self, item: UnparsedLine) -> str:
        return str(item.id)

    def level_of(self, item: UnparsedLine) -> State:
        return "warn"

    def order(self, item: UnparsedLine) -> tuple[float, int]:
        return -item.at.timestamp(), -item.id

    def detail(self, row: Row[UnparsedLine]) -> Detail:
        return unparsed_detail(row)
