"""A time as an operator types it: `05:30`, `2026-11-21 05:30:10`, `-15m`. Pure."""

import re
from datetime import datetime, timedelta, tzinfo

from etlmon.units import Duration

HINT = "05:30   05:30:10   11-21 05:30   2026-11-21T05:30:00Z   -15m"
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_DAY = re.compile(r"(\d\d)-(\d\d)[ T](.+)")


def parse_moment(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """The moment that is meant. A time of day is the last such time before `now`, as is a day without its year; a time
    without a zone is in `zone` (default: this machine's).

    Raises ValueError with what to write instead.
    """
    text = text.strip()
    here = now.astimezone(zone)
    try:
        if text.startswith("-"):
            return now - timedelta(seconds=float(Duration.parse(text[1:].strip())))
        if clock := _CLOCK.fullmatch(text):
            hour, minute, second = (int(part or 0) for part in clock.groups())
            found = here.replace(hour=hour, minute=minute, second=second, microsecond=0)
            return found if found <= here else found - timedelta(days=1)
        if day := _DAY.fullmatch(text):
            found = _in_zone(datetime.fromisoformat(f"{here.year}-{day[1]}-{day[2]}T{day[3]}"), zone)
            return found if found <= here else found.replace(year=found.year - 1)
        return _in_zone(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not a time; write for example {', '.join(HINT.split('   '))}") from error


def _in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
