"""The history of the node's numbers: what is stated of those that are kept goes into the store every 15 seconds."""

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiosqlite

from etlmon.labels import Labels
from node import lifecycle
from node.clock import Clock
from node.collector import Metric
from node.samples import SampleTable, Stated
from node.store import samples as store
from node.store.database import Database, StoreError
from node.store.samples_levels import RAW

logger = logging.getLogger(__name__)

_Key = tuple[str, Labels]

_SHOWN_NAMES = 3

_MOST_SLOTS = 4
"""So many times of 15 seconds wait for a store that takes nothing."""

_LARGEST = sys.float_info.max


@dataclass(slots=True)
class _Gathered:
    """What was stated of a number within 15 seconds."""

    average: float
    lowest: float
    highest: float
    statements: int = 1

    def add(self, value: float) -> None:
        self.statements += 1
        # Numbers that are all the same have exactly that average, and no two are too large for it.
        self.average += value / self.statements - self.average / self.statements
        if value < self.lowest:
            self.lowest = value
        elif value > self.highest:
            self.highest = value


class Recorder:
    """Stores the samples of the metrics that say so: every statement counts, at the time at which it was made.

    Of a gauge it is the average of 15 seconds with their lowest and highest; of a counter, which only grows, the last.
    A number that nobody states anew gets no new points: what a collector said before it began to fail is no history.
    What the store cannot take waits for a minute, and is left out then.
    """

    def __init__(self, database: Database, samples: SampleTable, metrics: Iterable[Metric], clock: Clock) -> None:
        """Where there is no room for all numbers it goes by the order of `metrics`; those of the runner come last."""
        self._database = database
        self._samples = samples
        kept = sorted((metric for metric in metrics if metric.keeps), key=lambda metric: metric in lifecycle.METRICS)
        self._ranks = {metric.name: rank for rank, metric in enumerate(kept)}
        self._counters = frozenset(metric.name for metric in kept if metric.kind == "counter")
        self._clock = clock
        self._slots: dict[int, dict[_Key, _Gathered]] = {}
        self._failed = 0
        self._refused: frozenset[_Key] = frozenset()
        samples.listen(self._hear)

    @property
    def problems(self) -> list[str]:
        """What an operator should know of it, in words; it shows in the health."""
        return [_too_many(self._refused)] if self._refused else []

    async def go_on(self) -> None:
        """Runs until it is cancelled. It looks when 15 seconds of the clock are full: each has a point then."""
        while True:
            await asyncio.sleep(RAW.width - self._clock().timestamp() % RAW.width)
            await self.look()

    async def look(self) -> None:
        """Store what was stated, but for the 15 seconds that are not over."""
        going_on = RAW.begin(int(self._clock().timestamp()))
        # After a clock was set back nothing more comes for what lies ahead of it.
        due = {slot: self._slots.pop(slot) for slot in tuple(self._slots) if slot != going_on}
        parts = [list(self._points(slot, numbers)) for slot, numbers in due.items() if numbers]
        try:
            refused = await self._database.write(lambda db: _record(db, parts)) if parts else []
        except StoreError as error:
            self._slots = due | self._slots
            self._failed += 1
            if self._failed == 1:
                logger.error("numbers are missing in their history: %s", error)  # noqa: TRY400 - the text says it all
            return
        if self._failed:
            logger.info("the history of numbers goes on, after %d attempts", self._failed)
            self._failed = 0
        self._note(refused, frozenset(key for numbers in due.values() for key in numbers))

    def _hear(self, stated: Iterable[Stated], at: datetime) -> None:
        slot = RAW.begin(int(at.timestamp()))
        if slot not in self._slots:
            self._slots[slot] = {}
            while len(self._slots) > _MOST_SLOTS:
                del self._slots[next(iter(self._slots))]
        numbers = self._slots[slot]
        for one in stated:
            # Only of a finite number that is true, and of an integer that a float can hold.
            if one.name in self._ranks and abs(one.value) <= _LARGEST:
                key, value = (one.name, one.labels), float(one.value)
                gathered = numbers.get(key)
                if gathered is None or one.name in self._counters:
                    numbers[key] = _Gathered(value, value, value)
                else:
                    gathered.add(value)

    def _points(self, slot: int, numbers: dict[_Key, _Gathered]) -> Iterator[store.Point]:
        at = datetime.fromtimestamp(slot, UTC)
        for name, labels in sorted(numbers, key=lambda key: self._ranks[key[0]]):
            one = numbers[name, labels]
            lowest, highest = (one.lowest, one.highest) if one.lowest < one.highest else (None, None)
            yield store.Point(name, dict(labels), at, one.average, lowest, highest, one.statements)

    def _note(self, refused: Iterable[store.Point], looked_at: frozenset[_Key]) -> None:
        found = frozenset((point.metric, tuple(sorted(point.labels.items()))) for point in refused)
        # What is still stated, but was not anew, has no more room than before.
        if still := self._refused - looked_at:
            found |= still & {(one.name, one.labels) for one in self._samples}
        if found and not self._refused:
            logger.warning("%s", _too_many(found))
        self._refused = found


async def _record(db: aiosqlite.Connection, parts: Sequence[Sequence[store.Point]]) -> list[store.Point]:
    return [refused for points in parts for refused in await store.record(db, points)]


def _too_many(refused: frozenset[_Key]) -> str:
    names = sorted({name for name, _ in refused})
    shown = ", ".join(names[:_SHOWN_NAMES]) + (" and others" if len(names) > _SHOWN_NAMES else "")
    return (
        f"{len(refused)} numbers have no history, because {store.MOST_SERIES} have one already ({shown}); "
        "watch less, or leave out what comes and goes"
    )
