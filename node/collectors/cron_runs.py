"""The runs of jobs, put together from what cron's log says bit by bit. Pure: no clock, no process is looked at here.

At the default log level there is a start and nothing more: the run goes on as long as its process is there. Whoever
watches that says `gone`. With more of `-L` the log tells the end and the exit status, joined by the job's process; what
was not seen stays None, and a run whose end was seen without an exit code is `ended`.
"""

import signal
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from etlmon.contract.cron import RunState
from node.collectors.cron_log import SIGNAL_BASE, Entry
from node.collectors.cron_types import FoundJob
from node.store.cron import RECENT_RUNS, StoredRun

LOGS_STARTS, LOGS_ENDS, LOGS_FAILURES = 1, 2, 4
"""Of cron's -L, cron(8)."""

SETTLED = timedelta(seconds=5)
"""A shell is gone a moment before cron, which waits for its output to end, says so."""

_MOST_PIDS = 4096
"""Runs that are known by the pid of their job, most of them over: the log may still say how they ended."""

_SIGNALS = {number.value: number.name for number in signal.Signals}
_SHELL_CODES = {126: "the command could not be executed", 127: "the command was not found"}
_GONE = "it ended between two looks, and cron's log does not tell when"


class JobRuns:
    """The latest runs of one job: all that go on, and a few that are over."""

    def __init__(self) -> None:
        self._going: dict[str, StoredRun] = {}
        self._past: list[StoredRun] = []

    @property
    def all(self) -> list[StoredRun]:
        """Oldest first."""
        return sorted([*self._past, *self._going.values()], key=_when)

    @property
    def open(self) -> list[StoredRun]:
        return sorted(self._going.values(), key=_when)

    @property
    def last(self) -> StoredRun | None:
        """The one that came last, going on or over; a missed one is none."""
        return next((run for run in reversed(self.all) if run.state != "missed"), None)

    @property
    def over(self) -> StoredRun | None:
        """The one that started last of those that ended."""
        return next((run for run in reversed(self._past) if run.state in ("ok", "failed", "ended")), None)

    @property
    def missed(self) -> StoredRun | None:
        return next((run for run in reversed(self._past) if run.state == "missed"), None)

    def has(self, due: datetime) -> int:
        """How many of them belong to this time of the schedule."""
        return sum(run.due_at == due for run in (*self._past, *self._going.values()))

    def knows(self, key: str) -> bool:
        return key in self._going or any(run.key == key for run in self._past)

    def put(self, run: StoredRun) -> None:
        self._going.pop(run.key, None)
        past = [one for one in self._past if one.key != run.key]
        if run.state == "running":
            self._going[run.key] = run
        else:
            past = sorted([*past, run], key=_when)[-RECENT_RUNS:]
        self._past = past


def _when(run: StoredRun) -> datetime:
    return run.at


class RunBook:
    """Every job's runs. What changed since the last `take_changed` is to be stored."""

    def __init__(self, runs: Iterable[StoredRun] = ()) -> None:
        self._jobs: dict[int, JobRuns] = {}
        self._of_pid: dict[int, StoredRun] = {}
        self._gone: dict[str, tuple[datetime, datetime | None]] = {}
        """When the process of a run was seen to be gone, and when it ended; the log may have more to say."""
        self._changed: dict[str, StoredRun] = {}
        for run in runs:
            self.of(run.job_id).put(run)
            if run.state == "running" and run.pid is not None:
                self._of_pid[run.pid] = run

    def of(self, job_id: int) -> JobRuns:
        return self._jobs.setdefault(job_id, JobRuns())

    @property
    def open(self) -> list[StoredRun]:
        """The runs that go on, as far as is known, of all jobs."""
        return [run for job in self._jobs.values() for run in job.open]

    @property
    def leaving(self) -> bool:
        """Whether the process of a run is gone and the log is given a moment to tell more."""
        return bool(self._gone)

    def take_changed(self) -> list[StoredRun]:
        changed, self._changed = list(self._changed.values()), {}
        return changed

    def forget(self, keep: Iterable[int]) -> None:
        """Of jobs that are no longer there nothing is followed any more; what still runs of them is `unknown`."""
        for job_id in self._jobs.keys() - set(keep):
            for run in self.of(job_id).open:
                self._put(run, state="unknown", reason="its job is no longer in the crontab")
            del self._jobs[job_id]

    def start(self, job_id: int, entry: Entry, due: datetime | None) -> StoredRun | None:
        """A run began. None when it is known already."""
        key = f"{job_id}:{int(entry.at.timestamp())}:{entry.job_pid or entry.pid or 0}"
        if self.of(job_id).knows(key):
            return None
        pid = entry.pid if entry.anacron else entry.job_pid
        run = StoredRun(key=key, at=entry.at, job_id=job_id, due_at=due, started_at=entry.at, pid=pid, state="running")
        if entry.job_pid is not None:
            before = self._of_pid.pop(entry.job_pid, None)
            if before is not None and before.state == "running":
                # Its pid was given away: it is long over.
                self._close(before, None, None, reason=_GONE)
            self._of_pid[entry.job_pid] = run
            self._limit()
        return self._put(run)

    def _limit(self) -> None:
        if len(self._of_pid) > _MOST_PIDS:
            over = (pid for pid, run in self._of_pid.items() if run.state != "running")
            self._of_pid.pop(next(over, 0), None)

    def failed(self, entry: Entry) -> None:
        """Cron says that a job's process ended badly; the line of its end may follow."""
        run = self._of_pid.get(entry.job_pid or 0)
        if run is not None and run.exit_code is None and entry.exit_code is not None:
            self._close(run, entry.at, entry.exit_code, reason=_why(entry.exit_code, by_signal=entry.by_signal))

    def end(self, entry: Entry, job_ids: Sequence[int], level: int) -> None:
        """The end of a run of one of these jobs. `level` is cron's -L at that time, as far as is known."""
        run = self._ended_one(entry, job_ids)
        code = entry.exit_code
        if code is None and not entry.anacron and level & LOGS_FAILURES:
            code = 0
        reason = _why(code, by_signal=entry.by_signal)
        if run is not None and (run.state == "running" or run.exit_code is None):
            self._close(run, entry.at, code, reason)
        elif run is None and not level & LOGS_STARTS and len(job_ids) == 1:
            self._end_alone(entry, job_ids[0], code, reason)

    def _ended_one(self, entry: Entry, job_ids: Sequence[int]) -> StoredRun | None:
        if entry.job_pid is not None:
            run = self._of_pid.get(entry.job_pid)
            return run if run is not None and run.job_id in job_ids else None
        going = [run for job_id in job_ids for run in self.of(job_id).open if run.at <= entry.at]
        # The line names cron's process, and the job's own was started right after it.
        after = [run for run in going if entry.pid is not None and run.pid is not None and run.pid >= entry.pid]
        return min(after or going, key=lambda run: (run.pid or 0, run.at) if after else (0, run.at), default=None)

    def _end_alone(self, entry: Entry, job_id: int, code: int | None, reason: str | None) -> None:
        """An end whose start cron does not log."""
        pid = entry.job_pid or entry.pid or 0
        key = f"{job_id}:end:{int(entry.at.timestamp())}:{pid}"
        run = StoredRun(
            key=key,
            at=entry.at,
            job_id=job_id,
            ended_at=entry.at,
            exit_code=code,
            pid=entry.job_pid,
            state=_state(code),
            reason=reason,
        )
        self._put(run)

    def gone(self, run: StoredRun, at: datetime | None, now: datetime) -> None:
        """Its process is not there any more; it ended at this time, or None: some time since it started."""
        self._gone.setdefault(run.key, (now, at))

    def is_leaving(self, run: StoredRun) -> bool:
        return run.key in self._gone

    def lives(self, run: StoredRun, at: datetime) -> None:
        """Its process is there at this time: what started meanwhile overlaps it."""
        self._overlap(run, at)

    def settle(self, now: datetime, level: int) -> None:
        """Close the runs whose process is gone, when the log had time to say how it ended."""
        waits = SETTLED if level & (LOGS_ENDS | LOGS_FAILURES) else timedelta(0)
        for run in self.open:
            seen_at, at = self._gone.get(run.key, (None, None))
            if seen_at is not None and now - seen_at >= waits:
                # Where cron logs failures alone, none is a success.
                success = level & (LOGS_ENDS | LOGS_FAILURES) == LOGS_FAILURES
                self._close(run, at, 0 if success else None, reason=None if at is not None or success else _GONE)

    def missed(self, job_id: int, due: datetime, number: int, reason: str) -> StoredRun:
        """A time at which it should have started; `number` tells several starts of one time apart."""
        key = f"{job_id}:due:{int(due.timestamp())}:{number}"
        return self._put(StoredRun(key=key, at=due, job_id=job_id, due_at=due, state="missed", reason=reason))

    def told(self, job: FoundJob, started_at: datetime) -> None:
        """A run of a timer's unit as systemd tells of it: no log is needed for those."""
        failed = job.last_result not in (None, "success") or bool(job.last_exit_code)
        is_known = job.last_result is not None or job.last_exit_code is not None
        over: RunState = "failed" if failed else "ok" if is_known else "ended"
        took = None if job.running_pids else job.last_duration_sec
        run = StoredRun(
            key=f"{job.job_id}:{int(started_at.timestamp())}:0",
            at=started_at,
            job_id=job.job_id,
            started_at=started_at,
            ended_at=started_at + timedelta(seconds=took) if took is not None else None,
            duration_sec=took,
            exit_code=None if job.running_pids else job.last_exit_code,
            state="running" if job.running_pids else over,
            reason=f"systemd says: {job.last_result}" if failed and not job.running_pids else None,
        )
        if run not in self.of(job.job_id).all:
            for before in self.of(job.job_id).open:
                if before.key != run.key:
                    self._close(before, None, None, reason=_GONE)
            self._put(run)

    def unseen(self, run: StoredRun, reason: str) -> None:
        """Whether it goes on cannot be told."""
        self._put(run, state="unknown", reason=reason)

    def change(self, run: StoredRun) -> None:
        """Something else is to be said of a run that is known."""
        self._put(run)

    def _close(self, run: StoredRun, at: datetime | None, code: int | None, reason: str | None = None) -> None:
        at = run.ended_at or at
        started = run.started_at
        duration = max(0.0, (at - started).total_seconds()) if at is not None and started is not None else None
        self._gone.pop(run.key, None)
        closed = self._put(run, ended_at=at, duration_sec=duration, exit_code=code, state=_state(code), reason=reason)
        if at is not None:
            self._overlap(closed, at)

    def _overlap(self, run: StoredRun, at: datetime) -> None:
        for other in self.of(run.job_id).all:
            if other.started_at is None or run.started_at is None or other.overlapped or other.key == run.key:
                continue
            if run.started_at < other.started_at < at:
                self._put(other, overlapped=True)

    def _put(self, run: StoredRun, **changes: object) -> StoredRun:
        run = msgspec.structs.replace(run, **changes)
        self.of(run.job_id).put(run)
        self._changed[run.key] = run
        if run.pid is not None and (same := self._of_pid.get(run.pid)) is not None and same.key == run.key:
            self._of_pid[run.pid] = run
        return run


def _state(code: int | None) -> RunState:
    return "ended" if code is None else "failed" if code else "ok"


def _why(code: int | None, *, by_signal: bool = False) -> str | None:
    """What the exit code of a job that failed says; shells add 128 to the number of a signal."""
    if not code:
        return None
    name = _SIGNALS.get(code - SIGNAL_BASE)
    if by_signal:
        return f"it was ended by signal {name or code - SIGNAL_BASE}"
    meaning = _SHELL_CODES.get(code) or (f"a signal ended its command, {name}" if name else None)
    return f"it ended with exit status {code}" + (f": {meaning}" if meaning else "")
