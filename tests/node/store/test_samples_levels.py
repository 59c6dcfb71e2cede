from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.settings import History
from node.store.samples_levels import HOUR, LEVELS, RAW, finest, kept_sec, stretch
from node.store.series import MAX_POINTS
from tests.node.store.opened import START, after
from tests.node.store.sampling import DAY, KEEP, keeping

HOURS = 3600.0


@pytest.mark.parametrize(
    ("hours", "step", "level", "width"),
    [
        (1, None, "raw", 15),
        (6, None, "raw", 15),
        (8.3, None, "raw", 15),
        (10, None, "raw", 30),
        (10, 15, "raw", 30),
        (24, None, "minute", 60),
        (6 * 24, None, "minute", 300),
        (7 * 24, None, "minute", 600),
        (7 * 24, 15, "minute", 600),
        (30 * 24, None, "hour", 3600),
        (300 * 24, None, "hour", 3600),
        (1, 60, "minute", 60),
        (1, 90, "raw", 90),
        (1, 50, "raw", 60),
        (24, 1, "minute", 60),
        (24, 3600, "hour", 3600),
        (7 * 24, 3600, "hour", 3600),
        (7 * 24, 5400, "minute", 5400),
        (20 * 24, 5400, "hour", 7200),
        (30 * 24, 86400, "hour", 86400),
    ],
)
def test_a_time_up_to_now_is_made_of(hours: float, step: int | None, level: str, width: int) -> None:
    wanted = stretch(KEEP, after(-hours * HOURS), START, step, START)
    assert (wanted.level.name, wanted.step) == (level, width)


@pytest.mark.parametrize(
    ("days_ago", "level"), [(0.9, "raw"), (1.5, "minute"), (6.9, "minute"), (7.5, "hour"), (29, "hour"), (400, "hour")]
)
def test_an_hour_of_long_ago_is_made_of_what_is_left_of_it(days_ago: float, level: str) -> None:
    since = -days_ago * DAY
    assert stretch(KEEP, after(since), after(since + HOURS), None, START).level.name == level
    assert finest(KEEP, after(since), after(since + HOURS), START).level.name == level


@pytest.mark.parametrize(("days", "level"), [(1, "raw"), (7, "minute"), (30, "hour")])
def test_a_caller_that_is_a_little_late_gets_what_is_kept_all_the_same(days: int, level: str) -> None:
    assert finest(KEEP, START, after(days * DAY), after(days * DAY + 20)).level.name == level


@given(
    since=st.datetimes(timezones=st.just(UTC)),
    until=st.datetimes(timezones=st.just(UTC)),
    step=st.none() | st.integers(1, DAY),
    now=st.datetimes(datetime(1970, 2, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    keep=st.tuples(*[st.sampled_from([0.0, 60.0, HOURS, DAY, 30.0 * DAY, 36_525.0 * DAY])] * 3),
)
def test_whatever_is_asked_for_there_are_at_most_2000_whole_steps_of_what_may_be_kept(
    since: datetime, until: datetime, step: int | None, now: datetime, keep: tuple[float, float, float]
) -> None:
    wanted = stretch(keeping(*keep), since, until, step, now)
    assert wanted.step % wanted.level.width == 0
    assert wanted.step >= (step or 1)
    assert wanted.first % wanted.step == 0
    if since > until:
        assert wanted.last < wanted.first
    if wanted.first <= wanted.last:
        assert (wanted.last + wanted.level.width - wanted.first) % wanted.step == 0
        assert (wanted.last + wanted.level.width - wanted.first) // wanted.step <= MAX_POINTS
        assert wanted.last < min(until.timestamp(), now.timestamp() + DAY) + wanted.step
        assert wanted.first > now.timestamp() - kept_sec(keeping(*keep))["hour"] - wanted.step - 1


def test_a_coarser_level_is_kept_at_least_as_long_as_a_finer_one() -> None:
    assert kept_sec(keeping(raw=5, minute=3, hour=4)) == {"raw": 5, "minute": 5, "hour": 5}
    assert kept_sec(History()) == {"raw": DAY, "minute": 7 * DAY, "hour": 30 * DAY}


@given(at=st.integers(-(10**10), 10**10))
def test_a_time_lies_in_one_point_of_each_level(at: int) -> None:
    for level in LEVELS:
        assert level.begin(at) <= at < level.begin(at) + level.width
    assert HOUR.begin(RAW.begin(at)) == HOUR.begin(at)
