"""Nodes that answer as told: real servers on port 0 that are well, slow, broken, of another kind, or not nodes at all.

`async with FakeNode() as node:` gives `node.url`. What it answers can be changed while it runs:

    node.answers[FS.path] = [Mount(...)]     # a value of the endpoint's type; until then its example
    node.answers[XFERLOG.path] = filtered    # or a function, also an async one, that makes it of the request
    node.answers[PROCESS.path] = detail      # of a path with braces: for all that fit; "/api/v1/processes/7": for one
    node.logs["app"] = FakeLog("app")        # a log with lines, gaps and a stream, see tests/fakes/logs.py
    node.behave = dripping                   # any Behaviour below; `well` is the usual one
    node.node_id = "another"                 # another node behind the same address
    node.requests                            # the (method, path with query) of every request so far
"""

import asyncio
import hashlib
import inspect
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
from aiohttp import web

from etlmon.contract import alerts, clusters, cron, dataproc, fs, host, logs, metrics, node, paths, processes, xferlog
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.errors import Conflict, NotFound, Problem
from etlmon.contract.wire import encode_custom
from tests.fakes import logs as fake_logs
from tests.fakes.logs import FakeLog

ENDPOINTS: tuple[Endpoint[Any], ...] = tuple(
    value
    for module in (node, fs, paths, logs, processes, cron, xferlog, clusters, dataproc, metrics, host, alerts)
    for value in vars(module).values()
    if isinstance(value, Endpoint)
)


class FakeNode:
    """A server that follows the contract, unless `behave` says otherwise."""

    def __init__(self, *, node_id: str = "fake-node", socket_file: Path | None = None) -> None:
        self.node_id = node_id
        self.api_version = str(node.API_VERSION)
        self.answers: dict[str, object] = {}
        self.logs: dict[str, FakeLog] = {}
        self.behave: Behaviour = well
        self.requests: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        self.url = ""
        self._socket_file = socket_file
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        if self._socket_file is not None:
            await web.UnixSite(self._runner, self._socket_file).start()
            self.url = f"unix:{self._socket_file}"
        else:
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def stamp(self, response: web.StreamResponse) -> web.StreamResponse:
        """Say who answers, as a node does."""
        response.headers[node.NODE_ID_HEADER] = self.node_id
        response.headers[node.API_VERSION_HEADER] = self.api_version
        response.headers.update(self.headers)
        return response

    def refuse(self, problem: Problem) -> web.StreamResponse:
        """The contract's error body."""
        body = msgspec.json.encode(problem.body())
        return self.stamp(web.Response(status=problem.status, body=body, content_type="application/json"))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        return await self.behave(self, request)


Behaviour = Callable[[FakeNode, web.Request], Awaitable[web.StreamResponse]]


async def well(fake: FakeNode, request: web.Request) -> web.StreamResponse:
    """The answer that was set for the path, or the endpoint's example; 304 when the client has it."""
    if fake.logs and request.path.startswith(f"{logs.LOGS.path}/"):
        return await fake_logs.answer(fake, request)
    if fake.logs:
        fake.answers[logs.LOGS.path] = [log.row for log in fake.logs.values()]
    meant = request.headers.get(node.NODE_ID_HEADER, fake.node_id)
    if request.method != "GET" and meant != fake.node_id:
        return fake.refuse(Conflict("this is another node than the one that is meant", reason="another_node"))
    endpoint = _endpoint(request)
    if endpoint is None:
        return fake.refuse(NotFound("there is no such endpoint", reason="no_such_endpoint"))
    answer = fake.answers.get(request.path, fake.answers.get(endpoint.path, endpoint.example))
    if callable(answer):
        answer = answer(request)
        if inspect.isawaitable(answer):
            answer = await answer
    if isinstance(answer, Problem):
        return fake.refuse(answer)
    if endpoint.status == 204:
        return fake.stamp(web.Response(status=204))
    body = msgspec.json.encode(answer, enc_hook=encode_custom)
    etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    if request.headers.get("If-None-Match") == etag:
        return fake.stamp(web.Response(status=304, headers={"ETag": etag}))
    headers = {"ETag": etag, "Content-Type": "application/json"}
    return fake.stamp(web.Response(status=endpoint.status, body=body, headers=headers))


def _endpoint(request: web.Request) -> Endpoint[Any] | None:
    """The endpoint that is asked; one whose path has no braces comes before one that fits as well."""
    for endpoint in sorted(ENDPOINTS, key=lambda one: one.path.count("{")):
        pattern = "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", endpoint.path)))
        if endpoint.method == request.method and re.fullmatch(pattern, request.path):
            return endpoint
    return None


def slow(seconds: float) -> Behaviour:
    """Well, after a while."""

    async def behave(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await well(fake, request)

    return behave


def raw(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
    as_node: bool = True,
    headers: Mapping[str, str] | None = None,
) -> Behaviour:
    """These bytes, whatever was asked; `as_node` False leaves the headers of a node away."""

    async def behave(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        response = web.Response(status=status, body=body, headers={"Content-Type": content_type, **(headers or {})})
        return fake.stamp(response) if as_node else response

    return behave


web_page = raw(b"<html><body>It works!</body></html>", content_type="text/html", as_node=False)
"""Another program's port."""

redirecting = raw(
    b"", status=302, content_type="text/html", as_node=False, headers={"Location": "https://login.example/"}
)
unauthorized = raw(b'{"code": "Unauthorized", "message": "this node wants a token", "details": null}', status=401)
wrong_shape = raw(b'[{"mount_point": 7, "collected_at": "2026-11-21T06:00:00Z"}]')
not_json = raw(b"[{]")


def refusing(problem: Problem) -> Behaviour:
    """An error of the contract, whatever was asked."""

    async def behave(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        return fake.refuse(problem)

    return behave


async def truncated(fake: FakeNode, request: web.Request) -> web.StreamResponse:
    """Promises more than it sends, and closes."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    fake.stamp(response)
    await response.prepare(request)
    await response.write(b'[{"mount')
    assert request.transport is not None
    request.transport.close()
    return response


async def dripping(fake: FakeNode, request: web.Request) -> web.StreamResponse:
    """A byte now and then, without an end."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    fake.stamp(response)
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


def huge(size: int) -> Behaviour:
    """More bytes than anyone asked for; `size` in bytes."""

    async def behave(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        fake.stamp(response)
        await response.prepare(request)
        for _ in range(size // 2**16 + 1):
            await response.write(b" " * 2**16)
        return response

    return behave


async def hanging_up(fake: FakeNode, request: web.Request) -> web.StreamResponse:
    """Takes the request and closes the connection, as an SSH tunnel does whose far end is not there."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def speaking(data: bytes) -> AsyncIterator[str]:
    """The address of a TCP server that says `data` to whoever connects, and closes: no HTTP at all."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def closed_port() -> str:
    """An address nothing listens on."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{once.getsockname()[1]}"


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """An address that takes no connection and refuses none: its queue is full, so it drops what comes."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            yield f"http://127.0.0.1:{full.getsockname()[1]}"
        finally:
            for one in waiting:
                one.close()
