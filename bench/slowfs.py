"""A read-only FUSE file system whose readdir takes a millisecond: a stand-in for a file server that is far away.

`python -m bench.slowfs MOUNT_POINT DIRECTORIES FILES` shows so many directories with so many empty files each. The
names are made beforehand and handed to libfuse without any work per call, so that what a client waits for is the delay
and not this process.
"""

import ctypes
import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

DELAY_SEC = 0.001
_MOUNT_SEC = 10.0


@contextmanager
def slowfs(where: Path, directories: int, files: int) -> Iterator[Path]:
    """The file system mounted at `where` until the block ends."""
    where.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bench.slowfs", str(where), str(directories), str(files)]
    server = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + _MOUNT_SEC
        while not where.is_mount():
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise OSError(f"slowfs does not mount: {server.communicate()[1].decode(errors='replace')}")
            time.sleep(0.02)
        yield where
    finally:
        subprocess.run(["umount", "-l", "--", where], check=False, capture_output=True)
        with suppress(subprocess.TimeoutExpired):
            server.wait(3)
        server.kill()
        server.communicate()


def serve(mount_point: str, directories: int, files: int) -> None:
    """Serve until unmounted."""
    import mfusepy  # here, because the benchmark must load where libfuse is missing

    # On one processor the server's threads hand the interpreter's lock on without fighting over it: on two they spend
    # most of the time with that, and a client waits for the lock and not for the delay.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    directory = {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
    file = {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1}

    def entries(names: list[str], attributes: dict[str, int]) -> list[tuple[bytes, Any]]:
        kind = mfusepy.c_stat()
        kind.st_mode = attributes["st_mode"]
        return [(name.encode(), ctypes.pointer(kind)) for name in names]

    root = entries([f"d{number:04}" for number in range(directories)], directory)
    leaf = entries([f"file_{number:06}.csv" for number in range(files)], file)

    class Operations(mfusepy.Operations):  # type: ignore[misc] # the module has no types
        def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
            return directory if path.count("/") == 1 and not path.startswith("/file") else file

        def readdir(self, path: str, fh: int) -> list[str]:
            raise NotImplementedError  # it must be there for libfuse to ask; the server below answers

    class Server(mfusepy.FUSE):  # type: ignore[misc]
        def _readdir(self, path: bytes, buf: Any, filler: Any, offset: int, fip: Any) -> int:
            time.sleep(DELAY_SEC)
            for name, kind in root if path == b"/" else leaf:
                if filler(buf, name, kind, 0, 0):
                    return -errno.ENOMEM
            return 0

    options = {
        "ro": True,
        "fsname": "slowfs",
        "attr_timeout": 60,
        "entry_timeout": 60,
        "max_threads": 64,
        "max_idle_threads": 64,
    }
    Server(Operations(), mount_point, foreground=True, nothreads=False, **options)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
