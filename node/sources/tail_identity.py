"""Knowing a file again: by what stands in it, because names change and inodes are used again at once."""

import fcntl
import hashlib
import os
import signal
import stat
import struct
import sys
from dataclasses import dataclass

HEAD_BYTES = 1024
ANCHOR_BYTES = 128

_FS_IOC_GETVERSION = 2 << 30 | struct.calcsize("l") << 16 | ord("v") << 8 | 1
"""linux/fs.h: _IOR('v', 1, long)."""


class NotRegularError(OSError):
    """There is something at the path that cannot be followed; the text says what."""


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a file to read, and its status. Only a regular file is opened: a FIFO would wake its writer, a device may do
    anything. Raises OSError.
    """
    check_regular(os.stat(path))  # noqa: PTH116 - surrogates stay as they are
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        check_regular(status)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, status


def check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise NotRegularError(f"is {kind}, not a regular file")


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def generation_of(descriptor: int) -> int:
    """The number that tells two lives of one inode apart (ext4, xfs, btrfs, f2fs); 0 where nobody can know it."""
    try:
        answer = fcntl.ioctl(descriptor, _FS_IOC_GETVERSION, bytes(8))
    except OSError:
        return 0
    return int.from_bytes(answer[:4], sys.byteorder)


def has_writer(descriptor: int) -> bool | None:
    """Whether anybody has a deleted file open for writing; None where the file system does not say.

    A read lease is granted only when nobody has (fcntl(2)); it is given back at once. Since nobody can open a deleted
    file by name, nobody waits for it; the signal for that case is one that does nothing.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def digest(head: bytes) -> str:
    return hashlib.blake2b(head, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of a file that was read up to `offset`."""

    offset: int
    head_bytes: int
    head: str
    anchor: bytes

    def head_in(self, descriptor: int) -> bytes | None:
        """The first bytes of the open file when they are the ones remembered."""
        head = os.pread(descriptor, self.head_bytes, 0)
        return head if len(head) == self.head_bytes and digest(head) == self.head else None

    def fits(self, descriptor: int, size: int) -> bool:
        """Whether the open file begins with what was read. A file nothing was read of fits nothing: an empty twin is no
        twin.
        """
        return (
            self.head_bytes > 0
            and self.offset <= size
            and os.pread(descriptor, len(self.anchor), self.offset - len(self.anchor)) == self.anchor
            and self.head_in(descriptor) is not None
        )


def is_prefix(descriptor: int, size: int, of: int, of_size: int) -> bool:
    """Whether an open file of `size` bytes is a copy, perhaps an unfinished one, of what stands in the file `of`."""
    if size > of_size:
        return False
    parts = ((min(size, HEAD_BYTES), 0), (min(size, ANCHOR_BYTES), max(0, size - ANCHOR_BYTES)))
    return all(os.pread(descriptor, *part) == os.pread(of, *part) for part in parts)
