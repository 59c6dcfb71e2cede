"""When cron starts a job, held against the daemon's own loop, minute by minute, over every kind of change of clocks."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from node.collectors.cron_grammar import parse_schedule
from node.collectors.cron_next import due_between, next_runs, previous_due
from node.collectors.cron_types import Schedule
from tests.node.collectors.cron_oracle import Entry, Tick, starts, ticks

CHANGES = (
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/London", "2027-03-28"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Asia/Beirut", "2026-03-29"),
    ("Asia/Beirut", "2026-10-25"),
    ("America/Santiago", "2026-04-05"),
    ("America/Santiago", "2026-09-06"),
    ("Atlantic/Azores", "2026-10-25"),
    ("America/Nuuk", "2026-10-25"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Africa/Casablanca", "2026-03-22"),
    ("America/St_Johns", "2010-03-14"),
    ("America/St_Johns", "2010-11-07"),
    ("Asia/Kathmandu", "1986-01-01"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Pyongyang", "2018-05-05"),
    ("Asia/Seoul", "2026-03-29"),
    ("UTC", "2028-02-29"),
)
"""Zones, and days around which their clocks are changed: by half an hour to a day, at night and at midnight."""
DAY = timedelta(days=1)


class Shifted(tzinfo):
    """UTC, whose clock is moved once, by any time."""

    def __init__(self, at: datetime, by: timedelta) -> None:
        self.at, self.by = at.replace(tzinfo=None), by

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        local = moment.replace(tzinfo=None, fold=0)
        low, high = sorted((self.at, self.at + self.by))
        if low <= local < high:
            return self.by if moment.fold else timedelta(0)  # PEP 495
        return self.by if local >= high else timedelta(0)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "shifted"

    def fromutc(self, moment: datetime) -> datetime:
        if moment.replace(tzinfo=None) < self.at:
            return moment
        local = moment + self.by
        return local.replace(fold=int(local.replace(tzinfo=None) < self.at))


def expression(picks: random.Random) -> str:
    """Any line that cron takes, those that run at night more often."""

    def item(low: int, high: int, near: int) -> str:
        number = picks.randint(low, min(near, high))
        kind = picks.random()
        if kind < 0.45:
            return str(number)
        if kind < 0.65:
            return f"{number}-{picks.randint(low, high)}"
        if kind < 0.8:
            return f"{number}-{picks.randint(number, high)}/{picks.randint(1, 20)}"
        return "*" if kind < 0.9 else f"*/{picks.randint(1, high)}"

    def field(low: int, high: int, near: int, stars: float) -> str:
        if picks.random() < stars:
            return "*"
        return ",".join(item(low, high, near) for _ in range(picks.choice((1, 1, 1, 2, 3))))

    minute, hour = field(0, 59, 59, 0.2), field(0, 23, 4, 0.2)
    return f"{minute} {hour} {field(1, 31, 31, 0.7)} {field(1, 12, 12, 0.8)} {field(0, 7, 7, 0.7)}"


@cache
def window(zone: str, day: str) -> tuple[datetime, datetime, Sequence[Tick]]:
    """From two days before the change to two days after it: what the daemon does."""
    middle = datetime.fromisoformat(f"{day}T00:00+00:00")
    since, until = middle - 2 * DAY, middle + 2 * DAY
    return since, until, list(ticks(ZoneInfo(zone), since, until))


def schedule(text: str) -> Schedule:
    return parse_schedule(text, "debian")


@pytest.mark.parametrize("part", range(8))
def test_random_lines_start_when_the_daemon_starts_them(part: int) -> None:
    picks = random.Random(part)
    seen = 0
    for number in range(480):
        zone, day = CHANGES[number % len(CHANGES)]
        since, until, happened = window(zone, day)
        text = expression(picks)
        expected = starts(Entry(f"{text} c"), happened)
        seen += len(expected)
        assert due_between(schedule(text), ZoneInfo(zone), since, until) == expected, (zone, day, text)
    assert seen > 10_000


@pytest.mark.parametrize("part", range(2))
def test_the_next_and_the_last_start_are_those_around_a_moment(part: int) -> None:
    picks = random.Random(part)
    for number in range(480):
        zone, day = CHANGES[number % len(CHANGES)]
        since, _, happened = window(zone, day)
        text = expression(picks)
        expected = starts(Entry(f"{text} c"), happened)
        moments = [since + timedelta(seconds=picks.randint(0, 4 * 86_400)), *expected[:1], *expected[-1:]]
        for moment in moments:
            later = [start for start in expected if start > moment][:5]
            assert next_runs(schedule(text), ZoneInfo(zone), moment)[: len(later)] == later, (zone, day, text, moment)
            if earlier := [start for start in expected if start <= moment]:
                assert previous_due(schedule(text), ZoneInfo(zone), moment) == earlier[-1], (zone, day, text, moment)


@pytest.mark.parametrize(
    "minutes", [-1400, -200, -182, -181, -180, -120, -60, -2, 1, 3, 4, 5, 6, 30, 178, 179, 180, 900]
)
def test_a_clock_that_is_moved_by_any_time_is_followed_as_the_daemon_does(minutes: int) -> None:
    picks = random.Random(minutes)
    changed_at = datetime(2026, 5, 5, 2, 30, tzinfo=UTC)
    zone = Shifted(changed_at, timedelta(minutes=minutes))
    since, until = changed_at - DAY, changed_at + 2 * DAY
    happened = list(ticks(zone, since, until))
    for _ in range(120):
        text = expression(picks)
        assert due_between(schedule(text), zone, since, until) == starts(Entry(f"{text} c"), happened), text


@pytest.mark.parametrize("part", range(2))
def test_a_job_with_a_zone_of_its_own_starts_when_cronie_starts_it(part: int) -> None:
    picks = random.Random(part)
    for number in range(480):
        zone, day = CHANGES[number % len(CHANGES)]
        own = ZoneInfo(picks.choice(CHANGES)[0])
        since, until, happened = window(zone, day)
        text = expression(picks)
        expected = starts(Entry(f"{text} c"), happened, own)
        due = due_between(schedule(text), own, since, until, daemon_zone=ZoneInfo(zone))
        assert due == expected, (zone, day, own, text)


def test_days_far_away_are_found_by_the_calendar_alone() -> None:
    picks = random.Random(7)
    days = [datetime(2024, 1, 1, 5, 30, tzinfo=UTC) + number * DAY for number in range(2922)]
    for _ in range(300):
        fields = (
            f"{picks.choice(('*', '*/2', '*/9', '29-31', '1,15', '13'))}",
            picks.choice(("*", "2", "1-6/2", "4,11")),
        )
        text = f"30 5 {fields[0]} {fields[1]} {picks.choice(('*', '*/2', '1', '5-7', '0-6', '*/7'))}"
        entry = Entry(f"{text} c")
        expected = [day for day in days if entry.fits(day)]
        assert due_between(schedule(text), UTC, days[0] - DAY, days[-1]) == expected, text
        if expected:
            assert previous_due(schedule(text), UTC, days[-1]) == expected[-1], text


def at(zone: str, *moments: str) -> list[datetime]:
    return [datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in moments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["03:00"]),
        ("15,45 2 * * *", ["03:00", "03:00"]),
        ("0 3 * * *", ["03:00"]),
        ("0-59/20 2-3 * * *", ["03:00", "03:00", "03:00", "03:00", "03:20", "03:40"]),
        ("*/15 2 * * *", []),
        ("30 */2 * * *", ["00:30"]),
        ("* 2 * * *", []),
    ],
)
def test_when_an_hour_is_skipped_fixed_jobs_start_behind_it_and_wild_ones_do_not(
    text: str, expected: list[str]
) -> None:
    since, until = at("Europe/Berlin", "2026-03-29T00:00", "2026-03-29T03:59")
    due = due_between(schedule(text), ZoneInfo("Europe/Berlin"), since, until)
    assert due == at("Europe/Berlin", *(f"2026-03-29T{moment}" for moment in expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["00:30"]),
        ("0 3 * * *", ["02:00"]),
        ("15,45 2-3 * * *", ["00:15", "00:45", "02:15", "02:45"]),
        ("*/30 2 * * *", ["00:00", "00:30", "01:00", "01:30"]),
        ("30 */2 * * *", ["00:30", "01:30"]),
    ],
)
def test_when_an_hour_comes_twice_fixed_jobs_start_once_and_wild_ones_twice(text: str, expected: list[str]) -> None:
    since, until = at("UTC", "2026-10-24T23:30", "2026-10-25T02:59")
    due = due_between(schedule(text), ZoneInfo("Europe/Berlin"), since, until)
    assert due == at("UTC", *(f"2026-10-25T{moment}" for moment in expected))


@pytest.mark.parametrize("text", ["0 0 30 2 *", "5-1 * * * *", "0 22-2 * * *", "* * * * fri-mon", "0 0 31 4,6,9,11 *"])
def test_what_never_runs_has_no_time(text: str) -> None:
    (now,) = at("UTC", "2026-03-01T00:00")
    assert next_runs(schedule(text), UTC, now) == []
    assert previous_due(schedule(text), UTC, now) is None
    assert due_between(schedule(text), UTC, now, now + 1000 * DAY) == []


def test_a_job_of_the_system_s_start_has_no_time() -> None:
    (now,) = at("UTC", "2026-03-01T00:00")
    assert next_runs(schedule("@reboot"), UTC, now) == []
    assert previous_due(schedule("@reboot"), UTC, now) is None


def test_a_leap_day_that_is_a_sunday_is_found_generations_ahead_and_back() -> None:
    (now,) = at("UTC", "2026-03-01T00:00")
    years = [2032, 2060, 2088, 2128, 2156]
    assert [start.year for start in next_runs(schedule("0 0 29 2 */7"), UTC, now)] == years
    assert previous_due(schedule("0 0 29 2 */7"), UTC, now) == datetime(2004, 2, 29, tzinfo=UTC)


def test_a_start_is_never_at_the_moment_that_is_asked_after_and_may_be_the_one_asked_before() -> None:
    (due,) = at("UTC", "2026-03-01T05:30")
    assert next_runs(schedule("30 5 * * *"), UTC, due, 1) == [due + DAY]
    assert previous_due(schedule("30 5 * * *"), UTC, due) == due
    assert previous_due(schedule("30 5 * * *"), UTC, due - timedelta.resolution) == due - DAY
    assert due_between(schedule("30 5 * * *"), UTC, due - DAY, due) == [due]


def test_the_days_of_month_and_of_week_are_either_unless_one_begins_with_a_star() -> None:
    (now,) = at("UTC", "2026-03-01T00:00")
    either = [start.day for start in next_runs(schedule("0 5 13 * 5"), UTC, now)]
    assert either == [6, 13, 20, 27, 3]
    both = [start.day for start in next_runs(schedule("0 5 */2 * 1"), UTC, now)]
    assert both == [9, 23, 13, 27, 11]


def test_croniter_finds_the_same_times_where_no_clock_is_changed() -> None:
    croniter = pytest.importorskip("croniter")
    picks = random.Random(11)
    (now,) = at("UTC", "2026-03-01T00:00")
    compared = 0
    for _ in range(600):
        one = schedule(expression(picks))
        runs = [start.replace(tzinfo=None) for start in next_runs(one, UTC, now)]
        if not runs or runs[-1].year > 2060:
            continue
        limits = ((one.minutes, 60), (one.hours, 24), (one.days, 31), (one.months, 12), (one.weekdays, 7))
        fields = ["*" if len(numbers) == full else ",".join(map(str, sorted(numbers))) for numbers, full in limits]
        either = not (one.dom_star or one.dow_star)
        if either and "*" in (fields[2], fields[4]):
            fields[2] = fields[4] = "*"  # every day; it would take the star for one that says nothing
        if all(fields):
            other = croniter.croniter(" ".join(fields), now.replace(tzinfo=None), day_or=either)
            assert [other.get_next(datetime) for _ in range(5)] == runs, one.text
            compared += 1
    assert compared > 300


def test_five_runs_of_two_hundred_jobs_take_less_than_50_ms() -> None:
    texts = ("0 0 29 2 1", "0 0 29 2 */7", "*/5 * * * *", "* * * * *", "30 2 * * *", "0 0 13 * 5", "0 0 */2 * 1")
    jobs = [schedule(texts[number % len(texts)]) for number in range(200)]
    zone, took = ZoneInfo("Europe/Berlin"), []
    (now,) = at("Europe/Berlin", "2026-03-29T00:11")
    for _ in range(5):
        begun = time.process_time()
        runs = [next_runs(job, zone, now) for job in jobs]
        took.append(time.process_time() - begun)
        assert all(len(found) == 5 for found in runs)
    assert min(took) < 0.05
