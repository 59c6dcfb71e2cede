"""The place of the database: what may lie there, and that it is ours before anything is written to it."""

import os
import stat
from pathlib import Path

from node.sources.mounts import mount_of, read_mounts
from node.store.errors import StoreError, os_store_error
from node.store.lock import Lock

APPLICATION_ID = 0x65746C6D
"""`etlm`, in the header of every database of ours (sqlite.org/pragma.html#pragma_application_id)."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_APPLICATION_ID_AT = slice(68, 72)
_ELSEWHERE = "set node.db_path to another file"
_SAME_MACHINE = frozenset({"9p", "fuse.fuse-overlayfs", "fuse.mergerfs", "fuseblk", "virtiofs"})
"""Served by another process, but of this machine: the roots of containers and virtual machines, local disks."""


def claim(path: Path) -> tuple[Path, Lock]:
    """Make sure that a database of ours is or may be at `path`; returns its real path, and the lock on it.

    Creates the directory (0700) and an empty file (0600) where there is none. Raises StoreError, with nothing changed,
    when the place is taken by something else.
    """
    if "\0" in str(path):
        raise StoreError(f"cannot open the database {str(path)!r}: no file name holds a NUL; {_ELSEWHERE}")
    path = Path(os.path.abspath(path))  # noqa: PTH100 - unlike resolve() it asks no file system, which may hang
    _refuse_network(path)
    path = Path(os.path.realpath(path))
    _refuse_network(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise os_store_error("create", path.parent, error, "create it, or set another node.db_path") from error
    # Whoever holds the lock has the file open, and closing it here would take that holder's record locks away.
    if not os.path.exists(Lock.path_for(path)):  # noqa: PTH110 - no error where exists() raises PermissionError
        _refuse_foreign(path)
    lock = Lock.take(path)
    try:
        _refuse_foreign(path)
        _make_writable(path)
    except BaseException:
        lock.release()
        raise
    return path, lock


def _refuse_network(path: Path) -> None:
    mount = mount_of(str(path), read_mounts())
    if mount is not None and mount.network and mount.fstype not in _SAME_MACHINE:
        raise StoreError(
            f"cannot keep the database at {path}: {mount.mount_point} is a network file system ({mount.fstype}), where "
            "SQLite's write-ahead log does not work; set node.db_path to a local disk"
        )


def _refuse_foreign(path: Path) -> None:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise StoreError(f"cannot open the database {path}: it is {kind}; {_ELSEWHERE}")
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise os_store_error("read", path, error, "look at its permissions") from error
    if not header:
        return
    if not header.startswith(_MAGIC):
        raise StoreError(f"cannot open the database {path}: it is not an SQLite file; {_ELSEWHERE}")
    if int.from_bytes(header[_APPLICATION_ID_AT], "big") != APPLICATION_ID:
        raise StoreError(f"cannot open the database {path}: it belongs to another application; {_ELSEWHERE}")


def _make_writable(path: Path) -> None:
    """SQLite would open what it may not write read-only, without a word."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise os_store_error("write to", path, error, "look at its permissions and its file system") from error
