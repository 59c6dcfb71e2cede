"""The line in which a filter is typed, with what it finds beside it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from etlmon.clean import clean
from ui.filter import Filter, FilterError
from ui.glyphs import glyphs_of
from ui.keys import key
from ui.widgets.cells import plain

_HELP = "text   !not   ~fuzzy   /regex/"


class FilterInput(Input):
    """An input that takes in only what can be shown: a pasted text may hold anything."""

    def validate_value(self, value: str) -> str:
        return clean(value)


class FilterBar(Horizontal):
    """Hidden until it is opened, and shown for as long as a filter is on.

    A filter that cannot be used says why, and the last one that could stays.
    """

    DEFAULT_CSS = """
    FilterBar { height: 1; display: none; background: $panel; }
    FilterBar.-shown { display: block; }
    FilterBar > #prompt { width: 9; color: $tone-dim; }
    FilterBar > FilterInput, FilterBar > FilterInput:focus {
        width: 1fr; min-width: 12; height: 1; border: none; padding: 0; background: $panel;
    }
    FilterBar > #found { width: auto; max-width: 60%; padding: 0 1; color: $tone-dim; }
    FilterBar.-wrong > #found { color: $tone-crit; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "leave", "Back to the rows", id="filter_leave", show=True),
        key("down", "leave", "Back to the rows", id="filter_down"),
    ]

    class Changed(Message):
        """Another filter is on."""

        def __init__(self, bar: "FilterBar", chosen: Filter) -> None:
            super().__init__()
            self.bar = bar
            self.filter = chosen

        @property
        def control(self) -> "FilterBar":
            return self.bar

    class Left(Message):
        """Typing is over; the filter stays on."""

        def __init__(self, bar: "FilterBar") -> None:
            super().__init__()
            self.bar = bar

        @property
        def control(self) -> "FilterBar":
            return self.bar

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self._filter = Filter()
        self._input = FilterInput(placeholder=_HELP, id="filter", compact=True)
        self._found = Static("", id="found", markup=False)

    def compose(self) -> ComposeResult:
        yield Static(" filter ", id="prompt", markup=False)
        yield self._input
        yield self._found

    @property
    def filter(self) -> Filter:
        """The filter that is on; an empty one lets everything through."""
        return self._filter

    @property
    def is_typing(self) -> bool:
        return self.is_attached and self.screen.focused is self._input

    def open(self) -> None:
        """Let the operator type."""
        self.add_class("-shown")
        self._input.focus()

    def clear(self) -> None:
        """Take the filter off and hide."""
        self.remove_class("-shown")
        self._input.value = ""
        self._use(Filter())

    def show(self, found: int, total: int) -> None:
        """How many rows the filter lets through."""
        if not self.has_class("-wrong"):
            self._found.update(Content(f"{found:,} of {total:,}"))

    def complain(self, message: str) -> None:
        """Say why the filter cannot be used."""
        self.add_class("-wrong")
        self._found.update(Content(glyphs_of(self.app).text(plain(message))))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            chosen = Filter(event.value)
        except FilterError as error:
            self.complain(str(error))
            return
        self._use(chosen)

    def _use(self, chosen: Filter) -> None:
        # After a complaint the rows are the same, but how many they are must be said again.
        complained = self.has_class("-wrong")
        self.remove_class("-wrong")
        if complained or chosen.text != self._filter.text:
            self._filter = chosen
            self.post_message(self.Changed(self, chosen))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_leave()

    def action_leave(self) -> None:
        """Go back to the rows; an empty filter line hides itself."""
        if not self._input.value.strip():
            self.clear()
        self.post_message(self.Left(self))
