"""The apps whose refreshes bench/widgets.py counts: `python -m bench.widgets_app keyed|datatable[-diff]`."""

import sys
from itertools import count

from textual.app import ComposeResult
from textual.widgets import DataTable

from ui.theme import ETLMON, roles
from ui.widgets.diffout import DiffOutput
from ui.widgets.table import Cell, Column, KeyedTable

COLUMNS = ("MOUNT", "DEVICE", "TYPE", "USED", "AVAIL", "TOTAL", "INODES", "STATE", "FULL IN")
KEYS = [f"/data/mount-{number}" for number in range(50)]
CHANGED = (3, 9, 14, 20, 27)


def values(row: int, turn: int) -> list[str]:
    """The cells of a row after so many refreshes."""
    used = f"{(row * 37 + turn) % 1000}G" if row in CHANGED else f"{row * 37 % 1000}G"
    return [KEYS[row], f"/dev/sd{row}", "ext4", used, "280G", "4.0T", "41%", "ok", "5h"]


class Bench(DiffOutput):
    """Shows one table; `n` is a refresh."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self._turns = count(1)
        self.diff_output = kind.endswith("-diff")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return roles(self.current_theme)

    def compose(self) -> ComposeResult:
        if self._kind.startswith("keyed"):
            yield KeyedTable([Column(label, label, 10 if index else 18) for index, label in enumerate(COLUMNS)])
        else:
            yield DataTable[str](cursor_type="row")

    def on_mount(self) -> None:
        self.register_theme(ETLMON)
        self.theme = "etlmon"
        if self._kind.startswith("datatable"):
            table = self.query_one(DataTable)
            for label in COLUMNS:
                table.add_column(label, key=label, width=10)
            for row, key in enumerate(KEYS):
                table.add_row(*values(row, 0), key=key)
        self._refresh_rows(0)

    def key_n(self) -> None:
        self._refresh_rows(next(self._turns))

    def _refresh_rows(self, turn: int) -> None:
        if self._kind.startswith("keyed"):
            rows: list[list[Cell]] = [list(values(row, turn)) for row in range(len(KEYS))]
            self.query_one(KeyedTable).set_rows(KEYS, rows)
            return
        table = self.query_one(DataTable)
        for row in CHANGED:
            table.update_cell(KEYS[row], "USED", values(row, turn)[3])


if __name__ == "__main__":
    Bench(sys.argv[1]).run()
