"""What must stand in a line for an expression to match."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from node.sources.pattern_parts import required_texts

PIECES = ("a", "b", "abc", " ", "한글", ".", "^", "$", r"\d", r"\.", r"\[", "[ab]", "[^a]", r"[\d.]", "[]a]")
REPEATED = ("", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?", "{,2}")


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"sales_\d+7777", ("sales_", "7777")),
        (r"^\d+ ERROR in .*\.csv$", (" ERROR in ", ".csv")),
        (r"a\.csv\b", ("a.csv",)),
        ("colou?r map", ("colo", "r map")),
        ("abc+def", ("abc", "def")),
        ("abcd{2}ef", ("abc",)),
        ("x*", ()),
        ("ab", ()),
        ("error|warning", ()),
        ("(error) in", ()),
        ("(?:abc)?def", ()),
        ("[[:alpha:]]abc", ()),
        (r"\p{L}abc", ()),
        ("abc{e<=1}", ()),
        ("abc{", ()),
        ("(?x)a b c", ()),
        ("", ()),
    ],
)
def test_the_parts_are_found_where_they_can_be_told(pattern: str, texts: tuple[str, ...]) -> None:
    assert required_texts(pattern) == texts


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(REPEATED)), max_size=6), st.text("abc 한글.[5]"))
def test_no_text_matches_without_it(pieces: list[tuple[str, str]], text: str) -> None:
    pattern = "".join(piece + repeated for piece, repeated in pieces)
    try:
        compiled = regex.compile(pattern, regex.MULTILINE)
    except regex.error:
        return
    parts = required_texts(pattern)
    for sample in (text, text.join(parts), "".join(parts) + text):  # the latter are more likely to match
        found = compiled.search(sample)
        assert found is None or all(part in found[0] for part in parts)
