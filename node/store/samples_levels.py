"""samples: how fine what is kept of a time is, and which of it an answer is made of. Pure arithmetic on given times."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from etlmon.contract.host import HistoryLevel
from node.settings import History
from node.store.series import width_for

AHEAD_SEC = 86400
"""Points of so far ahead are told when they are asked for: a clock that ran ahead left them."""

_NEARLY = 0.01
"""A level holds a time although it lacks this part of what it keeps: that is removed while the caller asks for it."""


@dataclass(frozen=True, slots=True)
class Level:
    """A table of points that are `width` seconds wide, and what SQL finds in one of its rows."""

    name: HistoryLevel
    table: str
    width: int
    lowest: str
    highest: str
    average: str
    points: str

    def begin(self, at: int) -> int:
        """The time at which the point begins that holds this time."""
        return at - at % self.width


RAW = Level("raw", "samples_raw", 15, "value", "value", "value", "1")
MINUTE = Level(
    "minute", "samples_minute", 60, "coalesce(lowest, average)", "coalesce(highest, average)", "average", "points"
)
HOUR = Level(
    "hour", "samples_hour", 3600, "coalesce(lowest, average)", "coalesce(highest, average)", "average", "points"
)
LEVELS = (RAW, MINUTE, HOUR)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A level, and from which to which of its points: nothing, when `last` is before `first`.

    Answers have one point for each `step` seconds, which are a multiple of the level's width.
    """

    level: Level
    step: int
    first: int
    last: int


def kept_sec(keep: History) -> Mapping[HistoryLevel, float]:
    """How long each level is kept, in seconds: a coarser one at least as long as a finer one."""
    minute = max(keep.raw, keep.minute)
    return {"raw": keep.raw, "minute": minute, "hour": max(minute, keep.hour)}


def stretch(keep: History, since: datetime, until: datetime, step: int | None, now: datetime) -> Stretch:
    """What an answer about a time is made of: at most MAX_POINTS steps, and none where nothing is kept of the time.

    A step that is too small, or none, is made as wide as it takes; of the levels that hold the time the coarsest is
    read that has a point for each step. Steps begin at whole multiples of their width since 1970; the first and the
    last are whole.
    """
    first, last = _bounds(keep, since, until, now)
    holding, narrowest = _holding(keep, first, now), max(step or 1, width_for(last - first))
    level = next((level for level in reversed(holding) if narrowest % level.width == 0), holding[0])
    width = math.ceil(narrowest / level.width) * level.width
    end = last - last % width + width if first <= last else first - first % width
    return Stretch(level, width, first - first % width, end - level.width)


def finest(keep: History, since: datetime, until: datetime, now: datetime) -> Stretch:
    """The finest points that there are of a whole time, however many."""
    first, last = _bounds(keep, since, until, now)
    level = _holding(keep, first, now)[0]
    return Stretch(level, level.width, level.begin(first), level.begin(last))


def _bounds(keep: History, since: datetime, until: datetime, now: datetime) -> tuple[int, int]:
    """The seconds from which to which there may be points; none of that time, when the first is after the last."""
    begin = max(since, _ago(now, kept_sec(keep)["hour"]))
    end = min(until, now + timedelta(seconds=AHEAD_SEC))
    return math.floor(begin.timestamp()), math.floor(end.timestamp())


def _holding(keep: History, first: int, now: datetime) -> list[Level]:
    """The levels that hold what was at this time, the finest first."""
    kept = kept_sec(keep)
    age = now.timestamp() - first
    return [level for level in LEVELS if age <= kept[level.name] * (1 + _NEARLY) or level is HOUR]


def _ago(now: datetime, seconds: float) -> datetime:
    """The moment so long ago; the first of all when the calendar does not reach back that far."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
