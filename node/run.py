"""One run of a collector: its readings are asked for one by one, and the collector's own time has a limit."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from etlmon.units import Duration
from node.collector import Collector, Reading, Resumable, Sample

logger = logging.getLogger(__name__)

Commit = Callable[[Reading[Any]], Awaitable[bool]]
"""Stores one reading in one transaction; False when the store could not take it."""

LET_GO_SEC = 1.0
"""How long a cancelled collector may take to end before the log says that it does not."""


class TookTooLong(Exception):
    """The collector was not done by its deadline."""


@dataclass(slots=True)
class Outcome:
    """What came of a run: the samples of all readings, and the labels of which there are none because nobody can tell;
    why it failed (None: it did not), whether a reading was lost.
    """

    samples: list[Sample] = field(default_factory=list)
    unmeasured: list[Mapping[str, str]] = field(default_factory=list)
    failure: Exception | None = None
    lost: bool = False


class Run:
    """Each step is a task of its own, so one that ignores cancellation holds up nobody but itself."""

    def __init__(self, collector: Collector[Any], now: datetime) -> None:
        self._collector = collector
        self._now = now
        self._readings: AsyncIterator[Reading[Any]] | None = None
        self._left_sec = collector.deadline_sec
        self._step: asyncio.Task[Reading[Any] | None] | None = None
        self._cancelled = False
        self._exhausted = False

    async def perform(self, commit: Commit, *, before: Awaitable[None] | None = None) -> Outcome:
        """Await `before`, then commit each reading before the next one is asked for.

        Whatever is raised on the way is the run's failure. A run on a Resumable ends with the first reading that is
        lost, since the collector's position is then ahead of what is stored; pass `before` to take it back.
        """
        outcome = Outcome()
        try:
            if before is not None:
                await before
            while not self._cancelled and (reading := await self._next()) is not None:
                if not await commit(reading):
                    outcome.lost = True
                    if isinstance(self._collector, Resumable):
                        break  # its samples count what is not stored
                outcome.samples.extend(reading.samples)
                outcome.unmeasured.extend(reading.unmeasured)
        except Exception as error:
            outcome.failure = error
        return outcome

    @property
    def goes_on(self) -> bool:
        """True while the collector is at work, told to stop or not."""
        return self._step is not None and not self._step.done()

    def cancel(self) -> None:
        """Ask the collector to stop; perform() ends as soon as it does."""
        self._cancelled = True
        if self._step is not None:
            self._step.cancel()

    async def close(self) -> None:
        """Wait until the collector let go, however long that takes: the next run must not overlap this one."""
        if self._step is not None:
            await self._end_of(self._step)
        if isinstance(self._readings, AsyncGenerator) and not self._exhausted:
            await self._end_of(asyncio.ensure_future(self._readings.aclose()))

    async def _next(self) -> Reading[Any] | None:
        """The next reading; None when there are no more, or when the run was cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._step = step = asyncio.create_task(self._advance(), name=f"{self._collector.name}: step")
        await asyncio.wait({step}, timeout=self._left_sec)
        self._left_sec = max(0.0, self._left_sec - (loop.time() - began))
        if not step.done():
            step.cancel()
            raise TookTooLong(f"took longer than {Duration(self._collector.deadline_sec)} and was stopped")
        if step.cancelled():
            if self._cancelled:
                return None
            raise RuntimeError("cancelled itself")
        return step.result()

    async def _advance(self) -> Reading[Any] | None:
        if self._readings is None:
            self._readings = self._collector.readings(self._now)
        reading = await anext(self._readings, None)
        self._exhausted = reading is None
        return reading

    async def _end_of(self, task: "asyncio.Future[Any]") -> None:
        if not task.done():
            await asyncio.wait({task}, timeout=LET_GO_SEC)
        if not task.done():
            logger.warning("%s was told to stop and goes on; no other run begins before it ends", self._collector.name)
            await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("%s failed while it was stopped", self._collector.name, exc_info=error)
