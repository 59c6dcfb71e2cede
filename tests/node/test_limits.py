"""What the node itself uses is measured, judged by three checks in a row, and acted upon."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etlmon.contract.node import EventQuery
from etlmon.units import Duration
from node import limits
from node.collector import Reading
from node.limits import CALM_SEC, CHECKS, METRICS, MIB, OWNER, SelfWatch
from node.samples import SampleTable
from node.settings import NodeSettings
from node.settings_host import Host, Limits
from node.sources import own_use
from node.sources.own_use import OwnUse
from node.store import node as node_store
from tests.node.collecting import Scripted, running, until
from tests.node.processes import node, wait_until
from tests.node.store.opened import opened

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@dataclass
class Paces:
    samples: SampleTable = field(default_factory=SampleTable)
    asked: list[float] = field(default_factory=list)

    def pace(self, factor: float) -> None:
        self.asked.append(factor)


@dataclass
class Stage:
    """A watch over made-up measurements, a minute apart: `check(cpu percent, MiB)` makes one."""

    watch: SelfWatch
    runner: Paces
    limits: list[Limits]
    measured: list[OwnUse]
    stopped: list[bool]
    events: Callable[[], Awaitable[list[tuple[str, str, str]]]]

    async def check(
        self, cpu_percent: float = 0.0, mib: float = 1.0, *, after_sec: float = 60.0, times: int = 1
    ) -> None:
        for _ in range(times):
            before = self.measured[-1]
            self.measured.append(
                OwnUse(
                    at_sec=before.at_sec + after_sec,
                    cpu_sec=before.cpu_sec + after_sec * cpu_percent / 100,
                    rss_bytes=int(mib * MIB),
                    children_rss_bytes=7,
                )
            )
            await self.watch.check()

    def samples(self) -> dict[str, float]:
        return {
            stated.name + "".join(f" {value}" for _, value in stated.labels): stated.value
            for stated in self.runner.samples
        }


@asynccontextmanager
async def stage(folder: Path, action: str = "log", **more: float) -> AsyncIterator[Stage]:
    runner, measured, stopped = Paces(), [OwnUse(0.0, 0.0, MIB, 0)], list[bool]()
    in_force = [Limits(action=action, **more)]  # type: ignore[arg-type]

    async def measure() -> OwnUse:
        return measured[-1]

    async with opened(folder / "etlmon.db") as database:

        async def events() -> list[tuple[str, str, str]]:
            found = await database.read(node_store.events, EventQuery())
            return [(event.kind, event.key, event.severity) for event in reversed(found)]

        watch = SelfWatch(
            runner,
            database,
            lambda: NodeSettings(host=Host(limits=in_force[-1])),
            lambda: AT,
            stop=lambda: stopped.append(True),
            measure=measure,
        )
        await watch.check()
        yield Stage(watch, runner, in_force, measured, stopped, events)


def test_three_checks_in_a_row_say_that_a_limit_is_exceeded_and_three_that_it_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "node.limits")

    async def check() -> None:
        async with stage(tmp_path) as at:
            await at.check(5.0, times=CHECKS - 1)
            await at.check(1.0)
            await at.check(5.0, times=CHECKS - 1)
            assert (at.watch.use.over, await at.events(), caplog.messages) == ([], [], [])
            await at.check(3.5)
            assert at.watch.use.over == ["cpu"]
            assert await at.events() == [("limit_exceeded", "cpu", "warning")]
            assert caplog.messages == [
                "the node uses 3.5 % of a core: over host.limits.max_cpu_percent of 2 % in 3 checks 1m apart"
            ]
            assert at.watch.problems == ["the node itself uses 3.5 % of a core: host.limits.max_cpu_percent is 2"]
            await at.check(5.0, times=10)
            await at.check(2.0, times=CHECKS - 1)
            # Within it for now: what was last above it is told until it counts as kept.
            assert at.watch.problems == ["the node itself uses 5 % of a core: host.limits.max_cpu_percent is 2"]
            await at.check(5.0)
            assert at.watch.use.over == ["cpu"]
            await at.check(2.0, times=CHECKS)
            assert (at.watch.use.over, at.watch.problems) == ([], [])
            assert await at.events() == [("limit_exceeded", "cpu", "warning"), ("limit_kept", "cpu", "info")]
            assert len(caplog.messages) == 2
            assert (at.runner.asked, at.stopped) == ([], [])

    asyncio.run(check())


def test_what_is_used_and_how_it_is_judged_are_samples_and_an_answer(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path, max_memory_mb=50) as at:
            # A percent of a core needs two checks.
            assert at.watch.use.cpu_percent is None
            assert "etlmon_node_cpu_percent" not in at.samples()
            await at.check(1.25, 60.5, times=CHECKS)
            use = at.watch.use
            assert (use.cpu_percent, use.mem_rss_bytes, use.children_rss_bytes) == (1.25, int(60.5 * MIB), 7)
            assert at.watch.problems == ["the node itself holds 61 MiB: host.limits.max_memory_mb is 50"]
            assert (use.max_cpu_percent, use.max_mem_bytes, use.over, use.slowed) == (2.0, 50 * MIB, ["memory"], False)
            assert at.samples() == {
                "etlmon_node_cpu_percent": 1.25,
                "etlmon_node_memory_bytes": 60.5 * MIB,
                "etlmon_node_children_memory_bytes": 7.0,
                "etlmon_node_over_limit cpu": 0.0,
                "etlmon_node_over_limit memory": 1.0,
                "etlmon_node_slowed": 0.0,
            }
            declared = {metric.name for metric in METRICS}
            assert {stated.name for stated in at.runner.samples} == declared
            at.runner.samples.remove(OWNER)
            assert len(at.runner.samples) == 0

    asyncio.run(check())


def test_processor_time_that_seems_to_go_back_is_none_used(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path) as at:
            await at.check(-50.0)
            assert at.watch.use.cpu_percent == 0.0

    asyncio.run(check())


def test_a_limit_of_zero_is_none_and_one_that_is_taken_away_is_kept_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path, max_cpu_percent=0, max_memory_mb=50) as at:
            await at.check(100.0, 500.0, times=CHECKS)
            assert at.watch.use.over == ["memory"]
            at.limits.append(Limits(max_cpu_percent=0, max_memory_mb=0))
            await at.check(100.0, 500.0)
            assert at.watch.use.over == []
            assert (await at.events())[-1] == ("limit_kept", "memory", "info")

    asyncio.run(check())


def test_collectors_are_slowed_down_until_all_is_well_for_half_an_hour(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path, "slow_down") as at:
            await at.check(9.0, times=CHECKS)
            assert (at.runner.asked, at.watch.use.slowed) == ([2.0], True)
            await at.check(1.0, times=CHECKS)
            assert at.watch.use.over == []
            # The last of the three is a minute after the last one over the limit.
            await at.check(1.0, after_sec=CALM_SEC - 120)
            assert at.runner.asked == [2.0]
            await at.check(1.0)
            assert (at.runner.asked, at.watch.use.slowed) == ([2.0, 1.0], False)

    asyncio.run(check())


def test_another_limit_that_is_exceeded_meanwhile_begins_the_half_hour_anew(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path, "slow_down") as at:
            await at.check(9.0, times=CHECKS)
            await at.check(1.0, 199.0, times=CHECKS)
            await at.check(1.0, 1.0, after_sec=CALM_SEC - 60)
            assert at.runner.asked == [2.0]
            assert at.watch.use.over == ["memory"]

    asyncio.run(check())


def test_who_does_not_want_it_any_more_has_his_collectors_as_they_were_at_the_next_check(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path, "slow_down") as at:
            await at.check(9.0, times=CHECKS)
            at.limits.append(Limits(action="log"))
            await at.check(9.0)
            assert (at.runner.asked, at.watch.use.over) == ([2.0, 1.0], ["cpu"])

    asyncio.run(check())


def test_the_node_is_told_to_stop_when_its_event_is_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with stage(tmp_path, "stop", max_memory_mb=50) as at:
            await at.check(1.0, 64.0, times=CHECKS - 1)
            assert at.stopped == []
            await at.check(1.0, 64.0)
            assert at.stopped == [True]
            assert await at.events() == [("limit_exceeded", "memory", "critical")]
            assert at.watch.exceeded is not None
            assert "64.0 MiB of memory: over host.limits.max_memory_mb of 50 MiB" in at.watch.exceeded
            assert caplog.messages[-1] == f"the node stops: {at.watch.exceeded}"

    asyncio.run(check())


def test_a_measurement_that_fails_is_said_once_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blind() -> OwnUse:
        raise OSError("too many open files")

    async def check() -> None:
        async with stage(tmp_path) as at:
            await at.check(9.0, times=CHECKS)
            monkeypatch.setattr(at.watch, "_measure", blind)
            await at.check(times=3)
            assert at.watch.use.over == ["cpu"]

    asyncio.run(check())
    assert [text for text in caplog.messages if "cannot be told" in text] == [
        "what the node itself uses cannot be told: too many open files"
    ]


def test_a_store_that_hangs_does_not_keep_a_node_that_must_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forever(_: object) -> None:
        await asyncio.Event().wait()

    async def check() -> None:
        async with stage(tmp_path, "stop") as at:
            monkeypatch.setattr(at.watch, "_database", type("Hanging", (), {"write": staticmethod(forever)}))
            monkeypatch.setattr(limits, "STORE_SEC", 0.05)
            await at.check(9.0, times=CHECKS)
            assert at.stopped == [True]

    asyncio.run(check())
    assert "an event about the node's own limits is not stored: the store hangs" in caplog.messages


def test_a_proc_of_another_world_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(ProcessLookupError, match="does not show this process"):
        asyncio.run(own_use.by_proc(tmp_path))


def busy_child(loops: Iterable[str]) -> subprocess.Popen[bytes]:
    text = f"import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n{''.join(loops)}"
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)


def test_the_time_of_children_counts_while_they_run_and_when_they_ended() -> None:
    before = asyncio.run(own_use.measure())
    with busy_child("print('done', flush=True); time.sleep(60)") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"done\n"
        during = asyncio.run(own_use.measure())
        child.kill()
    after = asyncio.run(own_use.measure())
    assert during.cpu_sec - before.cpu_sec > 0.35
    assert during.children_rss_bytes - before.children_rss_bytes > 4 * MIB
    assert after.cpu_sec >= during.cpu_sec - 0.05
    assert after.children_rss_bytes < during.children_rss_bytes
    assert before.rss_bytes > 10 * MIB


def test_slowed_collectors_run_half_as_often_and_then_as_before(tmp_path: Path) -> None:
    async def look(_: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        yield Reading()

    one = Scripted(look, interval_sec=0.2)

    async def check() -> None:
        async with running(tmp_path, one) as at:
            at.runner.pace(50.0)
            await until(lambda: one.runs >= 1)
            runs = one.runs
            assert at.health().interval_sec == 10.0
            # Who is new is slow, too; and who is asked still runs at once.
            await at.runner.start(NodeSettings())
            assert at.health().interval_sec == 10.0
            runs = one.runs
            await until(lambda: at.runner.trigger("one"))
            await until(lambda: one.runs == runs + 1 and at.health().status == "ok")
            due_at, ran_at = at.health().next_run_at, at.health().last_run_at
            assert due_at is not None
            assert ran_at is not None
            assert 5 < (due_at - ran_at).total_seconds() < 11  # less when a busy machine began late
            at.runner.pace(1.0)
            at.runner.trigger("one")
            await until(lambda: one.runs >= runs + 5)

    asyncio.run(check())


def test_a_node_over_its_limit_stops_in_order_and_says_why(tmp_path: Path) -> None:
    limits = "host: {limits: {max_memory_mb: 1, check_interval: 100ms, action: stop}}"
    with node(tmp_path, f"node: {{listen: 127.0.0.1:0}}\n{limits}\n") as started:
        assert started.ended(within_sec=30) == 1
        assert re.search(r"the node stops: the node uses \d+\.\d MiB of memory: over host\.limits\.", started.output)
        assert "SIGTERM: stopping" in started.output
        assert re.search(r"node \S+ stopped", started.output)
        assert "Traceback" not in started.output
    with node(tmp_path, "node: {listen: 127.0.0.1:0}\n", name="again") as started:
        (event,) = [one for one in started.get("/api/v1/events?domain=node")[1] if one["key"] == "memory"]
        assert (event["kind"], event["severity"]) == ("limit_exceeded", "critical")


def test_a_running_node_tells_what_it_uses(tmp_path: Path) -> None:
    with node(tmp_path, "node: {listen: 127.0.0.1:0}\nhost: {limits: {check_interval: 200ms}}\n") as started:

        def own() -> dict[str, float]:
            status, host = started.get("/api/v1/host")
            return host["own"] if status == 200 else {}

        wait_until(lambda: own().get("cpu_percent") is not None, within_sec=30)
        assert 20 * MIB < own()["mem_rss_bytes"] < 300 * MIB
        assert own()["max_mem_bytes"] == 100 * MIB
        assert started.stopped() == 0


def test_a_node_over_its_limits_is_degraded_and_its_health_says_by_how_much(tmp_path: Path) -> None:
    limits = "{max_memory_mb: 1, max_cpu_percent: 0, check_interval: 100ms}"
    with node(tmp_path, f"node: {{listen: 127.0.0.1:0}}\nhost: {{limits: {limits}}}\n") as started:

        def problems() -> list[str]:
            return [text for text in started.get("/api/v1/health")[1]["problems"] if "limits" in text]

        wait_until(lambda: problems() != [], within_sec=30)
        assert re.fullmatch(r"the node itself holds \d\d+ MiB: host\.limits\.max_memory_mb is 1", problems()[0])
        assert started.get("/api/v1/health")[1]["status"] == "degraded"


def test_the_interval_of_the_checks_is_that_of_the_settings_in_force(tmp_path: Path) -> None:
    async def check() -> None:
        async with stage(tmp_path) as at:
            at.limits.append(Limits(check_interval=Duration(0.1), max_memory_mb=0))
            at.watch.use = type(at.watch.use)()
            going = asyncio.create_task(at.watch.go_on())
            await until(lambda: at.watch.use.mem_rss_bytes > 0)
            before = at.measured[-1]
            at.measured.append(OwnUse(before.at_sec + 1, 0.0, 9 * MIB, 0))
            await until(lambda: at.watch.use.mem_rss_bytes == 9 * MIB)
            going.cancel()
            await asyncio.wait({going})

    asyncio.run(check())
