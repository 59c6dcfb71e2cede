"""Where cron's own log is, and reading it piece by piece: a file that is followed, or the journal."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Protocol

from node.collectors.cron_log import Entry, LogLines
from node.sources.tail_types import FileStatus, Lost, Place, Restored, TailOptions
from node.sources.tailing import Tailing, TailStuck
from node.sources.watch import Watcher

JOURNAL = "journal"
AUTO = "auto"

CANDIDATES = ("/var/log/cron.log", "/var/log/cron", "/var/log/syslog")
"""Debian 12's rsyslog writes the first and the last; Red Hat's the second."""

JOURNALS = ("/var/log/journal", "/run/log/journal")

FRESH = timedelta(hours=25)
"""A log that was not written to for so long may be left over from another set-up: hosts run something each day."""

FIRST_LINES = 50_000
"""A log that is seen for the first time is read from this many lines before its end: 5 MB, a day or more of most."""

BATCH_BYTES = 128 * 1024
LONGEST_LINE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRead:
    """What one look at the log gave.

    `first` is the time of the oldest line, where the log is read for the first time or after lines were lost; what came
    before is not known. `latest`: up to there it tells all. `others`: lines of cron on other hosts.
    """

    entries: Sequence[Entry] = ()
    first: datetime | None = None
    latest: datetime | None = None
    more: bool = False
    status: FileStatus = "ok"
    reason: str | None = None
    places: Sequence[Place] | None = None
    lost: Sequence[Lost] = field(default_factory=tuple)
    others: int = 0


class RunLog(Protocol):
    """A log that tells what cron started. Each read is to be committed before the next one."""

    @property
    def path(self) -> str: ...

    @property
    def cursor(self) -> str:
        """Up to where a journal was read; empty for a file."""

    async def read(self, now: datetime) -> LogRead: ...

    async def prompt(self) -> None:
        """Return when a read is worth its while."""

    async def close(self) -> None: ...


class FileLog:
    """A file of the system's log daemon. `zone` and `host` are those of its lines, see LogLines."""

    def __init__(
        self,
        path: str,
        watcher: Watcher,
        *,
        zone: tzinfo | None,
        host: str,
        restored: Restored,
        latest: datetime | None,
    ) -> None:
        options = TailOptions(
            path=path,
            start="tail",
            start_lines=FIRST_LINES,
            batch_bytes=BATCH_BYTES,
            longest_line_bytes=LONGEST_LINE_BYTES,
        )
        self.path = path
        self.cursor = ""
        self._tailing = Tailing(options, watcher)
        self._restored: Restored | None = restored
        self._new: Callable[[], LogLines] = lambda: LogLines(zone, host, latest)
        self._lines: dict[int, LogLines] = {}
        self._is_new = not restored.known
        self._caught_up_at: datetime | None = None

    async def read(self, now: datetime) -> LogRead:
        if self._restored is not None:
            await self._tailing.restore(self._restored)
            self._restored = None
        try:
            batch = await self._tailing.read()
        except TailStuck as stuck:
            self._caught_up_at = None
            return LogRead(status="error", reason=str(stuck))
        written = (self._caught_up_at, now) if self._caught_up_at is not None else None
        entries: list[Entry] = []
        others = 0
        for chunk in batch.chunks:
            lines = self._lines.setdefault(chunk.key, self._new())
            before = lines.others
            entries += lines.read(chunk.lines, now, written)
            others += lines.others - before
        followed = {place.key for place in batch.places}
        self._lines = {key: lines for key, lines in self._lines.items() if key in followed}
        first = self._first(now) if batch.status == "ok" and (self._is_new or batch.lost) else None
        if first is not None:
            self._is_new = False
        self._caught_up_at = None if batch.more else now
        times = [lines.latest for lines in self._lines.values() if lines.latest is not None]
        return LogRead(
            entries=entries,
            first=now if batch.lost else first,
            latest=max(times, default=None),
            more=batch.more,
            status=batch.status,
            reason=batch.error,
            places=batch.places,
            lost=batch.lost,
            others=others,
        )

    def _first(self, now: datetime) -> datetime:
        return min((lines.first for lines in self._lines.values() if lines.first is not None), default=now)

    async def prompt(self) -> None:
        await self._tailing.prompt()

    async def close(self) -> None:
        await self._tailing.close()


async def never() -> None:
    """For what nobody tells of."""
    await asyncio.get_running_loop().create_future()


def choose(
    setting: str,
    now: datetime,
    may_hang: Callable[[str], bool],
    candidates: Sequence[str] = CANDIDATES,
    journals: Sequence[str] = JOURNALS,
    *,
    first_journal: bool = False,
) -> str:
    """The log to read: a path, JOURNAL, or "" when none is wanted or none is found.

    `auto` takes the first file that is written to and may be read, then the journal, then any file that is there. With
    `first_journal` the journal comes first.
    """
    if setting != AUTO:
        return setting
    there = {path: at for path in candidates if not may_hang(path) and (at := _written_at(path)) is not None}
    fresh = [path for path, at in there.items() if now.timestamp() - at <= FRESH.total_seconds()]
    readable = next((path for path in fresh if os.access(path, os.R_OK)), None)
    has_journal = any(Path(place).is_dir() for place in journals)
    if has_journal and (first_journal or readable is None):
        return JOURNAL
    if readable is not None:
        return readable
    return next(iter([*fresh, *there]), "")


def _written_at(path: str) -> float | None:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return None
