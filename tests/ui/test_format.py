import subprocess
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.peers import program
from ui import format as fmt
from ui.glyphs import NOTHING

NOW = datetime(2026, 11, 21, 6, 9, 36, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
SECONDS = st.floats(0, 86400 * 36500)


@pytest.mark.parametrize(
    "nothing",
    [
        fmt.size, fmt.exact_bytes, fmt.rate, fmt.percent, fmt.used_percent, fmt.count, fmt.short_count, fmt.delta,
        fmt.duration, fmt.latency, fmt.age, fmt.ago, fmt.ahead, fmt.clock, lambda value: fmt.stamp(value, "local", NOW),
    ],
)  # fmt: skip
def test_what_is_not_known_is_no_zero(nothing: object) -> None:
    assert callable(nothing)
    assert nothing(None) == NOTHING


@pytest.mark.peer("df")
def test_sizes_are_those_of_df() -> None:
    numfmt = program("df").with_name("numfmt")
    sizes = [
        0,
        1,
        999,
        1023,
        1024,
        1025,
        10188,
        10189,
        10240,
        10241,
        1024**2 - 1,
        1024**2,
        930 * 1024**2,
        1024**3 * 10 - 1,
    ]
    sizes += [3_998_614_003_712, 1024**4, 1024**4 * 1023 + 1, 1024**5 - 1, 2**63 - 1] + [
        3**power for power in range(39)
    ]
    asked = subprocess.run(
        [numfmt, "--to=iec", "--round=up"], input="\n".join(map(str, sizes)), capture_output=True, text=True, check=True
    )
    assert [fmt.size(size) for size in sizes] == asked.stdout.split()


@given(st.integers(0, 2**80), st.integers(0, 2**80))
def test_sizes_are_short_and_grow(one: int, other: int) -> None:
    def value(text: str) -> float:
        units = " KMGTPEZY"
        return float(text.rstrip(units)) * 1024.0 ** max(0, units.find(text[-1]))

    low, high = sorted((one, other))
    assert len(fmt.size(low)) <= 5
    assert low <= value(fmt.size(low)) * (1 + 1e-12)
    assert value(fmt.size(low)) <= value(fmt.size(high))


def test_sizes_rates_and_exact_bytes() -> None:
    assert [fmt.size(value) for value in (-1024, 1.5, 930 * 2**20, 2**90)] == ["-1.0K", "2", "930M", "1,024Y"]
    assert fmt.rate(4_299_161) == "4.1M/s"
    assert fmt.exact_bytes(3_998_614_003_712) == "3,998,614,003,712 B"


def test_fullness_is_rounded_up_as_df_does_and_measurements_are_rounded() -> None:
    assert [fmt.used_percent(value) for value in (0.0, 0.001, 93.0, 93.0000000000001, 99.1, 100.0)] == [
        "0%", "1%", "93%", "93%", "100%", "100%",
    ]  # fmt: skip
    assert (fmt.percent(42.4), fmt.percent(42.35, 1)) == ("42%", "42.4%")


def test_counts_and_changes() -> None:
    assert (fmt.count(2051), fmt.count(0), fmt.delta(12), fmt.delta(-3000), fmt.delta(0)) == (
        "2,051", "0", "+12", "-3,000", "0",
    )  # fmt: skip
    shown = [fmt.short_count(value) for value in (0, 9999, 10_000, 16_612, 99_999, 999_999, 3_000_000, 10**21, -16_612)]
    assert shown == ["0", "9999", "10k", "16.6k", "99.9k", "999k", "3M", ">999E", "-16.6k"]


@given(st.integers(0, 10**25))
def test_short_counts_stay_short(value: int) -> None:
    assert len(fmt.short_count(value)) <= 6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"), (0.0124, "12 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (41, "41 s"), (59.6, "00:01:00"),
        (7384, "02:03:04"), (86400 + 7384, "1d 02:03:04"), (86399.7, "1d 00:00:00"), (-41, "-41 s"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


def test_latencies() -> None:
    assert [fmt.latency(value) for value in (0.4, 4.2, 999.4, 999.6, 12_000)] == [
        "0 ms",
        "4 ms",
        "999 ms",
        "1.0 s",
        "12.0 s",
    ]


@given(SECONDS, SECONDS)
def test_ages_are_short_and_grow(one: float, other: float) -> None:
    def value(text: str) -> int:
        return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]

    low, high = sorted((one, other))
    assert len(fmt.age(low)) <= 6
    assert value(fmt.age(low)) <= low
    assert value(fmt.age(low)) <= value(fmt.age(high))


def test_ages_and_times_to_come() -> None:
    assert [fmt.age(value) for value in (0, 59.9, 60, 3599, 3600, 86400 * 3)] == ["0s", "59s", "1m", "59m", "1h", "3d"]
    assert [fmt.ago(value) for value in (0.2, 1.9, 240, -3 * 3600)] == ["0 s ago", "1 s ago", "4 min ago", "in 3 h"]
    assert [fmt.ahead(value) for value in (0.5, 3 * 3600 + 5, 86400, -300)] == ["now", "in 3 h", "in 1 d", "5 min ago"]


def test_moments_are_shown_as_the_operator_wants_and_name_their_zone() -> None:
    moment = NOW - timedelta(minutes=4)
    assert fmt.stamp(moment, "relative", NOW) == "4 min ago"
    assert fmt.stamp(moment, "local", NOW, SEOUL) == "2026-11-21 15:05:36 KST"
    assert fmt.stamp(moment, "utc", NOW, SEOUL) == "2026-11-21 06:05:36 UTC"
    assert fmt.clock(moment, SEOUL) == "15:05:36"


def test_a_moment_that_no_calendar_has_in_a_zone_stays_in_its_own() -> None:
    last = datetime.max.replace(tzinfo=UTC, microsecond=0)
    assert fmt.stamp(last, "local", NOW, SEOUL) == "9999-12-31 23:59:59 UTC"
    assert fmt.clock(last, SEOUL) == "23:59:59"
    assert fmt.in_zone(NOW, SEOUL).tzname() == "KST"
