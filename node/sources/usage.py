"""How full a file system is, from the numbers that statvfs(3) gives."""

import errno
import os
from dataclasses import dataclass

_NEGATIVE = 1 << 63


@dataclass(frozen=True, slots=True)
class Usage:
    """The sizes of a file system as df(1) computes them; percent are 0-100."""

    total_bytes: int
    used_bytes: int
    avail_bytes: int
    used_percent: float
    inodes_total: int
    inodes_used_percent: float
    read_only: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The mount answered with an error; `errno` 0 is a failure to ask at all, told by `reason`."""

    errno: int
    reason: str


def usage_of(frsize: int, blocks: int, bfree: int, bavail: int, files: int, ffree: int, flag: int) -> Usage:
    """The fields of statvfs(3) as df shows them: used of what an ordinary user may use, the reserve left out."""
    used = max(blocks - bfree, 0)
    # A file system over its reserve gives a negative number in an unsigned field.
    avail = 0 if bavail >= _NEGATIVE else bavail
    inodes_used = max(files - ffree, 0)
    return Usage(
        total_bytes=blocks * frsize,
        used_bytes=used * frsize,
        avail_bytes=avail * frsize,
        used_percent=100 * used / (used + avail) if used + avail else 0.0,
        inodes_total=files,
        inodes_used_percent=100 * inodes_used / files if files else 0.0,
        read_only=bool(flag & os.ST_RDONLY),
    )


def local_usage(mount_point: str) -> Usage | Failed:
    """How full a file system of this kernel is: it answers from memory, and at once."""
    try:
        seen = os.statvfs(mount_point)
    except OSError as error:
        number = error.errno or errno.EIO
        return Failed(number, os.strerror(number))
    return usage_of(seen.f_frsize, seen.f_blocks, seen.f_bfree, seen.f_bavail, seen.f_files, seen.f_ffree, seen.f_flag)
