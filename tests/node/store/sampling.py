"""Numbers for the history: points as a node states them, and what they come to when they are reckoned by hand."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime

from etlmon.contract.host import HistoryPoint
from etlmon.units import Duration
from node.settings import History
from node.store import samples
from node.store.database import Database
from node.store.samples import Point
from node.store.samples_levels import stretch
from tests.node.store.opened import START, after

KEEP = History()
DAY = 86400


def point(seconds: float, number: float, metric: str = "load", **labels: str) -> Point:
    return Point(metric, labels, after(seconds), number)


async def put(database: Database, *points: Point) -> list[Point]:
    """Record the points in one look; returns those that were refused."""
    return await database.write(lambda db: samples.record(db, points))


async def told(
    database: Database,
    since: float,
    until: float,
    *,
    step: int | None = None,
    metric: str = "load",
    labels: Mapping[str, str] | None = None,
    now: float | None = None,
    keep: History = KEEP,
) -> list[HistoryPoint] | None:
    """The history as of `now`, that is `until` when nothing else is said. Times are seconds after START."""
    wanted = stretch(keep, after(since), after(until), step, after(until if now is None else now))
    return await database.read(samples.history, metric, labels or {}, wanted)


def reckoned(numbers: Sequence[tuple[float, float]], step: int) -> list[HistoryPoint]:
    """The lowest, the highest and the average of each step, from pairs of seconds after START and a number."""
    begins = sorted({int(START.timestamp() + seconds) // step * step for seconds, _ in numbers})
    found = []
    for begin in begins:
        of_step = [number for seconds, number in numbers if begin <= START.timestamp() + seconds < begin + step]
        at = datetime.fromtimestamp(begin, START.tzinfo)
        found.append(HistoryPoint(at=at, min=min(of_step), max=max(of_step), avg=statistics.fmean(of_step)))
    return found


def keeping(raw: float, minute: float, hour: float) -> History:
    return History(raw=Duration(raw), minute=Duration(minute), hour=Duration(hour))
