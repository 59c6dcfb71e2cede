"""anacron: the jobs of its table, when each ran last by its stamp, and when it will be run next.

anacron is no daemon: a line of cron or a timer starts it now and then, and it runs what is due by the day. So a job
runs next at the first such start on a day on which it is due, and its delay later.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from etlmon.contract.cron import CronFlavour, CronSource, SourceState
from node.collectors.cron_anacrontab import AnacronLine, Anacrontab, Period, parse_anacrontab
from node.collectors.cron_grammar import shell_command
from node.collectors.cron_guards import Guard
from node.collectors.cron_ids import numbered
from node.collectors.cron_places import changed_at, why_not
from node.collectors.cron_types import FoundJob, Host, Zone
from node.sources.file_reader import FileReader, Seen, Status

After = Callable[[datetime], Awaitable[datetime | None]]
"""When something happens next after a moment; None when it never does, or nobody can tell."""

NEXT = 5
_MOST_STARTS = 100
"""Of anacron, looked at for one run: in between cronie's may fall out of its hours."""

_LONGEST_DAYS = 100 * 366
"""The calendar ends; nobody waits so long."""

_STAMP = re.compile(rb"(\d{4})(\d\d)(\d\d)")
_ANACRON = re.compile(r"(?:^|[\s;&|({/])anacron(?=$|[\s;&|)])(?!\s+-\w*u)")
_RED_HAT_STARTER = "0anacron"
_NAMED = {"monthly": "every month", "yearly": "every year"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    status: Status | None
    flavour: CronFlavour
    table: Anacrontab


@dataclass(frozen=True, slots=True)
class _Stamp:
    """The day on which anacron was started that ran the job, and about when the job ended."""

    day: date
    at: datetime


class Anacron:
    """Reads the anacrontab, again when it changed, and the stamps each time."""

    def __init__(self, path: str, host: Host, reader: FileReader) -> None:
        self._path = path
        self._host = host
        self._reader = reader
        self._known: _Known | None = None
        self._stamps: Mapping[str, _Stamp] = {}

    async def look(
        self, now: datetime, flavour: CronFlavour, zone: Zone, *, fresh: bool = False
    ) -> tuple[list[FoundJob], list[CronSource]]:
        """Every job, its next runs not yet told, and what becomes of the table. Raises OSError: there is no child."""
        before = self._known if self._known is not None and self._known.flavour == flavour and not fresh else None
        seen = (await self._reader.read({self._path: before.status if before else None}))[self._path]
        installed = await self._is_installed()
        if seen.data is not None:
            table = parse_anacrontab(seen.data, flavour)
            self._known = _Known(status=seen.status, flavour=flavour, table=table)
        elif before is None or seen.reason is not None or seen.status != before.status:
            self._known = None
            return [], self._unread(seen, now, installed=installed)
        table = self.table
        self._stamps = await self._read_stamps([line.identifier for line in table.lines if line.error is None], zone)
        jobs = numbered(_job(self._path, line, zone, table, installed=installed) for line in table.lines)
        jobs = [_ran(job, self._stamps.get(job.name)) for job in jobs]
        reason = None if installed else "anacron is not installed, so nobody runs these jobs"
        return jobs, [self._source("ok" if installed else "skipped", reason, now, seen.status, len(jobs))]

    async def timed(
        self, jobs: Sequence[FoundJob], now: datetime, zone: Zone, starts: Sequence[After]
    ) -> list[FoundJob]:
        """The jobs with their next runs. `starts` tell when anacron is started next after a moment."""
        lines = {line.line_no: line for line in self.table.lines}
        timed = []
        for job in jobs:
            line = lines.get(job.line_no or 0)
            if line is None or not job.enabled:
                timed.append(replace(job, next_runs=()))
                continue
            coming = await _coming(line, self.table.hours, self._stamps.get(job.name), now, zone, starts)
            lost = None if starts else "nothing starts anacron here, neither a line of cron nor a timer"
            timed.append(replace(job, next_runs=coming, warning=job.warning or lost))
        return timed

    @property
    def table(self) -> Anacrontab:
        """As it was read last."""
        return self._known.table if self._known is not None else Anacrontab()

    async def _is_installed(self) -> bool:
        found = await self._reader.statuses(self._host.anacron)
        return any(seen.status is not None for seen in found.values())

    async def _read_stamps(self, identifiers: Sequence[str], zone: Zone) -> Mapping[str, _Stamp]:
        paths = {name: f"{self._host.anacron_stamps}/{name}" for name in identifiers}
        seen = await self._reader.read(dict.fromkeys(paths.values()))
        return {name: stamp for name, path in paths.items() if (stamp := _stamp(seen[path], zone)) is not None}

    def _unread(self, seen: Seen, now: datetime, *, installed: bool) -> list[CronSource]:
        if seen.is_missing and not installed:
            return []
        state, reason = why_not(seen) if seen.reason is not None else ("invalid", "it is no regular file")
        return [self._source(state, reason, now, seen.status, 0)]

    def _source(
        self, state: SourceState, reason: str | None, now: datetime, status: Status | None, jobs: int
    ) -> CronSource:
        return CronSource(
            kind="anacron",
            path=self._path,
            state=state,
            reason=reason,
            jobs=jobs,
            changed_at=changed_at(status),
            last_checked=now,
        )


def starts_anacron(job: FoundJob) -> bool:
    """Whether a line of cron starts anacron, by itself or through a script of run-parts."""
    if _RED_HAT_STARTER in job.scripts and job.name.endswith("hourly"):
        return True
    return _ANACRON.search(Guard(shell_command(job.command)).rest) is not None


def _job(path: str, line: AnacronLine, zone: Zone, table: Anacrontab, *, installed: bool) -> FoundJob:
    error = f"{path}, line {line.line_no}: {line.error}" if line.error is not None else None
    return FoundJob(
        job_id=0,
        kind="anacron",
        source=path,
        schedule_text=line.schedule_text,
        command=line.command,
        zone=zone.zone,
        zone_name=zone.name,
        line_no=line.line_no,
        user="root",
        name=line.identifier,
        enabled=installed and error is None,
        error=error,
        description=_words(line, table) if error is None else "",
        environment=line.environment,
        next_runs=(),
        period_sec=min(line.period.longest_days, _LONGEST_DAYS) * 86400.0 if error is None else None,
    )


def _words(line: AnacronLine, table: Anacrontab) -> str:
    days = line.period.days
    often = _NAMED.get(line.period.named) or {0: "at each start of anacron", 1: "every day"}.get(
        days, f"every {days} days"
    )
    delay = (
        f"{line.delay_min} to {line.delay_min + table.random_delay_min}" if table.random_delay_min else line.delay_min
    )
    minutes = "minute" if delay == 1 else "minutes"
    hours = f", between {table.hours[0]:02}:00 and {table.hours[1]:02}:00" if table.hours else ""
    return f"{often}, {delay} {minutes} after anacron starts{hours}"


def _ran(job: FoundJob, stamp: _Stamp | None) -> FoundJob:
    return job if stamp is None else replace(job, last_run_at=stamp.at)


def _stamp(seen: Seen, zone: Zone) -> _Stamp | None:
    """What a stamp says. One that only root may read tells by its time when it was written."""
    changed = changed_at(seen.status)
    if changed is None or seen.status is None or not seen.status.is_file:
        return None
    written = changed.astimezone(zone.zone).date()
    if seen.data is None:
        return _Stamp(written, changed) if seen.is_denied else None
    found = _STAMP.match(seen.data)
    try:
        day = date(*map(int, found.groups())) if found is not None else None
    except ValueError:
        day = None
    if day is None:
        return None
    # A stamp that was restored from a copy was written at another time than its job ended.
    at = changed if day <= written <= day + timedelta(days=1) else _begin(day, zone)
    return _Stamp(day, at)


async def _coming(
    line: AnacronLine,
    hours: tuple[int, int] | None,
    stamp: _Stamp | None,
    now: datetime,
    zone: Zone,
    starts: Sequence[After],
) -> list[datetime]:
    """The next runs, as far as they can be told."""
    runs: list[datetime] = []
    last = stamp.day if stamp is not None else None
    at = now
    while len(runs) < NEXT:
        start = await _next_start(line.period, last, at, zone, starts)
        for _ in range(_MOST_STARTS):
            run = start + timedelta(minutes=line.delay_min) if start is not None else None
            if start is None or run is None or _falls_into(hours, run, zone):
                break
            start = await _next_start(line.period, last, start, zone, starts)
        else:
            return runs
        if start is None or run is None:
            return runs
        runs.append(run)
        last, at = start.astimezone(zone.zone).date(), start
    return runs


async def _next_start(
    period: Period, last: date | None, at: datetime, zone: Zone, starts: Sequence[After]
) -> datetime | None:
    """The first start of anacron after a moment that finds the job due."""
    today = at.astimezone(zone.zone).date()
    day = period.due_day(last, today) if last is not None else today
    if day is None:
        return None
    since = max(at, _begin(day, zone) - timedelta(seconds=1))
    found = [moment for start in starts if (moment := await start(since)) is not None]
    return min(found, default=None)


def _falls_into(hours: tuple[int, int] | None, run: datetime, zone: Zone) -> bool:
    return hours is None or hours[0] <= run.astimezone(zone.zone).hour < hours[1]


def _begin(day: date, zone: Zone) -> datetime:
    return datetime.combine(day, time(), zone.zone).astimezone(UTC)
