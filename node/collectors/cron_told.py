"""What a look at cron is worth telling: events, and the numbers for `/metrics`. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import get_args

from etlmon.contract.cron import CronSource, CronState, RunState
from etlmon.contract.node import Event, Severity
from node.collector import Sample
from node.collectors.cron_state import headline
from node.sources.tail_types import Lost
from node.store.cron import StoredJob, StoredRun

MOST_TOLD = 10
"""Events of one kind that are told one by one at a look; the others are counted."""

RECENT = timedelta(hours=1)
"""What happened longer ago is history: it is stored, and not told as an event."""

MOST_JOBS = 500
"""With more jobs there are no numbers of single ones."""

_COUNTED: tuple[RunState, ...] = ("ok", "failed", "ended", "missed", "unknown")


def run_events(runs: Iterable[StoredRun], jobs: Mapping[int, StoredJob], told: "Told", at: datetime) -> Iterator[Event]:
    """What became of runs. Each is told once, and only while it is news."""
    found: dict[str, list[tuple[StoredJob, str]]] = {"job_missed": [], "job_failed": [], "job_overlapped": []}
    for run in runs:
        job = jobs.get(run.job_id)
        if job is None or at - run.at > RECENT:
            continue
        for kind, words in _said(job, run):
            if told.is_new(run.key, kind):
                found[kind].append((job, words))
    for kind, said in found.items():
        yield from (_event(at, _key(job), kind, "warning", words) for job, words in said[:MOST_TOLD])
        more = len(said) - MOST_TOLD
        if more > 0:
            yield _event(at, "cron", kind, "warning", f"{more:,} more {_MORE[kind]}")


_MORE = {
    "job_missed": "runs were missed",
    "job_failed": "runs failed",
    "job_overlapped": "runs began while one before went on",
}


def _said(job: StoredJob, run: StoredRun) -> Iterator[tuple[str, str]]:
    who = f"{headline(job)} ({job.source})"
    if run.state == "missed" and run.due_at is not None:
        yield "job_missed", f"{who} was due at {run.due_at:%Y-%m-%d %H:%M} UTC and did not start: {run.reason}"
    if run.state == "failed":
        yield "job_failed", f"{who} failed: {run.reason or f'exit code {run.exit_code}'}"
    if run.overlapped:
        yield "job_overlapped", f"{who} was started while an earlier run of it went on"


class Told:
    """Which runs were told of, as far back as they are news."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], None] = {}

    def is_new(self, key: str, kind: str) -> bool:
        if (key, kind) in self._kinds:
            return False
        self._kinds[key, kind] = None
        if len(self._kinds) > _MOST_REMEMBERED:
            del self._kinds[next(iter(self._kinds))]
        return True


_MOST_REMEMBERED = 2000


def change_events(before: Sequence[StoredJob], after: Sequence[StoredJob], at: datetime) -> Iterator[Event]:
    """What changed in the crontabs."""
    old, new = {job.job_id: job for job in before}, {job.job_id: job for job in after}
    added = Counter(new[job_id].source for job_id in new.keys() - old.keys())
    removed = Counter(old[job_id].source for job_id in old.keys() - new.keys())
    for source in sorted({*added, *removed}):
        counts = ((added[source], "added"), (removed[source], "removed"))
        words = ", ".join(f"{number} job{'' if number == 1 else 's'} {what}" for number, what in counts if number)
        yield _event(at, source, "crontab_changed", "info", f"{source}: {words}")


def source_events(before: Sequence[CronSource], after: Sequence[CronSource], at: datetime) -> Iterator[Event]:
    """The daemon stopped or runs again; its log is or is not to be read; a crontab is not taken any more."""
    known: dict[str, CronSource] = {source.kind: source for source in before if source.kind in ("daemon", "run_log")}
    for source in after:
        was = known.get(source.kind)
        if was is None or was.state == source.state:
            continue
        if source.kind == "daemon" and source.state != "ok" and was.state == "ok":
            yield _event(at, source.path, "cron_stopped", "critical", f"cron: {source.reason}")
        elif source.kind == "daemon" and source.state == "ok":
            yield _event(at, source.path, "cron_started", "info", "cron is running")
        elif source.kind == "run_log" and source.state != "ok":
            yield _event(at, source.path, "cron_log_unreadable", "warning", f"{source.path}: {source.reason}")
        elif source.kind == "run_log":
            yield _event(at, source.path, "cron_log_back", "info", f"{source.path} is read again")


def gap_events(lost: Iterable[Lost], at: datetime) -> Iterator[Event]:
    for gap in lost:
        yield _event(at, gap.path, "cron_log_gap", "warning", f"{gap.path}: {gap.message}")


def _key(job: StoredJob) -> str:
    return str(job.job_id)


def _event(at: datetime, key: str, kind: str, severity: Severity, message: str) -> Event:
    return Event(at=at, domain="cron", key=key, kind=kind, severity=severity, message=message)


class Totals:
    """Runs that the node learned the end of since it began, by how they ended."""

    def __init__(self) -> None:
        self._totals: Counter[RunState] = Counter()
        self._counted = Told()

    def add(self, runs: Iterable[StoredRun]) -> None:
        """A run of which the log tells more later counts as that, too."""
        for run in runs:
            if run.state in _COUNTED and self._counted.is_new(run.key, run.state):
                self._totals[run.state] += 1

    def samples(self) -> Iterator[Sample]:
        for state in _COUNTED:
            yield Sample("etlmon_cron_runs_total", self._totals[state], {"state": state})


def samples(jobs: Sequence[StoredJob], sources: Sequence[CronSource], totals: Totals) -> Iterator[Sample]:
    """The numbers of cron; those of single jobs only when there are not too many."""
    states = Counter(job.state for job in jobs)
    for state in get_args(CronState):
        yield Sample("etlmon_cron_jobs", states[state], {"state": state})
    for kind, name in (("daemon", "etlmon_cron_daemon_up"), ("run_log", "etlmon_cron_run_log_up")):
        for source in sources:
            if source.kind == kind:
                yield Sample(name, float(source.state == "ok"))
    yield from totals.samples()
    if len(jobs) > MOST_JOBS:
        return
    for job in jobs:
        yield from _of_job(job)


def _of_job(job: StoredJob) -> Iterator[Sample]:
    labels = {"job": str(job.job_id), "name": headline(job), "source": job.source}
    yield Sample("etlmon_cron_missed", float(job.state == "missed"), labels)
    yield Sample("etlmon_cron_failed", float(_has_failed(job)), labels)
    if job.last_exit_code is not None:
        yield Sample("etlmon_cron_last_exit_code", job.last_exit_code, labels)
    if job.last_run_at is not None:
        yield Sample("etlmon_cron_last_run_timestamp_seconds", job.last_run_at.timestamp(), labels)


def _has_failed(job: StoredJob) -> bool:
    """Whether its last run that ended failed, until one ends well.

    The state alone does not tell: one that is worse, such as `missed`, hides it. Nor does the exit code: systemd has
    none of a run whose main process never began.
    """
    return job.state == "failed" or bool(job.last_exit_code)
