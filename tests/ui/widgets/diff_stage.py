"""A busy screen for a real terminal: run as a program, with its output as differences."""

import random
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ui.theme import ETLMON, roles
from ui.widgets.bar import bar
from ui.widgets.diffout import DiffOutput
from ui.widgets.footer import KeyLine
from ui.widgets.panel import Panel
from ui.widgets.table import Cell, Column, KeyedTable


class Dialog(ModalScreen[None]):
    DEFAULT_CSS = "Dialog { align: center middle; } Dialog > Static { width: 30; height: 7; border: round red; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        yield Static("한글 dialog", markup=False)


class DiffStage(DiffOutput):
    """n: other values, m: a dialog, f: type, t: another theme, ctrl+l: draw all again."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next", "Next"),
        Binding("m", "dialog", "Dialog"),
        Binding("f", "type", "Type"),
        Binding("t", "colours", "Theme"),
        Binding("escape", "leave_field", "Back"),
        Binding("ctrl+t", "count", "Count", show=False, priority=True),
        Binding("ctrl+l", "redraw", "Redraw", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._dice = random.Random(1)
        self._counted = 0

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return roles(self.current_theme)

    def compose(self) -> ComposeResult:
        columns = [
            Column("mount", "MOUNT", 12, flex=True),
            Column("used", "USED%", 16),
            Column("n", "N", 6, right=True),
        ]
        yield Panel(KeyedTable(columns), title="Mounts · 서울")
        field = Input()
        field.cursor_blink = False
        yield field
        yield KeyLine()

    def on_mount(self) -> None:
        self.register_theme(ETLMON)
        self.theme = "etlmon"
        self.action_next()
        self.query_one(KeyedTable).focus()

    def action_count(self) -> None:
        """Say that all keys until now are done with, and for which size the screen was last laid out."""
        self._counted += 1
        self._tell()

    def on_resize(self) -> None:
        self._tell()

    def _tell(self) -> None:
        for line in self.screen_stack[0].query(KeyLine):
            line.show_status(f"{self.size.width}x{self.size.height} #{self._counted}")

    def action_next(self) -> None:
        dice, table = self._dice, self.query_one(KeyedTable)
        keys = [
            f"/data/{'서울' if number % 3 else 'in'}-{number}" for number in dice.sample(range(60), dice.randint(0, 50))
        ]
        table.set_rows(keys, [self._row(key) for key in keys])

    def _row(self, key: str) -> list[Cell]:
        used = self._dice.choice([5, 50, 95])
        return [key, [(bar(used, 10), "crit" if used > 90 else "ok"), f" {used}%"], str(self._dice.randint(0, 99999))]

    def action_dialog(self) -> None:
        self.push_screen(Dialog())

    def action_type(self) -> None:
        self.query_one(Input).focus()

    def action_leave_field(self) -> None:
        self.query_one(KeyedTable).focus()

    def action_colours(self) -> None:
        self.theme = "nord" if self.theme == "etlmon" else "etlmon"


if __name__ == "__main__":
    DiffStage().run()
