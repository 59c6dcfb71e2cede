"""GET /api/v1/host over a real socket."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import aiosqlite

from etlmon.contract.host import HOST, Host, SelfUse
from node.collector import Registration
from node.collectors.host import HostCollector
from node.settings import NodeSettings
from node.store import host as store
from tests.node.collecting import until
from tests.node.collectors.hosts import LOOK, MadeUpHost, later
from tests.serving import Serving, serving


def registered(collector: HostCollector) -> Registration:
    return Registration("host", lambda _: [collector], store.record)


async def host(node: Serving) -> tuple[int, Any]:
    async with node.session.get("/api/v1/host", headers={"Accept-Encoding": "identity"}) as answer:
        return answer.status, await answer.json()


def test_the_host_is_answered_as_it_was_seen_last_with_what_the_node_uses(tmp_path: Path) -> None:
    source = MadeUpHost([LOOK, later(LOOK, 5.0)], connections_seen={"LISTEN": 3})
    collector = HostCollector(source, interval_sec=60, top_n=0)

    async def check() -> None:
        async with serving(tmp_path, registrations=[registered(collector)]) as node:
            node.context.own_use = lambda: SelfUse(mem_rss_bytes=5, over=["memory"])
            await until(lambda: collector.latest is not None)
            status, seen = await host(node)
            assert status == 200
            assert seen["cpu"] is None
            assert seen["memory"]["used_percent"] == 25.0
            assert seen["connections"] == {"LISTEN": 3}
            assert (seen["own"]["mem_rss_bytes"], seen["own"]["over"]) == (5, ["memory"])
            # What a look did not store is answered all the same.
            collector.latest = Host(collected_at=HOST.example.collected_at, load_1=7.5)
            assert (await host(node))[1]["load_1"] == 7.5

    asyncio.run(check())


def test_until_the_first_look_after_a_start_the_stored_one_is_answered(tmp_path: Path) -> None:
    class Silent(MadeUpHost):
        def look(self, exclude_interfaces: Collection[str] = ()) -> Any:
            raise OSError("/proc is not there")

    collector = HostCollector(Silent([]), interval_sec=60, top_n=0)

    async def check() -> None:
        async with serving(tmp_path, registrations=[registered(collector)]) as node:
            status, body = await host(node)
            assert (status, body["code"]) == (503, "Unavailable")
            assert "was not seen yet" in body["message"]

            async def work(db: aiosqlite.Connection) -> None:
                await store.record(db, [HOST.example])

            await node.database.write(work)
            status, seen = await host(node)
            assert (status, seen["load_1"]) == (200, 1.52)

    asyncio.run(check())


def test_a_node_that_does_not_watch_its_host_says_so(tmp_path: Path) -> None:
    async def check() -> None:
        async with serving(tmp_path, NodeSettings()) as node:
            status, body = await host(node)
            assert (status, body["code"]) == (404, "NotFound")
            assert "set host.enabled to true" in body["message"]

    asyncio.run(check())
