"""A view of several kinds of rows in which `f` finds: the operator types a query, and the parts are made from it."""

import shlex
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from ui.keys import key
from ui.views.parts import Part, PartsView
from ui.views.rows import Scope
from ui.widgets.filterbar import FilterInput
from ui.widgets.querybar import QueryBar

Q = TypeVar("Q")


class QueryError(Exception):
    """Why a query cannot be used, in one line for the operator."""


def words_of(text: str) -> list[str]:
    """The words of a query; quotes keep blanks. Raises QueryError when one is not closed."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise QueryError("a quote is not closed") from error


class QueriedView(PartsView, Generic[Q]):
    """To make one, give `everything` (the query that finds all), `example` (what may be typed), `parse` and
    `parts_of`, and what PartsView asks for except `parts`.
    """

    everything: Q
    example: ClassVar[str]

    BINDINGS: ClassVar[list[BindingType]] = [
        # Priority: what is typed after it goes into the line, also when it comes in one burst.
        key("f,F", "query", "Find", id="find", show=True, priority=True)
    ]
    TABLE_ONLY = PartsView.TABLE_ONLY | {"find"}

    def __init__(self) -> None:
        super().__init__()
        self.sought = ""
        """The query as it may be typed; empty when none is on."""
        self.parts = self.parts_of(self.everything)

    # What a subclass says

    def parse(self, text: str, scope: Scope) -> Q:
        """The query that is meant. Raises QueryError when it cannot be understood."""
        raise NotImplementedError

    def parts_of(self, query: Q) -> Sequence[Part[Any]]:
        """The kinds of rows, with those that the query finds."""
        raise NotImplementedError

    # What the app asks and tells

    def _turn_back(self) -> bool:
        return self._take_off() or super()._turn_back()

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
        yield QueryBar(self.example)
        yield filter_bar

    # What the operator does

    def action_query(self) -> None:
        bar = self.query_one(QueryBar)
        bar.open()
        self.screen.set_focus(bar.query_one(FilterInput))

    def action_clear_filter(self) -> None:
        super().action_clear_filter()
        self._take_off()

    @on(QueryBar.Submitted)
    def _query_submitted(self, event: QueryBar.Submitted) -> None:
        event.stop()
        if self._scope is not None:
            try:
                query = self.parse(event.text, self._scope)
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

    def _take_off(self) -> bool:
        """Show everything again; False when no query is on."""
        if self.sought:
            self._find("", self.everything)
            return True
        return False

    def _find(self, text: str, query: Q, index: int | None = None) -> None:
        """Show what the query finds: of the kind of rows that is shown, or of that with this index."""
        self.query_one(QueryBar).use(text)
        self.sought, self.parts = text, self.parts_of(query)
        self._turn_to(self._index if index is None else index)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "query" and not self.is_table_live:
            return False
        return super().check_action(action, parameters)
