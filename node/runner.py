"""The runner: keeps every configured collector running, and hands what it saw to the store."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import aiosqlite

from etlmon.contract.node import CollectorHealth
from node.clock import Clock, utc_now
from node.collector import Collector, Reading, Registration, Resumable
from node.lifecycle import Lifecycle
from node.samples import SampleTable
from node.settings import NodeSettings
from node.store import node as node_store
from node.store.database import Database, StoreError

logger = logging.getLogger(__name__)

STAGGER_SEC = 0.1
STAGGERED_SEC = 5.0
"""First runs begin this far apart, so that a start does not do everything at once; the last one this late at most."""

STOP_SEC = 1.0
"""How long a collector's run, and then its close, may hold up a stop."""


class Runner:
    """Runs the collectors of all domains, each in a life of its own.

    Nothing a collector does reaches the others: it may fail, hang, or refuse to stop. A reading's rows and events are
    committed in one transaction before the next reading is asked for; a reading the store cannot take is dropped,
    because what it was read from still has it.
    """

    def __init__(
        self,
        database: Database,
        registrations: Sequence[Registration],
        *,
        clock: Clock = utc_now,
        samples: SampleTable | None = None,
    ) -> None:
        self.samples = samples if samples is not None else SampleTable()
        self._database = database
        self._registrations = registrations
        self._clock = clock
        self._lives: dict[str, Lifecycle] = {}
        self._turns = {one.domain: asyncio.Semaphore(one.at_once) for one in registrations if one.at_once}
        self._dropped = 0
        self._factor = 1.0

    @property
    def collectors(self) -> Mapping[str, Collector[Any]]:
        """The collectors that are configured now, by name."""
        return {name: life.collector for name, life in self._lives.items()}

    async def start(self, settings: NodeSettings) -> None:
        """Bring the running collectors in line with the settings; the same at the start and at each change.

        A collector whose options did not change is left alone with what it knows. Raises ValueError, with nothing
        changed, when two collectors would have one name.
        """
        wanted = self._build(settings)
        kept = {name for name, life in self._lives.items() if _same(life.collector, wanted.get(name))}
        await self._stop([name for name in self._lives if name not in kept])
        await self._prune(settings, kept)
        fresh = [name for name in wanted if name not in kept]
        self._lives = {name: self._lives[name] if name in kept else self._life(*wanted[name]) for name in wanted}
        apart = min(STAGGER_SEC, STAGGERED_SEC / max(1, len(fresh)))
        for number, name in enumerate(fresh):
            self._lives[name].start(min(number * apart, wanted[name][0].interval_sec))

    async def stop(self) -> None:
        """Stop and close everything, within about 2 * STOP_SEC whatever hangs."""
        await self._stop(list(self._lives))

    def pace(self, factor: float) -> None:
        """Leave `factor` times as much between two runs of every collector as is configured; 1 is as configured."""
        self._factor = factor
        for life in self._lives.values():
            life.pace(factor)

    def trigger(self, name: str) -> bool:
        """Run a collector now; False when it is running already. Raises KeyError when there is none of that name."""
        return self._lives[name].trigger()

    def runs(self, name: str) -> tuple[int, int]:
        """How many runs of a collector began, and how many are over. Raises KeyError when there is none of it."""
        life = self._lives[name]
        return life.runs, life.runs_over

    def health(self) -> list[CollectorHealth]:
        """How each collector fares, in the order of the registry."""
        return [life.health() for life in self._lives.values()]

    def _build(self, settings: NodeSettings) -> dict[str, tuple[Collector[Any], Registration]]:
        wanted: dict[str, tuple[Collector[Any], Registration]] = {}
        for registration in self._registrations:
            for collector in registration.build(settings):
                if collector.name in wanted:
                    raise ValueError(f"{collector.name} is configured twice; keep one of them")
                wanted[collector.name] = (collector, registration)
        return wanted

    def _life(self, collector: Collector[Any], registration: Registration) -> Lifecycle:
        async def commit(reading: Reading[Any]) -> bool:
            return await self._commit(registration, reading)

        life = Lifecycle(
            collector,
            commit=commit,
            resume=self._resume,
            clock=self._clock,
            samples=self.samples,
            turn=self._turns.get(registration.domain, nullcontext()),
        )
        life.pace(self._factor)
        return life

    async def _stop(self, names: Sequence[str]) -> None:
        lives = [self._lives[name] for name in names]
        await asyncio.gather(*(life.stop(STOP_SEC) for life in lives))
        for name in names:
            del self._lives[name]

    async def _commit(self, registration: Registration, reading: Reading[Any]) -> bool:
        if reading.unchanged and not reading.events:
            return True

        async def work(db: aiosqlite.Connection) -> None:
            await registration.record(db, reading.rows)
            if reading.events:
                await node_store.add_events(db, reading.events)

        try:
            await self._database.write(work)
        except StoreError as error:
            if self._database.health().error is None:
                # The store is well: it is these rows that it does not take, and that is the collector's failure.
                raise
            self._dropped += 1
            if self._dropped == 1:
                logger.error("readings are dropped, because they cannot be stored: %s", error)  # noqa: TRY400
            return False
        if self._dropped:
            logger.info("readings are stored again; %d were dropped", self._dropped)
            self._dropped = 0
        return True

    async def _resume(self, collector: Resumable) -> None:
        await self._database.read(collector.resume)

    async def _prune(self, settings: NodeSettings, kept: Collection[str]) -> None:
        async def work(db: aiosqlite.Connection) -> None:
            for registration in self._registrations:
                if registration.prune is not None:
                    await registration.prune(db, settings, kept)

        try:
            await self._database.write(work)
        except StoreError as error:
            logger.warning("what is no longer configured stays in the store until the next start: %s", error)


def _same(running: Collector[Any], wanted: tuple[Collector[Any], Registration] | None) -> bool:
    return wanted is not None and running.options is not None and running.options == wanted[0].options
