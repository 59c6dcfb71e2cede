"""A view of several kinds of rows, one at a time: `v` turns to the next kind, `V` to the one before."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from textual.binding import BindingType

from ui.format import TimeStyle
from ui.glyphs import State
from ui.keys import key
from ui.state import NodeState, Question
from ui.views.base import Wanted
from ui.views.detail import Detail
from ui.views.rows import Arranger, Field, Row, Scope
from ui.views.rows_table import RowsTable
from ui.views.table import TableView
from ui.widgets.panel import Panel

T = TypeVar("T")

_PART_BINDINGS = [
    key("v", "part(1)", "Other rows", id="next_part", show=True),
    key("V", "part(-1)", "The kind of rows before", id="previous_part"),
]


class Part(Generic[T]):
    """One kind of rows. `title` stands in the frame, `name` is what they are where there is no room for it, `noun` is
    one row; `nothing` says why there may be none. `columns` are those that are the same however times are shown.
    """

    title: str
    name: str
    noun: str
    nothing: str
    columns: tuple[Field[Any], ...]

    def fields(self, times: TimeStyle) -> tuple[Field[Any], ...]:
        """The columns, for times that are shown in this way."""
        return self.columns

    def questions(self, node: str, nodes: int) -> tuple[Question[Any], ...]:
        """What one of so many nodes is asked. The first is the one that gives the rows; it is the same for all."""
        raise NotImplementedError

    def items(self, node: NodeState, nodes: int) -> Sequence[T]:
        """The rows of one of so many nodes."""
        raise NotImplementedError

    def key_of(self, item: T) -> str:
        raise NotImplementedError

    def level_of(self, item: T) -> State:
        raise NotImplementedError

    def order(self, item: T) -> Any:
        """What comes first among equally bad rows of all nodes: the smallest."""
        raise NotImplementedError

    def cut_short(self, nodes: Sequence[NodeState]) -> str:
        """What is left out of what the nodes have; empty when it is all there."""
        return ""

    def detail_questions(self, row: Row[T]) -> tuple[Question[Any], ...]:
        """What more is to be asked while the detail of a row is open."""
        return ()

    def detail(self, row: Row[T]) -> Detail:
        """All there is to say of a row."""
        raise NotImplementedError

    def record(self, item: T) -> Mapping[str, Any]:
        """The row as it is saved."""
        record: dict[str, Any] = msgspec.to_builtins(item)
        return record


class PartsView(TableView[Any]):
    """To make one, give `parts`, and `question`, `fields` and `noun` as the first of them has them."""

    parts: Sequence[Part[Any]]

    BINDINGS: ClassVar[list[BindingType]] = [*_PART_BINDINGS]
    TABLE_ONLY = TableView.TABLE_ONLY | {binding.id for binding in _PART_BINDINGS if binding.id}

    def __init__(self) -> None:
        super().__init__()
        self._index = 0

    @property
    def part(self) -> Part[Any]:
        """The kind of rows that is shown."""
        return self.parts[self._index]

    # What a table view asks

    def key_of(self, item: Any) -> str:
        return self.part.key_of(item)

    def level_of(self, item: Any) -> State:
        return self.part.level_of(item)

    def rows(self, scope: Scope) -> list[Row[Any]]:
        nodes = len(scope.nodes)
        found = [self.row(scope, node, item) for node in scope.nodes for item in self.part.items(node, nodes)]
        return sorted(found, key=lambda row: self.part.order(row.item))

    def nothing_of(self, node: NodeState) -> str:
        return self.part.nothing

    def detail_questions(self, row: Row[Any]) -> tuple[Question[Any], ...]:
        return self.part.detail_questions(row)

    def detail(self, row: Row[Any]) -> Detail:
        return self.part.detail(row)

    def record(self, row: Row[Any]) -> Mapping[str, Any]:
        return self.part.record(row.item)

    # What the app asks and tells

    def questions(self, names: Collection[str]) -> Wanted:
        wanted = {name: self.part.questions(name, len(names)) for name in names}
        if self.opened is not None and self.opened.node.name in wanted:
            wanted[self.opened.node.name] += self.detail_questions(self.opened)
        return wanted

    def show(self, scope: Scope) -> None:
        self.question = self.part.questions(scope.nodes[0].name, len(scope.nodes))[0]
        self.fields = self.part.fields(scope.times)
        super().show(scope)

    def back(self) -> bool:
        return super().back() or self._turn_back()

    def _turn_back(self) -> bool:
        """Show the first kind of rows again; False when it is shown."""
        if self._index:
            self._turn_to(0)
            return True
        return False

    def frame(self, title: str, foot: str) -> None:
        following = self.parts[(self._index + 1) % len(self.parts)]
        super().frame(title.replace(self.title, self.part.title, 1), foot)
        self.query_one(Panel).show(right="" if self.opened is not None else f"v {following.name}")

    def _cut_short(self, scope: Scope) -> list[str]:
        said = self.part.cut_short(scope.nodes)
        return [said] if said else super()._cut_short(scope)

    # What the operator does

    def action_part(self, step: int) -> None:
        self._turn_to((self._index + step) % len(self.parts))

    def _turn_to(self, index: int) -> None:
        """Show the rows of another kind, from the first one on."""
        self._index = index
        self.noun, self._arranger = self.part.noun, Arranger()
        if self._scope is not None:
            self.show(self._scope)
        table = self.query_one(RowsTable)
        if table.keys:
            table.move_to(table.keys[0])
        self.post_message(self.QuestionsChanged())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "part" and not self.is_table_live:
            return False
        return super().check_action(action, parameters)
