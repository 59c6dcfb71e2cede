"""The table view: rows of one kind with columns, severity first, a filter and a detail. Nearly every view is one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from ui import format as fmt
from ui.filter import FilterError
from ui.glyphs import State
from ui.keys import key
from ui.problems.node import why_nothing
from ui.save import rows_csv
from ui.state import NodeState, Question
from ui.views.base import View, Wanted
from ui.views.detail import Detail, DetailPane
from ui.views.rows import NODE_FIELD, SEVERITY, Arranger, Field, Row, Scope, Sort, counted, text_of
from ui.views.rows_table import RowsTable
from ui.widgets.cells import Cell
from ui.widgets.filterbar import FilterBar, FilterInput
from ui.widgets.lines import Lines
from ui.widgets.panel import Panel
from ui.widgets.table import KeyedTable

T = TypeVar("T")

_TABLE_BINDINGS = [
    # Priority: a key that decides where the next keys go is handled before they come, also on a line that bursts.
    key("slash", "filter", "Filter", id="filter", show=True, priority=True),
    key("backslash", "clear_filter", "Clear the filter", id="clear_filter"),
    key("n", "match(1)", "Next row, round and round", id="next_match"),
    key("N", "match(-1)", "Previous row, round and round", id="previous_match"),
    key("s", "sort", "Sort", id="sort", show=True),
    key("S", "reverse", "Sort the other way round", id="reverse"),
]
_TABLE_ACTIONS = frozenset(binding.action.partition("(")[0] for binding in _TABLE_BINDINGS)


class TableView(View, Generic[T]):
    """A view of rows. To make one: set the class variables, write `key_of` and `level_of`, and `detail` if there is
    more to say of a row than fits in it (with `detail_questions` for what that takes). A view of several kinds of
    rows sets `question`, `fields` and `noun` anew when it turns to another kind.
    """

    question: Question[Any]
    fields: tuple[Field[Any], ...]
    noun: str = "row"
    nothing: str
    """What to say when a node has no rows: why that may be, and what to do."""

    BINDINGS: ClassVar[list[BindingType]] = [*_TABLE_BINDINGS]
    TABLE_ONLY = frozenset(binding.id for binding in _TABLE_BINDINGS if binding.id) | {"mark", "select"}

    def __init__(self) -> None:
        super().__init__(id=self.view)
        self._scope: Scope | None = None
        self._rows: list[Row[T]] = []
        self.shown_rows: list[Row[T]] = []
        self._arranger: Arranger[T] = Arranger()
        self.opened: Row[T] | None = None

    # What a subclass says

    def key_of(self, item: T) -> str:
        """What tells this item from the others of its node."""
        raise NotImplementedError

    def level_of(self, item: T) -> State:
        """How bad it is."""
        raise NotImplementedError

    def items(self, node: NodeState) -> Iterable[T]:
        """The items of a node."""
        return node.answer(self.question) or ()

    def nothing_of(self, node: NodeState) -> str:
        """What to say when this node, which has answered, has no rows."""
        return self.nothing

    def detail_questions(self, row: Row[T]) -> tuple[Question[Any], ...]:
        """What more the row's node is to be asked while its detail is open."""
        return ()

    def detail(self, row: Row[T]) -> Detail:
        """All that is to be said of the row."""
        raise NotImplementedError

    def record(self, row: Row[T]) -> Mapping[str, Any]:
        """The row as it is saved: every field in full."""
        record: dict[str, Any] = msgspec.to_builtins(row.item)
        return record

    # What the app asks and tells

    def questions(self, names: Collection[str]) -> Wanted:
        wanted: dict[str, tuple[Question[Any], ...]] = dict.fromkeys(names, (self.question,))
        if self.opened is not None and self.opened.node.name in wanted:
            wanted[self.opened.node.name] += self._asked_for_detail()
        return wanted

    def _asked_for_detail(self) -> tuple[Question[Any], ...]:
        return () if self.opened is None else self.detail_questions(self.opened)

    def show(self, scope: Scope) -> None:
        self._scope = scope
        self._rows = self.rows(scope)
        asked = [question.key for question in self._asked_for_detail()]
        self._follow_detail()
        self._draw()
        if asked != [question.key for question in self._asked_for_detail()]:
            self.post_message(self.QuestionsChanged())

    def rows(self, scope: Scope) -> list[Row[T]]:
        """The rows of the nodes, in the order in which equally bad ones stand."""
        return [self.row(scope, node, item) for node in scope.nodes for item in self.items(node)]

    def back(self) -> bool:
        if self.leave_input():
            return True
        if self.opened is not None:
            self._close_detail()
            return True
        filter_bar = self.query_one(FilterBar)
        was_on = bool(filter_bar.filter.text)
        filter_bar.clear()
        return was_on

    @property
    def is_typing(self) -> bool:
        return self.query_one(FilterBar).is_typing

    @property
    def is_table_live(self) -> bool:
        """Whether the keys of the table do something: its rows are in front, and nothing is typed."""
        return self.opened is None and not self.is_typing

    def leave_input(self) -> bool:
        if typing := self.query_one(FilterBar).is_typing:
            self.query_one(FilterBar).action_leave()
        return typing

    def selection(self) -> tuple[str, str]:
        if self.opened is not None:
            return "the detail", self.query_one(DetailPane).text
        rows = self.selected
        what = counted(len(rows), self.noun) if self.query_one(RowsTable).marked else "the row"
        return what, "\n".join("\t".join(text_of(field.cell(row)) for field in self.shown_fields) for row in rows)

    def export(self) -> tuple[str, str, str]:
        if self.opened is not None:
            return f"{self.view}-{self.opened.node.name}-detail", ".txt", self.query_one(DetailPane).text + "\n"
        nodes = () if self._scope is None else self._scope.nodes
        where = nodes[0].name if len(nodes) == 1 else "all"
        marked = self.query_one(RowsTable).marked
        rows = [row for row in self.shown_rows if not marked or row.key in marked]
        return f"{self.view}-{where}", ".csv", rows_csv([{"node": row.node.name, **self.record(row)} for row in rows])

    @property
    def selected(self) -> list[Row[T]]:
        """The rows an act would hit: the opened one, the marked ones, or the one under the cursor."""
        if self.opened is not None:
            return [self.opened]
        table = self.query_one(RowsTable)
        keys = table.marked or {table.cursor_key}
        return [row for row in self.shown_rows if row.key in keys]

    # How it is drawn

    def compose(self) -> ComposeResult:
        yield Panel(RowsTable([field.column for field in self.fields], empty="", markable=True), DetailPane())
        yield FilterBar()

    def on_mount(self) -> None:
        self.query_one(DetailPane).display = False

    def take_focus(self) -> None:
        self.screen.set_focus(self.query_one(RowsTable if self.opened is None else Lines))

    @property
    def shown_fields(self) -> tuple[Field[Any], ...]:
        all_nodes = self._scope is not None and self._scope.all_nodes
        return (NODE_FIELD, *self.fields) if all_nodes else self.fields

    def row(self, scope: Scope, node: NodeState, item: T) -> Row[T]:
        """One item as a row of the screen."""
        return Row(
            key=f"{node.name}\n{self.key_of(item)}",
            node=node,
            item=item,
            level=self.level_of(item),
            now=node.clock(scope.now),
            times=scope.times,
            zone=scope.zone,
        )

    def _draw(self) -> None:
        scope = self._scope
        if scope is None:
            return
        fields = self.shown_fields
        # Under an open dialog nothing changes places: what it asks about stays where it was.
        dialog = self.app.screen is not self.screen
        arranged = self._arranger.arrange(self._rows, fields, scope.now, hold=dialog)
        cells = {row.key: [field.cell(row) for field in fields] for row in arranged}
        self.shown_rows = self._filtered(arranged, cells)
        table = self.query_one(RowsTable)
        table.set_empty(self._why_empty(scope))
        table.set_rows(
            [row.key for row in self.shown_rows],
            [cells[row.key] for row in self.shown_rows],
            ["dim" if row.node.stale else None for row in self.shown_rows],
            columns=[field.column for field in fields],
        )
        sort = self._arranger.sort
        table.sort_mark(None if sort.key == SEVERITY else sort.key, sort.descending(fields))
        if self.opened is not None:
            self.query_one(DetailPane).show(self.detail(self.opened))
        self._draw_frame(scope)

    def _filtered(self, rows: list[Row[T]], cells: Mapping[str, Sequence[Cell]]) -> list[Row[T]]:
        filter_bar = self.query_one(FilterBar)
        if not filter_bar.filter.text:
            return rows
        try:
            places = filter_bar.filter.select([" ".join(map(text_of, cells[row.key])) for row in rows])
        except FilterError as error:
            filter_bar.complain(str(error))
            return rows
        filter_bar.show(len(places), len(rows))
        return [rows[place] for place in places]

    def _draw_frame(self, scope: Scope) -> None:
        where = "all nodes" if scope.all_nodes else scope.nodes[0].name
        if self.opened is not None:
            detail = self.query_one(DetailPane).detail
            self.frame(f"{self.title} · {self.opened.node.name} · {detail.title if detail else ''}", "esc back")
            return
        sort = self._arranger.sort
        arrow = "▼" if sort.descending(self.shown_fields) or (sort.key == SEVERITY and not sort.reverse) else "△"
        parts = [counted(len(self._rows), self.noun), f"sort {sort.key}{arrow}"]
        if len(self.shown_rows) < len(self._rows):
            parts[0] = f"{fmt.count(len(self.shown_rows))} of {parts[0]}"
        if marked := len(self.query_one(RowsTable).marked):
            parts.insert(1, f"{marked} marked")
        parts += self._cut_short(scope) + self.as_of(scope)
        self.frame(f"{self.title} · {where}", " · ".join(parts))

    def _cut_short(self, scope: Scope) -> list[str]:
        held = [node.held(self.question) for node in scope.nodes]
        total = sum(one.total for one in held if one is not None and one.total is not None)
        return [f"the first of {fmt.count(total)}"] if total > len(self._rows) else []

    def as_of(self, scope: Scope) -> list[str]:
        """The age of what is shown, where it is not fresh."""
        held = [node.held(self.question) for node in scope.nodes if node.stale]
        oldest = min((one.received_at for one in held if one is not None), default=None)
        return [] if oldest is None else [f"old values of {fmt.ago((scope.now - oldest).total_seconds())}"]

    def _why_empty(self, scope: Scope) -> str:
        if self._rows:
            return "No row matches the filter. \\ clears it."
        reasons = [why_nothing(node, self.question, scope.now) or self.nothing_of(node) for node in scope.nodes]
        return "\n".join(dict.fromkeys(reasons))

    # What the operator does

    @on(KeyedTable.Selected)
    def _open_detail(self, event: KeyedTable.Selected) -> None:
        event.stop()
        if isinstance(event, KeyedTable.CursorMoved):
            return
        row = next((row for row in self.shown_rows if row.key == event.key), None)
        if row is not None:
            self.open(row)

    def open(self, row: Row[T]) -> None:
        """Show the detail of a row."""
        self.opened = row
        self._swap(detail=True)

    def _close_detail(self) -> None:
        self.opened = None
        self._swap(detail=False)

    def _swap(self, *, detail: bool) -> None:
        pane, table = self.query_one(DetailPane), self.query_one(RowsTable)
        pane.display, table.display = detail, not detail
        self._draw()
        self.take_focus()
        self.post_message(self.QuestionsChanged())

    def _follow_detail(self) -> None:
        """Keep the detail on its item: the newest values of it, or the same one of the node that was chosen since."""
        opened = self.opened
        if opened is None or self._scope is None:
            return
        key_of = self.key_of(opened.item)
        found = [row for row in self._rows if self.key_of(row.item) == key_of]
        same = [row for row in found if row.node.name == opened.node.name]
        if same or found:
            self.opened = (same or found)[0]
        elif opened.node.name not in {node.name for node in self._scope.nodes}:
            self._close_detail()

    @on(KeyedTable.SortRequested)
    def _sort_by(self, event: KeyedTable.SortRequested) -> None:
        event.stop()
        sort = self._arranger.sort
        if event.column_key in {field.key for field in self.shown_fields if field.order is not None}:
            self._arranger.by(sort.turned() if sort.key == event.column_key else Sort(event.column_key))
            self._draw()

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self._draw()

    @on(FilterBar.Left)
    def _filter_left(self, event: FilterBar.Left) -> None:
        event.stop()
        self.take_focus()
        self.post_message(self.TypingEnded())

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()
        self.screen.set_focus(self.query_one(FilterInput))

    def action_clear_filter(self) -> None:
        self.query_one(FilterBar).clear()

    def action_match(self, step: int) -> None:
        table = self.query_one(RowsTable)
        if table.keys and table.cursor_key is not None:
            table.move_to(table.keys[(table.keys.index(table.cursor_key) + step) % len(table.keys)])

    def action_sort(self) -> None:
        self._arranger.by(self._arranger.sort.step(self.shown_fields))
        self._draw()

    def action_reverse(self) -> None:
        self._arranger.by(self._arranger.sort.turned())
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _TABLE_ACTIONS and not self.is_table_live:
            return False
        return super().check_action(action, parameters)
