"""Ending a process: which one in full, which signal, and what became of it."""

from collections.abc import Callable
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input

from etlmon.contract.processes import Killed, Signal
from ui.dialogs.dialog import Dialog
from ui.dialogs.kill_words import Standing, Target, lines_of, result_words
from ui.glyphs import glyphs_of
from ui.keys import key
from ui.widgets.cells import Run, Tone
from ui.widgets.lines import Lines
from ui.widgets.panel import Panel

Phase = Literal["asking", "sending", "over"]


class PidInput(Input):
    """Takes a pid and nothing else."""

    def __init__(self, pid: int) -> None:
        super().__init__(placeholder=f"type {pid} to confirm", restrict="[0-9]*", max_length=10, select_on_focus=False)


class KillDialog(Dialog[None]):
    """Asks before a signal is sent to the target, sends it (`send`), and tells what came of it.

    The target never changes. Cancel has the focus whenever there is something new to decide. SIGTERM comes first; when
    it was not enough, SIGKILL is offered as a question of its own.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (66, "-wide")]  # noqa: RUF012 (as the base class has it)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-tall")]  # noqa: RUF012 (as above)
    BINDINGS: ClassVar[list[BindingType]] = [
        key("left,right,h,l", "other_button", "Other button", id="other_button"),
        key("ctrl+t", "signal('SIGTERM')", "Choose SIGTERM", id="choose_term", priority=True),
        key("ctrl+k", "signal('SIGKILL')", "Choose SIGKILL", id="choose_kill", priority=True),
    ]

    def __init__(self, target: Target, standing: Standing, send: Callable[[Signal], None]) -> None:
        super().__init__()
        self.target = target
        self._standing = standing
        self._send = send
        self._signal: Signal = "SIGTERM"
        self._phase: Phase = "asking"
        self._said: Run | None = None
        self._survived: Signal | None = None
        """What the target has survived so far."""
        self._input = PidInput(target.pid)
        self._cancel = Button("Cancel", id="cancel", flat=True)
        self._do = Button("Send SIGTERM", id="do", variant="warning", flat=True)

    def compose(self) -> ComposeResult:
        yield Panel(
            Lines(), self._input, Horizontal(self._cancel, self._do, classes="buttons"),
            title="Kill process", classes="dialog -kill",
        )  # fmt: skip

    def on_mount(self) -> None:
        self.set_class(glyphs_of(self.app).is_ascii, "-ascii")
        self.query_one(Lines).can_focus = False
        self._draw()
        self.set_focus(self._cancel)

    def on_resize(self) -> None:
        self._draw()

    # What is known

    def show(self, standing: Standing) -> None:
        """Take in how it is with the target now."""
        if self._phase == "sending" or (self._phase == "over" and self._survived is None):
            return  # it stays as it was when the signal was sent
        self._standing = standing
        if self._survived is not None and standing.has_ended:
            self._end(f"{self._survived} was sent, and it has ended.", "ok")
        else:
            self._draw()

    def tell(self, killed: Killed) -> None:
        """The node has sent the signal."""
        self._said = result_words(killed)
        if killed.result == "exited":
            self._end(*self._said)
            return
        self._survived = killed.signal
        if killed.signal == "SIGTERM" and not self._standing.refuses("SIGKILL"):
            self._ask_for("SIGKILL")
        else:
            self._end(*self._said)

    def refuse(self, reason: str) -> None:
        """The signal was not sent, or nobody knows whether it was."""
        self._end(reason, "crit")

    def _end(self, words: str, tone: Tone | None) -> None:
        """There is nothing more to decide."""
        self._phase, self._said = "over", (words, tone)
        self._survived = None if tone == "ok" else self._survived
        self._draw()

    @property
    def _may_send(self) -> bool:
        standing = self._standing
        if self._phase != "asking" or standing.is_looking or standing.refuses(self._signal):
            return False
        return not standing.wants_pid(self._signal) or self._input.value == str(self.target.pid)

    @property
    def _wants_pid(self) -> bool:
        standing = self._standing
        return self._phase == "asking" and standing.wants_pid(self._signal) and not standing.refuses(self._signal)

    # How it is drawn

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        asked = None if self._phase == "over" else self._signal
        lines = lines_of(self.target, self._standing, asked, self._said)
        self.query_one(Lines).show(lines)
        self._input.set_class(not self._wants_pid, "-away")
        self._cancel.label = "Cancel" if self._phase == "asking" else "Close"
        self._do.label = f"Send {self._signal}"
        self._do.variant = "error" if self._signal == "SIGKILL" else "warning"
        self._do.disabled = not self._may_send
        self._do.display = self._phase != "over"
        room = 1 if self.has_class("-short") else 3
        panel = self.query_one(Panel)
        panel.styles.height = len(lines) + 3 + room + (room if self._wants_pid else 0)
        panel.show(foot=self._foot())
        if self.focused is None or self.focused.disabled or not self.focused.display:
            self.set_focus(self._cancel)

    def _foot(self) -> str:
        keys: dict[str | None, Binding] = {}
        for active in self.active_bindings.values():
            keys.setdefault(active.binding.id, active.binding)
        names = {
            "close": "cancel" if self._phase == "asking" else "close",
            "choose_term": "TERM",
            "choose_kill": "KILL",
        }
        return " · ".join(f"{self.app.get_key_display(keys[one])} {name}" for one, name in names.items() if one in keys)

    # What the operator does

    def on_key(self, event: events.Key) -> None:
        """A digit goes into the field, wherever the focus is."""
        if self._wants_pid and event.character is not None and event.character.isdecimal():
            event.stop()
            self.set_focus(self._input)
            self._input.insert_text_at_cursor(event.character)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._may_send:
            self.set_focus(self._do)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button is self._cancel:
            self.dismiss(None)
        elif self._may_send:
            self._phase, self._said = "sending", (f"{self._signal} is sent; waiting for its end ...", "info")
            self._draw()
            self._send(self._signal)

    def action_other_button(self) -> None:
        self.focus_next(Button)

    def action_signal(self, signal: Signal) -> None:
        if signal != self._signal:
            self._ask_for(signal)

    def _ask_for(self, signal: Signal) -> None:
        self._phase, self._signal, self._input.value = "asking", signal, ""
        self._draw()
        self.set_focus(self._cancel)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "signal" and self._phase != "asking":
            return False
        return super().check_action(action, parameters)
