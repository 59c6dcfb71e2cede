"""The columns of the Cron view: of jobs, of runs, and of where both are read from."""

from dataclasses import dataclass
from datetime import datetime

from etlmon.contract.cron import CronJob, CronRun, CronSource, RunState, SourceKind
from ui import format as fmt
from ui.format import TimeStyle
from ui.glyphs import NOTHING, State
from ui.problems import cron as cron_problems
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.views.times import clock_text, past_cell
from ui.widgets.cells import Cell, runs_of

KINDS: dict[SourceKind, str] = {
    "system": "system",
    "cron_d": "cron.d",
    "user": "user",
    "anacron": "anacron",
    "timers": "timers",
    "daemon": "daemon",
    "run_log": "run log",
}


@dataclass(frozen=True, slots=True)
class RunOfJob:
    """A run, and the job it is one of; None when that is in no crontab any more."""

    run: CronRun
    job: CronJob | None

    @property
    def at(self) -> datetime | None:
        """When it started, or when it should have."""
        return self.run.started_at or self.run.due_at

    @property
    def title(self) -> str:
        return f"job {self.run.job_id}" if self.job is None else cron_problems.title(self.job)


@dataclass(frozen=True, slots=True)
class JudgedSource:
    """A source, and how bad its state is for the jobs of its node."""

    source: CronSource
    level: State


def next_cell(row: Row[CronJob]) -> Cell:
    """When it runs next. A job whose time has just come is due until it has started, or is late."""
    job = row.item
    if job.next_run is None:
        if cron_problems.is_reboot(job) and job.state != "invalid":
            return ("at boot", "dim")
        return ("never", "warn") if cron_problems.never_runs(job) else (NOTHING, "dim")
    seconds = (job.next_run - row.now).total_seconds()
    if seconds < 0:
        return ("due", "info")
    return fmt.ahead(seconds) if row.times == "relative" else clock_text(row, job.next_run)


def _took(row: Row[CronJob]) -> Cell:
    """How long the last run took; of one that runs, how long it has run so far."""
    job = row.item
    if job.state in ("running", "overlapping") and job.running_pids and job.last_run_at is not None:
        return (fmt.duration(max(0.0, (row.now - job.last_run_at).total_seconds())), "info")
    return (NOTHING, "dim") if job.last_duration_sec is None else fmt.duration(job.last_duration_sec)


def exit_cell(code: int | None) -> Cell:
    """An exit code; where the log does not tell it there is none."""
    return (NOTHING, "dim") if code is None else (str(code), "crit" if code else None)


def standing_cell(row: Row[CronJob]) -> Cell:
    """What it comes to, in a word."""
    how = cron_problems.standing(row.item)
    if how == "running":
        return ("▶ running", "info")
    if how == "off":
        return ("· off", "dim")
    cell = level_cell(row.level, "" if how == "ok" else how)
    # A daemon that takes a line all the same may do something else than it seems to.
    return [*runs_of(cell), (" · note", "info")] if how == "ok" and row.item.warning else cell


def source_cell(job: CronJob) -> Cell:
    """The file and the line, then the directory: what does not fit is what matters less."""
    directory, _, name = job.source.rpartition("/")
    line = "" if job.line_no is None else f":{job.line_no}"
    return [(f"{name}{line}", None), (f"  {directory}", "dim")] if directory else f"{job.source}{line}"


def job_fields(times: TimeStyle) -> tuple[Field[CronJob], ...]:
    """Times on a clock take more room than times from now."""
    relative = times == "relative"
    return (
        Field("job", "JOB", 18, lambda row: cron_problems.title(row.item), lambda row: cron_problems.title(row.item),
              flex=True),
        Field("schedule", "SCHEDULE", 16, lambda row: row.item.schedule, lambda row: row.item.schedule, priority=6),
        Field("user", "USER", 8, lambda row: row.item.user or (NOTHING, "dim"), lambda row: row.item.user, priority=3),
        Field("next", "NEXT", 9 if relative else 16, next_cell, lambda row: row.item.next_run, right=True),
        Field("last", "LAST", 10 if relative else 11, lambda row: past_cell(row, row.item.last_run_at),
              lambda row: row.item.last_run_at, right=True, priority=2),
        Field("took", "TOOK", 8, _took, lambda row: row.item.last_duration_sec, right=True, priority=4),
        Field("exit", "EXIT", 4, lambda row: exit_cell(row.item.last_exit_code), lambda row: row.item.last_exit_code,
              right=True, priority=1),
        Field("state", "STATE", 13, standing_cell, lambda row: cron_problems.ORDER.index(standing_of(row))),
        Field("source", "SOURCE", 16, lambda row: source_cell(row.item),
              lambda row: (row.item.source, row.item.line_no or 0), flex=True, priority=5),
    )  # fmt: skip


def standing_of(row: Row[CronJob]) -> cron_problems.Standing:
    return cron_problems.standing(row.item)


_RUN_SIGNS: dict[RunState, Cell] = {"running": ("▶ running", "info"), "ended": ("· ended", "dim")}


def run_cell(run: CronRun) -> Cell:
    """How a run ended, in a word; one that started while another ran says that."""
    level = cron_problems.run_level(run)
    if run.overlapped and run.state in ("running", "ok", "ended"):
        return level_cell(level, "overlapped")
    return _RUN_SIGNS.get(run.state) or level_cell(level, "" if run.state == "ok" else run.state)


def took_cell(run: CronRun, now: datetime) -> Cell:
    """How long a run took, or has taken so far."""
    if run.state == "running" and run.started_at is not None:
        return (fmt.duration(max(0.0, (now - run.started_at).total_seconds())), "info")
    return (NOTHING, "dim") if run.duration_sec is None else fmt.duration(run.duration_sec)


def run_fields(times: TimeStyle) -> tuple[Field[RunOfJob], ...]:
    return (
        Field("time", "TIME", 10 if times == "relative" else 11, lambda row: past_cell(row, row.item.at),
              lambda row: row.item.at, right=True),
        Field("job", "JOB", 18, lambda row: row.item.title, lambda row: row.item.title, flex=True),
        Field("user", "USER", 8, lambda row: row.item.job.user if row.item.job else (NOTHING, "dim"), priority=4),
        Field("took", "TOOK", 8, lambda row: took_cell(row.item.run, row.now), lambda row: row.item.run.duration_sec,
              right=True, priority=1),
        Field("exit", "EXIT", 4, lambda row: exit_cell(row.item.run.exit_code), lambda row: row.item.run.exit_code,
              right=True),
        Field("pid", "PID", 7, lambda row: NOTHING if row.item.run.pid is None else str(row.item.run.pid), right=True,
              priority=3),
        Field("state", "STATE", 12, lambda row: run_cell(row.item.run), lambda row: row.item.run.state),
        Field("why", "WHY", 24, lambda row: row.item.run.reason or "", lambda row: row.item.run.reason, flex=True,
              priority=2),
    )  # fmt: skip


def source_state_cell(row: Row[JudgedSource]) -> Cell:
    state = row.item.source.state
    if row.level == "ok" and state != "ok":
        return (f"· {state}", "dim")
    return level_cell(row.level, "" if state == "ok" else state)


def source_fields(times: TimeStyle) -> tuple[Field[JudgedSource], ...]:
    return (
        Field("kind", "KIND", 8, lambda row: KINDS.get(row.item.source.kind, row.item.source.kind),
              lambda row: row.item.source.kind, priority=2),
        Field("path", "SOURCE", 20, lambda row: row.item.source.path, lambda row: row.item.source.path, flex=True),
        Field("jobs", "JOBS", 5, lambda row: fmt.count(row.item.source.jobs), lambda row: row.item.source.jobs,
              right=True, priority=1),
        Field("changed", "CHANGED", 10 if times == "relative" else 11,
              lambda row: past_cell(row, row.item.source.changed_at), lambda row: row.item.source.changed_at,
              right=True, priority=3),
        Field("state", "STATE", 10, source_state_cell, lambda row: row.item.source.state),
        Field("why", "WHY", 26, lambda row: (row.item.source.reason or "", level_tone(row.level)),
              lambda row: row.item.source.reason, flex=True),
    )  # fmt: skip
