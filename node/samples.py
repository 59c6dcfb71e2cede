"""The latest numbers of the node, in memory: what `/metrics`, alert rules and history read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from etlmon.labels import Labels
from node.collector import Sample


@dataclass(frozen=True, slots=True)
class Stated:
    """A sample with the time it was stated at. `labels` are sorted, so equal label sets compare equal."""

    name: str
    labels: Labels
    value: float
    at: datetime
    owner: str = ""
    at_least: bool = False


Listener = Callable[[Iterable[Stated], datetime], None]


class SampleTable:
    """The samples of each owner's last run. An owner is a collector, or the runner speaking about one.

    A run replaces all its owner said before, so the label sets of a mount or path that is gone disappear with it.
    """

    def __init__(self) -> None:
        self._owners: dict[str, dict[tuple[str, Labels], Stated]] = {}
        self._unmeasured: dict[str, Sequence[Mapping[str, str]]] = {}
        self._listeners: list[Listener] = []

    @property
    def unmeasured(self) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """By owner: the labels of which numbers are not stated because they cannot be told now."""
        return self._unmeasured

    def listen(self, heard: Listener) -> None:
        """Have `heard` called with all that an owner states and the time, each time it does; it must be quick."""
        self._listeners.append(heard)

    def replace(
        self, owner: str, samples: Iterable[Sample], at: datetime, unmeasured: Sequence[Mapping[str, str]] = ()
    ) -> None:
        """Put `samples` in the place of all that `owner` stated before. Of two with the same labels the later holds."""
        stated: dict[tuple[str, Labels], Stated] = {}
        for sample in samples:
            labels = tuple(sorted(sample.labels.items()))
            stated[sample.name, labels] = Stated(sample.name, labels, sample.value, at, owner, sample.at_least)
        self._owners[owner] = stated
        self._unmeasured[owner] = unmeasured
        for heard in self._listeners:
            heard(stated.values(), at)

    def remove(self, owner: str) -> None:
        """Forget all of `owner`; nothing happens when it never stated anything."""
        self._owners.pop(owner, None)
        self._unmeasured.pop(owner, None)

    def find(self, name: str, labels: Mapping[str, str] | None = None) -> Stated | None:
        """The sample with exactly these labels; None when nobody states it now."""
        key = (name, tuple(sorted((labels or {}).items())))
        return next((stated[key] for stated in self._owners.values() if key in stated), None)

    def __iter__(self) -> Iterator[Stated]:
        """Every sample, those of one name together, in an order that does not change from run to run."""
        everything = [stated for owner in self._owners.values() for stated in owner.values()]
        return iter(sorted(everything, key=lambda stated: (stated.name, stated.labels)))

    def __len__(self) -> int:
        return sum(len(stated) for stated in self._owners.values())
