"""GET /metrics: the latest numbers as text, from memory, under two paths."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from node.api.app import build_metrics_app
from node.api.server import ApiRunner
from node.clock import utc_now
from node.collector import Sample
from tests.exposition import parse
from tests.serving import Serving, serving

PATHS = ("/metrics", "/api/v1/metrics")


def with_node(tmp_path: Path, scenario: Callable[[Serving], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            state(node, 1)
            await scenario(node)

    asyncio.run(main())


def state(node: Serving, lines: float, logs: int = 1) -> None:
    samples = [Sample("etlmon_log_lines_total", lines, {"log": f"app {number}"}) for number in range(logs)]
    node.context.runner.samples.replace("logs", samples, utc_now())


async def lines_of(answer: aiohttp.ClientResponse) -> float:
    return parse(await answer.read())["etlmon_log_lines_total"].value(log="app 0")


@pytest.mark.parametrize("path", PATHS)
def test_the_numbers_are_text_as_prometheus_asks_for_it(tmp_path: Path, path: str) -> None:
    async def scenario(node: Serving) -> None:
        async with node.session.get(path) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert answer.headers["X-Etlmon-Node"] == node.database.node_id
            assert await lines_of(answer) == 1

    with_node(tmp_path, scenario)


@pytest.mark.parametrize("path", PATHS)
def test_they_are_those_of_now_although_nothing_was_stored(tmp_path: Path, path: str) -> None:
    async def scenario(node: Serving) -> None:
        generation = node.database.generation
        for lines in range(3):
            state(node, lines)
            async with node.session.get(path) as answer:
                assert await lines_of(answer) == lines
        assert node.database.generation == generation

    with_node(tmp_path, scenario)


def test_they_are_answered_while_the_store_is_not(tmp_path: Path) -> None:
    async def scenario(node: Serving) -> None:
        await node.database.close()
        async with node.session.get("/api/v1/fs") as stored, node.session.get("/metrics") as answer:
            assert (stored.status, answer.status) == (503, 200)
            assert await lines_of(answer) == 1

    with_node(tmp_path, scenario)


def test_who_takes_gzip_gets_it_and_who_has_the_numbers_gets_nothing(tmp_path: Path) -> None:
    async def scenario(node: Serving) -> None:
        state(node, 7, logs=100)
        async with node.session.get("/metrics", headers={"Accept-Encoding": "gzip"}) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            body = gzip.decompress(await packed.read())
            assert len(parse(body)["etlmon_log_lines_total"].series) == 100
        async with node.session.get("/metrics", headers={"If-None-Match": packed.headers["ETag"]}) as known:
            assert known.status == 304
        state(node, 8, logs=100)
        async with node.session.get("/metrics", headers={"If-None-Match": packed.headers["ETag"]}) as changed:
            assert changed.status == 200

    with_node(tmp_path, scenario)


def test_head_has_the_headers_and_no_body(tmp_path: Path) -> None:
    async def scenario(node: Serving) -> None:
        async with node.session.head("/metrics") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
            assert answer.headers["Content-Type"].startswith("text/plain")

    with_node(tmp_path, scenario)


def test_a_request_by_a_name_the_node_does_not_go_by_is_refused(tmp_path: Path) -> None:
    async def scenario(node: Serving) -> None:
        async with node.session.get("/metrics", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403

    with_node(tmp_path, scenario)


@pytest.mark.parametrize("question", ["?name=x", "?match[]=up"])
def test_a_question_it_does_not_know_is_refused(tmp_path: Path, question: str) -> None:
    async def scenario(node: Serving) -> None:
        async with node.session.get(f"/metrics{question}") as answer:
            assert answer.status == 400

    with_node(tmp_path, scenario)


def test_a_listener_for_metrics_serves_them_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(node: Serving) -> None:
        apart = ApiRunner(build_metrics_app(node.context))
        await apart.setup()
        await web.TCPSite(apart, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{apart.addresses[0][1]}") as session:
                await _looks_around(session)
        finally:
            await apart.cleanup()

    with_node(tmp_path, scenario)


async def _looks_around(session: aiohttp.ClientSession) -> None:
    async with session.get("/metrics") as answer:
        assert await lines_of(answer) == 1
    async with session.get("/") as page:
        assert page.content_type == "text/html"
        assert '<a href="/metrics">' in await page.text()
    for path in ("/api/v1/metrics", "/api/v1/health", "/health", "/api/v1/openapi.json", "/api/v1/docs"):
        async with session.get(path) as answer:
            assert answer.status == 404, path
    async with session.post("/api/v1/reload") as answer:
        assert answer.status == 404
    async with session.post("/metrics") as answer:
        assert answer.status == 405
    async with session.get("/metrics", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403
