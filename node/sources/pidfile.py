"""The file in which a daemon says its pid: read only where that cannot hang, and believed only as far as it may be."""

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from node.sources.mount_table import MountTable
from node.sources.mounts import readable

_MOST_BYTES = 64
_LATE_SEC = 2.0
"""A file's time and a process' start are told by clocks that round differently."""

_REASONS: Mapping[int, str] = {errno.EACCES: "may not be read", errno.ENOTDIR: "is missing", errno.ENOENT: "is missing"}


class PidFileError(Exception):
    """What is wrong with it, in words. `is_missing`: there is none, as when the daemon does not run."""

    def __init__(self, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True)
class PidFile:
    """What stands in it, whose it is, and when it was written (seconds since 1970)."""

    path: str
    pid: int
    owner: int
    written_at: float

    def names_another(self, started_at: float) -> bool:
        """Whether the process of the pid, which started then, cannot be the one that wrote it: it is younger."""
        return started_at > self.written_at + _LATE_SEC

    def is_trusted_for(self, uid: int) -> bool:
        """Whether its owner may say that a process of this user is meant: root may, the node's own user, and the very
        user. Anybody else would have the node watch, and end, what is not theirs.
        """
        return self.owner in (0, os.geteuid(), uid)


def read_pidfile(path: str, mounts: MountTable) -> PidFile:
    """Raises PidFileError."""
    shown = readable(path)
    try:
        if mounts.may_hang(path):
            raise PidFileError(f"{shown} lies on a file system that may hang, and is not read; put it below /run")
        # A fifo would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status, content = os.fstat(descriptor), os.read(descriptor, _MOST_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")
        raise PidFileError(f"{shown} {reason}", is_missing=error.errno in (errno.ENOENT, errno.ENOTDIR)) from error
    if status.st_mode & stat.S_IWOTH:
        raise PidFileError(f"{shown} may be written by everybody, so anybody's process could stand in it")
    # PostgreSQL's and others' have more lines; the first is the pid.
    words = content.split(None, 1)
    if not words or not words[0].isdigit() or int(words[0]) < 1:
        raise PidFileError(f"{shown} is empty" if not words else f"{shown} does not begin with a pid")
    return PidFile(path, int(words[0]), status.st_uid, status.st_mtime)
