from datetime import UTC, datetime

import pytest

from etlmon.contract.logs import Log
from node.collectors.logs_rows import MOST_GAPS_TOLD, Rate, batch_events, counted, row_of, samples_of, trouble_event
from node.sources.tail_types import Batch, Chunk, FileState, FileStatus, Lost

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
KNOWN = Log(name="app", path="/var/log/app.log", inode=7, lines_total=10, matches={"errors": 2}, collected_at=AT)
CURRENT = FileState(path="/var/log/app.log", inode=8, size_bytes=100, offset=60)
ROTATED = FileState(path="/var/log/app.log.1", inode=7, size_bytes=50, offset=45, rotated=True)


def lost(number: int, lost_bytes: int | None = None) -> Lost:
    return Lost(path="/l", inode=number, offset=1, lost_bytes=lost_bytes, reason="gone", message="it is gone")


def row(batch: Batch, *, paused: bool = False, ended: bool = False) -> Log:
    return row_of(KNOWN, batch, paused=paused, ended=ended, at=AT)


def test_a_rate_counts_what_came_within_its_time() -> None:
    rate = Rate(15.0)
    for second in range(30):
        rate.add(float(second), 10)
    assert rate.total(29.0) == 150
    assert rate.per_sec(29.0) == 10
    assert rate.total(36.5) == 80
    assert rate.per_sec(60.0) == 0.0


def test_a_rate_holds_few_numbers_however_often_it_is_told() -> None:
    rate = Rate(60.0)
    for step in range(100_000):
        rate.add(step / 1000, 1)
    assert len(rate._counts) <= 61
    assert 58_000 <= rate.total(100.0) <= 61_000


def test_sizes_are_those_of_the_log_itself_and_the_lag_is_that_of_all_its_files() -> None:
    seen = row(Batch(files=[ROTATED, CURRENT]))
    assert (seen.size_bytes, seen.offset, seen.lag_bytes, seen.files, seen.inode) == (100, 60, 45, 2, 8)


def test_the_inode_is_that_of_the_file_that_was_read_last() -> None:
    assert row(Batch(files=[CURRENT], chunks=[Chunk(key=1, path="/l", inode=99, lines=["x"])])).inode == 99
    assert row(Batch(status="missing")).inode == 7


@pytest.mark.parametrize(
    ("status", "more", "paused", "ended", "expected"),
    [
        ("ok", False, False, False, "following"),
        ("ok", True, False, False, "behind"),
        ("ok", False, False, True, "ended"),
        ("ok", True, True, False, "paused"),
        ("missing", False, False, False, "missing"),
        ("missing", False, True, False, "paused"),
        ("denied", True, False, False, "denied"),
        ("error", False, False, True, "error"),
    ],
)
def test_the_status_says_the_worst_that_matters(
    status: FileStatus, more: bool, paused: bool, ended: bool, expected: str
) -> None:
    assert row(Batch(status=status, more=more), paused=paused, ended=ended).status == expected


def test_totals_go_on_from_what_is_stored() -> None:
    batch = Batch(chunks=[Chunk(key=1, path="/l", inode=1, lines=["a", "b"])], lost=[lost(1, 5), lost(2)], rotations=1)
    seen = counted(KNOWN, batch, {"errors": 1, "warnings": 4}, AT)
    assert (seen.lines_total, seen.rotations, seen.gaps, seen.lost_bytes) == (12, 1, 2, 5)
    assert seen.matches == {"errors": 3, "warnings": 4}
    assert seen.last_line_at == seen.last_gap_at == AT
    assert counted(KNOWN, Batch(), {}, AT) == KNOWN


def test_very_many_gaps_are_told_as_few_events() -> None:
    events = list(batch_events(KNOWN, 3, [lost(number, 9) for number in range(100)]))
    assert len(events) == 1 + MOST_GAPS_TOLD + 1
    assert events[0].message == "app (/var/log/app.log) was rotated 3 times"
    assert events[1].message == "app (/var/log/app.log) may lack lines of /l (9 bytes): it is gone"
    assert events[-1].message == "app (/var/log/app.log) may lack lines in 95 other places"
    assert {event.severity for event in events[1:]} == {"warning"}


def test_trouble_is_told_with_its_reason_and_its_end_with_what_it_was() -> None:
    denied = row(Batch(status="denied", error="/var/log/app.log: permission denied"))
    assert trouble_event(denied, None).message == (
        "app (/var/log/app.log) may not be read: /var/log/app.log: permission denied"
    )
    assert trouble_event(KNOWN, "missing").message == "app (/var/log/app.log) is there again"
    assert trouble_event(KNOWN, "stuck").message == "app (/var/log/app.log) can be read again"


def test_a_match_that_never_matched_is_a_zero() -> None:
    samples = {
        (sample.name, sample.labels.get("match")): sample.value for sample in samples_of(KNOWN, ["errors", "rare"])
    }
    assert samples["etlmon_log_match_total", "errors"] == 2
    assert samples["etlmon_log_match_total", "rare"] == 0
    assert samples["etlmon_log_up", None] == 1
