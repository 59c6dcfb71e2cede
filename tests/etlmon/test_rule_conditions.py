"""Conditions as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlmon.rule_conditions import OPERATORS, parse_condition


@pytest.mark.parametrize(
    ("text", "holds", "holds_not"),
    [
        ("> 90", 90.1, 90),
        ("< 90", 89.9, 90),
        (">= 90", 90, 89.9),
        ("<= 90", 90, 90.1),
        ("== 0", 0, 0.1),
        ("!= 1", 0, 1),
        (">-5", -4, -5),
        ("  >=   1e3 ", 1000, 999),
        ("> 1_000.5", 1001, 1000),
        ("> .5", 0.6, 0.5),
        ("> 90%", 91, 90),
        ("> 90 %", 91, 90),
        ("< -2.5\t% ", -3, -2.5),
        ("> 10GiB", 10 * 2**30 + 1, 10 * 2**30),
        ("< 5 MB", 4_999_999, 5_000_000),
        ("> 1h30m", 5401, 5400),
        ("> -2h", -7199, -7200),
    ],
)
def test_a_condition_holds_of_what_it_says(text: str, holds: float, holds_not: float) -> None:
    condition = parse_condition(text)
    assert condition.of == "value"
    assert condition.holds(holds)
    assert not condition.holds(holds_not)


@given(st.sampled_from(sorted(OPERATORS)), st.integers(-(10**12), 10**12))
def test_every_operator_takes_every_number(operator: str, threshold: int) -> None:
    condition = parse_condition(f"{operator}{threshold}")
    assert (condition.operator, condition.threshold) == (operator, threshold)


def test_nothing_holds_of_what_is_no_number() -> None:
    assert not any(parse_condition(f"{operator} 1").holds(math.nan) for operator in OPERATORS)


def test_rate_and_delta_look_back() -> None:
    rate, delta = parse_condition("rate( 5m )>10"), parse_condition("delta(1h) < -100")
    assert (rate.of, rate.window_sec, rate.threshold, rate.text) == ("rate", 300, 10, "rate(5m) > 10")
    assert (delta.of, delta.window_sec, delta.threshold, delta.text) == ("delta", 3600, -100, "delta(1h) < -100")


def test_absent_compares_nothing() -> None:
    assert parse_condition(" absent ").of == "absent"


@pytest.mark.parametrize(
    "text",
    [
        "90", "=> 90", "= 90", "> ", ">", "> x", "> 90 and < 100", "> nan", "> inf", "> 1e999", "absent > 1", "ABSENT",
        "rate(5m)", "rate > 10", "rate() > 1", "rate(5) x > 1", "rate(x) > 1", "sum(5m) > 1", "> 5 apples", "> 0x10",
        "", " ", "> --5", "> 1,000", "> 10G", "rate(5m)(5m) > 1",
        "> %", "> 90 % %", "> 90%%", "> 5 % 0", "> 10GiB %",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_condition(text)


@pytest.mark.parametrize("text", ["rate(500ms) > 1", "delta(2d) > 1"])
def test_a_window_is_neither_too_short_nor_too_long(text: str) -> None:
    with pytest.raises(ValueError, match="it may be 1s to 1d"):
        parse_condition(text)


def test_a_hostile_condition_is_refused_quickly() -> None:
    for text in ("rate(" + " " * 100_000, "> " + "1" * 100_000, ">" * 100_000, "> " + "1_" * 50_000):
        with pytest.raises(ValueError):
            parse_condition(text)


def test_worse_is_what_is_further_beyond() -> None:
    assert parse_condition("> 90").is_worse(99, 95)
    assert not parse_condition("> 90").is_worse(91, 95)
    assert parse_condition("<= 5").is_worse(1, 2)
    assert not parse_condition("!= 0").is_worse(2, 1)
