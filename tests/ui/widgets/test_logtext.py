"""The text of log lines: harmless, of a known width, marked, and cut out of any length."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.widgets.stage import HOSTILE
from ui.widgets.cells import Run, width_of
from ui.widgets.logtext import Highlight, PatternError, drawn, level_tone, marked, smart_case, window, wrapped


def text_of(runs: list[Run]) -> str:
    return "".join(text for text, _ in runs)


TEXTS = st.text(alphabet=st.sampled_from("ab 한글日🔥\t\n\u0301\x1b\u200b"), max_size=60)


@given(text=TEXTS, start=st.integers(0, 80), width=st.integers(1, 40))
def test_a_window_shows_exactly_those_cells_of_the_whole_line(text: str, start: int, width: int) -> None:
    whole = text_of(list(drawn([(text, None)])))
    cells = [character for character in whole for _ in range(width_of(character))]
    shown = text_of(window([(text, None)], start, width))
    assert width_of(shown) <= width
    assert width_of(shown) >= min(width, len(cells) - start) - 1
    there = [character for character in shown for _ in range(width_of(character))]
    for cell, character in enumerate(there):
        assert character in (cells[start + cell], " ")


@given(text=TEXTS, width=st.integers(2, 40))
def test_wrapping_loses_and_adds_nothing_and_no_part_is_too_wide(text: str, width: int) -> None:
    parts = wrapped([(text, None)], width)
    assert "".join(map(text_of, parts)) == text_of(list(drawn([(text, None)])))
    assert all(width_of(text_of(part)) <= width for part in parts)
    assert all(width_of(text_of(part)) >= width - 1 for part in parts[:-1])


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_host_writes_drives_the_terminal(text: str) -> None:
    shown = text_of(window([(text, None)], 0, 200))
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert not set(shown) & set("\u202e\u200b\u200d\u2067\ufeff\ud800")


def test_tabs_reach_to_the_next_stop_and_line_feeds_are_a_symbol() -> None:
    assert text_of(list(drawn([("a\tb", None)]))) == "a       b"
    assert text_of(list(drawn([("한\tb", None)]))) == "한      b"
    assert text_of(list(drawn([("one\n\ttwo", None)]))) == "one⏎    two"


def test_a_line_of_64_kib_costs_no_more_than_the_part_that_is_shown() -> None:
    long, short = "가나다 " * 20_000, "가나다 " * 40

    def cost(text: str) -> float:
        started = time.thread_time()
        for _ in range(50):
            window(marked(text, None, []), 0, 100)
        return time.thread_time() - started

    cost(short)
    assert min(cost(long) for _ in range(3)) < 20 * cost(short) + 0.05


def test_without_a_capital_letter_capitals_do_not_count() -> None:
    assert smart_case("error") == "(?i)error"
    assert smart_case("Error") == "Error"
    assert smart_case(r"\S+\D") == r"(?i)\S+\D"
    assert Highlight("error").spans("an ERROR") == [(3, 8)]
    assert Highlight("Error").spans("an ERROR") == []


def test_what_is_no_regular_expression_is_refused_with_the_reason() -> None:
    with pytest.raises(PatternError, match=r"not a regular expression: missing \) at position"):
        Highlight("(unclosed")


def test_a_pattern_that_would_search_for_ever_is_given_up() -> None:
    started = time.thread_time()
    assert Highlight("(a+)+$").spans("a" * 40 + "b") == []
    assert time.thread_time() - started < 1.0


def test_an_empty_match_marks_nothing() -> None:
    assert Highlight("x*").spans("aaxb") == [(2, 3)]
    assert marked("aaxb", "dim", [(2, 3)]) == [("aa", "dim"), ("x", "hit"), ("b", "dim")]
    assert marked("", None, []) == []


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("2026-11-21 05:46:11 ERROR [w] x", "error"),
        ("FATAL: no", "error"),
        ("WARNING: low", "warn"),
        ("05:46 DEBUG x", "dim"),
        ("05:46 INFO an ERRORS list", None),
        ("plain", None),
        ("x" * 300 + " ERROR", None),
    ],
)
def test_a_line_has_the_colour_of_the_level_at_its_beginning(text: str, tone: str | None) -> None:
    assert level_tone(text) == tone
