"""What a mount's answer becomes."""

import dataclasses
import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from etlmon.contract.fs import Mount
from node.collectors.fs_rows import MOST_BLOCKED, blocked_on, mismatch, missing, row
from node.settings import ExpectedMount
from node.sources.mounts import MountEntry
from node.sources.probe import Silent, Sleeper
from node.sources.usage import Failed, Usage

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=3)
USAGE = Usage(
    total_bytes=1000,
    used_bytes=500,
    avail_bytes=400,
    used_percent=55.5,
    inodes_total=10,
    inodes_used_percent=20.0,
    read_only=False,
)


def entry(*, device: str = "nas:/export", fstype: str = "nfs4") -> MountEntry:
    return MountEntry(
        mount_id=7,
        mount_point="/data",
        root="/",
        device=device,
        fstype=fstype,
        options=("rw",),
        major_minor="0:50",
        read_only=False,
        network=True,
        may_hang=True,
    )


def known() -> Mount:
    before = row(entry(), USAGE, EARLIER, None, None)
    assert before is not None
    return before


def test_an_answer_becomes_the_measured_sizes() -> None:
    mount = row(entry(), USAGE, NOW, None, None)
    assert mount == Mount(
        mount_point="/data",
        total_bytes=1000,
        used_bytes=500,
        avail_bytes=400,
        used_percent=55.5,
        collected_at=NOW,
        device="nas:/export",
        fstype="nfs4",
        inodes_total=10,
        inodes_used_percent=20.0,
        network=True,
    )


def test_a_file_system_that_gave_up_writing_is_read_only_whatever_mountinfo_says() -> None:
    mount = row(entry(), dataclasses.replace(USAGE, read_only=True), NOW, None, None)
    assert mount is not None
    assert mount.read_only


def test_a_stuck_mount_keeps_its_last_sizes_with_their_time() -> None:
    mount = row(entry(), Silent(EARLIER, "look", overdue=True), NOW, known(), None)
    assert mount is not None
    assert (mount.state, mount.stuck_since, mount.error_message) == ("stuck", EARLIER, "statvfs does not return")
    assert (mount.used_bytes, mount.collected_at) == (500, EARLIER)


def test_a_mount_stuck_since_before_the_node_started_is_stuck_since_then() -> None:
    before = msgspec.structs.replace(known(), state="stuck", stuck_since=EARLIER)
    mount = row(entry(), Silent(NOW, "list", overdue=True), NOW, before, None)
    assert mount is not None
    assert mount.stuck_since == EARLIER
    assert mount.error_message == "listing its directory does not return"


def test_another_mount_at_the_same_place_has_no_last_sizes() -> None:
    mount = row(entry(device="other:/export"), Silent(NOW, "look", overdue=True), NOW, known(), None)
    assert mount is not None
    assert (mount.total_bytes, mount.collected_at) == (0, NOW)


def test_a_mount_that_takes_its_time_is_as_it_was() -> None:
    pending = Silent(EARLIER, "list", overdue=False)
    assert row(entry(), pending, NOW, known(), None) == known()
    assert row(entry(), pending, NOW, None, None) is None


@pytest.mark.parametrize(
    ("number", "state", "words"),
    [
        (errno.EACCES, "denied", "may not look"),
        (errno.EPERM, "denied", "may not look"),
        (errno.ENOTCONN, "error", "the program that serves it has ended; unmount it and mount it again"),
        (errno.ESTALE, "error", "the server no longer knows it"),
        (errno.EIO, "error", "kernel log"),
        (errno.EOVERFLOW, "error", "Value too large"),
    ],
)
def test_a_failure_says_in_words_what_it_is(number: int, state: str, words: str) -> None:
    mount = row(entry(), Failed(number, os.strerror(number)), NOW, known(), None)
    assert mount is not None
    assert mount.state == state
    assert words in (mount.error_message or "")
    assert os.strerror(number) in (mount.error_message or "")
    assert (mount.used_bytes, mount.collected_at) == (500, EARLIER)


def test_names_that_are_not_utf8_can_be_sent() -> None:
    mount = row(entry(device=os.fsdecode(b"nas:/\xff")), USAGE, NOW, None, None)
    assert mount is not None
    assert mount.device == "nas:/\\xff"
    msgspec.json.encode(mount)


def test_a_missing_mount_says_what_was_expected_and_whether_an_automounter_waits() -> None:
    expected = ExpectedMount(mount="/data", fstype="nfs4", source="nas:/export")
    gone = missing(expected, NOW, automount=False)
    assert (gone.state, gone.expected) == ("not_mounted", True)
    assert gone.error_message == "expected nas:/export (nfs4): nothing is mounted there"
    assert "automounter" in (missing(expected, NOW, automount=True).error_message or "")
    assert missing(ExpectedMount(mount="/data"), NOW, automount=False).error_message == (
        "expected a mount: nothing is mounted there"
    )


@pytest.mark.parametrize(
    ("fstype", "source"),
    [("", ""), ("nfs4", ""), ("nfs", "nas:/export"), ("nfs4", "nas:/export/"), ("", "nas:/export")],
)
def test_what_is_expected_is_recognised(fstype: str, source: str) -> None:
    assert mismatch(entry(), ExpectedMount(mount="/data", fstype=fstype, source=source)) is None


@pytest.mark.parametrize(("fstype", "source"), [("ext4", ""), ("nfs4", "nas:/other"), ("cifs", "nas:/export")])
def test_what_is_not_expected_is_an_error_with_both_names(fstype: str, source: str) -> None:
    expected = ExpectedMount(mount="/data", fstype=fstype, source=source)
    mount = row(entry(), USAGE, NOW, None, expected)
    assert mount is not None
    assert mount.state == "error"
    assert (mount.error_message or "").endswith("found nas:/export (nfs4)")
    assert mount.used_bytes == 500


def test_a_fuse_type_may_be_named_by_its_program() -> None:
    assert mismatch(entry(fstype="fuse.sshfs"), ExpectedMount(mount="/data", fstype="sshfs")) is None


@pytest.mark.peer("root")
def test_a_device_is_recognised_through_its_links() -> None:
    link = Path(f"/dev/etlmon-test-{os.getpid()}")
    link.symlink_to("null")
    try:
        assert mismatch(entry(device="/dev/null"), ExpectedMount(mount="/data", source=str(link))) is None
        assert mismatch(entry(device="/dev/zero"), ExpectedMount(mount="/data", source=str(link))) is not None
    finally:
        link.unlink()


def sleeper(pid: int, wchan: str, *points: str) -> Sleeper:
    return Sleeper(pid=pid, process_name="df", wchan=wchan, mount_points=points)


def test_a_process_waits_for_the_mount_its_files_lie_on_or_for_the_only_one_of_its_kind() -> None:
    nfs, fuse = (Mount(mount_point=f"/{name}", fstype=name, collected_at=NOW) for name in ("nfs4", "fuse.sshfs"))
    sleepers = [
        sleeper(1, "anything", "/nfs4"),
        sleeper(2, "request_wait_answer"),
        sleeper(3, "rpc_wait_bit_killable"),
        sleeper(4, "io_schedule"),
    ]
    waiting = blocked_on([nfs, fuse], sleepers)
    assert [blocked.pid for blocked in waiting["/nfs4"]] == [1, 3]
    assert [blocked.pid for blocked in waiting["/fuse.sshfs"]] == [2]


def test_a_wait_channel_of_two_stuck_mounts_is_held_against_neither() -> None:
    mounts = [Mount(mount_point=f"/{n}", fstype="nfs4", collected_at=NOW) for n in range(2)]
    assert blocked_on(mounts, [sleeper(1, "rpc_wait_bit_killable")]) == {"/0": [], "/1": []}


def test_a_crowd_of_blocked_processes_is_cut() -> None:
    mount = Mount(mount_point="/data", fstype="nfs4", collected_at=NOW)
    waiting = blocked_on([mount], [sleeper(pid, "", "/data") for pid in range(500)])
    assert len(waiting["/data"]) == MOST_BLOCKED
