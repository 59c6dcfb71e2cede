"""One process looked at now, and the host's largest."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypeVar

import psutil
import pytest

from etlmon.contract.errors import Unavailable
from etlmon.contract.processes import ProcessDetail, TopProcess
from node.sources import procfs
from node.sources.proc_reader import ProcReader
from node.sources.process_detail import MOST_CHILDREN, detail
from node.sources.process_top import top
from node.sources.users import Users
from tests.fakes.blocked import blocked
from tests.node.programs import Programs, programs, wait_until

Answer = TypeVar("Answer")


def ask(question: Callable[[ProcReader, Users], Awaitable[Answer]]) -> Answer:
    async def main() -> Answer:
        reader, users = ProcReader(), Users()
        try:
            return await question(reader, users)
        finally:
            await reader.close()
            await users.close()

    return asyncio.run(main())


def look(pid: int) -> ProcessDetail | None:
    return ask(lambda reader, users: detail(pid, reader=reader, users=users))


def family(made: Programs) -> int:
    """A shell with two children, one of which has a child: the shell's pid."""
    script = "sh -c 'sleep 600; true' $1 & sh -c 'sleep 601 & wait' $1 & wait"
    shell = made.shell(script)
    wait_until(lambda: len(psutil.Process(shell.pid).children(recursive=True)) == 4)
    return shell.pid


def test_its_family_and_its_files_are_told() -> None:
    with programs() as made:
        pid = family(made)
        found = look(pid)
        assert found is not None
        other = psutil.Process(pid)
        assert {child.pid for child in found.children} == {child.pid for child in other.children(recursive=True)}
        assert found.children_total == 4
        direct = [child.ppid for child in found.children[:2]]
        assert direct == [pid, pid]
        assert [parent.pid for parent in found.parents] == [parent.pid for parent in other.parents()]
        assert (found.cwd, found.exe) == (other.cwd(), other.exe())
        assert (found.nice, found.open_files) == (other.nice(), other.num_fds())
        assert found.file_limit == other.rlimit(psutil.RLIMIT_NOFILE)[0]
        assert found.cpu_sec == pytest.approx(sum(other.cpu_times()[:2]), abs=0.05)
        for child in other.children(recursive=True):
            child.kill()


def test_regular_files_are_listed_and_directories_and_devices_are_not(tmp_path: Path) -> None:
    code = "import os, sys, time; os.open(sys.argv[1], 0); os.open('/tmp', os.O_DIRECTORY); time.sleep(600)"
    file = tmp_path / "a file\n\x1b"
    file.touch()
    with programs() as made:
        process = made.python(code, str(file))
        wait_until(lambda: (found := look(process.pid)) is not None and str(file) in found.files)
        found = look(process.pid)
        assert found is not None
        assert found.files == [str(file)]


def test_what_is_gone_is_none() -> None:
    assert look(4_194_305) is None


def test_a_large_family_is_cut_and_counted() -> None:
    with programs() as made:
        code = (
            f"import os, time\nfor _ in range({MOST_CHILDREN + 20}):\n  os.fork() or time.sleep(600)\ntime.sleep(600)"
        )
        parent = made.python(code)
        wait_until(lambda: len(psutil.Process(parent.pid).children()) == MOST_CHILDREN + 20)
        children = psutil.Process(parent.pid).children()
        found = look(parent.pid)
        for child in children:
            child.kill()
        assert found is not None
        assert (len(found.children), found.children_total) == (MOST_CHILDREN, MOST_CHILDREN + 20)
        assert len({child.pid for child in found.children}) == MOST_CHILDREN


def largest(by: Literal["cpu", "memory"], n: int, proc: Path = procfs.PROC) -> list[TopProcess]:
    return ask(lambda reader, users: top(by, n, reader=reader, users=users, proc=proc))


def test_who_computes_most_comes_first() -> None:
    with programs() as made:
        busy = made.python("while True: pass", "--password=hunter2")
        for _ in range(20):
            rows = largest("cpu", 200)
            row = next(row for row in rows if row.pid == busy.pid)
            if (row.cpu_percent or 0.0) > 1:
                break  # on a busy machine it may not have had its turn between two looks
        assert rows.index(row) < 40
        assert row.cpu_percent is not None
        assert row.cpu_percent > 1
        assert row.cmdline.startswith(f"{sys.executable} -I -S -c while True: pass --password=*** ")
        assert (row.user, row.ppid) == (psutil.Process(busy.pid).username(), os.getpid())
        shares = [row.cpu_percent or 0.0 for row in rows]
        assert shares == sorted(shares, reverse=True)


def test_who_has_most_memory_comes_first() -> None:
    with programs() as made:
        process = made.python("import time; block = bytearray(200_000_000); time.sleep(600)")
        wait_until(lambda: psutil.Process(process.pid).memory_info().rss > 200_000_000)
        assert len(largest("memory", 5)) == 5
        rows = largest("memory", 100)  # other tests may have larger ones
        (row,) = (row for row in rows if row.pid == process.pid)
        assert row.mem_rss_bytes > 200_000_000
        sizes = [row.mem_rss_bytes for row in rows]
        assert sizes == sorted(sizes, reverse=True)


def test_a_proc_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="processes cannot be read: No such file"):
        largest("cpu", 5, proc=tmp_path / "proc")


@pytest.mark.peer("fuse")
def test_a_process_that_blocks_its_reader_is_told_without_its_command_line(tmp_path: Path) -> None:
    with blocked(tmp_path / "mount") as hanging:
        rows = {row.pid: row for row in largest("memory", 200)}
        assert rows[hanging.pid].cmdline == ""
        assert rows[os.getpid()].cmdline
        found = look(hanging.pid)
        assert found is not None
        assert found.exe == psutil.Process().exe()
