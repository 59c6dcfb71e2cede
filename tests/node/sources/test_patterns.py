import re
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sources.patterns import LONGEST_PATTERN, PatternError, compile_pattern

LINES = ("", "ERROR", "an error", "a.b", "axb", "WARN|ERR", "x\tERROR y", "7 rows", "é\u3000Ü")


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("ERROR", ("ERROR",)),
        ("ERROR|FATAL|ERROR", ("ERROR", "FATAL")),
        (r"a\.b", ("a.b",)),
        ("한글 로그", ("한글 로그",)),
        (r"\bERROR\b", ()),
        ("(?i)error", ()),
        ("a|", ()),
        ("a\nb", ()),
        (r"ORA-\d+", ()),
    ],
)
def test_a_pattern_of_plain_strings_says_which_they_are(text: str, literals: tuple[str, ...]) -> None:
    pattern = compile_pattern(text)
    assert pattern.literals == literals
    assert pattern.literal == (literals[0] if len(literals) == 1 else None)


@pytest.mark.parametrize(
    "text",
    ["ERROR", "ERROR|WARN", r"\bERROR\b", "(?i)error", "^7", "rows$", r"\d rows", "[A-Z]RROR", "a.b", r"a\.b", r"\|"],
)
def test_what_a_simple_pattern_finds_is_what_the_standard_library_finds(text: str) -> None:
    pattern = compile_pattern(text)
    assert pattern.simple
    assert [pattern.search(line, 1) for line in LINES] == [re.search(text, line) is not None for line in LINES]


@pytest.mark.parametrize("text", ["a.*b", "(ERROR|WARN)", r"\d+ rows", "(?P<level>ERR)", "a{2}", r"é\s?Ü", "[^a-y]+b"])
def test_what_a_pattern_with_repetition_finds_is_what_the_standard_library_finds(text: str) -> None:
    pattern = compile_pattern(text)
    assert not pattern.simple
    assert [pattern.search(line, 1) for line in LINES] == [re.search(text, line) is not None for line in LINES]


def test_the_ends_of_each_line_of_a_record_count_as_ends() -> None:
    record = "Traceback\n  File x\nKeyError: 7"
    for text in ("^KeyError", "^Key.*7$", r"^Traceback$"):
        assert compile_pattern(text).search(record, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("a(b", "missing )"),
        ("[a", "unterminated character set"),
        ("a\\", "bad escape"),
        ("(?:(?:a{1000}){1000}){1000}", "it repeats too much"),
        ("x" * (LONGEST_PATTERN + 1), "1001 characters"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_in_words(text: str, reason: str) -> None:
    with pytest.raises(PatternError, match=re.escape(reason)):
        compile_pattern(text)


def test_a_search_that_explodes_is_stopped() -> None:
    pattern = compile_pattern("^(a|aa|a)*$")
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        pattern.search("a" * 60 + "!", 0.05)
    assert time.monotonic() - began < 5


@given(st.text(st.sampled_from(r"ab[](){}*+?|.^$\-~=!:PdwsZ'#,01 é"), max_size=12), st.sampled_from(LINES))
def test_any_text_is_a_pattern_or_is_refused(text: str, line: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pattern = compile_pattern(text)
        except PatternError:
            return
    if pattern.simple:
        found = any(literal in line for literal in pattern.literals)
        assert pattern.search(line, 1) == (found if pattern.literals else re.search(text, line) is not None)


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=5), st.sampled_from(["^a", "b$", r"\BR", "a.b", r"\sE"]))
def test_a_simple_pattern_that_matches_no_block_matches_none_of_its_lines(lines: list[str], text: str) -> None:
    pattern = compile_pattern(text)
    if not pattern.search("\n".join(lines), 1):
        assert not any(pattern.search(line, 1) for line in lines)


def test_words_alone_do_not_cost_the_memory_of_the_larger_engine() -> None:
    code = (
        "import sys; from node.sources.patterns import compile_pattern as c; c('ERROR|WARN'); c(r'\\bE\\d');"
        "assert 'regex' not in sys.modules; c('a.*b'); assert 'regex' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
