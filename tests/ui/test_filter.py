import contextlib
import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.filter import LONGEST_PATTERN, MOST_SECONDS, Filter, FilterError

MOUNTS = ["/data nfs4", "/Data ext4", "/nfs/in CIFS", "/home xfs 서울"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [0, 1, 2, 3]), ("  ", [0, 1, 2, 3]), ("data", [0, 1]), ("Data", [1]), ("서울", [3]), ("!data", [2, 3]),
        ("! Data", [0, 2, 3]), ("!", [0, 1, 2, 3]),
        ("~dt4", [0, 1]), ("~Dt", [1]), ("!~dt4", [2, 3]), ("~", [0, 1, 2, 3]),
        ("/nfs|cifs", [0, 2]), ("/nfs|CIFS/", [0, 2]), (r"/\d$", [0, 1]), (r"/\Snfs\S", [2]), ("!/4$/", [2, 3]),
        ("/", [0, 1, 2, 3]), ("[x", []), ("(a+)+$", []), (r"/^/data.*\d", [0, 1]),
    ],
)  # fmt: skip
def test_each_kind_of_filter_finds_what_it_says(text: str, places: list[int]) -> None:
    chosen = Filter(text)
    assert chosen.select(MOUNTS) == places
    assert bool(chosen) == bool(text.strip())


@pytest.mark.parametrize(
    "text", ["/[x", "/(a", "/*", r"/\1(a)", r"/(a)\1", "/a{1,2}{3,4}{5,6}(", "/" + "(" * 90 + "a" + ")" * 91]
)
def test_what_is_no_regular_expression_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(FilterError, match=r"no regular expression|references"):
        Filter(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|aa)+$", "(a*)*b", "(a|b|ab)*c", "(.*a){20}", ".*.*.*=", "a?" * 30 + "a" * 30, "(?:a?){30}a{30}",
        r"^(\w+\s?)*$", "(?=(a+))a*b+c*", "x" * (LONGEST_PATTERN + 1), "(?>a*)(?>a*)(?>a*)", "(a*?){9}",
    ],
)  # fmt: skip
def test_an_expression_that_could_search_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(FilterError, match=r"too long|longer than"):
        Filter(f"/{pattern}")


@pytest.mark.parametrize("pattern", ["a*a*b", ".*.*b", "(ab)*(ab)*c", "a{0,200}a*b", "(?:aa|a){15}b", r"\w+\w+!"])
@pytest.mark.parametrize("text", ["a" * 100_000, "ab" * 50_000])
def test_what_is_taken_is_quick_on_the_worst_of_texts(pattern: str, text: str) -> None:
    chosen = Filter(f"/{pattern}")
    started = time.process_time()
    with contextlib.suppress(FilterError):
        chosen.select([text] * 10_000)
    assert time.process_time() - started < MOST_SECONDS + 1


def test_a_pass_over_the_rows_is_given_up_when_its_time_is_over() -> None:
    ticks = count(0, 0.04)
    with pytest.raises(FilterError, match=r"only 3 of 10 rows"):
        Filter("x").select(["x"] * 10, clock=lambda: next(ticks))


@given(st.text(max_size=30), st.text(max_size=60))
def test_whatever_is_typed_is_a_filter_or_is_refused(typed: str, text: str) -> None:
    with contextlib.suppress(FilterError):
        assert Filter(typed).matches(text) in (True, False)


@given(st.text(st.characters(exclude_characters="!~/"), min_size=1), st.text())
def test_a_filter_finds_the_text_it_is(typed: str, around: str) -> None:
    assert Filter(typed).matches(around + typed + around)
    assert Filter("~" + typed).matches(around + typed + around)
    if typed.strip():
        assert not Filter("!" + typed).matches(around + typed + around)
