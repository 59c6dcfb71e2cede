"""What fake nodes say of cron: jobs that run as they should, and jobs, files and a log in trouble."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from aiohttp import web

from etlmon.contract.cron import CRON, CRON_REFRESH, CRON_RUNS, CRON_SOURCES, CronJob, CronRun, CronSource
from tests.fakes.nodes import FakeNode
from tests.ui.looking import NOW

DAY = timedelta(days=1)
DUE = NOW.replace(hour=5, minute=30, second=0)
RUN_LOG = "/var/log/cron.log"


def job(number: int, command: str = "/opt/etl/bin/nightly_load --date yesterday", **more: object) -> CronJob:
    """The job with this id, which ran at 05:30 today and runs every day."""
    values: dict[str, object] = {
        "job_id": number,
        "schedule": "30 5 * * *",
        "command": command,
        "user": "etl",
        "source": "/etc/cron.d/etl",
        "next_run": DUE + DAY,
        "last_checked": NOW - timedelta(seconds=20),
        "line_no": 7,
        "description": "at 05:30 every day",
        "last_run_at": DUE + timedelta(seconds=1),
        "last_exit_code": 0,
        "last_duration_sec": 412.0,
        "next_runs": [DUE + days * DAY for days in range(1, 6)],
        "due_at": DUE,
        "environment": {"MAILTO": "etl@example.com", "PATH": "/usr/local/bin:/usr/bin:/bin"},
    }
    return CronJob(**{**values, **more})  # type: ignore[arg-type]


def run(number: int, job_id: int = 1, **more: object) -> CronRun:
    """The run with this id; the larger, the newer: one a day, number 100 today."""
    due = DUE - (100 - number) * DAY
    values: dict[str, object] = {
        "id": number,
        "job_id": job_id,
        "due_at": due,
        "started_at": due + timedelta(seconds=1),
        "ended_at": due + timedelta(seconds=401 + number),
        "duration_sec": 400.0 + number,
        "exit_code": 0,
        "pid": 3000 + number,
        "state": "ok",
    }
    return CronRun(**{**values, **more})  # type: ignore[arg-type]


def missed_run(number: int, job_id: int = 1, reason: str = "cron was not running") -> CronRun:
    due = DUE - (100 - number) * DAY
    return CronRun(id=number, job_id=job_id, due_at=due, state="missed", reason=reason)


def source(path: str = "/etc/cron.d/etl", **more: object) -> CronSource:
    values: dict[str, object] = {
        "kind": "cron_d",
        "path": path,
        "jobs": 3,
        "changed_at": NOW - 40 * DAY,
        "last_checked": NOW - timedelta(seconds=20),
    }
    return CronSource(**{**values, **more})  # type: ignore[arg-type]


def daemon(**more: object) -> CronSource:
    return source("cron", **{"kind": "daemon", "jobs": 0, "changed_at": None, **more})


def run_log(**more: object) -> CronSource:
    return source(RUN_LOG, **{"kind": "run_log", "jobs": 0, "changed_at": None, **more})


def runs_of(runs: Sequence[CronRun]) -> Callable[[web.Request], list[CronRun]]:
    """Answers as a node does that holds these runs."""

    def answer(request: web.Request) -> list[CronRun]:
        wanted = request.query
        rows = sorted(runs, key=lambda one: one.id, reverse=True)
        if "job_id" in wanted:
            rows = [one for one in rows if one.job_id == int(wanted["job_id"])]
        if "state" in wanted:
            rows = [one for one in rows if one.state == wanted["state"]]
        return rows[: int(wanted.get("limit", 100))]

    return answer


def scheduled(fake: FakeNode) -> FakeNode:
    """Two jobs that run as they should."""
    hourly = job(
        2,
        "run-parts --report /etc/cron.hourly",
        name="/etc/cron.hourly",
        schedule="17 * * * *",
        description="at 17 minutes past every hour",
        user="root",
        source="/etc/crontab",
        line_no=17,
        next_run=NOW.replace(minute=17, second=0),
        last_exit_code=None,
        last_duration_sec=None,
        last_run_at=NOW.replace(hour=5, minute=17, second=1),
        due_at=NOW.replace(hour=5, minute=17, second=0),
        scripts=["/etc/cron.hourly/rotate"],
    )
    return _says(fake, [job(1), hourly], [run(number) for number in range(90, 101)], [source(), daemon(), run_log()])


def schedules_in_trouble(fake: FakeNode) -> FakeNode:
    """Jobs that were missed, failed, are not taken, overlap, never run; files that cron or the node cannot read."""
    never: dict[str, object] = {"next_run": None, "next_runs": [], "last_run_at": None, "last_exit_code": None}
    never |= {"last_duration_sec": None, "due_at": None}
    legacy = {"source": "/etc/cron.d/legacy", "state": "invalid", "enabled": False, **never}
    jobs = [
        job(2, "/opt/etl/bin/hourly_sync", schedule="*/10 * * * *", description="every 10 minutes",
            next_run=NOW + timedelta(minutes=9, seconds=30), last_run_at=NOW - timedelta(seconds=25),
            last_exit_code=None, last_duration_sec=None, state="overlapping", line_no=9, running_pids=[4242, 4260],
            state_reason="an earlier run still goes on", overlapped=6),
        job(3, "/opt/etl/bin/적재 --지점 서울", schedule="0 4 * * *", description="at 04:00 every day",
            next_run=NOW.replace(hour=4, minute=0, second=0) + DAY, last_run_at=NOW.replace(hour=4, minute=0, second=1),
            last_exit_code=3, last_duration_sec=2.0, state="failed", state_reason="it ended with exit status 3",
            failed=4, line_no=8),
        job(1, state="missed", state_reason="cron was not running", last_run_at=DUE - DAY, missed=1,
            timezone="Asia/Seoul"),
        job(4, "/opt/etl/bin/leap", schedule="0 0 31 2 *", warning="31 February never comes", line_no=10, **never),
        job(5, "/opt/old/a", error_message="bad minute in line 2: cron ignores the whole file", line_no=1, **legacy),
        job(6, "/opt/old/b", error_message="bad minute in line 2: cron ignores the whole file", line_no=2, **legacy),
        job(7, "/opt/etl/bin/feed", schedule="@reboot", description="when the host starts", line_no=11,
            **{**never, "last_run_at": NOW - 9 * DAY, "last_exit_code": 0, "last_duration_sec": 0.2}),
        job(8, "/opt/etl/bin/compact /data", schedule="0 6 * * *", description="at 06:00 every day",
            last_run_at=NOW.replace(minute=0, second=1), state="running", running_pids=[5001], last_exit_code=None,
            last_duration_sec=None, next_run=NOW.replace(minute=0, second=0) + DAY, line_no=12),
        job(11, "test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily", name="/etc/cron.daily", user="root",
            schedule="25 6 * * *", description="at 06:25 every day", source="/etc/crontab", line_no=18,
            next_run=NOW.replace(minute=25, second=0), last_run_at=NOW.replace(minute=25, second=1) - DAY, due_at=None,
            warning="it does nothing here, because /usr/sbin/anacron is executable"),
        job(12, "/opt/etl/bin/monthly", schedule="0 1 1 * *", description="at 01:00 on day 1 of the month", line_no=13,
            state="unknown", state_reason="its line is in the crontab since 2026-11-20, and it was not due since",
            **{**never, "next_run": NOW.replace(month=12, day=1, hour=1, minute=0, second=0)}),
        job(9, "logrotate.service", name="logrotate.timer", kind="timer", schedule="OnCalendar=daily", user="root",
            source="/lib/systemd/system/logrotate.timer", line_no=None, description="every day",
            next_run=NOW.replace(hour=0, minute=0, second=0) + DAY, environment={}),
        job(10, "fstrim.service", name="fstrim.timer", kind="timer", schedule="OnCalendar=weekly", user="root",
            source="/lib/systemd/system/fstrim.timer", line_no=None, enabled=False, **never),
    ]  # fmt: skip
    return _says(fake, jobs, _runs_in_trouble(), _sources_in_trouble())


def _runs_in_trouble() -> list[CronRun]:
    at_four, at_six = NOW.replace(hour=4, minute=0, second=0), NOW.replace(minute=0, second=0)
    open_ended: dict[str, object] = {"ended_at": None, "duration_sec": None, "exit_code": None}
    return [
        *(run(number, duration_sec=300.0 + number * 3) for number in range(60, 100) if number not in (80, 90)),
        run(80, state="failed", exit_code=137, reason="it was ended by signal SIGKILL"),
        missed_run(100),
        run(90, 77, **{**open_ended, "state": "ended", "reason": "it ended between two looks"}),
        run(119, 3, state="failed", exit_code=3, reason="it ended with exit status 3", due_at=at_four,
            started_at=at_four + timedelta(seconds=1), ended_at=at_four + timedelta(seconds=3), duration_sec=2.0),
        run(120, 8, due_at=at_six, started_at=at_six + timedelta(seconds=1), pid=5001,
            **{**open_ended, "state": "running"}),
        run(121, 2, due_at=at_six, started_at=NOW - timedelta(seconds=25), pid=4260, overlapped=True,
            **{**open_ended, "state": "running"}),
    ]  # fmt: skip


def _sources_in_trouble() -> list[CronSource]:
    return [
        source("/etc/crontab", kind="system", jobs=0),
        source(jobs=8),
        source("/etc/cron.d/etl.bak", state="skipped", jobs=0, reason="cron passes over names with a dot"),
        source("/etc/cron.d/legacy", state="invalid", jobs=2, reason="bad minute in line 2: cron ignores all of it"),
        source("/var/spool/cron/crontabs", kind="user", state="denied", jobs=0, changed_at=None,
               reason="no permission to read it"),
        source("/etc/anacrontab", kind="anacron", state="missing", jobs=0, changed_at=None),
        source("systemd", kind="timers", jobs=2, changed_at=None),
        daemon(),
        run_log(reason='exit codes are not logged: set EXTRA_OPTS="-L 15" in /etc/default/cron'),
    ]  # fmt: skip


def _says(fake: FakeNode, jobs: Sequence[CronJob], runs: Sequence[CronRun], sources: Sequence[CronSource]) -> FakeNode:
    fake.answers[CRON.path] = jobs
    fake.answers[CRON_RUNS.path] = runs_of(runs)
    fake.answers[CRON_SOURCES.path] = sources
    fake.answers[CRON_REFRESH.path] = jobs
    return fake
