"""Silencing alerts, or planning a maintenance window: which alerts, from when to when, and why."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input

from etlmon.contract.alerts_rules import LONGEST_NAME, LONGEST_REASON, NewSilence
from etlmon.contract.errors import ErrorBody
from ui.dialogs.dialog import Dialog
from ui.dialogs.silence_form import NAMES, Clocks, Form, Name, body_of, field_of, preview, words_of, wrong
from ui.keys import key
from ui.widgets.formfield import FormField, PlainInput
from ui.widgets.lines import Line, Lines, wrap_runs
from ui.widgets.panel import Panel

Phase = Literal["typing", "sending"]
Send = Callable[[NewSilence], None]

_WIDTH = 76
_MOST_SAID = 8
_LONGEST_TIME = 64
_LABELS: Mapping[Name, str] = {
    "rule": "rule",
    "labels": "labels",
    "starts": "begins",
    "ends": "ends",
    "reason": "reason",
}


def _inputs() -> dict[Name, PlainInput]:
    """Where each field is typed."""
    return {
        "rule": PlainInput("every rule", most=LONGEST_NAME),
        "labels": PlainInput("all of them; or path=/data/in,device=~sd.*", most=LONGEST_NAME * 10),
        "starts": PlainInput("now; or 30m, 22:00, 2026-11-22T01:00", most=_LONGEST_TIME),
        "ends": PlainInput("2h, 06:00, tomorrow", most=_LONGEST_TIME),
        "reason": PlainInput("why, for those who wonder", most=LONGEST_REASON),
    }


class SilenceDialog(Dialog[None]):
    """Asks which alerts nobody is to be told of, and has the node see to it (`send`).

    What cannot be used is said below its field, by the form itself or by the node; what was typed stays.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-wide")]  # noqa: RUF012 (as the base class has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        key("down,enter", "app.focus_next", "Next field", id="next_field"),
        key("up", "app.focus_previous", "Previous field", id="previous_field"),
    ]

    def __init__(self, node: str, form: Form, clocks: Clocks, send: Send) -> None:
        """`form` is what stands in the fields at first."""
        super().__init__()
        self._node = node
        self._clocks = clocks
        self._send = send
        self._phase: Phase = "typing"
        self._first = form
        self._said: list[Line] = []
        self._wrong: dict[Name, str] = {}
        self._inputs = _inputs()
        self._fields = {name: FormField(_LABELS[name], control) for name, control in self._inputs.items()}
        self._cancel = Button("Cancel", id="cancel", compact=True)
        self._do = Button("Silence", id="do", variant="warning", compact=True)

    def compose(self) -> ComposeResult:
        form = VerticalScroll(*self._fields.values(), id="form", can_focus=False)
        yield Panel(
            form, Lines(), Horizontal(self._cancel, self._do, classes="buttons"),
            title=f"Silence alerts · {self._node}", classes="dialog -silence",
        )  # fmt: skip

    def on_mount(self) -> None:
        self.query_one(Lines).can_focus = False
        with self.prevent(Input.Changed):
            for name, control in self._inputs.items():
                control.value = getattr(self._first, name)
        self._draw()
        is_known = bool(self._first.rule or self._first.labels)
        self.set_focus(self._inputs["reason" if is_known else "rule"])

    def on_resize(self) -> None:
        self._draw()

    @property
    def form(self) -> Form:
        """What is typed now."""
        return Form(**{name: control.value for name, control in self._inputs.items()})

    # What the node says

    def refuse(self, problem: str, refusal: ErrorBody | None) -> None:
        """It was not done, or nobody knows whether it was; `refusal` is what the node said."""
        field = None if refusal is None else field_of(refusal)
        if field is None or refusal is None:
            self._end([[(problem, "crit")]])
        else:
            self._end([], {field: words_of(refusal)})

    def _end(self, said: Sequence[Line], found: Mapping[Name, str] | None = None) -> None:
        """The form may be mended, and what is wrong with it is said."""
        self._phase, self._said, self._wrong = "typing", list(said), dict(found or {})
        self._draw()
        if found:
            self.set_focus(self._inputs[next(iter(found))])

    # What the operator does

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button is self._cancel:
            self.dismiss(None)
        elif self._phase == "typing":
            self._try()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._inputs["reason"]:
            self.set_focus(self._do)
        else:
            self.focus_next()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was said of the form before it was changed holds no more."""
        event.stop()
        if self._phase == "typing":
            still = wrong(self.form, self._clocks)
            self._said = []
            self._wrong = {name: text for name, text in self._wrong.items() if still.get(name) == text}
        self._draw()

    def _try(self) -> None:
        """Have the node do it, unless something is plainly wrong."""
        form = self.form
        if found := wrong(form, self._clocks):
            self._end([], found)
            return
        self._phase, self._wrong, self._said = "sending", {}, [[("The node is told ...", "info")]]
        self._draw()
        self._send(body_of(form, self._clocks))

    # How it is drawn

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        width = min(_WIDTH, self.app.size.width) - 4
        for name in NAMES:
            self._fields[name].complain(self._wrong.get(name, ""), width)
        said = [*preview(self.form, self._clocks, self._node), *self._said]
        shown = [part for line in said for part in wrap_runs(line, width)][:_MOST_SAID]
        lines = self.query_one(Lines)
        lines.show(shown)
        lines.styles.height = len(shown)
        lines.display = bool(shown)
        panel = self.query_one(Panel)
        panel.styles.height = sum(field.lines for field in self._fields.values()) + len(shown) + 4
        panel.show(foot="enter next · esc cancel")
