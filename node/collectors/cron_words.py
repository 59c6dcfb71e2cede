"""A schedule in plain words: `at 05:30 every day`, `every 5 minutes from 08:00 to 17:55 on Monday to Friday`.

The words say all there is: schedules with the same words run at the same times.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from node.collectors.cron_days import never_runs
from node.collectors.cron_types import Schedule

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
_MONTH_NAMES = (*_MONTHS, "November", "December")
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))

_HOUR_MIN, _DAY_HOURS, _LONGEST_MONTH, _WEEK_DAYS, _YEAR_MONTHS = 60, 24, 31, 7, 12
_FEW = 4
"""So many times are told one by one."""


def describe(schedule: Schedule) -> str:
    """When the daemon starts the job, in words."""
    if schedule.reboot:
        return "when the system starts"
    if never_runs(schedule):
        return "never"
    times, is_often = _times(sorted(schedule.minutes), sorted(schedule.hours))
    days = _days(schedule)
    words = f"{times}{days if is_often or days.startswith(' on') else f' every day{days}'}"
    return f"{words}, up to {span(schedule.spread_sec)} later" if schedule.spread_sec else words


def span(seconds: int) -> str:
    """A length of time, rounded up: `90 minutes`, `3 hours`."""
    name, length = next(unit for unit in _UNITS if seconds >= 2 * unit[1] or unit[1] == 1)
    count = -(-seconds // length)
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _times(minutes: Sequence[int], hours: Sequence[int]) -> tuple[str, bool]:
    """The times of a day, and whether they are so many that it goes without saying that it is every day."""
    if len(minutes) * len(hours) <= _FEW:
        return f"at {_listed([_clock(hour, minute) for hour in hours for minute in minutes])}", False
    if len(minutes) == 1:
        return _hourly(minutes[0], hours)
    first, last = _clock(hours[0], minutes[0]), _clock(hours[-1], minutes[-1])
    step = _round_the_hour(minutes)
    if step is None:
        every = f"at {_ranges(minutes, ':{:02}'.format)}"
        of_each, start = f"{every} of every hour", ""
    else:
        every = "every minute" if step == 1 else f"every {step} minutes"
        is_even = _HOUR_MIN % step == 0
        of_each, start = every if is_even else f"{every} of each hour", f" from :{minutes[0]:02}" if minutes[0] else ""
        every = every if is_even else of_each
    if len(hours) == _DAY_HOURS:
        return of_each + start, True
    if _step(hours) == 1 or len(hours) == 1:
        return f"{every} from {first} to {last}", False
    return f"{every}{start} of the hours {_ranges(hours, str)}", False


def _hourly(minute: int, hours: Sequence[int]) -> tuple[str, bool]:
    """Times that share their minute."""
    step = _step(hours)
    if step is None:
        return f"at {_listed([_clock(hour, minute) for hour in hours])}", False
    every = "every hour" if step == 1 else f"every {step} hours"
    if len(hours) == _DAY_HOURS:
        return (f"{every} at :{minute:02}" if minute else every), True
    if _DAY_HOURS % step == 0 and len(hours) == _DAY_HOURS // step:
        return (f"{every} from {_clock(hours[0], minute)}" if hours[0] or minute else every), True
    return f"{every} from {_clock(hours[0], minute)} to {_clock(hours[-1], minute)}", False


def _days(schedule: Schedule) -> str:
    """On which days of a month and of a week, and in which months; nothing when it is every day of the year."""
    days, weekdays = schedule.days, schedule.weekdays
    any_day, any_weekday = len(days) == _LONGEST_MONTH, len(weekdays) == _WEEK_DAYS
    both = schedule.dom_star or schedule.dow_star
    if (any_day and any_weekday) or (not both and (any_day or any_weekday)):
        return _months(schedule)[1]
    week = _ranges([number for number in range(_WEEK_DAYS) if (number + 1) % _WEEK_DAYS in weekdays], _WEEK.__getitem__)
    of_month, in_month = _months(schedule)
    if any_day or not days:
        return f" on {week}{in_month}"
    dates = f" on {_dates(sorted(days))}"
    if any_weekday or not weekdays:
        return f"{dates}{of_month}"
    return f"{dates}{of_month} if it is {week}" if both else f"{dates} and on {week}{in_month}"


def _dates(days: Sequence[int]) -> str:
    step = _step(days)
    if step is not None and len(days) > _FEW and step > 1 and days[-1] + step > _LONGEST_MONTH:
        return f"every {_ordinal(step)} day from the {_ordinal(days[0])}"
    return f"the {_ranges(days, _ordinal)}"


def _months(schedule: Schedule) -> tuple[str, str]:
    """The months as they stand behind a date, and behind anything else."""
    if len(schedule.months) == _YEAR_MONTHS:
        return " of the month", ""
    months = _ranges(sorted(schedule.months), lambda month: _MONTH_NAMES[month - 1])
    return f" of {months}", f" in {months}"


def _round_the_hour(minutes: Sequence[int]) -> int | None:
    """The step of minutes that go on as they began to the end of the hour."""
    step = minutes[1] - minutes[0]
    goes_on = list(minutes) == list(range(minutes[0], _HOUR_MIN, step)) and minutes[0] < step
    return step if goes_on and (len(minutes) > 2 or not minutes[0]) and _HOUR_MIN / step > 1.5 else None


def _step(numbers: Sequence[int]) -> int | None:
    """The step of three or more numbers at even distances."""
    steps = {after - before for before, after in pairwise(numbers)}
    return steps.pop() if len(steps) == 1 and len(numbers) > 2 else None


def _ranges(numbers: Sequence[int], name: Callable[[int], str]) -> str:
    """A list in which three or more neighbours are a range: `1, 4 to 6 and 9`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    words = []
    for part in parts:
        words += [f"{name(part[0])} to {name(part[-1])}"] if len(part) > 2 else [name(number) for number in part]
    return _listed(words)


def _listed(words: Sequence[str]) -> str:
    *others, last = words or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


def _ordinal(number: int) -> str:
    ending = "th" if number // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
