"""Times in the few cells of a column."""

from datetime import UTC, datetime
from typing import Any

from ui import format as fmt
from ui.glyphs import NOTHING
from ui.views.rows import Row
from ui.widgets.cells import Cell


def clock_text(row: Row[Any], moment: datetime, *, zone: bool = True) -> str:
    """A time as a clock shows it, in few cells: with the date when that is another day, and the zone's name."""
    shown, today = (fmt.in_zone(one, UTC if row.times == "utc" else row.zone) for one in (moment, row.now))
    if shown.date() == today.date():
        text = f"{shown:%H:%M}"
    elif shown.year == today.year:
        text = f"{shown:%m-%d %H:%M}"
    else:
        text = f"{shown:%Y-%m-%d}"
    return f"{text} {shown.tzname()}" if zone else text


def past_cell(row: Row[Any], moment: datetime | None) -> Cell:
    """A time that has passed, without its zone: eleven cells at the most."""
    if moment is None:
        return (NOTHING, "dim")
    if row.times == "relative":
        return fmt.ago((row.now - moment).total_seconds())
    return clock_text(row, moment, zone=False)


def whole_text(row: Row[Any], moment: datetime | None) -> str:
    """A time as seen from now and as the clock has it: an operator compares it with other logs."""
    if moment is None:
        return NOTHING
    stamp = fmt.stamp(moment, "utc" if row.times == "utc" else "local", row.now, row.zone)
    return f"{fmt.ago((row.now - moment).total_seconds())}, {stamp}"
