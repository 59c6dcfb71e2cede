"""The real daemon while its clock is put forward and back: it starts what next_runs() and its kin say."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from node.collectors.cron_grammar import parse_schedule
from node.collectors.cron_next import due_between
from tests.node.collectors.cron_clock import LATE, started

pytestmark = [
    pytest.mark.peer("root", "cron", "faketime", "unshare"),
    pytest.mark.timeout(600),
]

SCHEDULES = (
    *("30 {h} * * *", "30,45 {h} * * *", "0-59/30 {h}-{n} * * *", "0 {n} * * *", "*/15 * * * *", "*/15 {h} * * *"),
    *("45 */2 * * *", "* {h} * * *", "45 * * * *", "@hourly", "45 0-23 * * *", "45-30 * * * *", "0 {h} 30 2 *"),
    *("30 {h} {d} * *", "45 {h} {d} * 1", "45 {h} */2 * 1", "30 {h} * * sun", "50-5 {h} * * *", "5-5 {n} * * *"),
    *("30 {h} * * 7#2", "30 {h} * * 1-5", "30 {h} * {m} */7", "45 {n} {d}-{d} * *", "10 {n} * * *"),
)
"""For hour `h`, the one behind it `n`, day `d` and month `m` of a change of the clock."""


def compare(root: Path, zone: str, since: str, until: str, change: tuple[int, int, int]) -> list[int]:
    """Hold the daemon's starts against those that are told; how many each schedule has."""
    hour, day, month = change
    texts = [text.format(h=hour, n=(hour + 1) % 24, d=day, m=month) for text in SCHEDULES]
    begin, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    real = started(root, texts, zone, begin, end)
    counts = []
    for text, seen in zip(texts, real, strict=True):
        due = due_between(parse_schedule(text, "debian"), ZoneInfo(zone), begin, end - LATE)
        counts.append(len(due))
        assert is_told(due, seen, end - LATE), (text, due, seen)
    return counts


def is_told(due: Sequence[datetime], seen: Sequence[datetime], until: datetime) -> bool:
    """Whether each start was seen when it was due, and none besides."""
    told = [moment for moment in seen if moment <= until]
    late = [moment - start for start, moment in zip(due, seen, strict=False)]
    return len(told) <= len(due) <= len(seen) and all(timedelta(seconds=-30) <= one <= LATE for one in late)


def test_the_real_daemon_skips_an_hour_as_it_is_told_here(tmp_path: Path) -> None:
    counts = compare(tmp_path, "Europe/Berlin", "2026-03-29T00:53Z", "2026-03-29T01:15Z", (2, 29, 3))
    assert sum(counts) == 17


def test_the_real_daemon_has_half_an_hour_twice_as_it_is_told_here(tmp_path: Path) -> None:
    counts = compare(tmp_path, "Australia/Lord_Howe", "2026-04-04T14:43Z", "2026-04-04T15:39Z", (1, 5, 4))
    assert sum(counts) > 60
