"""The ends of processes that are not ours, noticed as they happen."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.sources import exits as exits_module
from node.sources.exits import Exits


def play(scenario: Callable[[Exits], Awaitable[None]]) -> None:
    async def main() -> None:
        exits = Exits()
        try:
            await scenario(exits)
        finally:
            await exits.close()

    asyncio.run(main())


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "600"])


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_end_of_a_process_wakes_whoever_waits_and_its_time_is_known() -> None:
    async def scenario(exits: Exits) -> None:
        first, second = sleeper(), sleeper()
        assert exits.watch(first.pid)
        assert exits.watch(second.pid)
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_later(0.2, end, first)
        await asyncio.wait_for(exits.wait(), 10)
        ended_at = exits.ended_at(first.pid)
        assert ended_at is not None
        assert began + 0.2 <= ended_at <= loop.time()
        assert exits.ended_at(second.pid) is None
        end(second)

    play(scenario)


def test_a_process_that_is_let_go_is_not_heard_of_and_holds_nothing() -> None:
    async def scenario(exits: Exits) -> None:
        before = descriptors()
        process = sleeper()
        exits.watch(process.pid)
        exits.keep(set())
        await asyncio.sleep(0)
        assert descriptors() == before
        end(process)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exits.wait(), 0.2)
        assert exits.ended_at(process.pid) is None

    play(scenario)


def test_one_that_ended_is_told_until_it_is_let_go() -> None:
    async def scenario(exits: Exits) -> None:
        process = sleeper()
        exits.watch(process.pid)
        end(process)
        await asyncio.wait_for(exits.wait(), 10)
        exits.keep({process.pid})
        await asyncio.wait_for(exits.wait(), 10)
        exits.keep(set())
        assert exits.ended_at(process.pid) is None

    play(scenario)


def test_a_process_that_is_not_there_cannot_be_watched() -> None:
    async def scenario(exits: Exits) -> None:
        process = sleeper()
        end(process)
        assert not exits.watch(process.pid)
        assert not exits.watch(0)
        assert exits.watch(os.getpid())

    play(scenario)


def test_no_more_descriptors_are_held_than_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exits_module, "MOST", 1)

    async def scenario(exits: Exits) -> None:
        assert exits.watch(os.getpid())
        assert not exits.watch(os.getppid())
        assert exits.watch(os.getpid())

    play(scenario)
