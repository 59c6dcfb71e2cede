"""The history of numbers, as a client of the node sees it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.host import HOST_HISTORY, HOST_SERIES, HistoryPoint, HistoryQuery, SeriesInfo, SeriesQuery
from etlmon.labels import write_labels
from node.clock import utc_now
from node.collector import Sample
from node.store import samples
from node.store.samples import Point
from tests.serving import Serving, serving

METRIC = "etlmon_path_file_count"


def play(tmp_path: Path, scenario: Callable[[Serving, NodeClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            await scenario(node, client)

    asyncio.run(main())


async def put(node: Serving, at: datetime, number: float, metric: str = METRIC, **labels: str) -> None:
    await node.database.write(lambda db: samples.record(db, [Point(metric, labels, at, number)]))


async def told(client: NodeClient, metric: str = METRIC, **query: Any) -> list[HistoryPoint]:
    value = (await client.ask(HOST_HISTORY, query=HistoryQuery(metric=metric, **query))).value
    assert value is not None
    return value


def slot(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // 15 * 15, at.tzinfo)


@pytest.mark.parametrize("path", ["/data/in", 'odd, "path"=\\{}', "한글 🚚", "/with space"])
def test_a_number_is_asked_for_by_its_name_and_all_of_its_labels(tmp_path: Path, path: str) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        now = utc_now()
        await put(node, now, 7, path=path, status="ok")
        await put(node, now, 8, path="/other", status="ok")
        found = await told(client, labels=write_labels({"path": path, "status": "ok"}))
        assert found == [HistoryPoint(at=slot(now), min=7, max=7, avg=7)]

    play(tmp_path, scenario)


def test_without_a_time_it_tells_the_last_hour(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        now = utc_now()
        for minutes in (119, 70, 50, 1):
            await put(node, now - timedelta(minutes=minutes), minutes)
        assert [point.avg for point in await told(client)] == [50, 1]
        until = now - timedelta(minutes=60)
        assert [point.avg for point in await told(client, until=until)] == [119, 70]
        assert [point.avg for point in await told(client, since=until, until=until - timedelta(minutes=1))] == []

    play(tmp_path, scenario)


def test_so_many_seconds_may_be_asked_for_instead_of_a_time_to_begin_at(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        now = utc_now()
        for minutes in (119, 70, 50, 1):
            await put(node, now - timedelta(minutes=minutes), minutes)
        assert [point.avg for point in await told(client, last=80 * 60)] == [70, 50, 1]
        assert [point.avg for point in await told(client, last=600)] == [1]
        assert [point.avg for point in await told(client, last=1800, until=now - timedelta(minutes=45))] == [70, 50]
        with pytest.raises(NodeRefused, match="since and last both say when to begin"):
            await told(client, last=600, since=now)
        with pytest.raises(NodeRefused, match="last"):
            await told(client, last=0)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("days", "step", "level", "seconds"),
    [(0.1, None, "raw", 15), (0.1, 60, "minute", 60), (1, None, "minute", 60), (7, 3600, "hour", 3600)],
)
def test_a_header_says_how_fine_what_the_answer_is_made_of_is(
    tmp_path: Path, days: float, step: int | None, level: str, seconds: int
) -> None:
    async def scenario(node: Serving, _: NodeClient) -> None:
        now = utc_now()
        await put(node, now, 7)
        query = {"metric": METRIC, "since": (now - timedelta(days=days)).isoformat()}
        params = query | ({"step": str(step)} if step else {})
        async with node.session.get("/api/v1/host/history", params=params) as answer:
            assert (answer.status, answer.headers["X-Level"]) == (200, level)
            (point,) = await answer.json()
            assert datetime.fromisoformat(point["at"]).timestamp() % seconds == 0

    play(tmp_path, scenario)


def test_a_number_that_was_just_stated_for_the_first_time_has_an_empty_history(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        node.context.runner.samples.replace("paths", [Sample(METRIC, 7, {"path": "/data"})], utc_now())
        assert await told(client, labels="path=/data") == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("metric", "labels", "status", "message", "field"),
    [
        ("no_such", "", 404, "there is no number 'no_such'; GET /api/v1/host/series lists those that", "metric"),
        ("etlmon_build_info", "", 404, "no history is kept of etlmon_build_info; GET", "metric"),
        (METRIC, "path=/gone", 404, f"there is no {METRIC} with the labels path=/gone; GET", "labels"),
        (METRIC, "", 404, f"there is no {METRIC} with no labels; GET", "labels"),
        (METRIC, "path", 400, "the parameter labels is wrong: 'path' does not read as labels; write", "labels"),
        (METRIC, "a=b,a=c", 400, "the parameter labels is wrong: the label a is given twice", "labels"),
        ("", "", 400, "", "metric"),
    ],
)
def test_what_has_no_history_is_refused_in_words(
    tmp_path: Path, metric: str, labels: str, status: int, message: str, field: str
) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        await put(node, utc_now(), 7, path="/data")
        with pytest.raises(NodeRefused) as refused:
            await told(client, metric=metric, labels=labels)
        assert (refused.value.status, (refused.value.body.details or {})["field"]) == (status, field)
        assert message in str(refused.value)

    play(tmp_path, scenario)


def test_every_series_is_listed_and_those_of_one_name(tmp_path: Path) -> None:
    async def scenario(node: Serving, client: NodeClient) -> None:
        now = utc_now()
        await put(node, now, 7, path="/b")
        await put(node, now, 7, path="/a")
        await put(node, now, 7, metric="memory_used_bytes")
        at = datetime.fromtimestamp(now.timestamp() // 60 * 60, now.tzinfo)
        of_paths = [SeriesInfo(metric=METRIC, labels={"path": path}, first_at=at, last_at=at) for path in ("/a", "/b")]
        assert (await client.ask(HOST_SERIES)).value == [
            *of_paths,
            SeriesInfo(metric="memory_used_bytes", first_at=at, last_at=at),
        ]
        assert (await client.ask(HOST_SERIES, query=SeriesQuery(metric=METRIC))).value == of_paths
        assert (await client.ask(HOST_SERIES, query=SeriesQuery(metric="no_such"))).value == []

    play(tmp_path, scenario)
