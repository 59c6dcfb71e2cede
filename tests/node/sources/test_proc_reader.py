"""Files of /proc that may block, read by a process that may be lost."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest

from node.sources import proc_reader
from node.sources.proc_reader import LONGEST, ProcReader
from tests.fakes.blocked import blocked
from tests.node.programs import command_line, programs


async def read_once(*places: str) -> dict[str, bytes]:
    reader = ProcReader()
    try:
        return await reader.read(places, within_sec=20)
    finally:
        await reader.close()


def test_many_files_are_read_at_once() -> None:
    with programs() as made:
        pids = [made.sleeper(f"number {number}").pid for number in range(70)]
        places = [f"{pid}/cmdline" for pid in pids]
        assert asyncio.run(read_once(*places)) == {f"{pid}/cmdline": command_line(pid) for pid in pids}


def test_what_is_gone_or_no_file_is_empty() -> None:
    assert asyncio.run(read_once("4194305/cmdline", "1/nothing", "1/cmdline")) == {
        "4194305/cmdline": b"",
        "1/nothing": b"",
        "1/cmdline": command_line(1),
    }


def test_a_command_line_cannot_pretend_to_be_another_s() -> None:
    with programs() as made:
        hostile = made.sleeper("SEPARATOR=" + "0" * 32, "\n/proc/1/cmdline\n", "")
        answers = asyncio.run(read_once(f"{hostile.pid}/cmdline", "1/cmdline"))
        assert answers == {f"{hostile.pid}/cmdline": command_line(hostile.pid), "1/cmdline": command_line(1)}


def test_a_very_long_command_line_is_cut() -> None:
    with programs() as made:
        long = made.sleeper(*(["x" * 100_000] * 5))
        answers = asyncio.run(read_once(f"{long.pid}/cmdline", "1/cmdline"))
        assert answers[f"{long.pid}/cmdline"] == command_line(long.pid)[:LONGEST]
        assert answers["1/cmdline"] == command_line(1)


def test_where_there_is_no_cat_python_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with programs() as made:
        process = made.sleeper()
        assert asyncio.run(read_once(f"{process.pid}/cmdline", "4194305/cmdline")) == {
            f"{process.pid}/cmdline": command_line(process.pid),
            "4194305/cmdline": b"",
        }


def test_a_reader_that_ends_too_early_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc_reader, "_command", lambda: ["/bin/true"])
    with pytest.raises(OSError, match="ends too early"):
        asyncio.run(read_once("1/cmdline"))


def test_a_reader_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc_reader, "_command", lambda: ["/nonexistent/cat"])
    with pytest.raises(FileNotFoundError):
        asyncio.run(read_once("1/cmdline"))


def test_no_child_and_no_descriptor_is_left() -> None:
    async def main() -> None:
        reader = ProcReader()
        for _ in range(20):
            await reader.read(["1/cmdline"], within_sec=20)
        deadline = time.monotonic() + 20
        while reader.pids:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    asyncio.run(main())
    assert descriptors() == before


@pytest.mark.peer("fuse")
def test_a_process_that_blocks_its_reader_costs_the_others_nothing(tmp_path: Path) -> None:
    async def main(pid: int) -> None:
        place, reader = f"{pid}/cmdline", ProcReader()
        began = time.monotonic()
        answers = await reader.read(["1/cmdline", place, "2/cmdline", f"{os.getpid()}/cmdline"], within_sec=20)
        assert time.monotonic() - began < 15
        assert set(answers) == {"1/cmdline", "2/cmdline", f"{os.getpid()}/cmdline"}
        assert reader.blocks(place)
        assert not reader.blocks("1/cmdline")
        # It is not even tried again for a while, and nobody hangs there.
        for _ in range(20):
            assert await reader.read([place], within_sec=20) == {}
        await reader.close()
        assert reader.pids == []

    with blocked(tmp_path / "mount") as hanging:
        asyncio.run(main(hanging.pid))


@pytest.mark.peer("fuse")
def test_a_process_that_goes_on_is_read_again(tmp_path: Path) -> None:
    async def main(pid: int) -> None:
        place, reader = f"{pid}/cmdline", ProcReader(patience_sec=0.2)
        assert await reader.read([place], within_sec=20) == {}
        hanging.release()
        deadline = time.monotonic() + 30
        while not (answers := await reader.read([place], within_sec=20)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert answers == {place: command_line(pid)}
        assert not reader.blocks(place)
        await reader.close()

    with blocked(tmp_path / "mount") as hanging:
        asyncio.run(main(hanging.pid))
