"""A moment as an operator types it: `2h`, `06:00`, `yesterday`, `2026-11-21`, `2026-11-21T06:00:00Z`. Pure."""

import re
from datetime import datetime, time, timedelta, tzinfo

from etlmon.units import Duration

EXAMPLES = "write for example 2h, 06:00, yesterday, 2026-11-21 or 2026-11-21T06:00"

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def parse_moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment that is meant: aware, in the past where it has no date.

    A duration counts back from now, and a time of day is the last one there was. Without an offset it is a time in
    `zone` (default: this machine's). Raises ValueError with examples when it is none of these.
    """
    wanted = text.strip()
    here = now.astimezone(zone)
    midnight = datetime.combine(here.date(), time.min)
    if wanted in ("today", "yesterday"):
        return _aware(midnight - timedelta(days=wanted == "yesterday"), zone)
    try:
        if _CLOCK.fullmatch(wanted):
            clock = time.fromisoformat(f"0{wanted}" if wanted[1] == ":" else wanted)
            at = _aware(datetime.combine(here.date(), clock), zone)
            return at if at <= now else _aware(at.replace(tzinfo=None) - timedelta(days=1), zone)
        if re.match(r"\d+(\.\d+)?[a-z]", wanted):
            return now - timedelta(seconds=Duration.parse(wanted))
        return _aware(datetime.fromisoformat(wanted), zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time; {EXAMPLES}") from error


def _aware(moment: datetime, zone: tzinfo | None) -> datetime:
    """A time without an offset is one in the zone."""
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
