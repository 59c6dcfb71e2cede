"""One of a few words, chosen with the arrow keys or the space bar."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from ui.keys import key
from ui.widgets.cells import Run, Tone, width_of
from ui.widgets.paint import OneLine


class Choice(OneLine, can_focus=True):
    """Options side by side. `options` are (value, text); the first is chosen until another one is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("right,l,space", "turn(1)", "Next choice", id="next_choice"),
        key("left,h", "turn(-1)", "Previous choice", id="previous_choice"),
    ]

    class Changed(Message):
        """Another option is chosen."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> "Choice":
            return self.choice

    def __init__(self, options: Sequence[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._options = tuple(options)
        self._index = 0

    @property
    def value(self) -> str:
        """The value that is chosen."""
        return self._options[self._index][0]

    def choose(self, value: str) -> None:
        """Choose this value. Raises ValueError when there is no such option."""
        index = [option for option, _ in self._options].index(value)
        if index != self._index:
            self._index = index
            self.changed()
            self.post_message(self.Changed(self))

    def runs(self, width: int) -> list[Run]:
        runs: list[Run] = []
        here = self.painter.glyphs.here
        for index, (_, text) in enumerate(self._options):
            is_chosen = index == self._index
            runs.append((f"{here if is_chosen else ' '}{text} ", self._tone(is_chosen)))
        return runs

    def _tone(self, is_chosen: bool) -> Tone:
        if not is_chosen:
            return "dim"
        return "active" if self.has_focus else "title"

    def on_focus(self) -> None:
        self.changed()

    def on_blur(self) -> None:
        self.changed()

    def action_turn(self, step: int) -> None:
        self.choose(self._options[(self._index + step) % len(self._options)][0])

    def on_click(self, event: events.Click) -> None:
        x = 0
        for value, text in self._options:
            x += width_of(text) + 2
            if event.x < x:
                self.choose(value)
                return
