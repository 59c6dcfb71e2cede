"""Saying that somebody looks after alerts: which ones, and a comment for the others."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input

from etlmon.contract.alerts_rules import LONGEST_REASON
from ui.dialogs.dialog import Dialog
from ui.keys import key
from ui.widgets.formfield import FormField, PlainInput
from ui.widgets.lines import Line, Lines
from ui.widgets.panel import Panel

_FRAME = 4
"""Lines of the dialog that are not the alerts: the frame, the comment, the buttons."""

_MOST_LINES = 12


class AcknowledgeDialog(Dialog[str]):
    """Names the alerts (a line each) and takes a comment, which may be empty. Gives the comment; None when left."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-wide")]  # noqa: RUF012 (as the base class has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        key("down", "app.focus_next", "Next field", id="next_field"),
        key("up", "app.focus_previous", "Previous field", id="previous_field"),
        key("left,right,h,l", "other_button", "Other button", id="other_button"),
    ]

    def __init__(self, heading: str, alerts: Sequence[Line]) -> None:
        super().__init__()
        self._heading = heading
        self._alerts = alerts
        self._comment = PlainInput("who, or what is done about it (may be empty)", most=LONGEST_REASON)

    def compose(self) -> ComposeResult:
        yield Panel(
            Lines(),
            FormField("comment", self._comment),
            Horizontal(
                Button("Cancel", id="cancel", compact=True),
                Button("Acknowledge", id="do", variant="warning", compact=True),
                classes="buttons",
            ),
            title=self._heading,
            classes="dialog -small -acknowledge",
        )

    def on_mount(self) -> None:
        lines = self.query_one(Lines)
        lines.can_focus = False
        lines.show(self._alerts)
        panel = self.query_one(Panel)
        panel.styles.height = min(len(self._alerts), _MOST_LINES) + _FRAME
        panel.show(foot="enter acknowledge · esc cancel")
        self.set_focus(self._comment)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(self._comment.value.strip())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self._comment.value.strip() if event.button.id == "do" else None)

    def action_other_button(self) -> None:
        self.focus_next(Button)
