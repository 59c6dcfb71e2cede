"""cron: which jobs there are, when they run next, and, from cron's own log, whether they ran."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Protocol

import aiosqlite

from etlmon.contract.cron import CronSource
from etlmon.contract.node import Event
from node.collector import Collector, Reading, Sample
from node.collectors.cron_evidence import Evidence
from node.collectors.cron_files import Finder
from node.collectors.cron_followed import Followed
from node.collectors.cron_host import CronHost, Daemon
from node.collectors.cron_log import Entry
from node.collectors.cron_run_log import CANDIDATES, JOURNAL, JOURNALS, LogRead
from node.collectors.cron_runs import SETTLED
from node.collectors.cron_sources import Refusals, daemon_source, run_log_source
from node.collectors.cron_told import Told, Totals, change_events, gap_events, run_events, samples, source_events
from node.collectors.cron_types import THIS_HOST, Found, Host
from node.collectors.cron_watch import Watch
from node.settings import Cron, NodeSettings
from node.sources.exits import Exits
from node.sources.procfs import PROC
from node.sources.watch import Watcher
from node.store import cron as store
from node.store.cron import CronLook, StoredJob, StoredRun

DEADLINE_SEC = 60.0
RUN_SEC = 2.0
"""A run that finds more to read than it can in this time ends, and the next one begins at once."""

PAUSE_SEC = 1.0
"""Between two looks: a system's log grows all the time, and little of that is cron's."""

_JOURNAL_LATE = timedelta(seconds=2)
"""Nobody tells when the journal grows: it is read so long after a job was due."""

_SOON = timedelta(seconds=1)
_MANY = 200
"""Runs that seem to go on while much of a log is still to be read; most of them ended long ago."""

_AT_ONCE = timedelta(seconds=2)
"""A job that is over so soon after its start is as good as seen to end."""


def build(settings: NodeSettings) -> list["CronCollector"]:
    if not settings.cron.enabled:
        return []
    return [CronCollector(settings.cron, interval_sec=float(settings.refresh.cron))]


class Finds(Protocol):
    """Who knows where jobs are: a Finder."""

    async def find(self, now: datetime, *, fresh: bool = False) -> Found: ...

    async def close(self) -> None: ...


class CronCollector(Collector[CronLook]):
    """Reads the sources every interval, and the log of runs whenever there is something new in it.

    `host`, `finder`, `proc`, `candidates` and `journals` say where things are here; `name_of_host` is what this host is
    called in the lines of a log.
    """

    domain: ClassVar[str] = "cron"
    name = "cron"

    def __init__(
        self,
        section: Cron,
        *,
        interval_sec: float,
        host: Host | None = None,
        finder: Finds | None = None,
        proc: Path = PROC,
        candidates: Sequence[str] = CANDIDATES,
        journals: Sequence[str] = JOURNALS,
        name_of_host: Callable[[], str] = lambda: os.uname().nodename,
    ) -> None:
        self.interval_sec = interval_sec
        self.deadline_sec = DEADLINE_SEC
        self.options = (section, interval_sec)
        self._section = section
        self._grace = timedelta(seconds=float(section.grace))
        self._host = CronHost(proc)
        self._installed = host or THIS_HOST
        self._finder = finder or Finder(section, self._installed)
        self._log = Followed(
            section, Watcher(proc=proc), candidates=candidates, journals=journals, name_of_host=name_of_host
        )
        self._exits = Exits()
        self._totals, self._told = Totals(), Told()
        self._fresh = False
        self._forget()

    def _forget(self) -> None:
        """Nothing is known yet."""
        self._watch = Watch()
        self._rows: Sequence[StoredJob] = ()
        self._sources: Sequence[CronSource] = ()
        self._found: Sequence[CronSource] = ()
        self._samples: Sequence[Sample] = ()
        self._refusals = Refusals(self._section)
        self._daemons: list[Daemon] = []
        self._daemon: Daemon | None = None
        self._checked_at: datetime | None = None
        self._due_at: datetime | None = None
        self._due_in = 0.0
        self._pause_until = 0.0

    def refresh(self) -> None:
        """At the next run, read every source anew."""
        self._fresh = True

    async def resume(self, db: aiosqlite.Connection) -> None:
        """Go on with the jobs and runs that are stored, and after the last line that was read."""
        known = await store.known(db)
        self._forget()
        self._rows, self._sources = known.jobs, known.sources
        await self._log.restore(known.cursor, known.restored)
        known_since = {job.job_id: job.known_since for job in known.jobs}
        self._watch = Watch(known_since, known.runs, judged=self._log.memory.judged)

    async def prompt(self) -> None:
        """Something is in the log, the process of a job ended, or something is due."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._pause_until - loop.time())
        waits = [self._exits.wait(), self._log.prompt()]
        if self._due_at is not None:
            waits.append(asyncio.sleep(self._due_in - loop.time()))
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def readings(self, now: datetime) -> AsyncGenerator[Reading[CronLook], None]:
        """What is new in the sources and in the log, piece by piece, for about RUN_SEC."""
        clock = asyncio.get_running_loop().time
        began = clock()
        checks = self._is_time(now)
        if checks:
            await self._check(now)
        while True:
            at = now + timedelta(seconds=clock() - began)
            reading = await self._look(at, checks=checks)
            self._plan(at)
            yield reading
            checks = False
            if not self._log.last.more or clock() - began > RUN_SEC:
                break
        self._pause_until = 0.0 if self._log.last.more else clock() + PAUSE_SEC

    async def close(self) -> None:
        await self._log.close()
        await self._exits.close()
        await self._host.close()
        await self._finder.close()

    def _is_time(self, now: datetime) -> bool:
        """Whether the sources are to be looked at again; a log that grows prompts many runs between two such looks."""
        at = self._checked_at
        pause = timedelta(seconds=self.interval_sec) - _SOON
        return self._fresh or at is None or not timedelta(0) <= now - at < pause

    async def _check(self, now: datetime) -> None:
        """Look at the crontabs, the daemon, and where its log is."""
        fresh, self._fresh = self._fresh, False
        await self._find(now, fresh=fresh)
        self._checked_at = now
        await self._log.choose(now)

    async def _see_daemon(self) -> None:
        self._daemon = await self._host.daemon()
        if self._daemon is not None and self._daemon not in self._daemons:
            self._daemons = [*self._daemons[-3:], self._daemon]

    async def _find(self, now: datetime, *, fresh: bool = False) -> None:
        found = await self._finder.find(now, fresh=fresh)
        self._found = found.sources
        self._watch.found(found.jobs, now)

    async def _look(self, now: datetime, *, checks: bool) -> Reading[CronLook]:
        """Read on in the log, and say how the jobs stand."""
        read = await self._log.read(now)
        is_due = self._due_at is not None and now >= self._due_at
        if checks or is_due:
            # Whether it runs decides what a start that did not come means.
            await self._see_daemon()
        evidence = self._evidence()
        if any(self._is_news(entry) for entry in read.entries):
            await self._find(now)
        self._refusals.note(read.entries)
        self._watch.take(read.entries, evidence)
        if not read.more or len(self._watch.runs.open) > _MANY:
            self._follow(now)
        if not read.more:
            self._watch.runs.settle(now, evidence.level)
            self._watch.judge(evidence, now, self._grace)
            self._log.judged(now - self._grace)
        runs = self._watch.runs.take_changed()
        if not (checks or runs or read.entries or read.lost or is_due or read.status != self._status):
            return Reading(samples=self._samples, unchanged=True)
        if read.more and not checks:
            events = [*gap_events(read.lost, now), *self._run_events(runs, self._rows, now)]
            look = CronLook(at=now, runs=runs, places=read.places, lost=read.lost, cursor=self._log.remembered)
            return Reading(rows=[look], samples=self._samples, events=events)
        return self._told_of(read, runs, evidence, now)

    @property
    def _status(self) -> str:
        """Of the log, as it is stored."""
        return next((source.state for source in self._sources if source.kind == "run_log"), "")

    def _is_news(self, entry: Entry) -> bool:
        """A start of a job that is not known: it was put into its crontab since that was looked at."""
        is_new = self._checked_at is not None and entry.at >= self._checked_at - _SOON
        return is_new and entry.kind == "start" and self._watch.is_strange(entry)

    def _evidence(self) -> Evidence:
        return Evidence(
            log=self._log.path,
            status=self._log.last.status,
            log_reason=self._log.last.reason,
            since=self._log.memory.since,
            latest=self._log.memory.latest,
            daemon=self._daemon,
            daemons=self._daemons,
            hidden=self._host.hidden,
            booted_at=self._host.booted_at,
        )

    def _follow(self, now: datetime) -> None:
        """See which jobs' processes are still there."""
        runs, clock = self._watch.runs, asyncio.get_running_loop().time
        for run in runs.open:
            if run.pid is None or run.started_at is None:
                continue
            # It is held first and then looked at: so it is this process whose end is waited for.
            self._exits.watch(run.pid)
            ended_at = self._exits.ended_at(run.pid)
            if self._host.hidden:
                runs.unseen(run, "whether it goes on cannot be seen: the processes of others are hidden from etlmon")
            elif ended_at is not None:
                runs.gone(run, max(run.started_at, now - timedelta(seconds=clock() - ended_at)), now)
            elif self._host.runs(run.pid, run.started_at):
                runs.lives(run, now)
            else:
                runs.gone(run, now if now - run.started_at <= _AT_ONCE else None, now)
        self._exits.keep({run.pid for run in runs.open if run.pid is not None and not runs.is_leaving(run)})

    def _run_events(self, runs: Sequence[StoredRun], rows: Sequence[StoredJob], now: datetime) -> list[Event]:
        self._totals.add(runs)
        return list(run_events(runs, {row.job_id: row for row in rows}, self._told, now))

    def _told_of(
        self, read: LogRead, runs: Sequence[StoredRun], evidence: Evidence, now: datetime
    ) -> Reading[CronLook]:
        """The reading of a look that saw something."""
        checked_at, began = self._checked_at or now, self._log.memory.began or now
        rows = self._watch.rows(evidence, began=began, checked_at=checked_at, now=now)
        sources = [
            *self._refusals.applied(self._found),
            daemon_source(evidence, self._installed, checked_at),
            run_log_source(evidence, self._section, self._log.others, checked_at),
        ]
        events = [
            *gap_events(read.lost, now),
            *source_events(self._sources, sources, now),
            *(change_events(self._rows, rows, now) if self._sources else ()),
            *self._run_events(runs, rows, now),
        ]
        self._samples = tuple(samples(rows, sources, self._totals))
        look = CronLook(
            at=now,
            jobs=rows if rows != self._rows else None,
            sources=sources if sources != self._sources else None,
            runs=runs,
            places=read.places,
            lost=read.lost,
            cursor=self._log.remembered,
        )
        self._rows, self._sources = rows, sources
        return Reading(rows=[look], samples=self._samples, events=events)

    def _plan(self, now: datetime) -> None:
        """When the next look is worth its while though nothing happens."""
        times = [self._watch.deadline(self._grace)]
        next_due = self._watch.next_due()
        if next_due is not None and self._log.path == JOURNAL:
            times.append(next_due + _JOURNAL_LATE)
        if self._watch.runs.leaving:
            times.append(now + SETTLED)
        if self._checked_at is not None:
            times.append(self._checked_at + timedelta(seconds=self.interval_sec))
        self._due_at = min((at for at in times if at is not None), default=None)
        if self._due_at is not None:
            in_sec = max((self._due_at - now + _SOON).total_seconds(), PAUSE_SEC)
            self._due_in = asyncio.get_running_loop().time() + in_sec
