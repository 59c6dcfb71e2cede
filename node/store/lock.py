"""One node to a database: a lock that the kernel gives back however its holder ends."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Self

from node.store.errors import StoreError, os_store_error


class Lock:
    """Holds `<db>.lock` (flock). The file carries the holder's pid; it stays when the lock is given back."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @staticmethod
    def path_for(database: Path) -> Path:
        return database.with_name(database.name + ".lock")

    @classmethod
    def take(cls, database: Path) -> Self:
        """Raises StoreError, naming the holder, when another process (or another Database of this one) has it."""
        path = cls.path_for(database)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            advice = "give the node a directory it can write (node.db_path)"
            raise os_store_error("create", path, error, advice) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreError(
                f"another node (pid {holder or 'unknown'}) uses {database}; stop it or set another node.db_path"
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise os_store_error("lock", path, error, "free some space or set another node.db_path") from error
        return cls(descriptor)

    def release(self) -> None:
        """Let the next one have it."""
        # A pid that stays behind because the disk failed misleads nobody: it is read only while the lock is held.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
