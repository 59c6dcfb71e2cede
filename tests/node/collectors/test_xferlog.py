"""xferlog: a log is read to its end, once, through whatever happens to it."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.xferlog import TransferQuery
from etlmon.units import Duration
from node.collector import Prompted, Reading, Registration, Resumable
from node.collectors import xferlog
from node.collectors.xferlog_rows import MOST_TOLD, MOST_UNPARSED
from node.runner import Runner
from node.settings import ExpectedMount, Fs, NodeSettings, Xferlog
from node.store import xferlog as store
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import until
from tests.node.collectors.transferring import DATA, Stage, append, line, own_line, watching
from tests.node.store.opened import START, after, opened

Scenario = Callable[[Stage], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario, **settings: Any) -> None:
    async def main() -> None:
        async with watching(tmp_path, **settings) as stage:
            await scenario(stage)

    asyncio.run(main())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("name", "count", "format_"),
    [
        ("vsftpd-dual.xferlog", 63, "xferlog"),
        ("vsftpd-dual.vsftpd.log", 78, "vsftpd"),
        ("vsftpd-v6mapped.xferlog", 3, "xferlog"),
        ("vsftpd-v6mapped.vsftpd.log", 3, "vsftpd"),
    ],
)
def test_a_real_log_is_stored_whole(tmp_path: Path, name: str, count: int, format_: str) -> None:
    async def scenario(stage: Stage) -> None:
        shutil.copy(DATA / name, stage.log)
        await stage.look()
        source = await stage.source()
        assert len(await stage.transfers()) == source.transfers_total == count
        assert (source.format, source.status, source.unparsed_total) == (format_, "following", 0)
        assert source.offset == source.size_bytes == stage.log.stat().st_size
        assert (source.lag_bytes, source.files, source.gaps) == (0, 1, 0)
        assert source.last_transfer_at == max(row.log_time for row in await stage.transfers())
        assert {row.remote_host for row in await stage.transfers()} == {"127.0.0.1"}

    play(tmp_path, scenario)


def test_the_time_of_a_line_is_the_end_of_the_transfer_in_the_server_s_zone(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        shutil.copy(DATA / "vsftpd-dual.xferlog", stage.log)
        await stage.look()
        (killed,) = [row for row in await stage.transfers() if row.filename.endswith("upload_killed.bin")]
        assert killed.log_time == utc("2026-11-20T20:11:23")
        assert killed.started_at == killed.log_time - timedelta(seconds=3)
        assert (killed.status, killed.outcome) == ("complete", "complete")

    play(tmp_path, scenario, timezone="Asia/Seoul")


@pytest.mark.parametrize("name", ["vsftpd-dst.xferlog", "vsftpd-dst.vsftpd.log"])
def test_a_server_s_clock_that_is_put_forward_is_followed(tmp_path: Path, name: str) -> None:
    async def scenario(stage: Stage) -> None:
        shutil.copy(DATA / name, stage.log)
        await stage.look()
        ends = [row.log_time for row in await stage.transfers()]
        assert ends == [utc("2026-03-08T06:59:56"), utc("2026-03-08T07:00:04")]

    play(tmp_path, scenario, timezone="America/New_York")


def test_an_hour_that_comes_twice_is_told_apart_by_the_order_of_the_lines_over_a_restart_too(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        local = datetime.fromisoformat("2026-11-01T01:00:00")
        append(stage.log, *(line(moment=local + timedelta(minutes=at)) for at in (10, 50, 5, 20)))
        await stage.look()
        await stage.restart()
        append(stage.log, *(line(moment=local + timedelta(minutes=at)) for at in (40, 59, 65)))
        await stage.look()
        ends = [f"{row.log_time:%H:%M}" for row in await stage.transfers()]
        assert ends == ["05:10", "05:50", "06:05", "06:20", "06:40", "06:59", "07:05"]

    play(tmp_path, scenario, timezone="America/New_York")


def test_a_quiet_log_tells_the_second_pass_by_when_it_is_read(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.now = utc("2026-11-01T05:10:00")
        append(stage.log, line(moment=datetime.fromisoformat("2026-11-01T01:10:00")))
        await stage.look()
        stage.now = utc("2026-11-01T06:39:50")
        await stage.look(0)
        append(stage.log, line(moment=datetime.fromisoformat("2026-11-01T01:40:00")))
        await stage.look(10)
        ends = [row.log_time for row in await stage.transfers()]
        assert ends == [utc("2026-11-01T05:10:00"), utc("2026-11-01T06:40:00")]

    play(tmp_path, scenario, timezone="America/New_York")


def test_equal_lines_are_as_many_transfers(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, *[line()] * 200)
        await stage.look()
        append(stage.log, *[line()] * 3)
        await stage.look()
        assert len(await stage.transfers()) == 203

    play(tmp_path, scenario)


def test_sessions_that_go_on_writing_into_rotated_logs_are_followed(tmp_path: Path) -> None:
    """The lines of tests/data/xferlog/rotated-xferlog*, written in the order in which the sessions wrote them."""
    names = ("rotated-xferlog.3", "rotated-xferlog.2", "rotated-xferlog.1", "rotated-xferlog")
    oldest, second, third, newest = ((DATA / name).read_text().splitlines(keepends=True) for name in names)

    async def scenario(stage: Stage) -> None:
        log = stage.log
        with log.open("a", buffering=1) as first_session:
            first_session.write(oldest[0])
            await stage.look()
            log.rename(tmp_path / "xferlog.1")
            log.touch()
            with log.open("a", buffering=1) as second_session:
                first_session.write(oldest[1])
                second_session.write(second[0])
                await stage.look()
                (tmp_path / "xferlog.1").rename(tmp_path / "xferlog.2")
                log.rename(tmp_path / "xferlog.1")
                append(log, *third)
                second_session.write(second[1])
                first_session.write(oldest[2])
                await stage.look()
                (tmp_path / "xferlog.2").rename(tmp_path / "xferlog.3")
                (tmp_path / "xferlog.1").rename(tmp_path / "xferlog.2")
                log.rename(tmp_path / "xferlog.1")
                append(log, *newest)
                await stage.look()
        source = await stage.source()
        assert Counter(await stage.names()) == Counter(text.split(" ")[8] for text in oldest + second + third + newest)
        assert (source.rotations, source.files, source.gaps) == (3, 4, 0)

    play(tmp_path, scenario)


def test_what_rotated_while_the_node_was_down_is_finished_first(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line("/1"))
        await stage.look()
        append(stage.log, line("/2"))
        stage.log.rename(tmp_path / "xferlog.1")
        append(stage.log, line("/3"))
        await stage.restart()
        await stage.look()
        assert await stage.names() == ["/1", "/2", "/3"]

    play(tmp_path, scenario)


def test_a_reading_that_was_not_stored_is_made_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line("/1"))
        await stage.look()
        append(stage.log, line("/2"), "garbage\n")
        lost = [reading async for reading in stage.collector.readings(after(5))]
        assert len(lost[0].rows[0].transfers) == 1
        await stage.database.read(stage.collector.resume)
        await stage.look()
        source = await stage.source()
        assert await stage.names() == ["/1", "/2"]
        assert (source.transfers_total, source.unparsed_total) == (2, 1)
        assert samples(await stage.look())["etlmon_xferlog_transfers_total upload complete"] == 2

    play(tmp_path, scenario)


def test_transfers_before_parse_start_are_neither_stored_nor_counted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line("/old", after(-1)), line("/new", START))
        await stage.look()
        assert await stage.names() == ["/new"]
        assert (await stage.source()).transfers_total == 1

    play(tmp_path, scenario, parse_start="2026-11-21T15:00:00+09:00")


def test_a_server_that_changes_its_format_needs_no_restart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line("/1"))
        await stage.look()
        assert (await stage.source()).format == "xferlog"
        append(stage.log, own_line("/2"), own_line("/2", act="OK DELETE"))
        await stage.look()
        assert (await stage.source()).format == "vsftpd"
        assert [row.direction for row in await stage.transfers()] == ["upload", "upload", "delete"]

    play(tmp_path, scenario)


def test_lines_that_cannot_be_read_are_kept_with_the_reason_and_counted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, "garbage \x1b[31m\n", line(), "x" * 70_000 + "\n", "y" * 5000 + "\n")
        await stage.look()
        garbage, cut, long = await stage.unparsed()
        assert (garbage.line, garbage.reason) == ("garbage \x1b[31m", "it does not begin with a date")
        assert cut.reason == "it is too long and was cut"
        assert len(long.line) == 4096
        assert (await stage.source()).unparsed_total == 3
        assert len(await stage.transfers()) == 1

    play(tmp_path, scenario)


def test_a_log_of_something_else_costs_no_more_than_a_few_lines(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, *(f"{number}\n" for number in range(1000)))
        await stage.look()
        assert (await stage.source()).unparsed_total == 1000
        assert len(await stage.unparsed()) == MOST_UNPARSED

    play(tmp_path, scenario)


def test_a_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line()[:60])
        await stage.look()
        assert await stage.unparsed() == []
        append(stage.log, line()[60:])
        await stage.look()
        assert len(await stage.transfers()) == 1

    play(tmp_path, scenario)


def test_a_missing_log_is_an_event_and_so_is_its_coming(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        readings = await stage.look()
        source = await stage.source()
        assert source.status == "missing"
        assert str(stage.log) in (source.error_message or "")
        assert samples(readings)["etlmon_xferlog_up"] == 0
        await stage.look()
        append(stage.log, line())
        readings = await stage.look()
        assert samples(readings)["etlmon_xferlog_up"] == 1
        assert (await stage.source()).error_message is None
        assert stage.kinds == ["xferlog_missing", "xferlog_back"]
        await stage.restart()
        await stage.look()
        assert stage.kinds == ["xferlog_missing", "xferlog_back"]

    play(tmp_path, scenario)


def test_a_truncated_log_leaves_a_gap(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, *(line(f"/{number}") for number in range(20)))
        await stage.look()
        stage.log.write_text(line("/after"))
        await stage.look()
        assert (await stage.names())[-1] == "/after"
        assert (await stage.source()).gaps == 1
        assert stage.kinds == ["xferlog_gap"]

    play(tmp_path, scenario)


def test_uploads_that_broke_off_are_told_and_many_are_counted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, *(line(f"/{number}", stage.now, status="i") for number in range(MOST_TOLD + 5)))
        append(stage.log, line("/refused", stage.now, size=0, status="i"), line("/got", stage.now, way="o", status="i"))
        append(stage.log, line("/long_ago", after(-7200), status="i"))
        await stage.look()
        assert stage.kinds == ["upload_interrupted"] * MOST_TOLD
        first = stage.events[0]
        assert (first.key, first.severity, first.domain) == ("/0", "warning", "xferlog")
        assert first.message == "the upload of /0 by etl from 10.0.0.7 broke off after 1,500 bytes"
        append(stage.log, line("/later", stage.now + timedelta(minutes=6), status="i"))
        await stage.look(360)
        assert stage.events[MOST_TOLD].message == "5 more uploads broke off"
        assert stage.events[-1].key == "/later"

    play(tmp_path, scenario)


def test_a_look_that_finds_nothing_new_stores_nothing_but_now_and_then(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line())
        await stage.look()
        (again,) = await stage.look()
        assert again.unchanged
        assert samples([again])["etlmon_xferlog_bytes_total upload"] == 1500
        (later,) = await stage.look(31)
        assert not later.unchanged
        assert (await stage.source()).collected_at == stage.now

    play(tmp_path, scenario)


def samples(readings: list[Reading[Any]]) -> dict[str, float]:
    """The last reading's, by name and label values."""
    return {" ".join((one.name, *one.labels.values())): one.value for one in readings[-1].samples}


def test_transfers_are_counted_from_0_on_so_that_the_first_one_is_an_increase(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, "")
        before = samples(await stage.look())
        append(stage.log, line("/1"))
        after_it = samples(await stage.look())
        uploads = "etlmon_xferlog_transfers_total upload complete"
        assert (before[uploads], after_it[uploads]) == (0, 1)
        assert before["etlmon_xferlog_transfers_total upload incomplete"] == 0
        assert "etlmon_xferlog_transfers_total delete complete" not in before

    play(tmp_path, scenario)


def test_the_numbers_go_on_over_a_restart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        shutil.copy(DATA / "vsftpd-dual.vsftpd.log", stage.log)
        await stage.look()
        await stage.restart()
        assert samples(await stage.look()) == {
            "etlmon_xferlog_transfers_total upload complete": 49,
            "etlmon_xferlog_transfers_total upload incomplete": 5,
            "etlmon_xferlog_transfers_total download complete": 5,
            "etlmon_xferlog_transfers_total download incomplete": 4,
            "etlmon_xferlog_interrupted_total upload": 2,
            "etlmon_xferlog_interrupted_total download": 2,
            "etlmon_xferlog_transfers_total delete complete": 2,
            "etlmon_xferlog_transfers_total delete incomplete": 1,
            "etlmon_xferlog_transfers_total rename complete": 2,
            "etlmon_xferlog_transfers_total rename incomplete": 1,
            "etlmon_xferlog_transfers_total mkdir complete": 4,
            "etlmon_xferlog_transfers_total mkdir incomplete": 1,
            "etlmon_xferlog_transfers_total rmdir complete": 2,
            "etlmon_xferlog_transfers_total chmod complete": 2,
            "etlmon_xferlog_bytes_total upload": sum(
                row.bytes for row in await stage.transfers() if row.direction == "upload"
            ),
            "etlmon_xferlog_bytes_total download": sum(
                row.bytes for row in await stage.transfers() if row.direction == "download"
            ),
            "etlmon_xferlog_unparsed_total": 0,
            "etlmon_xferlog_lag_bytes": 0,
            "etlmon_xferlog_up": 1,
        }

    play(tmp_path, scenario)


def test_a_zone_that_cannot_be_right_is_noticed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        append(stage.log, line())
        await stage.look()
        append(stage.log, line(moment=stage.now + timedelta(hours=9)))
        await stage.look()
        await stage.look(61)
        advice = "the log's times are 9h ahead of the clock of this host: set xferlog.timezone to the server's zone"
        assert (await stage.source()).advice == [advice]
        append(stage.log, line(moment=stage.now))
        await stage.look()
        await stage.look(61)
        assert (await stage.source()).advice == []

    play(tmp_path, scenario)


def test_the_settings_of_the_server_are_looked_at_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        conf = tmp_path / "vsftpd.conf"
        conf.write_text(f"xferlog_enable=YES\nxferlog_std_format=YES\nxferlog_file={stage.log}\n")
        append(stage.log, line())
        await stage.look()
        assert "deletions" in (await stage.source()).advice[0]
        conf.write_text(f"xferlog_enable=YES\nxferlog_std_format=NO\nxferlog_file={stage.log}\n")
        await stage.look(61)
        assert (await stage.source()).advice[0].startswith("vsftpd writes /var/log/vsftpd.log and not")

    play(tmp_path, scenario)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangFs]:
    with hangfs(tmp_path / "mount") as mounted:
        yield mounted


@pytest.mark.peer("fuse")
def test_a_log_on_a_file_system_that_does_not_answer_is_stuck_and_then_goes_on(tmp_path: Path, hanging: HangFs) -> None:
    append(hanging.backing / "xferlog", line("/1"))

    async def main() -> None:
        async with watching(tmp_path, hanging.mount_point / "xferlog") as stage:
            await stage.look()
            assert (await stage.source()).polled
            hanging.hang("getattr", "read")
            append(hanging.backing / "xferlog", line("/2"))
            await stage.look()
            stuck = await stage.source()
            assert (stuck.status, stuck.transfers_total) == ("stuck", 1)
            assert "does not answer" in (stuck.error_message or "")
            hanging.release()

            async def reads_on() -> bool:
                await stage.look()
                return len(await stage.transfers()) == 2

            await until(reads_on)
            assert stage.kinds == ["xferlog_stuck", "xferlog_back"]

    asyncio.run(main())


def test_twenty_thousand_lines_a_second_are_read_and_stored(tmp_path: Path) -> None:
    """Some 50,000 are measured; a test on a busy machine asks for a good part of what is promised."""

    async def main() -> None:
        real = (DATA / "vsftpd-dual.xferlog").read_text().splitlines(keepends=True)
        (tmp_path / "xferlog").write_text("".join(real * (60_000 // len(real))))
        registration = Registration("xferlog", xferlog.build, store.record)
        settings = NodeSettings(xferlog=Xferlog(path=str(tmp_path / "xferlog"), timezone="UTC"))
        async with opened(tmp_path / "etlmon.db") as database:
            runner = Runner(database, (registration,))
            began = time.process_time()
            await runner.start(settings)
            try:

                async def all_is_read() -> bool:
                    rows = await database.read(store.source)
                    return bool(rows) and rows[0].status == "following"

                await until(all_is_read, 60)
                took_sec = time.process_time() - began
                (source,) = await database.read(store.source)
                assert source.transfers_total == len(real) * (60_000 // len(real))
                assert source.transfers_total / took_sec > 10_000
            finally:
                await runner.stop()

    asyncio.run(main())


def test_a_line_is_there_soon_after_it_was_written(tmp_path: Path) -> None:
    async def main() -> None:
        log = tmp_path / "xferlog"
        append(log, line("/1"))
        registration = Registration("xferlog", xferlog.build, store.record)
        async with opened(tmp_path / "etlmon.db") as database:
            runner = Runner(database, (registration,))
            await runner.start(NodeSettings(xferlog=Xferlog(path=str(log))))
            try:

                async def count() -> int:
                    return len(await database.read(store.transfers, TransferQuery()))

                for number in range(1, 4):
                    await until(lambda number=number: _is(count, number), 2)  # type: ignore[misc]
                    append(log, line(f"/{number + 1}"))
            finally:
                await runner.stop()

    asyncio.run(main())


async def _is(count: Callable[[], Awaitable[int]], number: int) -> bool:
    return await count() == number


def test_collectors_are_built_for_what_is_configured() -> None:
    assert xferlog.build(NodeSettings()) == []
    log = "/var/log/xferlog"
    (reader,) = xferlog.build(NodeSettings(xferlog=Xferlog(path=log)))
    assert isinstance(reader, Resumable)
    assert isinstance(reader, Prompted)
    fs = Fs(expect=(ExpectedMount(mount="/srv//ftp/"),))
    section = Xferlog(path=log, root="/srv/ftp", reconcile_interval=Duration(60))
    both = xferlog.build(NodeSettings(xferlog=section, fs=fs))
    assert [(one.name, one.domain) for one in both] == [("xferlog", "xferlog"), ("xferlog:disk", "xferlog")]
    assert both[1].interval_sec == 60
    assert both[0].options == reader.options
    assert both[1].options != xferlog.build(NodeSettings(xferlog=section))[1].options
