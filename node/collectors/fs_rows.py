"""What a mount's answer means: one row, in one state, with the reason in words."""

import errno
import os
from collections.abc import Sequence
from datetime import datetime

import msgspec

from etlmon.contract.fs import Blocked, Mount, MountState
from node.settings import ExpectedMount
from node.sources.mounts import MountEntry, readable
from node.sources.probe import Outcome, Silent, Sleeper
from node.sources.usage import Failed, Usage

MOST_BLOCKED = 20

_REASONS = {
    errno.ENOTCONN: "the program that serves it has ended; unmount it and mount it again",
    errno.ESTALE: "the server no longer knows it; unmount it and mount it again",
    errno.EACCES: "this user may not look at it; a FUSE mount opens to others with the option allow_other",
    errno.EPERM: "this user may not look at it",
    errno.EHOSTDOWN: "its server is down",
    errno.ETIMEDOUT: "its server did not answer in time",
    errno.EIO: "its device or server cannot read it; see the kernel log",
}
_SILENCE = {"look": "statvfs does not return", "list": "listing its directory does not return"}
_BY_SOURCE = {
    "UUID=": "/dev/disk/by-uuid/",
    "LABEL=": "/dev/disk/by-label/",
    "PARTUUID=": "/dev/disk/by-partuuid/",
    "PARTLABEL=": "/dev/disk/by-partlabel/",
}
_WAIT_CHANNELS = (
    ("fuse", ("request_wait_answer", "fuse_", "__fuse")),
    ("nfs", ("nfs", "rpc_", "__rpc")),
    ("cifs", ("cifs", "smb", "wait_for_response")),
    ("ceph", ("ceph",)),
    ("9p", ("p9_",)),
)
"""Where the kernel lets a caller of a file system wait for its server."""


def row(
    entry: MountEntry, outcome: Outcome, now: datetime, before: Mount | None, expected: ExpectedMount | None
) -> Mount | None:
    """The row of a mount that is there; None while nothing can be said of it.

    Sizes that were not measured now are those of `before`, with its `collected_at`, as long as that was the same mount.
    """
    now_there = Mount(
        mount_point=readable(entry.mount_point),
        collected_at=now,
        device=readable(entry.device),
        fstype=entry.fstype,
        read_only=entry.read_only,
        network=entry.network,
        expected=expected is not None,
    )
    known = _with_sizes_of(now_there, before)
    match outcome:
        case Usage():
            reason = mismatch(entry, expected)
            return _measured(now_there, outcome, "error" if reason else "ok", reason)
        case Failed(number, reason):
            denied = number in (errno.EACCES, errno.EPERM)
            text = f"{reason}: {_REASONS[number]}" if number in _REASONS else reason
            return msgspec.structs.replace(known, state="denied" if denied else "error", error_message=text)
        case Silent(since, question, overdue=True):
            since_before = before.stuck_since if before is not None and before.state == "stuck" else None
            return msgspec.structs.replace(
                known,
                state="stuck",
                stuck_since=min(since, since_before or since),
                error_message=_SILENCE[question],
            )
    return before if known is not now_there else None


def missing(expected: ExpectedMount, now: datetime, *, automount: bool) -> Mount:
    """The row of an expected mount that is not there."""
    reason = "the automounter has not mounted it" if automount else "nothing is mounted there"
    return Mount(
        mount_point=expected.mount,
        collected_at=now,
        device=expected.source,
        fstype=expected.fstype,
        expected=True,
        state="not_mounted",
        error_message=f"expected {_described(expected)}: {reason}",
    )


def mismatch(entry: MountEntry, expected: ExpectedMount | None) -> str | None:
    """How a mount differs from what is expected there; None when it does not."""
    if expected is None:
        return None
    type_fits = not expected.fstype or entry.fstype in _types_meant(expected.fstype)
    if type_fits and (not expected.source or _same_source(expected.source, entry.device)):
        return None
    return f"expected {_described(expected)}, found {readable(entry.device)} ({entry.fstype})"


def blocked_on(mounts: Sequence[Mount], sleepers: Sequence[Sleeper]) -> dict[str, list[Blocked]]:
    """Which processes wait for which of the stuck mounts: by an open file, or by the only one of its kind."""
    waiting: dict[str, list[Blocked]] = {mount.mount_point: [] for mount in mounts}
    for sleeper in sleepers:
        points = [readable(point) for point in sleeper.mount_points] or _by_wait_channel(mounts, sleeper.wchan)
        for point in points:
            if point in waiting and len(waiting[point]) < MOST_BLOCKED:
                waiting[point].append(Blocked(pid=sleeper.pid, process_name=sleeper.process_name, wchan=sleeper.wchan))
    return waiting


def _by_wait_channel(mounts: Sequence[Mount], wchan: str) -> list[str]:
    family = next((family for family, names in _WAIT_CHANNELS if wchan.startswith(names)), None)
    alike = [mount.mount_point for mount in mounts if family is not None and mount.fstype.startswith(family)]
    return alike if len(alike) == 1 else []


def _measured(mount: Mount, usage: Usage, state: MountState, reason: str | None) -> Mount:
    return msgspec.structs.replace(
        mount,
        total_bytes=usage.total_bytes,
        used_bytes=usage.used_bytes,
        avail_bytes=usage.avail_bytes,
        used_percent=usage.used_percent,
        inodes_total=usage.inodes_total,
        inodes_used_percent=usage.inodes_used_percent,
        # A file system that gave up writing after an error says so here alone.
        read_only=usage.read_only or mount.read_only,
        state=state,
        error_message=reason,
    )


def same_mount(one: Mount, other: Mount) -> bool:
    """Whether two rows speak of the same file system at the same place."""
    return (one.mount_point, one.device, one.fstype) == (other.mount_point, other.device, other.fstype)


def _with_sizes_of(mount: Mount, before: Mount | None) -> Mount:
    if before is None or before.state == "not_mounted" or not same_mount(mount, before):
        return mount
    return msgspec.structs.replace(
        mount,
        total_bytes=before.total_bytes,
        used_bytes=before.used_bytes,
        avail_bytes=before.avail_bytes,
        used_percent=before.used_percent,
        inodes_total=before.inodes_total,
        inodes_used_percent=before.inodes_used_percent,
        collected_at=before.collected_at,
    )


def _described(expected: ExpectedMount) -> str:
    fstype = f"({expected.fstype})" if expected.fstype else ""
    return f"{expected.source} {fstype}".strip() or "a mount"


def _types_meant(fstype: str) -> tuple[str, ...]:
    """`mount -t nfs` mounts nfs4, and `sshfs` shows as fuse.sshfs."""
    return (fstype, f"fuse.{fstype}", *(("nfs4",) if fstype == "nfs" else ()))


def _same_source(expected: str, found: str) -> bool:
    for prefix, directory in _BY_SOURCE.items():
        if expected.startswith(prefix):
            expected = directory + expected.removeprefix(prefix).strip('"')
    if expected.startswith("/dev/") and found.startswith("/dev/"):
        return os.path.realpath(expected) == os.path.realpath(found)
    return expected.rstrip("/") == found.rstrip("/")
