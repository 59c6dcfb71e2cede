"""The paths collector on real trees, real mounts and a real store."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.node import Event
from etlmon.contract.paths import PathStats, PathTop
from etlmon.units import Duration
from node.collector import Reading, Registration
from node.collectors import paths
from node.collectors.paths import PathCollector, build
from node.collectors.paths_order import order_for
from node.settings import ExpectedMount, Fs, NodeSettings, Refresh, WatchedPath
from node.sources.mounts import read_mounts
from node.sources.walk import WalkError
from node.store import paths as store
from node.store.paths import PathScan
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import until
from tests.node.store.opened import opened
from tests.peers import tmpfs

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


class Watch:
    """A watched path whose time the test moves on."""

    def __init__(self, path: Path | str, expect: tuple[ExpectedMount, ...] = (), **rules: Any) -> None:
        self.settings = NodeSettings(paths=(WatchedPath(path=str(path), **rules),), fs=Fs(expect=expect))
        [self.collector] = build(self.settings)
        self.now = START
        self.all: list[Reading[PathScan]] = []
        self.events: list[Event] = []

    async def scan(self) -> PathStats:
        self.now += timedelta(minutes=5)
        async with aclosing(self.collector.readings(self.now)) as readings:
            self.all = [reading async for reading in readings]
        self.events += [event for reading in self.all for event in reading.events]
        return self.all[-1].rows[0].stats

    @property
    def top(self) -> PathTop | None:
        return self.all[-1].rows[0].top

    @property
    def samples(self) -> dict[str, float]:
        return {sample.name.removeprefix("etlmon_path_"): sample.value for sample in self.all[-1].samples}

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def watching(watch: Watch, scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await scenario()
        finally:
            await watch.collector.close()

    asyncio.run(main())


def fill(where: Path, count: int, suffix: str = ".csv") -> None:
    where.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (where / f"{number:04}{suffix}").touch()


def test_a_scan_says_that_it_runs_and_then_what_it_found(tmp_path: Path) -> None:
    fill(tmp_path / "in", 3)
    fill(tmp_path / "in", 2, ".part")
    watch = Watch(tmp_path, name="landing", scan_interval=Duration(60))

    async def scenario() -> None:
        row = await watch.scan()
        begun = watch.all[0].rows[0].stats

        assert watch.collector.name == f"paths:{tmp_path}"
        assert (begun.status, begun.complete, begun.scanned_files, begun.file_count) == ("SCANNING", False, 0, 0)
        assert (row.status, row.state, row.complete, row.name) == ("OK", "ok", True, "landing")
        assert (row.file_count, row.dir_count, row.arriving_count, row.ready_count) == (5, 1, 2, 3)
        assert (row.total_bytes, row.delta_files, row.scanned_files, row.error_message) == (None, None, None, None)
        took_ms = (row.collected_at - watch.now) / timedelta(milliseconds=1)
        assert took_ms == pytest.approx(row.scan_duration_ms, abs=1)
        assert row.next_scan_at == row.collected_at + timedelta(seconds=60)
        assert watch.samples.keys() == {
            "up", "scan_complete", "scan_duration_seconds", "file_count", "dir_count", "arriving_count",
        }  # fmt: skip
        assert (watch.samples["file_count"], watch.samples["arriving_count"], watch.samples["up"]) == (5, 2, 1)
        assert watch.kinds == []

    watching(watch, scenario)


def test_the_next_scan_tells_the_difference_and_keeps_the_counts_until_then(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    watch = Watch(tmp_path)

    async def scenario() -> None:
        await watch.scan()
        fill(tmp_path, 12)
        row = await watch.scan()
        begun = watch.all[0]

        assert (begun.rows[0].stats.status, begun.rows[0].stats.file_count) == ("SCANNING", 5)
        assert (row.file_count, row.delta_files) == (12, 7)

    watching(watch, scenario)


def test_progress_is_told_while_a_slow_scan_goes_on(tmp_path: Path) -> None:
    for number in range(30):
        fill(tmp_path / str(number), 1)
    watch = Watch(tmp_path, max_ops_per_sec=12)

    async def scenario() -> None:
        await watch.scan()
        told = [reading.rows[0].stats for reading in watch.all[:-1]]

        assert 2 <= len(told) <= 12  # once a second
        assert {row.status for row in told} == {"SCANNING"}
        counts = [row.scanned_files or 0 for row in told]
        assert counts == sorted(counts)
        assert 0 < counts[-1] <= 30
        assert told[-1].file_count == counts[-1]

    watching(watch, scenario)


def test_empty_missing_and_back_are_different_things(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    watch = Watch(root)

    async def scenario() -> None:
        empty = await watch.scan()
        assert (empty.state, empty.status, empty.complete, watch.samples["file_count"]) == ("empty", "OK", True, 0)
        root.rmdir()
        missing = await watch.scan()
        assert (missing.state, missing.status, missing.complete) == ("missing", "ERROR", False)
        assert missing.error_message == f"{root} does not exist; create it, or take it out of node.yaml"
        assert "file_count" not in watch.samples
        assert watch.samples["up"] == 0
        root.touch()
        assert "is not a directory" in ((await watch.scan()).error_message or "")
        assert watch.all[-1].unmeasured == [{"path": str(root)}]
        assert not {"file_count", "dir_count"} & watch.samples.keys()
        root.unlink()
        fill(root, 1)
        assert (await watch.scan()).delta_files == 1
        assert watch.all[-1].unmeasured == []
        assert not any(sample.at_least for sample in watch.all[-1].samples)
        assert watch.kinds == ["path_missing", "path_back"]

    watching(watch, scenario)


def test_a_scan_cut_short_gives_a_lower_bound_and_the_reason(tmp_path: Path) -> None:
    for number in range(20):
        fill(tmp_path / str(number), 1)
    slow = Watch(tmp_path, timeout=Duration(3), max_ops_per_sec=4)
    full = Watch(tmp_path, max_files_per_scan=7)

    async def scenario() -> None:
        late, limited = await slow.scan(), await full.scan()

        assert (late.state, late.status, late.complete, late.delta_files) == ("incomplete", "ERROR", False, None)
        assert 0 < late.file_count < 20
        assert "was not counted within 3s" in (late.error_message or "")
        assert (limited.state, limited.complete) == ("incomplete", False)
        assert limited.file_count >= 7
        assert "there are more than 7 files" in (limited.error_message or "")
        assert slow.samples["scan_complete"] == 0
        assert slow.samples["file_count"] == late.file_count
        bounds = {sample.name for sample in slow.all[-1].samples if sample.at_least}
        assert bounds == {f"etlmon_path_{name}_count" for name in ("file", "dir", "arriving")}
        assert slow.kinds == full.kinds == ["scan_incomplete"]

    watching(slow, scenario)


def test_sizes_give_bytes_ages_and_the_largest(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "sub/large").write_bytes(b"x" * 1000)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"x" * 10)
    os.utime(tmp_path / "small", (0, START.timestamp() - 3600))
    os.utime(tmp_path / "sub/large", (0, 10**15))
    watch = Watch(tmp_path, sizes=True, top_n=2)

    async def scenario() -> None:
        row = await watch.scan()

        assert row.total_bytes == 1011
        assert row.oldest_mtime == START - timedelta(hours=1)
        assert row.newest_mtime is not None
        assert row.newest_mtime.year > 2400
        assert watch.top is not None
        assert [(file.path, file.bytes) for file in watch.top.files] == [("sub/large", 1000), ("\\xff", 10)]
        assert [(item.path, item.bytes, item.file_count) for item in watch.top.directories] == [
            ("sub", 1000, 1),
            (".", 11, 2),
        ]
        assert watch.samples["bytes"] == 1011
        assert 3600 + 300 <= watch.samples["oldest_age_seconds"] <= 3600 + 310

    watching(watch, scenario)


@pytest.mark.peer("tmpfs")
def test_a_path_whose_mount_went_away_is_not_mounted_and_not_empty(tmp_path: Path) -> None:
    fill(tmp_path / "mount/in", 0)
    watch = Watch(tmp_path / "mount/in")

    async def scenario() -> None:
        with tmpfs(tmp_path / "mount"):
            fill(tmp_path / "mount/in", 4)
            assert (await watch.scan()).file_count == 4
        row = await watch.scan()
        assert (row.state, row.complete, row.file_count) == ("not_mounted", False, 0)
        assert f"was on {tmp_path}/mount, which is not mounted any more" in (row.error_message or "")
        assert "file_count" not in watch.samples
        with tmpfs(tmp_path / "mount"):
            fill(tmp_path / "mount/in", 5)
            assert (await watch.scan()).delta_files == 1
        assert watch.kinds == ["path_missing", "path_back"]

    watching(watch, scenario)


@pytest.mark.peer("tmpfs")
def test_a_path_below_an_expected_mount_that_is_not_there_is_not_mounted(tmp_path: Path) -> None:
    fill(tmp_path / "mount/in", 1)
    expect = (ExpectedMount(mount=f"{tmp_path}/mount/", fstype="tmpfs"), ExpectedMount(mount="/elsewhere"))
    watch = Watch(tmp_path / "mount/in", expect)

    async def scenario() -> None:
        row = await watch.scan()
        assert (row.state, row.status) == ("not_mounted", "ERROR")
        with tmpfs(tmp_path / "mount"):
            fill(tmp_path / "mount/in", 2)
            assert (await watch.scan()).file_count == 2
        assert (await watch.scan()).state == "not_mounted"

    watching(watch, scenario)


@pytest.mark.peer("tmpfs")
@pytest.mark.parametrize("expect", [True, False])
def test_a_path_that_a_link_leads_to_a_mount_is_not_mounted_without_it(tmp_path: Path, expect: bool) -> None:
    mount = tmp_path / "mount"
    (tmp_path / "in").symlink_to("mount")
    fill(mount, 0)
    watch = Watch(tmp_path / "in", (ExpectedMount(mount=str(mount)),) if expect else ())

    async def scenario() -> None:
        with tmpfs(mount):
            fill(mount / "below", 2)
            with tmpfs(mount / "below"):
                fill(mount / "below", 7)
                fill(mount, 3)
                row = await watch.scan()
                assert (row.state, row.file_count, row.dir_count) == ("ok", 3, 1)
        row = await watch.scan()
        assert (row.state, row.file_count) == ("not_mounted", 0)
        (tmp_path / "in").unlink()
        (tmp_path / "in").symlink_to(tmp_path / "elsewhere")
        fill(tmp_path / "elsewhere", 4)
        assert (await watch.scan()).file_count == 4

    watching(watch, scenario)


def test_an_expected_mount_that_an_automounter_makes_is_left_to_the_scan(tmp_path: Path) -> None:
    fill(tmp_path / "maps/data", 2)
    mountinfo = tmp_path / "proc/self/mountinfo"
    mountinfo.parent.mkdir(parents=True)
    root = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    watched = WatchedPath(path=f"{tmp_path}/maps/data")
    collector = PathCollector(
        watched, interval_sec=60, expected=[f"{tmp_path}/maps/data"], proc=mountinfo.parent.parent
    )

    async def state() -> str:
        async with aclosing(collector.readings(START)) as readings:
            return [reading async for reading in readings][-1].rows[0].stats.state

    async def main() -> None:
        mountinfo.write_text(f"{root}30 20 0:40 / {tmp_path}/maps rw - autofs /etc/auto.maps rw\n")
        assert await state() == "ok"
        mountinfo.write_text(root)
        assert await state() == "not_mounted"
        await collector.close()

    asyncio.run(main())


@pytest.mark.peer("fuse")
def test_a_mount_that_hangs_below_the_path_is_not_even_touched(tmp_path: Path, hanging: HangFs) -> None:
    hanging.hang("readdir", "getattr", "statfs")
    fill(tmp_path / "files", 3)
    watch = Watch(str(tmp_path) + "//", timeout=Duration(5), exclude=("mount.*",))

    async def scenario() -> None:
        row = await watch.scan()
        assert (row.state, row.file_count, row.dir_count) == ("ok", 3, 2)

    watching(watch, scenario)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[HangFs]:
    with hangfs(tmp_path / "mount") as mounted:
        yield mounted


@pytest.mark.peer("fuse")
def test_a_path_that_hangs_is_stuck_has_one_child_and_recovers(hanging: HangFs) -> None:
    watch = Watch(hanging.mount_point, timeout=Duration(2.0))

    async def scenario() -> None:
        assert (await watch.scan()).file_count == 1
        hanging.hang("readdir")
        stuck = await watch.scan()
        began = time.monotonic()
        again = await watch.scan()

        assert (stuck.state, stuck.status, stuck.complete) == ("stuck", "ERROR", False)
        assert f"{hanging.mount_point}" in (stuck.error_message or "")
        assert "does not answer" in (stuck.error_message or "")
        assert (again.state, again.error_message) == ("stuck", stuck.error_message)
        assert time.monotonic() - began < 1.9
        assert watch.samples["up"] == 0
        hanging.release()
        await until(lambda: watch.collector.hangs is False)
        assert (await watch.scan()).state == "ok"
        assert watch.kinds == ["path_stuck", "path_recovered"]

    watching(watch, scenario)


@pytest.mark.peer("fuse")
def test_a_server_that_died_is_not_mounted(hanging: HangFs) -> None:
    hanging.kill_server()
    watch = Watch(hanging.mount_point)

    async def scenario() -> None:
        row = await watch.scan()
        assert row.state == "not_mounted"
        assert "Transport endpoint is not connected" in (row.error_message or "")

    watching(watch, scenario)


def test_a_restart_goes_on_from_what_the_store_knows(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 3)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            before = Watch(root)
            await before.scan()
            for reading in before.all:
                await database.write(lambda db, rows=reading.rows: store.record(db, rows))  # type: ignore[misc]
            fill(root, 5)
            after = Watch(root)
            await database.read(after.collector.resume)
            row = await after.scan()
            assert after.all[0].rows[0].stats.file_count == 3
            assert (row.file_count, row.delta_files) == (5, 2)
            [stored], _ = await database.read(store.stats, 10, 0)
            assert stored.file_count == 3

    asyncio.run(main())


def test_a_scanner_that_fails_leaves_an_error_in_the_row_and_in_the_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 3)
    watch = Watch(tmp_path)

    async def scenario() -> None:
        await watch.scan()
        monkeypatch.setattr("sys.executable", "/nonexistent/python")
        rows: list[PathStats] = []

        async def collect() -> None:
            async for reading in watch.collector.readings(START):
                rows.append(reading.rows[0].stats)

        with pytest.raises(WalkError, match="cannot be started: No such file"):
            await collect()
        assert [row.status for row in rows] == ["SCANNING", "ERROR"]
        assert (rows[-1].file_count, rows[-1].complete, rows[-1].state) == (3, False, "incomplete")

    watching(watch, scenario)


def test_one_collector_is_built_for_each_path_and_equal_settings_make_equal_options(tmp_path: Path) -> None:
    settings = NodeSettings(
        refresh=Refresh(default_path_scan=Duration(7)),
        paths=(WatchedPath(path="/a"), WatchedPath(path="/b", scan_interval=Duration(9), timeout=Duration(20))),
        fs=Fs(expect=(ExpectedMount(mount="/b"),)),
    )

    first, second = build(settings), build(settings)

    assert [(c.name, c.interval_sec) for c in first] == [("paths:/a", 7), ("paths:/b", 9)]
    assert [c.options for c in first] == [c.options for c in second]
    assert first[1].options != build(NodeSettings(paths=settings.paths))[1].options
    assert all(c.deadline_sec > 20 for c in first)
    assert Registration("paths", paths.build, store.record).build(settings)


def test_an_order_names_what_is_not_to_be_touched(tmp_path: Path) -> None:
    mounts = read_mounts()

    order = order_for(
        WatchedPath(path="//", exclude=("*.log",), arriving_suffixes=(".tmp", ".part.tmp", "")), "/", mounts, b""
    )
    free = order_for(WatchedPath(path="/", one_file_system=False), "/", mounts, b"")

    assert "/proc" in order.closed_dirs
    assert order.arriving_suffixes == (".tmp",)
    assert order.exclude_paths == ""
    assert free.closed_dirs == tuple(m.mount_point for m in mounts if m.fstype == "autofs" and m.mount_point != "/")
