"""Logs followed for real: files, runner and store; what hangs stands in test_logs_stuck.py."""

import asyncio
import os
import statistics
import time
from pathlib import Path

import pytest

from node.collector import Prompted, Resumable
from node.collectors import COLLECTORS
from node.collectors.logs import LogCollector, build
from node.settings import LogMatch, Multiline, NodeSettings, WatchedLog
from node.sources.watch import Watcher
from node.store import logs as store
from tests.node.collecting import until
from tests.node.collectors.following import append, following, rotate, write
from tests.node.store.opened import opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_what_is_written_is_stored_with_its_severity_and_counted(tmp_path: Path, log: Path) -> None:
    log.write_text("INFO one\nERROR two\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("INFO one", "ERROR two")
            append(log, "WARN three\nERROR four\n")
            await followed.until_lines("INFO one", "ERROR two", "WARN three", "ERROR four")
            await followed.until_idle()
            row = await followed.row()
            assert (row.status, row.lines_total, row.matches) == ("following", 4, {"errors": 2, "warnings": 1})
            on_disk = os.stat(log)  # noqa: PTH116
            assert (row.size_bytes, row.offset, row.lag_bytes) == (on_disk.st_size, on_disk.st_size, 0)
            assert (row.inode, row.files, row.polled) == (on_disk.st_ino, 1, False)
            assert row.errors_per_min == 1  # the first two lines were there before anybody looked
            assert row.lines_per_sec > 0
            assert followed.sample("etlmon_log_lines_total") == 4
            assert followed.sample("etlmon_log_match_total", match="errors") == 2
            assert followed.sample("etlmon_log_match_total", match="warnings") == 1
            assert followed.sample("etlmon_log_up") == 1
            assert followed.sample("etlmon_log_lag_bytes") == followed.sample("etlmon_log_gaps_total") == 0

    asyncio.run(check())


def test_a_line_is_in_the_store_a_quarter_of_a_second_after_it_was_written(tmp_path: Path, log: Path) -> None:
    log.write_text("")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_idle()
            took = []
            for number in range(20):
                generation = followed.stage.database.generation
                append(log, f"{number}\n")
                began = time.monotonic()
                await until(lambda generation=generation: followed.stage.database.generation > generation)  # type: ignore[misc]
                took.append(time.monotonic() - began)
            # Half of a look's interval, and the time of the store: on a busy machine half of them may take longer.
            assert statistics.quantiles(took, n=4)[0] < 0.25
            assert statistics.median(took) < 0.45

    asyncio.run(check())


def test_an_idle_log_writes_nothing(tmp_path: Path, log: Path) -> None:
    log.write_text("one\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one")
            await followed.until_idle()
            generation = followed.stage.database.generation
            for _ in range(5):
                followed.stage.runner.trigger(followed.collector.name)
                await followed.until_idle()
            assert followed.stage.database.generation == generation
            assert followed.sample("etlmon_log_lines_total") == 1

    asyncio.run(check())


def test_a_rotation_loses_nothing_and_is_told(tmp_path: Path, log: Path) -> None:
    log.write_text("one\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one")
            rotate(log, late="two\n", first="three\n")
            await until(lambda: followed.sample("etlmon_log_lines_total") == 3)
            assert sorted(await followed.lines()) == ["one", "three", "two"]
            assert [event.kind for event in await followed.events()] == ["log_rotated"]
            assert (await followed.row()).rotations == 1

    asyncio.run(check())


def test_a_truncation_is_a_gap_that_row_event_and_samples_tell(tmp_path: Path, log: Path) -> None:
    log.write_text("one\ntwo\nthree\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one", "two", "three")
            os.truncate(log, 0)
            append(log, "new\n")
            await followed.until_lines("one", "two", "three", "new")
            await followed.until_idle()
            row = await followed.row()
            assert row.gaps == followed.sample("etlmon_log_gaps_total") == 1
            assert row.last_gap_at is not None
            [event] = [event for event in await followed.events() if event.kind == "log_gap"]
            assert event.severity == "warning"
            assert str(log) in event.message

    asyncio.run(check())


def test_a_log_that_is_missing_is_told_at_first_sight_and_again_when_it_is_back(tmp_path: Path, log: Path) -> None:
    async def check() -> None:
        async with following(tmp_path, log) as followed:
            row = await followed.until_status("missing")
            assert row.error_message
            await followed.until_idle()
            assert followed.sample("etlmon_log_up") == 0
            write(log, "one\n")
            await followed.until_lines("one")
            await followed.until_status("following")
            assert [(event.kind, event.severity) for event in await followed.events()] == [
                ("log_missing", "warning"),
                ("log_back", "info"),
            ]

    asyncio.run(check())


def test_a_log_that_is_missing_for_a_moment_is_no_event(tmp_path: Path, log: Path) -> None:
    log.write_text("one\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one")
            os.unlink(log)  # noqa: PTH108
            await followed.until_status("missing")
            write(log, "two\n")
            await followed.until_lines("one", "two")
            await followed.until_status("following")
            assert {event.kind for event in await followed.events()} <= {"log_rotated"}

    asyncio.run(check())


def test_a_paused_log_reads_nothing_keeps_its_place_and_stays_paused_over_a_restart(tmp_path: Path, log: Path) -> None:
    log.write_text("one\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one")
            await followed.pause(True)
            append(log, "two\n")
            await followed.until_status("paused")
            await followed.until_idle()
            assert followed.sample("etlmon_log_paused") == 1
            assert await followed.lines() == ["one"]
        async with following(tmp_path, log) as followed:
            await followed.until_idle()
            await asyncio.sleep(0.5)
            assert await followed.lines() == ["one"]
            assert (await followed.row()).lag_bytes == 4
            await followed.pause(False)
            await followed.until_lines("one", "two")
            await followed.until_status("following")
            await followed.until_idle()
            assert followed.sample("etlmon_log_paused") == 0

    asyncio.run(check())


def test_a_log_that_is_not_followed_is_read_once_with_its_unfinished_line(tmp_path: Path, log: Path) -> None:
    log.write_text("one\ntwo")

    async def check() -> None:
        async with following(tmp_path, log, follow=False) as followed:
            await followed.until_lines("one", "two")
            await followed.until_status("ended")
            await followed.until_idle()
            append(log, "\nthree\n")
            await asyncio.sleep(0.5)
            followed.stage.runner.trigger(followed.collector.name)
            await followed.until_idle()
            assert await followed.lines() == ["one", "two"]
            assert followed.sample("etlmon_log_up") == 1
        async with following(tmp_path, log, follow=False) as followed:
            await followed.until_lines("one", "two", "three")

    asyncio.run(check())


def test_records_of_several_lines_and_own_matches(tmp_path: Path, log: Path) -> None:
    log.write_text("06:00 job\n  at x\n  rejected 7 rows\n06:01 fine\n")
    settings = {
        "multiline": Multiline(start=r"^\d\d:"),
        "match": (LogMatch(name="rejected", pattern=r"rejected \d+ rows", severity="warning"),),
    }

    async def check() -> None:
        async with following(tmp_path, log, **settings) as followed:
            append(log, "06:02 end\n")
            await followed.until_lines("06:00 job\n  at x\n  rejected 7 rows", "06:01 fine")
            assert (await followed.row()).matches == {"rejected": 1}

    asyncio.run(check())


def test_a_pattern_that_is_switched_off_is_told_once_and_the_lines_go_on(tmp_path: Path, log: Path) -> None:
    log.write_text("")
    slow = (LogMatch(name="slow", pattern="^(a|aa|a)*$"),)

    async def check() -> None:
        async with following(tmp_path, log, match=slow) as followed:
            for number in range(1, 6):
                append(log, "a" * 60 + "!\n")
                await until(lambda number=number: followed.sample("etlmon_log_lines_total") == number)  # type: ignore[misc]
            row = await followed.row()
            assert row.status == "following"
            assert row.error_message is not None
            assert "the match slow" in row.error_message
            assert [event.kind for event in await followed.events()] == ["log_match_off"]

    asyncio.run(check())


def test_a_changed_log_goes_on_from_its_place_and_an_unchanged_one_is_left_alone(tmp_path: Path, log: Path) -> None:
    log.write_text("one\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one")
        append(log, "two\n")
        async with following(tmp_path, log, start="end", match=()) as followed:
            await followed.until_lines("one", "two")

    asyncio.run(check())
    one, same = (build(NodeSettings(logs=(WatchedLog(name="app", path=str(log)),)))[0] for _ in range(2))
    other = build(NodeSettings(logs=(WatchedLog(name="app", path=str(log), match=()),)))[0]
    assert one.options == same.options
    assert one.options != other.options


def test_it_is_registered_prompted_and_resumable(tmp_path: Path) -> None:
    [registration] = [one for one in COLLECTORS if one.domain == "logs"]
    settings = NodeSettings(logs=(WatchedLog(name="a", path="/a"), WatchedLog(name="b", path="/b*")))
    assert [collector.name for collector in registration.build(settings)] == ["logs:a", "logs:b"]
    collector = LogCollector(settings.logs[0], Watcher())
    assert isinstance(collector, Prompted)
    assert isinstance(collector, Resumable)


def test_a_log_that_is_not_configured_any_more_is_not_listed(tmp_path: Path, log: Path) -> None:
    log.write_text("one\n")

    async def check() -> None:
        async with following(tmp_path, log) as followed:
            await followed.until_lines("one")
        [registration] = [one for one in COLLECTORS if one.domain == "logs"]
        prune = registration.prune
        assert prune is not None
        async with opened(tmp_path / "etlmon.db") as database:
            assert [row.name for row in await database.read(store.logs)] == ["app"]
            await database.write(lambda db: prune(db, NodeSettings(), ()))
            assert await database.read(store.logs) == []

    asyncio.run(check())
