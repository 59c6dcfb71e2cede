"""The points of one number."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.alerts.points import MOST_POINTS, Points, Room

STEPS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1000)), min_size=2, max_size=200)


def walked(steps: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """Times that only grow, each with a number."""
    at, points = 1_800_000_000, []
    for step, value in steps:
        at += step
        points.append((float(at), float(value)))
    return points


def level_at(points: list[tuple[float, float]], at: float) -> float:
    """Straight lines between the points."""
    for (left, low), (right, high) in pairwise(points):
        if left <= at <= right:
            return low + (high - low) * (at - left) / (right - left)
    raise AssertionError("not between the points")


@given(STEPS)
def test_the_change_over_a_window_is_that_of_straight_lines_between_the_points(steps: list[tuple[int, int]]) -> None:
    # A window so long that no point is left out, the points being at least a second apart.
    window = MOST_POINTS - 3.0
    given_points = walked(steps)
    points = Points(window, counter=False)
    for at, value in given_points:
        points.add(at, value)
    start = given_points[-1][0] - window
    if start < given_points[0][0]:
        assert points.change() is None
    else:
        assert points.change() == pytest.approx(given_points[-1][1] - level_at(given_points, start), abs=1e-6)


@given(STEPS)
def test_a_counter_grows_by_what_is_counted_whenever_it_began_anew(steps: list[tuple[int, int]]) -> None:
    given_points = walked(steps)
    window = given_points[-1][0] - given_points[0][0]
    points = Points(window, counter=True)
    grown, before = 0.0, given_points[0][1]
    for at, value in given_points:
        points.add(at, value)
        grown, before = grown + (value - before if value >= before else value), value
    assert points.change() == pytest.approx(grown)


def test_the_points_are_few_however_often_a_number_is_stated() -> None:
    points = Points(3600, counter=True)
    for second in range(20_000):
        points.add(1_800_000_000.0 + second, second)
        assert len(points._times) <= MOST_POINTS
    # The window begins between two points that are kept.
    assert points.change() == pytest.approx(3600)


def test_the_same_statement_twice_is_one_point() -> None:
    points = Points(10, counter=True)
    for _ in range(3):
        points.add(1000, 5)
    points.add(1010, 3)
    assert points.change() == 3


def test_room_is_given_back() -> None:
    room = Room(1)
    assert (room.take(), room.take()) == (True, False)
    room.give_back(1)
    assert room.take()
