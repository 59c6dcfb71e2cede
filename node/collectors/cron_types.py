"""What the parts of the cron collector give each other: schedules, tables, and the jobs found in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from etlmon.contract.cron import CronKind, CronSource

UNIT_FOLDERS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
"""Where systemd looks for the units of the system, the first counts most: systemd.unit(5)."""


class CronSyntaxError(ValueError):
    """A line the daemon does not take. The text is what cron says (`bad minute`), then the reason in words."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of a job as the daemon understands its five fields; `reboot` alone has none.

    Debian's cron joins the two day fields by "or" only when neither begins with a star (`dom_star`, `dow_star`), and
    treats a job as wild when its minute or hour field begins with one (`wild`): that decides what a change to or from
    summer time does to it.
    """

    text: str
    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    """0 is Sunday; 7 does not stand here."""
    dom_star: bool = False
    dow_star: bool = False
    wild: bool = False
    reboot: bool = False
    spread_sec: int = 0
    """Cronie picks a moment up to so much later than these times, RANDOM_DELAY and `~`; 0: exactly these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A job's line in a crontab."""

    line_no: int
    schedule_text: str
    command: str
    """As it stands there, `%` and all."""
    user: str | None = None
    """The sixth field of a system's crontab; None where there is none."""
    schedule: Schedule | None = None
    """None for a line that is not taken."""
    error: str | None = None
    warning: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is set above the line, as the daemon reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A crontab. When `error` is set the daemon ignores all of it, and says `error` about line `error_line`."""

    lines: Sequence[Line]
    error: str | None = None
    error_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job that was found, before anything is known of its runs."""

    job_id: int
    kind: CronKind
    source: str
    schedule_text: str
    command: str
    """As it stands there; what leaves the collector is masked."""
    zone: tzinfo
    zone_name: str
    daemon_zone: tzinfo | None = None
    """The daemon's own, where `zone` is one that the crontab sets (CRON_TZ of cronie)."""
    line_no: int | None = None
    user: str = ""
    name: str = ""
    schedule: Schedule | None = None
    enabled: bool = True
    error: str | None = None
    warning: str | None = None
    description: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    scripts: Sequence[str] = ()
    next_runs: Sequence[datetime] | None = None
    """Where something else than a schedule tells them: timers, anacron. None: count them from the schedule."""
    last_run_at: datetime | None = None
    """Where something else than the log tells it: a timer's unit, anacron's stamp."""
    last_exit_code: int | None = None
    last_duration_sec: float | None = None
    running_pids: Sequence[int] = ()
    last_result: str | None = None
    """How its last run ended where systemd says so in a word: `success`, `exit-code`, `oom-kill`..."""
    period_sec: float | None = None
    """Of an anacron job: so often it is to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that one look at the sources gave."""

    jobs: Sequence[FoundJob]
    sources: Sequence[CronSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """The zone in which schedules are meant."""

    zone: tzinfo
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where a host keeps what decides about its jobs, beside the files that the configuration names."""

    debian_cron: str = "/usr/sbin/cron"
    crond: Sequence[str] = ("/usr/sbin/crond", "/usr/bin/crond")
    cron_defaults: str = "/etc/default/cron"
    """Options of Debian's cron: with -l it takes more names in cron.d."""
    anacron: Sequence[str] = ("/usr/sbin/anacron", "/usr/bin/anacron")
    anacron_stamps: str = "/var/spool/anacron"
    run_parts: Sequence[str] = ("/usr/bin/run-parts", "/bin/run-parts")
    systemd: str = "/run/systemd/system"
    """It is there when systemd started this host, sd_booted(3)."""
    units: Sequence[str] = UNIT_FOLDERS
    localtime: str = "/etc/localtime"


THIS_HOST = Host()
