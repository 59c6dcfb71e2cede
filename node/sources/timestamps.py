"""The time that stands in a line of a log.

A format is `iso` (2026-11-21T06:00:00.123+01:00, with a blank or a comma also, with or without a zone), `syslog`
(Nov 21 06:00:00, RFC 3164), `epoch` (seconds since 1970, or milli-, micro- or nanoseconds by the number of digits), or
one of strptime(3) such as `%d/%b/%Y:%H:%M:%S %z`. Names of months and days are English ones.

What a format leaves out (the year, the date) is taken so that the time is nearest to when the line was read. A time
without a zone is in that of this host; one that was there twice, as clocks were set back, is the nearer one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

ReadTime = Callable[[str, datetime], datetime | None]
"""Given a line and when it was read, the time that stands in it, in UTC; None when there is none. It never raises."""

LONGEST_FORMAT = 200

_SEARCHED = 256
"""A time stands near the beginning of its line."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_DIRECTIVES: Mapping[str, str] = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short_year>\d{2})",
    "m": r"(?P<month>1[0-2]|0?[1-9]| [1-9])",
    "b": rf"(?P<month_name>{'|'.join(_MONTHS)})",
    "B": rf"(?P<month_name>{'|'.join(_MONTHS)})[a-z]*",
    "d": r"(?P<day>3[01]|[12]\d|0?[1-9]| [1-9])",
    "e": r"(?P<day>3[01]|[12]\d|0?[1-9]| [1-9])",
    "j": r"(?P<day_of_year>\d{3})",
    "H": r"(?P<hour>2[0-3]|[01]\d|\d| \d)",
    "I": r"(?P<half_hour>1[0-2]|0?[1-9]| [1-9])",
    "M": r"(?P<minute>[0-5]\d)",
    "S": r"(?P<second>[0-5]\d|60)",
    "f": r"(?P<fraction>\d{1,9})",
    "p": r"(?P<half>[ap]\.?m\.?)",
    "z": r"(?P<zone>Z|[+-]\d{2}:?\d{2})",
    "Z": r"(?P<zone_name>[A-Za-z]{1,5})",
    "a": rf"(?:{_DAYS})",
    "A": rf"(?:{_DAYS})[a-z]*",
    "s": r"(?P<epoch>\d{10})",
    "%": "%",
}
_SHORTHANDS = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_HOURS = ("hour", "half_hour", "epoch")

_NAMED: Mapping[str, str] = {
    "iso": r"(?<!\d)(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T _](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?\s?(?P<zone>Z|[+-]\d\d:?\d\d)?",
    "syslog": rf"(?P<month_name>{'|'.join(_MONTHS)}) (?P<day>[ \d]\d) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)",
    "epoch": r"(?<![\d.])(?P<epoch>\d{10})(?:(?P<fraction>\d{3}|\d{6}|\d{9})|\.(?P<decimals>\d{1,9}))?(?!\d)",
}


def check_format(text: str) -> str | None:
    """What is wrong with a format, in words; None when nothing is."""
    if text in _NAMED:
        return None
    if len(text) > LONGEST_FORMAT:
        return f"it has {len(text)} characters; {LONGEST_FORMAT} are allowed"
    if "%" not in text:
        return f"write {', '.join(_NAMED)}, or one of strptime such as %Y-%m-%d %H:%M:%S"
    unknown = [match[0] for match in _DIRECTIVE.finditer(_long(text)) if match[1] not in _DIRECTIVES]
    if unknown:
        return f"{unknown[0]} is not known; there are {' '.join(f'%{name}' for name in (*_DIRECTIVES, *_SHORTHANDS))}"
    fields = [field for match in _DIRECTIVE.finditer(_long(text)) for field in _fields(match[1])]
    twice = next((field for field in fields if fields.count(field) > 1), None)
    if twice:
        return f"it has the {twice.replace('_', ' ')} twice"
    if not any(field in fields for field in _HOURS):
        return "it has no hour: add %H"
    return None


def reader(text: str) -> ReadTime:
    """Reads times of this format. Raises ValueError when `check_format` has something to say."""
    if reason := check_format(text):
        raise ValueError(reason)
    pattern = re.compile(_NAMED.get(text) or "".join(_pattern(text)), re.IGNORECASE | re.ASCII)

    def read(line: str, near: datetime) -> datetime | None:
        found = pattern.search(line, 0, _SEARCHED)
        if found is None:
            return None
        try:
            return _time(found.groupdict(), near)
        except (ValueError, OverflowError):  # the 30th of February; the year 0
            return None

    return read


def _long(text: str) -> str:
    return _DIRECTIVE.sub(lambda match: _SHORTHANDS.get(match[1], match[0]), text)


def _fields(directive: str) -> list[str]:
    return re.findall(r"\?P<(\w+)>", _DIRECTIVES[directive])


def _pattern(text: str) -> Iterator[str]:
    """A blank of the format stands for one or more."""
    end = 0
    long = _long(text)
    for match in _DIRECTIVE.finditer(long):
        yield re.sub(r"(?:\\ )+", r"\\s+", re.escape(long[end : match.start()]))
        yield _DIRECTIVES[match[1]]
        end = match.end()
    yield re.sub(r"(?:\\ )+", r"\\s+", re.escape(long[end:]))


def _time(found: Mapping[str, str | None], near: datetime) -> datetime:
    """Raises ValueError and OverflowError for what is in no calendar."""
    if epoch := found.get("epoch"):
        fraction = found.get("fraction") or found.get("decimals")
        return datetime.fromtimestamp(int(epoch), UTC) + timedelta(microseconds=_microseconds(fraction))
    clock = timedelta(
        hours=_hour(found),
        minutes=int(found.get("minute") or 0),
        seconds=int(found.get("second") or 0),
        microseconds=_microseconds(found.get("fraction")),
    )
    zone = _zone(found)
    here = near.astimezone(zone)
    candidates = [_at(date + clock, zone, near) for date in _dates(found, here)]
    if not candidates:
        raise ValueError("no such day")
    return min(candidates, key=lambda moment: abs(moment - near))


def _at(naive: datetime, zone: timezone | None, near: datetime) -> datetime:
    if zone is not None:
        return naive.replace(tzinfo=zone).astimezone(UTC)
    first, second = naive.astimezone(UTC), naive.replace(fold=1).astimezone(UTC)
    return first if abs(first - near) <= abs(second - near) else second


def _dates(found: Mapping[str, str | None], here: datetime) -> Iterator[datetime]:
    """The midnights that are meant, or may be when the format leaves out the year or the date."""
    month_name, month, day = found.get("month_name"), found.get("month"), found.get("day")
    year_text, short_year, of_year = found.get("year"), found.get("short_year"), found.get("day_of_year")
    if not (day or of_year):
        today = datetime(here.year, here.month, here.day)  # noqa: DTZ001 - the zone comes with the clock
        yield from (today + timedelta(days=days) for days in (-1, 0, 1))
        return
    if year_text or short_year:
        years = [int(year_text) if year_text else _full_year(int(short_year or 0))]
    else:
        years = [here.year - 1, here.year, here.year + 1]
    number = _MONTHS[month_name.lower()] if month_name else int(month or here.month)
    for year in years:
        try:
            if of_year:
                yield datetime(year, 1, 1) + timedelta(days=int(of_year) - 1)  # noqa: DTZ001
            else:
                yield datetime(year, number, int(day or 1))  # noqa: DTZ001
        except ValueError:
            continue  # the 29th of February of another year


def _hour(found: Mapping[str, str | None]) -> int:
    if hour := found.get("hour"):
        return int(hour)
    half = (found.get("half") or "am").lower()
    return int(found.get("half_hour") or 0) % 12 + (12 if half.startswith("p") else 0)


def _full_year(short: int) -> int:
    """As POSIX has it for %y."""
    return short + (2000 if short < 69 else 1900)


def _microseconds(digits: str | None) -> int:
    return int(digits[:6].ljust(6, "0")) if digits else 0


def _zone(found: Mapping[str, str | None]) -> timezone | None:
    """None is the host's own; so is a name that is not UTC's, because such names are not unique in the world."""
    if offset := found.get("zone"):
        if offset in ("Z", "z"):
            return UTC
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    name = (found.get("zone_name") or "").upper()
    return UTC if name in ("UTC", "GMT", "Z") else None
