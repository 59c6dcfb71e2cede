"""Following a log over the API: every line once and in order, whatever the reader does."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from etlmon.contract.logs import SEQ_BITS
from etlmon.stream import EventParser, ServerEvent
from node.api import logs_stream, sse
from node.api.logs_stream import Followers
from node.settings import NodeSettings, WatchedLog
from node.sources.tail_types import Lost
from node.store import logs as store
from node.store import logs_lines
from tests.node.collecting import until
from tests.node.store.log_batches import PATH, batch, log, numbered, put
from tests.node.store.opened import after
from tests.serving import Serving, serving

NUMBER = 1 << SEQ_BITS
SETTINGS = NodeSettings(logs=(WatchedLog(name="app", path=PATH),))
URL = "/api/v1/logs/app?follow=true"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def lost(number: int = 1) -> Lost:
    return Lost(path=PATH, inode=7, offset=number, lost_bytes=None, reason="truncated", message=f"gap {number}")


class Reader:
    """Reads one stream. `seen` are its events in short: `line 7`, `gap 1`, `skipped 5`, `rotated 8`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.raw = b""
        self.events: list[ServerEvent] = []
        self._parser = EventParser("node")

    async def read(self, count: int, within_sec: float = 60.0) -> list[str]:
        """Until there are so many events in all."""
        async with asyncio.timeout(within_sec):
            while len(self.events) < count:
                assert await self.more(), "the stream ended"
        return self.seen

    async def more(self) -> bool:
        chunk = await self.response.content.readany()
        self.raw += chunk
        self.events += self._parser.feed(chunk)
        return bool(chunk)

    async def until_end(self, within_sec: float = 60.0) -> list[str]:
        async with asyncio.timeout(within_sec):
            while await self.more():
                pass
        return self.seen

    @property
    def place(self) -> str:
        return self._parser.place

    @property
    def seen(self) -> list[str]:
        return [f"{event.name} {_short(event)}" for event in self.events]


def _short(event: ServerEvent) -> object:
    data = event.decode(dict[str, Any])
    return {"line": data.get("seq"), "gap": data.get("id"), "skipped": data.get("count"), "rotated": data.get("inode")}[
        event.name
    ]


@asynccontextmanager
async def reading(node: Serving, query: str = "", last_id: str = "") -> AsyncIterator[Reader]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with node.session.get(URL + query, headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as response:
        assert response.status == 200, await response.text()
        yield Reader(response)


@asynccontextmanager
async def served(folder: Path, lines: int = 10) -> AsyncIterator[Serving]:
    """A node with a log of so many lines."""
    async with serving(folder, SETTINGS) as node:
        await put(node.database, batch(*numbered(lines)) if lines else batch())
        yield node


def test_a_stream_begins_at_the_end_and_has_what_comes(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as node, reading(node) as reader:
            assert reader.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert reader.response.headers["Cache-Control"] == "no-store"
            assert reader.response.headers["X-Etlmon-Node"] == node.database.node_id
            await reader.more()
            assert (reader.events, reader.place) == ([], f"{NUMBER + 10}.0")
            await put(node.database, batch("한", "b"), batch("c", severities={0: 3}, at=after(5)))
            assert await reader.read(3) == ["line 11", "line 12", "line 13"]
            assert [event.id for event in reader.events] == [str(NUMBER + seq) for seq in (11, 12, 13)]
            assert reader.events[2].decode(dict[str, Any]) == {
                "id": NUMBER + 13,
                "seq": 13,
                "line": "c",
                "created_at": "2026-11-21T06:00:05Z",
                "source_inode": 7,
                "truncated": False,
                "partial": False,
                "severity": "error",
                "event_at": None,
                "file": "",
            }

    run(main())


@pytest.mark.parametrize(
    ("query", "last_id", "seen"),
    [
        ("&lines=3", "", ["line 8", "line 9", "line 10"]),
        ("&limit=2", "", ["line 9", "line 10"]),
        ("&lines=1000", "", [f"line {seq}" for seq in range(1, 11)]),
        ("&after=0", "", [f"line {seq}" for seq in range(1, 11)]),
        (f"&after={NUMBER + 8}", "", ["line 9", "line 10"]),
        (f"&after={NUMBER + 2}", str(NUMBER + 9), ["line 10"]),
        ("&lines=5", str(NUMBER + 9), ["line 10"]),
        ("", f"{NUMBER + 9}", ["line 10"]),
        ("", f"{NUMBER + 9}.5", ["line 10"]),
    ],
)
def test_a_stream_begins_where_it_is_told_to(tmp_path: Path, query: str, last_id: str, seen: list[str]) -> None:
    async def main() -> None:
        async with served(tmp_path) as node, reading(node, query, last_id) as reader:
            assert await reader.read(len(seen)) == seen
            await put(node.database, batch("next"))
            assert await reader.read(len(seen) + 1) == [*seen, "line 11"]

    run(main())


@pytest.mark.parametrize(
    "last_id",
    ["nonsense", "-1", "1.2.3", "12.", ".5", "٣", "9" * 400, str(NUMBER + 11), str(2 * NUMBER + 3), "3", "\u202e"],
)
def test_a_place_that_this_log_never_gave_leads_to_the_oldest_line_and_says_so(tmp_path: Path, last_id: str) -> None:
    async def main() -> None:
        async with served(tmp_path, 4) as node:
            await node.database.write(
                lambda db: store.delete_lines(db, store.Bounds(number=1, first_seq=1, last_seq=4), 2)
            )
            async with reading(node, "", last_id) as reader:
                assert await reader.read(3) == ["skipped 2", "line 3", "line 4"]

    run(main())


def test_lines_that_were_deleted_meanwhile_are_counted_as_skipped(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 100) as node:
            await node.database.write(
                lambda db: store.delete_lines(db, store.Bounds(number=1, first_seq=1, last_seq=100), 97)
            )
            async with reading(node, "", str(NUMBER + 5)) as reader:
                assert await reader.read(4) == ["skipped 92", "line 98", "line 99", "line 100"]
            async with reading(node, f"&after={NUMBER + 5}") as reader:
                assert await reader.read(4) == ["skipped 92", "line 98", "line 99", "line 100"]
            async with reading(node, "", str(NUMBER + 97)) as reader:
                assert await reader.read(3) == ["line 98", "line 99", "line 100"]
            async with reading(node, "&after=0") as reader:
                assert await reader.read(3) == ["line 98", "line 99", "line 100"]

    run(main())


def test_no_line_is_missing_without_a_word_while_a_log_is_shortened(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 0) as node, reading(node, "&after=0") as reader:

            async def write() -> None:
                for _ in range(300):
                    await put(node.database, batch(*numbered(100), max_rows=50))

            writing = asyncio.create_task(write())
            async with asyncio.timeout(100):
                while not reader.events or reader.events[-1].id != str(NUMBER + 30_000):
                    assert await reader.more()
            await writing
            seq = 0
            for event in reader.events:
                data = event.decode(dict[str, Any])
                seq += data["count"] if event.name == "skipped" else 1
                assert event.name == "skipped" or data["seq"] == seq
            assert seq == 30_000

    run(main())


def test_gaps_stand_between_the_lines_and_come_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 2) as node, reading(node) as reader:
            await put(node.database, batch("a", lost=[lost(1)]), batch("b"), batch(lost=[lost(2), lost(3)]), batch("c"))
            whole = ["gap 1", "line 3", "line 4", "gap 2", "gap 3", "line 5"]
            assert await reader.read(6) == whole
            assert reader.events[0].decode(dict[str, Any])["message"] == "gap 1"
            # Whoever comes back after any of these events gets the rest, each once.
            for count, event in enumerate(reader.events, start=1):
                async with reading(node, "", event.id) as again:
                    left = whole[count:]
                    assert await again.read(len(left)) == left
            await put(node.database, batch("d"))
            assert await reader.read(7) == [*whole, "line 6"]
            async with reading(node, "&lines=3") as begun:
                assert await begun.read(5) == ["line 4", "gap 2", "gap 3", "line 5", "line 6"]

    run(main())


def test_a_thousand_old_gaps_are_passed_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 2) as node:
            await put(node.database, batch(lost=[lost(number) for number in range(2500)]), batch("a", lost=[lost()]))
            async with reading(node, "", str(NUMBER + 3)) as reader:
                await put(node.database, batch("b", lost=[lost()]))
                assert await reader.read(2) == ["gap 2502", "line 4"]
            async with reading(node, "", str(NUMBER + 2)) as reader:
                seen = await reader.read(2504)
                assert seen == [*(f"gap {number}" for number in range(1, 2502)), "line 3", "gap 2502", "line 4"]
            await node.database.write(
                lambda db: store.delete_lines(db, store.Bounds(number=1, first_seq=1, last_seq=4), 3)
            )
            async with reading(node, "", str(NUMBER + 2)) as reader:
                seen = await reader.read(2504)
                assert [one for one in seen if not one.startswith("gap")] == ["skipped 1", "line 4"]

    run(main())


def test_a_rotation_is_told_after_the_lines_before_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 2) as node, reading(node) as reader:
            await put(node.database, batch("a", rotations=1, row=log(inode=9)))
            assert await reader.read(2) == ["line 3", "rotated 9"]
            assert reader.events[1].decode(dict[str, Any]) == {"path": PATH, "inode": 9}
            await put(node.database, batch("b"))
            assert (await reader.read(3))[2] == "line 4"

    run(main())


def test_a_long_way_behind_is_caught_up_in_batches(tmp_path: Path) -> None:
    """Whoever comes back after a long time gets all of it: that is not what skipping is for."""

    async def main() -> None:
        async with served(tmp_path, 0) as node:
            await put(node.database, batch(*numbered(30_000)))
            async with reading(node, "&after=0") as reader:
                seen = await reader.read(30_000, 100)
                assert seen == [f"line {seq}" for seq in range(1, 30_001)]

    run(main())


def test_a_reader_that_is_too_slow_is_moved_on_and_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_stream, "MOST_BEHIND", 1000)
    monkeypatch.setattr(logs_stream, "KEPT_BEHIND", 100)
    text = "x" * 10_000

    async def main() -> None:
        async with served(tmp_path, 0) as node, reading(node, "&after=0") as reader:
            for _ in range(60):  # far more than the buffers on the way take
                await put(node.database, batch(*(text for _ in range(50))))
            await put(node.database, batch("the last"))
            async with asyncio.timeout(100):
                while not (reader.events and reader.events[-1].name == "line" and reader.seen[-1] == "line 3001"):
                    assert await reader.more()
            skipped = [event.decode(dict[str, int])["count"] for event in reader.events if event.name == "skipped"]
            lines = [event.decode(dict[str, Any])["seq"] for event in reader.events if event.name == "line"]
            assert skipped
            assert sum(skipped) + len(lines) == 3001
            assert lines == sorted(set(lines))

    run(main())


def test_filters_hold_in_a_stream_and_its_place_moves_on_without_events(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 3) as node:
            async with reading(node, "&grep=ERROR&severity=error") as errors, reading(node, "&exclude=^x") as others:
                await put(node.database, batch("x ERROR", "ERROR", "x", severities={0: 3}))
                assert await errors.read(1) == ["line 4"]
                assert await others.read(1) == ["line 5"]
                await put(node.database, batch(*("x" for _ in range(2000))), batch("ERROR", severities={0: 3}))
                assert await errors.read(2) == ["line 4", "line 2007"]
                assert await others.read(2) == ["line 5", "line 2007"]
                await put(node.database, batch("x"))
                await until(lambda: _moved(others, NUMBER + 2008))
            async with reading(node, r"&grep=^line\s\d&after=0") as old:
                assert await old.read(3) == ["line 1", "line 2", "line 3"]

    run(main())


async def _moved(reader: Reader, line_id: int) -> bool:
    await reader.more()
    return reader.place == f"{line_id}.0"


def test_a_filter_that_takes_too_long_ends_the_stream_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.api import logs_search

    monkeypatch.setattr(logs_search, "LINE_SEC", 0.05)

    async def main() -> None:
        async with served(tmp_path, 0) as node, reading(node, "&grep=^(a|aa)%2B$") as reader:
            await put(node.database, batch("a" * 80 + "!"))
            async with asyncio.timeout(60):
                while await reader.more():
                    pass
            (event,) = reader.events
            assert event.name == "error"
            assert "takes longer than 0.05 s" in event.decode(dict[str, Any])["message"]

    run(main())


def test_heartbeats_show_that_both_ends_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SEC", 0.1)
    monkeypatch.setattr(logs_stream, "IDLE_SEC", 0.05)

    async def main() -> None:
        async with served(tmp_path) as node, reading(node) as reader:
            async with asyncio.timeout(60):
                while reader.raw.count(b"\n:\n\n") < 3:
                    await reader.more()
            assert reader.events == []

    run(main())


def test_a_client_that_is_gone_is_noticed_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_stream, "IDLE_SEC", 0.05)

    async def main() -> None:
        async with served(tmp_path) as node:
            followers = node.context.followers
            for _ in range(3):
                async with reading(node), reading(node):
                    assert followers._streams == 2
                await until(lambda: followers._streams == 0)
                assert followers._channels == {}

    run(main())


def test_a_client_that_does_not_read_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "DRAIN_SEC", 0.3)

    async def main() -> None:
        async with served(tmp_path, 0) as node:
            _, port = node.context.followers, int(node.url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**10)
            writer.write(f"GET {URL}&after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await until(lambda: node.context.followers._streams == 1)
            for _ in range(40):
                await put(node.database, batch(*("x" * 50_000 for _ in range(20))))
            await until(lambda: node.context.followers._streams == 0)
            writer.close()

    run(main())


def test_a_stream_that_fails_breaks_off_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(logs_stream, "_encoded", failing)

    async def main() -> None:
        async with served(tmp_path) as node:
            async with reading(node, "&after=0") as reader:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await reader.until_end()
            await until(lambda: node.context.followers._streams == 0)
            async with node.session.get("/api/v1/logs") as answer:
                assert answer.status == 200

    run(main())
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "GET /api/v1/logs/app failed, error" in record.getMessage()


def test_only_so_many_may_follow_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_stream, "MOST_STREAMS", 2)

    async def main() -> None:
        async with served(tmp_path) as node, reading(node), reading(node), node.session.get(URL) as refused:
            assert refused.status == 503
            assert "2 streams are open" in (await refused.json())["message"]

    run(main())


def test_head_and_any_accept_are_answered_like_a_stream(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as node:
            async with node.session.head(URL) as answer:
                assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
            async with node.session.head("/api/v1/logs/nope?follow=true") as answer:
                assert answer.status == 404
            for accept in ("text/event-stream", "application/json", "*/*"):
                async with node.session.get(URL, headers={"Accept": accept, "Accept-Encoding": "gzip"}) as answer:
                    assert answer.headers["Content-Type"].startswith("text/event-stream")
                    assert "Content-Encoding" not in answer.headers
            async with node.session.post(URL) as answer:
                assert answer.status == 405
            assert node.context.followers._streams <= 3

    run(main())


def test_a_stream_ends_when_its_log_is_configured_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as node, reading(node) as reader:
            await put(node.database, batch("x", name="other"))
            await node.database.write(lambda db: store.forget(db, ["other"]))
            assert await reader.until_end() == []
            await node.database.write(lambda db: store.forget(db, ["app", "other"]))
            async with reading(node, "", reader.place) as again:
                await put(node.database, batch("back"))
                assert await again.read(1) == ["line 11"]

    run(main())


def test_streams_end_when_the_node_stops(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as node, reading(node) as one, reading(node, "&after=0") as two:
            await two.read(10)
            started = time.monotonic()
            stopping = asyncio.create_task(node.runner.cleanup())
            await asyncio.gather(one.until_end(), two.until_end())
            await stopping
            assert time.monotonic() - started < 10  # the client itself follows for 60 s

    run(main())


def test_a_log_that_is_another_one_now_is_not_taken_for_the_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, 5) as node, reading(node) as reader:
            await reader.more()

            async def anew(db: Any) -> None:
                await db.execute_fetchall("DELETE FROM log_lines")
                await store.forget(db, [])
                await store.record(db, [batch("new", "lines")])

            await node.database.write(anew)
            assert await reader.until_end() == []
            async with reading(node, "", reader.place) as again:
                assert await again.read(3) == ["skipped 0", "line 1", "line 2"]

    run(main())


def test_many_followers_get_every_line_in_order_and_share_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    lines = logs_lines.lines

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal reads
        reads += 1
        return await lines(*args, **options)

    monkeypatch.setattr(logs_stream, "lines", counted)

    async def main() -> None:
        async with served(tmp_path, 0) as node:
            async with AsyncExitStack() as stack:
                connector = aiohttp.TCPConnector(limit=0)
                session = await stack.enter_async_context(aiohttp.ClientSession(node.url, connector=connector))
                responses = [await stack.enter_async_context(session.get(URL)) for _ in range(100)]
                readers = [Reader(response) for response in responses]
                batches = 25
                for number in range(batches):
                    await put(node.database, batch(*numbered(20, number * 20 + 1)))
                    await readers[number].more()
                seen = await asyncio.gather(*(reader.read(batches * 20, 60) for reader in readers))
            assert all(one == [f"line {seq}" for seq in range(1, batches * 20 + 1)] for one in seen)
            assert reads < 100 * batches / 4

    run(main())


def test_a_committed_line_is_on_its_way_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as node, reading(node) as reader:
            waits = []
            for count in range(1, 31):
                await put(node.database, batch("a"))
                started = time.perf_counter()
                await reader.read(count)
                waits.append(time.perf_counter() - started)
            assert sorted(waits)[15] < 0.5  # some 2 ms, on a busy machine more; whoever only looks now and then has 2 s

    run(main())


def test_nobody_can_follow_a_node_that_stops(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as node:
            followers = Followers(node.database, node.context.searches)
            followers.close()
            with pytest.raises(Exception, match="the node is stopping"):
                followers.check()

    run(main())
