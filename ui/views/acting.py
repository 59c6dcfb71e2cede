"""A view in which something can be done: to which row, whether it may be, and how it is said that it may not."""

from typing import Generic, TypeVar

from ui.state import NodeState
from ui.views.rows import Row
from ui.views.rows_table import RowsTable
from ui.views.table import TableView

T = TypeVar("T")


class ActingView(TableView[T], Generic[T]):
    """Goes before or beside the other view that a view with acts is made of."""

    @property
    def aimed_at(self) -> Row[T] | None:
        """The row of the detail, or the one under the cursor; marks do not count."""
        if self.opened is not None:
            return self.opened
        cursor = self.query_one(RowsTable).cursor_key
        return next((row for row in self.shown_rows if row.key == cursor), None)

    def why_not(self, node: NodeState) -> str:
        """Why nothing may be done on the node; empty when it may."""
        return node.refuses_acts(read_only=self._scope is not None and self._scope.read_only)

    def refuse(self, words: str) -> None:
        """Say why something is not done, or went wrong."""
        self.notify(words, severity="error", markup=False)
