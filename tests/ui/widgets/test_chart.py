import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.ui.textsnap import screen_lines, screen_styles, screen_text
from tests.ui.widgets.stage import Stage, play
from ui.glyphs import ASCII, UNICODE, Glyphs
from ui.widgets.chart import Chart, Mode, area, line, spread

VALUES = st.lists(st.none() | st.floats(), max_size=80)
TABLES = st.sampled_from([UNICODE, ASCII])


@given(VALUES, st.integers(1, 40), st.integers(1, 10), TABLES, st.sampled_from([area, line]))
def test_a_plot_fills_its_place_whatever_the_values(
    values: list[float | None], width: int, height: int, glyphs: Glyphs, draw: type
) -> None:
    drawn = draw(values, width, height, 0.0, 100.0, glyphs)
    assert [len(row) for row in drawn] == [width] * height


def test_an_area_rises_in_eighths_with_the_newest_at_the_right() -> None:
    assert area([None, 0, 25, 50, 75, 100], 8, 2, 0, 100, UNICODE) == ["      ▄█", "   ▁▄███"]
    assert area([1, 2, 100], 2, 1, 0, 100, UNICODE) == ["▁█"]


def test_what_is_spread_fills_the_width_from_its_first_to_its_last_value() -> None:
    assert spread([1, 3, None, 8], 2) == [2, 8]
    assert spread([None, None, 4, 6], 2) == [None, 5]
    assert spread([1, 2], 6) == [1, 1, 1, 2, 2, 2]
    assert spread([], 6) == []


@given(st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=200), st.integers(1, 400))
def test_a_spread_invents_no_value_and_loses_no_end(values: list[float | None], count: int) -> None:
    found = spread(values, count)
    known = [value for value in values if value is not None]
    assert len(found) == count
    assert all(value is None or min(known) - 1 <= value <= max(known) + 1 for value in found)
    if count >= len(values):
        assert (found[0], found[-1]) == (values[0], values[-1])


def test_a_line_joins_its_values_and_breaks_at_a_gap() -> None:
    assert line([0, 100], 1, 1, 0, 100, UNICODE) == ["⣸"]
    assert line([0, None, 100, 100], 2, 1, 0, 100, UNICODE) == ["⡀⠉"]
    assert line([0, 100, 0], 4, 3, 0, 100, ASCII) == ["  **", "  **", " ***"]


def chart_screen(chart: Chart, values: list[float | None], size: tuple[int, int], glyphs: Glyphs = UNICODE) -> Stage:
    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        chart.show(values)
        await pilot.pause()
        stage.title = screen_text(stage)
        stage.sub_title = repr(screen_styles(stage, 0))

    return play(chart, act=act, size=size, glyphs=glyphs)


def test_the_axis_says_what_its_ends_are() -> None:
    lines = chart_screen(Chart(), [50.0] * 30, (24, 4)).title.splitlines()
    assert lines == ["100%│", "    │", "    │███████████████████", "  0%│███████████████████"]
    lines = chart_screen(
        Chart(0, 4e9, mode="line", unit=lambda value: f"{value / 1e9:.0f} GB/s"), [1.0], (30, 3)
    ).title.splitlines()
    assert [row[:7] for row in lines] == ["4 GB/s│", "      │", "0 GB/s│"]


@pytest.mark.parametrize("mode", ["area", "line"])
def test_a_narrow_chart_has_no_axis_and_an_empty_one_says_so(mode: Mode) -> None:
    assert "│" not in chart_screen(Chart(mode=mode), [50.0] * 30, (19, 4)).title
    assert chart_screen(Chart(mode=mode), [None, math.nan], (40, 4)).title.strip() == "No values yet."


def test_rows_above_a_threshold_have_its_colour() -> None:
    stage = chart_screen(Chart(warn=70, critical=90), [100.0] * 30, (30, 10))
    assert "#f7768e" in stage.sub_title
    stage = chart_screen(Chart(warn=70), [100.0] * 30, (30, 10))
    assert "#e0af68" in stage.sub_title


def test_in_ascii_there_is_nothing_but_ascii() -> None:
    for mode in ("area", "line"):
        assert chart_screen(Chart(mode=mode), [20.0, 90.0, None, 40.0] * 9, (40, 6), ASCII).title.isascii()


def test_a_new_end_of_the_axis_is_drawn() -> None:
    chart = Chart(0, 10, unit="")

    async def act(stage: Stage, pilot: Pilot[None]) -> None:
        chart.show([10.0], high=1000)
        await pilot.pause()
        assert screen_lines(stage)[0].startswith("1000│")

    play(chart, act=act, size=(30, 4))


def test_a_whole_chart_shows_all_of_a_time_however_narrow_it_is() -> None:
    values: list[float | None] = [*[100.0] * 500, *[0.0] * 500]
    stage = chart_screen(Chart(0, 100, whole=True), values, (10, 3))
    assert stage.title.splitlines() == ["█████", "█████", "█████▁▁▁▁▁"]
