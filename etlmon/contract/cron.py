"""cron: which jobs there are, when they run next, and whether they ran."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, PAGE_HEADERS, Endpoint, Page, RowPage

CronState = Literal["ok", "running", "missed", "failed", "overlapping", "unknown", "invalid"]
CronKind = Literal["cron", "anacron", "timer"]
CronFlavour = Literal["debian", "cronie"]
RunState = Literal["running", "ok", "failed", "ended", "missed", "unknown"]
SourceKind = Literal["system", "cron_d", "user", "anacron", "timers", "daemon", "run_log"]
SourceState = Literal["ok", "missing", "denied", "invalid", "skipped", "error"]

LARGEST_JOB_ID = 2**53 - 1
"""Ids are whole in every JSON reader."""


class CronJob(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a crontab, one job of an anacrontab, or one systemd timer: what the daemon makes of it.

    A line that the daemon does not take, and each line of a file that it ignores as a whole, is a job, too: `invalid`,
    with the reason. Times are instants; `timezone` is the zone in which the schedule is meant.
    """

    job_id: int
    """The same as long as source, user, schedule and command are the same, wherever the line moves."""
    schedule: str
    """As it is written; of a systemd timer its settings, for example `OnCalendar=*-*-* 02:30`."""
    command: str
    """As cron runs it; secrets in it are hidden."""
    user: str = ""
    source: str
    """The file; of a timer its unit file."""
    next_run: datetime | None = None
    """What the daemon will do; None for @reboot, for what never runs, and for what is not taken."""
    last_checked: datetime
    line_no: int | None = None
    description: str = ""
    """The schedule in plain words."""
    timezone: str = "UTC"
    enabled: bool = True
    """False when the daemon does not run it: an ignored file, a timer that is not active."""
    error_message: str | None = None
    """Why it is invalid."""
    last_run_at: datetime | None = None
    last_exit_code: int | None = None
    """None where the log does not tell it; `state_reason` says how to get it."""
    last_duration_sec: float | None = None
    state: CronState = "ok"
    state_reason: str | None = None
    """Why it is missed, failed, overlapping, unknown or invalid, in a sentence."""
    kind: CronKind = "cron"
    name: str = ""
    """Of an anacron job its identifier, of a timer its unit; of a run-parts line the directory's scripts run in."""
    warning: str | None = None
    """The daemon takes it, and it will not do what it seems to: a date that never comes, a `%`, a carriage return."""
    next_runs: list[datetime] = []
    """The next five."""
    due_at: datetime | None = None
    """When it should have run last, since its crontab is as it is and the host is up."""
    running_pids: list[int] = []
    environment: dict[str, str] = {}
    """What the crontab sets above the line; secrets are hidden."""
    scripts: list[str] = []
    """Of a run-parts line: what it runs, in its order."""
    missed: int = 0
    """Runs that did not start, failed, and overlapped, among those that are stored."""
    failed: int = 0
    overlapped: int = 0


class CronRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job as the system's log tells it, or one that should have been (`missed`).

    `ended` is a run whose end was seen and whose exit code was not.
    """

    id: int = 0
    job_id: int
    due_at: datetime | None = None
    """The time of the schedule it belongs to."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_sec: float | None = None
    exit_code: int | None = None
    pid: int | None = None
    state: RunState
    reason: str | None = None
    """Why it is missed, failed or unknown."""
    overlapped: bool = False
    """It started while an earlier one still ran."""


class CronSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where jobs and runs are read from, and what the daemon makes of it: a file, the timers, the daemon, its log."""

    kind: SourceKind
    path: str
    state: SourceState = "ok"
    reason: str | None = None
    """Why it is not read, or not taken by the daemon; for the daemon and its log also what would tell more."""
    jobs: int = 0
    changed_at: datetime | None = None
    last_checked: datetime


class CronQuery(Page, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs."""

    state: Annotated[CronState, msgspec.Meta(description="in this state only")] | None = None


class CronRunQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs."""

    job_id: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_JOB_ID, description="of this job only")] | None = None
    state: Annotated[RunState, msgspec.Meta(description="in this state only")] | None = None


class CronRefresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to say: every source is read again."""


_AT = datetime(2026, 11, 21, 5, 30, 1, tzinfo=UTC)
_DUE = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
_NEXT = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)
_JOB = CronJob(
    job_id=2740176834671,
    schedule="30 5 * * *",
    command="/opt/etl/bin/nightly_load --date yesterday",
    user="etl",
    source="/etc/cron.d/etl",
    next_run=_NEXT,
    last_checked=_AT,
    line_no=7,
    description="at 05:30 every day",
    last_run_at=_AT,
    last_exit_code=0,
    last_duration_sec=412.0,
    next_runs=[_NEXT],
    due_at=_DUE,
    environment={"MAILTO": "etl@example.com"},
)

CRON = Endpoint(
    method="GET",
    path=f"{API}/cron",
    answer=list[CronJob],
    summary="Every job of cron, anacron and systemd's timers, with its next and its last run",
    query=CronQuery,
    headers=PAGE_HEADERS,
    example=[_JOB],
)

CRON_RUNS = Endpoint(
    method="GET",
    path=f"{API}/cron/runs",
    answer=list[CronRun],
    summary="Runs that were seen in the system's log, and those that were missed, newest first",
    query=CronRunQuery,
    headers={"Link": 'the next page, rel="next"; absent on the last'},
    example=[
        CronRun(
            id=12,
            job_id=_JOB.job_id,
            due_at=_DUE,
            started_at=_AT,
            ended_at=datetime(2026, 11, 21, 5, 36, 53, tzinfo=UTC),
            duration_sec=412.0,
            exit_code=0,
            pid=3412,
            state="ok",
        )
    ],
)

CRON_SOURCES = Endpoint(
    method="GET",
    path=f"{API}/cron/sources",
    answer=list[CronSource],
    summary="The files that jobs are read from, the daemon, and the log of its runs",
    example=[
        CronSource(kind="cron_d", path="/etc/cron.d/etl", jobs=3, changed_at=_AT, last_checked=_AT),
        CronSource(
            kind="cron_d",
            path="/etc/cron.d/etl.bak",
            state="skipped",
            reason="cron passes over names with other characters than A-Z a-z 0-9 _ -",
            last_checked=_AT,
        ),
    ],
)

CRON_REFRESH = Endpoint(
    method="POST",
    path=f"{API}/cron/refresh",
    answer=list[CronJob],
    summary="Read every crontab again now; the fresh list",
    body=CronRefresh,
    errors=(404, 413, 415, 429, 503),
    patience_sec=30.0,
    example=[_JOB],
)
