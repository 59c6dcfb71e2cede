"""The table of a view: its columns may change."""

from collections.abc import Sequence
from typing import Any

from ui.views.rows import Field
from ui.widgets.table import KeyedTable


class RowsTable(KeyedTable):
    """A table whose columns may change: the node's column comes and goes."""

    def set_fields(self, fields: Sequence[Field[Any]]) -> bool:
        """Have these columns; when they are other ones, the rows are gone, and must be set again."""
        columns = tuple(field.column for field in fields)
        if columns == self.columns:
            return False
        self.set_rows((), ())
        self.columns = columns
        self._laid_out = -1
        return True
