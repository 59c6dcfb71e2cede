"""Logs on file systems that hang, and stores that are full: what it costs the others, and what is lost (nothing)."""

import asyncio
import time
from pathlib import Path

import pytest

from node.collectors.logs import LogCollector
from node.settings import WatchedLog
from node.sources import tailing
from node.sources.watch import Watcher
from node.store import logs as store
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import running, until
from tests.node.collectors.following import Followed, append, following, write
from tests.peers import tmpfs


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "ANSWER_SEC", 0.5)


@pytest.mark.peer("fuse")
def test_a_stuck_log_says_so_and_goes_on_when_its_file_system_answers(tmp_path: Path) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        write(log, "one\n")
        async with following(tmp_path, served.mount_point / "app.log") as followed:
            await followed.until_lines("one")
            assert (await followed.row()).polled
            append(log, "two\n")
            served.hang("getattr", "read")
            row = await followed.until_status("stuck")
            assert row.error_message is not None
            assert "does not answer" in row.error_message
            await followed.until_idle()
            assert followed.sample("etlmon_log_up") == 0
            generation, runs = followed.stage.database.generation, followed.stage.health("logs:app").last_run_at
            await until(lambda: followed.stage.health("logs:app").last_run_at != runs)
            await followed.until_idle()
            assert followed.stage.database.generation == generation  # it is still stuck, and that is no news
            assert followed.stage.health(followed.collector.name).consecutive_failures == 0
            served.release()
            await followed.until_lines("one", "two")
            await followed.until_status("following")
            told = [event.kind for event in await followed.events()]
            # On a busy machine an answer may be late once more.
            assert told == ["log_stuck", "log_back"] * (len(told) // 2)
            assert told

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_other_logs_do_not_notice_and_a_stop_does_not_wait(tmp_path: Path) -> None:
    async def check(served: HangFs) -> None:
        beside = tmp_path / "beside.log"
        write(beside, "")
        watcher = Watcher()
        stuck = LogCollector(WatchedLog(name="stuck", path=str(served.mount_point / "file")), watcher)
        well = LogCollector(WatchedLog(name="app", path=str(beside)), watcher)
        async with running(tmp_path, stuck, well, record=store.record) as stage:
            hung, followed = Followed(stage, "stuck", stuck), Followed(stage, "app", well)
            await hung.until_lines("content")
            served.hang("getattr", "read")
            await hung.until_status("stuck")
            lines = []
            for number in range(10):
                append(beside, f"{number}\n")
                lines.append(str(number))
                began = time.monotonic()
                await followed.until_lines(*lines)
                assert time.monotonic() - began < 10  # the other hangs for a minute
            began = time.monotonic()
        assert time.monotonic() - began < 10

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("tmpfs")
def test_a_full_disk_loses_nothing_and_reading_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async def check(disk: Path) -> None:
        log = tmp_path / "app.log"
        write(log, "one\n")
        ballast = disk / "ballast"
        async with following(disk, log) as followed:
            await followed.until_lines("one")
            room = followed.stage.database.health().free_bytes
            assert room is not None
            write(ballast, "x" * (room - 8192))
            expected = ["one", *(f"line {number} {'x' * 100}" for number in range(3000))]
            append(log, "".join(f"{line}\n" for line in expected[1:]))
            await until(lambda: followed.stage.database.health().error is not None)
            assert await followed.lines() == ["one"]
            write(ballast, "")
            await until(lambda: followed.sample("etlmon_log_lines_total") == len(expected), within_sec=20)
            assert await followed.lines() == expected
            assert followed.stage.database.health().error is None

    with tmpfs(tmp_path / "disk", "size=2m") as disk:
        asyncio.run(check(disk))
