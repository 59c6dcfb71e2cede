import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from etlmon.contract.node import Event, EventQuery
from node import runner as runner_module
from node.collector import Collector, Reading, Registration, Sample
from node.runner import Runner
from node.settings import Node, NodeSettings
from node.store import node as node_store
from tests.node.collecting import Look, Scripted, nothing, record, running, seen, until
from tests.node.store.opened import fetch, opened
from tests.peers import tmpfs

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


async def failing(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
    yield Reading()
    raise OSError("the disk is gone")


async def forever(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
    yield Reading(rows=["begun"])
    await asyncio.Event().wait()


def deaf_until(let_go: asyncio.Event) -> Look:
    """Swallows every cancellation until the event is set."""

    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()
        yield Reading()

    return look


def test_a_reading_s_rows_reach_the_store_and_its_samples_the_table(tmp_path: Path) -> None:
    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        samples = [Sample("etlmon_test_files", 2, {"path": "/in"})]
        yield Reading(rows=["a", "b"], samples=samples, unmeasured=[{"path": "/out"}])

    async def check() -> None:
        async with running(tmp_path, Scripted(look, interval_sec=60)) as stage:
            await until(lambda: stage.health().status == "ok")
            assert await seen(stage.database) == ["a", "b"]
            stated = stage.runner.samples.find("etlmon_test_files", {"path": "/in"})
            assert stated is not None
            assert stated.value == 2
            assert stage.runner.samples.unmeasured["one"] == [{"path": "/out"}]

    asyncio.run(check())


def test_a_run_is_told_the_time_by_the_clock_it_was_given(tmp_path: Path) -> None:
    collector = Scripted(nothing, interval_sec=60)

    async def check() -> None:
        async with running(tmp_path, collector, clock=lambda: AT) as stage:
            await until(lambda: stage.health().status == "ok")
            assert collector.nows == [AT]
            assert stage.health().last_run_at == stage.health().last_success_at == AT
            next_run = stage.health().next_run_at
            assert next_run is not None
            assert 50 < (next_run - AT).total_seconds() < 64

    asyncio.run(check())


def test_no_run_overlaps_the_one_before_and_skipped_ticks_are_counted(tmp_path: Path) -> None:
    async def slow(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        await asyncio.sleep(0.13)
        yield Reading()

    collector = Scripted(slow, interval_sec=0.05)

    async def check() -> None:
        async with running(tmp_path, collector) as stage:
            await until(lambda: collector.runs >= 4)
            assert collector.most_at_once == 1
            assert stage.health().overruns >= 6

    asyncio.run(check())


def test_a_run_that_misses_its_next_tick_is_overdue_while_it_goes_on(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, Scripted(forever, interval_sec=0.05)) as stage:
            await until(lambda: stage.health().status == "overdue")
            assert stage.health().overruns >= 1
            before = stage.health().overruns
            await until(lambda: stage.health().overruns > before)

    asyncio.run(check())


def test_a_run_beyond_its_deadline_is_stopped_and_counts_as_failed(tmp_path: Path) -> None:
    collector = Scripted(forever, interval_sec=60, deadline_sec=0.1)

    async def check() -> None:
        async with running(tmp_path, collector) as stage:
            await until(lambda: stage.health().status == "failing")
            assert stage.health().last_error == "took longer than 100ms and was stopped"
            await until(lambda: collector.under_way == 0)
            assert await seen(stage.database) == ["begun"]

    asyncio.run(check())


def test_the_time_the_store_takes_does_not_count_against_the_collector(tmp_path: Path) -> None:
    async def slow_record(db: aiosqlite.Connection, rows: Sequence[Any]) -> None:
        await asyncio.sleep(0.3)

    async def check() -> None:
        async with running(tmp_path, Scripted(nothing, deadline_sec=0.1), record=slow_record) as stage:
            await until(lambda: stage.health().last_success_at is not None)
            assert stage.health().consecutive_failures == 0

    asyncio.run(check())


def test_failures_in_a_row_make_it_wait_longer_and_a_success_ends_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    healed = asyncio.Event()

    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        if not healed.is_set():
            raise OSError("not\nyet\x1b[31m")
        yield Reading()

    collector = Scripted(look, interval_sec=0.1)

    async def check() -> None:
        async with running(tmp_path, collector) as stage:
            first_tick = asyncio.get_running_loop().time()
            await until(lambda: stage.health().consecutive_failures >= 4)
            # The waits are 0.2, 0.4 and 0.8 s, give or take jitter. Each counts from the tick before, so a run that
            # begins late has a shorter way to the next one; none begins before its tick.
            after = [began - first_tick for began in collector.began]
            assert after[1] >= 0.15
            assert after[2] >= 0.5
            assert after[3] >= 1.2
            assert stage.health().last_error == "not yet·[31m"
            healed.set()
            await until(lambda: stage.health().status == "ok")
            assert stage.health().last_error is None
            runs = collector.runs
            await until(lambda: collector.runs >= runs + 8, within_sec=6)  # each would take a second otherwise

    asyncio.run(check())
    told = [entry.getMessage() for entry in caplog.records if entry.getMessage().startswith("one ")]
    assert told[0] == "one fails: not yet·[31m"
    assert told[1].startswith("one works again after ")
    assert len(told) == 2


def test_one_that_fails_and_one_that_hangs_cost_the_others_nothing(tmp_path: Path) -> None:
    well = Scripted(nothing, name="well")

    async def check() -> None:
        async with running(tmp_path, Scripted(failing, name="ill"), Scripted(forever, name="hung"), well) as stage:
            await until(lambda: well.runs >= 10)
            # A run that begins late on a busy machine is overdue for a moment.
            await until(lambda: stage.health("well").status in {"ok", "running"})
            await until(lambda: stage.health("ill").status == "failing")
            assert stage.health("hung").status == "overdue"

    asyncio.run(check())


def test_a_collector_that_breaks_before_its_first_reading_fails_like_any_other(tmp_path: Path) -> None:
    class Broken(Collector[str]):
        domain, name, interval_sec, deadline_sec = "tests", "one", 0.05, 1.0

        def readings(self, now: datetime) -> AsyncIterator[Reading[str]]:
            raise KeyError("cgroup")

    async def check() -> None:
        async with running(tmp_path, Broken()) as stage:
            await until(lambda: stage.health().status == "failing")
            assert stage.health().last_error == "KeyError: 'cgroup'"

    asyncio.run(check())


def test_the_next_reading_is_asked_for_when_the_one_before_is_committed(tmp_path: Path) -> None:
    stored_when_asked: list[list[str]] = []

    async def check() -> None:
        async def three(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
            for number in range(3):
                yield Reading(rows=[f"row {number}"])
                stored_when_asked.append(await seen(stage.database))

        async with running(tmp_path, Scripted(three, interval_sec=60)) as stage:
            await until(lambda: stage.health().status == "ok")

    asyncio.run(check())
    assert stored_when_asked == [["row 0"], ["row 0", "row 1"], ["row 0", "row 1", "row 2"]]


def test_events_and_rows_of_a_reading_are_committed_together_or_not_at_all(tmp_path: Path) -> None:
    async def look(collector: Scripted, now: datetime) -> AsyncIterator[Reading[str]]:
        event = Event(at=now, domain="tests", key="/data", kind="mount_stuck", message=f"run {collector.runs}")
        yield Reading(rows=[f"run {collector.runs}"], events=[event])

    async def refuse_the_first(db: aiosqlite.Connection, rows: Sequence[Any]) -> None:
        await record(db, rows)
        if rows == ["run 1"]:
            raise ValueError("no")

    async def check() -> None:
        async with running(tmp_path, Scripted(look), record=refuse_the_first) as stage:
            await until(lambda: stage.health().last_success_at is not None)
            events = await stage.database.read(node_store.events, EventQuery())
            assert [event.message for event in events][-1] == "run 2"
            assert (await seen(stage.database))[0] == "run 2"

    asyncio.run(check())


def test_rows_the_database_does_not_take_are_the_collector_s_failure(tmp_path: Path) -> None:
    async def refused(db: aiosqlite.Connection, rows: Sequence[Any]) -> None:
        await db.execute_fetchall("INSERT INTO no_such_table VALUES (1)")

    async def check() -> None:
        async with running(tmp_path, Scripted(nothing), record=refused) as stage:
            await until(lambda: stage.health().status == "failing")
            assert "no such table" in (stage.health().last_error or "")
            assert stage.database.health().error is None

    asyncio.run(check())


def test_samples_of_a_label_set_that_is_gone_disappear_with_the_next_run(tmp_path: Path) -> None:
    async def look(collector: Scripted, _: datetime) -> AsyncIterator[Reading[str]]:
        mounts = ["/", "/usb"] if collector.runs == 1 else ["/"]
        yield Reading(samples=[Sample("etlmon_test_bytes", 1, {"mount": mount}) for mount in mounts])

    async def check() -> None:
        async with running(tmp_path, Scripted(look)) as stage:
            samples = stage.runner.samples
            await until(lambda: samples.find("etlmon_test_bytes", {"mount": "/usb"}) is not None)
            await until(lambda: samples.find("etlmon_test_bytes", {"mount": "/usb"}) is None)
            assert samples.find("etlmon_test_bytes", {"mount": "/"}) is not None

    asyncio.run(check())


def test_the_runner_states_samples_about_each_collector(tmp_path: Path) -> None:
    async def check() -> None:
        async with running(tmp_path, Scripted(failing, name="ill"), Scripted(nothing, name="well")) as stage:
            await until(lambda: stage.health("ill").status == "failing" and stage.health("well").status == "ok")
            values = {(one.name, dict(one.labels)["collector"]): one.value for one in stage.runner.samples}
            assert values["agent_collector_status", "ill"] == 0
            assert values["agent_collector_status", "well"] == 1
            assert values["agent_collector_errors_total", "ill"] >= 1
            assert values["agent_collector_duration_seconds", "well"] > 0
            assert values["agent_collector_last_success_timestamp", "well"] == pytest.approx(time.time(), abs=30)
            assert ("agent_collector_last_success_timestamp", "ill") not in values

    asyncio.run(check())


def test_a_trigger_runs_at_once_and_is_refused_while_a_run_goes_on(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        await go_on.wait()
        yield Reading()

    collector = Scripted(look, interval_sec=3600)

    async def check() -> None:
        async with running(tmp_path, collector) as stage:
            await until(lambda: collector.runs == 1)
            assert stage.runner.trigger("one") is False
            go_on.set()
            await until(lambda: stage.health().status == "ok")
            assert stage.runner.trigger("one") is True
            assert stage.runner.trigger("one") is False
            await until(lambda: collector.runs == 2)
            with pytest.raises(KeyError):
                stage.runner.trigger("another")

    asyncio.run(check())


def test_first_runs_begin_apart(tmp_path: Path) -> None:
    collectors = [Scripted(nothing, name=f"c{number}", interval_sec=60) for number in range(4)]

    async def check() -> float:
        async with running(tmp_path, *collectors):
            began = asyncio.get_running_loop().time()
            await until(lambda: all(collector.runs for collector in collectors))
            return began

    began = asyncio.run(check())
    starts = [collector.began[0] for collector in collectors]
    assert starts == sorted(starts)
    assert starts[-1] - began > 0.2  # not from the first one: that may be late on a busy machine


@pytest.mark.parametrize("is_deaf", [False, True], ids=["hanging", "deaf to cancellation"])
def test_a_stop_takes_less_than_three_seconds_whatever_a_collector_does(
    tmp_path: Path, is_deaf: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * runner_module.STOP_SEC < 2.5
    monkeypatch.setattr(runner_module, "STOP_SEC", 0.3)  # the rest of the time is for a machine that is busy

    class Clinging(Scripted):
        async def close(self) -> None:
            await super().close()
            await asyncio.sleep(60)

    async def check() -> None:
        let_go = asyncio.Event()
        collector = Clinging(deaf_until(let_go) if is_deaf else forever)
        async with running(tmp_path, collector) as stage:
            await until(lambda: collector.under_way == 1)
            began = time.monotonic()
            await stage.runner.stop()
            assert time.monotonic() - began < 3
            assert collector.closed == 1
            assert collector.under_way == is_deaf
            let_go.set()
            await until(lambda: all(task.get_name() != "one: step" for task in asyncio.all_tasks()))

    asyncio.run(check())


def test_a_stop_does_not_wait_for_a_thread_that_is_blocked(tmp_path: Path) -> None:
    released = threading.Event()

    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        await asyncio.to_thread(released.wait, 30)
        yield Reading()

    collector = Scripted(look)

    async def check() -> float:
        async with running(tmp_path, collector) as stage:
            await until(lambda: collector.under_way == 1)
            began = time.monotonic()
            await stage.runner.stop()
            took = time.monotonic() - began
            released.set()
            return took

    assert asyncio.run(check()) < 10  # the thread would take 30 s


def test_a_collector_deaf_to_its_deadline_fails_at_once_and_does_not_run_twice(tmp_path: Path) -> None:
    let_go = asyncio.Event()
    collector = Scripted(deaf_until(let_go), deadline_sec=0.1)

    async def check() -> None:
        async with running(tmp_path, collector) as stage:
            await until(lambda: stage.health().consecutive_failures == 1)
            await until(lambda: stage.health().overruns >= 5)
            assert collector.runs == 1
            assert stage.runner.trigger("one") is False
            let_go.set()
            await until(lambda: stage.health().status in {"ok", "running"} and collector.runs >= 2)

    asyncio.run(check())


@pytest.mark.peer("tmpfs")
def test_a_full_disk_costs_readings_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def look(collector: Scripted, _: datetime) -> AsyncIterator[Reading[str]]:
        yield Reading(rows=[f"{collector.runs} " + "x" * 20_000])

    async def check(where: Path) -> None:
        async with running(where, Scripted(look)) as stage:
            await until(lambda: stage.database.health().error is None and stage.health().status == "ok")
            ballast = where / "ballast"
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            await until(lambda: stage.database.health().error is not None)
            assert stage.health().consecutive_failures == 0
            ballast.unlink()
            await until(lambda: stage.database.health().error is None)
            before = len(await seen(stage.database))
            await until(lambda: _more(stage.database, before))

    async def _more(database: Any, before: int) -> bool:
        return len(await seen(database)) > before

    with tmpfs(tmp_path / "small", "size=16m") as where:
        asyncio.run(check(where))
    told = [entry.getMessage() for entry in caplog.records if entry.getMessage().startswith("readings are")]
    assert told[0].startswith("readings are dropped, because they cannot be stored: cannot write to ")
    assert told[1].startswith("readings are stored again; ")


class Tail(Scripted):
    """Goes on where the store says it was."""

    def __init__(self, total: int) -> None:
        super().__init__(self._look)
        self.position = -1
        self.total = total
        self.resumed: list[int] = []

    async def resume(self, db: aiosqlite.Connection) -> None:
        known = await fetch(db, "SELECT 1 FROM sqlite_master WHERE name = 'seen'")
        rows = await fetch(db, "SELECT count(*) FROM seen") if known else [(0,)]
        self.position = rows[0][0]
        self.resumed.append(self.position)

    async def _look(self, _: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        while self.position < self.total:
            self.position += 1
            yield Reading(rows=[f"{self.position - 1} " + "x" * 20_000])


def test_one_that_resumes_is_asked_to_before_its_first_run(tmp_path: Path) -> None:
    async def check() -> None:
        for total, begins_at in ((3, 0), (5, 3)):
            tail = Tail(total)
            async with running(tmp_path, tail) as stage:
                await until(lambda stage=stage: stage.health().last_success_at is not None)  # type: ignore[misc]
                assert tail.resumed == [begins_at]
                assert [row.split()[0] for row in await seen(stage.database)] == [str(n) for n in range(total)]

    asyncio.run(check())


LEFT_BYTES = 300_000
"""A part of what is to be stored finds room."""


@pytest.mark.peer("tmpfs")
def test_one_that_resumes_loses_nothing_and_repeats_nothing_on_a_full_disk(tmp_path: Path) -> None:
    tail = Tail(30)

    async def check(where: Path) -> None:
        async with opened(where / "etlmon.db"):
            pass
        free = os.statvfs(where)
        ballast = where / "ballast"
        ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - LEFT_BYTES))
        async with running(where, tail) as stage:
            await until(lambda: stage.database.health().error is not None)
            ballast.unlink()
            await until(lambda: _all_stored(stage.database))
            assert [row.split()[0] for row in await seen(stage.database)] == [str(n) for n in range(30)]
            assert len(tail.resumed) >= 2

    async def _all_stored(database: Any) -> bool:
        return len(await seen(database)) == 30

    with tmpfs(tmp_path / "small", "size=16m") as where:
        asyncio.run(check(where))


def test_new_settings_leave_alone_what_did_not_change_and_replace_the_rest(tmp_path: Path) -> None:
    made: list[Scripted] = []
    pruned: list[tuple[str, ...]] = []
    plans = [{"same": 1, "changed": 1, "gone": 1}, {"same": 1, "changed": 2, "new": 1}]

    def build(settings: NodeSettings) -> list[Scripted]:
        plan = plans[0] if settings.node.node_name == "first" else plans[1]
        made.extend(Scripted(nothing, name=name, options=options) for name, options in plan.items())
        return made[-len(plan) :]

    async def prune(db: aiosqlite.Connection, settings: NodeSettings, kept: Collection[str]) -> None:
        pruned.append((settings.node.node_name, *kept))

    def named(name: str) -> NodeSettings:
        return NodeSettings(node=type(NodeSettings().node)(node_name=name))

    async def check() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            runner = Runner(database, (Registration("tests", build, record, prune),))
            await runner.start(named("first"))
            before = dict(runner.collectors)
            await until(lambda: all(health.status == "ok" for health in runner.health()))
            await runner.start(named("second"))
            assert list(runner.collectors) == ["same", "changed", "new"]
            assert runner.collectors["same"] is before["same"]
            assert runner.collectors["changed"] is not before["changed"]
            assert [made[number].closed for number in range(3)] == [0, 1, 1]
            assert runner.samples.find("agent_collector_status", {"collector": "gone", "domain": "tests"}) is None
            await until(lambda: all(health.status == "ok" for health in runner.health()))
            await runner.stop()
            assert runner.collectors == {}

    asyncio.run(check())
    assert pruned == [("first",), ("second", "same")]


def test_collectors_of_a_domain_take_turns_whenever_their_settings_were_read(tmp_path: Path) -> None:
    under_way: set[str] = set()
    most = 0

    async def look(collector: Scripted, _: datetime) -> AsyncIterator[Reading[str]]:
        nonlocal most
        under_way.add(collector.name)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        yield Reading()
        under_way.discard(collector.name)

    def build(settings: NodeSettings) -> list[Scripted]:
        names = range(4 if settings.node.node_name else 8)
        return [Scripted(look, name=str(name), interval_sec=0.01, options=name) for name in names]

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            runner = Runner(database, [Registration("tests", build, record, at_once=2)])
            await runner.start(NodeSettings(node=Node(node_name="few")))
            try:
                await until(lambda: all(health.last_success_at for health in runner.health()))
                await runner.start(NodeSettings())
                await until(lambda: len(runner.health()) == 8 and all(one.last_success_at for one in runner.health()))
            finally:
                began = asyncio.get_running_loop().time()
                await runner.stop()
            assert asyncio.get_running_loop().time() - began < 6  # one after the other they would take longer

    asyncio.run(main())
    assert most == 2


def test_settings_that_give_two_collectors_one_name_change_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            twice: list[Scripted] = [Scripted(nothing)]
            runner = Runner(database, (Registration("tests", lambda _: twice, record),))
            await runner.start(NodeSettings())
            running_before = runner.collectors["one"]
            twice.append(Scripted(nothing))
            with pytest.raises(ValueError, match="one is configured twice"):
                await runner.start(NodeSettings())
            assert runner.collectors["one"] is running_before
            await runner.stop()

    asyncio.run(check())
