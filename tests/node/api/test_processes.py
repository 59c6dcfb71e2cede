"""processes, as a client of the node sees them; what is ended is real."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.node import AUDIT, AuditQuery
from etlmon.contract.processes import (
    PROCESS_HISTORY,
    PROCESS_KILL,
    PROCESS_WATCHES,
    PROCESSES,
    KillRequest,
    Process,
    ProcessHistoryQuery,
    ProcessQuery,
    ProcessWatch,
)
from etlmon.units import Duration
from node import settings
from node.clock import utc_now
from node.collector import Collector, Reading, Registration
from node.settings import Kill, NodeSettings, Security
from node.store import processes as store
from node.store.processes import ProcessLook, WatchPoint
from tests.node.collecting import until
from tests.node.commands.victims import ProcTargets, Victims, victims
from tests.serving import Serving, serving

NOW = utc_now()
WATCHES = (settings.ProcessWatch(name="worker", match="etl"), settings.ProcessWatch(name="ftpd", exact="vsftpd"))
POLICY = Kill(rate_per_minute=1000, wait=Duration(20))


def process(watch: str = "worker", **fields: Any) -> Process:
    return Process(watch=watch, status="RUNNING", collected_at=NOW, **fields)


def look(*processes: Process) -> ProcessLook:
    watches = [ProcessWatch(name=watch.title, looks_for=watch.looks_for, collected_at=NOW) for watch in WATCHES]
    points = [
        WatchPoint(
            watch="worker",
            at=NOW - timedelta(minutes=ago),
            running=ago,
            cpu_percent=None,
            mem_rss_bytes=None,
            read_bytes_per_sec=None,
            write_bytes_per_sec=None,
        )
        for ago in (1, 2, 3)
    ]
    return ProcessLook(processes=processes, watches=watches, points=points)


class Watching(ProcTargets, Collector[ProcessLook]):
    """Knows the victims, and sees nothing else."""

    domain: ClassVar[str] = "processes"
    name = "processes"
    interval_sec, deadline_sec = 3600.0, 10.0
    looks = 0

    async def readings(self, now: datetime) -> AsyncIterator[Reading[ProcessLook]]:
        self.looks += 1
        yield Reading(unchanged=True)


class Stage:
    """A served node that watches the victims."""

    def __init__(self, made: Victims) -> None:
        self.victims = made
        self.targets = Watching({"worker": made.mark})
        self.node: Serving
        self.client: NodeClient

    async def put(self, look: ProcessLook) -> None:
        await self.node.database.write(lambda db: store.record(db, [look]))

    async def kill(self, pid: int | str, *, node_id: str = "", **request: Any) -> Any:
        body = KillRequest(**{"confirm": True, **request})
        return (await self.client.ask(PROCESS_KILL, body=body, node_id=node_id, pid=str(pid))).unwrap()

    async def refusal(self, attempt: Awaitable[Any]) -> tuple[int, Any]:
        with pytest.raises(NodeRefused) as caught:
            await attempt
        return caught.value.status, (caught.value.body.details or {}).get("reason")


def play(
    tmp_path: Path,
    scenario: Callable[[Stage], Awaitable[None]],
    *,
    policy: Kill = POLICY,
    security: Security | None = None,
    watches: bool = True,
) -> None:
    async def main() -> None:
        with ExitStack() as stack:
            stage = Stage(stack.enter_context(victims()))
            configured = NodeSettings(process_watch=WATCHES, kill=policy, security=security or Security())
            registration = Registration("processes", lambda _: [stage.targets] if watches else [], store.record)
            async with (
                serving(tmp_path, configured, registrations=[registration]) as node,
                NodeClient(node.url) as client,
            ):
                stage.node, stage.client = node, client
                await scenario(stage)

    asyncio.run(main())


def test_processes_come_watch_by_watch_in_pages_with_their_total(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.put(look(*(process(pid=pid) for pid in (3, 1, 2)), process("ftpd", pid=9)))
        first = await stage.client.ask(PROCESSES, query=ProcessQuery(limit=3))
        assert [row.pid for row in first.unwrap()] == [9, 3, 1]
        assert first.headers["X-Total-Count"] == "4"
        assert "offset=3" in first.headers["Link"]
        only = await stage.client.ask(PROCESSES, query=ProcessQuery(watch="worker"))
        assert [row.pid for row in only.unwrap()] == [3, 1, 2]
        assert only.headers["X-Total-Count"] == "3"
        watches = (await stage.client.ask(PROCESS_WATCHES)).unwrap()
        assert [watch.name for watch in watches] == ["ftpd", "worker"]

    play(tmp_path, scenario)


def test_history_is_of_one_watch_oldest_first(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.put(look())
        answer = await stage.client.ask(PROCESS_HISTORY, query=ProcessHistoryQuery(watch="worker"))
        assert [point.running for point in answer.unwrap()] == [3, 2, 1]
        since = ProcessHistoryQuery(watch="worker", since=NOW - timedelta(seconds=90))
        assert [point.running for point in (await stage.client.ask(PROCESS_HISTORY, query=since)).unwrap()] == [1]
        empty = ProcessHistoryQuery(watch="ftpd")
        assert (await stage.client.ask(PROCESS_HISTORY, query=empty)).unwrap() == []

    play(tmp_path, scenario)


def test_a_watch_that_is_not_configured_is_not_found(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for question in (
            stage.client.ask(PROCESSES, query=ProcessQuery(watch="nobody")),
            stage.client.ask(PROCESS_HISTORY, query=ProcessHistoryQuery(watch="nobody")),
        ):
            with pytest.raises(NodeRefused, match="there is no watch 'nobody' here") as caught:
                await question
            assert (caught.value.status, caught.value.body.details) == (404, {"field": "watch"})

    play(tmp_path, scenario)


def test_a_watched_process_is_ended_and_the_processes_are_looked_at_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        victim, bystander = stage.victims.sleeper(), stage.victims.sleeper()
        (known, _) = stage.targets.look_at(victim.pid, bystander.pid)

        killed = await stage.kill(victim.pid, start_time=known.start_time)

        assert (killed.pid, killed.signal, killed.result, killed.note) == (victim.pid, "SIGTERM", "exited", None)
        assert victim.wait(1) == -signal.SIGTERM
        assert bystander.poll() is None
        (row,) = (await stage.client.ask(AUDIT, query=AuditQuery(action="processes.kill"))).unwrap()
        assert (row.who, row.address, row.result) == ("anonymous", "127.0.0.1", "done")
        assert row.target == f"{victim.pid} {known.name} (worker)"
        await until(lambda: stage.targets.looks == 2)

    play(tmp_path, scenario)


def test_the_client_waits_as_long_as_the_node_does(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        victim = stage.victims.stubborn()
        stage.targets.look_at(victim.pid)
        async with NodeClient(stage.node.url, timeout=0.2) as hasty:
            answer = await hasty.ask(PROCESS_KILL, body=KillRequest(confirm=True), pid=str(victim.pid))
        assert (answer.unwrap().result, answer.unwrap().note) == ("still_alive", "it ignores SIGTERM")

    play(tmp_path, scenario, policy=Kill(wait=Duration(1)))


def test_what_is_refused_leaves_the_process_and_a_row_each_time(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        victim = stage.victims.sleeper()
        (known,) = stage.targets.look_at(victim.pid)
        other = known.start_time - timedelta(seconds=1)
        seen = [
            await stage.refusal(attempt)
            for attempt in (
                stage.kill(victim.pid, confirm=False),
                stage.kill(victim.pid, start_time=other),
                stage.kill(victim.pid, node_id="another"),
                stage.kill(1),
                stage.kill("no number"),
                stage.kill("9" * 5000),
                stage.kill("../../fs"),
            )
        ]
        assert seen == [
            *((400, None), (409, "identity_changed"), (409, "another_node")),
            *((403, "pid_1"), (404, "gone"), (404, "gone"), (404, "gone")),
        ]
        assert victim.poll() is None
        rows = (await stage.client.ask(AUDIT)).unwrap()
        assert [(row.status, row.result) for row in reversed(rows)] == [(status, "refused") for status, _ in seen]
        assert all(row.action == "processes.kill" for row in rows)

    play(tmp_path, scenario)


def test_a_read_only_node_ends_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        victim = stage.victims.sleeper()
        stage.targets.look_at(victim.pid)
        assert await stage.refusal(stage.kill(victim.pid)) == (403, "read_only")
        assert victim.poll() is None
        (row,) = (await stage.client.ask(AUDIT)).unwrap()
        assert (row.result, row.status, row.target.split()[0]) == ("refused", 403, str(victim.pid))

    play(tmp_path, scenario, security=Security(read_only=True))


def test_where_nothing_is_watched_nothing_is_ended(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        victim = stage.victims.sleeper()
        assert await stage.refusal(stage.kill(victim.pid)) == (403, "not_watched")
        assert victim.poll() is None

    play(tmp_path, scenario, watches=False)


def test_a_hundred_who_race_to_end_one_process_are_limited_and_all_in_the_audit(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        victim, bystander = stage.victims.sleeper(), stage.victims.sleeper()
        (known, _) = stage.targets.look_at(victim.pid, bystander.pid)

        async def attempt() -> int:
            body = msgspec.to_builtins(KillRequest(confirm=True, start_time=known.start_time))
            async with stage.node.session.post(f"/api/v1/processes/{victim.pid}/kill", json=body) as answer:
                return answer.status

        statuses = await asyncio.gather(*(attempt() for _ in range(100)))

        assert set(statuses) <= {200, 404, 409, 429}
        assert 1 <= statuses.count(200) <= 10
        assert statuses.count(429) >= 40
        assert victim.wait(1) == -signal.SIGTERM
        assert bystander.poll() is None
        rows = (await stage.client.ask(AUDIT, query=AuditQuery(limit=1000))).unwrap()
        assert sorted(row.status for row in rows) == sorted(statuses)

    play(tmp_path, scenario, policy=Kill(rate_per_minute=10, wait=Duration(20)))
