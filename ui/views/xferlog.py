"""The transfers of an FTP server: who sent and fetched what, how it ended, and whether it lies on the disk."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from etlmon.contract.xferlog import XFERLOG, TransferQuery
from ui import format as fmt
from ui.glyphs import State
from ui.keys import key
from ui.problems import xferlog as xferlog_problems
from ui.state import NodeState, Question
from ui.views.base import Wanted
from ui.views.detail import Detail
from ui.views.rows import Arranger, Row, Scope
from ui.views.rows_table import RowsTable
from ui.views.table import TableView
from ui.views.xferlog_fields import TRANSFER_FIELDS
from ui.views.xferlog_parts import PARTS, Part, Transfers
from ui.views.xferlog_query import HELP, QueryError, is_filtering, parse_query, query_text
from ui.views.xferlog_source import SourceLine, source_runs, source_sections, source_words
from ui.widgets.filterbar import FilterInput
from ui.widgets.panel import Panel
from ui.widgets.querybar import QueryBar
from ui.widgets.table import KeyedTable

_NAMES = ("transfers", "users", "hosts", "hours", "findings", "unread lines")
"""What stands for each of the parts where there is no room for its title."""

_PART_BINDINGS = [
    key("f,F", "query", "Find", id="find", show=True, priority=True),
    key("v", "part(1)", "Sums", id="next_part", show=True),
    key("V", "part(-1)", "The kind of rows before", id="previous_part"),
]
_PART_ACTIONS = frozenset(binding.action.partition("(")[0] for binding in _PART_BINDINGS)


class XferlogView(TableView[Any]):
    """The transfers, the worst first and the newest of them first; `v` turns to sums, findings and unread lines."""

    view, number, title, tab, tab_short = "xferlog", "7", "Xferlog", "Xferlog", "Xfer"
    question = Question(XFERLOG)
    fields = TRANSFER_FIELDS
    noun = "transfer"
    nothing = (
        "No transfer log is read. Name the one of the FTP server in node.yaml, for example  "
        "xferlog: {path: /var/log/xferlog}"
    )

    BINDINGS: ClassVar[list[BindingType]] = [*_PART_BINDINGS]
    TABLE_ONLY = TableView.TABLE_ONLY | {binding.id for binding in _PART_BINDINGS if binding.id}

    def __init__(self) -> None:
        super().__init__()
        self._query = TransferQuery()
        self._index = 0
        self.part: Part[Any] = PARTS[0](self._query)

    # What a table view asks

    def key_of(self, item: Any) -> str:
        return self.part.key_of(item)

    def level_of(self, item: Any) -> State:
        return self.part.level_of(item)

    def rows(self, scope: Scope) -> list[Row[Any]]:
        nodes = len(scope.nodes)
        self.question = self.part.questions(scope.nodes[0].name, nodes)[0]
        found = [self.row(scope, node, item) for node in scope.nodes for item in self.part.items(node, nodes)]
        return sorted(found, key=lambda row: self.part.order(row.item), reverse=True)

    def nothing_of(self, node: NodeState) -> str:
        if not node.answer(xferlog_problems.QUESTION):
            return self.nothing
        if is_filtering(self._query) and self.part.narrows:
            return "No transfer is what is to be found. f changes that, \\ clears it."
        return "\n".join([self.part.nothing, *source_words(node)])

    def detail_questions(self, row: Row[Any]) -> tuple[Question[Any], ...]:
        return self.part.detail_questions(row)

    def detail(self, row: Row[Any]) -> Detail:
        detail = self.part.detail(row)
        return Detail(title=detail.title, sections=(*detail.sections, *source_sections(row)))

    def record(self, row: Row[Any]) -> Mapping[str, Any]:
        return self.part.record(row)

    # What the app asks and tells

    def questions(self, names: Collection[str]) -> Wanted:
        wanted = {name: self.part.questions(name, len(names)) for name in names}
        if self.opened is not None and self.opened.node.name in wanted:
            wanted[self.opened.node.name] += self.detail_questions(self.opened)
        return wanted

    def show(self, scope: Scope) -> None:
        super().show(scope)
        self.query_one(SourceLine).show(source_runs(scope.nodes))
        self._ask_older()

    def back(self) -> bool:
        if super().back():
            return True
        if is_filtering(self._query):
            self._find("", TransferQuery())
            return True
        if self._index:
            self._turn_to(0)
            return True
        return False

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
        yield SourceLine()
        yield QueryBar(HELP)
        yield filter_bar

    def frame(self, title: str, foot: str) -> None:
        following = _NAMES[(self._index + 1) % len(_NAMES)]
        super().frame(title.replace(self.title, self.part.title, 1), foot)
        self.query_one(Panel).show(right="" if self.opened is not None else f"v {following}")

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
        if is_filtering(self._query) or total <= len(self._rows):
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
        narrowed = self.part.narrowed(row)
        if narrowed is not None:
            self._index = 0
            self._find(query_text(narrowed, lambda moment: moment.isoformat()), narrowed)
        else:
            super().open(row)

    def action_part(self, step: int) -> None:
        self._turn_to((self._index + step) % len(PARTS))

    def action_query(self) -> None:
        bar = self.query_one(QueryBar)
        bar.open()
        self.screen.set_focus(bar.query_one(FilterInput))

    def action_clear_filter(self) -> None:
        super().action_clear_filter()
        if is_filtering(self._query):
            self._find("", TransferQuery())

    @on(QueryBar.Submitted)
    def _query_submitted(self, event: QueryBar.Submitted) -> None:
        event.stop()
        scope = self._scope
        if scope is not None:
            try:
                query = parse_query(event.text, scope.nodes[0].clock(scope.now), scope.zone)
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

    def _find(self, text: str, query: TransferQuery) -> None:
        self.query_one(QueryBar).use(text)
        self._query = query
        self._turn_to(self._index)

    def _turn_to(self, index: int) -> None:
        """Show the rows of another kind, or of another query, from the first one on."""
        self._index, self.part = index, PARTS[index](self._query)
        self.fields, self.noun, self._arranger = self.part.fields, self.part.noun, Arranger()
        if self._scope is not None:
            self.show(self._scope)
        table = self.query_one(RowsTable)
        if table.keys:
            table.move_to(table.keys[0])
        self.post_message(self.QuestionsChanged())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _PART_ACTIONS and (self.opened is not None or self.is_typing):
            return False
        return super().check_action(action, parameters)
