"""Help: the keys that do something here and now, read from the live bindings."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import ActiveBinding

from ui.dialogs.dialog import Dialog
from ui.keys import shown
from ui.widgets.lines import Line, Lines, grid
from ui.widgets.panel import Panel


class HelpDialog(Dialog[None]):
    """Lists the bindings it is given, those of what has the focus first."""

    def __init__(self, heading: str, bindings: Mapping[str, ActiveBinding]) -> None:
        super().__init__()
        self._heading = heading
        self._active = bindings

    def compose(self) -> ComposeResult:
        yield Panel(Lines(), title=f"Keys · {self._heading}", classes="dialog")

    def on_mount(self) -> None:
        self.query_one(Panel).show(foot="esc close · remap them under ui.keys in ui.yaml")
        lines = self.query_one(Lines)
        lines.show(help_lines(self._active))
        lines.focus()


def help_lines(bindings: Mapping[str, ActiveBinding]) -> list[Line]:
    """The keys, what they do, and the id by which each can be remapped; one line an action."""
    keys: dict[tuple[str, str], list[str]] = {}
    for name, active in bindings.items():
        binding = active.binding
        if active.enabled and binding.id and binding.description:
            keys.setdefault((binding.id, binding.description), []).append(name)
    return grid(
        [((shown(names), "accent"), what, (identity, "dim")) for (identity, what), names in keys.items()],
        head=("KEY", "DOES", "NAME IN ui.keys"),
    )
