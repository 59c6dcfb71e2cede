"""Collecting the estate now: the command on a real store, with a runner that says what it is told to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from etlmon.contract.dataproc import CollectRequest, CollectStarted
from etlmon.contract.errors import Forbidden, NotFound, Unavailable
from etlmon.contract.node import AuditEntry, AuditQuery
from node.clock import utc_now
from node.commands.act import Acts, Caller, Refusal
from node.commands.dataproc import collect
from node.store import node as node_store
from node.store.database import Database
from tests.node.store.opened import opened

CALLER = Caller(name="ops", address="127.0.0.1", role="operator")


class Desk:
    """Of the accounts a, b and c, which are collected one after the other, b goes on already."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.acts = Acts(database, utc_now)
        self.known = {"dataproc:a", "dataproc:b", "dataproc:c"}
        self.triggered: list[str] = []

    def trigger(self, name: str) -> bool:
        if name not in self.known:
            raise KeyError(name)
        self.triggered.append(name)
        return name != "dataproc:b"

    async def collect(self, *accounts: str, caller: Caller = CALLER) -> CollectStarted:
        request = CollectRequest(accounts=list(accounts) or None)
        return await collect(self.acts, caller, ["a", "b", "c"], self.trigger, request)

    async def audit(self) -> list[AuditEntry]:
        return await self.database.read(node_store.audit, AuditQuery())


def at_the_desk(folder: Path, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(folder / "etlmon.db") as database:
            await scenario(Desk(database))

    asyncio.run(main())


def test_without_a_name_all_accounts_are_collected(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        assert await desk.collect() == CollectStarted(accepted=["a", "c"], running=["b"])
        assert desk.triggered == ["dataproc:a", "dataproc:b", "dataproc:c"]

    at_the_desk(tmp_path, scenario)


def test_named_ones_are_collected_once_each_and_no_other(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        assert await desk.collect("c", "b", "c") == CollectStarted(accepted=["c"], running=["b"])
        (entry,) = await desk.audit()
        assert (entry.target, entry.params, entry.status) == ("c, b", {"accounts": ["c", "b"]}, 202)

    at_the_desk(tmp_path, scenario)


def test_with_one_unknown_account_nothing_is_started(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(NotFound, match="x, y cannot be collected: no such account; there are a, b, c") as caught:
            await desk.collect("a", "x", "y")
        assert caught.value.details == {"field": "accounts"}
        assert desk.triggered == []
        assert [entry.result for entry in await desk.audit()] == ["refused"]

    at_the_desk(tmp_path, scenario)


def test_while_the_configuration_is_read_again_the_caller_is_told_to_come_back(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.known.clear()
        with pytest.raises(Unavailable, match="try once more") as caught:
            await desk.collect("a")
        assert caught.value.details == {"reason": "reload"}
        assert [entry.result for entry in await desk.audit()] == ["failed"]

    at_the_desk(tmp_path, scenario)


def test_who_may_not_act_collects_nothing(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        refusal = Refusal(reason="read_only", message="this node is read-only")
        with pytest.raises(Forbidden):
            await desk.collect(caller=Caller(name="guest", address="10.0.0.9", role="viewer", refusal=refusal))
        assert desk.triggered == []

    at_the_desk(tmp_path, scenario)
