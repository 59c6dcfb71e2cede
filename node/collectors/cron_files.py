"""Where the jobs of a host come from: crontabs, the anacrontab and systemd's timers, all in one look."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from node.collectors.cron_anacron import After, Anacron, starts_anacron
from node.collectors.cron_commands import HostCommands
from node.collectors.cron_next import next_runs
from node.collectors.cron_places import flavour_of
from node.collectors.cron_tabs import Tabs
from node.collectors.cron_timers import Timers
from node.collectors.cron_types import THIS_HOST, Found, FoundJob, Host, Zone
from node.settings import Cron
from node.sources.command import Commands
from node.sources.file_reader import FileReader
from node.sources.zones import LOCAL, SystemZone, zone_of

_ANACRON_TIMERS = ("anacron.timer", "cronie-anacron.timer")


class Finder:
    """Finds every job. Files are read by a child that may be lost, and parsed again only when they changed."""

    def __init__(self, settings: Cron, host: Host = THIS_HOST) -> None:
        self._settings = settings
        self._host = host
        self._reader = FileReader()
        self._runner = Commands()
        self._system_zone = SystemZone(host.localtime)
        self._zone = Zone(zone=self._system_zone.zone, name=self._system_zone.name)
        self._tabs = Tabs(settings, host, self._reader)
        self._commands = HostCommands(host, self._reader)
        self._anacron = Anacron(settings.anacrontab, host, self._reader)
        self._timers = Timers(host, self._reader, self._runner)

    @property
    def pids(self) -> list[int]:
        """The children that are there, stuck ones included."""
        return sorted([*self._reader.pids, *self._runner.pids])

    async def find(self, now: datetime, *, fresh: bool = False) -> Found:
        """Everything there is now; `fresh` reads and parses each file anew, changed or not.

        Raises OSError: the system has no room for a child to look.
        """
        try:
            return await self._find(now, fresh=fresh)
        finally:
            await self._reader.rest()

    async def close(self) -> None:
        """End the children; one that cannot be ended is left to the kernel."""
        await self._reader.close()
        await self._runner.close()

    async def _find(self, now: datetime, *, fresh: bool) -> Found:
        zone = self._look_at_zone()
        flavour = await flavour_of(self._settings, self._host, self._reader)
        lines, sources = await self._tabs.look(now, flavour, zone, fresh=fresh)
        timers: list[FoundJob] = []
        if self._settings.systemd_timers:
            timers, more = await self._timers.look(now, zone, fresh=fresh)
            sources += more
        anacron, table = await self._anacron.look(now, flavour, zone, fresh=fresh)
        weighed, idle = await self._commands.weigh([*lines, *anacron])
        lines, anacron = weighed[: len(lines)], weighed[len(lines) :]
        starts = self._starts([job for job in lines if job.job_id not in idle], timers)
        anacron = await self._anacron.timed(anacron, now, zone, starts)
        return Found(jobs=[*lines, *anacron, *timers], sources=[*sources, *table])

    def _look_at_zone(self) -> Zone:
        name = self._settings.timezone
        if name != LOCAL:
            self._zone = Zone(zone=zone_of(name) or self._system_zone.zone, name=name)
        elif self._system_zone.look() or self._zone.zone is not self._system_zone.zone:
            self._zone = Zone(zone=self._system_zone.zone, name=self._system_zone.name)
        return self._zone

    def _starts(self, lines: Sequence[FoundJob], timers: Sequence[FoundJob]) -> list[After]:
        """What starts anacron on this host, each telling when it does so next."""
        starts: list[After] = [
            partial(_next_of, job) for job in lines if job.enabled and job.schedule is not None and starts_anacron(job)
        ]
        starts += [partial(self._timers.after, job) for job in timers if job.enabled and job.name in _ANACRON_TIMERS]
        return starts


async def _next_of(job: FoundJob, moment: datetime) -> datetime | None:
    if job.schedule is None:
        return None
    coming = next_runs(job.schedule, job.zone, moment, 1, daemon_zone=job.daemon_zone)
    return next(iter(coming), None)
