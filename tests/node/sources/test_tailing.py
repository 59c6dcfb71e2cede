"""Tails here and in a child, on real files and on file systems that really hang."""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.sources import tail_remote
from node.sources import tailing as module
from node.sources.tail_types import Batch, Restored, TailOptions
from node.sources.tailing import Tailing, TailStuck
from node.sources.watch import Watcher
from tests.fakes.hangfs import HangFs, hangfs
from tests.node.collecting import until
from tests.node.processes import wait_until


@asynccontextmanager
async def tailing(path: Path | str, **options: object) -> AsyncIterator[Tailing]:
    """A tail that begins at the beginning."""
    settings = {"start": "beginning", **options}
    tail = Tailing(TailOptions(path=str(path), **settings), Watcher())  # type: ignore[arg-type]
    try:
        yield tail
    finally:
        await tail.close()


def lines(batch: Batch) -> list[str]:
    return [line for chunk in batch.chunks for line in chunk.lines]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def prompted(tail: Tailing, end: float) -> bool:
    """Whether it was prompted before `end`."""
    try:
        await asyncio.wait_for(tail.prompt(), max(0.01, end - time.monotonic()))
    except TimeoutError:
        return False
    return True


async def stuck(tail: Tailing) -> TailStuck:
    with pytest.raises(TailStuck) as caught:
        await tail.read()
    return caught.value


async def until_read(tail: Tailing) -> Batch:
    """The first batch after the file system answers again."""
    batches: list[Batch] = []

    async def answers() -> bool:
        try:
            batches.append(await tail.read())
        except TailStuck:
            return False
        return True

    await until(answers)
    return batches[0]


async def waiting(tail: Tailing) -> "asyncio.Task[None]":
    """A prompt that waits. One may come for nothing, because other tests mount things meanwhile."""
    for _ in range(20):
        prompt = asyncio.create_task(tail.prompt())
        await asyncio.sleep(0.05)
        if not prompt.done():
            return prompt
        assert lines(await tail.read()) == []
    raise AssertionError("it is prompted again and again with nothing to read")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SEC", 2.0)


def test_a_local_log_is_read_here_and_prompts_soon_after_it_grew(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n")

    async def check() -> None:
        async with tailing(log) as tail:
            await tail.restore(Restored())
            assert lines(await tail.read()) == ["one", "two"]
            assert not tail.polled
            assert tail.pids == []
            took = []
            for number in range(5):
                prompt = await waiting(tail)
                append(log, f"{number}\n")
                began = time.monotonic()
                await asyncio.wait_for(prompt, 20)
                took.append(time.monotonic() - began)
                assert lines(await tail.read()) == [str(number)]
            assert statistics.median(took) < 0.5

    asyncio.run(check())


def test_what_is_left_of_a_read_prompts_at_once(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"line {number}\n" for number in range(2000)))

    async def check() -> None:
        async with tailing(log, batch_bytes=4096) as tail:
            await tail.restore(Restored())
            read: list[str] = []
            while len(read) < 2000:
                read += lines(await tail.read())
                if len(read) < 2000:
                    prompt = asyncio.create_task(tail.prompt())
                    await asyncio.sleep(0)
                    assert prompt.done()  # it did not wait at all
            assert read == [f"line {number}" for number in range(2000)]

    asyncio.run(check())


def test_a_renamed_log_prompts_and_both_files_are_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")

    async def check() -> None:
        async with tailing(log) as tail:
            await tail.restore(Restored())
            await tail.read()
            prompt = asyncio.create_task(tail.prompt())
            await asyncio.sleep(0.05)
            log.rename(tmp_path / "app.log.1")
            log.write_text("new\n")
            append(tmp_path / "app.log.1", "late\n")
            await asyncio.wait_for(prompt, 20)
            read: list[str] = []

            async def both() -> bool:
                read.extend(lines(await tail.read()))
                return len(read) >= 2

            await until(both)
            assert sorted(read) == ["late", "new"]

    asyncio.run(check())


def test_a_paused_tail_is_not_prompted_by_growth_and_reads_nothing(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")

    async def check() -> None:
        async with tailing(log) as tail:
            await tail.restore(Restored())
            await tail.read()
            append(log, "two\n")
            prompts, end = 0, time.monotonic() + 2
            while time.monotonic() < end:
                assert lines(await tail.read(paused=True)) == []
                prompts += await prompted(tail, end)
            assert prompts <= 5  # other tests mount things meanwhile
            assert lines(await tail.read()) == ["two"]

    asyncio.run(check())


def test_a_line_that_does_not_end_is_no_hot_loop(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")

    async def check() -> None:
        async with tailing(log, partial_after_sec=60.0) as tail:
            await tail.restore(Restored())
            await tail.read()
            prompts, end = 0, time.monotonic() + 4
            while time.monotonic() < end:
                append(log, "x")
                prompts += await prompted(tail, end)
                assert lines(await tail.read()) == []
            assert prompts <= 12  # and not twenty, one for each look at its size

    asyncio.run(check())


def test_a_batch_that_was_not_committed_is_read_again(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")

    async def check() -> None:
        async with tailing(log) as tail:
            await tail.restore(Restored())
            committed = await tail.read()
            append(log, "two\n")
            assert lines(await tail.read()) == ["two"]
            await tail.restore(Restored(places=committed.places, known=True))
            assert lines(await tail.read()) == ["two"]
            assert lines(await tail.read()) == []

    asyncio.run(check())


@pytest.mark.peer("fuse")
def test_a_log_on_a_mount_that_may_hang_is_read_by_a_child_with_the_same_engine(tmp_path: Path) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        log.write_bytes("".join(f"{number} é\n" for number in range(100_000)).encode() + b"\xff\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            read: list[str] = []
            while True:
                batch = await until_read(tail)
                read += lines(batch)
                if not batch.more:
                    break
                await asyncio.wait_for(tail.prompt(), 0.1)
            assert tail.polled
            assert len(tail.pids) == 1
            assert read == [*(f"{number} é" for number in range(100_000)), "\\xff"]
            append(log, "next\n")
            await asyncio.wait_for(tail.prompt(), 20)
            assert lines(await until_read(tail)) == ["next"]

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
@pytest.mark.parametrize("call", ["getattr", "read"])
def test_a_mount_that_hangs_is_stuck_and_read_on_when_it_answers(tmp_path: Path, impatient: None, call: str) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        log.write_text("one\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            assert lines(await until_read(tail)) == ["one"]
            append(log, "two\n")
            served.hang(call)
            first = await stuck(tail)
            assert "does not answer" in str(first)
            began = time.monotonic()
            again = await stuck(tail)
            assert time.monotonic() - began < 1.8  # a silent one is hardly waited for
            assert again.since_sec > first.since_sec
            [pid] = tail.pids
            served.release()
            assert lines(await until_read(tail)) == ["two"]
            assert tail.pids == [pid]
            append(log, "three\n")
            assert lines(await until_read(tail)) == ["three"]

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_child_that_stays_silent_is_replaced_and_what_it_says_late_is_not_heard(
    tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        log.write_text("one\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            await until_read(tail)
            append(log, "two\n")
            served.hang("getattr")
            await stuck(tail)
            await until(lambda: served.holds("getattr"))
            [old] = tail.pids
            monkeypatch.setattr(module, "_PATIENCE_SEC", 0.0)
            for _ in range(3):
                await stuck(tail)
                assert tail.pids == [old]  # beyond the reach of SIGKILL: nobody is sent after it
            monkeypatch.undo()
            served.release()
            assert lines(await until_read(tail)) == ["two"]
            assert old not in tail.pids
            assert lines(await tail.read()) == []

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_server_that_stands_still_is_asked_by_one_child_at_a_time_and_each_line_is_read_once(
    tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        log.write_text("one\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            assert lines(await until_read(tail)) == ["one"]
            append(log, "two\n")
            served.freeze()
            await stuck(tail)
            pids = {*tail.pids}
            monkeypatch.setattr(module, "_PATIENCE_SEC", 0.0)
            for _ in range(4):
                await stuck(tail)
                await until(lambda: len(tail.pids) == 1)  # one that was killed has its time to end
                pids |= {*tail.pids}
            assert len(pids) > 1
            monkeypatch.undo()
            served.thaw()
            assert lines(await until_read(tail)) == ["two"]
            assert lines(await tail.read()) == []

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_child_that_is_long_in_starting_makes_no_mount_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SEC", 1.0)
    monkeypatch.setattr(tail_remote, "_CODE", f"import time; time.sleep(2)\n{tail_remote._CODE}")

    async def check(served: HangFs) -> None:
        (served.backing / "app.log").write_text("one\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            assert lines(await tail.read()) == ["one"]

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_child_that_was_killed_is_replaced_and_goes_on_from_what_is_committed(tmp_path: Path) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        log.write_text("one\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            await until_read(tail)
            for number in range(3):
                [pid] = tail.pids
                os.kill(pid, signal.SIGKILL)
                append(log, f"{number}\n")
                assert lines(await until_read(tail)) == [str(number)]
                assert tail.pids != [pid]

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_read_that_could_not_be_committed_there_is_read_again(tmp_path: Path, impatient: None) -> None:
    async def check(served: HangFs) -> None:
        log = served.backing / "app.log"
        log.write_text("one\n")
        async with tailing(served.mount_point / "app.log") as tail:
            await tail.restore(Restored())
            committed = Restored(places=(await until_read(tail)).places, known=True)
            append(log, "two\n")
            assert lines(await until_read(tail)) == ["two"]
            await tail.restore(committed)
            assert lines(await until_read(tail)) == ["two"]
            served.hang("read")
            append(log, "three\n")
            await stuck(tail)
            await tail.restore(committed)  # with a question open
            served.release()
            assert lines(await until_read(tail)) == ["two", "three"]

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_mount_that_comes_over_a_log_moves_it_into_a_child_and_back(tmp_path: Path) -> None:
    async def check() -> None:
        polled = []
        async with tailing(tmp_path / "served" / "app.log") as tail:
            await tail.restore(Restored())
            assert (await tail.read()).status == "missing"
            polled.append(tail.polled)
            with hangfs(tmp_path / "served") as served:
                (served.backing / "app.log").write_text("served\n")
                assert lines(await until_read(tail)) == ["served"]
                polled.append(tail.polled)
            assert (await tail.read()).status == "missing"
            polled.append(tail.polled)
            await until(lambda: not tail.pids)
        assert polled == [False, True, False]

    asyncio.run(check())


@pytest.mark.peer("fuse")
def test_a_stuck_tail_is_closed_within_its_time_and_leaves_no_descriptor(tmp_path: Path, impatient: None) -> None:
    async def check(served: HangFs) -> None:
        before = descriptors()
        async with tailing(served.mount_point / "file") as tail:
            await tail.restore(Restored())
            await until_read(tail)
            served.hang("getattr", "read")
            await stuck(tail)
            began = time.monotonic()
        assert time.monotonic() - began < 10  # the file system would take a minute
        assert descriptors() == before

    with hangfs(tmp_path / "served") as served:
        asyncio.run(check(served))


@pytest.mark.peer("fuse")
def test_a_child_ends_with_the_process_that_asked_it(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from contextlib import suppress\n"
        "from node.sources.tailing import Tailing, TailOptions, TailStuck, Restored\n"
        "from node.sources.watch import Watcher\n"
        "async def main():\n"
        "    tail = Tailing(TailOptions(path=sys.argv[1]), Watcher())\n"
        "    await tail.restore(Restored())\n"
        "    with suppress(TailStuck):  # on a busy machine the child may be long in starting\n"
        "        await tail.read()\n"
        "    print(*tail.pids, flush=True)\n"
        "    os._exit(1)\n"
        "asyncio.run(main())\n"
    )
    with hangfs(tmp_path / "served") as served:
        command = [sys.executable, "-c", code, str(served.mount_point / "file")]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        pid = int(done.stdout)
        wait_until(lambda: not Path(f"/proc/{pid}").exists())
