import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlmon.contract.host import HistoryPoint, SeriesInfo
from node.store import samples
from node.store.database import Database
from node.store.samples import MOST_SERIES, SILENT_SEC, Point, Replayed
from node.store.samples_levels import HOUR, MINUTE, Stretch, finest
from tests.node.store.opened import START, after, fetch, opened
from tests.node.store.sampling import DAY, KEEP, point, put, reckoned, told


def with_database(path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(run())


def nearly(points: Sequence[HistoryPoint] | None) -> list[object]:
    return [(one.at, one.min, one.max, pytest.approx(one.avg)) for one in points or ()]


def as_tuples(points: Sequence[HistoryPoint] | None) -> list[object]:
    return [(one.at, one.min, one.max, one.avg) for one in points or ()]


def test_a_number_is_told_as_it_was_recorded(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds, number in ((0, 1.5), (15, -2.0), (30, 1e15)):
            await put(database, point(seconds, number))
        assert await told(database, 0, 30) == reckoned([(0, 1.5), (15, -2.0), (30, 1e15)], 15)

    with_database(tmp_path, scenario)


def test_of_15_seconds_there_is_the_last_point_and_the_minute_has_all_of_them(tmp_path: Path) -> None:
    numbers = [(0, 9.0), (5, 1.0), (14.999, 4.0), (15, 7.0)]

    async def scenario(database: Database) -> None:
        for seconds, number in numbers:
            await put(database, point(seconds, number))
        assert await told(database, 0, 30) == reckoned([numbers[2], numbers[3]], 15)
        assert await told(database, 0, 30, step=60) == reckoned(numbers, 60)

    with_database(tmp_path, scenario)


def test_each_label_set_of_a_name_is_a_series_of_its_own(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, point(0, 1, device="sda"), point(0, 2, device="sdb"), point(0, 3), point(0, 4, "other"))
        assert await told(database, 0, 60, labels={"device": "sdb"}) == reckoned([(0, 2)], 15)
        assert await told(database, 0, 60) == reckoned([(0, 3)], 15)
        assert await told(database, 0, 60, labels={"device": "sdc"}) is None
        assert await told(database, 0, 60, metric="unheard_of") is None
        assert await database.read(samples.series, "load") == [
            SeriesInfo(metric="load", labels=labels, first_at=START, last_at=START)
            for labels in ({"device": "sda"}, {"device": "sdb"}, {})
        ]
        assert len(await database.read(samples.series)) == 4

    with_database(tmp_path, scenario)


def test_a_label_that_is_hostile_or_no_text_is_found_again(tmp_path: Path) -> None:
    values = ['\x1b[31m"\\,{}', "한글 🚚", "", "bad \udcff byte"]

    async def scenario(database: Database) -> None:
        await put(database, *(point(0, number, path=path) for number, path in enumerate(values)))
        for number, path in enumerate(values):
            assert await told(database, 0, 0, labels={"path": path}) == reckoned([(0, number)], 15)
        shown = {info.labels["path"] for info in await database.read(samples.series)}
        assert shown == {*values[:3], r"bad \xff byte"}
        assert await told(database, 0, 0, labels={"path": r"bad \xff byte"}) == reckoned([(0, 3)], 15)

    with_database(tmp_path, scenario)


NUMBERS = st.lists(
    st.tuples(st.integers(0, 4 * 3600), st.integers(-3, 3) | st.floats(-1e6, 1e6, allow_nan=False)),
    min_size=1,
    max_size=40,
    unique_by=lambda pair: pair[0] // 15,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=NUMBERS, step=st.sampled_from([15, 30, 45, 60, 90, 300, 3600, 7200]))
def test_minutes_hours_and_wider_steps_lose_no_lowest_and_no_highest(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[tuple[float, float]], step: int
) -> None:
    async def scenario(database: Database) -> None:
        for seconds, number in numbers:
            await put(database, point(seconds, number))
        found = await told(database, 0, 4 * 3600, step=step)
        assert as_tuples(found) == nearly(reckoned(numbers, step))
        for level in (MINUTE, HOUR):
            coarse = Stretch(level, level.width, level.begin(int(START.timestamp())), int(after(4 * 3600).timestamp()))
            found = await database.read(samples.history, "load", {}, coarse)
            assert as_tuples(found) == nearly(reckoned(numbers, level.width))

    with_database(tmp_path_factory.mktemp("store"), scenario)


def test_a_point_of_several_statements_counts_as_all_of_them(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, Point("load", {}, after(0), 4.0, 1.0, 9.0, statements=3))
        await put(database, point(15, 8.0))
        await put(database, Point("load", {}, after(30), 5.0, 0.5, 6.0, statements=4))
        raw = [(point.min, point.max, point.avg) for point in await told(database, 0, 30) or ()]
        assert raw == [(number, number, number) for number in (4, 8, 5)]
        for step in (60, 3600):
            assert await told(database, 0, 30, step=step) == [HistoryPoint(at=START, min=0.5, max=9, avg=5)]
        wide = Stretch(MINUTE, 7200, int(START.timestamp()), int(START.timestamp()) + 7140)
        assert await database.read(samples.history, "load", {}, wide) == [HistoryPoint(at=START, min=0.5, max=9, avg=5)]

    with_database(tmp_path, scenario)


def test_a_single_statement_after_several_that_had_its_value_on_average_loses_none(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, point(0, 4.0))
        await put(database, Point("load", {}, after(15), 4.0, 1.0, 7.0, statements=2))
        assert await told(database, 0, 30, step=60) == [HistoryPoint(at=START, min=1, max=7, avg=4)]
        await put(database, point(30, 4.0))
        assert await told(database, 0, 30, step=60) == [HistoryPoint(at=START, min=1, max=7, avg=4)]

    with_database(tmp_path, scenario)


def test_a_number_that_stays_the_same_takes_no_room_for_its_lowest_and_highest(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in range(0, 60, 15):
            await put(database, point(seconds, 0.1), point(seconds, seconds, "other"))
        rows = await database.read(fetch, "SELECT lowest, highest, average, points FROM samples_minute ORDER BY series")
        assert rows == [(None, None, 0.1, 4), (0, 45, 22.5, 4)]
        assert await told(database, 0, 0, step=60) == [HistoryPoint(at=START, min=0.1, max=0.1, avg=0.1)]

    with_database(tmp_path, scenario)


def test_a_whole_number_that_is_larger_than_any_of_the_database_is_kept_as_near_as_it_can_be(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        assert await put(database, point(0, 2**80), point(0, True, "flag")) == []
        assert await told(database, 0, 0) == reckoned([(0, 2.0**80)], 15)
        assert await told(database, 0, 0, metric="flag") == reckoned([(0, 1.0)], 15)

    with_database(tmp_path, scenario)


def test_times_without_points_are_left_out(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, point(0, 1))
        await put(database, point(3000, 2))
        assert await told(database, -3600, 3600) == reckoned([(0, 1), (3000, 2)], 15)
        assert await told(database, 100, 200) == []
        assert await told(database, 3000, 0) == []

    with_database(tmp_path, scenario)


def test_a_clock_that_was_set_back_writes_over_the_time_that_it_shows_again(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds, number in ((7200, 1.0), (7215, 2.0), (0, 9.0), (7200, 5.0), (7215, 6.0)):
            await put(database, point(seconds, number))
        assert await told(database, 0, 7300, step=15) == reckoned([(0, 9.0), (7200, 5.0), (7215, 6.0)], 15)
        both = reckoned([(7200, 1.0), (7215, 2.0), (7200, 5.0), (7215, 6.0)], 60)
        assert (await told(database, 7200, 7300, step=60)) == both
        (info,) = await database.read(samples.series)
        assert (info.first_at, info.last_at) == (START, after(7200))

    with_database(tmp_path, scenario)


def test_what_a_clock_that_ran_ahead_left_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, point(7200, 1))
        await put(database, point(0, 2))
        assert await told(database, -60, 60) == reckoned([(0, 2)], 15)
        assert await told(database, -60, 9000, now=60) == reckoned([(0, 2), (7200, 1)], 15)

    with_database(tmp_path, scenario)


def test_beyond_the_most_series_new_ones_are_refused_and_known_ones_go_on(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        many = [point(0, number, path=str(number)) for number in range(MOST_SERIES + 3)]
        assert await put(database, *many) == many[MOST_SERIES:]
        again = [point(15, number, path=str(number)) for number in range(MOST_SERIES + 3)]
        assert await put(database, *again) == again[MOST_SERIES:]
        assert len(await database.read(samples.series)) == MOST_SERIES
        assert len(await told(database, 0, 15, labels={"path": "7"}) or []) == 2
        assert await told(database, 0, 15, labels={"path": str(MOST_SERIES)}) is None

    with_database(tmp_path, scenario)


def test_a_series_that_fell_silent_makes_room_and_none_gets_its_points(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await put(database, *(point(0, number, path=str(number)) for number in range(MOST_SERIES)))
        later = SILENT_SEC + 60
        living = [point(later, 1, path=str(number)) for number in range(2, MOST_SERIES)]
        fresh = [point(later, 7, path=name) for name in ("a", "b", "c")]
        assert await put(database, *living, *fresh) == fresh[2:]
        assert await told(database, 0, later, labels={"path": "0"}) is None
        assert await told(database, 0, later, labels={"path": "a"}) == reckoned([(later, 7)], 15)
        assert len(await told(database, 0, later, labels={"path": "2"}) or []) == 2

    with_database(tmp_path, scenario)


def test_an_answer_about_a_long_time_is_made_of_minutes_and_loses_none(tmp_path: Path) -> None:
    numbers = [(float(seconds), float(seconds % 977)) for seconds in range(0, 12 * 3600, 60)]

    async def scenario(database: Database) -> None:
        async with asyncio.TaskGroup() as group:
            for seconds, number in numbers:
                group.create_task(put(database, point(seconds, number)))
        for step in (None, 1, 15):
            found = await told(database, -12 * 3600, 12 * 3600, step=step)
            assert as_tuples(found) == nearly(reckoned(numbers, 60))

    with_database(tmp_path, scenario)


def test_a_rule_is_tried_on_every_series_of_a_metric_in_the_order_of_time(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for seconds in (0, 15, 60):
            await put(database, point(seconds, seconds, path="/a"), point(seconds, 1, path="/b"), point(0, 5, "other"))
        raw = await database.read(samples.points, "load", finest(KEEP, START, after(60), after(60)))
        assert raw == [
            Replayed({"path": path}, after(seconds), number, number, number)
            for seconds in (0, 15, 60)
            for path, number in (("/a", seconds), ("/b", 1))
        ]
        minutes = await database.read(samples.points, "load", finest(KEEP, START, after(60), after(2 * DAY)))
        assert minutes[0] == Replayed({"path": "/a"}, START, 0, 15, 7.5)
        assert [one.at for one in minutes] == [START, START, after(60), after(60)]

    with_database(tmp_path, scenario)
