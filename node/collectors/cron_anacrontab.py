"""The anacrontab as anacron reads it: readtab.c of Debian's anacron 2.3 and of the one in cronie.

A line is `PERIOD DELAY IDENTIFIER COMMAND`, or sets a variable. One that is neither is passed over, the others count.
"""

import calendar
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from etlmon.contract.cron import CronFlavour

_WHOLE_LINE = re.compile(r"((?:[^\\\n]++|\\.|\\\Z)*+)(?:\n|\Z)", re.DOTALL)
_BACKSLASH = re.compile(r"\\(\n)?|\0")
_BLANK = re.compile(r"[ \t]*(#.*)?", re.DOTALL)
_SETTING = re.compile(r"[ \t]*([^ \t=]+)[ \t]*=(.*)", re.DOTALL)
_JOB = re.compile(r"[ \t]*([0-9]+|@[^ \t]+)[ \t]+([0-9]+)[ \t]+([^ \t/]+)[ \t]+([^ \t].*)", re.DOTALL)
_RANGE = re.compile(r"([0-9]+)-([0-9]+)")
_NUMBER = re.compile(r"[0-9]+")
_LARGEST = 2**31 - 1
_NAMED: Mapping[CronFlavour, Mapping[str, str]] = {
    "debian": {"@monthl": "monthly", "@yearly": "yearly"},
    "cronie": {
        "@monthly": "monthly",
        "@yearly": "yearly",
        "@annualy": "yearly",
        "@daily": "daily",
        "@weekly": "weekly",
    },
}
"""How a named period begins; anacron looks at no more of it."""

_DAYS = {"daily": 1, "weekly": 7}
_LONGEST_MONTH, _YEAR = 31, 366
_LOOK_AHEAD_DAYS = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How many days lie between two runs. A named month or year is as long as the last one was."""

    days: int = 0
    named: str = ""

    @property
    def longest_days(self) -> int:
        return {"monthly": _LONGEST_MONTH, "yearly": _YEAR}.get(self.named, self.days)

    def is_due(self, last: date, day: date) -> bool:
        """Whether anacron, started on `day`, runs a job that it ran last on `last`: consider_job() in lock.c."""
        passed = (day - last).days
        if self.named == "monthly":
            before = day.replace(day=1) - timedelta(days=1)
            return passed >= before.day or passed == _days_in_month(day)
        if self.named == "yearly":
            return passed >= _days_in_year(day.year - 1) or passed == _days_in_year(day.year)
        return passed >= self.days or passed < 0  # the clock was wrong once

    def due_day(self, last: date, today: date) -> date | None:
        """The first day, today or later, on which it is due."""
        if not self.named:
            try:
                return max(today, last + timedelta(days=self.days)) if last <= today else today
            except OverflowError:
                return None
        days = (today + timedelta(days=ahead) for ahead in range(_LOOK_AHEAD_DAYS))
        return next((day for day in days if self.is_due(last, day)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnacronLine:
    """A line with a job, or one that anacron passes over (`error`)."""

    line_no: int
    schedule_text: str
    identifier: str = ""
    command: str = ""
    period: Period = Period()
    delay_min: int = 0
    error: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anacrontab:
    lines: Sequence[AnacronLine] = ()
    hours: tuple[int, int] | None = None
    """Cronie's anacron starts jobs from the first to before the second hour only."""
    random_delay_min: int = 0
    """It adds up to so many minutes to each delay."""


def parse_anacrontab(data: bytes, flavour: CronFlavour) -> Anacrontab:
    """Whatever stands in it."""
    lines: list[AnacronLine] = []
    environment: dict[str, str] = {}
    hours: tuple[int, int] | None = None
    random_delay = 0
    for number, text in _joined(data.decode("utf-8", "surrogateescape")):
        if _BLANK.fullmatch(text):
            continue
        if setting := _SETTING.fullmatch(text):
            name, value = setting.groups()
            if fault := _unfit(name, value) if flavour == "cronie" else None:
                lines.append(AnacronLine(line_no=number, schedule_text=text.strip(), error=fault))
                continue
            if flavour == "cronie" and name.startswith("START_HOURS_RANGE"):
                hours = _hours(value)
            if flavour == "cronie" and name.startswith("RANDOM_DELAY"):
                random_delay = int(value)
            environment = {**environment, name: value}
        else:
            lines.append(_line(number, text, environment, flavour))
    return Anacrontab(lines=lines, hours=hours, random_delay_min=random_delay)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers. A backslash joins the next line to its own; any other is lost (read_tab_line())."""
    number = 1
    for found in _WHOLE_LINE.finditer(text):
        yield number, _BACKSLASH.sub(lambda part: " " if part[1] else "", found[1])
        number += 1 + found[1].count("\n")


def _line(number: int, text: str, environment: Mapping[str, str], flavour: CronFlavour) -> AnacronLine:
    found = _JOB.fullmatch(text)
    if found is None:
        fault = "invalid syntax: write PERIOD DELAY IDENTIFIER COMMAND; anacron passes over the line"
        return AnacronLine(line_no=number, schedule_text=text.strip(), error=fault)
    every, delay, identifier, command = found.groups()
    error = None
    period = _period(every, flavour)
    if period is None:
        error = f"unknown period {every}"
    elif (not period.named and int(every) > _LARGEST) or int(delay) > _LARGEST:
        error = "number out of range; anacron passes over the line"
    return AnacronLine(
        line_no=number,
        schedule_text=f"{every} {delay}",
        identifier=identifier,
        command=command,
        period=period or Period(),
        delay_min=int(delay) if error is None else 0,
        error=error,
        environment=environment,
    )


def _period(text: str, flavour: CronFlavour) -> Period | None:
    if not text.startswith("@"):
        return Period(days=int(text[:11]))
    named = next((name for start, name in _NAMED[flavour].items() if text.startswith(start)), None)
    if named is None:
        return None
    return Period(days=_DAYS[named]) if named in _DAYS else Period(named=named)


def _unfit(name: str, value: str) -> str | None:
    if name.startswith("START_HOURS_RANGE") and _hours(value) is None:
        return f"START_HOURS_RANGE={value} is no range of hours like 3-22; anacron passes over the line"
    if name.startswith("RANDOM_DELAY") and (not _NUMBER.fullmatch(value) or int(value[:11]) > _LARGEST):
        return f"RANDOM_DELAY={value} is no number of minutes; anacron passes over the line"
    return None


def _hours(value: str) -> tuple[int, int] | None:
    found = _RANGE.fullmatch(value)
    if found is None:
        return None
    first, last = int(found[1][:5]), int(found[2][:5])
    return (first, last) if first <= last else None


def _days_in_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _days_in_year(year: int) -> int:
    return 366 if calendar.isleap(year) else 365
