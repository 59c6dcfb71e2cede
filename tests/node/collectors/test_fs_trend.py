"""Time to full: told when hours of filling say so, and not told otherwise."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.collectors.fs_trend import HORIZON, Trend

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MIB = 1024 * 1024
GIB = 1024 * MIB


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def trend(points: Iterable[tuple[float, int]]) -> Trend:
    made = Trend()
    for minutes, used in points:
        made.add(at(minutes), used)
    return made


def filling(minutes: int, *, mib_per_minute: int, every: int = 5) -> Trend:
    return trend((minute, minute * mib_per_minute * MIB) for minute in range(0, minutes + 1, every))


def test_a_mount_that_fills_steadily_is_full_when_the_line_says_so() -> None:
    assert filling(60, mib_per_minute=10).full_at(600 * MIB, at(60)) == at(120)


def test_ten_minutes_say_nothing_and_fifteen_do() -> None:
    assert filling(10, mib_per_minute=10).full_at(GIB, at(10)) is None
    assert filling(15, mib_per_minute=10).full_at(GIB, at(15)) is not None


@pytest.mark.parametrize("mib_per_minute", [0, -3])
def test_a_mount_that_does_not_fill_is_never_full(mib_per_minute: int) -> None:
    assert filling(120, mib_per_minute=mib_per_minute).full_at(1, at(120)) is None


def test_a_purge_in_the_middle_does_not_hide_that_the_mount_fills() -> None:
    points = [(minute, minute * MIB + (20 * GIB if minute < 30 else 0)) for minute in range(0, 361, 5)]
    full = trend(points).full_at(60 * MIB, at(360))
    assert full is not None
    assert at(410) < full < at(430)


def test_one_burst_is_not_a_pace() -> None:
    points = [(minute, 50 * GIB if minute == 180 else 10 * GIB) for minute in range(0, 361, 5)]
    assert trend(points).full_at(GIB, at(360)) is None


def test_a_date_beyond_the_horizon_is_not_told() -> None:
    slow = filling(360, mib_per_minute=1)
    in_time = int(HORIZON.total_seconds() / 60) * MIB
    assert slow.full_at(in_time, at(360)) == at(360) + HORIZON
    assert slow.full_at(in_time + 2 * MIB, at(360)) is None


def test_what_happened_before_the_window_is_forgotten() -> None:
    points = [(minute, minute * 100 * MIB) for minute in range(0, 361, 5)]
    calm = [(minute, 36_000 * MIB) for minute in range(365, 725, 5)]
    assert trend(points + calm).full_at(GIB, at(720)) is None


def test_points_from_before_the_clock_was_set_back_are_forgotten() -> None:
    made = filling(60, mib_per_minute=10)
    made.add(at(-600), 0)
    assert made.full_at(GIB, at(-600)) is None


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1 << 60)), max_size=200),
    st.integers(0, 1 << 62),
)
def test_no_history_makes_it_fail_or_answer_with_the_past(points: list[tuple[int, int]], avail: int) -> None:
    full = trend(points).full_at(avail, at(3000))
    assert full is None or at(3000) <= full + timedelta(seconds=1) <= at(3000) + HORIZON + timedelta(seconds=1)


@given(st.integers(1, 1000), st.integers(3, 72), st.integers(0, 1 << 50))
def test_a_straight_line_is_found_exactly(kib_per_sec: int, points: int, offset: int) -> None:
    made = trend((5 * n, offset + n * 300 * kib_per_sec * 1024) for n in range(points + 1))
    now = at(5 * points)
    assert made.full_at(kib_per_sec * 1024 * 3600, now) == now + timedelta(hours=1)


@given(st.lists(st.integers(0, 1 << 50), min_size=4, max_size=80).map(lambda used: sorted(used, reverse=True)))
def test_a_mount_that_only_empties_is_never_full(used: list[int]) -> None:
    assert trend((5 * n, value) for n, value in enumerate(used)).full_at(1 << 40, at(5 * len(used))) is None
