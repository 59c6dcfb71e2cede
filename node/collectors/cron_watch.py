"""All jobs and their runs: it takes what was found and what cron's log says, and tells how each job stands. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from node.collectors.cron_due import SLACK, Jobs
from node.collectors.cron_evidence import Evidence, unlogged
from node.collectors.cron_log import Entry
from node.collectors.cron_runs import RunBook
from node.collectors.cron_state import Watched, row
from node.collectors.cron_types import FoundJob
from node.store.cron import RECENT_RUNS, StoredJob, StoredRun

LONGEST_BACK = timedelta(days=2)
"""What was due before is not looked for, when the node was away for longer."""

_TROUBLES = 100
"""Complaints of cron that are kept, the latest."""

TOLD_ONE_BY_ONE = 20
"""Missed runs of a job in a row that are stored each by itself; those that follow are counted in the last of them."""


class Watch:
    """What is known of the jobs of a host. `judged`: until then every due time was judged before the node stopped."""

    def __init__(
        self,
        known_since: Mapping[int, datetime] | None = None,
        runs: Iterable[StoredRun] = (),
        *,
        judged: datetime | None = None,
    ) -> None:
        self.runs = RunBook(runs)
        self._known_since = dict(known_since or {})
        self._judged = judged
        self._troubles: deque[Entry] = deque(maxlen=_TROUBLES)
        self._jobs = Jobs(())
        self._found: Sequence[FoundJob] | None = None
        self._watched: dict[int, Watched] = {}

    @property
    def jobs(self) -> Sequence[Watched]:
        return list(self._watched.values())

    def found(self, jobs: Sequence[FoundJob], now: datetime) -> None:
        """These are the jobs there are now. One that was not there before is known since now."""
        if jobs == self._found:
            return
        self._found = jobs
        watched: dict[int, Watched] = {}
        for job in jobs:
            before = self._watched.get(job.job_id)
            if before is None:
                before = self._watched_anew(job, now)
            elif before.job != job:
                before.keeps(job)
            watched[job.job_id] = before
            if job.kind == "timer" and job.last_run_at is not None:
                self.runs.told(job, job.last_run_at)
        self._watched = watched
        self._known_since = {}
        self._jobs = Jobs(jobs)
        self.runs.forget(watched)

    def _watched_anew(self, job: FoundJob, now: datetime) -> Watched:
        known_since = self._known_since.get(job.job_id)
        if known_since is None:
            return Watched(job, now, now)
        started = sorted(run.due_at for run in self.runs.of(job.job_id).all if run.due_at is not None)
        # Of the runs before these it is not known here to which time they belong.
        known = started[-RECENT_RUNS:][:1] if len(started) >= RECENT_RUNS else []
        since = max([*known, *filter(None, [self._judged]), now - LONGEST_BACK])
        return Watched(job, known_since, since, started)

    def is_strange(self, entry: Entry) -> bool:
        """Whether it speaks of a job that is not known."""
        return not self._jobs.of(entry)

    def take(self, entries: Iterable[Entry], evidence: Evidence) -> None:
        """Take what the log says, in its order. What is said of a job that is not known is passed over."""
        for entry in entries:
            if entry.kind == "failed":
                self.runs.failed(entry)
            elif entry.kind == "trouble":
                self._troubles.append(entry)
            jobs = self._jobs.of(entry) if entry.kind in ("start", "end") else ()
            if entry.kind == "start" and jobs:
                self._start(entry, jobs)
            elif jobs:
                self.runs.end(entry, [job.job_id for job in jobs], evidence.level_at(entry.at))

    def _start(self, entry: Entry, jobs: Sequence[FoundJob]) -> None:
        job, due = self._jobs.started(entry, jobs, self.runs)
        watched = self._watched[job.job_id]
        watched.dues.advance(entry.at + SLACK)
        again = due is not None and self.runs.of(job.job_id).has(due) > 0
        due = watched.dues.started(due, again=again)
        watched.streak = 0
        self.runs.start(job.job_id, entry, due)

    def judge(self, evidence: Evidence, now: datetime, grace: timedelta) -> None:
        """Say of each due time for which no start came in time that it was missed, or that it cannot be told.

        To be called when the log is read to its end.
        """
        for watched in self._timed():
            watched.dues.advance(now)
            for due in watched.dues.overdue(now, grace):
                reason = evidence.untold(due) or unlogged(watched.job)
                if reason is not None:
                    watched.untold = (due, reason)
                else:
                    self._missed(watched, due, evidence.why_missed(due, self._said_after(due, grace)))

    def _said_after(self, due: datetime, grace: timedelta) -> str | None:
        """What cron complained of in the time in which it should have started something."""
        return next((entry.detail for entry in self._troubles if due <= entry.at <= due + grace), None)

    def _missed(self, watched: Watched, due: datetime, reason: str) -> None:
        runs = self.runs.of(watched.job.job_id)
        watched.streak += 1
        last = runs.missed
        if watched.streak > TOLD_ONE_BY_ONE and last is not None:
            more = watched.streak - TOLD_ONE_BY_ONE
            words = f"{reason}; it missed {more:,} more since, the last at {due:%Y-%m-%d %H:%M} UTC"
            self.runs.change(msgspec.structs.replace(last, reason=words))
            return
        self.runs.missed(watched.job.job_id, due, runs.has(due), reason)

    def deadline(self, grace: timedelta) -> datetime | None:
        """When a due time becomes overdue next."""
        return min((at for one in self._timed() if (at := one.dues.overdue_at(grace))), default=None)

    def next_due(self) -> datetime | None:
        """When a job is due next."""
        return min((at for one in self._timed() if (at := one.dues.next)), default=None)

    def _timed(self) -> Iterator[Watched]:
        """The jobs that cron starts at their times."""
        for watched in self._watched.values():
            if watched.job.kind == "cron" and watched.job.error is None and watched.job.enabled:
                yield watched

    def rows(self, evidence: Evidence, *, began: datetime, checked_at: datetime, now: datetime) -> list[StoredJob]:
        """How every job stands."""
        return [
            row(watched, number, self.runs.of(job_id), evidence, began=began, checked_at=checked_at, now=now)
            for number, (job_id, watched) in enumerate(self._watched.items())
        ]
