"""The logs and their lines over the API."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from yarl import URL

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.endpoint import RowPage
from etlmon.contract.logs import LOG, LOG_GAPS, LOG_PAUSE, LOG_RESUME, LOGS, SEQ_BITS, LogLine, LogQuery
from node.settings import NodeSettings, WatchedLog
from node.sources.tail_types import Lost
from node.store import logs as store
from tests.node.store.log_batches import PATH, batch, numbered, put
from tests.node.store.opened import START, after
from tests.serving import Serving, serving

NUMBER = 1 << SEQ_BITS
APP = WatchedLog(name="app", path=PATH)
SETTINGS = NodeSettings(logs=(APP, WatchedLog(name="new", path="/var/log/new.log")))
NAMES = ("a/b", "..%2f", "{x} <y>", "한글 🔥", "50% done?#", "a\nb\x1b", "+ +", "%", "'\"\\", "x" * 255)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def lines(node: Serving, name: str = "app", **query: Any) -> list[LogLine]:
    client = NodeClient(node.url)
    try:
        found = (await client.ask(LOG, query=LogQuery(**query), name=name)).unwrap()
        assert all(isinstance(one, LogLine) for one in found)
        return [one for one in found if isinstance(one, LogLine)]
    finally:
        await client.close()


async def get(node: Serving, query: str = "", path: str = "/api/v1/logs/app", **headers: str) -> tuple[int, Any, Any]:
    url = URL(node.url + path + query, encoded=True)
    async with node.session.get(url, headers={"Accept-Encoding": "identity", **headers}) as answer:
        body = await answer.read()
        return answer.status, answer.headers, msgspec.json.decode(body) if body else None


def test_every_configured_log_is_listed(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a", "b"), batch("x", name="other"))
            client = NodeClient(node.url)
            rows = (await client.ask(LOGS)).unwrap()
            assert [(row.name, row.lines_total, row.first_seq, row.last_seq) for row in rows] == [
                ("app", 2, 1, 2),
                ("other", 1, 1, 1),
            ]
            await client.close()

    run(main())


def test_a_page_of_lines_comes_oldest_first_with_the_ends_of_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch(*numbered(250)))
            status, headers, body = await get(node)
            assert status == 200
            assert [line["seq"] for line in body] == list(range(151, 251))
            assert body[0] == {
                "id": NUMBER + 151,
                "seq": 151,
                "line": "line 151",
                "created_at": "2026-11-21T06:00:00Z",
                "source_inode": 7,
                "truncated": False,
                "partial": False,
                "severity": None,
                "event_at": None,
                "file": "",
            }
            assert (headers["X-First-Seq"], headers["X-Last-Seq"]) == ("1", "250")
            assert "X-Searched-Seq" not in headers
            assert (await get(node, **{"If-None-Match": headers["ETag"]}))[0] == 304
            await put(node.database, batch("more"))
            assert (await get(node, **{"If-None-Match": headers["ETag"]}))[0] == 200

    run(main())


def test_lines_are_asked_for_from_any_place(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            for minute in range(10):
                await put(node.database, batch(*numbered(10), at=after(minute * 60)))

            async def seqs(**query: Any) -> list[int]:
                return [line.seq for line in await lines(node, **query)]

            assert await seqs(lines=3) == [98, 99, 100]
            assert await seqs(lines=3, limit=2) == [99, 100]
            assert await seqs(limit=10_000) == list(range(1, 101))
            assert await seqs(lines=2, before=NUMBER + 50) == [48, 49]
            assert await seqs(lines=2, after=NUMBER + 50) == [51, 52]
            assert await seqs(lines=2, start=50) == [50, 51]
            assert await seqs(lines=2, since=after(60)) == [11, 12]
            assert await seqs(since=after(599)) == []
            assert await seqs(since=after(60), before=NUMBER + 13) == [11, 12]

    run(main())


def test_the_time_in_a_line_is_told_where_the_configuration_says_how_to_read_it(tmp_path: Path) -> None:
    settings = NodeSettings(logs=(msgspec.structs.replace(APP, timestamp="iso"),))

    async def main() -> None:
        async with serving(tmp_path, settings) as node:
            written = [f"{after(second).isoformat()} line" for second in range(0, 100, 10)]
            await put(node.database, batch(*written, at=after(3600)))
            assert [line.event_at for line in await lines(node, lines=2)] == [after(80), after(90)]
            assert [line.seq for line in await lines(node, since=after(75))] == [9, 10]
            found = await lines(node, grep="00:50")
            assert [line.event_at for line in found] == [after(50)]

    run(main())


@pytest.mark.parametrize("name", NAMES)
def test_a_log_may_have_any_name(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, NodeSettings(logs=(WatchedLog(name=name, path=PATH),))) as node:
            await put(node.database, batch("a", name=name))
            assert [line.line for line in await lines(node, name)] == ["a"]
            client = NodeClient(node.url)
            assert (await client.ask(LOG_PAUSE, name=name)).unwrap().paused
            await client.close()
            assert (await get(node, path=f"/api/v1/logs/{quote(name, safe='')}/gaps"))[0] == 200

    run(main())


@pytest.mark.parametrize("path", ["nope", "nope/gaps", "nope?grep=x", "nope?follow=true", "%ff", "app%00"])
def test_a_log_that_is_not_watched_is_not_found(tmp_path: Path, path: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a"), batch("a", name="gone"))
            status, _, body = await get(node, path=f"/api/v1/logs/{path}")
            assert (status, body["code"], body["details"]) == (404, "NotFound", {"field": "name"})
            await node.database.write(lambda db: store.forget(db, ["app"]))
            assert (await get(node, path="/api/v1/logs/gone"))[0] == 404

    run(main())


def test_a_log_that_was_not_looked_at_yet_has_no_lines(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            for query in ("", "?grep=x", "?severity=error&matches=seq"):
                status, headers, body = await get(node, query, "/api/v1/logs/new")
                assert (status, body, headers["X-First-Seq"], headers["X-Last-Seq"]) == (200, [], "1", "0")
            assert (await get(node, path="/api/v1/logs/new/gaps"))[2] == []
            status, _, body = await get(node, "?follow=true", "/api/v1/logs/new")
            assert (status, body["code"]) == (503, "Unavailable")
            client = NodeClient(node.url)
            with pytest.raises(NodeRefused, match="was not looked at yet"):
                await client.ask(LOG_PAUSE, name="new")
            await client.close()

    run(main())


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("?after=1&start=1", "start", "after and start both say where to begin"),
        ("?start=1&since=2026-11-21T06:00:00Z", "since", "start and since both"),
        ("?after=1&since=2026-11-21T06:00:00Z", "since", "after and since both"),
        ("?matches=seq", "matches", "needs something to match"),
        ("?matches=lines&grep=x", "matches", "Invalid enum value"),
        ("?grep=", "grep", "length >= 1"),
        ("?grep=(", "grep", "grep is no regular expression: "),
        ("?exclude=[", "exclude", "exclude is no regular expression: "),
        (f"?grep={'x' * 1001}", "grep", "length <= 1000"),
        ("?severity=bad", "severity", "Invalid enum value"),
        ("?lines=0", "lines", ">= 1"),
        ("?lines=1001", "lines", "<= 1000"),
        ("?limit=10001", "limit", "<= 10000"),
        ("?start=-1", "start", ">= 0"),
        (f"?start={2**40}", "start", f"<= {2**40 - 1}"),
        ("?since=yesterday", "since", "a time like"),
        ("?follow=yes", "follow", "expected true or false"),
        ("?follow=1", "follow", "expected true or false"),
        ("?follow=true&before=5", "before", "leave before out"),
        ("?follow=true&start=5", "start", "leave start out"),
        ("?follow=true&since=2026-11-21T06:00:00Z", "since", "leave since out"),
        ("?follow=true&matches=seq&grep=x", "matches", "leave matches out"),
        ("?follow=true&after=5&lines=5", "lines", "both say where to begin"),
        ("?follow=true&after=5&limit=5", "limit", "both say where to begin"),
        ("?follow=true&grep=(", "grep", "no regular expression"),
        ("?follow=true&nope=1", "nope", "there is no parameter nope"),
        ("?tail=5", "tail", "there are lines, limit"),
    ],
)
def test_what_cannot_be_asked_is_named(tmp_path: Path, query: str, field: str, says: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a"))
            status, _, body = await get(node, query)
            assert (status, body["code"], body["details"]) == (400, "BadRequest", {"field": field})
            assert says.lower() in body["message"].lower()

    run(main())


def test_follow_false_is_an_ordinary_question(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a"))
            status, headers, body = await get(node, "?follow=false&lines=1")
            assert (status, headers["Content-Type"], len(body)) == (200, "application/json", 1)

    run(main())


def test_gaps_are_paged_newest_first(tmp_path: Path) -> None:
    def gap(number: int) -> Lost:
        return Lost(path=PATH, inode=7, offset=number, lost_bytes=None, reason="truncated", message="it was truncated")

    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            for number in range(3):
                await put(node.database, batch("a", lost=[gap(number)]))
            client = NodeClient(node.url)
            first = await client.ask(LOG_GAPS, query=RowPage(limit=2), name="app")
            assert [(one.offset, one.seq) for one in first.unwrap()] == [(2, 2), (1, 1)]
            assert first.headers["Link"] == '</api/v1/logs/app/gaps?limit=2&before=2>; rel="next"'
            second = await client.ask(LOG_GAPS, query=RowPage(limit=2, before=2), name="app")
            assert [one.offset for one in second.unwrap()] == [0]
            assert "Link" not in second.headers
            await client.close()

    run(main())


def test_a_log_is_paused_and_goes_on_and_the_audit_has_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a"))
            client = NodeClient(node.url)
            paused = (await client.ask(LOG_PAUSE, name="app")).unwrap()
            assert (paused.paused, paused.status) == (True, "paused")
            assert (await client.ask(LOGS)).unwrap() == [paused]
            resumed = (await client.ask(LOG_RESUME, name="app")).unwrap()
            assert (resumed.paused, resumed.status) == (False, "following")
            with pytest.raises(NodeRefused, match="there is no log 'nope' here"):
                await client.ask(LOG_PAUSE, name="nope")
            await client.close()
            _, _, audit = await get(node, path="/api/v1/audit")
            assert [(row["action"], row["target"], row["status"]) for row in audit] == [
                ("logs.pause", "nope", 404),
                ("logs.resume", "app", 200),
                ("logs.pause", "app", 200),
            ]
            async with node.session.post("/api/v1/logs/app/pause", json={"why": "because"}) as answer:
                assert answer.status == 400

    run(main())


def test_hostile_lines_come_as_they_are_and_the_client_cleans_all_but_their_layout(tmp_path: Path) -> None:
    text = "\x1b]0;owned\x07 \x00 [bold]\u202e\tdeep\n  at line 2\r"

    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch(text, row=msgspec.structs.replace(batch().row, error_message="a\tb\x1b")))
            _, _, body = await get(node)
            assert body[0]["line"] == text
            (line,) = await lines(node)
            assert line.line == "·]0;owned· · [bold]·\tdeep\n  at line 2·"
            client = NodeClient(node.url)
            assert (await client.ask(LOGS)).unwrap()[0].error_message == "a·b·"
            await client.close()

    run(main())


def test_the_newest_line_is_no_older_than_its_log_says(tmp_path: Path) -> None:
    """What a page says of the ends of the log and what lines it has are of one moment."""

    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a", max_rows=50))

            async def write() -> None:
                for _ in range(100):
                    await put(node.database, batch(*numbered(20), max_rows=50))

            writing = asyncio.create_task(write())
            while not writing.done():
                _, headers, body = await get(node, "?limit=10000")
                assert body[0]["seq"] == int(headers["X-First-Seq"])
                assert body[-1]["seq"] == int(headers["X-Last-Seq"])
            await writing

    run(main())


def test_a_time_before_and_beyond_all_others_can_be_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, SETTINGS) as node:
            await put(node.database, batch("a", at=START - timedelta(days=9)))
            for since, count in (("0001-01-01T00:00:00%2B23:59", 1), ("9999-12-31T23:59:59-23:59", 0)):
                status, _, body = await get(node, f"?since={since}")
                assert (status, len(body)) == (200, count)

    run(main())
