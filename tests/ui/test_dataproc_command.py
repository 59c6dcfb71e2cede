"""`etlmon dataproc` against real nodes: what is collected, waited for, told and written down."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from etlmon.contract.dataproc import ResourceQuery
from etlmon.contract.dataproc_rows import DataprocResources, DataprocRun
from etlmon.contract.node import AuditQuery
from node.collector import Collector, Reading, Registration
from node.settings import NodeSettings
from node.settings_dataproc import Dataproc, DataprocAccount
from node.store import dataproc as store
from node.store import node as node_store
from node.store.dataproc import DataprocLook
from tests.fakes.nodes import closed_port
from tests.node.collecting import until
from tests.node.store.estates import job, look, region, row, run
from tests.serving import Serving, serving
from ui.dataproc_command.collecting import SILENT_LOOKS, collect
from ui.dataproc_command.exporting import export

ROOT = Path(__file__).parents[2]
Ending = Callable[[datetime], DataprocRun | None]


def complete(_: datetime) -> DataprocRun:
    return run(calls=7, success=1, clusters=1, regions_from="api", regions=[region(clusters=1)])


class Account(Collector[DataprocLook]):
    """Collects as `ending` says: the run it leaves, or None for none. All but the first wait for the gate."""

    domain: ClassVar[str] = "dataproc"

    def __init__(self, name: str = "data", ending: Any = complete) -> None:
        self.name, self.account = f"dataproc:{name}", name
        self.interval_sec, self.deadline_sec = 3600.0, 60.0
        self.ending = ending
        self.failure: Exception | None = None
        self.runs = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def readings(self, now: datetime) -> AsyncIterator[Reading[DataprocLook]]:
        self.runs += 1
        under_way = DataprocRun(account=self.account, started_at=now, result="running")
        yield Reading(rows=[DataprocLook(account=self.account, run=under_way)] if self.ending(now) else [])
        if self.runs > 1:
            await self.gate.wait()
        if ended := self.ending(now):
            told = msgspec.structs.replace(ended, account=self.account, started_at=now)
            yield Reading(rows=[DataprocLook(account=self.account, run=told)])
        if self.failure is not None:
            raise self.failure


def settings_of(*accounts: Account) -> NodeSettings:
    given = [DataprocAccount(name=one.account, credentials_file="/k.json", projects=("p1",)) for one in accounts]
    return NodeSettings(dataproc=Dataproc(enabled=bool(given), accounts=tuple(given)))


def on_a_node(tmp_path: Path, scene: Callable[[Serving], Awaitable[None]], *accounts: Account) -> None:
    registrations = [Registration("dataproc", lambda _: accounts, store.record)]

    async def main() -> None:
        async with serving(tmp_path, settings_of(*accounts), registrations=registrations) as node:
            await until(lambda: all(one.status in ("ok", "failing") for one in node.context.runner.health()), 30)
            try:
                await scene(node)
            finally:
                for one in accounts:
                    one.gate.set()

    asyncio.run(main())


async def collecting(
    node: Serving, *accounts: str, as_json: bool = False, others: Mapping[str, str] | None = None
) -> int:
    return await asyncio.to_thread(collect, accounts, {node.url: "", **(others or {})}, as_json=as_json)


async def exporting(node: Serving, *, as_spaceone: bool = False, region: str | None = None) -> int:
    query = ResourceQuery(region=region)
    return await asyncio.to_thread(export, query, {node.url: ""}, as_spaceone=as_spaceone)


async def was_told_to_collect(node: Serving) -> bool:
    return bool(await node.database.read(node_store.audit, AuditQuery(action="dataproc.collect")))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[collect.__module__], "PAUSE_SEC", 0.02)


Capture = pytest.CaptureFixture[str]


def test_collecting_waits_for_the_end_and_tells_of_each_region(tmp_path: Path, capsys: Capture) -> None:
    account = Account()

    async def scene(node: Serving) -> None:
        account.gate.clear()
        asked = asyncio.create_task(collecting(node))
        await until(lambda: account.runs == 2, 30)
        assert not asked.done()
        account.gate.set()
        assert await asked == 0

    on_a_node(tmp_path, scene, account)
    out, err = capsys.readouterr()
    assert out.startswith("data  complete")
    assert "success 1  failure 0  timeout 0  unknown 0" in out
    assert "7 calls" in out
    assert "regions: listed by Google" in out
    assert any(line.split()[1:3] == ["asia-northeast3", "ok"] for line in out.splitlines())
    assert "collecting data" in err


@pytest.mark.parametrize("result", ["partial", "failed", "timeout"])
def test_a_run_that_is_not_complete_exits_with_1_and_says_why(tmp_path: Path, result: Any, capsys: Capture) -> None:
    regions = [region("r1"), region("r2", state="failed", error="permission denied")]
    ended = run(result=result, reason="1 of 2 regions could not be read", regions=regions, errors=["p1: \x1b[31mred"])
    account = Account(ending=lambda _: ended)

    async def scene(node: Serving) -> None:
        assert await collecting(node) == 1

    on_a_node(tmp_path, scene, account)
    out = capsys.readouterr().out
    assert out.startswith(f"data  {result}")
    assert "1 of 2 regions could not be read" in out
    assert "  r2: permission denied" in out.splitlines()
    assert "\x1b[31mred" not in out
    assert "red" in out


def test_where_a_run_read_several_projects_each_region_is_named_with_its_own(tmp_path: Path, capsys: Capture) -> None:
    regions = [region("r1"), region("r1", project_id="p2", state="timeout", error="it took too long")]
    account = Account(ending=lambda _: run(result="partial", regions=regions))

    async def scene(node: Serving) -> None:
        assert await collecting(node) == 1

    on_a_node(tmp_path, scene, account)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.split()[2:3] in (["ok"], ["timeout"])] == ["p1/r1", "p2/r1"]
    assert "  p2/r1: it took too long" in lines


def test_as_json_each_run_is_told_whole_with_its_node(tmp_path: Path, capsys: Capture) -> None:
    accounts = [Account("a"), Account("b")]

    async def scene(node: Serving) -> None:
        assert await collecting(node, "b", as_json=True) == 0
        assert await collecting(node, as_json=True) == 0
        assert (accounts[0].runs, accounts[1].runs) == (2, 3)

    on_a_node(tmp_path, scene, *accounts)
    first, _, second = capsys.readouterr().out.partition("]\n[")
    (only,) = json.loads(first + "]")
    assert next(iter(only)) == "node"
    assert (only["account"], only["result"], only["regions"][0]["region"]) == ("b", "complete", "asia-northeast3")
    assert {one["account"] for one in json.loads("[" + second)} == {"a", "b"}


def test_a_run_that_goes_on_already_is_the_one_that_is_waited_for(tmp_path: Path, capsys: Capture) -> None:
    account = Account()

    async def scene(node: Serving) -> None:
        account.gate.clear()
        node.context.runner.trigger("dataproc:data")
        await until(lambda: account.runs == 2, 30)
        asked = asyncio.create_task(collecting(node))
        await until(lambda: was_told_to_collect(node), 30)
        assert not asked.done()
        account.gate.set()
        assert await asked == 0
        assert account.runs == 2

    on_a_node(tmp_path, scene, account)
    assert "goes on already, of data" in capsys.readouterr().err


@pytest.mark.parametrize("fails", [True, False])
def test_a_run_that_leaves_no_row_is_not_waited_for_for_ever(tmp_path: Path, fails: bool, capsys: Capture) -> None:
    account = Account(ending=lambda _: None)
    account.failure = OSError("no child could be started") if fails else None

    async def scene(node: Serving) -> None:
        assert await collecting(node) == 1

    on_a_node(tmp_path, scene, account)
    out = capsys.readouterr().out
    assert out.startswith("data  failed")
    assert ("no child could be started" if fails else "could not be stored") in out


def test_where_nothing_is_read_or_nobody_has_the_account_that_is_said(tmp_path: Path, capsys: Capture) -> None:
    async def scene(node: Serving) -> None:
        assert await collecting(node, "other") == 1
        assert "there are data" in capsys.readouterr().err
        node.context.settings = NodeSettings()
        assert await collecting(node) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "dataproc.enabled is false" in err

    on_a_node(tmp_path, scene, Account())


def test_of_several_nodes_those_that_read_nothing_are_no_problem_and_a_silent_one_is(
    tmp_path: Path, capsys: Capture
) -> None:
    async def scene(node: Serving) -> None:
        (tmp_path / "plain").mkdir()
        async with serving(tmp_path / "plain") as plain:
            assert await collecting(node, others={plain.url: "plain"}) == 0
            assert "plain" not in capsys.readouterr().err
            assert await collecting(node, others={closed_port(): "down"}) == 1
        out, err = capsys.readouterr()
        assert "/data  complete" in out
        assert "connection refused" in err

    on_a_node(tmp_path, scene, Account())


def test_a_node_that_falls_silent_is_given_up(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    assert SILENT_LOOKS > 2
    monkeypatch.setattr(sys.modules[collect.__module__], "SILENT_LOOKS", 2)

    async def scene(node: Serving) -> None:
        account.gate.clear()
        asked = asyncio.create_task(collecting(node))
        await until(lambda: account.runs == 2, 30)
        await node.runner.cleanup()
        assert await asked == 1

    on_a_node(tmp_path, scene, account)
    assert "connection refused" in capsys.readouterr().err


def test_interrupted_it_leaves_and_the_run_goes_on(tmp_path: Path) -> None:
    account = Account()

    async def scene(node: Serving) -> None:
        account.gate.clear()
        command = [sys.executable, "-m", "etlmon", "dataproc", "collect", "--node", node.url]
        environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
        )
        try:
            await until(lambda: account.runs == 2, 60)
            assert process.stderr is not None
            assert b"collecting data" in await asyncio.wait_for(process.stderr.readline(), 60)
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 60) == 130
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        account.gate.set()
        await until(lambda: node.context.runner.health()[0].status == "ok", 30)

    on_a_node(tmp_path, scene, account)


async def put(node: Serving, *looks: DataprocLook) -> None:
    await node.database.write(lambda db: store.record(db, looks))


def test_the_export_is_the_inventory_whole_although_it_comes_in_pages(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[export.__module__], "PAGE", 2)

    async def scene(node: Serving) -> None:
        keys = [f"u{number}" for number in range(5)]
        await put(node, look(*keys, jobs={"u1": [job()]}))
        await put(node, look("far", rows=[row("far", region="us-east1", gone_at=None)]))
        assert await exporting(node) == 0
        whole = msgspec.json.decode(capsys.readouterr().out, type=DataprocResources)
        async with node.session.get("/api/v1/dataproc/resources", headers={"Accept-Encoding": "identity"}) as answer:
            assert msgspec.json.decode(await answer.read(), type=DataprocResources) == whole
        assert [one.name for one in whole.resources] == [*(f"etl-{key}" for key in keys), "etl-far"]
        assert await exporting(node, region="us-east1") == 0
        assert [one["name"] for one in json.loads(capsys.readouterr().out)["resources"]] == ["etl-far"]

    on_a_node(tmp_path, scene)


def test_an_empty_estate_and_a_silent_node_still_give_a_document(tmp_path: Path, capsys: Capture) -> None:
    nodes = {closed_port(): ""}
    assert export(ResourceQuery(), nodes, as_spaceone=False) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {"resources": [], "errors": []}
    assert "connection refused" in err


def test_for_spaceone_there_is_a_document_a_line(tmp_path: Path, capsys: Capture) -> None:
    async def scene(node: Serving) -> None:
        regions = [region("r2", state="failed", error="denied")]
        await put(node, look("u1", "u2", run=run(10**6, result="partial", regions=regions)))
        assert await exporting(node, as_spaceone=True) == 0

    on_a_node(tmp_path, scene, Account(ending=lambda _: None))
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = ["CloudServiceType", "Region", "CloudService", "CloudService", "ErrorResource"]
    assert [one["resource_type"] for one in documents] == [f"inventory.{kind}" for kind in kinds]
    assert documents[-1]["message"] == "p1/r2: denied"
