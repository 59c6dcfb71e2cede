"""xferlog: follows the log of an FTP server, and says what was transferred."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import aiosqlite
import msgspec

from etlmon.contract.xferlog import XferSource
from node.collector import Collector, Reading
from node.collectors.xferlog_advice import (
    LARGE_BYTES,
    LOGROTATE,
    VSFTPD_CONFS,
    advice,
    is_rotated,
    read_vsftpd,
    rotation_advice,
    zone_advice,
)
from node.collectors.xferlog_disk import DiskCollector
from node.collectors.xferlog_rows import Interruptions, Lines, counted, samples_of, source_events, status_of
from node.settings import NodeSettings, Xferlog
from node.sources.mounts import normal
from node.sources.tail_types import Batch, TailOptions
from node.sources.tailing import Tailing, TailStuck
from node.sources.watch import Watcher
from node.sources.zones import LineClock, instant, zone_of
from node.store import xferlog as store
from node.store.xferlog import XferBatch

INTERVAL_SEC = 5.0
DEADLINE_SEC = 60.0
RUN_SEC = 2.0
"""A run that finds more to read than it can in this time ends, and the next one begins at once."""

BATCH_BYTES = 64 * 1024
"""Reading so much takes some 10 ms, in which the node does nothing else."""

MOST_ROTATED = 16
STATED = timedelta(seconds=30)
"""That nothing changed is stored so often, and no more."""

ADVISED = timedelta(minutes=1)
"""How often the settings of the server are looked at."""

_LIVE = timedelta(seconds=60)
"""What was written since a look no longer ago tells how this host's clock goes beside the server's."""


def build(settings: NodeSettings) -> list[Collector[Any]]:
    """The reader of the log, where one is configured, and with `root` the one that looks for its uploads."""
    section = settings.xferlog
    if not section.path:
        return []
    if section.root is None:
        return [XferlogCollector(section)]
    disk = DiskCollector(section, expected=[normal(expected.mount) for expected in settings.fs.expect])
    return [XferlogCollector(section, caught_up=disk.look_now), disk]


class XferlogCollector(Collector[XferBatch]):
    """Reads the log, and the rotated ones that sessions still write to.

    `caught_up` is called once, when all that was there at first is stored. `proc` is where the mounts are read, `confs`
    where vsftpd's settings may lie, `logrotate` where the rules of rotation do.
    """

    domain: ClassVar[str] = "xferlog"
    name = "xferlog"

    def __init__(
        self,
        section: Xferlog,
        *,
        caught_up: Callable[[], None] | None = None,
        proc: Path = Path("/proc"),
        confs: Sequence[Path] = VSFTPD_CONFS,
        logrotate: Sequence[Path] = LOGROTATE,
    ) -> None:
        options = TailOptions(
            path=section.path,
            start="beginning",
            batch_bytes=BATCH_BYTES,
            quiet_after_sec=float(section.session_max),
            most_rotated=MOST_ROTATED,
        )
        self._tailing = Tailing(options, Watcher(proc=proc))
        self.interval_sec = INTERVAL_SEC
        self.deadline_sec = DEADLINE_SEC
        self.options = (section.path, section.format, section.parse_start, section.timezone, section.session_max)
        self._section = section
        self._caught_up = caught_up
        self._places = (confs, logrotate)
        self._zone = zone_of(section.timezone)
        self._parse_start = instant(section.parse_start) if section.parse_start else None
        self._source: XferSource | None = None
        self._counts: dict[str, tuple[int, int]] = {}
        self._clocks: dict[int, LineClock] = {}
        self._caught_up_at: datetime | None = None
        self._ahead: timedelta | None = None
        self._advised_at: datetime | None = None
        self._interruptions = Interruptions()

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Go on after the last line that was stored."""
        state = await store.state(db, self._section.path)
        self._source, self._counts = state.source, state.counts
        self._clocks = {key: LineClock(self._zone, latest) for key, latest in state.clocks.items()}
        followed = state.source is not None and state.source.status == "following"
        self._caught_up_at = state.source.collected_at if state.source is not None and followed else None
        self._advised_at = None
        await self._tailing.restore(state.restored)

    async def prompt(self) -> None:
        await self._tailing.prompt()

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[XferBatch], None]:
        """What is new in the log, piece by piece, for about RUN_SEC."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            try:
                batch = await self._tailing.read()
            except TailStuck as stuck:
                yield self._stuck(stuck, now)
                return
            took_sec = clock() - began
            yield self._read(batch, now + timedelta(seconds=took_sec))
            if not batch.more and self._caught_up is not None:
                self._caught_up()
                self._caught_up = None
            if not batch.more or took_sec > RUN_SEC:
                return

    async def close(self) -> None:
        await self._tailing.close()

    def _read(self, batch: Batch, at: datetime) -> Reading[XferBatch]:
        lines = self._lines(batch, at)
        known = self._source or XferSource(path=self._section.path, collected_at=at)
        times = [transfer.log_time for transfer in lines.transfers]
        times += [known.last_transfer_at] if known.last_transfer_at is not None else []
        source = msgspec.structs.replace(
            known,
            format=lines.format or known.format,
            status=status_of(batch),
            size_bytes=sum(file.size_bytes for file in batch.files),
            offset=sum(file.offset for file in batch.files),
            lag_bytes=sum(max(0, file.size_bytes - file.offset) for file in batch.files),
            files=len(batch.files),
            transfers_total=known.transfers_total + len(lines.transfers),
            unparsed_total=known.unparsed_total + lines.unparsed_count,
            last_unparsed_at=at if lines.unparsed_count else known.last_unparsed_at,
            rotations=known.rotations + batch.rotations,
            gaps=known.gaps + len(batch.lost),
            lost_bytes=known.lost_bytes + sum(lost.lost_bytes or 0 for lost in batch.lost),
            last_transfer_at=max(times, default=None),
            error_message=batch.error,
            polled=self._tailing.polled,
        )
        self._counts = counted(self._counts, lines.transfers)
        followed = {place.key for place in batch.places}
        self._clocks = {key: clock for key, clock in self._clocks.items() if key in followed}
        return self._stated(
            XferBatch(
                source=source,
                transfers=lines.transfers,
                unparsed=lines.unparsed,
                places=batch.places,
                lost=batch.lost,
            ),
            at,
        )

    def _lines(self, batch: Batch, at: datetime) -> Lines:
        """What stands in the lines. When all was read at the look before, they were written since."""
        lines = Lines(self._section.format, self._parse_start, at)
        written = (self._caught_up_at, at) if self._caught_up_at is not None else None
        for chunk in batch.chunks:
            clock = self._clocks.setdefault(chunk.key, LineClock(self._zone))
            lines.read(chunk, clock, written)
            if written is not None and at - written[0] < _LIVE and clock.latest is not None:
                self._ahead = clock.latest - at
        if not batch.more:
            self._caught_up_at = at
        return lines

    def _stuck(self, stuck: TailStuck, at: datetime) -> Reading[XferBatch]:
        known = self._source or XferSource(path=self._section.path, collected_at=at)
        self._caught_up_at = None
        source = msgspec.structs.replace(known, status="stuck", error_message=str(stuck))
        return self._stated(XferBatch(source=source), at)

    def _stated(self, batch: XferBatch, at: datetime) -> Reading[XferBatch]:
        """The reading of a look; nothing is stored of one that told nothing new, but now and then that it was made."""
        before = self._source
        source = msgspec.structs.replace(batch.source, advice=self._advice(batch.source, at))
        samples = tuple(samples_of(source, self._counts))
        if before is not None and source == before and not batch.lost and at - before.collected_at < STATED:
            return Reading(samples=samples, unchanged=True)
        self._source = msgspec.structs.replace(source, collected_at=at)
        events = [
            *source_events(before.status if before is not None else None, self._source, batch.lost),
            *self._interruptions.events(source.path, batch.transfers, at),
        ]
        clocks = {key: clock.latest for key, clock in self._clocks.items() if clock.latest is not None}
        rows = [msgspec.structs.replace(batch, source=self._source, clocks=clocks, counts=self._counts)]
        return Reading(rows=rows, samples=samples, events=events)

    def _advice(self, source: XferSource, at: datetime) -> list[str]:
        """What to change in the server's settings; they are looked at now and then only."""
        is_fresh = self._advised_at is not None and timedelta(0) <= at - self._advised_at < ADVISED
        if is_fresh and self._source is not None and self._source.status == source.status:
            return source.advice
        self._advised_at = at
        confs, logrotate = self._places
        large = source.size_bytes > LARGE_BYTES
        return [
            *advice(source.path, source.status, source.format, read_vsftpd(confs)),
            *(rotation_advice(source.path) if large and not is_rotated(source.path, logrotate) else ()),
            *zone_advice(self._ahead),
        ]
