import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.contract.dataproc import (
    DataprocJobQuery,
    DataprocQuery,
    DataprocRunQuery,
    InventoryQuery,
    ResourceQuery,
)
from etlmon.contract.dataproc_models import DataprocCluster, DataprocJob, Status
from etlmon.contract.dataproc_rows import DataprocResource, DataprocRow, DataprocRun
from etlmon.units import Duration
from node import settings
from node.settings_dataproc import DataprocAccount
from node.store import dataproc as store
from node.store import dataproc_lists as lists
from node.store.database import Database, StoreError
from node.store.dataproc import REGIONS_KEPT, DataprocLook
from node.store.retention import Retention
from tests.node.store.estates import SEOUL, cluster, job, look, policy, region, row, run, template
from tests.node.store.opened import START, after, fetch, opened

TOKYO = ("p1", "asia-northeast1")


def with_database(tmp_path: Path, scenario: Callable[[Database], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await scenario(database)

    asyncio.run(main())


async def record(database: Database, *looks: DataprocLook) -> None:
    await database.write(lambda db: store.record(db, looks))


async def rows(database: Database, **query: Any) -> list[DataprocRow]:
    return (await database.read(lists.clusters, DataprocQuery(**query)))[0]


async def jobs(database: Database, **query: Any) -> list[DataprocJob]:
    return (await database.read(lists.jobs, DataprocJobQuery(**query)))[0]


async def runs(database: Database, **query: Any) -> list[DataprocRun]:
    return await database.read(lists.runs, DataprocRunQuery(**query))


async def resources(database: Database, **query: Any) -> list[DataprocResource]:
    found = await database.read(lists.resources, ResourceQuery(**query))
    return msgspec.json.decode(msgspec.json.encode(found), type=list[DataprocResource])


def test_a_cluster_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    whole = row(
        zone="asia-northeast3-a",
        kind="gke",
        substate="STALE_STATUS",
        state_since=after(-60),
        detail="a \x1b[31m detail",
        image_version="2.2.31-debian12",
        masters=3,
        master_type="n2-standard-4",
        workers=4,
        worker_type="n2-standard-8",
        secondary_workers=2,
        preemptibility="SPOT",
        staging_bucket="staging",
        labels={"team": "데이터", "": ""},
        policy="burst",
        jobs=10,
        jobs_running=1,
        last_job_state="DONE",
        last_job_at=after(-9),
        idle_since=after(-8),
        has_ttl=True,
        attention="stuck",
        attention_reason="CREATING for 2h",
        stale=True,
        gone_at=after(1),
        first_seen_at=after(-3600),
    )

    async def scenario(database: Database) -> None:
        await record(database, look("u1", rows=[whole]))
        assert await rows(database, gone=True) == [whole]
        assert await database.read(lists.cluster, "u1") == cluster()
        there = msgspec.structs.replace(whole, gone_at=None)
        await record(database, look("u1", rows=[there]))
        assert (await database.read(store.known, "data")).rows == [there]

    with_database(tmp_path, scenario)


def test_a_row_that_is_named_changes_and_the_others_stay(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, look("u1", "u2"))
        stale = row("u2", stale=True)
        await record(database, DataprocLook(account="data", rows=[stale]))
        assert await rows(database) == [row("u1"), stale]
        assert await database.read(lists.cluster, "u2") == cluster("u2")

    with_database(tmp_path, scenario)


def test_a_cluster_that_is_gone_is_listed_when_asked_for_and_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, look("u1", "u2", jobs={"u2": [job()]}))
        await record(database, DataprocLook(account="data", rows=[row("u2", gone_at=after(9))]))
        assert [found.id for found in await rows(database)] == ["u1"]
        assert [found.id for found in await rows(database, gone=True)] == ["u1", "u2"]
        assert [found.name for found in await resources(database)] == ["etl-u1"]
        assert [found.id for found in (await database.read(store.known, "data")).rows] == ["u1"]
        assert [found.job_id for found in await jobs(database)] == ["j1"]

    with_database(tmp_path, scenario)


def test_clusters_are_sorted_by_place_filtered_and_counted(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        places = [("p2", "r1", "b"), ("p1", "r2", "a"), ("p1", "r1", "z"), ("p1", "r1", "c")]
        found = [
            row(f"u{number}", project_id=project, region=region, cluster_name=name, state="ERROR" if number else "NEW")
            for number, (project, region, name) in enumerate(places)
        ]
        await record(database, DataprocLook(account="data", rows=found))
        assert [(one.project_id, one.region, one.cluster_name) for one in await rows(database)] == sorted(places)
        page, total = await database.read(lists.clusters, DataprocQuery(project="p1", limit=1, offset=1))
        assert ([one.cluster_name for one in page], total) == (["z"], 3)
        assert [one.id for one in await rows(database, region="r1", state="ERROR")] == ["u3", "u2"]
        assert await rows(database, project="p3") == []

    with_database(tmp_path, scenario)


def test_jobs_are_those_of_the_last_look_at_their_cluster_newest_first(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        first = {"u1": [job("a", 1), job("b", 3)], "u2": [job("a", 2)]}
        await record(database, look("u1", "u2", jobs=first))
        assert [(one.job_id, one.submitted_at) for one in await jobs(database)] == [
            ("b", after(3)),
            ("a", after(2)),
            ("a", after(1)),
        ]
        later = [job("b", 3, status=Status(state="ERROR")), job("c", 5), job("untimed", None)]
        await record(database, look("u1", jobs={"u1": later}))
        assert [one.job_id for one in await jobs(database, cluster="u1")] == ["c", "b", "untimed"]
        assert [one.status.state for one in await jobs(database, state="ERROR")] == ["ERROR"]
        whole = await database.read(lists.cluster, "u1")
        assert whole is not None
        assert [one.job_id for one in whole.jobs] == ["c", "b", "untimed"]
        await record(database, look("u1", jobs={"u1": []}))
        assert [one.job_id for one in await jobs(database)] == ["a"]

    with_database(tmp_path, scenario)


def test_jobs_that_could_not_be_read_stay_and_those_in_the_whole_are_passed_over(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, look("u1", jobs={"u1": [job("kept")]}))
        await record(database, look("u1", clusters={"u1": cluster(jobs=[job("other")])}))
        whole = await database.read(lists.cluster, "u1")
        assert whole is not None
        assert [one.job_id for one in whole.jobs] == ["kept"]
        assert (await database.read(fetch, "SELECT document FROM dataproc_documents"))[0][0].count("other") == 0

    with_database(tmp_path, scenario)


def test_templates_and_policies_are_all_there_are_in_the_regions_that_were_read(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        both = {SEOUL: [template("a"), template("b")], TOKYO: [template("c", TOKYO)]}
        await record(database, DataprocLook(account="data", templates=both, policies={SEOUL: [policy()]}))
        again = {SEOUL: [template("b", version=2)]}
        await record(database, DataprocLook(account="data", templates=again, policies={}))
        found, total = await database.read(lists.templates, InventoryQuery())
        assert (found, total) == ([template("c", TOKYO), template("b", version=2)], 2)
        assert (await database.read(lists.templates, InventoryQuery(region=TOKYO[1], limit=1)))[1] == 1
        assert await database.read(lists.policies, InventoryQuery()) == ([policy()], 1)
        await record(database, DataprocLook(account="data", policies={SEOUL: []}))
        assert await database.read(lists.policies, InventoryQuery()) == ([], 0)

    with_database(tmp_path, scenario)


def test_a_policy_names_the_clusters_that_follow_it_now(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        followers = [
            row("u1", policy="burst"),
            row("u2", policy="burst"),
            row("u3", policy="burst", gone_at=START),
            row("u4", policy="burst", region=TOKYO[1]),
            row("u5", policy="other"),
        ]
        kept = policy(used_by=["told by nobody"])
        await record(database, DataprocLook(account="data", rows=followers, policies={SEOUL: [kept]}))
        found, _ = await database.read(lists.policies, InventoryQuery())
        assert [one.used_by for one in found] == [["etl-u1", "etl-u2"]]

    with_database(tmp_path, scenario)


def test_the_same_run_is_one_row_with_one_id(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, DataprocLook(account="data", run=run(result="running", ended_at=None)))
        ended = run(result="partial", reason="asia-east1 failed", regions=[region(error="denied")], errors=["denied"])
        await record(database, DataprocLook(account="data", run=ended))
        await record(database, DataprocLook(account="other", run=run(account="other")))
        found = await runs(database)
        assert [(one.account, one.result) for one in found] == [("other", "complete"), ("data", "partial")]
        assert found[1] == msgspec.structs.replace(ended, id=1)
        assert await runs(database, account="data") == [found[1]]
        assert await runs(database, after=1) == [found[0]]

    with_database(tmp_path, scenario)


def test_a_collector_goes_on_from_its_own_rows_and_its_last_ended_run(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        assert await database.read(store.known, "data") == store.DataprocKnown(rows=[], run=None)
        await record(database, look("u1", run=run(0)))
        await record(database, DataprocLook(account="other", rows=[row("u2", account="other")]))
        await record(database, DataprocLook(account="data", run=run(60, result="running", ended_at=None)))
        known = await database.read(store.known, "data")
        assert [one.id for one in known.rows] == ["u1"]
        assert known.run is not None
        assert known.run.started_at == START
        assert await database.read(lists.last_runs, ["data", "other"]) == [known.run]

    with_database(tmp_path, scenario)


def test_a_run_that_nobody_goes_on_with_has_failed(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        for name in ("a", "b"):
            under_way = run(account=name, result="running", ended_at=None)
            await record(database, DataprocLook(account=name, run=under_way))
        await database.write(lambda db: store.end_interrupted(db, ["b"]))
        assert [(one.account, one.result) for one in await runs(database)] == [("b", "running"), ("a", "failed")]
        assert "the node stopped" in (await runs(database, account="a"))[0].reason  # type: ignore[operator]

    with_database(tmp_path, scenario)


def test_old_complete_runs_lose_the_results_of_their_regions_and_no_other_does(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        looks = [DataprocLook(account="data", run=run(0, result="partial", regions=[region()]))]
        for seconds in range(1, REGIONS_KEPT + 3):
            looks.append(DataprocLook(account="data", run=run(seconds, regions=[region()])))
            await record(database, *looks)
            looks = []
        kept = {one.started_at: len(one.regions) for one in await runs(database, limit=1000)}
        assert [kept[after(seconds)] for seconds in range(5)] == [1, 0, 0, 1, 1]

    with_database(tmp_path, scenario)


@pytest.mark.parametrize(
    ("accounts", "left"),
    [
        ([], []),
        ([{"name": "data", "projects": ("p1",)}], ["u1", "u2"]),
        ([{"name": "data", "projects": ("p1", "p2")}], ["u1", "u2", "u3"]),
        ([{"name": "renamed", "projects": ("p1", "p2")}], []),
        ([{"name": "data", "projects": ("p1",), "region_filter": ("asia-northeast1",)}], ["u2"]),
        ([{"name": "data", "projects": ("p1",), "exclude_regions": ("asia-northeast1",)}], ["u1"]),
    ],
)
def test_what_no_account_reads_any_more_is_forgotten(
    tmp_path: Path, accounts: Sequence[dict[str, Any]], left: list[str]
) -> None:
    async def scenario(database: Database) -> None:
        elsewhere = {"u1": {}, "u2": {"region": TOKYO[1]}, "u3": {"project_id": "p2"}}
        found = [row(key, **fields) for key, fields in elsewhere.items()]
        own = {key: [job(key)] for key in elsewhere}
        named = {(one.project_id, one.region): [template(one.id, (one.project_id, one.region))] for one in found}
        await record(database, look(*elsewhere, rows=found, jobs=own, templates=named, run=run()))
        given = [DataprocAccount(**{"credentials_file": "/k", **account}) for account in accounts]
        await database.write(lambda db: store.forget(db, given))
        assert sorted(one.id for one in await rows(database)) == left
        assert sorted(one.job_id for one in await jobs(database)) == left
        assert sorted(one.id for one in (await database.read(lists.templates, InventoryQuery()))[0]) == left
        documents = await database.read(fetch, "SELECT id FROM dataproc_documents ORDER BY id")
        assert [key for (key,) in documents] == left
        assert len(await runs(database)) == 1

    with_database(tmp_path, scenario)


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        seen = look(
            *("u1", "u2"),
            jobs={"u1": [job("a"), job("b")]},
            templates={SEOUL: [template()]},
            policies={SEOUL: [policy()]},
            run=run(),
        )
        await record(database, seen)
        before = database.generation
        await record(database, seen)
        assert database.generation == before

    with_database(tmp_path, scenario)


def test_the_inventory_has_each_cluster_whole_and_in_pages_of_any_size(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        keys = [f"u{number}" for number in range(7)]
        await record(database, look(*keys, jobs={"u3": [job("old", 1), job("new", 2)]}))
        found = await resources(database)
        assert [one.reference.resource_id for one in found] == keys
        assert (found[0].data, found[0].account, found[0].region_code) == (cluster("u0"), "p1", "asia-northeast3")
        assert [one.job_id for one in found[3].data.jobs] == ["new", "old"]
        pages: list[DataprocResource] = []
        while page := await resources(database, limit=3, after=pages[-1].reference.resource_id if pages else None):
            pages += page
        assert pages == found
        assert await resources(database, region="nowhere") == []
        assert await database.read(lists.resources, ResourceQuery(after="u99")) is None

    with_database(tmp_path, scenario)


def test_a_page_goes_on_where_it_ended_although_that_cluster_is_gone_by_then(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, look("u1", "u2", "u3"))
        (first,) = await resources(database, limit=1)
        await record(database, DataprocLook(account="data", rows=[row("u1", gone_at=START)]))
        following = await resources(database, after=first.reference.resource_id)
        assert [one.name for one in following] == ["etl-u2", "etl-u3"]

    with_database(tmp_path, scenario)


def test_text_that_no_database_takes_finds_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, look("u1"))
        assert await database.read(lists.cluster, "\udcff") is None
        assert await rows(database, project="\udcff") == []
        assert await jobs(database, cluster="' OR 1 --") == []

    with_database(tmp_path, scenario)


def test_a_document_that_was_edited_by_hand_is_named(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        await record(database, look("u1"))
        await database.write(lambda db: fetch(db, "UPDATE dataproc_documents SET document = '{}'"))
        with pytest.raises(StoreError, match="cannot read a DataprocCluster"):
            await database.read(lists.cluster, "u1")

    with_database(tmp_path, scenario)


def test_runs_and_clusters_that_are_gone_go_when_they_are_old_and_what_is_there_stays(tmp_path: Path) -> None:
    async def scenario(database: Database) -> None:
        gone = [row("u1", gone_at=after(0)), row("u2", gone_at=after(3600)), row("u3")]
        await record(database, look("u1", "u2", "u3", rows=gone, jobs={"u1": [job()]}))
        for seconds in (0, 3600, 3700):
            await record(database, DataprocLook(account="data", run=run(seconds)))
        keep = settings.Retention(dataproc_runs=settings.Keep(max_age=Duration(3600), max_rows=1))
        retention = Retention(database, keep, settings.History())
        now = START + timedelta(seconds=3800)
        while await retention.step(now):
            pass
        await retention.step(now)
        assert [one.id for one in await rows(database, gone=True)] == ["u2", "u3"]
        assert await jobs(database) == []
        assert [one.started_at for one in await runs(database)] == [after(3700)]

    with_database(tmp_path, scenario)


def test_a_large_estate_is_stored_and_read_whole(tmp_path: Path) -> None:
    keys = [f"u{number:04}" for number in range(1200)]

    async def scenario(database: Database) -> None:
        own = {key: [job(f"{key}-{number}", number) for number in range(10)] for key in keys}
        await record(database, look(*keys, jobs=own))
        page, total = await database.read(lists.clusters, DataprocQuery(limit=1000))
        assert (len(page), total) == (1000, 1200)
        found = await database.read(lists.resources, ResourceQuery())
        assert found is not None
        assert len(found) == 1200
        assert msgspec.json.decode(found[0].data, type=DataprocCluster).jobs[0].job_id == "u0000-9"
        began = asyncio.get_running_loop().time()
        await record(database, look(*keys, jobs=own))
        assert asyncio.get_running_loop().time() - began < 10

    with_database(tmp_path, scenario)
