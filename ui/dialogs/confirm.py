"""A question before something that cannot be taken back."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Button

from ui.dialogs.dialog import Dialog
from ui.keys import key
from ui.widgets.lines import Line, Lines
from ui.widgets.panel import Panel


class ConfirmDialog(Dialog[bool]):
    """Says in full what will happen; Cancel has the focus. Gives True only for the button that says what it does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("left,right,h,l", "other_button", "Other button", id="other_button"),
    ]

    def __init__(self, heading: str, lines: Sequence[Line], does: str) -> None:
        super().__init__()
        self._heading = heading
        self._question = lines
        self._does = does

    def compose(self) -> ComposeResult:
        yield Panel(
            Lines(),
            Horizontal(
                Button("Cancel", id="cancel", compact=True),
                Button(self._does, id="do", variant="warning", compact=True),
                classes="buttons",
            ),
            title=self._heading,
            classes="dialog -small",
        )

    def on_mount(self) -> None:
        lines = self.query_one(Lines)
        lines.can_focus = False
        lines.show(self._question)
        self.query_one(Panel).show(foot="esc cancel")
        self.query_one("#cancel").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "do")

    def action_other_button(self) -> None:
        self.focus_next(Button)
