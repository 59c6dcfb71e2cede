"""All that is to be said of a job, a run, or a place where jobs and runs are read from."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etlmon.contract.cron import CRON_RUNS, CronJob, CronRun, CronRunQuery
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import cron as cron_problems
from ui.state import Question
from ui.views.cron_fields import (
    KINDS,
    JudgedSource,
    RunOfJob,
    exit_cell,
    run_cell,
    source_state_cell,
    standing_cell,
    took_cell,
)
from ui.views.detail import Detail, History, Section, facts
from ui.views.events import events_question, events_section
from ui.views.rows import Row, counted, level_tone
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid

_ASKED = 100
_SHOWN = 20
_DAY_SEC = 86400.0
_ROUND_SEC = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200)
_KINDS = {"cron": "a line of a crontab", "anacron": "a job of anacron", "timer": "a timer of systemd"}


def job_questions(row: Row[CronJob]) -> tuple[Question[Any], ...]:
    """Its runs, and what happened to it and to its crontab."""
    return _runs_of(row.item.job_id), _events(row.item), _source_events(row.item)


def job_detail(row: Row[CronJob]) -> Detail:
    job = row.item
    runs = row.node.answer(_runs_of(job.job_id))
    return Detail(
        title=cron_problems.title(job),
        charts=_durations(runs or ()),
        sections=(
            Section(f"{cron_problems.title(job)} {NOTHING} {cron_problems.standing(job)}", _facts(row)),
            Section("Command", [[(job.command, None)]]),
            *([Section("Scripts that it runs", [[(script, None)] for script in job.scripts])] if job.scripts else []),
            *_environment(job),
            Section("Next runs", _next_runs(row), _why_none(job)),
            _runs_section(row, runs),
            events_section(row, _events(job)),
            _titled(events_section(row, _source_events(job)), f"Events of {job.source}"),
        ),
    )


def run_detail(row: Row[RunOfJob]) -> Detail:
    run, job = row.item.run, row.item.job
    title = row.item.title
    about = Section("The job", (), "It is in no crontab any more.")
    if job is not None:
        about = Section("The job", _facts(_as_job(row, job)))
    return Detail(
        title=title,
        sections=(
            Section(f"{title} {NOTHING} {run.state}", _run_facts(row, run)),
            *([Section("Command", [[(job.command, None)]])] if job is not None else []),
            about,
        ),
    )


def source_detail(row: Row[JudgedSource]) -> Detail:
    source = row.item.source
    jobs = [job for job in row.node.answer(cron_problems.QUESTION) or () if job.source == source.path]
    known: list[tuple[str, Cell]] = [
        ("kind", KINDS.get(source.kind, source.kind)),
        ("state", source_state_cell(row)),
        *([("reason", (source.reason, level_tone(row.level)))] if source.reason else []),
        ("jobs", fmt.count(source.jobs)),
        ("changed", row.when(source.changed_at)),
        ("looked at", row.when(source.last_checked)),
    ]
    lines = grid(
        [
            (fmt.count(job.line_no), job.schedule, job.user or NOTHING, standing_cell(_as_job(row, job)), job.command)
            for job in jobs
        ],
        head=("LINE", "SCHEDULE", "USER", "STATE", "COMMAND"),
        right=(0,),
    )
    return Detail(
        title=source.path.rpartition("/")[2] or source.path,
        sections=(Section(source.path, facts(*known)), Section("Its jobs", lines, "None.")),
    )


def _as_job(row: Row[Any], job: CronJob) -> Row[CronJob]:
    """The row of a job that another row is about."""
    level = cron_problems.level(job)
    return Row(key=row.key, node=row.node, item=job, level=level, now=row.now, times=row.times, zone=row.zone)


def _facts(row: Row[CronJob]) -> list[Line]:
    job = row.item
    how = cron_problems.standing(job)
    why = cron_problems.words(job)
    known: list[tuple[str, Cell]] = [
        ("state", standing_cell(row)),
        *([_why(row, why)] if why != how else []),
        ("schedule", f"{job.schedule}{f', {job.description}' if job.description else ''}"),
        ("next run", _when_next(row)),
        ("last run", _last(row)),
        *([("should have run", _both(row, job.due_at))] if how in ("missed", "late") else []),
        *([("runs now", f"pid {', '.join(map(str, job.running_pids))}")] if job.running_pids else []),
        ("trouble", _trouble(job)),
        *([("note", (job.warning, "info"))] if job.warning and job.warning != why else []),
        ("user", job.user or NOTHING),
        ("source", f"{job.source}{'' if job.line_no is None else f', line {job.line_no}'} ({_KINDS[job.kind]})"),
        ("times meant in", job.timezone),
        ("looked at", row.when(job.last_checked)),
    ]
    return facts(*known)


def _why(row: Row[CronJob], why: str) -> tuple[str, Cell]:
    """Why it stands as it does; of one that is well, what would tell more of it."""
    return ("why", (why, level_tone(row.level))) if row.level != "ok" else ("hint", (why, "info"))


def _when_next(row: Row[CronJob]) -> Cell:
    job = row.item
    if job.next_run is None:
        return (_why_none(job), "warn" if cron_problems.never_runs(job) else "dim")
    return _both(row, job.next_run)


def _last(row: Row[CronJob]) -> Cell:
    job = row.item
    if job.last_run_at is None:
        return ("none is known", "dim")
    took = f", took {fmt.duration(job.last_duration_sec)}" if job.last_duration_sec is not None else ""
    known: list[Any] = [f"{_both(row, job.last_run_at)}{took}, "]
    if job.last_exit_code is None:
        return [*known, ("exit code not known", "dim")]
    return [*known, (f"exit code {job.last_exit_code}", "crit" if job.last_exit_code else None)]


def _trouble(job: CronJob) -> Cell:
    """Of the runs that are stored."""
    if not (job.missed or job.failed or job.overlapped):
        return ("none of its runs that are known", "dim")
    return f"{fmt.count(job.missed)} missed, {fmt.count(job.failed)} failed, {fmt.count(job.overlapped)} overlapped"


def _environment(job: CronJob) -> list[Section]:
    if job.kind == "timer":
        return []
    lines = facts(*job.environment.items())
    return [Section("Environment", lines, "Its crontab sets nothing above it.")]


def _next_runs(row: Row[CronJob]) -> list[Line]:
    """Each as the time that is left, by the operator's clock, and by that of the schedule where that is another."""
    job = row.item
    return grid(
        [
            (
                fmt.ahead((moment - row.now).total_seconds()),
                _clock(row, moment),
                (_there(job, moment, _clock(row, moment)), "dim"),
            )
            for moment in job.next_runs
        ],
        right=(0,),
    )


def _both(row: Row[Any], moment: datetime | None) -> str:
    """A time as seen from now and as the clock has it: an operator compares it with other logs."""
    if moment is None:
        return NOTHING
    return f"{fmt.ago((row.now - moment).total_seconds())}, {_clock(row, moment)}"


def _clock(row: Row[Any], moment: datetime) -> str:
    return fmt.stamp(moment, "utc" if row.times == "utc" else "local", row.now, row.zone)


def _there(job: CronJob, moment: datetime, here: str) -> str:
    """The moment in the zone in which the schedule is meant; empty when that says the same."""
    try:
        zone = ZoneInfo(job.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""  # this machine does not know it; the fact `times meant in` names it
    there = fmt.stamp(moment, "local", moment, zone)
    return "" if there == here else f"{there}, {job.timezone}"


def _why_none(job: CronJob) -> str:
    if job.state == "invalid":
        return "It does not run: cron does not take it."
    if not job.enabled:
        return "It does not run: it is off."
    if cron_problems.is_reboot(job):
        return "It runs when the host starts."
    if cron_problems.never_runs(job):
        return "It never runs: no time fits its schedule."
    return "Not known."


def _runs_of(job_id: int) -> Question[list[CronRun]]:
    return Question(CRON_RUNS, CronRunQuery(limit=_ASKED, job_id=job_id), pace="slow")


def _runs_section(row: Row[CronJob], runs: Sequence[CronRun] | None) -> Section:
    if runs is None:
        reason = row.node.refusals.get(_runs_of(row.item.job_id).key, "Not answered yet.")
        return Section("Runs", (), reason)
    lines = grid(
        [_run_cells(row, run) for run in runs[:_SHOWN]],
        head=("STARTED", "DUE", "TOOK", "EXIT", "PID", "STATE", "WHY"),
        right=(2, 3, 4),
    )
    more = "" if len(runs) <= _SHOWN else f", the newest {_SHOWN}"
    return Section(f"Runs{more}", lines, "None is known.")


def _run_cells(row: Row[Any], run: CronRun) -> list[Cell]:
    return [
        row.when(run.started_at),
        row.when(run.due_at),
        took_cell(run, row.now),
        exit_cell(run.exit_code),
        NOTHING if run.pid is None else str(run.pid),
        run_cell(run),
        (run.reason or "", "dim"),
    ]


def _run_facts(row: Row[RunOfJob], run: CronRun) -> list[Line]:
    known: list[tuple[str, Cell]] = [
        ("state", run_cell(run)),
        *([("why", (run.reason, level_tone(row.level)))] if run.reason else []),
        ("due", _both(row, run.due_at)),
        ("started", _both(row, run.started_at)),
        ("ended", _both(row, run.ended_at)),
        ("took", took_cell(run, row.now)),
        ("exit code", exit_cell(run.exit_code)),
        ("pid", NOTHING if run.pid is None else str(run.pid)),
        *([("overlapped", ("it started while an earlier one still ran", "warn"))] if run.overlapped else []),
        ("number", str(run.id)),
    ]
    return facts(*known)


def _durations(runs: Sequence[CronRun]) -> tuple[History, ...]:
    """How long its runs took; with fewer than two there is nothing to compare. What did not run is a gap."""
    values = [run.duration_sec for run in reversed(runs) if run.state != "running"]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ()
    title = f"how long the last {counted(len(values), 'run')} took, a column each"
    return (History(title=title, values=values, high=_axis_end(max(known)), unit=fmt.duration),)


def _axis_end(longest_sec: float) -> float:
    """The end of an axis of durations: a round one."""
    return next((float(end) for end in _ROUND_SEC if longest_sec <= end), math.ceil(longest_sec / _DAY_SEC) * _DAY_SEC)


def _events(job: CronJob) -> Question[Any]:
    return events_question("cron", str(job.job_id))


def _source_events(job: CronJob) -> Question[Any]:
    return events_question("cron", job.source)


def _titled(section: Section, title: str) -> Section:
    return Section(title, section.lines, section.nothing)
