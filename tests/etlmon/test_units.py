"""Durations and sizes: what people write is what is read, and what is printed reads back."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlmon.units import Duration, Size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 5m ", 300),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1.5h", 5400),
        ("90", 90),
        ("0", 0),
        (90, 90),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: object, seconds: float) -> None:
    assert Duration.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "5 parsecs", "s", "1h30", "-5s", "1:30", "5S", "1e3", "inf", "nan", "9" * 400, "9" * 400 + "s", "101000w"],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example 15s"):
        Duration.parse(text)


@pytest.mark.parametrize("value", [None, True, [], -1, math.inf, -math.inf, math.nan, 10**400])
def test_what_is_no_number_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(value)


@given(st.integers(min_value=0, max_value=36_525 * 86_400_000))
@settings(deadline=None)
def test_a_duration_that_is_printed_reads_back(milliseconds: int) -> None:
    text = str(Duration(milliseconds / 1000))
    assert Duration.parse(text) == pytest.approx(milliseconds / 1000, rel=1e-12)
    assert str(Duration.parse(text)) == text


@given(st.text())
@settings(deadline=None)
def test_no_text_makes_a_duration_fail_in_another_way(text: str) -> None:
    try:
        read = Duration.parse(text)
    except ValueError:
        return
    assert 0 <= read <= 36_525 * 86_400


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512KiB", 512 * 1024),
        ("1MiB", 1024**2),
        ("2GB", 2_000_000_000),
        ("2 gib", 2 * 1024**3),
        ("1.5K", 1500),
        ("100", 100),
        ("100B", 100),
        ("9007199254740993B", 9007199254740993),
        (4096, 4096),
    ],
)
def test_a_size_is_read_as_people_write_it(text: object, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize("value", ["", "B", "-1", "1XB", "1 000", "9" * 30, "9999999PiB", None, True, -1, 2**63, 1.5])
def test_what_is_no_size_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size; write for example 512KiB"):
        Size.parse(value)


@given(st.integers(min_value=0, max_value=2**63 - 1))
@settings(deadline=None)
def test_a_size_that_is_printed_reads_back(size: int) -> None:
    assert Size.parse(str(Size(size))) == size


@given(st.integers(min_value=0, max_value=8191), st.sampled_from(["KiB", "MiB", "GiB", "TiB", "PiB"]))
@settings(deadline=None)
def test_a_round_size_is_printed_in_its_unit(number: int, unit: str) -> None:
    assert Size.parse(str(Size.parse(f"{number}{unit}"))) == Size.parse(f"{number}{unit}")
    if number % 1024:
        assert str(Size.parse(f"{number}{unit}")) == f"{number}{unit}"


@given(st.text())
@settings(deadline=None)
def test_no_text_makes_a_size_fail_in_another_way(text: str) -> None:
    try:
        read = Size.parse(text)
    except ValueError:
        return
    assert 0 <= read < 2**63
