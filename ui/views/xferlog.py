"""The transfers of an FTP server: who sent and fetched what, how it ended, and whether it lies on the disk."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from etlmon.contract.xferlog import XFERLOG, TransferQuery
from ui import format as fmt
from ui.keys import key
from ui.problems import xferlog as xferlog_problems
from ui.state import NodeState, Question
from ui.views.detail import Detail
from ui.views.parts import Part
from ui.views.queried import QueriedView
from ui.views.rows import Row, Scope
from ui.views.rows_table import RowsTable
from ui.views.xferlog_fields import TRANSFER_FIELDS
from ui.views.xferlog_parts import Findings, Sums, Transfers, Unparsed
from ui.views.xferlog_query import EXAMPLE, parse_query, query_text
from ui.views.xferlog_source import SourceLine, source_runs, source_sections, source_words
from ui.widgets.table import KeyedTable


class XferlogView(QueriedView[TransferQuery]):
    """The transfers, the worst first and the newest of them first; `v` turns to sums, findings and unread lines."""

    view, number, title, tab, tab_short = "xferlog", "7", "Xferlog", "Xferlog", "Xfer"
    question = Question(XFERLOG)
    fields = TRANSFER_FIELDS
    noun = "transfer"
    nothing = (
        "No transfer log is read. Name the one of the FTP server in node.yaml, for example  "
        "xferlog: {path: /var/log/xferlog}"
    )

    everything = TransferQuery()
    example = EXAMPLE

    BINDINGS: ClassVar[list[BindingType]] = [key("v", "part(1)", "Sums", id="next_part", show=True)]

    # What a queried view asks

    def parse(self, text: str, scope: Scope) -> TransferQuery:
        return parse_query(text, scope.nodes[0].clock(scope.now), scope.zone)

    def parts_of(self, query: TransferQuery) -> Sequence[Part[Any]]:
        sums = (Sums(query, "user"), Sums(query, "host"), Sums(query, "hour"))
        return (Transfers(query), *sums, Findings(), Unparsed())

    # What a table view asks

    def nothing_of(self, node: NodeState) -> str:
        if not node.answer(xferlog_problems.QUESTION):
            return self.nothing
        if self.sought and isinstance(self.part, Transfers):
            return "No transfer is what is to be found. f changes that, \\ clears it."
        return "\n".join([self.part.nothing, *source_words(node)])

    def detail(self, row: Row[Any]) -> Detail:
        detail = super().detail(row)
        return Detail(title=detail.title, sections=(*detail.sections, *source_sections(row)))

    # What the app asks and tells

    def show(self, scope: Scope) -> None:
        super().show(scope)
        self.query_one(SourceLine).show(source_runs(scope.nodes))
        self._ask_older()

    # How it is drawn

    def compose(self) -> ComposeResult:
        panel, *bars = super().compose()
        yield panel
        yield SourceLine()
        yield from bars

    def _cut_short(self, scope: Scope) -> list[str]:
        if not isinstance(self.part, Transfers):
            return []
        pages = [self.part.pages(node.name, len(scope.nodes)) for node in scope.nodes]
        if all(one.whole for one in pages):
            return []
        if any(one.full for one in pages):
            return ["older ones: find them with f"]
        sources = [source for node in scope.nodes for source in node.answer(xferlog_problems.QUESTION) or ()]
        total = sum(source.transfers_total for source in sources)
        if self.sought or total <= len(self._rows):
            return ["older ones below"]
        return [f"the newest of {fmt.count(total)}"]

    # More of them

    @on(KeyedTable.CursorMoved)
    def _cursor_moved(self, event: KeyedTable.CursorMoved) -> None:
        event.stop()
        self._ask_older()

    def _ask_older(self) -> None:
        """Ask for older transfers when the end of those that are held has been reached."""
        table = self.query_one(RowsTable)
        if self._scope is None or not isinstance(self.part, Transfers) or self.opened is not None or not table.keys:
            return
        scrolled_down = 0 < table.max_scroll_y <= table.scroll_offset.y
        if not scrolled_down and table.cursor_key != table.keys[-1]:
            return
        nodes = self._scope.nodes
        asked = [self.part.pages(node.name, len(nodes)).ask_older() for node in nodes]
        if any(asked):
            self.post_message(self.QuestionsChanged())

    # What the operator does

    def open(self, row: Row[Any]) -> None:
        """Show the detail of a row; of a sum the transfers that it is made of."""
        if isinstance(self.part, Sums):
            narrowed = self.part.narrowed(row.item)
            self._find(query_text(narrowed, lambda moment: moment.isoformat()), narrowed, 0)
        else:
            super().open(row)

    def _turn_to(self, index: int) -> None:
        if isinstance(self.part, Transfers):
            self.part.let_go()  # older transfers are held for as long as one reads on in them
        super()._turn_to(index)
