"""The histories of any number: which is asked for, and what of it is drawn. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.contract.host import HistoryPoint
from ui.views.sampled import (
    DAY,
    SPANS,
    Series,
    added,
    byte_ceiling,
    chart,
    figures,
    percent_ceiling,
    sample_question,
    sample_values,
)

NOW = datetime(2026, 11, 21, 6, 0, 30, tzinfo=UTC)
HOUR = SPANS[0]
DISK = Series("sda read", "disk_read_bytes_per_second", (("device", "sda, b"),), str, in_bytes=True)


def point(back_sec: float, value: float, spread: float = 0.0) -> HistoryPoint:
    return HistoryPoint(at=NOW - timedelta(seconds=back_sec), min=value - spread, avg=value, max=value + spread)


def test_every_span_is_cut_into_as_many_columns_as_a_screen_is_wide() -> None:
    assert [span.name for span in SPANS] == ["1 h", "6 h", "24 h", "7 d"]
    assert [span.columns for span in SPANS] == [120, 120, 144, 168]
    assert [span.seconds for span in SPANS] == [3600, 21_600, 86_400, 604_800]


def test_the_question_stays_the_same_as_time_goes_on_and_names_all_labels() -> None:
    question = sample_question(DISK, DAY)
    assert question.key == sample_question(DISK, DAY).key
    assert '"last":86400' in question.key
    assert '"step":600' in question.key
    assert "since" not in question.key.replace('"since":null', "")
    assert r"device=\"sda, b\"" in question.key


def test_points_stand_in_the_step_they_begin_in_and_now_is_the_last_one() -> None:
    values = sample_values([point(3600, 9), point(3569, 1), point(600, 4), point(0, 7)], HOUR, NOW)
    assert len(values) == 120
    assert (values[0], values[-1]) == (1, 7)
    assert values[99:104] == [4, 4, 4, None, None], "held for two steps, and then there is a gap"


def test_a_time_without_a_point_has_no_values() -> None:
    assert sample_values([], HOUR, NOW) == []
    assert sample_values([point(7200, 1), point(-3600, 2)], HOUR, NOW) == []


def test_a_number_that_is_stated_every_minute_has_no_gaps_in_the_hour() -> None:
    values = sample_values([point(60 * back, 5) for back in range(60)], HOUR, NOW)
    assert None not in values[2:]


def test_figures_are_of_the_extremes_and_not_of_the_averages() -> None:
    found = figures([point(90, 10, spread=9), point(60, 20, spread=1), point(30, 30, spread=2)])
    assert found is not None
    assert (found.least, found.mean, found.most, found.most_at) == (1, 20, 32, NOW - timedelta(seconds=30))
    assert figures([]) is None


def test_numbers_are_added_where_one_of_them_is_known() -> None:
    assert added([[1, 2, None], [10, None, None]]) == [11, 2, None]
    assert added([[], [1, 2]]) == [1, 2], "nothing is known of the other"
    assert added([[], []]) == []


@pytest.mark.parametrize(
    ("largest", "end"),
    [(0, 1024), (1024, 1024), (1025, 2048), (600 * 2**10, 2**20), (2**20 * 558, 2**30), (2**40 * 3, 2**40 * 5)],
)
def test_the_axis_of_bytes_ends_at_a_round_number_of_them(largest: float, end: float) -> None:
    assert byte_ceiling(largest) == end


@given(st.floats(0, 1e18))
def test_no_value_is_beyond_the_end_of_its_axis(largest: float) -> None:
    assert byte_ceiling(largest) >= largest
    assert percent_ceiling(largest) >= largest
    assert percent_ceiling(largest) >= 100


def test_percent_is_drawn_as_an_area_and_everything_else_as_a_line() -> None:
    percent = chart(Series("CPU", "cpu_usage_percent"), [point(0, 7)], HOUR, NOW, title="CPU")
    assert (percent.mode, percent.high, percent.whole) == ("area", 100.0, True)
    line = chart(DISK, [point(0, 7)], HOUR, NOW, title="read")
    assert (line.mode, line.high) == ("line", 1024)
    cores = Series("load", "cpu_load_average", unit=str, top=16.0)
    assert chart(cores, [point(0, 0.2)], HOUR, NOW, title="load").high == 20
