"""Values as short text. Pure: the time and the zone come in, nothing is read.

None is always `─`: not known is not zero. Numbers carry their unit, so that a column needs no legend.
"""

import math
from datetime import UTC, datetime, tzinfo
from typing import Literal

from ui.glyphs import NOTHING

TimeStyle = Literal["relative", "local", "utc"]

_PREFIXES = "KMGTPEZY"
_DAY = 86400


def size(size_bytes: float | None) -> str:
    """Bytes as `df -h` prints them: powers of 1024, rounded up, one decimal below 10 (coreutils human.c)."""
    if size_bytes is None:
        return NOTHING
    if size_bytes < 0:
        return f"-{size(-size_bytes)}"
    if math.ceil(size_bytes) < 1024:
        return str(math.ceil(size_bytes))
    # Whole numbers all the way: a float would round 2**60 + 1 down.
    whole = math.ceil(size_bytes)
    unit = 1024
    for prefix in _PREFIXES:
        tenths = -(-whole * 10 // unit)
        if tenths < 100:
            return f"{tenths // 10}.{tenths % 10}{prefix}"
        ones = -(-whole // unit)
        if ones < 1024:
            return f"{ones}{prefix}"
        unit *= 1024
    return f"{-(-whole * 1024 // unit):,}{_PREFIXES[-1]}"


def exact_bytes(size_bytes: int | None) -> str:
    """Bytes in full: `3,998,614,003,712 B`."""
    return NOTHING if size_bytes is None else f"{size_bytes:,} B"


def rate(bytes_per_sec: float | None) -> str:
    """Bytes a second: `4.1M/s`."""
    return NOTHING if bytes_per_sec is None else f"{size(bytes_per_sec)}/s"


def percent(value: float | None, digits: int = 0) -> str:
    """A measured percentage, rounded: `42%`, with digits `42.3%`."""
    return NOTHING if value is None else f"{value:.{digits}f}%"


def cpu_percent(value: float | None) -> str:
    """CPU in at most five characters: `72.7`, `1600`; 100 is one core."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"


def used_percent(value: float | None) -> str:
    """How full something is, rounded up as df does: 99.1 is `100%`, and nothing used is `0%`."""
    # The slack is far below one byte of the largest disk; it takes back what dividing has added.
    return NOTHING if value is None else f"{math.ceil(value - 1e-9)}%"


def count(value: int | None) -> str:
    """A whole number with separators: `2,051`."""
    return NOTHING if value is None else f"{value:,}"


def short_count(value: float | None) -> str:
    """A number in at most six characters, powers of 1000, rounded down: `2051`, `16.6k`, `3M`."""
    if value is None:
        return NOTHING
    if value < 0:
        return f"-{short_count(-value)}"
    if value < 10_000:
        return str(int(value))
    for prefix in ("k", "M", "G", "T", "P", "E"):
        value /= 1000
        if value < 100:
            return f"{math.floor(value * 10) / 10:.1f}".removesuffix(".0") + prefix
        if value < 1000:
            return f"{int(value)}{prefix}"
    return ">999E"


def delta(value: int | None) -> str:
    """A change with its sign: `+12`, `-3`, `0`."""
    if value is None:
        return NOTHING
    return f"{value:+,}" if value else "0"


def duration(seconds: float | None) -> str:
    """How long something took or has run: `12 ms`, `41 s`, `02:03:04`, `1d 02:03:04`."""
    if seconds is None:
        return NOTHING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    days, rest = divmod(round(seconds), _DAY)
    clock_text = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days}d {clock_text}" if days else clock_text


def latency(milliseconds: float | None) -> str:
    """How long an answer took: `4 ms`, `1.2 s`."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


def age(seconds: float | None) -> str:
    """How old something is, in its largest unit, rounded down: `1s`, `4m`, `5h`, `3d`."""
    if seconds is None:
        return NOTHING
    number, unit = _largest(seconds)
    return f"{number}{unit}"


def ago(seconds: float | None) -> str:
    """`1 s ago`, `4 min ago`; a time that is still to come is `in 3 h`."""
    if seconds is None:
        return NOTHING
    if seconds <= -1:
        return ahead(-seconds)
    number, unit = _largest(seconds)
    return f"{number} {_WORDS[unit]} ago"


def ahead(seconds: float | None) -> str:
    """`in 3 h`, `now`; a time that has passed is `5 min ago`."""
    if seconds is None:
        return NOTHING
    if seconds <= -1:
        return ago(-seconds)
    if seconds < 1:
        return "now"
    number, unit = _largest(seconds)
    return f"in {number} {_WORDS[unit]}"


def clock(moment: datetime | None, zone: tzinfo | None = None) -> str:
    """The time of day in a zone (default: this machine's): `05:37:12`."""
    return NOTHING if moment is None else f"{in_zone(moment, zone):%H:%M:%S}"


def stamp(moment: datetime | None, style: TimeStyle, now: datetime, zone: tzinfo | None = None) -> str:
    """A moment as the operator wants times shown: `4 min ago`, `2026-11-21 05:37:12 KST`, `2026-11-21 05:37:12 UTC`.

    `moment` and `now` are aware. `zone` is the local one (default: this machine's).
    """
    if moment is None:
        return NOTHING
    if style == "relative":
        return ago((now - moment).total_seconds())
    shown = in_zone(moment, UTC if style == "utc" else zone)
    return f"{shown:%Y-%m-%d %H:%M:%S} {shown.tzname()}"


def in_zone(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """A moment as the clocks of a zone have it (default: this machine's).

    One that no calendar has there, at the end of the year 9999, stays in its own: a node may send anything.
    """
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


_WORDS = {"s": "s", "m": "min", "h": "h", "d": "d"}


def _largest(seconds: float) -> tuple[int, str]:
    whole = max(0, int(seconds))
    for unit, length in (("d", _DAY), ("h", 3600), ("m", 60)):
        if whole >= length:
            return whole // length, unit
    return whole, "s"
