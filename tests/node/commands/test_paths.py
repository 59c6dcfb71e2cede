"""The scan command on a real runner and store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from etlmon.contract.errors import Forbidden, NotFound
from etlmon.contract.node import AuditEntry, AuditQuery
from etlmon.contract.paths import ScanAccepted, ScanRequest, ScanSkipped
from node.clock import utc_now
from node.collector import Reading
from node.commands.act import Acts, Caller, Refusal
from node.commands.paths import scan
from node.settings import WatchedPath
from node.store import node as node_store
from tests.node.collecting import Scripted, running, until

CALLER = Caller(name="ops", address="127.0.0.1", role="operator")
WATCHED = (WatchedPath(path="/in", name="landing"), WatchedPath(path="/out"), WatchedPath(path="/deep", name="/in"))


class Desk:
    """Scans that go on until `leave` is set, and one who asks for more."""

    def __init__(self) -> None:
        self.leave = asyncio.Event()
        self.collectors = [Scripted(self._script, name=f"paths:{item.path}", interval_sec=3600.0) for item in WATCHED]
        self.trigger: Callable[[str], bool]
        self.acts: Acts
        self.audit: Callable[[], Awaitable[list[AuditEntry]]]

    async def _script(self, _: Scripted, __: datetime) -> AsyncIterator[Reading[str]]:
        yield Reading()
        await self.leave.wait()

    async def scan(
        self, *paths: str, caller: Caller = CALLER, watched: Sequence[WatchedPath] = WATCHED
    ) -> ScanAccepted:
        return await scan(self.acts, caller, watched, self.trigger, ScanRequest(paths=list(paths) or None))

    @property
    def runs(self) -> list[int]:
        return [collector.runs for collector in self.collectors]


def at_the_desk(where: Path, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        async with running(where, *desk.collectors) as stage:
            desk.trigger = stage.runner.trigger
            desk.acts = Acts(stage.database, utc_now)
            desk.audit = lambda: stage.database.read(node_store.audit, AuditQuery())
            await until(lambda: desk.runs == [1, 1, 1])
            desk.leave.set()
            await until(lambda: not any(collector.under_way for collector in desk.collectors))
            await until(lambda: all(health.status == "ok" for health in stage.runner.health()))
            desk.leave.clear()
            await scenario(desk)
            desk.leave.set()

    asyncio.run(main())


@pytest.mark.parametrize("paths", [(), ("/in", "/out", "/deep")])
def test_starts_all_paths_or_those_named_and_answers_while_they_run(tmp_path: Path, paths: tuple[str, ...]) -> None:
    async def scenario(desk: Desk) -> None:
        assert await desk.scan(*paths) == ScanAccepted(accepted=["/in", "/out", "/deep"], skipped=[])
        await until(lambda: desk.runs == [2, 2, 2])

    at_the_desk(tmp_path, scenario)


def test_a_path_that_is_being_scanned_is_skipped_with_the_reason(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.scan("/out")
        await until(lambda: desk.runs == [1, 2, 1])

        answer = await desk.scan("/out", "/in")

        assert answer.accepted == ["/in"]
        assert answer.skipped == [ScanSkipped(path="/out", reason="a scan is running or about to start")]

    at_the_desk(tmp_path, scenario)


def test_a_name_means_its_path_a_path_comes_before_a_name_and_each_is_started_once(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        assert (await desk.scan("landing", "/in", "landing")).accepted == ["/in"]
        await until(lambda: desk.runs == [2, 1, 1])

    at_the_desk(tmp_path, scenario)


def test_an_unknown_path_starts_nothing_and_the_refusal_names_it_and_the_known_ones(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(NotFound, match=r"^/nowhere cannot be scanned.*watched are /in, /out, /deep$") as caught:
            await desk.scan("/in", "/nowhere")
        assert caught.value.details == {"field": "paths"}
        with pytest.raises(NotFound, match="no path is watched"):
            await desk.scan("/in", watched=())
        assert desk.runs == [1, 1, 1]

    at_the_desk(tmp_path, scenario)


def test_a_path_that_has_just_left_the_configuration_is_skipped(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        answer = await desk.scan(watched=(WatchedPath(path="/gone"),))
        assert answer == ScanAccepted(
            accepted=[], skipped=[ScanSkipped(path="/gone", reason="it is not watched any more")]
        )

    at_the_desk(tmp_path, scenario)


def test_every_attempt_is_in_the_audit(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        refused = Caller(
            name="guest", address="10.0.0.9", role="viewer", refusal=Refusal(reason="role", message="viewers look only")
        )
        await desk.scan()
        with pytest.raises(NotFound):
            await desk.scan("/nowhere")
        with pytest.raises(Forbidden):
            await desk.scan("/in", caller=refused)

        rows = [(row.who, row.action, row.target, row.result, row.status) for row in reversed(await desk.audit())]

        assert rows == [
            ("ops", "paths.scan", "all", "done", 202),
            ("ops", "paths.scan", "/nowhere", "refused", 404),
            ("guest", "paths.scan", "/in", "refused", 403),
        ]
        await until(lambda: desk.runs == [2, 2, 2])

    at_the_desk(tmp_path, scenario)
