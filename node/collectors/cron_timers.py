"""systemd's timers: what their files say, and what systemd makes of them where it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from etlmon.contract.cron import CronSource, SourceState
from node.collectors.cron_ids import numbered
from node.collectors.cron_systemd import Calendar, Elapses, UnitState, loaded_timers, states
from node.collectors.cron_types import FoundJob, Host, Zone
from node.collectors.cron_units import Unit, UnitFolders, list_folders, read_units, timers_in
from node.sources.command import Commands
from node.sources.file_reader import FileReader, Seen

NEXT = 5
_BETWEEN = "; "
SOURCE = "systemd"
_WORDS = {
    "OnCalendar": "at {}",
    "OnBootSec": "{} after the host started",
    "OnStartupSec": "{} after systemd started",
    "OnActiveSec": "{} after the timer was started",
    "OnUnitActiveSec": "{} after it started last",
    "OnUnitInactiveSec": "{} after it ended last",
}
_TRUE = ("1", "yes", "true", "on", "y", "t")
_SKIPPED = "exec-condition"
"""The result of a service whose ExecCondition= did not want it to run: no failure."""
_NOT_BOOTED = "systemd does not run this host: no timer elapses"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Systemd:
    """What is known of systemd itself. `runs`: this host was started by it; `answers`: it says what is loaded."""

    runs: bool
    answers: bool = False
    reason: str | None = None
    states: Mapping[str, UnitState]
    elapses: Mapping[str, datetime | None]


class Timers:
    """Reads the unit files each time, those that changed; asks systemd for what only it knows."""

    def __init__(self, host: Host, reader: FileReader, commands: Commands) -> None:
        self._host = host
        self._reader = reader
        self._commands = commands
        self._calendar = Calendar(commands)
        self._seen: dict[str, Seen] = {}
        self._zone: Zone | None = None

    async def look(self, now: datetime, zone: Zone, *, fresh: bool = False) -> tuple[list[FoundJob], list[CronSource]]:
        """Every timer, and one source for them all. Raises OSError: there is no child to look."""
        if fresh or zone != self._zone:
            self._seen, self._zone = {}, zone
            self._calendar.forget()
        folders = await list_folders(self._host.units, self._reader)
        runs = (await self._reader.statuses([self._host.systemd]))[self._host.systemd].status is not None
        elapses, reason = await loaded_timers(self._commands) if runs else ({}, None)
        names = sorted({*timers_in(folders), *elapses})
        timers, seen = await read_units(names, folders, self._reader, self._seen)
        services, more = await read_units(map(started_by, timers.values()), folders, self._reader, self._seen)
        self._seen = seen | more
        systemd = await self._ask([*timers, *services], elapses, reason, runs=runs)
        calendar = await self._calendar_of(list(timers.values()), now) if systemd.runs else {}
        jobs = [
            _job(timer, services[started_by(timer)], systemd, calendar, now, zone)
            for timer in _without_aliases(list(timers.values()), seen)
        ]
        return numbered(jobs), self._sources(systemd, folders, now, len(jobs))

    async def after(self, job: FoundJob, moment: datetime) -> datetime | None:
        """When a timer that goes by the calendar elapses first after a moment; else, if it is known, what is next."""
        coming = [at for at in job.next_runs or () if at > moment]
        if coming:
            return coming[0]
        settings = [part.partition("=") for part in job.schedule_text.split(_BETWEEN)]
        found = [await self._calendar.after(value, moment) for key, _, value in settings if key == "OnCalendar"]
        return min(filter(None, found), default=None)

    async def _ask(
        self, units: Sequence[str], elapses: Mapping[str, datetime | None], reason: str | None, *, runs: bool
    ) -> _Systemd:
        if not runs:
            return _Systemd(runs=False, reason=_NOT_BOOTED, states={}, elapses={})
        found, why = await states(self._commands, list(dict.fromkeys(units)))
        return _Systemd(runs=True, answers=why is None, reason=why or reason, states=found, elapses=elapses)

    async def _calendar_of(self, timers: Sequence[Unit], now: datetime) -> dict[str, Elapses]:
        return await self._calendar.next([text for timer in timers for text in _expressions(timer)], now, NEXT)

    def _sources(self, systemd: _Systemd, folders: UnitFolders, now: datetime, jobs: int) -> list[CronSource]:
        state: SourceState = "ok"
        if not systemd.runs:
            if not jobs:
                return []
            state = "skipped"
        elif not systemd.answers:
            state = "error"
        elif folders.reasons:
            state = "denied"
        reason = "; ".join(filter(None, (systemd.reason, *folders.reasons))) or None
        return [CronSource(kind="timers", path=SOURCE, state=state, reason=reason, jobs=jobs, last_checked=now)]


def started_by(timer: Unit) -> str:
    """The unit that a timer starts."""
    return timer.last("Timer", "Unit") or timer.name.removesuffix(".timer") + ".service"


def _expressions(timer: Unit) -> list[str]:
    return [value for key, value in timer.times if key == "OnCalendar"]


def _without_aliases(timers: Sequence[Unit], seen: Mapping[str, Seen]) -> list[Unit]:
    """Each timer once, under the name of its own file: an alias is a link to it."""
    files = {place for timer in timers if (place := _place(timer, seen)) is not None and not _is_link(timer, seen)}
    return [timer for timer in timers if not (_is_link(timer, seen) and _place(timer, seen) in files)]


def _is_link(timer: Unit, seen: Mapping[str, Seen]) -> bool:
    link = seen[timer.path].link if timer.path in seen else None
    return link is not None and link.is_link


def _place(timer: Unit, seen: Mapping[str, Seen]) -> tuple[int, int] | None:
    status = seen[timer.path].status if timer.path in seen else None
    return (status.device, status.inode) if status is not None else None


def _job(
    timer: Unit, service: Unit, systemd: _Systemd, calendar: Mapping[str, Elapses], now: datetime, zone: Zone
) -> FoundJob:
    state, started = systemd.states.get(timer.name), systemd.states.get(service.name)
    error = _error(timer, service, state, started, calendar)
    is_active = state["ActiveState"] == "active" if state is not None else timer.enabled and not timer.masked
    enabled = systemd.runs and is_active and error is None
    job = FoundJob(
        job_id=0,
        kind="timer",
        source=timer.path or SOURCE,
        schedule_text=_BETWEEN.join(f"{key}={value}" for key, value in timer.times),
        command=_BETWEEN.join(service.settings.get(("Service", "ExecStart"), ())) or service.name,
        zone=zone.zone,
        zone_name=zone.name,
        user=service.last("Service", "User") or "root",
        name=timer.name,
        enabled=enabled,
        error=error,
        warning=_warning(timer, state, calendar, runs=systemd.runs, enabled=enabled),
        description=_words(timer),
        next_runs=_coming(timer, systemd, calendar, now) if enabled else (),
    )
    return _with_last_run(job, state, started)


def _error(
    timer: Unit,
    service: Unit,
    state: UnitState | None,
    started: UnitState | None,
    calendar: Mapping[str, Elapses],
) -> str | None:
    """Why systemd does not take the timer."""
    if timer.masked or (state is not None and state["LoadState"] == "masked"):
        return None
    if timer.reason is not None:
        return None  # what it says is not known
    if state is not None and state["LoadState"] in ("bad-setting", "error"):
        said = state["LoadError"].partition(" ")[2].strip('"')
        return f"systemd does not take it: {said or state['LoadState']}"
    wrong = [known.error for text in _expressions(timer) if (known := calendar.get(text)) and known.error]
    if len(wrong) == len(timer.times):
        return (
            f"{timer.path}: {wrong[0]}"
            if wrong
            else f"{timer.path} says no time: it has neither OnCalendar= nor On...Sec="
        )
    missing = started["LoadState"] == "not-found" if started is not None else not service.path
    return f"it starts {service.name}, which is not there" if missing else None


def _warning(
    timer: Unit, state: UnitState | None, calendar: Mapping[str, Elapses], *, runs: bool, enabled: bool
) -> str | None:
    parts = [known.error for text in _expressions(timer) if (known := calendar.get(text)) and known.error]
    if timer.reason is not None:
        parts.append(timer.reason)
    if timer.masked:
        parts.append("it is masked")
    elif runs and timer.enabled and not enabled and state is not None and not parts:
        parts.append(f"it is enabled and not active; systemctl start {timer.name}")
    if state is not None and state["NeedDaemonReload"] == "yes":
        parts.append("its files changed since systemd read them; systemctl daemon-reload")
    return "; ".join(parts) or None


def _words(timer: Unit) -> str:
    words = ", ".join(_WORDS[key].format(value) for key, value in timer.times)
    if delay := timer.last("Timer", "RandomizedDelaySec"):
        words += f", up to {delay}{'s' if delay.isdigit() else ''} later"
    if timer.last("Timer", "Persistent").lower() in _TRUE:
        words += ", made up for after the host was down"
    return words


def _coming(timer: Unit, systemd: _Systemd, calendar: Mapping[str, Elapses], now: datetime) -> list[datetime]:
    """The next times: what systemd says comes first, then what the calendar adds."""
    state = systemd.states.get(timer.name)
    first = systemd.elapses.get(timer.name) or (state.moment("NextElapseUSecRealtime") if state is not None else None)
    times = {at for text in _expressions(timer) if text in calendar for at in calendar[text].times}
    later = sorted(at for at in times if at > (first or now))
    return ([first] if first is not None and first > now else []) + later[: NEXT - 1 if first is not None else NEXT]


def _with_last_run(job: FoundJob, state: UnitState | None, started: UnitState | None) -> FoundJob:
    """What systemd knows of the last run since the host started; of the timer's last time also what was before."""
    elapsed = state.moment("LastTriggerUSec") if state is not None else None
    began = started.moment("ExecMainStartTimestamp") if started is not None else None
    job = replace(job, last_run_at=max(filter(None, (elapsed, began)), default=None))
    if started is None:
        return job
    if (pid := started.main_pid) is not None:
        return replace(job, running_pids=(pid,))
    result = started["Result"] if started["Result"] != _SKIPPED else ""
    if result in ("", "success"):
        # A unit that never ran is a success as well.
        result = result if began is not None else ""
    elif _is_before(started.moment("ExecMainExitTimestamp"), elapsed):
        # It failed before its main process began, as when ExecStartPre= does: the rest is of a run before.
        return replace(job, last_result=result)
    return replace(
        job,
        last_exit_code=started.exit_code,
        last_duration_sec=started.duration_sec,
        last_result=result or None,
    )


def _is_before(end: datetime | None, elapsed: datetime | None) -> bool:
    """Whether a main process ended before the timer elapsed last, or there was none."""
    return end is None or (elapsed is not None and end < elapsed)
