import asyncio
import logging
import math
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from etlmon.contract.host import HistoryPoint, SeriesInfo
from node import daemon, lifecycle
from node.clock import utc_now
from node.collector import Metric, Sample
from node.history import Recorder
from node.metrics import METRICS as METRICS_OF_A_NODE
from node.samples import SampleTable
from node.settings import Node, NodeSettings
from node.store import samples as store
from node.store.database import Database
from node.store.samples import MOST_SERIES, SILENT_SEC
from node.store.samples_levels import RAW
from tests.node.collecting import until
from tests.node.processes import ask
from tests.node.store.opened import START, after, fetch, opened
from tests.node.store.sampling import reckoned, told

METRICS = (
    *lifecycle.METRICS,
    Metric("load", "gauge", "What it does", keeps=True),
    Metric("runs_total", "counter", "How often it did", keeps=True),
    Metric("seen", "gauge", "What is not kept"),
    Metric("late", "gauge", "What is declared last", keeps=True),
)


@dataclass
class Stage:
    database: Database
    table: SampleTable
    recorder: Recorder
    clock: list[datetime]

    def state(self, seconds: float, *samples: Sample, owner: str = "one") -> None:
        self.table.replace(owner, samples, after(seconds))

    async def look(self, seconds: float) -> None:
        """Look when it is so many seconds after START."""
        self.clock[0] = after(seconds)
        await self.recorder.look()


def play(path: Path, scenario: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        clock, table = [START], SampleTable()
        async with opened(path / "etlmon.db") as database:
            recorder = Recorder(database, table, METRICS, lambda: clock[0])
            await scenario(Stage(database, table, recorder, clock))

    asyncio.run(run())


def test_what_was_stated_of_the_metrics_that_are_kept_is_stored_with_its_time(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(3, Sample("load", 1.5, {"device": "sda"}), Sample("seen", 7), Sample("undeclared", 8))
        stage.state(20, Sample("load", 2), owner="two")
        await stage.look(30)
        assert await stage.database.read(store.series) == [
            SeriesInfo(metric="load", labels={"device": "sda"}, first_at=START, last_at=START),
            SeriesInfo(metric="load", first_at=START, last_at=START),
        ]
        assert await told(stage.database, 0, 60) == reckoned([(20, 2)], 15)
        assert await told(stage.database, 0, 60, labels={"device": "sda"}) == reckoned([(3, 1.5)], 15)

    play(tmp_path, scenario)


def test_a_burst_between_two_looks_is_in_the_average_and_in_the_highest(tmp_path: Path) -> None:
    """A number that is looked at every 5 seconds, and is large in the first 5 of every 15."""
    numbers = [(float(second), 100.0 if second % 15 == 1 else 0.0) for second in range(1, 7200, 5)]

    async def scenario(stage: Stage) -> None:
        for second, number in numbers:
            stage.state(second, Sample("load", number))
            if second % 15 == 11:
                await stage.look(second + 4)
        raw = await told(stage.database, 0, 7199) or ()
        assert [point.max for point in raw] == pytest.approx([100 / 3] * 480)
        for step in (60, 3600):
            found = await told(stage.database, 0, 7199, step=step) or ()
            assert {(point.min, point.max) for point in found} == {(0, 100)}
            assert [point.avg for point in found] == pytest.approx([100 / 3] * (7200 // step))

    play(tmp_path, scenario)


def test_every_statement_counts_once_however_many_there_are_in_15_seconds(tmp_path: Path) -> None:
    chance = random.Random(7)
    numbers = [(chance.uniform(0, 7200), chance.uniform(-9, 9)) for _ in range(900)]

    async def scenario(stage: Stage) -> None:
        due = sorted(numbers)
        for end in range(15, 7201, 15):
            while due and due[0][0] < end:
                seconds, number = due.pop(0)
                stage.state(seconds, Sample("load", number))
            await stage.look(end)
            await stage.look(end)
        for step in (15, 60, 3600):
            found, wanted = await told(stage.database, 0, 7199, step=step) or (), reckoned(numbers, step)
            assert [one.at for one in found] == [one.at for one in wanted]
            assert [one.avg for one in found] == pytest.approx([one.avg for one in wanted])
            if step > RAW.width:
                assert [(one.min, one.max) for one in found] == [(one.min, one.max) for one in wanted]

    play(tmp_path, scenario)


def test_of_a_counter_15_seconds_have_the_last_that_was_stated(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for seconds, number in ((0, 5), (5, 6), (10, 9), (15, 1)):
            stage.state(seconds, Sample("runs_total", number))
        await stage.look(30)
        lasts = [(10, 9.0), (15, 1.0)]
        assert await told(stage.database, 0, 30, metric="runs_total") == reckoned(lasts, 15)
        assert await told(stage.database, 0, 30, metric="runs_total", step=60) == reckoned(lasts, 60)

    play(tmp_path, scenario)


def test_15_seconds_that_are_not_over_wait_until_they_are(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(14, Sample("load", 1))
        stage.state(15, Sample("load", 2))
        await stage.look(15.2)
        assert await told(stage.database, 0, 60) == reckoned([(14, 1)], 15)
        stage.state(20, Sample("load", 4))
        await stage.look(30)
        assert await told(stage.database, 0, 60) == reckoned([(14, 1), (15, 3)], 15)

    play(tmp_path, scenario)


def test_a_number_that_stays_the_same_takes_no_room_for_its_lowest_and_highest(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for seconds in range(0, 60, 5):
            stage.state(seconds, Sample("load", 0.1))
        await stage.look(60)
        rows = await stage.database.read(fetch, "SELECT lowest, highest, average, points FROM samples_minute")
        assert rows == [(None, None, 0.1, 12)]

    play(tmp_path, scenario)


def test_a_number_that_is_not_stated_anew_gets_no_new_point(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(0, Sample("load", 1))
        await stage.look(15)
        generation = stage.database.generation
        await stage.look(30)
        stage.table.remove("one")
        await stage.look(45)
        assert stage.database.generation == generation
        stage.state(60, Sample("load", 1))
        await stage.look(75)
        assert await told(stage.database, 0, 60) == reckoned([(0, 1), (60, 1)], 15)

    play(tmp_path, scenario)


def test_what_was_stated_before_its_owner_fell_silent_is_stored(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(3, Sample("load", 1))
        stage.state(8)
        stage.table.remove("one")
        await stage.look(15)
        assert await told(stage.database, 0, 60) == reckoned([(3, 1)], 15)

    play(tmp_path, scenario)


def test_a_number_stated_by_a_clock_that_was_set_back_is_stored(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for seconds, number in ((3600, 1), (0, 2), (15, 3)):
            stage.state(seconds, Sample("load", number))
            await stage.look(seconds)
        await stage.look(30)
        assert await told(stage.database, 0, 3600) == reckoned([(0, 2), (15, 3), (3600, 1)], 15)

    play(tmp_path, scenario)


def test_what_is_no_number_is_left_out_and_the_others_are_stored(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        odd = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 10**400}
        stage.state(0, Sample("load", 1), *(Sample("load", value, {"name": name}) for name, value in odd.items()))
        stage.state(5, Sample("load", math.nan))
        stage.state(10, Sample("load", 3))
        await stage.look(15)
        assert [info.labels for info in await stage.database.read(store.series)] == [{}]
        assert await told(stage.database, 0, 0) == [HistoryPoint(at=START, min=2, max=2, avg=2)]

    play(tmp_path, scenario)


def test_numbers_that_are_as_large_as_they_can_be_have_an_average(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for seconds, number in enumerate((1.7e308, -1.7e308, 1.7e308)):
            stage.state(seconds, Sample("load", number))
        await stage.look(15)
        found = await told(stage.database, 0, 0, step=60) or ()
        assert [(point.min, point.max) for point in found] == [(-1.7e308, 1.7e308)]
        assert [point.avg for point in found] == pytest.approx([1.7e308 / 3])

    play(tmp_path, scenario)


def test_a_store_that_takes_nothing_is_told_once_and_what_waits_a_minute_is_stored_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(stage: Stage) -> None:
        other = sqlite3.connect(tmp_path / "etlmon.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for seconds in range(0, 90, 15):
            stage.state(seconds, Sample("load", seconds))
            stage.state(seconds + 5, Sample("load", seconds + 2))
        await stage.look(90)
        await stage.look(90)
        other.close()
        assert caplog.text.count("numbers are missing in their history") == 1
        await stage.look(90)
        assert "the history of numbers goes on, after 2 attempts" in caplog.text
        kept = [(second, second + 1) for second in (30, 45, 60, 75)]
        assert await told(stage.database, 0, 90) == reckoned(kept, 15)

    play(tmp_path, scenario)


def many(count: int, metric: str = "load") -> list[Sample]:
    return [Sample(metric, number, {"path": f"{number:04}"}) for number in range(count)]


def test_numbers_without_room_are_told_once_and_in_the_health_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(0, *many(MOST_SERIES))
        await stage.look(15)
        assert stage.recorder.problems == []
        stage.state(15, *many(MOST_SERIES + 2))
        await stage.look(30)
        problem = (
            f"2 numbers have no history, because {MOST_SERIES} have one already (load); "
            "watch less, or leave out what comes and goes"
        )
        assert stage.recorder.problems == [problem]
        # Nothing new was stated of them, and they still have no room.
        await stage.look(45)
        assert stage.recorder.problems == [problem]
        stage.state(45, *many(MOST_SERIES + 2))
        await stage.look(60)
        assert caplog.text.count("have no history") == 1
        for seconds in (75 + SILENT_SEC, 75 + 2 * SILENT_SEC):
            stage.state(seconds, *many(MOST_SERIES + 2)[2:])
            await stage.look(seconds + 15)
        assert stage.recorder.problems == []

    play(tmp_path, scenario)


def test_numbers_without_room_that_are_stated_no_more_are_forgotten(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(0, *many(MOST_SERIES + 2))
        await stage.look(15)
        assert len(stage.recorder.problems) == 1
        stage.state(15, *many(MOST_SERIES))
        await stage.look(30)
        assert stage.recorder.problems == []

    play(tmp_path, scenario)


def test_room_goes_by_the_order_of_the_metrics_and_those_of_the_runner_come_last(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.state(0, *many(200, "agent_collector_status"), owner="runner")
        stage.state(1, *many(200, "late"), owner="late")
        stage.state(2, *many(MOST_SERIES - 100), owner="load")
        await stage.look(15)
        found = Counter(info.metric for info in await stage.database.read(store.series))
        assert found == {"load": MOST_SERIES - 100, "late": 100}
        (problem,) = stage.recorder.problems
        assert "300 numbers have no history" in problem
        assert "(agent_collector_status, late)" in problem

    play(tmp_path, scenario)


def test_of_a_node_that_watches_more_than_has_room_the_host_the_mounts_and_the_node_have_their_history(
    tmp_path: Path,
) -> None:
    paths = [
        sample for metric in METRICS_OF_A_NODE if metric.startswith("etlmon_path_") for sample in many(150, metric)
    ]
    first = ["etlmon_fs_used_percent", "etlmon_node_cpu_percent", "memory_usage_percent", "pressure_percent"]

    async def scenario(stage: Stage) -> None:
        recorder = Recorder(stage.database, stage.table, METRICS_OF_A_NODE.values(), lambda: after(15))
        stage.state(0, *many(1, "agent_collector_status"), owner="runner:fs")
        stage.state(1, *paths, owner="paths")
        stage.state(2, *(Sample(name, 1) for name in first), owner="others")
        await recorder.look()
        found = Counter(info.metric for info in await stage.database.read(store.series))
        assert found.total() == MOST_SERIES
        assert [name for name in first if name not in found] == []
        assert "agent_collector_status" not in found

    play(tmp_path, scenario)


def test_it_looks_each_time_that_15_seconds_of_the_clock_are_full(tmp_path: Path) -> None:
    times = [RAW.width - 0.2, RAW.width, 2 * RAW.width - 0.3, 2 * RAW.width]

    async def scenario(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        clock = lambda: after(times.pop(0) if len(times) > 1 else times[0])  # noqa: E731
        recorder = Recorder(stage.database, stage.table, METRICS, clock)
        stage.state(10, Sample("load", 1))
        stage.state(25, Sample("load", 2))
        began = loop.time()
        task = asyncio.create_task(recorder.go_on())

        async def recorded() -> bool:
            return await told(stage.database, 0, 60) == reckoned([(10, 1), (25, 2)], 15)

        await until(recorded)
        assert loop.time() - began >= 0.5
        task.cancel()
        await asyncio.wait({task})

    play(tmp_path, scenario)


def test_a_node_keeps_the_history_of_what_its_collectors_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock of this node has 15 full seconds soon after its start.
    ahead = (RAW.width - 2 - utc_now().timestamp()) % RAW.width
    monkeypatch.setattr(daemon, "utc_now", lambda: datetime.fromtimestamp(utc_now().timestamp() + ahead, START.tzinfo))

    async def run() -> None:
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        settings = NodeSettings(node=Node(listen="127.0.0.1:0", db_path=str(tmp_path / "etlmon.db")))
        task = asyncio.create_task(daemon.run(settings, ready=started.set_result, stop=stop))
        address = await asyncio.wait_for(started, 40)

        async def has_history() -> bool:
            path = "/api/v1/host/history?metric=memory_usage_percent"
            status, points = await asyncio.to_thread(ask, address, path)
            return status == 200 and len(points) > 0

        await until(has_history, 40)
        stop.set()
        await asyncio.wait_for(task, 20)

    asyncio.run(run())
