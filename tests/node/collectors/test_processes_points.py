"""The history of a watch: a point about every quarter of a minute."""

from datetime import UTC, datetime, timedelta

import pytest

from etlmon.contract.processes import ProcessWatch, WatchState
from node.collectors.processes_known import Known
from node.collectors.processes_points import Points, io_since

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MARK = (b"77 (x", b"1", b"2")


def watch(second: float, cpu: float | None, *, state: WatchState = "ok") -> ProcessWatch:
    return ProcessWatch(
        name="w",
        looks_for="match w",
        running=2,
        cpu_percent=cpu,
        mem_rss_bytes=1000,
        state=state,
        collected_at=NOW + timedelta(seconds=second),
    )


def test_a_point_is_all_the_looks_since_the_one_before() -> None:
    points = Points(5.0)
    (first,) = points.add(100.0, [watch(0, None)], {"w": (500, 500)})
    assert (first.watch, first.at, first.running, first.mem_rss_bytes) == ("w", NOW, 2, 1000)
    assert (first.cpu_percent, first.read_bytes_per_sec, first.write_bytes_per_sec) == (None, None, None)
    assert points.add(105.0, [watch(5, 10.0)], {"w": (100, 0)}) == ()
    assert points.add(110.0, [watch(10, 20.0)], {"w": (0, 50)}) == ()
    (second,) = points.add(115.0, [watch(15, 60.0)], {"w": (200, 100)})
    assert (second.cpu_percent, second.read_bytes_per_sec, second.write_bytes_per_sec) == (30.0, 20.0, 10.0)
    assert points.add(120.0, [watch(20, 1.0)], {"w": (0, 0)}) == ()


@pytest.mark.parametrize(("interval_sec", "looks"), [(1.0, 15), (5.0, 3), (10.0, 1), (60.0, 1)])
def test_points_come_about_every_quarter_of_a_minute(interval_sec: float, looks: int) -> None:
    points = Points(interval_sec)
    given = [
        bool(points.add(number * interval_sec, [watch(number * interval_sec, 1.0)], {"w": (0, 0)}))
        for number in range(looks + 1)
    ]
    assert given == [True, *[False] * (looks - 1), True]


def test_a_watch_that_cannot_be_judged_has_a_gap() -> None:
    assert Points(60.0).add(100.0, [watch(0, None, state="error")], {"w": None}) == []


def test_processes_that_do_not_tell_what_they_read_have_no_rate() -> None:
    points = Points(60.0)
    points.add(100.0, [watch(0, 1.0)], {"w": None})
    (point,) = points.add(160.0, [watch(60, 1.0)], {"w": None})
    assert (point.read_bytes_per_sec, point.write_bytes_per_sec) == (None, None)


def known(started_sec: float, io: tuple[int, int] | None, before: tuple[int, int] | None = None) -> Known:
    return Known(77, int(started_sec * 100), b"", MARK, started_sec, io=io, io_before=before)


def test_what_was_read_since_the_look_before_is_added_up() -> None:
    old = known(10, (500, 50), (400, 50))
    young = known(105, (30, 3))
    unknown = known(10, (9999, 9999))
    assert io_since([old, young, unknown], 100.0) == (130, 3)
    assert io_since([known(10, None)], 100.0) is None
    assert io_since([], 100.0) == (0, 0)
