"""The prober against file systems that really hang, fail, come back or are replaced."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from node.sources.mounts import MountEntry, read_mounts
from node.sources.probe import Outcome, Prober, Silent, Sleeper
from node.sources.usage import Failed, Usage, local_usage, usage_of
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until
from tests.node.processes import wait_until
from tests.peers import ext4, run, tmpfs

T = TypeVar("T")
START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
TIMEOUT_SEC = 2.0
"""A child may be long in starting on a busy machine, and a look must tell that from a mount that hangs."""


class Looks:
    """A prober that looks at some mount points, at a time that the test moves on."""

    def __init__(self, *points: Path, list_every_sec: float = 0.0, list_timeout_sec: float = 0.0) -> None:
        self.points = [str(point) for point in points]
        self.now = START
        self.took_sec = 0.0
        self.prober = Prober(timeout_sec=TIMEOUT_SEC, list_every_sec=list_every_sec, list_timeout_sec=list_timeout_sec)

    def entries(self) -> list[MountEntry]:
        return [entry for entry in read_mounts() if entry.mount_point in self.points]

    async def all(self, *, after_sec: float = 15.0) -> list[Outcome]:
        self.now += timedelta(seconds=after_sec)
        began = time.monotonic()
        outcomes = await self.prober.look(self.entries(), self.now)
        self.took_sec = time.monotonic() - began
        return [outcomes[point] for point in self.points if point in outcomes]

    async def one(self, *, after_sec: float = 15.0) -> Outcome:
        [outcome] = await self.all(after_sec=after_sec)
        return outcome


def looking(scenario: Callable[[Looks], Awaitable[T]], looks: Looks) -> T:
    async def main() -> T:
        try:
            return await scenario(looks)
        finally:
            await looks.prober.close()

    return asyncio.run(main())


async def until_usage(looks: Looks) -> None:
    async def answers() -> bool:
        return isinstance(await looks.one(after_sec=0.1), Usage)

    await until(answers)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def has_ended(pid: int) -> bool:
    try:
        return state_of(pid) == "Z"
    except FileNotFoundError:
        return True


def listing(directory: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["ls", "."], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    return tmp_path / "mount"


@pytest.mark.peer("fuse")
def test_a_served_mount_is_as_full_as_its_statvfs_says(mount: Path) -> None:
    with hangfs(mount):
        outcome = looking(Looks.one, Looks(mount))
        here = os.statvfs(mount)
    assert isinstance(outcome, Usage)
    assert outcome.total_bytes == here.f_blocks * here.f_frsize
    assert outcome.inodes_total == here.f_files
    assert outcome.read_only


@pytest.mark.peer("fuse")
@pytest.mark.parametrize(("call", "question"), [("statfs", "look"), ("getattr", "look"), ("readdir", "list")])
def test_a_mount_whose_call_hangs_is_silent_since_it_was_asked_and_recovers(
    mount: Path, call: str, question: str
) -> None:
    async def scenario(looks: Looks) -> None:
        assert isinstance(await looks.one(), Usage)
        served.hang(call)
        time_asked = looks.now + timedelta(seconds=2)
        assert await looks.one(after_sec=2) == Silent(time_asked, "look" if question == "look" else "list", True)
        assert looks.took_sec < 2.5 * TIMEOUT_SEC
        again = await looks.one()
        assert isinstance(again, Silent)
        assert again.since == time_asked
        assert looks.took_sec < 0.9 * TIMEOUT_SEC  # a mount known to be silent is not waited for
        served.release()
        await until_usage(looks)

    with hangfs(mount) as served:
        looking(scenario, Looks(mount))


@pytest.mark.peer("fuse")
def test_a_stuck_mount_delays_no_other_and_is_asked_once(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        stuck.hang("statfs")
        silent, *others = await looks.all()
        assert isinstance(silent, Silent)
        assert [type(other) for other in others] == [Usage, Usage]
        assert looks.took_sec < 2.5 * TIMEOUT_SEC
        for _ in range(5):
            _, *others = await looks.all(after_sec=0.1)
            assert [type(other) for other in others] == [Usage, Usage]
            assert looks.took_sec < 0.9 * TIMEOUT_SEC
        await until(lambda: len(looks.prober.pids) == 2)  # the one that is stuck and the one that serves the rest

    with hangfs(tmp_path / "a") as stuck, hangfs(tmp_path / "b") as other, hangfs(tmp_path / "c") as third:
        looking(scenario, Looks(stuck.mount_point, other.mount_point, third.mount_point))


@pytest.mark.peer("fuse")
def test_several_mounts_that_stop_together_cost_one_deadline(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        for served in (one, two, three):
            served.hang("statfs")
        outcomes = await looks.all()
        assert all(isinstance(outcome, Silent) for outcome in outcomes)
        assert looks.took_sec < 2.5 * TIMEOUT_SEC

    with hangfs(tmp_path / "a") as one, hangfs(tmp_path / "b") as two, hangfs(tmp_path / "c") as three:
        looking(scenario, Looks(one.mount_point, two.mount_point, three.mount_point))


@pytest.mark.peer("fuse")
def test_a_killed_child_that_cannot_end_keeps_its_mount_from_being_asked_again(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        served.hang("statfs")
        await looks.one()
        await until(lambda: served.holds("statfs"))
        [stuck] = looks.prober.pids
        first = await looks.one(after_sec=3600)
        await until(lambda: state_of(stuck) == "D")
        for _ in range(3):
            assert await looks.one(after_sec=3600) == first
        assert looks.prober.pids == [stuck]
        served.release()
        await until_usage(looks)
        await until(lambda: not Path(f"/proc/{stuck}").exists())

    with hangfs(mount) as served:
        looking(scenario, Looks(mount))


@pytest.mark.peer("fuse")
def test_a_mount_that_stays_silent_is_asked_anew_ever_less_often(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.one()
        served.freeze()  # nobody reads the question: whoever asks can be killed
        asked_at = []
        children: list[int] = []
        for second in range(0, 1500, 15):
            silent = await looks.one()
            assert isinstance(silent, Silent)
            assert silent.since == START + timedelta(seconds=30)
            await until(lambda: len(looks.prober.pids) <= 1)  # one that was killed has its time to end
            if looks.prober.pids not in (children, []):
                children = looks.prober.pids
                asked_at.append(second)
        gaps = [later - earlier for earlier, later in pairwise(asked_at)]
        # One that is slow to end costs a look of 15 s.
        assert all(later >= earlier - 15 for earlier, later in pairwise(gaps))
        assert 30 <= gaps[0] <= 60
        assert 300 <= gaps[-1] <= 330
        served.thaw()
        await until_usage(looks)

    with hangfs(mount) as served:
        looking(scenario, Looks(mount))


@pytest.mark.peer("fuse")
def test_a_mount_without_its_server_fails_at_once_with_enotconn(mount: Path) -> None:
    async def scenario(looks: Looks) -> Outcome:
        await looks.one()
        served.kill_server()
        return await looks.one()

    with hangfs(mount) as served:
        outcome = looking(scenario, Looks(mount))
    assert isinstance(outcome, Failed)
    assert outcome.errno == errno.ENOTCONN


@pytest.mark.peer("fuse")
def test_a_mount_that_replaces_a_stuck_one_is_asked_at_once(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        served.hang("statfs")
        assert isinstance(await looks.one(), Silent)
        run("umount", "-l", mount)
        with tmpfs(mount, "size=1m"):
            replaced = await looks.one()
            assert isinstance(replaced, Usage)
            assert replaced.total_bytes == 1024 * 1024
        assert await looks.all() == []

    with hangfs(mount) as served:
        looking(scenario, Looks(mount))


@pytest.mark.peer("fuse")
def test_a_slow_listing_leaves_the_mount_well_until_its_own_time_is_up(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        served.hang("readdir")
        assert isinstance(await looks.one(), Usage)
        asked_at = looks.now
        assert await looks.one(after_sec=19) == Silent(asked_at, "list", overdue=False)
        assert await looks.one(after_sec=1) == Silent(asked_at, "list", overdue=True)
        served.release()
        await until_usage(looks)

    with hangfs(mount) as served:
        looking(scenario, Looks(mount, list_every_sec=300, list_timeout_sec=20))


@pytest.mark.peer("fuse")
def test_a_clock_that_is_set_back_hides_no_listing_that_hangs(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        served.hang("readdir")
        assert isinstance(await looks.one(), Usage)
        silent = await looks.one(after_sec=-3600)
        assert isinstance(silent, Silent)
        assert silent.overdue
        served.release()
        await until_usage(looks)

    with hangfs(mount) as served:
        looking(scenario, Looks(mount, list_every_sec=300, list_timeout_sec=20))


@pytest.mark.peer("fuse")
def test_a_directory_is_listed_no_more_often_than_said(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.one()
        served.hang("readdir")
        assert isinstance(await looks.one(after_sec=299), Usage)
        assert looks.took_sec < TIMEOUT_SEC
        assert isinstance(await looks.one(after_sec=1), Silent)

    with hangfs(mount) as served:
        looking(scenario, Looks(mount, list_every_sec=300))


@pytest.mark.peer("fuse")
def test_a_child_that_is_killed_from_outside_is_replaced_unnoticed(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.one()
        [pid] = looks.prober.pids
        os.kill(pid, 9)
        assert isinstance(await looks.one(), Usage)
        assert looks.prober.pids != [pid]

    with hangfs(mount):
        looking(scenario, Looks(mount))


@pytest.mark.peer("fuse")
def test_closing_does_not_wait_for_a_child_nobody_can_end(mount: Path) -> None:
    async def scenario() -> int:
        looks = Looks(mount)
        served.hang("statfs")
        await looks.one()
        await until(lambda: served.holds("statfs"))
        [pid] = looks.prober.pids
        began = time.monotonic()
        await looks.prober.close()
        assert time.monotonic() - began < 4  # the mount would take a minute
        return pid

    with hangfs(mount) as served:
        began = time.monotonic()
        pid = asyncio.run(scenario())
        assert time.monotonic() - began < 20  # the mount would take a minute
        assert Path(f"/proc/{pid}").exists()
        served.release()
        os.waitpid(pid, 0)


ASK_FOR_EVER = """
import asyncio, sys
from datetime import UTC, datetime
from node.sources.mounts import read_mounts
from node.sources.probe import Prober

async def main():
    prober = Prober(timeout_sec=0.5)
    entries = [entry for entry in read_mounts() if entry.mount_point == sys.argv[1]]
    await prober.look(entries, datetime.now(UTC))
    print(*prober.pids, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.peer("fuse")
def test_a_child_that_waits_ends_when_its_node_is_killed(mount: Path) -> None:
    with hangfs(mount) as served:
        served.freeze()
        node = subprocess.Popen([sys.executable, "-c", ASK_FOR_EVER, mount], stdout=subprocess.PIPE, text=True)
        try:
            assert node.stdout is not None
            child = int(node.stdout.readline())
        finally:
            node.kill()
            node.communicate()
        wait_until(lambda: has_ended(child))


@pytest.mark.peer("fuse")
def test_a_hundred_times_stuck_and_back_leaves_no_thread_descriptor_or_child(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        async def cycle() -> None:
            served.hang("statfs")
            assert isinstance(await looks.one(), Silent)
            served.release()
            await until_usage(looks)

        def held() -> tuple[int, int, int]:
            return threading.active_count(), len(os.listdir("/proc/self/fd")), len(looks.prober.pids)  # noqa: PTH208

        looks.prober = Prober(timeout_sec=0.02)
        await until_usage(looks)
        await cycle()
        await until(lambda: len(looks.prober.pids) == 1)  # one that came late has its time to end
        before = held()
        for _ in range(100):
            await cycle()
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))

    with hangfs(mount) as served:
        looking(scenario, Looks(mount))


@pytest.mark.peer("fuse")
def test_a_process_in_state_d_is_told_with_its_mount_and_what_it_waits_in(mount: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.one()
        served.hang("readdir")
        victim = listing(mount)
        try:
            await until(lambda: served.holds("readdir"))
            victim.kill()  # it now waits for its answer in state D
            await until(lambda: state_of(victim.pid) == "D")
            found: list[Sleeper] = []

            async def told() -> bool:
                found.extend(one for one in await looks.prober.sleepers([str(mount)]) if one.pid == victim.pid)
                return bool(found)

            await until(told)  # it tells none when its child is late
        finally:
            served.release()
            victim.wait(10)
        assert found[0].process_name == "ls"
        assert found[0].mount_points == (str(mount),)
        assert found[0].wchan

    with hangfs(mount) as served:
        looking(scenario, Looks(mount))


def test_a_missing_mount_point_fails_with_its_reason(tmp_path: Path) -> None:
    assert local_usage(str(tmp_path / "gone")) == Failed(errno.ENOENT, "No such file or directory")


@pytest.mark.peer("loop")
def test_the_reserve_of_root_counts_as_neither_used_nor_available(tmp_path: Path) -> None:
    with ext4(tmp_path / "disk") as disk:
        usage = local_usage(str(disk))
        here = os.statvfs(disk)
    assert isinstance(usage, Usage)
    assert usage.used_bytes + usage.avail_bytes < usage.total_bytes
    assert usage.avail_bytes == here.f_bavail * here.f_frsize


def test_a_negative_number_of_available_blocks_is_none_available() -> None:
    usage = usage_of(4096, 1000, 10, (1 << 64) - 40, 0, 0, 0)
    assert (usage.avail_bytes, usage.used_percent, usage.inodes_used_percent) == (0, 100.0, 0.0)


def test_a_file_system_without_blocks_is_not_divided_by() -> None:
    assert usage_of(4096, 0, 0, 0, 0, 0, 0).used_percent == 0.0
