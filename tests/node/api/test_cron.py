"""cron, as a client of the node sees it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.cron import (
    CRON,
    CRON_REFRESH,
    CRON_RUNS,
    CRON_SOURCES,
    CronQuery,
    CronRefresh,
    CronRunQuery,
    CronSource,
    CronState,
)
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.node import AUDIT
from node.clock import utc_now
from node.collector import Collector, Reading, Registration
from node.store import cron as store
from node.store.cron import CronLook, StoredJob, StoredRun
from tests.serving import Serving, serving

A = TypeVar("A")

NOW = utc_now()


def job(number: int = 1, state: CronState = "ok", **fields: Any) -> StoredJob:
    given: dict[str, Any] = {"schedule": "* * * * *", "command": "load", "source": "/etc/crontab", **fields}
    return StoredJob(job_id=number, number=number, state=state, last_checked=NOW, known_since=NOW, **given)


def run(number: int = 1, job_id: int = 1, **fields: Any) -> StoredRun:
    given: dict[str, Any] = {"state": "ok", "started_at": NOW, **fields}
    return StoredRun(key=str(number), at=NOW, job_id=job_id, **given)


class Crontabs(Collector[CronLook]):
    """Finds the jobs that the test says, when it is told to read again."""

    domain: ClassVar[str] = "cron"
    name = "cron"

    def __init__(self) -> None:
        self.interval_sec, self.deadline_sec = 3600.0, 10.0
        self.jobs = [job()]
        self.told = 0

    def refresh(self) -> None:
        self.told += 1

    async def readings(self, now: datetime) -> AsyncIterator[Reading[CronLook]]:
        yield Reading(rows=[CronLook(at=now, jobs=self.jobs)] if self.told else [])


async def put(node: Serving, **look: Any) -> None:
    await node.database.write(lambda db: store.record(db, [CronLook(at=NOW, **look)]))


def play(
    tmp_path: Path, scenario: Callable[[Serving, NodeClient], Awaitable[None]], *collectors: Collector[Any]
) -> None:
    registrations = [Registration("cron", lambda _: collectors, store.record)]

    async def main() -> None:
        async with serving(tmp_path, registrations=registrations) as node, NodeClient(node.url) as client:
            await scenario(node, client)

    asyncio.run(main())


async def answered(client: NodeClient, endpoint: Endpoint[A], query: msgspec.Struct | None = None) -> A:
    value = (await client.ask(endpoint, query=query)).value
    assert value is not None
    return value


def test_a_node_that_watches_no_cron_has_empty_lists(tmp_path: Path) -> None:
    async def scenario(_: Serving, client: NodeClient) -> None:
        every: list[Endpoint[Any]] = [CRON, CRON_RUNS, CRON_SOURCES]
        for endpoint in every:
            assert await answered(client, endpoint) == []

    play(tmp_path, scenario)


def test_jobs_come_in_pages_with_their_total(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, jobs=[job(number) for number in range(5)])
        found: list[int] = []
        path = "/api/v1/cron?limit=2"
        while path:
            async with node.session.get(path) as answer:
                assert answer.headers["X-Total-Count"] == "5"
                found += [row["job_id"] for row in await answer.json()]
                path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert found == [0, 1, 2, 3, 4]

    play(tmp_path, scenario)


def test_jobs_of_one_state_are_counted_and_paged_on_their_own(tmp_path: Path) -> None:
    states: list[CronState] = ["missed", "ok", "missed", "ok", "missed"]

    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(
            node,
            jobs=[job(number, state) for number, state in enumerate(states)],
            runs=[run(number, 2, state="missed", started_at=None) for number in range(3)],
        )
        found = await answered(client, CRON, CronQuery(state="missed", offset=1))
        assert [(one.job_id, one.missed) for one in found] == [(2, 3), (4, 0)]
        async with node.session.get("/api/v1/cron?state=missed&limit=1") as answer:
            assert answer.headers["X-Total-Count"] == "3"
            assert "state=missed" in answer.headers["Link"]

    play(tmp_path, scenario)


def test_runs_are_paged_through_to_the_last_by_job_and_state(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, runs=[run(number, job_id=number % 2) for number in range(10)])
        found: list[int] = []
        path = "/api/v1/cron/runs?job_id=1&state=ok&limit=2"
        while path:
            async with node.session.get(path) as answer:
                found += [row["id"] for row in await answer.json()]
                path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert found == [10, 8, 6, 4, 2]
        newer = await answered(client, CRON_RUNS, CronRunQuery(after=8))
        assert [(one.id, one.job_id, one.started_at) for one in newer] == [(10, 1, _to_ms(NOW)), (9, 0, _to_ms(NOW))]

    play(tmp_path, scenario)


def _to_ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_the_sources_are_told_with_what_the_daemon_makes_of_them(tmp_path: Path) -> None:
    skipped = CronSource(kind="cron_d", path="/etc/cron.d/a.bak", state="skipped", reason="a dot", last_checked=NOW)

    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, sources=[skipped])
        (source,) = await answered(client, CRON_SOURCES)
        assert (source.path, source.state, source.reason) == ("/etc/cron.d/a.bak", "skipped", "a dot")

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("cron", "state=bad"),
        ("cron", "limit=0"),
        ("cron", "offset=-1"),
        ("cron", "job=1"),
        ("cron/runs", "state=overlapping"),
        ("cron/runs", "job_id=x"),
        ("cron/runs", f"job_id={2**53}"),
        ("cron/runs", "before=0"),
        ("cron/sources", "kind=user"),
    ],
)
def test_a_wrong_question_is_refused_and_named(tmp_path: Path, path: str, query: str) -> None:
    async def scenario(node: Serving, _: NodeClient) -> None:
        async with node.session.get(f"/api/v1/{path}?{query}") as answer:
            assert answer.status == 400
            assert (await answer.json())["details"]["field"] == query.partition("=")[0]

    play(tmp_path, scenario)


def test_an_answer_is_kept_until_something_is_stored(tmp_path: Path) -> None:
    async def scenario(node: Serving, _: NodeClient) -> None:
        await put(node, jobs=[job()])
        async with node.session.get("/api/v1/cron") as answer:
            known = {"If-None-Match": answer.headers["ETag"]}
        async with node.session.get("/api/v1/cron", headers=known) as answer:
            assert answer.status == 304
        await put(node, jobs=[job(command="other")])
        async with node.session.get("/api/v1/cron", headers=known) as answer:
            assert answer.status == 200

    play(tmp_path, scenario)


def test_a_refresh_answers_with_what_is_found_then(tmp_path: Path) -> None:
    crontabs = Crontabs()

    async def scenario(node: Serving, client: NodeClient) -> None:
        assert await answered(client, CRON) == []
        crontabs.jobs = [job(1), job(2, command="new")]
        found = (await client.ask(CRON_REFRESH, body=CronRefresh())).value
        assert [one.command for one in found or ()] == ["load", "new"]
        assert await answered(client, CRON) == found
        assert crontabs.told == 1
        (entry,) = await answered(client, AUDIT)
        assert (entry.action, entry.result, entry.status) == ("cron.refresh", "done", 200)

    play(tmp_path, scenario, crontabs)


def test_a_refresh_is_refused_where_cron_is_not_watched(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        with pytest.raises(NodeRefused, match=r"cron\.enabled"):
            await client.ask(CRON_REFRESH, body=CronRefresh())
        async with node.session.post("/api/v1/cron/refresh") as answer:
            assert answer.status == 404
        async with node.session.post("/api/v1/cron/refresh", json={"all": True}) as answer:
            assert answer.status == 400
        assert {(entry.action, entry.result) for entry in await answered(client, AUDIT)} == {
            ("cron.refresh", "refused")
        }

    play(tmp_path, scenario)
