"""The fs collector against real mounts, a real store and df itself."""

import asyncio
import contextlib
import math
import os
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etlmon.contract.fs import Mount
from etlmon.contract.node import Event
from etlmon.units import Duration
from node.collector import Reading, Sample
from node.collectors.fs import FsCollector, build
from node.settings import ExpectedMount, Fs, NodeSettings
from node.store import fs as store
from node.store.database import Database
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until
from tests.peers import bind, ext4, program, run, tmpfs

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
HOSTILE_NAMES = ["two words", "line\nbreak", "탑재 지점", "back\\slash"]


class Watch:
    """A collector whose time the test moves on."""

    def __init__(self, settings: Fs | None = None) -> None:
        # A child may be long in starting on a busy machine, and a mount that is well must not be taken for stuck.
        settings = settings or Fs(probe_timeout=Duration(2.0))
        self.collector = FsCollector(settings, interval_sec=15.0)
        self.now = START
        self.reading: Reading[Mount] = Reading()
        self.events: list[Event] = []

    async def look(self, *, after_sec: float = 15.0) -> dict[str, Mount]:
        self.now += timedelta(seconds=after_sec)
        [self.reading] = [reading async for reading in self.collector.readings(self.now)]
        self.events += self.reading.events
        return {mount.mount_point: mount for mount in self.reading.rows}

    def samples(self, mount: Path) -> dict[str, float]:
        return {sample.name: sample.value for sample in self.reading.samples if sample.labels == {"mount": str(mount)}}

    def kinds(self, mount: Path) -> list[str]:
        return [event.kind for event in self.events if event.key == str(mount)]


def watching(scenario: Callable[[Watch], Awaitable[None]], settings: Fs | None = None) -> None:
    async def main() -> None:
        watch = Watch(settings)
        try:
            await scenario(watch)
        finally:
            await watch.collector.close()

    asyncio.run(main())


def looked(where: Path, settings: Fs | None = None) -> Mount:
    """One look at one mount."""
    found: list[Mount] = []

    async def scenario(watch: Watch) -> None:
        found.append((await watch.look())[str(where)])

    watching(scenario, settings)
    return found[0]


def df(where: Path, *columns: str) -> list[str]:
    output = subprocess.run(
        [program("df"), "-B1", f"--output={','.join(columns)}", where], check=True, capture_output=True, text=True
    ).stdout
    return output.splitlines()[1].split()


def fill(directory: Path, leave_bytes: int) -> None:
    here = os.statvfs(directory)
    with (directory / "big").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, here.f_bavail * here.f_frsize - leave_bytes)


def assert_as_df_says(mount: Mount, where: Path) -> None:
    total, used, avail, percent = df(where, "size", "used", "avail", "pcent")
    assert (mount.total_bytes, mount.used_bytes, mount.avail_bytes) == (int(total), int(used), int(avail))
    assert f"{math.ceil(mount.used_percent)}%" == percent
    inodes, inodes_percent = df(where, "itotal", "ipcent")
    assert mount.inodes_total == int(inodes)
    if mount.inodes_total:
        assert f"{math.ceil(mount.inodes_used_percent)}%" == inodes_percent


@pytest.mark.peer("df")
@pytest.mark.peer("loop")
@pytest.mark.parametrize("leave_bytes", [7 << 20, 3 << 20, 0])
def test_an_ext4_with_a_reserve_is_as_full_as_df_says(tmp_path: Path, leave_bytes: int) -> None:
    with ext4(tmp_path / "disk", size_mib=16) as disk:
        fill(disk, leave_bytes)
        assert_as_df_says(looked(disk), disk)


@pytest.mark.peer("df")
@pytest.mark.peer("tmpfs")
def test_a_full_tmpfs_is_as_full_as_df_says(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "mount", "size=2m") as where:
        fill(where, 0)
        mount = looked(where)
        assert_as_df_says(mount, where)
    assert (mount.used_percent, mount.avail_bytes) == (100.0, 0)


@pytest.mark.peer("df")
@pytest.mark.peer("tmpfs")
def test_a_tmpfs_without_inodes_left_shows_it_while_its_space_is_free(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "mount", "size=2m,nr_inodes=20") as where:
        with contextlib.suppress(OSError):
            for number in range(30):
                (where / str(number)).touch()
        mount = looked(where)
        assert_as_df_says(mount, where)
    assert (mount.used_percent, mount.inodes_used_percent) == (0.0, 100.0)


@pytest.mark.peer("df")
def test_the_root_is_as_large_as_df_says() -> None:
    mount = looked(Path("/"))
    total, percent = df(Path("/"), "size", "pcent")
    assert mount.total_bytes == int(total)
    # The disk of a running machine moves between two looks.
    assert abs(math.ceil(mount.used_percent) - int(percent.rstrip("%"))) <= 1


@pytest.mark.peer("tmpfs")
@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_mount_point_has_its_row(tmp_path: Path, name: str) -> None:
    with tmpfs(tmp_path / name, "size=1m") as where:
        assert looked(where).total_bytes == 1024 * 1024


@pytest.mark.peer("tmpfs")
def test_what_is_excluded_has_no_row_and_is_not_a_mount_that_went(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        with tmpfs(tmp_path / "in"), tmpfs(tmp_path / "out") as out, bind(out, tmp_path / "again"):
            rows = await watch.look()
        assert [point for point in rows if point.startswith(str(tmp_path))] == [str(tmp_path / "in")]

    watching(scenario, Fs(exclude_mounts=(f"{tmp_path}/o*", f"{tmp_path}/again")))


@pytest.mark.peer("fuse")
def test_served_mounts_are_left_out_when_the_settings_say_so(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        rows = await watch.look()
        assert str(tmp_path / "a") not in rows
        assert str(tmp_path / "b") in rows  # it is expected, and that says more

    settings = Fs(include_network=False, expect=(ExpectedMount(mount=str(tmp_path / "b")),))
    with hangfs(tmp_path / "a"), hangfs(tmp_path / "b"):
        watching(scenario, settings)


@pytest.mark.peer("loop")
def test_a_file_system_that_turns_read_only_is_told(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        assert not (await watch.look())[str(disk)].read_only
        run("mount", "-o", "remount,ro", disk)
        assert (await watch.look())[str(disk)].read_only
        run("mount", "-o", "remount,rw", disk)
        await watch.look()
        assert watch.kinds(disk) == ["turned_read_only", "turned_writable"]

    with ext4(tmp_path / "disk") as disk:
        watching(scenario)


@pytest.mark.peer("tmpfs")
def test_an_expected_mount_that_is_missing_is_not_mounted_and_comes_back(tmp_path: Path) -> None:
    where = tmp_path / "data"

    async def scenario(watch: Watch) -> None:
        mount = (await watch.look())[str(where)]
        assert (mount.state, mount.expected, mount.total_bytes) == ("not_mounted", True, 0)
        assert (mount.warn_percent, mount.critical_percent) == (70.0, 85.0)
        assert watch.samples(where) == {"etlmon_fs_up": 0.0}
        with tmpfs(where):
            assert (await watch.look())[str(where)].state == "ok"
        assert (await watch.look())[str(where)].state == "not_mounted"
        assert watch.kinds(where) == ["mount_missing", "mount_back", "mount_missing"]

    expect = (ExpectedMount(mount=f"{where}/", fstype="tmpfs"),)
    watching(scenario, Fs(expect=expect, warn_percent=70.0, critical_percent=85.0))


@pytest.mark.peer("tmpfs")
def test_another_file_system_than_expected_is_an_error_and_states_no_size(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        mount = (await watch.look())[str(where)]
        assert mount.state == "error"
        assert mount.error_message == "expected nas:/export (nfs4), found etlmon-test (tmpfs)"
        assert watch.samples(where) == {"etlmon_fs_up": 0.0}

    with tmpfs(tmp_path / "data") as where:
        watching(scenario, Fs(expect=(ExpectedMount(mount=str(where), fstype="nfs4", source="nas:/export"),)))


@pytest.mark.peer("fuse")
def test_a_mount_that_may_not_be_looked_at_is_not_said_to_be_down(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        assert (await watch.look())[str(where)].state == "ok"
        served.deny()
        assert (await watch.look())[str(where)].state == "denied"
        assert watch.samples(where) == {}
        served.release()
        await _until_ok(watch, where)
        assert watch.samples(where)["etlmon_fs_up"] == 1.0
        assert watch.kinds(where) == ["mount_denied", "mount_recovered"]

    with hangfs(tmp_path / "mount") as served:
        where = served.mount_point
        watching(scenario)


@pytest.mark.peer("fuse")
def test_a_stuck_mount_keeps_its_sizes_names_who_waits_and_recovers(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        before = (await watch.look())[str(where)]
        served.hang("statfs", "readdir")
        victim = _listing(where)
        try:
            await until(lambda: served.holds("readdir"))
            victim.kill()
            stuck = (await watch.look())[str(where)]
        finally:
            served.release()
            victim.wait(10)
        assert (stuck.state, stuck.stuck_since) == ("stuck", watch.now)
        assert (stuck.used_bytes, stuck.collected_at) == (before.used_bytes, before.collected_at)
        assert (victim.pid, "ls") in [(blocked.pid, blocked.process_name) for blocked in stuck.blocked]
        assert watch.samples(where) == {"etlmon_fs_up": 0.0}
        assert {"mount": str(where)} in watch.reading.unmeasured
        await _until_ok(watch, where)
        assert {"mount": str(where)} not in watch.reading.unmeasured
        assert watch.kinds(where) == ["mount_stuck", "mount_recovered"]
        assert watch.samples(where)["etlmon_fs_up"] == 1.0

    with hangfs(tmp_path / "mount") as served:
        where = served.mount_point
        watching(scenario)


@pytest.mark.peer("fuse")
def test_a_mount_without_its_server_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        await watch.look()
        served.kill_server()
        mount = (await watch.look())[str(served.mount_point)]
        assert mount.state == "error"
        assert "unmount it and mount it again" in (mount.error_message or "")
        assert watch.kinds(served.mount_point) == ["mount_failed"]

    with hangfs(tmp_path / "mount") as served:
        watching(scenario)


def with_store(folder: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def main() -> None:
        database = await Database.open(folder / "etlmon.db")
        try:
            await scenario(database)
        finally:
            await database.close()

    asyncio.run(main())


@pytest.mark.peer("fuse")
def test_after_a_restart_a_mount_is_stuck_since_it_really_was_with_its_last_sizes(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        async def record(watch: Watch) -> None:
            rows = watch.reading.rows
            await database.write(lambda db: store.record(db, rows))

        first = Watch()
        known = (await first.look())[str(where)]
        served.hang("statfs")
        since = (await first.look())[str(where)].stuck_since
        await record(first)
        await first.collector.close()

        second = Watch()
        second.now = first.now + timedelta(hours=1)
        await database.read(second.collector.resume)
        stuck = (await second.look())[str(where)]
        assert (stuck.stuck_since, stuck.used_bytes, stuck.collected_at) == (
            since,
            known.used_bytes,
            known.collected_at,
        )
        assert second.kinds(where) == []
        served.release()
        await _until_ok(second, where)
        assert second.kinds(where) == ["mount_recovered"]
        await second.collector.close()

    with hangfs(tmp_path / "mount") as served:
        where = served.mount_point
        with_store(tmp_path, scenario)


@pytest.mark.peer("tmpfs")
def test_time_to_full_goes_on_over_a_restart(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        watch = Watch()
        for step in range(7):
            (where / str(step)).write_bytes(b"x" * 1024 * 1024)
            rows = list((await watch.look(after_sec=300)).values())
            await database.write(lambda db, rows=rows: store.record(db, rows))  # type: ignore[misc]
        told = next(mount.full_at for mount in rows if mount.mount_point == str(where))
        assert told is not None
        left_sec = watch.samples(where)["etlmon_fs_full_seconds"]
        assert 0.9 < left_sec / (9 * 300) < 1.1  # 9 MiB are left, and a MiB goes in five minutes

        restarted = Watch()
        restarted.now = watch.now
        await database.read(restarted.collector.resume)
        assert (await restarted.look())[str(where)].full_at == told + timedelta(seconds=15)
        await watch.collector.close()
        await restarted.collector.close()

    with tmpfs(tmp_path / "mount", "size=16m") as where:
        with_store(tmp_path, scenario)


@pytest.mark.peer("tmpfs")
def test_a_mount_that_comes_and_goes_is_told_by_name(tmp_path: Path) -> None:
    async def scenario(watch: Watch) -> None:
        await watch.look()
        with tmpfs(tmp_path / "mount") as where:
            await watch.look()
        assert str(where) not in await watch.look()
        assert watch.kinds(where) == ["mount_added", "mount_removed"]

    watching(scenario)


def test_the_samples_of_a_mount_are_the_numbers_of_its_row() -> None:
    async def scenario(watch: Watch) -> None:
        root = (await watch.look())["/"]
        samples = watch.samples(Path("/"))
        assert samples.pop("etlmon_fs_full_seconds", None) is None
        assert samples == {
            "etlmon_fs_up": 1.0,
            "etlmon_fs_used_percent": root.used_percent,
            "etlmon_fs_used_bytes": root.used_bytes,
            "etlmon_fs_avail_bytes": root.avail_bytes,
            "etlmon_fs_inodes_used_percent": root.inodes_used_percent,
        }
        assert all(isinstance(sample, Sample) for sample in watch.reading.samples)

    watching(scenario)


def test_one_collector_is_built_from_the_settings_and_knows_them() -> None:
    settings = NodeSettings()
    [one], [two] = build(settings), build(settings)
    assert (one.name, one.domain, one.interval_sec) == ("fs", "fs", 15.0)
    assert one.deadline_sec > settings.fs.probe_timeout
    assert one.options == two.options


def _listing(directory: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["ls", "."], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _until_ok(watch: Watch, where: Path) -> None:
    async def answers() -> bool:
        # A short time, so that a child that is about to answer is not given up for its silence.
        return (await watch.look(after_sec=0.1))[str(where)].state == "ok"

    await until(answers)


def test_others_get_their_turn_while_hundreds_of_mounts_are_judged(tmp_path: Path) -> None:
    lines = []
    for number in range(200):
        (tmp_path / str(number)).mkdir()
        lines.append(f"{number + 30} 1 8:{number} / {tmp_path}/{number} rw - ext4 /dev/sd{number} rw\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text("".join(lines))
    collector = FsCollector(Fs(), interval_sec=15.0, proc=tmp_path / "proc")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        other = asyncio.create_task(count())
        [reading] = [reading async for reading in collector.readings(START)]
        other.cancel()
        assert len(reading.rows) == 200
        assert turns >= 200
        await collector.close()

    asyncio.run(main())


def test_an_expected_mount_in_a_directory_of_the_automounter_is_said_to_wait_for_it(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text("30 1 0:40 / /maps rw - autofs /etc/auto.maps rw\n")
    expect = (ExpectedMount(mount="//maps/data/"), ExpectedMount(mount="/other"))
    collector = FsCollector(Fs(expect=expect), interval_sec=15.0, proc=tmp_path)

    async def main() -> list[Mount]:
        [reading] = [reading async for reading in collector.readings(START)]
        await collector.close()
        return list(reading.rows)

    assert [(row.mount_point, row.state, row.error_message) for row in asyncio.run(main())] == [
        ("/maps/data", "not_mounted", "expected a mount: the automounter has not mounted it"),
        ("/other", "not_mounted", "expected a mount: nothing is mounted there"),
    ]
