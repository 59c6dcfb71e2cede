import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.schedule import Schedule, backoff_sec

INTERVALS = st.floats(min_value=0.1, max_value=86400)


def schedule(interval: float, seed: int = 7, first: float = 0.0) -> Schedule:
    return Schedule(interval, first, spread=random.Random(seed).uniform)


@given(interval=INTERVALS, seed=st.integers(0, 1000), count=st.integers(1, 300))
def test_a_thousand_runs_later_the_ticks_have_not_drifted(interval: float, seed: int, count: int) -> None:
    ticks = schedule(interval, seed)
    for _ in range(count):
        ticks.finish(ticks.due + interval * 0.3, 0)
    assert abs(ticks.due - count * interval) <= 0.0501 * interval


@given(interval=INTERVALS, seed=st.integers(0, 1000))
def test_two_runs_are_90_to_110_percent_of_an_interval_apart(interval: float, seed: int) -> None:
    ticks = schedule(interval, seed)
    before = ticks.due
    for _ in range(50):
        ticks.finish(ticks.due + interval * 0.01, 0)
        assert 0.899 * interval <= ticks.due - before <= 1.101 * interval
        before = ticks.due


def test_the_jitter_differs_from_run_to_run() -> None:
    ticks, offsets = schedule(10), set()
    for count in range(1, 20):
        ticks.finish(ticks.due, 0)
        offsets.add(round(ticks.due - count * 10, 6))
    assert len(offsets) > 15


@given(interval=INTERVALS, took=st.floats(0, 20))
def test_each_tick_that_comes_during_a_run_is_counted_and_skipped(interval: float, took: float) -> None:
    ticks = Schedule(interval, 0.0, spread=lambda low, high: 0.0)
    end = took * interval
    ticks.finish(end, 0)
    assert ticks.overruns == pytest.approx(int(end / interval), abs=1e-9)
    rounding = interval * 1e-6
    assert end - rounding <= ticks.due <= end + interval + rounding


def test_failures_double_the_wait_up_to_ten_intervals_or_five_minutes() -> None:
    assert [backoff_sec(10, failures) for failures in range(6)] == [10, 20, 40, 80, 100, 100]
    assert [backoff_sec(60, failures) for failures in range(5)] == [60, 120, 240, 300, 300]
    assert backoff_sec(10, 1_000_000) == 100


def test_a_wait_is_never_shorter_than_the_interval() -> None:
    assert backoff_sec(3600, 5) == 3600


def test_waiting_longer_after_a_failure_is_no_overrun() -> None:
    ticks = schedule(10)
    ticks.finish(1.0, 3)
    assert ticks.overruns == 0
    assert ticks.due == pytest.approx(80, abs=0.5)


def test_a_run_out_of_turn_begins_a_new_grid() -> None:
    ticks = schedule(10)
    ticks.restart(3.0)
    assert ticks.due == 3.0
    ticks.finish(4.0, 0)
    assert ticks.due == pytest.approx(13.0, abs=0.5)
    assert ticks.overruns == 0


def test_while_a_run_goes_on_the_next_one_is_foretold_at_the_next_tick() -> None:
    ticks = schedule(10)
    assert ticks.next_due(4.0, running=True) == 10
    assert ticks.next_due(24.0, running=True) == 30
    assert ticks.missed(24.0) == 2
