"""The time that stands in a line."""

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sources.timestamps import check_format, reader

NEAR = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
FORMATS = ("iso", "syslog", "epoch", "%d/%b/%Y:%H:%M:%S %z", "%m/%d/%y %I:%M %p", "%j %H:%M:%S.%f", "%H:%M", "%s")


@pytest.fixture
def berlin() -> Iterator[None]:
    """The host is in Berlin: UTC+1, in summer UTC+2."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("format_", "line", "expected"),
    [
        ("iso", "2026-11-21T06:00:00Z loaded", utc(2026, 11, 21, 6)),
        ("iso", "2026-11-21 06:00:00,123 INFO x", utc(2026, 11, 21, 6, 0, 0, 123_000)),
        ("iso", "INFO [2026-11-21T06:00:00.123456789+01:00] x", utc(2026, 11, 21, 5, 0, 0, 123_456)),
        ("iso", "2026-11-21 06:00:00.5 -0330 x", utc(2026, 11, 21, 9, 30, 0, 500_000)),
        ("iso", "2026-11-21 06:00", utc(2026, 11, 21, 6)),
        ("iso", "12026-11-21 06:00:00 no", None),
        ("iso", "2026-13-21 06:00:00 no", None),
        ("iso", "2026-02-30T06:00:00Z", None),
        ("iso", "0001-01-01T00:00:00+23:59", None),
        ("iso", "x" * 300 + "2026-11-21T06:00:00Z", None),
        ("iso", "", None),
        ("syslog", "Nov 21 06:00:00 host app[1]: x", utc(2026, 11, 21, 6)),
        ("syslog", "<13>Nov  3 06:00:00 host x", utc(2026, 11, 3, 6)),
        ("syslog", "Feb 30 06:00:00 host x", None),
        ("epoch", "1795240800 x", utc(2026, 11, 21, 6)),
        ("epoch", "1795240800.25 x", utc(2026, 11, 21, 6, 0, 0, 250_000)),
        ("epoch", "[1795240800123] x", utc(2026, 11, 21, 6, 0, 0, 123_000)),
        ("epoch", '{"ts":1795240800123456}', utc(2026, 11, 21, 6, 0, 0, 123_456)),
        ("epoch", "1795240800123456789", utc(2026, 11, 21, 6, 0, 0, 123_456)),
        ("epoch", "17952408001 x", None),
        ("epoch", "10.0.0.1 took 12345678 ms", None),
        ("%d/%b/%Y:%H:%M:%S %z", '10.0.0.1 - - [21/Nov/2026:07:00:00 +0100] "GET /"', utc(2026, 11, 21, 6)),
        ("%A, %d. %B %Y %H:%M:%S %Z", "Saturday, 21. November 2026 06:00:00 UTC", utc(2026, 11, 21, 6)),
        ("%a %b %e %T %Y", "Sat Nov  1 06:00:00 2026 1 host", utc(2026, 11, 1, 6)),
        ("%m/%d/%y %I:%M:%S %p", "11/21/26 12:00:00 AM x", utc(2026, 11, 21)),
        ("%m/%d/%y %I:%M:%S %p", "11/21/69 01:00:00 p.m. x", utc(1969, 11, 21, 13)),
        ("%Y%m%d%H%M%S", "20261121060000 x", utc(2026, 11, 21, 6)),
        ("%Y-%j %H:%M:%S.%f", "2026-325 06:00:00.5", utc(2026, 11, 21, 6, 0, 0, 500_000)),
        ("%F %T", "2026-11-21 06:00:60", utc(2026, 11, 21, 6, 1)),
        ("[%s]", "[1795240800]", utc(2026, 11, 21, 6)),
        ("100%% %H:%M", "100% 06:00", utc(2026, 11, 21, 6)),
        ("%H.%M", "06x00", None),
    ],
)
def test_a_time_is_read_from_its_line(format_: str, line: str, expected: datetime | None) -> None:
    assert check_format(format_) is None
    assert reader(format_)(line, NEAR) == expected


@pytest.mark.parametrize(
    ("near", "line", "expected"),
    [
        (utc(2027, 1, 1, 0, 0, 3), "Dec 31 23:59:58 x", utc(2026, 12, 31, 23, 59, 58)),
        (utc(2026, 12, 31, 23, 59, 58), "Jan  1 00:00:03 x", utc(2027, 1, 1, 0, 0, 3)),
        (utc(2027, 1, 10), "Nov 21 06:00:00 x", utc(2026, 11, 21, 6)),
        (utc(2028, 3, 1), "Feb 29 06:00:00 x", utc(2028, 2, 29, 6)),
        (utc(2027, 12, 1), "Feb 29 06:00:00 x", utc(2028, 2, 29, 6)),
    ],
)
def test_a_year_that_is_left_out_is_the_one_nearest(near: datetime, line: str, expected: datetime) -> None:
    found = reader("syslog")(line, near)
    assert found is not None
    assert found == expected


@pytest.mark.parametrize(
    ("near", "line", "expected"),
    [
        (utc(2026, 11, 21, 0, 0, 3), "23:59:58 x", utc(2026, 11, 20, 23, 59, 58)),
        (utc(2026, 11, 20, 23, 59, 58), "00:00:03 x", utc(2026, 11, 21, 0, 0, 3)),
        (utc(2026, 11, 21, 6), "06:00:00 x", utc(2026, 11, 21, 6)),
    ],
)
def test_a_date_that_is_left_out_is_the_one_nearest(near: datetime, line: str, expected: datetime) -> None:
    assert reader("%H:%M:%S")(line, near) == expected


@pytest.mark.usefixtures("berlin")
def test_a_time_without_a_zone_is_the_host_s() -> None:
    read = reader("iso")
    assert read("2026-11-21 07:00:00 x", NEAR) == utc(2026, 11, 21, 6)
    assert read("2026-07-01 08:00:00 x", NEAR) == utc(2026, 7, 1, 6)
    assert read("2026-07-01 08:00:00Z x", NEAR) == utc(2026, 7, 1, 8)
    assert reader("%H:%M:%S")("00:30:00", utc(2026, 11, 20, 23, 30)) == utc(2026, 11, 20, 23, 30)
    assert reader("%F %T %Z")("2026-11-21 07:00:00 CET", NEAR) == utc(2026, 11, 21, 6)


@pytest.mark.usefixtures("berlin")
def test_of_the_hour_that_there_was_twice_the_nearer_one_is_meant() -> None:
    read = reader("iso")
    # On 25 October 2026 clocks went from 03:00 (UTC+2) back to 02:00 (UTC+1).
    assert read("2026-10-25 02:30:00", utc(2026, 10, 25, 0, 30, 2)) == utc(2026, 10, 25, 0, 30)
    assert read("2026-10-25 02:30:00", utc(2026, 10, 25, 1, 30, 2)) == utc(2026, 10, 25, 1, 30)
    # 02:30 on 29 March 2026 was on no clock; it stands between what was.
    assert read("2026-03-29 02:30:00", utc(2026, 3, 29, 1, 30)) in (utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 1, 30))


@pytest.mark.parametrize(
    ("format_", "says"),
    [
        ("isoo", "write iso, syslog, epoch, or one of strptime"),
        ("", "write iso"),
        ("%Q %H:%M", "%Q is not known; there are %Y"),
        ("%H:%M %", "% is not known"),
        ("%Y-%m-%d", "no hour"),
        ("%H:%M %H", "the hour twice"),
        ("%" * 201, "201 characters"),
    ],
)
def test_a_format_that_cannot_be_read_is_refused_in_words(format_: str, says: str) -> None:
    reason = check_format(format_)
    assert says in (reason or "")
    with pytest.raises(ValueError, match=re.escape(reason or "")):
        reader(format_)


@given(line=st.text(), near=st.datetimes(timezones=st.just(UTC)))
def test_no_line_makes_it_raise(line: str, near: datetime) -> None:
    for format_ in FORMATS:
        found = reader(format_)(line, near)
        assert found is None or found.tzinfo is UTC


@given(
    digits=st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([+-][0-9]{4})?", fullmatch=True
    ),
    near=st.datetimes(timezones=st.just(UTC)),
)
def test_no_date_makes_it_raise(digits: str, near: datetime) -> None:
    for format_ in ("iso", "%Y-%m-%d %H:%M:%S", "%m-%d %H:%M", "%H:%M:%S"):
        found = reader(format_)(digits, near)
        assert found is None or found.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_what_python_writes_is_read_back(naive: datetime, offset_minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert reader("iso")(f"[{moment.isoformat()}] x", NEAR) == moment
    whole = moment.replace(microsecond=0)
    format_ = "%d/%b/%Y:%H:%M:%S %z"
    assert reader(format_)(whole.strftime(format_), NEAR) == whole
