"""Pausing logs, on a real runner and store."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from etlmon.contract.errors import Forbidden, NotFound, Unavailable
from etlmon.contract.logs import Log
from etlmon.contract.node import AuditEntry, AuditQuery
from node.clock import utc_now
from node.commands.act import Acts, Caller, Refusal
from node.commands.logs import Pausable, set_paused
from node.settings import WatchedLog
from node.store import logs as store
from node.store import node as node_store
from node.store.database import Database, StoreError
from tests.node.collecting import Scripted, nothing, running, until
from tests.node.store.log_batches import batch, put

CALLER = Caller(name="ops", address="127.0.0.1", role="operator")
VIEWER = Caller(
    name="ops", address="10.0.0.9", role="viewer", refusal=Refusal(reason="not_local", message="10.0.0.9 may look")
)
WATCHED = (WatchedLog(name="app", path="/var/log/app.log"), WatchedLog(name="new", path="/var/log/new.log"))


class Tail(Scripted):
    """A collector that can be paused and notes what it was told."""

    def __init__(self) -> None:
        super().__init__(nothing, name="logs:app", interval_sec=3600.0)
        self.told: list[bool] = []

    def set_paused(self, paused: bool) -> None:
        self.told.append(paused)


class Desk:
    """A log that is followed, and one who pauses it."""

    def __init__(self) -> None:
        self.tail = Tail()
        self.database: Database
        self.trigger: Callable[[str], bool]

    async def set_paused(self, name: str, paused: bool, caller: Caller = CALLER) -> Log:
        acts = Acts(self.database, utc_now)
        collectors = {self.tail.name: self.tail}
        return await set_paused(
            acts, caller, WATCHED, self.database, collectors, self.trigger, name=name, paused=paused
        )

    async def audit(self) -> list[AuditEntry]:
        return await self.database.read(node_store.audit, AuditQuery())


def at_the_desk(where: Path, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        async with running(where, desk.tail) as stage:
            desk.database, desk.trigger = stage.database, stage.runner.trigger
            await put(stage.database, batch("a"))
            await until(lambda: desk.tail.runs == 1 and stage.runner.health()[0].status == "ok")
            await scenario(desk)

    asyncio.run(main())


def test_a_log_is_paused_in_the_store_then_its_collector_hears_of_it_and_runs(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        row = await desk.set_paused("app", True)
        assert (row.name, row.paused, row.status) == ("app", True, "paused")
        assert desk.tail.told == [True]
        await until(lambda: desk.tail.runs == 2)
        stored = await desk.database.read(store.state, "app")
        assert stored is not None
        assert stored.paused
        again = await desk.set_paused("app", True)
        assert again == row

    at_the_desk(tmp_path, scenario)


def test_it_goes_on_again(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.set_paused("app", True)
        row = await desk.set_paused("app", False)
        assert (row.paused, row.status) == (False, "following")
        assert desk.tail.told == [True, False]
        audit = [(entry.action, entry.target, entry.result, entry.status) for entry in await desk.audit()]
        assert audit == [("logs.resume", "app", "done", 200), ("logs.pause", "app", "done", 200)]

    at_the_desk(tmp_path, scenario)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [("nope", NotFound, "there is no log 'nope' here"), ("new", Unavailable, "'new' was not looked at yet")],
)
def test_what_cannot_be_paused_is_refused_in_words(
    tmp_path: Path, name: str, error: type[Exception], says: str
) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(error, match=says):
            await desk.set_paused(name, True)
        (entry,) = await desk.audit()
        assert (entry.action, entry.target, entry.status) == ("logs.pause", name, error.status)  # type: ignore[attr-defined]
        assert desk.tail.told == []

    at_the_desk(tmp_path, scenario)


def test_who_may_only_look_pauses_nothing(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(Forbidden, match=r"logs\.pause is refused"):
            await desk.set_paused("app", True, VIEWER)
        stored = await desk.database.read(store.state, "app")
        assert stored is not None
        assert not stored.paused
        assert [entry.result for entry in await desk.audit()] == ["refused"]

    at_the_desk(tmp_path, scenario)


def test_a_collector_is_told_only_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    async def scenario(desk: Desk) -> None:
        monkeypatch.setattr(store, "set_paused", full)
        with pytest.raises(StoreError):
            await desk.set_paused("app", True)
        assert desk.tail.told == []

    at_the_desk(tmp_path, scenario)


def test_the_collector_of_logs_can_be_paused() -> None:
    from node.collectors.logs import LogCollector

    assert issubclass(LogCollector, Pausable)
