"""Times as operators type them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ui.moments import parse_ahead, parse_moment

SEOUL = timezone(timedelta(hours=9))
NOW = datetime(2026, 11, 21, 6, 0, 30, tzinfo=UTC)
"""15:00:30 in Seoul."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 11, 21, 4, 0, 30, tzinfo=UTC)),
        (" 1h30m ", datetime(2026, 11, 21, 4, 30, 30, tzinfo=UTC)),
        ("0s", NOW),
        ("15:00", datetime(2026, 11, 21, 15, 0, tzinfo=SEOUL)),
        ("9:05", datetime(2026, 11, 21, 9, 5, tzinfo=SEOUL)),
        ("15:00:31", datetime(2026, 11, 20, 15, 0, 31, tzinfo=SEOUL)),
        ("9:05:07", datetime(2026, 11, 21, 9, 5, 7, tzinfo=SEOUL)),
        ("today", datetime(2026, 11, 21, tzinfo=SEOUL)),
        ("yesterday", datetime(2026, 11, 20, tzinfo=SEOUL)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=SEOUL)),
        ("2026-11-20 06:00", datetime(2026, 11, 20, 6, tzinfo=SEOUL)),
        ("2026-11-20T06:00:00Z", datetime(2026, 11, 20, 6, tzinfo=UTC)),
        ("2026-11-20T06:00:00+02:00", datetime(2026, 11, 20, 4, tzinfo=UTC)),
    ],
)
def test_a_time_is_what_an_operator_in_that_zone_means(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW, SEOUL) == moment


@pytest.mark.parametrize("text", ["", "soon", "25:00", "5", "2026", "2x", "2026-13-01", "9999999w", "-2h", "1:2:3:4"])
def test_what_is_no_time_is_answered_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write for example 2h, 06:00"):
        parse_moment(text, NOW, SEOUL)


def test_without_a_zone_a_time_is_this_machine_s() -> None:
    assert parse_moment("2026-11-20 06:00", NOW) == datetime(2026, 11, 20, 6).astimezone()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 11, 21, 8, 0, 30, tzinfo=UTC)),
        ("15:00", datetime(2026, 11, 22, 15, 0, tzinfo=SEOUL)),
        ("15:00:30", datetime(2026, 11, 22, 15, 0, 30, tzinfo=SEOUL)),
        ("15:00:31", datetime(2026, 11, 21, 15, 0, 31, tzinfo=SEOUL)),
        ("9:05", datetime(2026, 11, 22, 9, 5, tzinfo=SEOUL)),
        ("22:00", datetime(2026, 11, 21, 22, 0, tzinfo=SEOUL)),
        ("tomorrow", datetime(2026, 11, 22, tzinfo=SEOUL)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=SEOUL)),
        ("2026-11-22T06:00:00Z", datetime(2026, 11, 22, 6, tzinfo=UTC)),
    ],
)
def test_a_time_to_come_is_the_next_one_that_an_operator_in_that_zone_means(text: str, moment: datetime) -> None:
    assert parse_ahead(text, NOW, SEOUL) == moment


@pytest.mark.parametrize("text", ["", "soon", "25:00", "5", "yesterday", "2x", "9999999w", "-2h"])
def test_what_is_no_time_to_come_is_answered_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write for example 2h, 06:00, tomorrow"):
        parse_ahead(text, NOW, SEOUL)
