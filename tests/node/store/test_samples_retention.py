import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest

from etlmon.contract.host import SeriesInfo
from node.settings import History, Retention
from node.store import samples
from node.store.database import Database
from node.store.retention import Retention as Keeper
from node.store.samples import Point
from node.store.samples_retention import MOST_ROWS, SampleRetention
from tests.node.store.opened import START, after, fetch, opened
from tests.node.store.sampling import keeping, point, put, reckoned, told

HOUR = 3600
TABLES = ("samples_raw", "samples_minute", "samples_hour")


def with_database(path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


async def oldest(database: Database) -> list[float | None]:
    """Of each level, in seconds after START."""
    found = [await database.read(fetch, f"SELECT min(at) FROM {table}") for table in TABLES]  # noqa: S608
    return [None if row[0][0] is None else row[0][0] - START.timestamp() for row in found]


async def finish(step: Callable[[datetime], Awaitable[bool]], now: datetime) -> int:
    steps = 1
    while await step(now):
        steps += 1
        assert steps < 1000, "it never ends"
    return steps


def test_each_level_goes_when_its_time_is_over_and_the_series_when_nothing_is_left(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in range(0, 4 * HOUR, 15):
            await put(database, point(seconds, 1))
        await put(database, point(0, 1, "gone"))
        keeper = SampleRetention(database, keeping(raw=HOUR, minute=2 * HOUR, hour=3 * HOUR))
        await finish(keeper.step, after(4 * HOUR + 100))
        assert await oldest(database) == [3 * HOUR + 90, 2 * HOUR + 60, HOUR]
        assert await database.read(samples.series) == [
            SeriesInfo(metric="load", first_at=after(HOUR), last_at=after(4 * HOUR - 60))
        ]
        await finish(keeper.step, after(9 * HOUR))
        assert await oldest(database) == [None, None, None]
        assert await database.read(samples.series) == []

    with_database(tmp_path, scenario)


def test_much_that_is_old_goes_in_small_writes(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in range(0, 300, 15):
            await put(database, *(point(seconds, 1, path=str(path)) for path in range(1000)))
        keeper = SampleRetention(database, keeping(raw=0, minute=0, hour=0))
        left = 20_000
        steps = 0
        while await keeper.step(after(86400)):
            ((rows,),) = await database.read(fetch, "SELECT count(*) FROM samples_raw")
            assert left - rows <= MOST_ROWS + 1000
            left, steps = rows, steps + 1
        assert steps == 3
        assert await oldest(database) == [None, None, None]

    with_database(tmp_path, scenario)


@pytest.mark.parametrize("wrong", [START.replace(year=1970), START.replace(year=2025)])
def test_a_clock_that_shows_a_time_long_ago_removes_nothing(tmp_path: Path, wrong: datetime) -> None:
    async def scenario(database: Database) -> None:
        await put(database, point(0, 1))
        await finish(SampleRetention(database, History()).step, wrong)
        assert await oldest(database) == [0, 0, 0]

    with_database(tmp_path, scenario)


def test_what_was_recorded_before_a_restart_goes_on_after_it(tmp_path: Path) -> None:
    async def before(database: Database) -> None:
        await put(database, point(0, 1), point(0, 2, path="/a"))

    async def later(database: Database) -> None:
        await put(database, point(30, 5), point(30, 6, path="/a"))
        assert await told(database, 0, 30) == reckoned([(0, 1), (30, 5)], 15)
        assert await told(database, 0, 30, step=60) == reckoned([(0, 1), (30, 5)], 60)
        assert await told(database, 0, 30, labels={"path": "/a"}) == reckoned([(0, 2), (30, 6)], 15)

    with_database(tmp_path, before)
    with_database(tmp_path, later)


SERIES, LIVELY = 300, 20
KEEP = keeping(raw=3 * HOUR, minute=8 * HOUR, hour=30 * 86400)


class Day:
    """A day of 300 numbers: some change every 15 seconds, the others every two minutes, as counts and sizes do."""

    def __init__(self) -> None:
        self.seen: dict[int, list[tuple[float, float]]] = {0: [], 1: [], 299: []}
        self._random = random.Random(7)

    def two_minutes(self, begin: int) -> list[Point]:
        """All points of that time. Once in a while a number is far off for a single look."""
        points = []
        for seconds in range(begin, begin + 120, 15):
            for number in range(LIVELY if seconds % 120 else SERIES):
                off = 1000 if self._random.random() < 0.001 else 1
                level = 50 + 40 * math.sin(seconds / 9000 + number)
                value = off * (level + self._random.random() if number < LIVELY else float(seconds // 900))
                points.append(point(seconds, value, "number", id=str(number)))
                if number in self.seen:
                    self.seen[number].append((seconds, value))
        return points


def test_a_day_of_300_numbers_stays_small_and_loses_no_lowest_and_no_highest(tmp_path: Path) -> None:
    day, sizes = Day(), []

    async def scenario(database: Database) -> None:
        keeper = Keeper(database, Retention(), KEEP)
        for hour in range(24):
            for begin in range(hour * HOUR, (hour + 1) * HOUR, 120):
                await put(database, *day.two_minutes(begin))
            await finish(keeper.step, after((hour + 1) * HOUR))
            sizes.append(database.health().db_bytes / 2**20)
        # Once the raw points and the minutes go as they come, a day more adds its hours alone.
        assert max(sizes) <= 1.1 * sizes[9]
        assert max(sizes) < 8
        assert database.health().wal_bytes < 8 * 2**20
        for number, step, since in ((0, 15, 21.5), (0, 60, 17), (0, 3600, 0), (1, 300, 18), (299, 3600, 0)):
            labels = {"id": str(number)}
            found = await told(
                database, since * HOUR, 86399, step=step, metric="number", labels=labels, now=86400, keep=KEEP
            )
            wanted = reckoned([pair for pair in day.seen[number] if pair[0] >= since * HOUR], step)
            assert [(one.at, one.min, one.max) for one in found or ()] == [(one.at, one.min, one.max) for one in wanted]
            assert [one.avg for one in found or ()] == pytest.approx([one.avg for one in wanted])

    with_database(tmp_path, scenario)
