"""The line in which is typed what a node is to search for: used when enter is pressed, not at every letter."""

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


class QueryBar(Horizontal):
    """Hidden until it is opened, and shown for as long as a query is on."""

    DEFAULT_CSS = """
    QueryBar { height: 1; display: none; background: $panel; }
    QueryBar.-shown { display: block; }
    QueryBar > #prompt { width: 9; color: $tone-dim; }
    QueryBar > FilterInput, QueryBar > FilterInput:focus {
        width: 1fr; min-width: 12; height: 1; border: none; padding: 0; background: $panel;
    }
    QueryBar > #wrong { width: auto; max-width: 70%; padding: 0 1; color: $tone-crit; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "leave", "Back to the rows", id="filter_leave", show=True),
        key("down", "leave", "Back to the rows", id="filter_down"),
    ]

    class Submitted(Message):
        """Enter was pressed: this is to be searched for."""

        def __init__(self, bar: "QueryBar", text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> "QueryBar":
            return self.bar

    class Left(Message):
        """The keys are for the rows again; what was typed and not submitted is gone."""

        def __init__(self, bar: "QueryBar") -> None:
            super().__init__()
            self.bar = bar

        @property
        def control(self) -> "QueryBar":
            return self.bar

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._on = ""
        self._input = FilterInput(placeholder=placeholder, id="query", compact=True)
        self._wrong = Static("", id="wrong", markup=False)

    def compose(self) -> ComposeResult:
        yield Static(" find ", id="prompt", markup=False)
        yield self._input
        yield self._wrong

    @property
    def is_typing(self) -> bool:
        return self._input.has_focus

    def open(self) -> None:
        """Let the operator type."""
        self.add_class("-shown")
        self._input.focus()

    def use(self, text: str) -> None:
        """This query is on; an empty one hides the line."""
        self._on = self._input.value = text
        self.set_class(bool(text), "-shown")
        self._wrong.update("")

    def complain(self, message: str) -> None:
        """Say why the query cannot be used."""
        self._wrong.update(Content(glyphs_of(self.app).text(plain(message))))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._wrong.update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted(self, event.value.strip()))

    def action_leave(self) -> None:
        """Go back to the rows; the query that was on before stays on."""
        self.use(self._on)
        self.post_message(self.Left(self))
