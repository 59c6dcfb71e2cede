"""How large an expression becomes, told before it is compiled."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from node.sources.pattern_size import LARGEST, check_size

MUCH = "(?:a{300}){300}"
PIECES = (
    "a",
    "(",
    "(?:",
    ")",
    "|",
    "[ab]",
    "[]a(]",
    "[[:alpha:](]",
    r"\(",
    r"\p{L}",
    "*",
    "+",
    "{3}",
    "{2,}?",
    "{",
    "(?x)",
)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:\d{1,3}\.){3}\d{1,3}",
        r"^\[?(?P<at>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{3,6})?)\]? +(?P<level>[A-Z]+) +(.*)$",
        r"(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}[, ]*)+",
        r'{"level": "(?:error|fatal)".*"code": \d{3}',
        "a{9000}",
        "(?:a{90}){90}",
        ".{0,60000}",
        "(?:a{0,1000}){0,1000}",
        "(?:a{1,1000}){1,1000}",
        "(?:(?:a{1000})?)*",
        "a{300}" * 30,
        r"\(?:a{300}\){300}",
        "[(?:a{300}){300}]",
        "[](?:a{300}){300}]",
        r"[\](?:a{300}){300}]",
        "[[:alpha:](?:a{300}){300}]",
        "(?#(?:a{300}\\)){300}",
        "(?x)(?:a{300}  # (?:\n  b){20}",
        "(?i:a{90}){90}",
        "x{e<=1}(?:a{9}){9}",
    ],
)
def test_what_people_write_is_small_enough(pattern: str) -> None:
    check_size(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        MUCH,
        "(?:[ab]{1000}){1000}",
        "(?:[ab]{1000,}){1000,2000}",
        "(?:a{300}){300}+",
        "(?:a{300}?){300}?",
        "(a{300}){300}",
        "(?P<x>a{300}){300}",
        "(?<=a{300}){300}",
        "(?i:(?>a{300})){300}",
        "a{1000000}",
        f"b|{MUCH}|c",
        "(" * 30 + "a" + ")+" * 30,
        "[" + "".join(map(chr, range(0x100, 0x400))) + "]{9000}",
        r"\[" + MUCH,
        r"[\[]" + MUCH,
        "[]]" + MUCH,
        "[[:a:b:c:]" + MUCH,
        "(?#(\\))" + MUCH,
        "(?x)(?:a{300}  # )\n  ) {300}",
        "(?x:(?:a{300}  # )\n  ) {3#\n00})",
        "(?V1)(?:(?:[[a)]b)]a{300})){300}",
        "(?:a{300}){e<=0}{300}",
        "(?#a)(?:a{300})(?#b){300}",
        "(?:(?:(?:a{70}){70}){70}",
    ],
)
def test_what_would_take_much_memory_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=f"more than {LARGEST:,} parts"):
        check_size(pattern)


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_around_any_expression_a_large_repetition_is_refused(pieces: list[str]) -> None:
    pattern = f"(?:{''.join(pieces)}x){{{LARGEST}}}"
    try:
        regex.compile(pattern.replace(str(LARGEST), "2"), cache_pattern=False)
    except regex.error:
        return
    with pytest.raises(ValueError, match="it repeats too much"):
        check_size(pattern)
