"""A process whose command line cannot be read: it hangs in a page fault of a dead file server, and holds its memory.

One thread touches a page of a mapped file and waits for the server. Another maps the file again: the kernel then holds
the lock of the process' memory until the page is there, and whoever reads /proc/PID/cmdline waits for that lock.
`python blocked.py FILE HELD` does so; HELD is a file that says that the first thread waits.
"""

import contextlib
import ctypes
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.hangfs import HangFs, hangfs

_WITHIN_SEC = 30.0


@dataclass(frozen=True)
class Blocked:
    """Such a process, and the file system that it hangs in."""

    pid: int
    fs: HangFs

    def release(self) -> None:
        """Let the server answer; the process goes on."""
        self.fs.release()


@contextlib.contextmanager
def blocked(where: Path, *arguments: str) -> Iterator[Blocked]:
    """A process that hangs in a file system mounted at `where`, and is gone after the block.

    `arguments` stand in its command line. Skips the test where the kernel lets such a command line be read.
    """
    with hangfs(where, direct_io=True) as fs:
        fs.hang("read")
        command = [sys.executable, __file__, str(fs.mount_point / "file"), str(fs.control / "read.held"), *arguments]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
        try:
            _wait_for_hang(process.pid)
            _try(process.pid)
            yield Blocked(process.pid, fs)
        finally:
            fs.release()
            process.kill()
            process.wait(30)


def _wait_for_hang(pid: int) -> None:
    deadline = time.monotonic() + _WITHIN_SEC
    while _waiting(pid) < 2:
        assert time.monotonic() < deadline, f"process {pid} does not hang"
        time.sleep(0.01)


def _waiting(pid: int) -> int:
    """How many of its threads are in uninterruptible sleep."""
    lines = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(line.rpartition(")")[2].split()[0] == "D" for line in lines)


def _try(pid: int) -> None:
    reader = subprocess.Popen(["cat", f"/proc/{pid}/cmdline"], stdout=subprocess.DEVNULL)
    try:
        reader.wait(1)
    except subprocess.TimeoutExpired:
        return
    finally:
        reader.kill()
        reader.wait(30)
    pytest.skip("this kernel reads the command line of a process whose memory is held")


def hang(path: str, held: str) -> None:
    """Hang for as long as the file's server does."""
    file = os.open(path, os.O_RDONLY)

    def mapped() -> mmap.mmap:
        return mmap.mmap(file, 8, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)

    page = (ctypes.c_char * 8).from_buffer(mapped())
    threading.Thread(target=ctypes.CDLL(None).memcmp, args=(page, bytes(8), 8)).start()
    while not Path(held).exists():
        time.sleep(0.01)
    threading.Thread(target=mapped).start()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    hang(*sys.argv[1:3])
