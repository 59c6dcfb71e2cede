"""Collectors that know before their interval is over that there is something to read."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import aiosqlite
import pytest

from node.collector import Collector, Prompted, Reading, Sample
from tests.node.collecting import Look, Scripted, nothing, running, seen, until

LONG = 60.0


class Prompting(Scripted):
    """A scripted collector whose prompt does what its own script says."""

    def __init__(self, prompt: Callable[["Prompting"], Awaitable[None]], script: Look = nothing, **kw: float) -> None:
        super().__init__(script, **{"interval_sec": LONG, **kw})  # type: ignore[arg-type]
        self.bell = asyncio.Event()
        self.prompts = 0
        self.cancelled = 0
        self._prompt = prompt

    async def prompt(self) -> None:
        self.prompts += 1
        try:
            await self._prompt(self)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def when_it_rings(collector: Prompting) -> None:
    await collector.bell.wait()
    collector.bell.clear()


def test_a_collector_is_prompted_by_what_it_defines() -> None:
    assert isinstance(Prompting(when_it_rings), Prompted)
    assert not isinstance(Scripted(nothing), Prompted)


def test_a_prompt_begins_a_run_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        collector = Prompting(when_it_rings)
        async with running(tmp_path, collector) as stage:
            for runs in range(1, 20):
                await until(lambda runs=runs: collector.runs == runs and collector.prompts > runs)  # type: ignore[misc]
                collector.bell.set()
            await until(lambda: collector.runs == 20)
            assert stage.health().overruns == 0
            assert collector.most_at_once == 1

    asyncio.run(check())


def test_without_a_prompt_the_interval_holds_and_each_waiting_prompt_is_cancelled(tmp_path: Path) -> None:
    async def check() -> None:
        collector = Prompting(when_it_rings, interval_sec=0.05)
        async with running(tmp_path, collector):
            await until(lambda: collector.runs >= 5)
            await until(lambda: collector.prompts - collector.cancelled <= 1)
        assert collector.prompts == collector.cancelled
        assert not [task for task in asyncio.all_tasks() if "prompt" in task.get_name()]

    asyncio.run(check())


def test_a_run_that_was_told_to_begin_does_not_wait_for_the_prompt(tmp_path: Path) -> None:
    async def check() -> None:
        collector = Prompting(when_it_rings)
        async with running(tmp_path, collector) as stage:
            await until(lambda: collector.prompts > collector.runs > 0)
            runs = collector.runs
            assert stage.runner.trigger("one")
            await until(lambda: collector.runs == runs + 1)

    asyncio.run(check())


def test_a_prompt_that_fails_is_a_failure_everybody_sees_and_no_hot_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prompted_at: list[float] = []

    async def fails(_: Prompting) -> None:
        prompted_at.append(asyncio.get_running_loop().time())
        raise ValueError("no such bell")

    async def check() -> None:
        collector = Prompting(fails, interval_sec=0.1)
        async with running(tmp_path, collector) as stage:
            await until(lambda: stage.health().status == "failing")
            assert stage.health().last_error == "ValueError: no such bell"
            failures = stage.runner.samples.find(
                "agent_collector_errors_total", {"collector": "one", "domain": "tests"}
            )
            assert failures is not None
            assert failures.value >= 1
            await until(lambda: collector.runs >= 12 and len(prompted_at) >= 4)
            waits = [after - before for before, after in pairwise(prompted_at)]
            assert waits[0] >= 0.2
            assert waits[1] >= 0.4  # ever less often
            assert waits[2] >= 0.8

    asyncio.run(check())
    told = [entry for entry in caplog.records if entry.levelno == logging.WARNING and "no such bell" in entry.message]
    assert told
    assert told[0].exc_info


def test_a_prompt_that_works_again_is_listened_to_again(tmp_path: Path) -> None:
    async def fails_at_first(collector: Prompting) -> None:
        if collector.prompts <= 2:
            raise OSError("not yet")
        await when_it_rings(collector)

    async def check() -> None:
        collector = Prompting(fails_at_first, interval_sec=0.1)
        async with running(tmp_path, collector) as stage:
            await until(lambda: collector.prompts >= 4)
            await until(lambda: stage.health().status == "ok")
            assert stage.health().last_error is None

    asyncio.run(check())


def test_a_run_that_failed_is_not_prompted_until_one_succeeds(tmp_path: Path) -> None:
    async def at_once(_: Prompting) -> None:
        return

    async def look(collector: Scripted, _: datetime) -> AsyncIterator[Reading[str]]:
        if collector.runs >= 5:
            raise OSError("the disk is gone")
        yield Reading()

    async def check() -> None:
        collector = Prompting(at_once, look)
        async with running(tmp_path, collector) as stage:
            await until(lambda: stage.health().consecutive_failures == 1)
            prompts = collector.prompts
            await asyncio.sleep(0.2)
            assert (collector.runs, collector.prompts) == (5, prompts)

    asyncio.run(check())


def test_a_reading_that_was_lost_is_not_asked_for_again_in_a_hot_loop(tmp_path: Path) -> None:
    class Resuming(Prompting):
        async def resume(self, db: aiosqlite.Connection) -> None:
            return

    async def at_once(_: Prompting) -> None:
        return

    async def full(_: aiosqlite.Connection, __: Sequence[object]) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async def check() -> None:
        collector = Resuming(at_once, interval_sec=0.2)
        async with running(tmp_path, collector, record=full) as stage:
            await until(lambda: stage.database.health().error is not None)
            began = asyncio.get_running_loop().time()
            runs = collector.runs
            await until(lambda: collector.runs >= runs + 4)
            assert asyncio.get_running_loop().time() - began > 0.3
            assert collector.prompts == 0
            assert stage.health().consecutive_failures == 0

    asyncio.run(check())


def test_a_reading_that_says_nothing_changed_touches_no_store_and_keeps_its_samples(tmp_path: Path) -> None:
    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        yield Reading(samples=[Sample("etlmon_test_lines", 7)], unchanged=True)

    collector: Collector[str] = Scripted(look, interval_sec=0.02)

    async def check() -> None:
        async with running(tmp_path, collector) as stage:
            await until(lambda: stage.health().last_success_at is not None)
            generation = stage.database.generation
            assert isinstance(collector, Scripted)
            runs = collector.runs
            await until(lambda: collector.runs >= runs + 5)
            assert stage.database.generation == generation
            assert await seen(stage.database) == []
            stated = stage.runner.samples.find("etlmon_test_lines")
            assert stated is not None
            assert stated.value == 7

    asyncio.run(check())
