"""Generated crontabs: Debian's `crontab -n` and the product judge each of them the same."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.collectors.cron_grammar import parse_table
from tests.node.collectors.crontab_checker import CrontabChecker, checker

pytestmark = pytest.mark.peer("root", "crontab", "unshare")

# What one line may be: the pieces of a schedule, and things that look like them.
NUMBERS = st.integers(0, 62).map(str) | st.sampled_from(
    ["007", "jan", "MON", "Sun", "dec", "monday", "1a", "", "L", "?", "H", "4294967301", "99999999999999999999"]
)
ITEMS = st.one_of(
    st.just("*"),
    NUMBERS,
    st.integers(1, 7).map(str),
    st.builds("{}-{}".format, NUMBERS, NUMBERS),
    st.builds("*/{}".format, NUMBERS),
    st.builds("{}-{}/{}".format, st.integers(0, 7), st.integers(1, 12), NUMBERS),
    st.builds("{}~{}".format, NUMBERS, NUMBERS),
    st.sampled_from(["1/20", "*5", "**", "1-5-7", "1-9/2/2", "5#2", "15W", "1.5", "5;x", "-5", "+5", "*-5", "%", "é"]),
)
FIELDS = st.lists(ITEMS, min_size=1, max_size=3).map(",".join) | st.sampled_from(
    ["*", "1", "*/5", "1-5", "1,", ",1", "1,,2"]
)
BLANKS = st.sampled_from([" ", "  ", "\t", " \t "])
COMMANDS = st.sampled_from(
    ["c", "", "* c", "*", "echo a%b", "x\r", "=b", "# c", "한글", "x" * 997, "x" * 998, "x" * 999, "é" * 499, "é" * 500]
)
JOBS = st.builds(
    lambda fields, blanks, command: "".join(map("".join, zip(fields, blanks, strict=False))) + command,
    st.lists(FIELDS, min_size=3, max_size=6) | st.lists(st.sampled_from(["*", "1", "2-5"]), min_size=5, max_size=5),
    st.lists(BLANKS, min_size=6, max_size=6),
    COMMANDS,
)
WORDS = st.builds(
    "@{}{}{}".format,
    st.sampled_from(
        ["reboot", "yearly", "monthly", "weekly", "daily", "hourly", "Daily", "every_minute", "", "5minutes"]
    ),
    BLANKS,
    COMMANDS,
)
QUOTED = [
    "",
    "b",
    '""',
    '"b"',
    "'b'",
    "'b' ",
    '"b" c',
    "'\"b\"'",
    "b # c",
    "b\r",
    '"b"\r',
    "\r",
    "\x0b",
    '"b',
    "b'",
    "''x",
    "' b '",
]
SETTINGS = st.builds(
    "{}{}={}{}".format,
    st.sampled_from(["A", "MAILTO", "A B", '"A B"', "'A'", "'A\"", '"A=B"', "", '""', "export A", "5", "@x", "a\x00b"]),
    st.sampled_from(["", " ", "\t", " \r"]),
    st.sampled_from(["", " ", " \t"]),
    st.sampled_from(QUOTED),
)
LINES = st.one_of(JOBS, JOBS, WORDS, SETTINGS)
OTHERS = st.sampled_from(["", " ", "\t", "# c", " # a = b", "#\x00"])
TABLES = st.builds(
    lambda lines, end: ("\n".join(lines) + end).encode(),
    st.lists(st.one_of(LINES, st.sampled_from(["* * * * * c", "A=b", "@daily c"]), OTHERS), min_size=1, max_size=6),
    st.sampled_from(["\n", "\n", "\n\n", "\n# c", "\n ", ""]),
)


@pytest.fixture(scope="module")
def crontab_n(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrontabChecker]:
    with checker(tmp_path_factory.mktemp("crontab")) as asked:
        yield asked


def agrees(data: bytes, asked: CrontabChecker) -> None:
    """Whether it is taken, the words of the reason, and where: crontab(1) names the line before a wrong one."""
    verdict = asked(data)
    judged = parse_table(data, system=False, flavour="debian", known_user=lambda _: False)
    if verdict.words is None:
        assert judged.error is None
    elif verdict.line is None:
        assert "missing newline before EOF" in verdict.words
        assert judged.error is not None
        assert judged.error.startswith("Missing newline before EOF")
    else:
        assert (judged.error or "").partition(":")[0] == verdict.words
        assert judged.error_line in (verdict.line, verdict.line + 1)


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=LINES)
def test_any_line_is_taken_when_crontab_takes_it(crontab_n: CrontabChecker, text: str) -> None:
    agrees(f"{text}\n".encode(), crontab_n)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=TABLES)
def test_any_table_is_taken_when_crontab_takes_it(crontab_n: CrontabChecker, data: bytes) -> None:
    agrees(data, crontab_n)
