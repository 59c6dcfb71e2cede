import sys
import time
import zoneinfo
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sources.zones import LineClock, ZoneError, instant, passes, zone_of

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
"""Its clocks go back at 2026-11-01T06:00Z from 02:00 to 01:00, and forward at 2026-03-08T07:00Z from 02:00 to 03:00."""


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def clocked(times: Sequence[str], clock: LineClock) -> list[str]:
    return [f"{clock.instant(local(f'2026-11-01T{time}')):%H:%M:%S}" for time in times]


def test_a_zone_goes_by_its_name_and_local_is_that_of_the_host() -> None:
    assert str(zone_of("Asia/Seoul")) == "Asia/Seoul"
    assert zone_of("local") is None


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "/etc/localtime", "\0", "America", "x" * 500])
def test_an_unknown_zone_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(ZoneError, match=r"write local, or a name like Asia/Seoul"):
        zone_of(name)


@pytest.fixture
def _no_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([])
    zoneinfo.ZoneInfo.clear_cache()
    for name in ("tzdata", *(name for name in sys.modules if name.startswith("tzdata."))):
        monkeypatch.setitem(sys.modules, name, None)
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("_no_zones")
def test_a_host_without_zones_says_so() -> None:
    with pytest.raises(ZoneError, match="this host knows no time zones; install its tzdata package, or write local"):
        zone_of("Asia/Seoul")


def test_a_time_of_the_configuration_has_its_offset() -> None:
    assert instant("2026-01-01T00:00:00+09:00") == utc("2025-12-31T15:00:00")
    for text in ("2026-01-01", "2026-01-01T00:00:00"):
        with pytest.raises(ValueError, match="has no time zone; write it like"):
            instant(text)
    for text in ("", "yesterday", "0001-01-01T00:00:00+10:00"):
        with pytest.raises(ValueError, match="is no time; write it like"):
            instant(text)


def test_a_local_time_stands_for_one_instant_or_for_two() -> None:
    assert passes(local("2026-07-01T12:00:00"), NEW_YORK) == (utc("2026-07-01T16:00:00"),)
    assert passes(local("2026-11-01T01:30:00"), NEW_YORK) == (utc("2026-11-01T05:30:00"), utc("2026-11-01T06:30:00"))


def test_a_time_that_clocks_skip_is_that_of_a_clock_that_was_not_put_forward() -> None:
    assert passes(local("2026-03-08T02:30:00"), NEW_YORK) == (utc("2026-03-08T07:30:00"),)


def test_the_host_s_own_zone_has_passes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert len(passes(local("2026-11-01T01:30:00"), None)) == 2
        assert passes(local("2026-03-08T03:00:04"), None) == (utc("2026-03-08T07:00:04"),)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_second_pass_begins_where_times_jump_back() -> None:
    times = ("00:59:59", "01:00:00", "01:30:00", "01:59:59", "01:00:01", "01:30:00", "01:59:59", "02:00:00")
    assert clocked(times, LineClock(NEW_YORK)) == [
        "04:59:59", "05:00:00", "05:30:00", "05:59:59", "06:00:01", "06:30:00", "06:59:59", "07:00:00",
    ]  # fmt: skip


def test_lines_of_several_sessions_may_be_out_of_order_by_seconds() -> None:
    times = ("01:30:05", "01:30:03", "01:30:06", "01:59:59", "01:59:58", "01:00:02", "01:00:00", "01:00:03")
    assert clocked(times, LineClock(NEW_YORK)) == [
        "05:30:05", "05:30:03", "05:30:06", "05:59:59", "05:59:58", "06:00:02", "06:00:00", "06:00:03",
    ]  # fmt: skip


def test_a_log_that_begins_in_the_hour_is_taken_to_be_in_its_first_pass() -> None:
    assert clocked(["01:30:00"], LineClock(NEW_YORK)) == ["05:30:00"]


def test_the_line_before_decides_also_when_it_was_read_by_another_run() -> None:
    assert clocked(["01:30:00"], LineClock(NEW_YORK, utc("2026-11-01T06:10:00"))) == ["06:30:00"]
    assert clocked(["01:30:00"], LineClock(NEW_YORK, utc("2026-11-01T05:10:00"))) == ["05:30:00"]


def test_when_a_line_was_written_decides_where_it_is_known() -> None:
    """A quiet log may have no line at all between two that are more than an hour apart."""
    clock = LineClock(NEW_YORK, utc("2026-11-01T05:10:00"))
    just_now = (utc("2026-11-01T06:29:50"), utc("2026-11-01T06:30:01"))
    assert clock.instant(local("2026-11-01T01:30:00"), just_now) == utc("2026-11-01T06:30:00")
    assert clock.instant(local("2026-11-01T01:30:00"), None) == utc("2026-11-01T06:30:00")


def test_a_host_whose_clock_is_elsewhere_decides_nothing() -> None:
    clock = LineClock(NEW_YORK, utc("2026-11-01T05:10:00"))
    wrong = (utc("2026-11-21T05:00:00"), utc("2026-11-21T05:00:05"))
    assert clock.instant(local("2026-11-01T01:30:00"), wrong) == utc("2026-11-01T05:30:00")


@given(
    st.lists(st.integers(0, 4 * 3600), min_size=1, max_size=60).map(sorted),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Seoul"]),
)
def test_lines_without_long_silence_keep_their_instants_whatever_clocks_do(after: list[int], name: str) -> None:
    """Every line is written 4 minutes after the one before at most; Lord Howe's clocks move by half an hour."""
    zone: tzinfo = zoneinfo.ZoneInfo(name)
    begin = {"America/New_York": "2026-11-01T04:00", "Europe/Berlin": "2026-10-24T23:00"}.get(name, "2026-04-04T13:00")
    written = sorted({*after, *range(0, 4 * 3600, 240)})
    instants = [utc(begin) + timedelta(seconds=sec) for sec in written]
    clock = LineClock(zone)
    assert [clock.instant(moment.astimezone(zone).replace(tzinfo=None, fold=0)) for moment in instants] == instants
