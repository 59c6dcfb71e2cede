"""dataproc, as a client of the node sees it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.dataproc import (
    DATAPROC_CLUSTER,
    DATAPROC_CLUSTERS,
    DATAPROC_COLLECT,
    DATAPROC_JOBS,
    DATAPROC_POLICIES,
    DATAPROC_RESOURCES,
    DATAPROC_RUNS,
    DATAPROC_TEMPLATES,
    CollectRequest,
    CollectStarted,
    DataprocQuery,
    ResourceQuery,
)
from etlmon.contract.dataproc_models import DataprocCluster
from etlmon.contract.dataproc_rows import DataprocResources, ResourceError
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.node import AUDIT, NODE
from node.collector import Collector, Reading, Registration
from node.settings import NodeSettings
from node.settings_dataproc import Dataproc, DataprocAccount
from node.store import dataproc as store
from node.store.dataproc import DataprocLook
from tests.node.collecting import until
from tests.node.store.estates import SEOUL, cluster, job, look, policy, region, row, run, template
from tests.node.store.opened import after
from tests.serving import Serving, serving

A = TypeVar("A")

PLAIN = {"Accept-Encoding": "identity"}

LISTS: list[Endpoint[Any]] = [
    DATAPROC_CLUSTERS,
    DATAPROC_JOBS,
    DATAPROC_TEMPLATES,
    DATAPROC_POLICIES,
    DATAPROC_RUNS,
]


class Estate(Collector[DataprocLook]):
    """An account's collector; a run goes on until the gate is open."""

    domain: ClassVar[str] = "dataproc"

    def __init__(self, account: str) -> None:
        self.name, self.account = f"dataproc:{account}", account
        self.interval_sec, self.deadline_sec = 3600.0, 60.0
        self.runs = 0
        self.gate = asyncio.Event()

    async def readings(self, now: datetime) -> AsyncIterator[Reading[DataprocLook]]:
        self.runs += 1
        if self.runs > 1:
            await self.gate.wait()
        yield Reading(rows=[DataprocLook(account=self.account)])


def settings_of(*accounts: str, enabled: bool = True) -> NodeSettings:
    given = tuple(DataprocAccount(name=name, credentials_file="/k.json", projects=("p1",)) for name in accounts)
    return NodeSettings(dataproc=Dataproc(enabled=enabled, accounts=given))


def play(
    tmp_path: Path,
    scenario: Callable[[Serving, NodeClient], Awaitable[None]],
    *collectors: Estate,
    settings: NodeSettings | None = None,
) -> None:
    registrations = [Registration("dataproc", lambda _: collectors, store.record)]

    async def main() -> None:
        async with (
            serving(tmp_path, settings, registrations=registrations) as node,
            NodeClient(node.url, timeout=20) as client,
        ):
            await scenario(node, client)

    asyncio.run(main())


async def put(node: Serving, *looks: DataprocLook) -> None:
    await node.database.write(lambda db: store.record(db, looks))


async def answered(client: NodeClient, endpoint: Endpoint[A], query: msgspec.Struct | None = None) -> A:
    return (await client.ask(endpoint, query=query)).unwrap()


async def one(client: NodeClient, key: str) -> DataprocCluster:
    return (await client.ask(DATAPROC_CLUSTER, id=key)).unwrap()


def test_a_node_that_reads_no_estate_has_empty_lists_and_an_empty_inventory(tmp_path: Path) -> None:
    async def scenario(_: Serving, client: NodeClient) -> None:
        for endpoint in LISTS:
            assert await answered(client, endpoint) == []
        assert await answered(client, DATAPROC_RESOURCES) == DataprocResources(resources=[], errors=[])
        assert "dataproc" in (await answered(client, NODE)).features

    play(tmp_path, scenario)


def test_the_inventory_has_the_literal_form_of_a_collector(tmp_path: Path) -> None:
    async def scenario(node: Serving, _: NodeClient) -> None:
        await put(node, look("u1", jobs={"u1": [job("nightly")]}, run=run()))
        async with node.session.get("/api/v1/dataproc/resources") as answer:
            text = await answer.text()
        found = json.loads(text)
        assert list(found) == ["resources", "errors"]
        (resource,) = found["resources"]
        assert list(resource) == ["name", "data", "reference", "region_code", "account"]
        assert resource["name"] == resource["data"]["cluster_name"] == "etl-u1"
        assert resource["reference"] == {
            "resource_id": "u1",
            "external_link": "https://console.cloud.google.com/dataproc/clusters/u1",
        }
        assert (resource["region_code"], resource["account"]) == ("asia-northeast3", "p1")
        data = resource["data"]
        assert (data["project_id"], data["cluster_uuid"], data["location"]) == ("p1", "u1", "asia-northeast3")
        assert data["status"] == {"state": "RUNNING", "state_start_time": "2026-11-21T06:00:00Z"}
        assert data["config"]["master_config"] == {"num_instances": 1, "machine_type_uri": "n2-standard-4"}
        assert [one["job_id"] for one in data["jobs"]] == ["nightly"]

    play(tmp_path, scenario, settings=settings_of("data"))


def test_the_inventory_says_what_the_last_run_of_each_account_could_not_read(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        regions = [
            region("r1"),
            region("r2", state="failed", error="r2: denied"),
            region("r3", project_id="p2", state="timeout"),
        ]
        told = ["r2: denied", "p2: SERVICE_DISABLED"]
        await put(node, DataprocLook(account="a", run=run(account="a", result="failed", errors=["long ago"])))
        await put(
            node,
            DataprocLook(account="a", run=run(9, account="a", result="partial", regions=regions, errors=told)),
            DataprocLook(account="b", run=run(account="b", result="failed", reason="the key was refused")),
            DataprocLook(account="retired", run=run(account="retired", result="failed", errors=["not asked for"])),
        )
        everything = [
            ResourceError(account="never", message="no collection of it has ended yet"),
            ResourceError(account="a", project_id="p1", region="r2", message="r2: denied"),
            ResourceError(account="a", project_id="p2", region="r3", message="the region could not be read: timeout"),
            ResourceError(account="a", message="p2: SERVICE_DISABLED"),
            ResourceError(account="b", message="the key was refused"),
        ]
        assert (await answered(client, DATAPROC_RESOURCES)).errors == everything
        of_p1 = await answered(client, DATAPROC_RESOURCES, ResourceQuery(project="p1", region="r2"))
        assert of_p1.errors == [error for error in everything if error.project_id != "p2"]

    play(tmp_path, scenario, settings=settings_of("a", "b", "never"))


def test_the_inventory_comes_in_pages_that_link_to_each_other(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, look(*(f"u/{number}" for number in range(5))))
        found: list[str] = []
        path = "/api/v1/dataproc/resources?limit=2&project=p1"
        while path:
            async with node.session.get(path, headers=PLAIN) as answer:
                found += [one["reference"]["resource_id"] for one in (await answer.json())["resources"]]
                path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert found == [f"u/{number}" for number in range(5)]
        with pytest.raises(NodeRefused, match="no cluster 'u9'") as caught:
            await answered(client, DATAPROC_RESOURCES, ResourceQuery(after="u9"))
        assert (caught.value.status, caught.value.body.details) == (404, {"field": "after"})

    play(tmp_path, scenario)


def test_one_cluster_is_found_whole_under_its_id_whatever_stands_in_it(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, look("p1/r/a b?#", jobs={"p1/r/a b?#": [job()]}))
        found = await one(client, "p1/r/a b?#")
        assert found == cluster("p1/r/a b?#", jobs=[job()])
        with pytest.raises(NodeRefused) as caught:
            await one(client, "\N{SNOWMAN}")
        assert (caught.value.status, caught.value.body.details) == (404, {"field": "id"})

    play(tmp_path, scenario)


def test_lists_come_in_pages_with_their_total(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        keys = ["u1", "u2", "u3"]
        templates = {SEOUL: [template(key) for key in keys]}
        policies = {SEOUL: [policy(key) for key in keys]}
        own = {key: [job(key, number)] for number, key in enumerate(keys)}
        await put(node, look(*keys, jobs=own, templates=templates, policies=policies))
        for endpoint in LISTS[:4]:
            async with node.session.get(f"{endpoint.path}?limit=2&region=asia-northeast3", headers=PLAIN) as answer:
                assert len(await answer.json()) == 2
                assert answer.headers["X-Total-Count"] == "3"
                assert "offset=2" in answer.headers["Link"]
        await put(node, DataprocLook(account="data", rows=[row("u2", state="ERROR", gone_at=after(1))]))
        assert await answered(client, DATAPROC_CLUSTERS, DataprocQuery(state="ERROR")) == []
        (gone,) = await answered(client, DATAPROC_CLUSTERS, DataprocQuery(state="ERROR", gone=True))
        assert (gone.id, gone.gone_at) == ("u2", after(1))

    play(tmp_path, scenario)


def test_runs_are_paged_newest_first_by_account(tmp_path: Path) -> None:
    async def scenario(node: Serving, _: NodeClient) -> None:
        for number in range(5):
            account = "ab"[number % 2]
            await put(node, DataprocLook(account=account, run=run(number, account=account)))
        found: list[str] = []
        path = "/api/v1/dataproc/runs?account=a&limit=2"
        while path:
            async with node.session.get(path, headers=PLAIN) as answer:
                found += [one["started_at"][-3:-1] for one in await answer.json()]
                path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert found == ["04", "02", "00"]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("clusters", "limit=0"),
        ("clusters", "gone=maybe"),
        ("clusters", "cluster=x"),
        ("jobs", "job=1"),
        ("templates", "state=x"),
        ("policies", "offset=-1"),
        ("runs", "before=0"),
        ("resources", "limit=1001"),
        ("resources", "state=RUNNING"),
        ("resources", "project=" + "x" * 256),
    ],
)
def test_a_wrong_question_is_refused_and_named(tmp_path: Path, path: str, query: str) -> None:
    async def scenario(node: Serving, _: NodeClient) -> None:
        async with node.session.get(f"/api/v1/dataproc/{path}?{query}") as answer:
            assert answer.status == 400
            assert (await answer.json())["details"]["field"] == query.partition("=")[0]

    play(tmp_path, scenario)


def test_collecting_starts_the_accounts_that_are_named_and_is_audited(tmp_path: Path) -> None:
    first, second = Estate("a"), Estate("b")

    async def scenario(node: Serving, client: NodeClient) -> None:
        await until(lambda: all(one.last_success_at for one in node.context.runner.health()), 20)
        started = await client.ask(DATAPROC_COLLECT, body=CollectRequest(accounts=["b", "b"]))
        assert started.unwrap() == CollectStarted(accepted=["b"])
        started = await client.ask(DATAPROC_COLLECT)
        assert started.unwrap() == CollectStarted(accepted=["a"], running=["b"])
        first.gate.set()
        second.gate.set()
        await until(lambda: (first.runs, second.runs) == (2, 2), 20)
        newest, older = await answered(client, AUDIT)
        assert (newest.action, newest.target, newest.result, newest.status, newest.message) == (
            *("dataproc.collect", "all", "done", 202),
            "runs started: 1, going on already: 1",
        )
        assert (older.target, older.params) == ("b", {"accounts": ["b"]})

    play(tmp_path, scenario, first, second, settings=settings_of("a", "b"))


@pytest.mark.parametrize(
    ("settings", "body", "message"),
    [
        (None, {}, "dataproc.enabled is false"),
        (settings_of("a", enabled=False), {"accounts": ["a"]}, "dataproc.enabled is false"),
        (settings_of("a"), {"accounts": ["a", "c"]}, "c cannot be collected: no such account; there are a"),
    ],
)
def test_what_is_not_configured_is_not_collected(
    tmp_path: Path, settings: NodeSettings | None, body: dict[str, Any], message: str
) -> None:
    estate = Estate("a")

    async def scenario(node: Serving, client: NodeClient) -> None:
        await until(lambda: estate.runs == 1, 20)
        async with node.session.post("/api/v1/dataproc/collect", json=body) as answer:
            assert answer.status == 404
            assert message in (await answer.json())["message"]
        (entry,) = await answered(client, AUDIT)
        assert (entry.action, entry.result) == ("dataproc.collect", "refused")
        assert estate.runs == 1

    play(tmp_path, scenario, estate, settings=settings)
