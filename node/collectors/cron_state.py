"""How a job stands: its row, from what was found of it, from its runs, and from what is known of the log. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from etlmon.contract.cron import CronState
from etlmon.logs import redact
from node.collectors.cron_due import DueTimes
from node.collectors.cron_evidence import Evidence, stamp, unlogged
from node.collectors.cron_next import next_runs, previous_due
from node.collectors.cron_runs import LOGS_FAILURES, JobRuns
from node.collectors.cron_types import FoundJob
from node.store.cron import StoredJob

NEXT_RUNS = 5
_ANACRON_LATE = timedelta(days=1)
"""anacron counts days, and is started by something else that may come but once a day."""


class Watched:
    """A job and what is remembered of it between two looks."""

    def __init__(
        self, job: FoundJob, known_since: datetime, judged: datetime, started: Iterable[datetime] = ()
    ) -> None:
        """What was due until `judged` is settled, and so is what was `started` later, before the node was."""
        self.keeps(job)
        self.known_since = known_since
        self.dues = DueTimes(job, max(known_since, judged), started)
        self.untold: tuple[datetime, str] | None = None
        """A due time of which nobody can tell whether it was started then, and why."""
        self.streak = 0
        """Runs that were missed one after the other."""
        self._coming: list[datetime] = []
        self._last_due: datetime | None = None
        self._counted_at: datetime | None = None

    def keeps(self, job: FoundJob) -> None:
        """It was found again, perhaps on another line."""
        self.job = job
        self.command = redact(job.command)
        self.environment = {name: _hidden(name, value) for name, value in job.environment.items()}

    def coming(self, now: datetime) -> list[datetime]:
        """When the daemon starts it next."""
        self._count(now)
        return self._coming

    def last_due(self, now: datetime) -> datetime | None:
        """When it was due last, by its schedule alone."""
        self._count(now)
        return self._last_due

    def _count(self, now: datetime) -> None:
        job = self.job
        if job.next_runs is not None:
            self._coming = [at for at in job.next_runs if at > now][:NEXT_RUNS]
            return
        is_counted = self._counted_at is not None and self._counted_at <= now
        if is_counted and (not self._coming or self._coming[0] > now):
            return
        self._counted_at = now
        self._coming, self._last_due = [], None
        if job.schedule is not None and not job.schedule.reboot and job.error is None:
            self._coming = next_runs(job.schedule, job.zone, now, NEXT_RUNS, daemon_zone=job.daemon_zone)
            self._last_due = previous_due(job.schedule, job.zone, now, daemon_zone=job.daemon_zone)


class Standing(NamedTuple):
    state: CronState
    reason: str | None = None


def standing(watched: Watched, runs: JobRuns, evidence: Evidence, began: datetime, now: datetime) -> Standing:
    """The worst that is to be said of a job. `began` is when the node first looked at cron."""
    job = watched.job
    if job.error is not None:
        return Standing("invalid", job.error)
    if job.kind == "timer":
        return _timer(job, runs)
    last, missed, over = runs.last, runs.missed, runs.over
    if missed is not None and (last is None or last.at < missed.at):
        return Standing("missed", missed.reason)
    if over is not None and over.state == "failed":
        return Standing("failed", over.reason)
    going = runs.open
    if len(going) > 1 or (going and going[-1].overlapped):
        return Standing("overlapping", f"{len(going)} runs of it go on at the same time")
    if going:
        return Standing("running")
    if job.kind == "anacron":
        return _anacron(job, now)
    if not job.enabled:
        return Standing("ok")
    reason = _unknown(watched, runs, evidence, began, now)
    return Standing("unknown", reason) if reason else Standing("ok", _no_code(runs, evidence))


def _timer(job: FoundJob, runs: JobRuns) -> Standing:
    if job.running_pids:
        # systemd forgets how the run before ended as soon as the next one begins.
        over = runs.over
        return Standing("failed", over.reason) if over and over.state == "failed" else Standing("running")
    if job.last_result not in (None, "success"):
        return Standing("failed", f"systemd says of its last run: {job.last_result}")
    if job.last_exit_code:
        return Standing("failed", f"it ended with exit status {job.last_exit_code}")
    return Standing("ok")


def _anacron(job: FoundJob, now: datetime) -> Standing:
    if job.last_run_at is None:
        return Standing("unknown", "anacron has not noted a run of it yet")
    if job.period_sec is not None and job.enabled:
        due = job.last_run_at + timedelta(seconds=job.period_sec)
        if now - due > _ANACRON_LATE:
            return Standing("missed", f"anacron ran it last on {job.last_run_at:%Y-%m-%d}, and should have since")
    return Standing("ok")


def _unknown(watched: Watched, runs: JobRuns, evidence: Evidence, began: datetime, now: datetime) -> str | None:
    """Why it is not known whether it ran when it was due last; None when it is, or is not due."""
    job, last = watched.job, runs.last
    if last is not None and last.state == "unknown":
        return last.reason
    if job.schedule is not None and job.schedule.reboot:
        if last is not None and last.at >= evidence.booted_at:
            return None
        return evidence.silent() or "cron's log tells of no start of it since the host was started"
    due = watched.last_due(now)
    if due is None or (last is not None and last.at >= due - timedelta(seconds=1)):
        return None
    if reason := unlogged(job) or evidence.silent():
        return reason
    if watched.untold is not None and (last is None or last.at < watched.untold[0]):
        return watched.untold[1]
    if due in watched.dues.waiting:
        return None
    if due <= watched.known_since:
        since = stamp(watched.known_since)
        if watched.known_since <= began:
            return f"it was due before {since}, when etlmon began to watch cron, and its log does not tell of it"
        return f"its line is in the crontab since {since}, and it was not due since"
    return None


def _no_code(runs: JobRuns, evidence: Evidence) -> str | None:
    """How to see an exit code where there is none."""
    over = runs.over
    if over is None or over.exit_code is not None or evidence.daemon is None or evidence.level & LOGS_FAILURES:
        return None
    return evidence.advice


def row(
    watched: Watched, number: int, runs: JobRuns, evidence: Evidence, *, began: datetime, checked_at: datetime,
    now: datetime,
) -> StoredJob:  # fmt: skip
    """The job as it is stored, its secrets hidden."""
    job, over, last = watched.job, runs.over, runs.last
    stands = standing(watched, runs, evidence, began, now)
    is_taken = job.enabled and job.error is None
    coming = watched.coming(now) if is_taken else []
    due = watched.last_due(now) if is_taken else None
    ran_at = (last.started_at or last.ended_at) if last is not None else None
    is_told = job.kind != "cron" and (ran_at is None or (job.last_run_at is not None and job.last_run_at > ran_at))
    return StoredJob(
        job_id=job.job_id,
        number=number,
        known_since=watched.known_since,
        schedule=job.schedule_text,
        command=watched.command,
        user=job.user,
        source=job.source,
        next_run=next(iter(coming), None),
        last_checked=checked_at,
        line_no=job.line_no,
        description=job.description,
        timezone=job.zone_name,
        enabled=job.enabled,
        error_message=job.error,
        last_run_at=job.last_run_at if is_told else ran_at,
        last_exit_code=job.last_exit_code if is_told or over is None else over.exit_code,
        last_duration_sec=job.last_duration_sec if is_told or over is None else over.duration_sec,
        state=stands.state,
        state_reason=stands.reason,
        kind=job.kind,
        name=job.name,
        warning=job.warning,
        next_runs=coming,
        due_at=due if due is not None and due > max(watched.known_since, evidence.booted_at) else None,
        running_pids=list(job.running_pids) or [run.pid for run in runs.open if run.pid is not None],
        environment=watched.environment,
        scripts=list(job.scripts),
    )


def _hidden(name: str, value: str) -> str:
    return redact(f"{name}={value}").partition("=")[2]


def headline(job: StoredJob) -> str:
    """What to call a job in a sentence."""
    command = job.name or job.command
    return command if len(command) <= _LONGEST_COMMAND else f"{command[: _LONGEST_COMMAND - 1]}…"


_LONGEST_COMMAND = 80
