"""Slow, broken and stubborn clients, with raw sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.client import NodeClient
from etlmon.contract.fs import FS
from etlmon.contract.paths import PathStats
from node.api import query, server
from node.store.paths import PathScan
from tests.serving import AT, Serving, serving

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@asynccontextmanager
async def connection(node: Serving) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def is_answered(node: Serving) -> bool:
    async with NodeClient(node.url) as client:
        return (await client.ask(FS)).node_id == node.database.node_id


async def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELO example\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /api/v1/fs HTTP/9.9\r\n\r\n",
        b"GET /api/v1/fs HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"GET /api/v1/fs HTTP/1.1\r\nHost: localhost\r\nBroken\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(500)) + b"\r\n",
        b"POST /api/v1/admin/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
        b"\r\n",
        b"POST /api/v1/admin/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"BREW /api/v1/fs HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_is_no_request_is_answered_with_the_contract_s_error_and_the_connection_ends(
    tmp_path: Path, data: bytes
) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            async with connection(node) as (reader, writer):
                writer.write(data)
                answer = await asyncio.wait_for(reader.read(), 30)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert b" 400 " in head.partition(b"\r\n")[0]
            assert json.loads(body)["code"] == "BadRequest"
            assert await is_answered(node)

    run(main())


def test_a_client_that_sends_a_request_byte_by_byte_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SEC", 0.3)

    async def main() -> None:
        async with serving(tmp_path) as node:
            started = time.monotonic()
            async with connection(node) as (reader, writer):
                # Some 2 s in all, if it could send them.
                for byte in b"GET /api/v1/fs HTTP/1.1\r\nHost: localhost\r\n\r\n":
                    writer.write(bytes([byte]))
                    if reader.at_eof():
                        break
                    await asyncio.sleep(0.05)
                else:
                    pytest.fail("it was let send all of them")
            assert time.monotonic() - started >= 0.3
            assert await is_answered(node)

    run(main())


def test_a_client_that_connects_and_says_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SEC", 0.2)

    async def main() -> None:
        async with serving(tmp_path) as node, connection(node) as (reader, _):
            assert await asyncio.wait_for(reader.read(), 30) == b""

    run(main())


def test_a_second_request_on_the_connection_has_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SEC", 1.5)  # the first one is in time, also on a busy machine

    async def main() -> None:
        async with serving(tmp_path) as node, connection(node) as (reader, writer):
            whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            writer.write(whole)
            assert b" 200 " in await reader.readline()
            # Idle for longer than a request may take: that is what keep-alive is for.
            await asyncio.sleep(2)
            assert not reader.at_eof()
            writer.write(whole[:10])
            assert b" 200 " not in await asyncio.wait_for(reader.read(), 30)

    run(main())


def test_a_body_that_does_not_arrive_ends_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "BODY_SEC", 0.2)

    async def main() -> None:
        async with serving(tmp_path) as node, connection(node) as (reader, writer):
            writer.write(
                b"POST /api/v1/admin/reload HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            assert b" 400 " in await asyncio.wait_for(reader.readline(), 30)
            assert b"did not arrive" in await asyncio.wait_for(reader.read(), 30)

    run(main())


def test_a_client_that_does_not_read_its_answers_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RESPONSE_SEC", 0.3)

    async def main() -> None:
        async with serving(tmp_path) as node:
            rows = [PathScan(stats=PathStats(path=f"/{n}" + "x" * 4000, collected_at=AT)) for n in range(1000)]
            await node.put_paths(*rows)
            async with connection(node) as (reader, writer):
                reader._limit = 1  # type: ignore[attr-defined]
                request = b"GET /api/v1/paths?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                writer.write(request * 20)
                await until(lambda: len(connections(node)) > 0, "never connected")
                await until(lambda: len(connections(node)) == 0, "still connected")
            assert await is_answered(node)

    run(main())


def connections(node: Serving) -> list[Any]:
    assert node.runner.server is not None
    return node.runner.server.connections


def test_beyond_the_limit_connections_are_closed_and_the_others_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 10)

    async def main() -> None:
        async with serving(tmp_path) as node:
            streams = [await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2])) for _ in range(15)]
            await until(lambda: sum(reader.at_eof() for reader, _ in streams) == 5, "not closed")
            for reader, writer in streams[:10]:
                writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert b" 200 " in await reader.readline()
            for _, writer in streams:
                writer.close()
            await until(lambda: not connections(node), "not given back")
            assert await is_answered(node)

    run(main())


def test_a_client_that_leaves_in_the_middle_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            for part in (
                b"G",
                b"GET /api/v1/fs HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"POST /api/v1/admin/reload HTTP/1.1\r\n",
            ):
                async with connection(node) as (_, writer):
                    writer.write(part)
                    await writer.drain()
                    writer.transport.abort()
            assert await is_answered(node)
            await until(lambda: len(connections(node)) == 0, "not given back")

    run(main())
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, connection(node) as (reader, writer):
            await node.put_mounts(msgspec.structs.replace(FS.example[0], mount_point="/first"))
            writer.write(
                b"GET /api/v1/fs HTTP/1.1\r\nHost: localhost\r\n\r\n"
                b"GET /api/v1/nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            answer = await asyncio.wait_for(reader.read(), 30)
            assert answer.index(b"/first") < answer.index(b"no_such_endpoint")

    run(main())


def test_the_server_stops_soon_whatever_its_clients_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:

            async def hanging(*_: Any) -> Any:
                await asyncio.sleep(60)

            node.database.read = hanging  # type: ignore[method-assign,assignment]
            idle = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
            asking = asyncio.create_task(node.session.get("/api/v1/fs").__aenter__())
            half = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
            half[1].write(b"POST /api/v1/admin/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            await until(lambda: len(connections(node)) == 3, "not connected")
            started = time.monotonic()
            await node.runner.cleanup()
            assert time.monotonic() - started < 10  # some 1.5 s; the question alone would take 60 s
            for _, writer in (idle, half):
                writer.close()
            await asyncio.wait([asking])
            assert asking.exception() is not None

    run(main())
