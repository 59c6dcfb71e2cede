"""What a collector is: something that reads the world when told to, and says what it saw."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import aiosqlite

from etlmon.contract.node import Event
from node.settings import NodeSettings

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, named as in `/metrics`. It is stated once; metrics, alerts and history all read it here.

    `at_least`: not all was counted, and the number may be larger.
    """

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """What the samples of one name mean: their kind, their labels, and one sentence for people.

    A counter only grows until what counts it begins anew; its name ends in `_total`. `keeps`: its history is kept.
    """

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Reading(Generic[Row]):
    """What one look at the world gave: rows for the store, samples for the table in memory, events that happened.

    Everything in one reading is committed in one transaction. `unchanged`: what is stored still holds, and nothing is
    written; without it, no rows may well mean that there are none any more. `unmeasured` are labels of which numbers
    are not stated because nobody can tell them now, as of a mount that does not answer: they are not gone.
    """

    rows: Sequence[Row] = ()
    samples: Sequence[Sample] = ()
    events: Sequence[Event] = ()
    unchanged: bool = False
    unmeasured: Sequence[Mapping[str, str]] = ()


class Collector(ABC, Generic[Row]):
    """Reads one part of the world. It keeps no schedule, touches no store, and takes the time as it is told.

    `name` is unique in the node (`fs`, `paths:/data/in`), `domain` is the floor's file name. `interval_sec` and
    `deadline_sec` are for the runner: a run that is not done by the deadline is cancelled and counts as failed.
    `options` is everything of the settings it was built from: when they are read again, a collector whose options are
    equal is left running with what it knows; one without options is always built anew.
    """

    domain: ClassVar[str]
    name: str
    interval_sec: float
    deadline_sec: float
    options: object = None
    resumes_each_run: ClassVar[bool] = False
    """For a Resumable that compares the world with the store: it reads the store before each run."""

    @abstractmethod
    def readings(self, now: datetime) -> AsyncIterator[Reading[Row]]:
        """Look once, yielding what was seen; the next reading is asked for when the one before is committed.

        Most collectors yield one; a long scan yields its progress. An exception marks the run as failed.
        """

    async def close(self) -> None:
        """Give back what the collector holds (children, descriptors). Called once, after the last reading."""


@runtime_checkable
class Resumable(Protocol):
    """A collector that goes on where the store says it was before the node stopped."""

    async def resume(self, db: aiosqlite.Connection) -> None: ...


@runtime_checkable
class Prompted(Protocol):
    """A collector that may know before its interval is over that there is something to read."""

    async def prompt(self) -> None:
        """Return when a run is worth its while; also at once, when there is more to read now.

        It is awaited between two runs and cancelled when the next one begins; not after one that failed or lost a
        reading. What it raises counts as a failure, and it is then not asked again for a while.
        """


class Record(Protocol):
    """Writes one reading's rows inside the writer's transaction. Each domain's store has one, named `record`."""

    async def __call__(self, db: aiosqlite.Connection, rows: Sequence[Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Registration:
    """One domain as the runner knows it: how its collectors are built, and how their rows are written.

    `build` only makes objects; it starts nothing and touches nothing, because it also runs to look at new settings.
    `prune` removes the rows of what is no longer configured; it runs in the writer, at the start and at each reload.
    It is given the names of the collectors that go on all the while, perhaps in the middle of a run.
    `metrics` declares every sample that the domain's collectors state.
    `at_once` is how many of the domain's collectors may run at a time; the others wait their turn. None: no limit.
    """

    domain: str
    build: Callable[[NodeSettings], Sequence[Collector[Any]]]
    record: Record
    prune: Callable[[aiosqlite.Connection, NodeSettings, Collection[str]], Awaitable[None]] | None = None
    metrics: tuple[Metric, ...] = ()
    at_once: int | None = None
