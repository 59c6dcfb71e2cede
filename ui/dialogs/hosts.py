"""The picker of a node."""

from collections.abc import Sequence

from textual.app import ComposeResult

from ui.dialogs.dialog import Dialog
from ui.widgets.columns import Column
from ui.widgets.panel import Panel
from ui.widgets.table import KeyedTable, Row

_COLUMNS = (
    Column(key="state", label="STATE", width=6),
    Column(key="node", label="NODE", width=16, flex=True),
    Column(key="address", label="ADDRESS", width=24, flex=True, priority=1),
    Column(key="answers", label="ANSWERS", width=20, flex=True, priority=2),
)


class HostsDialog(Dialog[str]):
    """Gives the name of the chosen node. `rows` have a cell for state, name, address and who answers."""

    def __init__(self, names: Sequence[str], rows: Sequence[Row], chosen: str) -> None:
        super().__init__()
        self._names = names
        self._rows = rows
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        yield Panel(KeyedTable(_COLUMNS), title="Nodes", classes="dialog")

    def on_mount(self) -> None:
        self.query_one(Panel).show(foot="enter choose · esc cancel")
        table = self.query_one(KeyedTable)
        table.set_rows(self._names, self._rows)
        table.move_to(self._chosen)
        table.focus()

    def on_keyed_table_selected(self, event: KeyedTable.Selected) -> None:
        event.stop()
        self.dismiss(event.key)
