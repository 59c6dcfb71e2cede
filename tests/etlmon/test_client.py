"""Asking a node, over real sockets: answers, and everything that can come instead of one."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest
from aiohttp import web

from etlmon.address import parse_address
from etlmon.client import (
    NodeClient,
    NodeError,
    NodeGarbage,
    NodeIncompatible,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
)
from etlmon.contract.endpoint import Endpoint, Page
from etlmon.contract.errors import Conflict, Forbidden
from etlmon.contract.fs import FS, FS_HISTORY, FsHistoryQuery, Mount
from etlmon.contract.node import HEALTH, NODE, Health
from etlmon.contract.paths import PATH_SCAN, PATHS, ScanRequest
from tests.fakes import nodes
from tests.fakes.nodes import FakeNode

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def ask(
    address: str, endpoint: Endpoint[Any] = FS, *, timeout: float = 30.0, connect_timeout: float = 30.0
) -> Any:
    """With more patience than a person has, unless a test is about that: a busy machine is no error."""
    client = NodeClient(address, timeout=timeout, connect_timeout=connect_timeout)
    try:
        return await client.ask(endpoint)
    finally:
        await client.close()


async def error_from(address: str, kind: type[NodeError], **options: Any) -> NodeError:
    with pytest.raises(kind) as caught:
        await ask(address, **options)
    assert caught.value.address == address
    assert str(caught.value).startswith(f"{address}: ")
    return caught.value


async def error_of(behave: nodes.Behaviour, kind: type[NodeError], **options: Any) -> NodeError:
    async with FakeNode() as node:
        node.behave = behave
        return await error_from(node.url, kind, **options)


def test_an_answer_is_the_endpoint_s_own_type() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            answer = await ask(node.url)
            assert answer.value == FS.example
            assert answer.unwrap() is answer.value
            assert (answer.node_id, answer.not_modified) == ("fake-node", False)
            assert answer.headers["x-etlmon-node"] == "fake-node"
            assert 0 < answer.elapsed_ms < 30_000

    run(main())


@pytest.mark.parametrize(
    "form", ["http://127.0.0.1:{port}", "127.0.0.1:{port}", "http://127.0.0.1:{port}/", "localhost:{port}"]
)
def test_an_address_may_be_written_with_or_without_http(form: str) -> None:
    async def main() -> None:
        async with FakeNode() as node:
            assert (await ask(form.format(port=node.url.rpartition(":")[2]))).unwrap() == FS.example

    run(main())


def test_a_unix_socket_is_asked_like_a_port(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeNode(socket_file=tmp_path / "node.sock") as node:
            assert (await ask(node.url)).unwrap() == FS.example

    run(main())


def test_what_did_not_change_is_not_sent_again() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            client = NodeClient(node.url)
            first = await client.ask(FS)
            second = await client.ask(FS, etag=first.etag)
            assert (second.value, second.not_modified, second.etag) == (None, True, first.etag)
            with pytest.raises(ValueError, match="not modified"):
                second.unwrap()
            node.answers[FS.path] = []
            third = await client.ask(FS, etag=first.etag)
            assert (third.value, third.not_modified) == ([], False)
            await client.close()

    run(main())


def test_parameters_and_bodies_go_out_as_the_contract_has_them() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            client = NodeClient(node.url)
            at = FS.example[0].collected_at
            await client.ask(FS_HISTORY, query=FsHistoryQuery(mount="/data/a&b 한", since=at, step=60))
            await client.ask(PATHS, query=Page(limit=5))
            await client.ask(PATH_SCAN, body=ScanRequest(paths=["/data"]))
            await client.close()
            assert node.requests == [
                ("GET", "/api/v1/fs/history?mount=/data/a%26b+%ED%95%9C&since=2026-11-21T06:00:00Z&step=60"),
                ("GET", "/api/v1/paths?limit=5&offset=0"),
                ("POST", "/api/v1/paths/scan"),
            ]

    run(main())


def test_values_in_a_path_cannot_leave_their_place() -> None:
    endpoint = Endpoint(method="GET", path="/api/v1/logs/{name}", answer=list[str], summary="", example=[])

    async def main() -> None:
        async with FakeNode() as node:
            client = NodeClient(node.url)
            with pytest.raises(NodeIncompatible):
                await client.ask(endpoint, name="../fs?a=b#c")
            await client.close()
            assert node.requests == [("GET", "/api/v1/logs/..%2Ffs%3Fa%3Db%23c")]

    run(main())


def test_hostile_text_is_clean_when_it_arrives() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            node.headers = {"X-Note": "\x9b31m"}
            node.answers[FS.path] = [
                msgspec.structs.replace(FS.example[0], mount_point="/mnt/\x1b]52;c;eA==\x07\u202e")
            ]
            answer = await ask(node.url)
            assert answer.unwrap()[0].mount_point == "/mnt/·]52;c;eA==··"
            assert answer.headers["X-Note"].endswith("·31m")
            node.answers[FS.path] = Conflict("\x1b[2Jno", reason="\x1b[31m")
            refused = await error_from(node.url, NodeRefused)
            assert refused.message == "·[2Jno (409 Conflict)"

    run(main())


def test_fields_of_a_newer_node_are_passed_over() -> None:
    body = b'[{"mount_point": "/", "collected_at": "2026-11-21T06:00:00Z", "shiny_new": {"a": [1]}}]'

    async def main() -> None:
        async with FakeNode() as node:
            node.behave = nodes.raw(body)
            assert (await ask(node.url)).unwrap()[0].mount_point == "/"

    run(main())


def test_an_unhealthy_node_answers_its_health_with_503() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            node.behave = nodes.raw(msgspec.json.encode(Health(status="unhealthy", node_name="n")), status=503)
            assert (await ask(node.url, HEALTH)).unwrap().status == "unhealthy"

    run(main())


def test_nothing_listening_says_refused_and_what_to_look_at() -> None:
    async def main() -> None:
        error = await error_from(nodes.closed_port(), NodeUnreachable)
        assert "connection refused: is `etlmon node` running" in error.message
        assert not error.was_sent
        assert "SSH tunnel" in error.message

    run(main())


def test_a_socket_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    error = run(error_from(f"unix:{tmp_path}/none.sock", NodeUnreachable))
    assert f"no socket at {tmp_path}/none.sock" in error.message


def test_a_host_name_that_nobody_knows_says_so() -> None:
    assert "no such host name" in run(error_from("http://node.invalid:8080", NodeUnreachable)).message


@pytest.mark.parametrize(
    "address", ["", "ftp://host", "http://", "http://host:99999", "unix:relative", "a b:1", "http://u:p@h"]
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_address(address)
    assert "write for example" in run(error_from(address, NodeUnreachable)).message


def test_a_tunnel_without_a_far_end_is_told_from_a_refused_connection() -> None:
    error = run(error_of(nodes.hanging_up, NodeUnreachable))
    assert "closed it without an answer" in error.message
    assert error.was_sent


def test_a_host_that_drops_packets_times_out_on_the_connection() -> None:
    async def main() -> None:
        async with nodes.black_hole() as address:
            error = await error_from(address, NodeTimeout, timeout=20.0, connect_timeout=0.2)
            assert "no connection within 0.2 s" in error.message
            assert not error.was_sent

    run(main())


def test_a_node_that_thinks_too_long_times_out() -> None:
    error = run(error_of(nodes.slow(5), NodeTimeout, timeout=0.2))
    assert "no answer within 0.2 s" in error.message
    assert error.was_sent


def test_where_the_node_itself_waits_for_something_the_client_waits_longer() -> None:
    patient = dataclasses.replace(PATH_SCAN, patience_sec=20.0)

    async def main() -> None:
        async with FakeNode() as node:
            node.behave = nodes.slow(0.5)
            client = NodeClient(node.url, timeout=0.1)
            assert (await client.ask(patient)).unwrap() == PATH_SCAN.example
            with pytest.raises(NodeTimeout, match=r"no answer within 0\.1 s"):
                await client.ask(PATH_SCAN)
            node.behave = nodes.slow(20)
            with pytest.raises(NodeTimeout, match=r"no answer within 0\.3 s"):
                await client.ask(dataclasses.replace(PATH_SCAN, patience_sec=0.2))
            await client.close()

    run(main())


def test_a_command_is_for_the_node_that_is_named_or_else_that_answered_last() -> None:
    meant: list[str | None] = []

    async def note(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        meant.append(request.headers.get("X-Etlmon-Node"))
        return await nodes.well(fake, request)

    async def main() -> None:
        async with FakeNode(node_id="a") as node:
            node.behave = note
            client = NodeClient(node.url)
            await client.ask(PATH_SCAN)
            await client.ask(PATH_SCAN)
            await client.ask(PATHS)
            node.node_id = "b"
            with pytest.raises(NodeRefused):
                await client.ask(PATH_SCAN)
            await client.ask(FS)
            await client.ask(PATH_SCAN)
            with pytest.raises(NodeRefused):
                await client.ask(PATH_SCAN, node_id="a")
            await client.close()
            assert meant == [None, "a", None, "a", None, "b", "a"]

    run(main())


def test_a_node_that_drips_byte_by_byte_times_out_as_a_whole() -> None:
    assert isinstance(run(error_of(nodes.dripping, NodeTimeout, timeout=0.3)), NodeTimeout)


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (nodes.web_page, "not an etlmon node: it answers a web page (status 200); is another program on this port?"),
        (nodes.redirecting, "it redirects to https://login.example/, which is not followed"),
        (nodes.raw(b"no", status=407, as_node=False), "something before it, with status 407: a proxy?"),
        (nodes.raw(b"[]", as_node=False), "not an etlmon node: it answers application/json"),
        (nodes.raw(b"<p>hi", content_type="text/html"), "/api/v1/fs answered text/html instead of JSON"),
        (nodes.raw(b"Bad gateway", status=502, content_type="text/plain"), "answered text/plain instead of JSON"),
        (nodes.raw(b"[]", status=299), "the unexpected status 299"),
        (nodes.wrong_shape, "expected `str`, got `int` - at `$[0].mount_point`"),
        (nodes.not_json, "JSON that does not parse"),
        (nodes.raw(b"[" * 100_000), "in another shape than agreed"),
        (nodes.raw(b'[{"mount_point": "\xff"}]'), "JSON that does not parse"),
        (nodes.raw(b'{"nope": 1}', status=500), "in another shape than agreed"),
        (nodes.truncated, "broke off before its end"),
        (nodes.huge(17 * 2**20), "larger than 16 MiB"),
        (nodes.raw(b"not gzip", headers={"Content-Encoding": "gzip"}), "answer"),
    ],
)
def test_what_is_not_a_node_s_answer_is_named(behave: nodes.Behaviour, says: str) -> None:
    message = run(error_of(behave, NodeGarbage)).message
    assert says.lower() in message.lower()


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 ftp ready\r\n", b"\x16\x03\x01\x00"])
def test_a_port_that_does_not_speak_http_is_named(greeting: bytes) -> None:
    async def main() -> None:
        async with nodes.speaking(greeting) as address:
            assert "does not speak HTTP" in (await error_from(address, NodeGarbage)).message

    run(main())


def test_a_node_of_another_api_version_is_named() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            node.api_version = "2"
            assert "API version 2" in (await error_from(node.url, NodeIncompatible)).message

    run(main())


def test_a_node_too_old_for_what_is_asked_is_told_from_a_thing_that_is_not_there() -> None:
    newer = Endpoint(method="GET", path="/api/v1/from-the-future", answer=list[str], summary="", example=[])

    async def main() -> None:
        async with FakeNode() as node:
            assert (
                "does not know /api/v1/from-the-future"
                in (await error_from(node.url, NodeIncompatible, endpoint=newer)).message
            )

    run(main())


def test_a_refusal_carries_the_contract_s_error_body() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            node.behave = nodes.refusing(Forbidden("you may only look", reason="not_local"))
            error = await error_from(node.url, NodeRefused)
            assert isinstance(error, NodeRefused)
            assert (error.status, error.body.code, error.body.details) == (403, "Forbidden", {"reason": "not_local"})
            assert error.message == "you may only look (403 Forbidden)"
            node.behave = nodes.unauthorized
            assert (await error_from(node.url, NodeRefused)).message == "this node wants a token (401 Unauthorized)"

    run(main())


def test_one_session_can_serve_many_nodes_and_stays_open() -> None:
    async def main() -> None:
        async with FakeNode(node_id="a") as a, FakeNode(node_id="b") as b, aiohttp.ClientSession() as session:
            clients = [NodeClient(node.url, session=session) for node in (a, b)]
            answers = await asyncio.gather(*(client.ask(NODE) for client in clients))
            assert [answer.node_id for answer in answers] == ["a", "b"]
            for client in clients:
                await client.close()
            assert not session.closed

    run(main())


def test_a_proxy_of_the_environment_is_not_used() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            os.environ["http_proxy"] = nodes.closed_port()
            try:
                assert (await ask(node.url)).unwrap() == FS.example
            finally:
                del os.environ["http_proxy"]

    run(main())


def test_many_calls_at_once_get_each_their_own_answer() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            client = NodeClient(node.url)
            mounts: list[Any] = await asyncio.gather(*(client.ask(FS) for _ in range(20)))
            assert all(answer.unwrap()[0].__class__ is Mount for answer in mounts)
            await client.close()

    run(main())


def test_the_module_is_cheap_to_import() -> None:
    code = "import sys, etlmon.client; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
