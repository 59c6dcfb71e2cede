from datetime import timedelta

import pytest

from etlmon.contract.logs import LogStatus
from etlmon.contract.xferlog import XferSource
from node.collectors.xferlog_rows import (
    MOST_TOLD,
    TOLD_WITHIN,
    Interruptions,
    Lines,
    counted,
    samples_of,
    source_events,
    status_of,
)
from node.sources.tail_types import Batch, Chunk
from node.sources.zones import LineClock, zone_of
from tests.node.collectors.transferring import line, own_line
from tests.node.store.opened import START, after


def read(*lines: str, **chunk: frozenset[int]) -> Lines:
    read = Lines("auto", None, START)
    texts = [text.rstrip("\n") for text in lines]
    read.read(Chunk(key=1, path="/log", inode=1, lines=texts, **chunk), LineClock(zone_of("UTC")), None)
    return read


def source(status: LogStatus, error: str | None = None) -> XferSource:
    return XferSource(path="/log", status=status, error_message=error, collected_at=START)


def test_a_line_that_broke_off_says_so_and_a_cut_one_too() -> None:
    lines = read(line()[:50], "x" * 50, partial=frozenset({0}), truncated=frozenset({1}))
    assert [one.reason for one in lines.unparsed] == [
        "it has fewer than 12 fields after its date; its end was never written",
        "it is too long and was cut",
    ]


def test_a_whole_line_without_its_line_feed_is_a_transfer() -> None:
    assert len(read(line(), partial=frozenset({0})).transfers) == 1


def test_only_transfers_have_a_start() -> None:
    deleted, moved = read(own_line(act="OK DELETE"), own_line(size=102_400)).transfers
    assert deleted.started_at is None
    assert (moved.started_at, moved.transfer_time_sec) == (after(-1), 1.0)


def test_seconds_beyond_reason_give_no_start() -> None:
    (row,) = read(line().replace(" 1 10.", " 999999999999999 10.")).transfers
    assert row.started_at is None


@pytest.mark.parametrize(
    ("batch", "status"),
    [
        (Batch(), "following"),
        (Batch(more=True), "behind"),
        (Batch(status="missing"), "missing"),
        (Batch(status="denied", more=True), "denied"),
    ],
)
def test_a_look_tells_how_the_log_fares(batch: Batch, status: LogStatus) -> None:
    assert status_of(batch) == status


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (None, "following", []),
        (None, "missing", ["xferlog_missing"]),
        ("following", "behind", []),
        ("following", "denied", ["xferlog_denied"]),
        ("behind", "stuck", ["xferlog_stuck"]),
        ("stuck", "stuck", []),
        ("stuck", "error", ["xferlog_error"]),
        ("missing", "following", ["xferlog_back"]),
        ("error", "behind", ["xferlog_back"]),
    ],
)
def test_what_happens_to_the_log_is_told_once(before: LogStatus | None, now: LogStatus, kinds: list[str]) -> None:
    assert [event.kind for event in source_events(before, source(now, "words"), [])] == kinds


def test_interruptions_are_told_so_many_in_a_time_and_no_more() -> None:
    told = Interruptions()
    broken = read(*[line(status="i")] * (MOST_TOLD + 2)).transfers
    assert len(list(told.events("/log", broken, START))) == MOST_TOLD
    assert list(told.events("/log", broken, after(1))) == []
    later = list(told.events("/log", [], START + TOLD_WITHIN))
    assert [event.message for event in later] == [f"{MOST_TOLD + 4} more uploads broke off"]
    assert len(list(told.events("/log", broken, START + TOLD_WITHIN + timedelta(seconds=1)))) == MOST_TOLD


def test_a_clock_that_is_set_back_does_not_silence_them() -> None:
    told = Interruptions()
    broken = read(*[line(status="i")] * MOST_TOLD).transfers
    list(told.events("/log", broken, after(3600)))
    assert len(list(told.events("/log", broken, START))) == MOST_TOLD


def test_what_broke_off_is_counted_apart_from_what_was_refused() -> None:
    lines = [
        own_line(act="FAIL UPLOAD", size=10),
        own_line(act="FAIL DOWNLOAD", size=20),
        own_line(act="FAIL DOWNLOAD", size=0),
        own_line(act="FAIL DELETE"),
        own_line(act="OK UPLOAD", size=40),
    ]
    stated = list(samples_of(source("following"), counted({}, read(*lines).transfers)))
    broken = {one.labels["direction"]: one.value for one in stated if one.name == "etlmon_xferlog_interrupted_total"}
    sizes = {one.labels["direction"]: one.value for one in stated if one.name == "etlmon_xferlog_bytes_total"}
    incomplete = {one.labels["direction"]: one.value for one in stated if one.labels.get("status") == "incomplete"}
    assert broken == {"upload": 1, "download": 1}
    assert sizes == {"upload": 50, "download": 20}, "no byte counts twice"
    assert incomplete == {"upload": 1, "download": 2, "delete": 1}
