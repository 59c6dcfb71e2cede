"""xferlog, as a client of the node sees it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.endpoint import Endpoint, RowPage
from etlmon.contract.xferlog import (
    XFERLOG,
    XFERLOG_FINDINGS,
    XFERLOG_SOURCE,
    XFERLOG_SUMMARY,
    XFERLOG_UNPARSED,
    Finding,
    FindingQuery,
    SummaryQuery,
    Transfer,
    TransferQuery,
    UnparsedLine,
    XferSource,
)
from node.clock import utc_now
from node.store import xferlog as store
from node.store.xferlog import Comparison, XferBatch
from tests.serving import Serving, serving

A = TypeVar("A")

NOW = utc_now()
SOURCE = XferSource(path="/var/log/xferlog", collected_at=NOW)


def transfer(filename: str = "/in/a.csv", **fields: Any) -> Transfer:
    given: dict[str, Any] = {"log_time": NOW, "remote_host": "10.0.0.7", "direction": "upload", "username": "etl"}
    return Transfer(filename=filename, **{**given, **fields})


async def put(node: Serving, transfers: Sequence[Transfer] = (), unparsed: Sequence[UnparsedLine] = ()) -> None:
    async def work(db: aiosqlite.Connection) -> None:
        await store.record(db, [XferBatch(source=SOURCE, transfers=transfers, unparsed=unparsed)])

    await node.database.write(work)


def play(tmp_path: Path, scenario: Callable[[Serving, NodeClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            await scenario(node, client)

    asyncio.run(main())


async def answered(client: NodeClient, endpoint: Endpoint[A], query: msgspec.Struct | None = None) -> A:
    value = (await client.ask(endpoint, query=query)).value
    assert value is not None
    return value


def test_without_a_log_every_list_is_empty(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        every: list[Endpoint[Any]] = [XFERLOG, XFERLOG_SUMMARY, XFERLOG_SOURCE, XFERLOG_UNPARSED, XFERLOG_FINDINGS]
        for endpoint in every:
            assert await answered(client, endpoint) == []

    play(tmp_path, scenario)


def test_transfers_are_paged_through_to_the_last(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, [transfer(f"/{number}") for number in range(7)])
        found: list[str] = []
        path = "/api/v1/xferlog?limit=3&user=etl"
        while path:
            async with node.session.get(path) as answer:
                found += [row["filename"] for row in await answer.json()]
                path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
        assert found == [f"/{number}" for number in reversed(range(7))]

    play(tmp_path, scenario)


def test_transfers_are_filtered_by_the_node(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, [transfer("/a[1].csv"), transfer("/b.csv", direction="download"), transfer("/c", username="x")])
        asked = {
            "/a[1].csv": TransferQuery(filename="*[1]*"),
            "/b.csv": TransferQuery(direction="download", user="etl"),
            "/c": TransferQuery(user="x", host="::ffff:10.0.0.7"),
        }
        for name, query in asked.items():
            assert [row.filename for row in await answered(client, XFERLOG, query=query)] == [name]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "query", ["direction=sideways", "outcome=lost", "since=2026-01-01", "limit=0", "limit=1001", "filenames=x"]
)
def test_a_wrong_filter_is_refused(tmp_path: Path, query: str) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        async with node.session.get(f"/api/v1/xferlog?{query}") as answer:
            assert answer.status == 400
            assert (await answer.json())["details"]["field"] == query.partition("=")[0]

    play(tmp_path, scenario)


def test_a_summary_is_of_the_last_day_unless_more_is_asked_for(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        old = NOW.replace(year=NOW.year - 1)
        await put(node, [transfer(bytes=5), transfer(bytes=7, log_time=old)])
        (row,) = await answered(client, XFERLOG_SUMMARY, query=SummaryQuery(by="user"))
        assert (row.key, row.transfers, row.upload_bytes) == ("etl", 1, 5)
        (both,) = await answered(client, XFERLOG_SUMMARY, query=SummaryQuery(by="host", since=old))
        assert (both.key, both.transfers, both.upload_bytes) == ("10.0.0.7", 2, 12)
        hours = await answered(client, XFERLOG_SUMMARY, query=SummaryQuery(since=old, until=NOW))
        assert [hour.key for hour in hours] == [f"{old:%Y-%m-%dT%H}:00:00Z"]

    play(tmp_path, scenario)


def test_an_answer_is_kept_until_something_is_stored(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, [transfer()])
        async with node.session.get("/api/v1/xferlog") as answer:
            known = answer.headers["ETag"]
        async with node.session.get("/api/v1/xferlog", headers={"If-None-Match": known}) as answer:
            assert answer.status == 304
        await put(node, [transfer()])
        async with node.session.get("/api/v1/xferlog", headers={"If-None-Match": known}) as answer:
            assert answer.status == 200

    play(tmp_path, scenario)


def test_the_source_the_unread_lines_and_the_findings_are_told(tmp_path: Path) -> None:
    found = [Finding(kind=kind, filename="/\x1b[31m한글", found_at=NOW) for kind in ("unlogged", "missing")]

    async def scenario(node: Serving, client: NodeClient) -> None:
        lines = [UnparsedLine(at=NOW, line=f"\x1b]{number}", reason="why") for number in range(3)]
        await put(node, [transfer()], lines)

        async def compare(db: aiosqlite.Connection) -> None:
            await store.record(db, [Comparison(root="/srv", at=NOW, findings=found)])

        await node.database.write(compare)
        (source,) = await answered(client, XFERLOG_SOURCE)
        assert (source.path, source.root, source.status) == ("/var/log/xferlog", "/srv", "following")
        page = await answered(client, XFERLOG_UNPARSED, query=RowPage(limit=2))
        assert [row.id for row in page] == [3, 2]
        assert [one.kind for one in await answered(client, XFERLOG_FINDINGS)] == ["missing", "unlogged"]
        kinds = await answered(client, XFERLOG_FINDINGS, query=FindingQuery(kind="unlogged"))
        assert [one.kind for one in kinds] == ["unlogged"]
        with pytest.raises(NodeRefused):
            await client.ask(XFERLOG_FINDINGS, query=FindingQuery(limit=0))

    play(tmp_path, scenario)
