"""Schedules in plain words: short, and the whole truth."""

import random
from collections import defaultdict

import pytest

from node.collectors.cron_days import days_in
from node.collectors.cron_grammar import parse_schedule
from node.collectors.cron_types import Schedule
from node.collectors.cron_words import describe, span

WORDS = {
    "* * * * *": "every minute",
    "*/5 * * * *": "every 5 minutes",
    "2-59/5 * * * *": "every 5 minutes from :02",
    "*/7 * * * *": "every 7 minutes of each hour",
    "0,30 * * * *": "every 30 minutes",
    "5,35 * * * *": "at :05 and :35 of every hour",
    "0,40 * * * *": "at :00 and :40 of every hour",
    "1,7,23-25,44 * * * *": "at :01, :07, :23 to :25 and :44 of every hour",
    "0 * * * *": "every hour",
    "17 * * * *": "every hour at :17",
    "0 */2 * * *": "every 2 hours",
    "30 1-23/2 * * *": "every 2 hours from 01:30",
    "0 */5 * * *": "every 5 hours from 00:00 to 20:00 every day",
    "0 9-17 * * 1-5": "every hour from 09:00 to 17:00 on Monday to Friday",
    "*/15 9-17 * * mon-fri": "every 15 minutes from 09:00 to 17:45 on Monday to Friday",
    "*/10 2 * * *": "every 10 minutes from 02:00 to 02:50 every day",
    "* 2 * * *": "every minute from 02:00 to 02:59 every day",
    "* 1,5,9 * * *": "every minute of the hours 1, 5 and 9 every day",
    "2-59/5 1,5 * * *": "every 5 minutes from :02 of the hours 1 and 5 every day",
    "5,35 9-17 * * *": "at :05 and :35 from 09:05 to 17:35 every day",
    "30 5 * * *": "at 05:30 every day",
    "15,45 2 * * *": "at 02:15 and 02:45 every day",
    "0 8,12,20 * * *": "at 08:00, 12:00 and 20:00 every day",
    "0 1,2,3,5,8 * * *": "at 01:00, 02:00, 03:00, 05:00 and 08:00 every day",
    "0 0 * * 0": "at 00:00 on Sunday",
    "25 6 * * 6,7": "at 06:25 on Saturday and Sunday",
    "25 6 * * 1,3,5": "at 06:25 on Monday, Wednesday and Friday",
    "25 6 * * 0-7": "at 06:25 every day",
    "52 6 1 * *": "at 06:52 on the 1st of the month",
    "0 0 1,15 * *": "at 00:00 on the 1st and 15th of the month",
    "0 0 1-7,22,23,31 * *": "at 00:00 on the 1st to 7th, 22nd, 23rd and 31st of the month",
    "0 0 */10 * *": "at 00:00 on the 1st, 11th, 21st and 31st of the month",
    "0 0 */2 * *": "at 00:00 on every 2nd day from the 1st of the month",
    "0 0 1 1 *": "at 00:00 on the 1st of January",
    "0 3 25 12 *": "at 03:00 on the 25th of December",
    "0 3 * jan,apr,jul,oct *": "at 03:00 every day in January, April, July and October",
    "*/5 * * 6-8 *": "every 5 minutes in June to August",
    "0 0 * 2 1": "at 00:00 on Monday in February",
    "0 0 13 * 5": "at 00:00 on the 13th and on Friday",
    "0 0 31 2 1": "at 00:00 on the 31st and on Monday in February",
    "0 0 13 * 5-1,2": "at 00:00 on the 13th and on Tuesday",
    "0 0 */2 * 1": "at 00:00 on every 2nd day from the 1st of the month if it is Monday",
    "0 0 1-7 * */7": "at 00:00 on the 1st to 7th of the month if it is Sunday",
    "0 0 1-31 * 1": "at 00:00 every day",
    "0 0 13 * 5-1": "at 00:00 on the 13th of the month",
    "0 0 5-1 * 5": "at 00:00 on Friday",
    "0 0 31 2 *": "never",
    "5-1 * * * *": "never",
    "@reboot": "when the system starts",
    "@hourly": "every hour",
    "@weekly": "at 00:00 on Sunday",
}


@pytest.mark.parametrize(("text", "words"), WORDS.items())
def test_a_schedule_is_said_in_plain_words(text: str, words: str) -> None:
    assert describe(parse_schedule(text, "debian")) == words


def test_a_random_time_says_how_much_later_it_may_be() -> None:
    assert describe(parse_schedule("0~30 5 * * *", "cronie")) == "at 05:00 every day, up to 30 minutes later"
    assert describe(parse_schedule("~ ~ * * *", "cronie")) == "at 00:00 every day, up to 24 hours later"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, "60 seconds"),
        (90 * 60, "90 minutes"),
        (3 * 3600, "3 hours"),
        (1439 * 60, "24 hours"),
        (49 * 3600, "3 days"),
    ],
)
def test_a_length_of_time_is_rounded_up(seconds: int, words: str) -> None:
    assert span(seconds) == words


def field(picks: random.Random, low: int, high: int) -> str:
    start = picks.randint(low, high)
    choices = ("*", "*", f"*/{picks.randint(2, 12)}", f"{start}", f"{start}-{picks.randint(start, high)}")
    some = ",".join(str(picks.randint(low, high)) for _ in range(picks.randint(2, 5)))
    backwards = f"{high}-{low}"
    return picks.choice((*choices, f"{start}-{high}/{picks.randint(2, 9)}", some, backwards))


def times_of(schedule: Schedule) -> tuple[object, ...]:
    """All that decides when it runs, but for a change of the clocks."""
    days = tuple(
        days_in(schedule, year, month) for year in (2023, 2024, 2025, 2026, 2027, 2028) for month in range(1, 13)
    )
    return schedule.minutes, schedule.hours, schedule.months, days


def test_schedules_with_the_same_words_run_at_the_same_times() -> None:
    picks = random.Random(1)
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    told: defaultdict[str, set[tuple[object, ...]]] = defaultdict(set)
    for number in range(20_000):
        # One or two fields differ: words of two schedules are alike only when they are.
        open_fields = picks.sample(range(5), 1 + number % 3)
        text = " ".join(field(picks, *limit) if at in open_fields else "*" for at, limit in enumerate(limits))
        schedule = parse_schedule(text, "debian")
        words = describe(schedule)
        if words != "never":
            told[words].add(times_of(schedule))
    assert {words: len(times) for words, times in told.items() if len(times) > 1} == {}
    assert max(map(len, told)) < 300
