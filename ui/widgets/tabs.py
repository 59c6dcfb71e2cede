"""The second line: the views, and which one is on the screen."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from ui.widgets.cells import Run, plain, width_of
from ui.widgets.paint import OneLine


@dataclass(frozen=True, slots=True)
class Tab:
    """A view: what opens it, its name, its name on a narrow screen."""

    id: str
    key: str
    label: str
    short: str


class TabLine(OneLine):
    """Names of the views; a click chooses one."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, tab_id: str) -> None:
            super().__init__()
            self.tab_id = tab_id

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self._tabs: Sequence[Tab] = ()
        self._active = ""

    def show(self, tabs: Sequence[Tab], active: str) -> None:
        """Show these views; `active` is the id of the one on the screen."""
        self._tabs, self._active = tuple(tabs), active
        self.changed()

    def runs(self, width: int) -> list[Run]:
        runs: list[Run] = [(" ", None)]
        for tab, text in self._texts(width):
            runs.append((text, "active" if tab.id == self._active else "dim"))
        return runs

    def _texts(self, width: int) -> list[tuple[Tab, str]]:
        """The tabs that fit, with what stands in the line for each: long names, short names, keys alone."""
        for texts in (
            [f" {tab.key} {plain(tab.label)} " for tab in self._tabs],
            [f" {tab.key} {plain(tab.short)} " for tab in self._tabs],
            [f" {tab.key} " for tab in self._tabs],
        ):
            if 1 + sum(map(width_of, texts)) <= width:
                break
        return list(zip(self._tabs, texts, strict=True))

    def on_click(self, event: events.Click) -> None:
        x = 1
        for tab, text in self._texts(self.size.width):
            if x <= event.x < x + width_of(text):
                self.post_message(self.Chosen(tab.id))
                return
            x += width_of(text)
