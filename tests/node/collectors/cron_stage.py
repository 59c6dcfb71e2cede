"""Jobs, lines of cron's log, and what is known of a host, for tests of what becomes of runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from etlmon.contract.cron import CronKind
from node.collectors.cron_evidence import Evidence
from node.collectors.cron_grammar import parse_schedule
from node.collectors.cron_host import Daemon
from node.collectors.cron_ids import numbered
from node.collectors.cron_log import Entry, LogLines
from node.collectors.cron_runs import RunBook
from node.collectors.cron_types import FoundJob
from node.collectors.cron_watch import Watch
from node.store.cron import StoredJob, StoredRun
from tests.node.store.opened import START

GRACE = timedelta(minutes=5)
BOOTED = START - timedelta(days=30)
"""The host and its daemon are up since then."""


def job(
    schedule: str = "* * * * *",
    command: str = "/opt/load",
    *,
    user: str = "etl",
    kind: CronKind = "cron",
    **facts: object,
) -> FoundJob:
    """A line of a crontab, its id as it should be, or a job of another kind."""
    words = FoundJob(
        job_id=0,
        kind=kind,
        source="/etc/cron.d/etl",
        schedule_text=schedule,
        command=command,
        user=user,
        zone=UTC,
        zone_name="UTC",
        schedule=parse_schedule(schedule, "debian") if kind == "cron" else None,
    )
    (one,) = numbered([replace(words, **facts)])  # type: ignore[arg-type]
    return one


def daemon(level: int = 1, started_at: datetime = BOOTED) -> Daemon:
    return Daemon(pid=7, start_ticks=100, started_at=started_at, name="cron", level=level)


def evidence(level: int = 1, **facts: object) -> Evidence:
    """A host on which all is well."""
    runs = daemon(level)
    well = Evidence(
        log="/var/log/cron.log",
        status="ok",
        log_reason=None,
        since=BOOTED,
        latest=START + timedelta(days=30),
        daemon=runs,
        daemons=[runs],
        hidden=False,
        booted_at=BOOTED,
    )
    return replace(well, **facts)  # type: ignore[arg-type]


def said(at: datetime, pid: int, message: str, program: str = "CRON") -> Entry:
    """What a line of the log means."""
    line = f"{at.isoformat()} vm {program}[{pid}]: {message}"
    (entry,) = LogLines(UTC, "vm").read([line], at)
    return entry


def start(at: datetime, pid: int = 100, command: str = "/opt/load", user: str = "etl") -> Entry:
    return said(at, pid, f"({user}) CMD ({command})")


class Day:
    """Jobs over some time: lines of the log are read, and what is due is judged."""

    def __init__(self, *jobs: FoundJob, level: int = 1, since: datetime = START) -> None:
        self.known = evidence(level)
        self.watch = Watch()
        self.jobs = jobs
        self.began = self.now = since
        self.watch.found(list(jobs), since)

    def read(self, *entries: Entry) -> None:
        self.watch.take(entries, self.known)

    def judge(self, now: datetime) -> list[StoredRun]:
        """What changed, when the log is read to its end."""
        self.now = now
        self.watch.judge(self.known, now, GRACE)
        return self.watch.runs.take_changed()

    def row(self, which: int = 0) -> StoredJob:
        return self.watch.rows(self.known, began=self.began, checked_at=self.now, now=self.now)[which]

    def runs(self, which: int = 0) -> Sequence[StoredRun]:
        return self.watch.runs.of(self.jobs[which].job_id).all

    @property
    def book(self) -> RunBook:
        return self.watch.runs
