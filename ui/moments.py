"""A moment as an operator types it: `2h`, `06:00`, `yesterday`, `2026-11-21`, `2026-11-21T06:00:00Z`. Pure.

What has no date is in the past for one question and still to come for another.
"""

import re
from datetime import datetime, time, timedelta, tzinfo

from etlmon.units import Duration

EXAMPLES = "write for example 2h, 06:00, yesterday, 2026-11-21 or 2026-11-21T06:00"

EXAMPLES_AHEAD = "write for example 2h, 06:00, tomorrow or 2026-11-21T06:00"

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def parse_moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment that is meant: aware, in the past where it has no date.

    A duration counts back from now, and a time of day is the last one there was. Without an offset it is a time in
    `zone` (default: this machine's). Raises ValueError with examples when it is none of these.
    """
    wanted = text.strip()
    today = now.astimezone(zone).date()
    if wanted in ("today", "yesterday"):
        return _aware(datetime.combine(today, time.min) - timedelta(days=wanted == "yesterday"), zone)
    try:
        if _CLOCK.fullmatch(wanted):
            at = _aware(datetime.combine(today, _clock(wanted)), zone)
            return at if at <= now else _aware(at.replace(tzinfo=None) - timedelta(days=1), zone)
        if is_duration(wanted):
            return now - timedelta(seconds=Duration.parse(wanted))
        return _aware(datetime.fromisoformat(wanted), zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time; {EXAMPLES}") from error


def parse_ahead(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The same of a time to come: a duration counts from now on, and a time of day is the next one there is.

    One with a date may lie in the past all the same. Raises ValueError with examples when it is none of these.
    """
    wanted = text.strip()
    today = now.astimezone(zone).date()
    try:
        if wanted == "tomorrow":
            return _aware(datetime.combine(today, time.min) + timedelta(days=1), zone)
        if _CLOCK.fullmatch(wanted):
            at = _aware(datetime.combine(today, _clock(wanted)), zone)
            return at if at > now else _aware(at.replace(tzinfo=None) + timedelta(days=1), zone)
        if is_duration(wanted):
            return now + timedelta(seconds=Duration.parse(wanted))
        return _aware(datetime.fromisoformat(wanted), zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time; {EXAMPLES_AHEAD}") from error


def is_duration(text: str) -> bool:
    """Whether it is meant as a length of time: `2h`, `1h30m`."""
    return bool(re.match(r"\d+(\.\d+)?[a-z]", text.strip()))


def _clock(text: str) -> time:
    return time.fromisoformat(f"0{text}" if text[1] == ":" else text)


def _aware(moment: datetime, zone: tzinfo | None) -> datetime:
    """A time without an offset is one in the zone."""
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
