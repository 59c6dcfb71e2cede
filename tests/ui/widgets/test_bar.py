import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.glyphs import ASCII, UNICODE, Glyphs
from ui.widgets.bar import bar, blocks
from ui.widgets.cells import width_of

PERCENT = st.floats(-10, 110, allow_nan=False)
TABLES = st.sampled_from([UNICODE, ASCII])


@given(PERCENT, st.integers(1, 40), TABLES)
def test_a_bar_fills_its_width(percent: float, width: int, glyphs: Glyphs) -> None:
    assert width_of(bar(percent, width, glyphs)) == width


@given(PERCENT, PERCENT, st.integers(1, 40))
def test_a_fuller_bar_is_never_shorter(one: float, other: float, width: int) -> None:
    def length(percent: float) -> int:
        return sum(UNICODE.eighths.index(character) for character in bar(percent, width) if character != "─")

    low, high = sorted((one, other))
    assert length(low) <= length(high)


@given(st.integers(1, 40))
def test_only_full_looks_full_and_only_empty_looks_empty(width: int) -> None:
    assert bar(100, width) == "█" * width
    assert bar(99.99, width) != "█" * width
    assert bar(0, width) == "─" * width
    assert bar(0.01, width) != "─" * width
    assert bar(None, width) == bar(math.nan, width) == " " * width


def test_a_bar_has_eighths_and_in_ascii_whole_cells() -> None:
    assert bar(93, 10) == "█████████▎"
    assert bar(93, 10, ASCII) == "=========:"
    assert bar(1, 10, ASCII) == ":---------"


def test_history_has_eight_heights_and_a_gap_is_no_zero() -> None:
    assert blocks([0, 12.5, 50, None, 100, 101, math.nan, -5], 10) == "  ▁▂▅ ██ ▁"
    assert blocks([1, 2, 3], 2, high=3) == "▆█"
    assert blocks([0, 50, 100], 3, glyphs=ASCII) == ".=#"


@given(st.lists(st.none() | st.floats(), max_size=50), st.integers(0, 30))
def test_history_fills_its_width_whatever_the_values(values: list[float | None], width: int) -> None:
    assert len(blocks(values, width)) == width


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_a_scale_without_height_is_all_lowest(glyphs: Glyphs) -> None:
    assert blocks([5, 6], 2, low=5, high=5, glyphs=glyphs) == glyphs.levels[1] * 2
