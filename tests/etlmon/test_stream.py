"""Streams of a node: how events are read, what can come instead of them, and going on where it broke off."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from etlmon import client as client_module
from etlmon import stream
from etlmon.client import (
    NodeClient,
    NodeError,
    NodeGarbage,
    NodeIncompatible,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
)
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.logs import LOG, LogLine, LogQuery
from etlmon.stream import Connected, EventParser, Lost, Moved, ServerEvent, followed
from node.settings import NodeSettings, WatchedLog
from tests.fakes import nodes
from tests.fakes.cutting import cutting
from tests.fakes.nodes import FakeNode
from tests.node.collecting import until
from tests.node.store.log_batches import batch, put
from tests.serving import serving

FOLLOW = LogQuery(follow=True)
SETTINGS = NodeSettings(logs=(WatchedLog(name="app", path="/var/log/app.log"),))


def parsed(*chunks: bytes, **options: Any) -> list[tuple[str, bytes, str]]:
    parser = EventParser("node", **options)
    return [(event.name, event.data, event.id) for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_read_whatever_ends_a_line(end: str) -> None:
    text = "id: 1\nevent: line\ndata: {}\n\n: a comment\n\nevent: gap\ndata: 1\ndata:  2\nid: 2\n\n"
    assert parsed(text.replace("\n", end).encode() + b"x\n") == [("line", b"{}", "1"), ("gap", b"1\n 2", "2")]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        ("data: 1\n\n", [("message", b"1", "")]),
        ("\ufeffdata: 1\n\n", [("message", b"1", "")]),
        ("data\ndata\n\n", [("message", b"\n", "")]),
        ("event: line\n\ndata: 1\n\n", [("message", b"1", "")]),
        ("id: 7\n\ndata: 1\n\n", [("message", b"1", "7")]),
        ("id: 7\ndata: 1\n\nid\ndata: 2\n\n", [("message", b"1", "7"), ("message", b"2", "")]),
        ("id: 7\ndata: 1\n\nid: 8\0\ndata: 2\n\n", [("message", b"1", "7"), ("message", b"2", "7")]),
        ("retry: 10\nnonsense: x\nmore nonsense\n:data: 0\ndata: 1\n\n", [("message", b"1", "")]),
        ("data: 1\n", []),
        ('event: \x1b[31m\nid: \u202e9\ndata: "\\u001b \u202e"\n\n', [("·[31m", '"· ·"'.encode(), "·9")]),
    ],
)
def test_fields_mean_what_the_standard_says(data: str, events: list[tuple[str, bytes, str]]) -> None:
    assert parsed(data.encode()) == events


def test_line_feeds_and_tabs_in_a_log_s_lines_are_left_to_it() -> None:
    data = rb'data: {"line": "a\n\tb\u000A\u0009\r\u001b"}' + b"\n\n"
    ((_, shown, _),) = parsed(data)
    assert shown == '{"line": "a··b····"}'.encode()
    ((_, kept, _),) = parsed(data, keeps_layout=True)
    assert kept == r'{"line": "a\n\tb\u000A\u0009··"}'.encode()


@given(
    st.lists(st.sampled_from(["\n", "\r", "\r\n", "data: 한🔥", "id: 5", "event: line", ":", "data", " ", "x"])),
    st.data(),
)
def test_it_does_not_matter_how_a_stream_is_cut_into_pieces(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts).encode()
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]
    # What comes after the last CR may change what it means.
    assert parsed(*pieces, b"z") == parsed(whole, b"z") == parsed(*(bytes([byte]) for byte in whole), b"z")


@pytest.mark.parametrize("data", [b"data: " + b"x" * (stream.LARGEST_EVENT + 1), b"data: xxxxxxxx\n" * 2**19])
def test_an_event_without_an_end_is_not_kept(data: bytes) -> None:
    with pytest.raises(NodeGarbage, match="larger than 4 MiB"):
        parsed(*(data[start : start + 2**16] for start in range(0, len(data), 2**16)))


def test_an_event_that_is_no_utf_8_is_named_as_garbage() -> None:
    with pytest.raises(NodeGarbage, match="not UTF-8"):
        parsed(b'data: "\xff \\u001b"\n\n')


def test_data_is_decoded_to_what_was_agreed_or_named_as_garbage() -> None:
    (event,) = EventParser("node").feed(b'event: skipped\ndata: {"count": 7}\n\n')
    assert event.decode(dict[str, int]) == {"count": 7}
    with pytest.raises(NodeGarbage, match="node: the event skipped came in another shape"):
        event.decode(LogLine)


def streaming(*pieces: bytes, end: bool = True, content_type: str = "text/event-stream") -> nodes.Behaviour:
    """Says these and then, unless `end`, nothing more."""

    async def behave(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        response = fake.stamp(web.StreamResponse(headers={"Content-Type": content_type}))
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if not end:
            await asyncio.sleep(60)
        return response

    return behave


async def follow(
    address: str, endpoint: Endpoint[Any] = LOG, *, timeout: float = 30.0, **options: Any
) -> list[Connected | Moved | ServerEvent]:
    client = NodeClient(address, timeout=timeout, connect_timeout=timeout)
    try:
        async with aclosing(client.follow(endpoint, query=FOLLOW, name="app", **options)) as events:
            return [event async for event in events]
    finally:
        await client.close()


async def error_of(behave: nodes.Behaviour, kind: type[NodeError], **options: Any) -> NodeError:
    async with FakeNode() as node:
        node.behave = behave
        with pytest.raises(kind) as caught:
            await follow(node.url, **options)
        assert str(caught.value).startswith(f"{node.url}: ")
        return caught.value


def test_a_stream_begins_with_who_answers_and_ends_when_the_node_ends_it() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            node.behave = streaming(b": hello\n\nid: 5\nevent: line\nda", b"ta: {}\n\n")
            got = await follow(node.url, last_id="4")
            assert got == [
                Connected(node_id="fake-node"),
                ServerEvent(address=node.url, name="line", data=b"{}", id="5"),
            ]
            assert node.requests == [("GET", "/api/v1/logs/app?follow=true")]

    asyncio.run(main())


def test_the_place_to_go_on_from_is_sent_and_no_compression_asked_for() -> None:
    seen: list[dict[str, str]] = []

    async def behave(fake: FakeNode, request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        return await streaming()(fake, request)

    async def main() -> None:
        async with FakeNode() as node:
            node.behave = behave
            await follow(node.url, last_id="17.3")
            await follow(node.url)

    asyncio.run(main())
    assert seen[0]["Last-Event-ID"] == "17.3"
    assert "Last-Event-ID" not in seen[1]
    assert seen[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("behave", "kind", "says"),
    [
        (nodes.web_page, NodeGarbage, "not an etlmon node"),
        (nodes.unauthorized, NodeRefused, "wants a token"),
        (nodes.hanging_up, NodeUnreachable, "closed it without an answer"),
        (nodes.slow(30), NodeTimeout, "no answer within 2 s"),
        (nodes.raw(b"[]"), NodeIncompatible, "does not stream"),
        (nodes.not_json, NodeGarbage, "does not parse"),
        (streaming(b"data: 1\n\n", content_type="text/plain"), NodeGarbage, "text/plain instead of JSON"),
        (
            streaming(b'event: error\ndata: {"code": "BadRequest", "message": "too slow", "details": null}\n\n'),
            NodeRefused,
            "too slow",
        ),
        (streaming(b"event: error\ndata: 7\n\n"), NodeGarbage, "another shape"),
    ],
)
def test_what_is_no_stream_is_told_in_words(behave: nodes.Behaviour, kind: type[NodeError], says: str) -> None:
    options = {"timeout": 2.0} if kind is NodeTimeout else {}
    assert says in str(asyncio.run(error_of(behave, kind, **options)))


def test_a_node_of_another_version_is_not_followed() -> None:
    async def main() -> None:
        async with FakeNode() as node:
            node.api_version, node.behave = "2", streaming()
            with pytest.raises(NodeIncompatible, match="speaks API version 2"):
                await follow(node.url)
        with pytest.raises(NodeUnreachable, match="connection refused"):
            await follow(nodes.closed_port())
        with pytest.raises(NodeUnreachable):
            await follow("ftp://nonsense")

    asyncio.run(main())


def test_a_connection_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SILENCE_SEC", 0.2)
    error = asyncio.run(error_of(streaming(b": hello\n\n", end=False), NodeTimeout))
    assert "nothing came for 0.2 s" in str(error)


def test_a_connection_that_breaks_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node, cutting(node.url) as way:
            await put(node.database, batch("a"))
            client = NodeClient(way.url)
            events = client.follow(LOG, query=FOLLOW, name="app")
            assert isinstance(await anext(events), Connected)
            assert isinstance(await anext(events), Moved)
            way.cut()
            with pytest.raises(NodeUnreachable, match="broke off"):
                await anext(events)
            await client.close()

    asyncio.run(main())


def test_streams_take_no_connection_from_questions(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a"))
            client = NodeClient(node.url, timeout=30.0)
            streams = [client.follow(LOG, query=FOLLOW, name="app") for _ in range(12)]
            for one in streams:
                assert isinstance(await anext(one), Connected)
            assert (await client.ask(LOG, name="app")).unwrap()
            for one in streams:
                await one.aclose()
            await client.close()

    asyncio.run(main())


async def lines_of(address: str, count: int) -> list[int]:
    """The seqs of the lines that come, over however many connections."""
    seqs: list[int] = []
    client = NodeClient(address)
    async with aclosing(followed(client, LOG, query=LogQuery(follow=True, after=0), name="app")) as events:
        async for event in events:
            if isinstance(event, ServerEvent) and event.name == "line":
                line = event.decode(LogLine)
                assert line.line == f"{line.seq} 한글 🔥\t|"
                seqs.append(line.seq)
                if len(seqs) >= count:
                    break
    await client.close()
    return seqs


def test_every_line_comes_once_in_order_however_often_the_way_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_SEC", 0.005)
    monkeypatch.setattr(stream, "LONGEST_PAUSE_SEC", 0.02)
    chance = random.Random(7)
    count = 3000

    async def write(node: Any) -> None:
        written = 0
        while written < count:
            more = min(chance.randint(1, 60), count - written)
            await put(node.database, batch(*(f"{written + number + 1} 한글 🔥\t|" for number in range(more))))
            written += more
            await asyncio.sleep(0.005)

    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch())
            # About a thousand bytes come before the first event; a line takes some 260.
            async with cutting(node.url, lambda: chance.choice((400, chance.randint(900, 30_000)))) as way:
                writing = asyncio.create_task(write(node))
                seqs = await asyncio.wait_for(lines_of(way.url, count), 100)
                await writing
                assert seqs == list(range(1, count + 1))
                assert way.cuts > 20

    asyncio.run(main())


class Placed(NodeClient):
    """Knows whether it was told where the log ends: who never heard of that can only begin there again."""

    is_placed = False

    async def follow(self, *arguments: Any, **more: Any) -> AsyncGenerator[Connected | Moved | ServerEvent, None]:
        async with aclosing(super().follow(*arguments, **more)) as events:
            async for event in events:
                self.is_placed |= isinstance(event, Moved)
                yield event


def test_what_came_while_the_way_was_cut_is_not_left_out_even_before_the_first_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_SEC", 0.01)

    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node, cutting(node.url) as way:
            await put(node.database, batch("old"))
            client = Placed(way.url, timeout=30.0)
            got: list[object] = []

            async def follow() -> None:
                async with aclosing(followed(client, LOG, query=FOLLOW, name="app")) as events:
                    async for event in events:
                        got.append(event)
                        if isinstance(event, Lost):
                            await put(node.database, batch("new"))
                        elif isinstance(event, ServerEvent):
                            return

            following = asyncio.create_task(follow())
            await until(lambda: client.is_placed)
            assert len(got) == 1
            way.cut()
            await asyncio.wait_for(following, 60)
            await client.close()
            assert [type(one) for one in got] == [Connected, Lost, Connected, ServerEvent]
            assert isinstance(got[-1], ServerEvent)
            assert got[-1].decode(LogLine).line == "new"

    asyncio.run(main())


def test_the_pause_grows_with_each_attempt_and_is_short_again_after_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_SEC", 0.02)
    monkeypatch.setattr(stream, "LONGEST_PAUSE_SEC", 0.1)

    async def main() -> None:
        async with FakeNode() as node:
            node.behave = nodes.unauthorized
            client = NodeClient(node.url, timeout=30.0)
            pauses: list[float] = []
            async with aclosing(followed(client, LOG, query=FOLLOW, name="app")) as events:
                async for event in events:
                    if not isinstance(event, Lost):
                        continue
                    pauses.append(event.retry_sec)
                    if len(pauses) == 5:
                        assert "wants a token" in str(event.error)
                        node.behave = streaming(b"data: 1\n\n")
                    elif len(pauses) == 6:
                        break
            await client.close()
            for pause, wanted in zip(pauses, (0.02, 0.04, 0.08, 0.1, 0.1, 0.02), strict=True):
                assert wanted * 0.79 <= pause <= wanted * 1.21

    asyncio.run(main())


def test_another_node_at_the_same_address_is_not_taken_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_SEC", 0.01)

    async def main() -> None:
        async with FakeNode() as node:
            node.behave = streaming(b"id: 5\nevent: line\ndata: {}\n\n")
            client = NodeClient(node.url, timeout=30.0)
            got: list[str] = []
            async with aclosing(followed(client, LOG, query=FOLLOW, name="app")) as events:
                async for event in events:
                    got.append(type(event).__name__)
                    if isinstance(event, Lost) and len(got) == 3:
                        assert "the node ended the stream" in str(event.error)
                        node.node_id = "another"
                    elif isinstance(event, Lost):
                        assert "another node answers here now (another instead of fake-node)" in str(event.error)
                        break
            await client.close()
            assert got == ["Connected", "ServerEvent", "Lost", "Lost"]

    asyncio.run(main())
