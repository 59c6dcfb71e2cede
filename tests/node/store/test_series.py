import asyncio
import sqlite3
from datetime import datetime, timedelta

import aiosqlite
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store.rows import stamp
from node.store.series import MAX_POINTS, Series
from tests.node.store.opened import START, after


class Point(msgspec.Struct, frozen=True):
    at: datetime
    number: int


THINGS = Series(table="things", key="name", at="seen_at")


async def points(
    times: list[datetime], since: datetime | None = None, until: datetime | None = None, step: int | None = None
) -> list[Point]:
    async with aiosqlite.connect(":memory:") as db:
        db.row_factory = sqlite3.Row
        await db.execute("CREATE TABLE things (name, seen_at, number, PRIMARY KEY (name, seen_at)) WITHOUT ROWID")
        rows = [("x", stamp(time), number) for number, time in enumerate(times)]
        await db.executemany("INSERT INTO things VALUES (?, ?, ?)", [*rows, ("w", stamp(START), 7), ("y", "9999", 8)])
        return await THINGS.points(db, Point, "x", since=since, until=until, step=step)


def last_of_each_step(times: list[datetime], step: int) -> list[datetime]:
    last = {int(time.timestamp()) // step: time for time in sorted(times)}
    return sorted(last.values())


TIMES = st.lists(
    st.integers(0, 20_000_000).map(lambda ms: START + timedelta(milliseconds=ms)), unique=True, max_size=60
)


@settings(max_examples=60, deadline=None)
@given(times=TIMES, since=st.integers(0, 20_000), length=st.integers(0, 20_000), step=st.integers(10, 90_000))
def test_of_each_step_in_the_window_comes_the_last_point_with_its_values(
    times: list[datetime], since: int, length: int, step: int
) -> None:
    found = asyncio.run(points(times, after(since), after(since + length), step))
    within = [time for time in times if after(since) <= time <= after(since + length)]
    assert [point.at for point in found] == last_of_each_step(within, step)
    assert [times[point.number] for point in found] == [point.at for point in found]


def test_without_a_step_all_points_come_when_they_are_few() -> None:
    times = [after(second) for second in range(0, 1000, 7)]
    assert [point.at for point in asyncio.run(points(times))] == times


def test_an_answer_is_bounded_whatever_step_is_asked_for() -> None:
    times = [after(second) for second in range(0, 30 * 86400, 120)]
    for step in (None, 1, 60):
        found = asyncio.run(points(times, step=step))
        assert MAX_POINTS / 2 < len(found) <= MAX_POINTS
        assert found[-1].at == times[-1]
        assert [point.at for point in found] == last_of_each_step(times, 1800)


def test_a_clock_before_1970_does_not_send_it_in_circles() -> None:
    times = [
        datetime.fromisoformat(text)
        for text in ("1969-12-31T23:59:10Z", "1969-12-31T23:59:50Z", "1970-01-01T00:00:10Z")
    ]
    assert len(asyncio.run(asyncio.wait_for(points(times, step=60), 5))) >= 2
