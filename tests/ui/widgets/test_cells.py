import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ui.widgets.stage import HOSTILE
from ui.widgets.cells import Run, cut, fit, fit_runs, plain, runs_of, width_of, wrap

TEXT = st.text(max_size=60) | st.sampled_from(HOSTILE)
WIDTH = st.integers(0, 40)


@given(TEXT)
def test_plain_text_holds_nothing_that_drives_a_terminal(text: str) -> None:
    shown = plain(text)
    categories = {unicodedata.category(character) for character in shown}
    assert not categories & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\u200b\u200d\u202e\u2066\ufeff\ufe0f\u001b\u009b") & set(shown)


@given(TEXT, WIDTH, st.booleans())
@example("한글", 3, False)
@example("한", 1, True)
@example("a\u0301b", 1, False)
def test_text_is_fitted_to_the_very_cell(text: str, width: int, right: bool) -> None:
    assert width_of(fit(plain(text), width, right=right)) == width


@given(TEXT, WIDTH)
def test_a_cut_is_a_beginning_and_never_too_wide(text: str, width: int) -> None:
    shown = plain(text)
    assert shown.startswith(cut(shown, width))
    assert width_of(cut(shown, width)) <= width


@given(st.lists(st.tuples(TEXT.map(plain), st.sampled_from(["ok", "warn", None])), max_size=6), WIDTH, st.booleans())
def test_runs_are_fitted_to_the_very_cell(runs: list[Run], width: int, right: bool) -> None:
    assert sum(width_of(text) for text, _ in fit_runs(runs, width, right=right)) == width


def test_what_is_cut_says_so() -> None:
    assert fit("prod-etl-01", 6) == "prod-…"
    assert fit("서울지점", 6) == "서울… "
    assert fit("123456", 3, ellipsis="~") == "12~"
    assert fit_runs([("███", "warn"), (" 93%", None)], 5) == [("███", "warn"), (" …", None)]
    assert fit_runs([("███", "warn"), (" 93%", None)], 3) == [("██…", "warn")]


def test_a_tuple_is_one_run_and_a_list_is_several() -> None:
    assert runs_of("a[/x]") == [("a[/x]", None)]
    assert runs_of(("a", "warn")) == [("a", "warn")]
    assert runs_of([("a", "warn"), "b"]) == [("a", "warn"), ("b", None)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("🇰🇷", "🇰🇷"),
        ("🇰🇷🇰", "🇰🇷·"),
        ("👍🏽", "👍"),
        ("☁\ufe0f", "☁"),
        ("👩\u200d👧", "👩·👧"),
        ("e" + "\u0301" * 50, "e\u0301\u0301"),
        ("한글", "한글"),
    ],
)
def test_characters_of_unsteady_width_become_steady_ones(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(TEXT, st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_nothing_but_blanks(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(width_of(line) <= width for line in lines)
    kept = "".join("".join(lines).split())
    assert kept == "".join("".join(map(plain, text.split("\n"))).split())
