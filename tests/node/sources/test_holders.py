"""Deleted files that somebody keeps open, found on real file systems."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etlmon.contract.errors import DeadlineExceeded, NotFound
from etlmon.contract.fs import Holder
from node.sources.holders import holders
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until
from tests.peers import bind, ext4, tmpfs

MIB = 1024 * 1024
HOLD = """
import os, sys
for path in sys.argv[1:]:
    file = open(path, "rb")
    os.dup(file.fileno())
    globals()[path] = file
print("open", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holding(*files: Path) -> Iterator[int]:
    """A process that has the files open (each twice): its pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process.pid
    finally:
        process.communicate()


def written(path: Path, mib: int) -> Path:
    path.write_bytes(b"x" * mib * MIB)
    return path


def found(where: Path) -> list[Holder]:
    return asyncio.run(holders(str(where)))


@pytest.mark.peer("loop")
def test_processes_with_deleted_files_are_listed_most_bytes_first(tmp_path: Path) -> None:
    with ext4(tmp_path / "disk", size_mib=16) as disk:
        small, large = written(disk / "small", 1), [written(disk / f"large {n}\n", 2) for n in range(2)]
        kept = written(disk / "kept (deleted)", 1)
        with holding(small, kept) as one, holding(*large, small) as other:
            assert found(disk) == []
            for file in (small, *large):
                file.unlink()
            rows = found(disk)
    assert [(row.pid, row.deleted_files, row.user) for row in rows] == [(other, 3, "root"), (one, 1, "root")]
    assert abs(rows[0].deleted_bytes - 5 * MIB) < 65536
    assert abs(rows[1].deleted_bytes - MIB) < 65536
    assert rows[0].process_name.startswith("python")


@pytest.mark.peer("tmpfs")
def test_deleted_files_of_other_mounts_are_not_listed(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "one") as one, tmpfs(tmp_path / "two") as two:
        file = written(two / "file", 1)
        with holding(file) as pid:
            file.unlink()
            assert found(one) == []
            assert [row.pid for row in found(two)] == [pid]


@pytest.mark.peer("tmpfs")
def test_a_file_opened_through_another_name_of_the_file_system_is_listed(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "one") as one, bind(one, tmp_path / "again") as again:
        written(one / "file", 1)
        with holding(again / "file") as pid:
            (one / "file").unlink()
            assert [row.pid for row in found(one)] == [pid]


def test_a_place_where_nothing_is_mounted_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing is mounted"):
        found(tmp_path)


@pytest.mark.peer("fuse")
@pytest.mark.peer("root")
def test_a_mount_that_hangs_is_a_deadline_and_leaves_one_look_up_waiting(tmp_path: Path) -> None:
    async def scenario() -> None:
        served.hang("getattr")  # the size of an open file is a question to its server
        first = asyncio.create_task(holders(str(served.mount_point), deadline_sec=3))
        await until(lambda: served.holds("getattr"))
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(DeadlineExceeded, match="does not answer"):
                await holders(str(served.mount_point), deadline_sec=10)
            assert time.monotonic() - began < 5
        with pytest.raises(DeadlineExceeded):
            await first
        await until(lambda: len(children()) == 1)
        served.release()
        await until(lambda: not children())

    with hangfs(tmp_path / "mount") as served:
        hidden = served.backing / ".fuse_hidden0001"
        hidden.write_text("a file that was deleted while it was open")
        with holding(served.mount_point / hidden.name):
            asyncio.run(scenario())


def children() -> list[int]:
    """Look-ups of this process that have not ended."""
    found = []
    for task in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"probe_child" in (task / "cmdline").read_bytes():
                found.append(int(task.name))
    return found
