"""The nodes at the left: how each is, how fast it answers, and which one is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from ui.glyphs import State
from ui.widgets.cells import Run, Tone
from ui.widgets.columns import Column
from ui.widgets.table import Cell, KeyedTable

_COLUMNS = (Column("node", "  node", 8, flex=True), Column("ms", "ms", 4, right=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeItem:
    """A node as the list shows it. `latency_ms` None is a node that does not answer."""

    name: str
    state: State
    latency_ms: float | None = None


class NodeList(KeyedTable):
    """Its keys are the names of the nodes. `Selected` chooses the node to show."""

    DEFAULT_CSS = "NodeList { width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(
            _COLUMNS,
            empty="No nodes. Name them in ui.yaml (nodes:), or start with --node URL.",
            id=id,
            classes=classes,
        )

    def show(self, nodes: Sequence[NodeItem], current: str) -> None:
        """Show these nodes in this order; `current` is the name of the one whose views are on the screen."""
        self.set_rows([node.name for node in nodes], [self._row(node, current) for node in nodes])

    def _row(self, node: NodeItem, current: str) -> list[Cell]:
        tone: Tone | None = "accent" if node.name == current else None
        if node.state == "down":
            tone = "dim"
        symbol: Run = (self.painter.glyphs.state(node.state), "dim" if node.state == "unknown" else node.state)
        here = self.painter.glyphs.here if node.name == current else " "
        latency = "off" if node.state == "down" else "" if node.latency_ms is None else f"{node.latency_ms:.0f}"
        return [[symbol, (here, "accent"), (node.name, tone)], (latency, "dim")]
