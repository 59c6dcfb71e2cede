import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.collectors import logs_match
from node.collectors.logs_match import MOST_TIMEOUTS, Matched, Matcher
from node.settings import DEFAULT_MATCHES, LogMatch
from node.sources.patterns import PatternError, compile_pattern
from node.sources.tail_types import Chunk

INFO, WARNING, ERROR = 1, 2, 3
EXPLODES = LogMatch(name="slow", pattern="^(a|aa|a)*$")


def chunk(*lines: str) -> Chunk:
    return Chunk(key=1, path="/var/log/app.log", inode=1, lines=list(lines))


def match(matches: "tuple[LogMatch, ...] | Matcher", *chunks: Chunk) -> Matched:
    return asyncio.run((matches if isinstance(matches, Matcher) else Matcher(matches)).match(chunks))


def test_the_default_matches_find_errors_and_warnings() -> None:
    found = match(
        DEFAULT_MATCHES,
        chunk("INFO fine", "12:00 ERROR broken", "WARNING: hot", "Traceback (most recent call last):", "", "error"),
    )
    assert found.severities == [{1: ERROR, 2: WARNING, 3: ERROR}]
    assert found.counts == {"errors": 2, "warnings": 1}
    assert found.errors == 2


def test_a_line_takes_its_worst_severity_and_counts_for_each_match() -> None:
    matches = (
        LogMatch(name="any", pattern="o", severity="info"),
        LogMatch(name="bad", pattern="bo.*m", severity="error"),
        LogMatch(name="odd", pattern=r"\bo", severity="warning"),
    )
    found = match(matches, chunk("boom", "odd", "none"), chunk("zzz"), chunk("odd boom"))
    assert found.severities == [{0: ERROR, 1: WARNING, 2: INFO}, {}, {0: ERROR}]
    assert found.counts == {"any": 4, "bad": 2, "odd": 2}
    assert found.errors == 2


def test_a_record_of_several_lines_is_one_line() -> None:
    found = match(DEFAULT_MATCHES, chunk("INFO a", "Traceback\n  x\nValueError: ERROR", "INFO b\nERROR c", "WARN"))
    assert found.severities == [{1: ERROR, 2: ERROR, 3: WARNING}]
    assert found.counts == {"errors": 2, "warnings": 1}


def test_nothing_is_searched_without_matches() -> None:
    assert match((), chunk("ERROR")) == Matched(severities=[{}])


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(PatternError):
        Matcher([LogMatch(name="x", pattern="(")])


@given(
    st.lists(st.text(st.sampled_from("ERWAN x\nI"), max_size=8), min_size=1, max_size=12),
    st.sampled_from(["ERR|WAN|A", "E", "R|RR", r"^E|x$", "[EW].*N", "(?i)wa"]),
)
def test_what_a_block_tells_is_what_each_line_tells(lines: list[str], text: str) -> None:
    pattern = compile_pattern(text)
    expected = {position: ERROR for position, line in enumerate(lines) if pattern.search(line, 1)}
    assert match((LogMatch(name="m", pattern=text),), chunk(*lines)).severities == [expected]


def test_a_pattern_that_takes_too_long_again_and_again_is_switched_off() -> None:
    matcher = Matcher([EXPLODES, *DEFAULT_MATCHES])
    for batch in range(MOST_TIMEOUTS):
        assert matcher.switched_off == []
        began = time.process_time()  # the others' time does not count
        found = match(matcher, chunk(*["a" * 60 + "!"] * 1000, "ERROR"))
        assert time.process_time() - began < 2, batch
        assert found.counts == {"errors": 1}
    assert matcher.switched_off == ["slow"]
    assert match(matcher, chunk("aaa", "ERROR")).counts == {"errors": 1}


def test_one_bad_line_now_and_then_does_not_switch_a_pattern_off(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests run beside this one, and the good line is not to be taken for a bad one.
    monkeypatch.setattr(logs_match, "LINE_SEC", 0.2)
    monkeypatch.setattr(logs_match, "BATCH_SEC", 5.0)
    matcher = Matcher([EXPLODES])
    for _ in range(2 * MOST_TIMEOUTS):
        found = match(matcher, chunk("aaa", "a" * 60 + "!", "aa"))
        assert found.severities == [{0: ERROR, 2: ERROR}]
        match(matcher, chunk("aaa"))
    assert matcher.switched_off == []


def test_a_long_search_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_match, "LINE_SEC", 4.0)

    async def check() -> None:
        longest = 0.0

        async def beat() -> None:
            nonlocal longest
            while True:
                began = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - began)

        beating = asyncio.create_task(beat())
        await Matcher([EXPLODES]).match([chunk("a" * 60 + "!")])
        beating.cancel()
        assert 0 < longest < 3.0

    asyncio.run(check())
