"""Registering a Proxmox VE cluster: what to type, a test of the connection, and whether its certificate is trusted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Input

from etlmon.contract.clusters import LONGEST_ENDPOINT, LONGEST_NAME, LONGEST_SECRET, RegisterCluster, Verify
from etlmon.contract.errors import ErrorBody
from ui.dialogs.confirm import ConfirmDialog
from ui.dialogs.dialog import Dialog
from ui.dialogs.register_form import (
    NAMES,
    CannotRead,
    Form,
    Name,
    body_of,
    field_of,
    missing,
    trust_lines,
    untrusted,
    words_of,
)
from ui.keys import key
from ui.widgets.choice import Choice
from ui.widgets.formfield import FormField, PlainInput, SecretInput
from ui.widgets.lines import Line, Lines, wrap_runs
from ui.widgets.panel import Panel

Phase = Literal["typing", "testing", "tested", "registering"]

Send = Callable[[RegisterCluster], None]

_WIDTH = 76
_MOST_SAID = 8
_LABELS: Mapping[Name, str] = {
    "name": "name",
    "api_endpoint": "endpoint",
    "username": "user",
    "auth": "log in with",
    "token_name": "token name",
    "secret": "token secret",
    "verify": "certificate",
    "ca_file": "CA file",
    "fingerprint": "SHA-256",
    "failover": "else ask",
}


def _controls() -> dict[Name, Widget]:
    """Where each field is typed or chosen."""
    return {
        "name": PlainInput("what it is called here", most=LONGEST_NAME),
        "api_endpoint": PlainInput("https://pve.example.com:8006", most=LONGEST_ENDPOINT),
        "username": PlainInput("etlmon@pve, with its realm", most=LONGEST_NAME),
        "auth": Choice((("token", "API token"), ("password", "password"))),
        "token_name": PlainInput("monitor", most=LONGEST_NAME),
        "secret": SecretInput(most=LONGEST_SECRET),
        "verify": Choice((("system", "signed by a known authority"), ("ca", "CA file"), ("fingerprint", "SHA-256"))),
        "ca_file": PlainInput("a PEM file on this machine", most=LONGEST_ENDPOINT),
        "fingerprint": PlainInput("AB:CD:... (pvenode cert info)", most=LONGEST_NAME),
        "failover": PlainInput("other nodes of it, a blank between two (may be empty)", most=LONGEST_ENDPOINT * 2),
    }


class RegisterDialog(Dialog[None]):
    """Asks for a cluster, tests the connection (`test`), and has it registered (`register`) only after that.

    A certificate that nobody known has signed is shown, and trusted only when the operator says so. What is changed
    after a test must be tested again. The secret stays in its input and goes nowhere else.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-wide")]  # noqa: RUF012 (as the base class has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        key("down", "app.focus_next", "Next field", id="next_field"),
        # Priority: what is typed after it goes into the next field, also when it comes in one burst.
        key("enter", "enter", "Next field, or press", id="enter", priority=True),
        key("up", "app.focus_previous", "Previous field", id="previous_field"),
    ]

    def __init__(self, node: str, *, test: Send, register: Send) -> None:
        super().__init__()
        self._node = node
        self._test = test
        self._register = register
        self._phase: Phase = "typing"
        self._asked = Form()
        """The form that the node was asked about last."""
        self._said: list[Line] = []
        self._wrong: dict[Name, str] = {}
        self._controls = _controls()
        self._fields = {name: FormField(_LABELS[name], control) for name, control in self._controls.items()}
        self._cancel = Button("Cancel", id="cancel", compact=True)
        self._do = Button("Test", id="do", variant="warning", compact=True)

    def compose(self) -> ComposeResult:
        form = VerticalScroll(*self._fields.values(), id="form", can_focus=False)
        yield Panel(
            form, Lines(), Horizontal(self._cancel, self._do, classes="buttons"),
            title=f"Register a Proxmox cluster · {self._node}", classes="dialog -register",
        )  # fmt: skip

    def on_mount(self) -> None:
        self.query_one(Lines).can_focus = False
        self._draw()
        self.set_focus(self._controls["name"])

    def on_resize(self) -> None:
        self._draw()

    @property
    def form(self) -> Form:
        """What is typed and chosen now."""
        values = {
            name: control.value for name, control in self._controls.items() if isinstance(control, Input | Choice)
        }
        verify = cast(Verify, values.pop("verify"))
        return Form(verify=verify, **{str(name): value for name, value in values.items()})

    # What the node says

    def tell(self, lines: Sequence[Line]) -> None:
        """The test went well, and this was seen."""
        if self.form != self._asked:
            self._end([[("It was changed meanwhile: test it again.", "warn")]])
            return
        self._phase, self._said, self._wrong = "tested", list(lines), {}
        self._draw()
        self.set_focus(self._do)

    def refuse(self, problem: str, refusal: ErrorBody | None) -> None:
        """It was not done, or nobody knows whether it was; `refusal` is what the node said."""
        if refusal is not None and (fingerprint := untrusted(refusal)):
            self._end([[("Its certificate is signed by nobody known.", "warn")]])
            self._ask_to_trust(str((refusal.details or {}).get("endpoint", self._asked.api_endpoint)), fingerprint)
            return
        field = None if refusal is None else field_of(refusal, self.form)
        if field is None or refusal is None:
            self._end([[(problem, "crit")]])
        else:
            self._end([], {field: words_of(refusal)})

    def _end(self, said: Sequence[Line], wrong: Mapping[Name, str] | None = None) -> None:
        """The form may be mended, and what is wrong with it is said."""
        self._phase, self._said, self._wrong = "typing", list(said), dict(wrong or {})
        self._draw()
        if wrong:
            self.set_focus(self._controls[next(iter(wrong))])

    def _ask_to_trust(self, endpoint: str, fingerprint: str) -> None:
        dialog = ConfirmDialog("Trust a certificate", trust_lines(endpoint, fingerprint), "Trust it")

        def answered(yes: bool | None) -> None:
            if yes:
                cast(Choice, self._controls["verify"]).choose("fingerprint")
                cast(Input, self._controls["fingerprint"]).value = fingerprint
                self._send("testing")

        self.app.push_screen(dialog, answered)

    # What the operator does

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button is self._cancel:
            self.dismiss(None)
        elif self._phase in ("typing", "tested"):
            self._send("registering" if self._phase == "tested" else "testing")

    def action_enter(self) -> None:
        """Lead through the form to its end, never to the button that throws away what was typed."""
        if isinstance(self.focused, Button):
            self.focused.press()
        elif self.focused is self._controls["failover"]:
            self.set_focus(self._do)
        else:
            self.focus_next()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._changed()

    def _changed(self) -> None:
        """What was said of the form before it was changed holds no more."""
        if self._phase in ("typing", "tested") and self.form != self._asked:
            self._phase, self._said = "typing", []
            self._wrong = {name: text for name, text in self._wrong.items() if missing(self.form).get(name) == text}
        self._draw()

    def _send(self, phase: Literal["testing", "registering"]) -> None:
        """Ask the node, unless something is plainly missing."""
        form = self.form
        if wrong := missing(form):
            self._end([], wrong)
            return
        self._phase, self._asked, self._wrong = phase, form, {}
        what = "Registering it" if phase == "registering" else "Testing the connection"
        self._said = [[(f"{what} ...", "info")]]
        self._draw()
        self.run_worker(self._read_and_send(form, self._register if phase == "registering" else self._test))

    async def _read_and_send(self, form: Form, send: Send) -> None:
        try:
            body = await asyncio.to_thread(body_of, form)
        except CannotRead as error:
            self._end([], {"ca_file": str(error)})
        else:
            send(body)

    # How it is drawn

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        form, width = self.form, min(_WIDTH, self.app.size.width) - 4
        for name in NAMES:
            field = self._fields[name]
            field.hide(away=not form.asks_for(name))
            field.complain(self._wrong.get(name, ""), width)
        self._fields["secret"].rename("token secret" if form.auth == "token" else "password")
        said = [part for line in self._said for part in wrap_runs(line, width)][:_MOST_SAID]
        lines = self.query_one(Lines)
        lines.show(said)
        lines.styles.height = len(said)
        lines.display = bool(said)
        self._do.label = "Register" if self._phase in ("tested", "registering") else "Test"
        panel = self.query_one(Panel)
        panel.styles.height = sum(field.lines for field in self._fields.values()) + len(said) + 4
        panel.show(foot="enter next · esc cancel")
