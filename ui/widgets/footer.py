"""The last line: the keys that do something here and now, as they are bound."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.screen import Screen

from ui.widgets.cells import Run, Tone, plain, width_of
from ui.widgets.paint import OneLine


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key as it is shown, what it does, and the key to press when the hint is clicked."""

    display: str
    label: str
    key: str


class KeyLine(OneLine):
    """Reads the live bindings of its screen. Hints that do not fit go from the right; a status stays at the right."""

    DEFAULT_CSS = "KeyLine { background: $panel; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id, classes=classes)
        self._hints: Sequence[KeyHint] = ()
        self._status: Run = ("", None)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_updated)

    def _bindings_updated(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        hints: dict[str, KeyHint] = {}
        for _node, binding, enabled, _tooltip in screen.active_bindings.values():
            if binding.show and enabled and binding.description and binding.action not in hints:
                display = self.app.get_key_display(binding)
                if self.painter.glyphs.is_ascii and not display.isascii():
                    display = binding.key
                hints[binding.action] = KeyHint(display, binding.description, binding.key)
        self._hints = tuple(hints.values())
        self.changed()

    def show_status(self, text: str, tone: Tone | None = "dim") -> None:
        """What stands at the right end: `FOLLOW`, `PAUSED +123`."""
        self._status = (text, tone)
        self.changed()

    def runs(self, width: int) -> list[Run]:
        status = f" {self._status[0]} " if self._status[0] else ""
        runs: list[Run] = [(" ", None)]
        used = 1
        for hint in self._fitting(width):
            runs += [(hint.display, "accent"), (f" {hint.label} ", None)]
            used += _width(hint)
        runs.append((" " * max(0, width - used - width_of(plain(status))), None))
        return [*runs, (status, self._status[1])]

    def _fitting(self, width: int) -> list[KeyHint]:
        room = width - 1 - (width_of(plain(self._status[0])) + 2 if self._status[0] else 0)
        fitting: list[KeyHint] = []
        for hint in self._hints:
            room -= _width(hint)
            if room < 0:
                break
            fitting.append(hint)
        return fitting

    def on_click(self, event: events.Click) -> None:
        x = 1
        for hint in self._fitting(self.size.width):
            if x <= event.x < x + _width(hint):
                self.app.simulate_key(hint.key)
                return
            x += _width(hint)


def _width(hint: KeyHint) -> int:
    return width_of(plain(hint.display)) + width_of(plain(hint.label)) + 2
