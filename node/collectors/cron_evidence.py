"""What can be said of a due time without a start: that it was missed, or why nobody can tell. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from node.collectors.cron_host import Daemon, exit_code_advice
from node.collectors.cron_runs import LOGS_STARTS
from node.collectors.cron_types import FoundJob
from node.sources.tail_types import FileStatus

_ROUNDED = timedelta(seconds=2)
"""The kernel tells when it booted in whole seconds."""

UP = timedelta(minutes=1)
"""A host needs so long from its boot until it starts cron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known when a due time is judged.

    `since` is where the log begins to tell, None when it tells nothing; up to `latest` it tells all. `daemon` is None
    when none runs, unless the processes of others are `hidden`; `daemons` were seen since the node began.
    """

    log: str
    status: FileStatus
    log_reason: str | None
    since: datetime | None
    latest: datetime | None
    daemon: Daemon | None
    daemons: Sequence[Daemon]
    hidden: bool
    booted_at: datetime

    @property
    def level(self) -> int:
        return self.daemon.level if self.daemon is not None else LOGS_STARTS

    def level_at(self, at: datetime) -> int:
        """What the daemon of that time logged, as far as is known: no less than that jobs start."""
        return next((one.level for one in reversed(self.daemons) if one.started_at <= at + _ROUNDED), LOGS_STARTS)

    def silent(self) -> str | None:
        """Why no start would be seen at all, in words; None when it would."""
        if not self.log:
            return "no log of cron was found; set cron.run_log"
        if self.status != "ok":
            return f"cron's log cannot be read: {self.log_reason or self.status}"
        if not self.level & LOGS_STARTS:
            return f"cron does not log that jobs start (-L {self.level})"
        return None

    def untold(self, due: datetime) -> str | None:
        """Why it cannot be told whether a job that was due then was started; None when it can."""
        if silent := self.silent():
            return silent
        if self.since is None or due <= self.since:
            return f"{self.log_words} begins later than it was due" if self.since else "cron's log tells nothing yet"
        if due <= self.booted_at + UP:
            return f"the host was down, or starting, when it was due: it is up since {stamp(self.booted_at)}"
        is_down = self.daemon is None and not self.hidden
        if not is_down and (self.latest is None or self.latest < due):
            return f"nothing has been written to {self.log_words} since it was due: see whether the log's daemon runs"
        return None

    def why_missed(self, due: datetime, said: str | None = None) -> str:
        """Why a start that would have been seen was not, as far as that is known; `said` is what cron complained of."""
        if self.daemon is None and not self.hidden:
            return "cron is not running"
        if self.daemon is not None and self.daemon.started_at > due:
            return f"cron was not running when it was due: it was started at {stamp(self.daemon.started_at)}"
        return f"cron runs and did not start it; it said: {said}" if said else "cron runs and did not start it"

    @property
    def advice(self) -> str | None:
        """How to make cron tell how jobs end; None when it does, or never will."""
        return exit_code_advice(self.daemon) if self.daemon is not None else None

    @property
    def log_words(self) -> str:
        return "the journal" if self.log == "journal" else self.log


def stamp(moment: datetime) -> str:
    """As a person reads it, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def unlogged(job: FoundJob) -> str | None:
    """Why cron does not log the runs of this job; None when it does."""
    if job.kind == "cron" and job.schedule_text.startswith("-"):
        return "its line begins with -, which tells cron not to log it"
    return None
