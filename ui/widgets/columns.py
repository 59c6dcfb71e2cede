"""Which columns fit, and where each stands."""

from collections.abc import Sequence
from dataclasses import dataclass

GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    `width` is in cells; a `flex` column gets a share of what is left over, until it is `most` cells wide. When the
    columns do not fit, the one with the highest `priority` goes first (the rightmost of several); priority 0 stays.
    """

    key: str
    label: str
    width: int
    right: bool = False
    flex: bool = False
    priority: int = 0
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Slot:
    """A column on the screen: the cell of the row it shows, the first cell it covers, and how many."""

    index: int
    column: Column
    x: int
    width: int


def lay_out(columns: Sequence[Column], width: int, *, indent: int = 0) -> list[Slot]:
    """Place the columns in `width` cells, one blank between two, dropping by priority until they fit."""
    kept = list(enumerate(columns))

    def needed() -> int:
        return indent + sum(column.width for _, column in kept) + GAP * max(0, len(kept) - 1)

    while needed() > width:
        index, worst = max(kept, key=lambda item: (item[1].priority, item[0]), default=(0, None))
        if worst is None or worst.priority == 0:
            break
        kept.remove((index, worst))
    spare = max(0, width - needed())
    flexible = sum(column.flex for _, column in kept)
    slots: list[Slot] = []
    x = indent
    for index, column in kept:
        own = column.width
        if column.flex:
            share = min(spare // flexible, max(0, column.most - column.width))
            own, spare, flexible = own + share, spare - share, flexible - 1
        slots.append(Slot(index, column, x, own))
        x += own + GAP
    return slots
