"""A read-only FUSE file system whose calls hang while they are told to: a stand-in for a network file server.

`python hangfs.py BACKING MOUNT_POINT CONTROL [direct_io]` shows BACKING at MOUNT_POINT; direct_io goes past the page
cache. While a file CONTROL/statfs, readdir, getattr or read exists, that call does not return; the caller then cannot
even be killed, like one on a hard NFS mount.
Every hang ends by itself after HANG_AT_MOST_SEC, so that no machine is left with processes nobody can end.
"""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.peers import is_mounted, unmount

HANG_AT_MOST_SEC = 60.0
_SEC_TO_MOUNT = 30.0


@dataclass(frozen=True)
class HangFs:
    """One mounted hangfs, to be driven by a test."""

    mount_point: Path
    backing: Path
    control: Path
    server: "subprocess.Popen[bytes]"

    def hang(self, *calls: str) -> None:
        """From now on these calls (statfs, readdir, getattr, read) do not return."""
        for call in calls:
            (self.control / call).touch()

    def holds(self, call: str) -> bool:
        """Whether a caller hangs in this call by now, beyond the reach of any signal."""
        return (self.control / f"{call}.held").exists()

    def deny(self) -> None:
        """From now on statfs fails with EACCES, as on an NFS server that wants a Kerberos ticket."""
        (self.control / "denied").touch()

    def release(self) -> None:
        """Let all calls go on."""
        for file in self.control.iterdir():
            file.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop the server as a whole; callers wait, and can be killed."""
        self.server.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self.server.pid}/task")
        # A thread that still runs would read a question, and who asked it could then not be killed.
        while any(_state(thread) != "T" for thread in threads.iterdir()):
            time.sleep(0.01)

    def thaw(self) -> None:
        self.server.send_signal(signal.SIGCONT)

    def kill_server(self) -> None:
        """The mount stays, with nobody behind it: ENOTCONN."""
        self.server.kill()
        self.server.wait(10)


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def hangfs(where: Path, *, direct_io: bool = False) -> Iterator[HangFs]:
    """hangfs mounted at `where`, released and unmounted when the block ends, however it ends."""
    backing, control = where.with_name(where.name + ".backing"), where.with_name(where.name + ".control")
    for directory in (where, backing, control):
        directory.mkdir(parents=True)
    (backing / "file").write_text("content\n")
    arguments = [sys.executable, "-m", "tests.fakes.hangfs", str(backing), str(where), str(control)]
    arguments += ["direct_io"] if direct_io else []
    server = subprocess.Popen(arguments, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])
    mounted = HangFs(where, backing, control, server)
    try:
        deadline = time.monotonic() + _SEC_TO_MOUNT
        while not is_mounted(where):
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise OSError(f"hangfs does not mount: {server.communicate()[1].decode(errors='replace')}")
            time.sleep(0.02)
        yield mounted
    finally:
        mounted.release()
        if server.poll() is None:
            mounted.thaw()
        unmount(where)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(3)
        server.kill()
        server.communicate()


def serve(backing: str, mount_point: str, control: str, *more: str) -> None:
    """Serve until unmounted."""
    import mfusepy  # here, because tests that only drive a server must load where libfuse is missing

    class Operations(mfusepy.Operations):  # type: ignore[misc] # the module has no types
        def _pass(self, call: str) -> None:
            deadline, order = time.monotonic() + HANG_AT_MOST_SEC, Path(control, call)
            if order.exists():
                order.with_name(f"{call}.held").touch()
            while order.exists() and time.monotonic() < deadline:
                time.sleep(0.01)

        def getattr(self, path: str, fh: int | None = None) -> dict[str, object]:
            self._pass("getattr")
            seen = os.lstat(backing + path)
            return {name: getattr(seen, name) for name in dir(seen) if name.startswith("st_")}

        def readdir(self, path: str, fh: int) -> list[str]:
            self._pass("readdir")
            return [".", "..", *os.listdir(backing + path)]  # noqa: PTH208

        def statfs(self, path: str) -> dict[str, int]:
            self._pass("statfs")
            if Path(control, "denied").exists():
                raise PermissionError(errno.EACCES, "denied")
            seen = os.statvfs(backing + path)
            return {name: getattr(seen, name) for name in dir(seen) if name.startswith("f_") and name != "f_fsid"}

        def open(self, path: str, flags: int) -> int:
            return os.open(backing + path, os.O_RDONLY)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            self._pass("read")
            return os.pread(fh, size, offset)

        def release(self, path: str, fh: int) -> None:
            os.close(fh)

    # Without the kernel's caches every call comes here, as one does to a server that is asked for what is new.
    options = {"ro": True, "fsname": "hangfs", "attr_timeout": 0, "entry_timeout": 0}
    options |= dict.fromkeys(more, True)
    mfusepy.FUSE(Operations(), mount_point, foreground=True, nothreads=False, **options)


if __name__ == "__main__":
    serve(*sys.argv[1:])
