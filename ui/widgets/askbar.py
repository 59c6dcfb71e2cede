"""A line in which the operator answers one of several questions: what to search, what to keep, where to go."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ui.glyphs import glyphs_of
from ui.keys import key
from ui.widgets.cells import plain
from ui.widgets.filterbar import FilterInput


class AskBar(Horizontal):
    """Hidden until something is asked. An answer that cannot be used is complained of, and can be mended."""

    DEFAULT_CSS = """
    AskBar { height: 1; display: none; background: $panel; }
    AskBar.-shown { display: block; }
    AskBar > #question { width: auto; color: $tone-dim; padding: 0 1; }
    AskBar > FilterInput, AskBar > FilterInput:focus {
        width: 1fr; min-width: 12; height: 1; border: none; padding: 0; background: $panel;
    }
    AskBar > #complaint { width: auto; max-width: 60%; padding: 0 1; color: $tone-crit; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [key("escape", "leave", "Back to the lines", id="input_leave", show=True)]

    class Typed(Message):
        """The text was changed."""

        def __init__(self, purpose: str, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.text = text

    class Answered(Typed):
        """The text is to be used: enter."""

    class Left(Message):
        """Typing is over; the text is not to be used."""

    def __init__(self) -> None:
        super().__init__()
        self.purpose = ""
        self._question = Static("", id="question", markup=False)
        self._input = FilterInput(id="answer", compact=True)
        self._complaint = Static("", id="complaint", markup=False)

    def compose(self) -> ComposeResult:
        yield self._question
        yield self._input
        yield self._complaint

    @property
    def is_typing(self) -> bool:
        return self.is_attached and self.screen.focused is self._input

    def ask(self, purpose: str, question: str, hint: str, text: str) -> None:
        """Let the operator type, from `text` on; `purpose` comes back with the answer."""
        self.purpose = purpose
        self._question.update(Content(question))
        self._input.placeholder = hint
        with self._input.prevent(Input.Changed):
            self._input.value = text
        self._input.cursor_position = len(text)
        self.complain("")
        self.add_class("-shown")
        # At once: the next key is for the text.
        self.screen.set_focus(self._input)

    def complain(self, message: str) -> None:
        """Say why the text cannot be used; empty takes that back."""
        self._complaint.update(Content(glyphs_of(self.app).text(plain(message))))

    def close(self) -> None:
        """Typing is over."""
        self.remove_class("-shown")
        self.purpose = ""

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.complain("")
        self.post_message(self.Typed(self.purpose, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Answered(self.purpose, event.value))

    def action_leave(self) -> None:
        self.close()
        self.post_message(self.Left())
