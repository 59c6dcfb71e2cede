"""logs: follows the configured files, line by line."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import aiosqlite
import msgspec

from etlmon.contract.logs import Log, LogStatus
from etlmon.contract.node import Event
from node.collector import Collector, Reading, Sample
from node.collectors.logs_match import Matched, Matcher
from node.collectors.logs_rows import (
    Rate,
    batch_events,
    counted,
    row_of,
    samples_of,
    switched_off_event,
    too_slow,
    trouble_event,
    trouble_of,
)
from node.settings import NodeSettings, WatchedLog
from node.sources.tail_types import Batch, TailOptions
from node.sources.tailing import Tailing, TailStuck
from node.sources.watch import Watcher
from node.store import logs as store
from node.store.logs import LogBatch

INTERVAL_SEC = 5.0
DEADLINE_SEC = 20.0
RUN_SEC = 2.0
"""A run that finds more to read than it can in this time ends, and the next one begins at once."""

BATCH_BYTES = 256 * 1024
"""Reading so much takes some 10 ms, in which the node does nothing else."""

RATE_SEC, ERRORS_SEC = 15.0, 60.0
STATED = timedelta(seconds=60)
"""That nothing changed is stored so often, and no more."""

MISSED_FOR = timedelta(seconds=10)
"""A log is missing for a moment at each rotation; it is an event when that lasts."""


def name_of(log: str) -> str:
    """The collector of a configured log."""
    return f"logs:{log}"


def build(settings: NodeSettings) -> list["LogCollector"]:
    """One collector for each configured log."""
    watcher = Watcher()
    return [LogCollector(log, watcher, max_rows=settings.retention.log_lines.max_rows) for log in settings.logs]


class LogCollector(Collector[LogBatch]):
    """Follows one log. Of its lines `max_rows` are kept (0: all that retention leaves)."""

    domain: ClassVar[str] = "logs"

    def __init__(self, watched: WatchedLog, watcher: Watcher, *, max_rows: int = 0) -> None:
        self.name = name_of(watched.name)
        self.interval_sec = INTERVAL_SEC
        self.deadline_sec = DEADLINE_SEC
        self.options = (watched, max_rows)
        self._watched = watched
        self._max_rows = max_rows
        self._tailing = Tailing(_tail_options(watched), watcher)
        self._matcher = Matcher(watched.match)
        self._off_told = 0
        self._row: Log | None = None
        self._paused = False
        self._ended = False
        self._last_look = False
        self._is_new = False
        self._told: LogStatus | None = None
        self._missing_since: datetime | None = None
        self._lines, self._errors = Rate(RATE_SEC), Rate(ERRORS_SEC)

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Go on after the last line that was stored."""
        restored = await store.restored(db, self._watched.name, self._watched.path)
        self._row = await store.state(db, self._watched.name)
        self._is_new = not restored.known
        self._paused = self._row is not None and self._row.paused
        self._told = trouble_of(self._row)
        self._ended = self._last_look = False
        self._lines, self._errors = Rate(RATE_SEC), Rate(ERRORS_SEC)
        await self._tailing.restore(restored)

    def set_paused(self, paused: bool) -> None:
        """From now on read nothing, or go on. The store remembers it; this only tells."""
        self._paused = paused

    async def prompt(self) -> None:
        if self._ended:
            await asyncio.get_running_loop().create_future()
        await self._tailing.prompt()

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[LogBatch], None]:
        """What is new in the log, piece by piece, for about RUN_SEC."""
        clock = asyncio.get_running_loop().time
        began = clock()
        if self._ended and self._row is not None:
            yield Reading(samples=self._samples(self._row), unchanged=True)
            return
        while True:
            paused = self._paused
            try:
                batch = await self._tailing.read(paused=paused)
            except TailStuck as stuck:
                yield self._stuck(stuck, now + timedelta(seconds=clock() - began))
                return
            matched = await self._matcher.match(batch.chunks)
            took_sec = clock() - began
            ended = not paused and self._is_over(batch)
            yield self._read(batch, matched, paused, ended, now + timedelta(seconds=took_sec))
            if ended:
                self._ended = True
                await self._tailing.close()
            if ended or paused or not batch.more or took_sec > RUN_SEC:
                return

    async def close(self) -> None:
        await self._tailing.close()

    def _is_over(self, batch: Batch) -> bool:
        """Whether a log that is not followed is read to its end. An unfinished last line takes a second look."""
        if self._watched.follow or batch.more or batch.status != "ok":
            return False
        over = self._last_look or all(file.offset >= file.size_bytes for file in batch.files)
        self._last_look = True
        return over

    def _read(self, batch: Batch, matched: Matched, paused: bool, ended: bool, at: datetime) -> Reading[LogBatch]:
        if not self._is_new:  # else the lines are old ones
            clock = asyncio.get_running_loop().time()
            self._lines.add(clock, sum(len(chunk.lines) for chunk in batch.chunks))
            self._errors.add(clock, matched.errors)
        self._is_new &= batch.more
        row = row_of(self._known(at), batch, paused=paused, ended=ended, at=at)
        row = counted(row, batch, matched.counts, at)
        stored = LogBatch(
            name=row.name,
            row=self._rated(row),
            at=at,
            chunks=list(zip(batch.chunks, matched.severities, strict=True)),
            places=batch.places,
            lost=batch.lost,
            rotations=batch.rotations,
            matches=matched.counts,
            max_rows=self._max_rows,
        )
        return self._stated(stored, [*batch_events(row, batch.rotations, batch.lost), *self._switched_off(row)])

    def _stuck(self, stuck: TailStuck, at: datetime) -> Reading[LogBatch]:
        known = self._known(at)
        if known.status != "stuck":
            since = at - timedelta(seconds=stuck.since_sec)
            known = msgspec.structs.replace(
                known, status="stuck", error_message=f"{stuck} since {since:%Y-%m-%d %H:%M:%S} UTC"
            )
        row = msgspec.structs.replace(known, paused=self._paused, collected_at=at)
        return self._stated(LogBatch(name=row.name, row=self._rated(row), at=at), [])

    def _known(self, at: datetime) -> Log:
        return self._row or Log(name=self._watched.name, path=self._watched.path, collected_at=at)

    def _rated(self, row: Log) -> Log:
        clock = asyncio.get_running_loop().time()
        off = "; ".join(too_slow(name) for name in self._matcher.switched_off)
        return msgspec.structs.replace(
            row,
            path=self._watched.path,
            lines_per_sec=self._lines.per_sec(clock),
            errors_per_min=float(self._errors.total(clock)),
            error_message=row.error_message or off or None,
            polled=self._tailing.polled,
        )

    def _stated(self, batch: LogBatch, events: list[Event]) -> Reading[LogBatch]:
        """The reading of a look; nothing is stored of one that told nothing new, but now and then that it was made."""
        row, before = batch.row, self._row
        events += self._trouble(row)
        self._row = row
        samples = self._samples(row)
        if before is not None and not batch.lost and timedelta(0) <= row.collected_at - before.collected_at < STATED:
            self._row = msgspec.structs.replace(row, collected_at=before.collected_at)
            if self._row == before:
                return Reading(samples=samples, events=events, unchanged=True)
            self._row = row
        return Reading(rows=[batch], samples=samples, events=events)

    def _samples(self, row: Log) -> list[Sample]:
        return samples_of(row, [match.name for match in self._watched.match])

    def _trouble(self, row: Log) -> Iterator[Event]:
        """That it cannot be read, or can be read again."""
        trouble = trouble_of(row)
        if trouble != "missing":
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = row.collected_at
        if row.paused or trouble == self._told or (trouble == "missing" and self._may_be_rotated(row)):
            return
        yield trouble_event(row, self._told)
        self._told = trouble

    def _may_be_rotated(self, row: Log) -> bool:
        since = self._missing_since
        return self._row is not None and since is not None and timedelta(0) <= row.collected_at - since < MISSED_FOR

    def _switched_off(self, row: Log) -> Iterator[Event]:
        off = self._matcher.switched_off
        for name in off[self._off_told :]:
            yield switched_off_event(row, name)
        self._off_told = len(off)


def _tail_options(watched: WatchedLog) -> TailOptions:
    """A log that is read only once has no time to wait for the end of its last line."""
    record_start = watched.multiline.start if watched.multiline is not None else None
    options = TailOptions(
        path=watched.path,
        start=watched.start,
        start_lines=watched.buffer_lines,
        record_start=record_start,
        batch_bytes=BATCH_BYTES,
    )
    return options if watched.follow else msgspec.structs.replace(options, partial_after_sec=0.0)
