"""The numbers of one look, those of one name together, so that a rule finds its own without a search."""

import math
from collections.abc import Collection, Iterable, Mapping

from etlmon.labels import Labels
from node.samples import Stated


class Layout:
    """The label sets of one name, in the order in which they are stated. As long as they stay, so does this object."""

    def __init__(self, labels: list[Labels]) -> None:
        self.labels = labels
        self.places = {one: place for place, one in enumerate(labels)}


class Numbers:
    """What is stated under one name now. `values` stand in the order of the layout; of those at the places `bounds` not
    all was counted, so that they may be larger.
    """

    def __init__(self, layout: Layout, stated: list[Stated]) -> None:
        self.layout = layout
        self.stated = stated
        self.values = [one.value for one in stated]
        self.bounds = frozenset(place for place, one in enumerate(stated) if one.at_least)


class Table:
    """Sorts the numbers of each look by their names; remembers the layouts of the look before."""

    def __init__(self) -> None:
        self._layouts: dict[str, Layout] = {}

    def sort(self, stated: Iterable[Stated], names: Collection[str]) -> tuple[Mapping[str, Numbers], set[str]]:
        """Those of the names, and everybody who states something. NaN says nothing and is left out."""
        groups: dict[str, list[Stated]] = {}
        owners: set[str] = set()
        for one in stated:
            owners.add(one.owner)
            if one.name in names and not math.isnan(one.value):
                groups.setdefault(one.name, []).append(one)
        numbers = {name: Numbers(self._layout(name, group), group) for name, group in groups.items()}
        self._layouts = {name: group.layout for name, group in numbers.items()}
        return numbers, owners

    def _layout(self, name: str, group: list[Stated]) -> Layout:
        labels = [one.labels for one in group]
        before = self._layouts.get(name)
        return before if before is not None and before.labels == labels else Layout(labels)
