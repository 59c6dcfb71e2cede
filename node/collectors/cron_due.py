"""Which job a line of cron's log speaks of, and which of its due times a start belongs to."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import get_args

from etlmon.contract.cron import CronFlavour
from node.collectors.cron_grammar import shell_command
from node.collectors.cron_log import Entry, spelled
from node.collectors.cron_next import due_between, next_runs, previous_due
from node.collectors.cron_runs import RunBook
from node.collectors.cron_types import FoundJob

CATCHES_UP = timedelta(hours=3)
"""Cron makes up for a clock that was put forward by less, and starts afresh when it was more."""

_FLAVOURS: tuple[CronFlavour, ...] = get_args(CronFlavour)
"""They differ in what they make of two backslashes; which one wrote a log is not known."""

SLACK = timedelta(seconds=1)
"""A stamp may be cut to whole seconds, and the log's clock be read a moment before cron's."""


class Jobs:
    """The jobs that were found, by what the log says of them."""

    def __init__(self, jobs: Iterable[FoundJob]) -> None:
        self.by_id = {job.job_id: job for job in jobs}
        self._commands: dict[str, dict[str, list[FoundJob]]] = {}
        self._anacron: dict[str, list[FoundJob]] = {}
        for job in self.by_id.values():
            if job.kind == "cron" and job.error is None:
                commands = self._commands.setdefault(job.user, {})
                for command in {spelled(shell_command(job.command, flavour)) for flavour in _FLAVOURS}:
                    commands.setdefault(command, []).append(job)
            elif job.kind == "anacron":
                self._anacron.setdefault(job.name, []).append(job)

    def of(self, entry: Entry) -> Sequence[FoundJob]:
        """The jobs whose start or end the entry may be."""
        if entry.anacron:
            return self._anacron.get(entry.command, ())
        commands = self._commands.get(entry.user, {})
        if not entry.cut:
            return commands.get(entry.command, ())
        return [job for command, jobs in commands.items() if command.startswith(entry.command) for job in jobs]

    def started(self, entry: Entry, candidates: Sequence[FoundJob], runs: RunBook) -> tuple[FoundJob, datetime | None]:
        """Which of several jobs with one command it was, and when it was due: the one whose time was last.

        Of several that were due at once, each is started once.
        """
        best: tuple[tuple[bool, timedelta, int], FoundJob, datetime | None] | None = None
        for number, job in enumerate(candidates):
            due = due_of(job, entry.at)
            late = CATCHES_UP if due is None else entry.at - due
            order = (due is not None and runs.of(job.job_id).has(due) > 0, late, number)
            if best is None or order < best[0]:
                best = (order, job, due)
        if best is None:
            raise ValueError("there is no job to choose from")
        return best[1], best[2]


def due_of(job: FoundJob, at: datetime) -> datetime | None:
    """The time of its schedule that a start at this time belongs to; None when it was started out of its time."""
    if job.schedule is None or job.schedule.reboot:
        return None
    due = previous_due(job.schedule, job.zone, at + SLACK, daemon_zone=job.daemon_zone)
    latest = CATCHES_UP + timedelta(seconds=job.schedule.spread_sec)
    return due if due is not None and at - due <= latest else None


class DueTimes:
    """The due times of one job that no start was seen for, since a time on."""

    def __init__(self, job: FoundJob, since: datetime, started: Iterable[datetime] = ()) -> None:
        """`started` are those since then for which a start was seen before the node stopped."""
        self._job = job
        self._until = since
        self._started = list(started)
        self._next: datetime | None = None
        self._knows_next = False
        self.waiting: list[datetime] = []
        """They are past; the same one stands here as often as the daemon should have started it."""

    @property
    def next(self) -> datetime | None:
        """The next one to come, after the last `advance`."""
        if not self._knows_next:
            job, schedule = self._job, self._job.schedule
            coming: list[datetime] = []
            if schedule is not None and not schedule.reboot:
                coming = next_runs(schedule, job.zone, self._until, 1, daemon_zone=job.daemon_zone)
            self._next, self._knows_next = next(iter(coming), None), True
        return self._next

    def advance(self, now: datetime) -> None:
        """Add what came due up to now."""
        job, schedule = self._job, self._job.schedule
        if schedule is None or self.next is None or self.next > now:
            return
        self.waiting += due_between(schedule, job.zone, self._until, now, daemon_zone=job.daemon_zone)
        self._until, self._knows_next = now, False
        for due in [due for due in self._started if due <= now]:
            self._started.remove(due)
            if due in self.waiting:
                self.waiting.remove(due)

    def started(self, due: datetime | None, *, again: bool) -> datetime | None:
        """A start that belongs to this one was seen: the one it is then counted for.

        `again`: it has had its start already, so this one makes up for an earlier one that waits.
        """
        earlier = [waiting for waiting in self.waiting if due is not None and waiting <= due]
        if earlier and (due == earlier[-1] or again):
            due = earlier[-1]
        if due in self.waiting:
            self.waiting.remove(due)
        return due

    def overdue(self, now: datetime, grace: timedelta) -> list[datetime]:
        """Those for which a start would come too late, oldest first; they are not told again."""
        latest = now - self.allowed(grace)
        over = [due for due in self.waiting if due < latest]
        self.waiting = [due for due in self.waiting if due >= latest]
        return over

    def allowed(self, grace: timedelta) -> timedelta:
        """How long after its time it may start."""
        schedule = self._job.schedule
        return grace + timedelta(seconds=schedule.spread_sec if schedule is not None else 0)

    def overdue_at(self, grace: timedelta) -> datetime | None:
        """When one of them will be overdue next."""
        due = self.waiting[0] if self.waiting else self.next
        return due + self.allowed(grace) if due is not None else None
