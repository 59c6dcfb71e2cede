"""The table of a view."""

from ui.widgets.table import KeyedTable


class RowsTable(KeyedTable):
    """A view's own rows, as against other tables in it."""
