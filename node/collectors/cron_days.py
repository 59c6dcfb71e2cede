"""The days on which a schedule runs: the calendar alone, without a time zone."""

import calendar
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, date
from functools import lru_cache

from node.collectors.cron_types import Schedule

_FEBRUARY = 2


def never_runs(schedule: Schedule) -> bool:
    """Whether no time ever fits, for example on 30 February; of @reboot it does not tell."""
    if not schedule.minutes or not schedule.hours:
        return True
    # In 400 years each month begins on each day of the week, a February of 29 days too.
    kinds = ((first, length) for month in schedule.months for first in range(7) for length in _lengths(month))
    return not any(_days_of(schedule, first, length) for first, length in kinds)


def days_from(schedule: Schedule, start: date) -> Iterator[date]:
    """The days it runs on, from `start`, in order; none if it never runs."""
    months = () if never_runs(schedule) else sorted(schedule.months)
    for year in range(start.year, MAXYEAR if months else MINYEAR):
        for month in months:
            if (year, month) < (start.year, start.month):
                continue
            for day in days_in(schedule, year, month):
                if (found := date(year, month, day)) >= start:
                    yield found


def days_before(schedule: Schedule, start: date) -> Iterator[date]:
    """The days it ran on, from `start` backwards; none if it never runs."""
    months = () if never_runs(schedule) else sorted(schedule.months, reverse=True)
    for year in range(start.year, MINYEAR if months else MAXYEAR, -1):
        for month in months:
            if (year, month) > (start.year, start.month):
                continue
            for day in reversed(days_in(schedule, year, month)):
                if (found := date(year, month, day)) <= start:
                    yield found


def days_in(schedule: Schedule, year: int, month: int) -> tuple[int, ...]:
    """The days of one month, in order."""
    first, length = _shape(year, month)
    return _days_of(schedule, first, length)


def _days_of(schedule: Schedule, first: int, length: int) -> tuple[int, ...]:
    both = schedule.dom_star or schedule.dow_star
    return _fitting(schedule.days, schedule.weekdays, both, first, length)


@lru_cache(maxsize=4096)
def _fitting(days: frozenset[int], weekdays: frozenset[int], both: bool, first: int, length: int) -> tuple[int, ...]:
    """The days of a month of that length that begins on the weekday `first`, 0 Sunday."""
    by_day = {day for day in range(1, length + 1) if day in days}
    by_weekday = {day for day in range(1, length + 1) if (first + day - 1) % 7 in weekdays}
    return tuple(sorted(by_day & by_weekday if both else by_day | by_weekday))


@lru_cache(maxsize=4096)
def _shape(year: int, month: int) -> tuple[int, int]:
    monday_first, length = calendar.monthrange(year, month)
    return (monday_first + 1) % 7, length


def _lengths(month: int) -> tuple[int, ...]:
    return (28, 29) if month == _FEBRUARY else (calendar.monthrange(2001, month)[1],)
