"""What holds for every answer, seen over a real socket."""

import asyncio
import gzip
import json
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.endpoint import Page
from etlmon.contract.fs import FS, FS_HISTORY, FsHistoryQuery, Mount
from etlmon.contract.node import EVENTS, HEALTH, AuditQuery, Event, EventQuery
from etlmon.contract.paths import PATH_HISTORY, PATH_TOP, PATHS, PathHistoryQuery, PathStats, PathTopQuery
from node.api import app as api_app
from node.clock import utc_now
from node.collector import Reading, Registration
from node.store import node as node_store
from node.store.database import StoreError
from node.store.paths import PathScan
from tests.node.collecting import Scripted, record, until
from tests.serving import AT, Serving, serving

HOSTILE = "/mnt/\x1b]52;c;eA==\x07 \u202e\n\x00 [/nope] 한글 🔥"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def mount(mount_point: str = "/data", **fields: Any) -> Mount:
    return msgspec.structs.replace(FS.example[0], mount_point=mount_point, **fields)


def scans(count: int) -> list[PathScan]:
    return [
        PathScan(stats=PathStats(path=f"/data/{number:04d}", file_count=number, collected_at=AT))
        for number in range(count)
    ]


async def get(node: Serving, path: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    async with node.session.get(path, headers={"Accept-Encoding": "identity", **headers}) as answer:
        return answer.status, answer.headers, await answer.read()


def test_an_answer_is_json_with_times_in_utc(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            await node.put_mounts(mount())
            status, headers, body = await get(node, "/api/v1/fs")
            assert (status, headers["Content-Type"]) == (200, "application/json")
            (row,) = json.loads(body)
            assert (row["mount_point"], row["collected_at"]) == ("/data", "2026-11-21T06:00:00Z")
            assert row["state"] == "ok"
            assert row["stuck_since"] is None

    run(main())


@pytest.mark.parametrize("path", ["/api/v1/fs", "/health", "/api/v1/nope", "/api/v1/fs?x=1", "/api/v1/docs", "/"])
def test_every_answer_says_who_answers_and_how_it_may_be_used(tmp_path: Path, path: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, node.session.get(path, allow_redirects=False) as answer:
            assert answer.headers["X-Etlmon-Node"] == node.database.node_id
            assert answer.headers["X-Etlmon-Api"] == "1"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] in ("no-cache", "no-store")
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["Server"] == "etlmon"

    run(main())


def test_an_unchanged_list_is_answered_with_304(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            await node.put_mounts(mount())
            _, headers, _ = await get(node, "/api/v1/fs")
            etag = headers["ETag"]
            for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
                status, headers, body = await get(node, "/api/v1/fs", **{"If-None-Match": known})
                assert (status, headers["ETag"], body) == (304, etag, b"")
                assert "Content-Type" not in headers
            assert (await get(node, "/api/v1/fs", **{"If-None-Match": '"x"'}))[0] == 200
            # The same content again is no change, another one is: at once, although answers are kept.
            await node.put_mounts(mount())
            assert (await get(node, "/api/v1/fs", **{"If-None-Match": etag}))[0] == 304
            await node.put_mounts(mount(used_percent=94.0))
            assert (await get(node, "/api/v1/fs", **{"If-None-Match": etag}))[0] == 200

    run(main())


def test_a_long_answer_is_gzipped_for_who_takes_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            await node.put_paths(*scans(50))
            _, plain_headers, plain = await get(node, "/api/v1/paths")
            for accept in ("gzip", "br, GZIP;q=0.5", "*"):
                status, headers, body = await get(node, "/api/v1/paths", **{"Accept-Encoding": accept})
                assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
                assert gzip.decompress(body) == plain
                assert len(body) < len(plain) / 4
                assert headers["ETag"] != plain_headers["ETag"]
                assert (await get(node, "/api/v1/paths", **{"If-None-Match": headers["ETag"]}))[0] == 304
            for accept in ("", "br", "gzip;q=0", "gzip; q=0.0", "gzipped"):
                assert "Content-Encoding" not in (await get(node, "/api/v1/paths", **{"Accept-Encoding": accept}))[1]
            assert "Content-Encoding" not in (await get(node, "/api/v1/fs", **{"Accept-Encoding": "gzip"}))[1]

    run(main())


def test_pages_tell_the_total_and_lead_to_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            await node.put_paths(*scans(25))
            seen: list[str] = []
            path: str | None = "/api/v1/paths?limit=10"
            while path:
                _, headers, body = await get(node, path)
                assert headers["X-Total-Count"] == "25"
                seen += [row["path"] for row in json.loads(body)]
                path = headers["Link"].partition(">")[0][1:] if "Link" in headers else None
            assert seen == [scan.stats.path for scan in scans(25)]
            assert (await client.ask(PATHS, query=Page(limit=5, offset=30))).unwrap() == []

    run(main())


def test_rows_by_id_are_walked_back_to_the_first_and_forward_to_the_last(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            events = [
                Event(at=AT, domain="fs", key="/data" if n % 5 else "/x", kind="k", message=str(n))
                for n in range(1, 26)
            ]
            await node.put_events(*events)
            assert [event.id for event in (await client.ask(EVENTS, query=EventQuery(after=20))).unwrap()] == [
                25,
                24,
                23,
                22,
                21,
            ]
            for start, expected in (
                ("/api/v1/events?limit=10", list(range(25, 0, -1))),
                ("/api/v1/events?limit=25", list(range(25, 0, -1))),
                ("/api/v1/events?limit=3&after=12", [15, 14, 13, 18, 17, 16, 21, 20, 19, 24, 23, 22, 25]),
                ("/api/v1/events?limit=2&key=%2Fx&domain=fs", [25, 20, 15, 10, 5]),
            ):
                seen: list[int] = []
                path: str | None = start
                while path:
                    _, headers, body = await get(node, path)
                    seen += [row["id"] for row in json.loads(body)]
                    path = headers["Link"].partition(">")[0][1:] if "Link" in headers else None
                assert seen == expected

    run(main())


def test_history_is_of_the_last_day_unless_told_otherwise(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            now = node.context.clock()
            for hours in (30, 20, 1):
                await node.put_mounts(mount(collected_at=now - timedelta(hours=hours), used_bytes=hours, full_at=AT))
            answer = await client.ask(FS_HISTORY, query=FsHistoryQuery(mount="/data"))
            assert [point.used_bytes for point in answer.unwrap()] == [20, 1]
            assert answer.headers["X-Full-At"] == "2026-11-21T06:00:00.000Z"
            longer = FsHistoryQuery(mount="/data", since=now - timedelta(days=2), until=now - timedelta(hours=10))
            assert [point.used_bytes for point in (await client.ask(FS_HISTORY, query=longer)).unwrap()] == [30, 20]

    run(main())


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/fs/history?mount=/data&since=0001-01-01T00:00:00%2B14:00&until=9999-12-31T23:59:59-14:00",
        "/api/v1/fs/history?mount=/data&until=0001-01-01T00:00:00Z",
        "/api/v1/fs/history?mount=/data&since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z",
        "/api/v1/events?before=9223372036854775807",
        "/api/v1/paths?offset=9223372036854775807",
    ],
)
def test_the_edges_of_the_calendar_and_of_the_integers_are_answered(tmp_path: Path, path: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            await node.put_mounts(mount())
            assert (await get(node, path))[0] == 200

    run(main())


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            for question in (
                client.ask(FS_HISTORY, query=FsHistoryQuery(mount="/none")),
                client.ask(PATH_HISTORY, query=PathHistoryQuery(path="/none")),
                client.ask(PATH_TOP, query=PathTopQuery(path="/none")),
            ):
                with pytest.raises(NodeRefused, match=r"'/none'.* lists") as caught:
                    await question
                assert caught.value.status == 404

    run(main())


def test_hostile_names_come_back_as_they_are_in_valid_json(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            await node.put_mounts(mount(HOSTILE, error_message="bad byte \udcff"))
            _, _, body = await get(node, "/api/v1/fs")
            (row,) = json.loads(body)
            assert (row["mount_point"], row["error_message"]) == (HOSTILE, "bad byte \\xff")
            shown = (await client.ask(FS)).unwrap()[0].mount_point
            assert shown == "/mnt/·]52;c;eA==· ··· [/nope] 한글 🔥"
            asked = await client.ask(FS_HISTORY, query=FsHistoryQuery(mount=HOSTILE, since=AT, until=AT))
            assert len(asked.unwrap()) == 1

    run(main())


def test_an_unknown_path_and_a_wrong_method_are_answered_in_the_contract_s_words(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            for path in (
                "/api/v1/nope",
                "/api/v1/fs/",
                "/api/v2/fs",
                "/api/v1/docs/../../secrets",
                "/api/v1/docs/x.js",
            ):
                status, _, body = await get(node, path)
                assert (status, json.loads(body)["details"]) == (404, {"reason": "no_such_endpoint"})
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
                async with node.session.request(method, "/api/v1/fs") as answer:
                    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
                    assert (await answer.json())["code"] == "MethodNotAllowed"
            async with node.session.get("/api/v1/admin/reload") as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    run(main())


def test_head_is_get_without_the_body(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            await node.put_mounts(mount())
            _, headers, body = await get(node, "/api/v1/fs")
            async with node.session.head("/api/v1/fs", headers={"Accept-Encoding": "identity"}) as answer:
                assert (answer.status, await answer.read()) == (200, b"")
                assert answer.headers["Content-Length"] == str(len(body))
                assert answer.headers["ETag"] == headers["ETag"]

    run(main())


def test_many_who_ask_the_same_at_once_cost_one_reading(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            await node.put_mounts(mount())
            readings, read = 0, node.database.read

            async def counted(*args: Any) -> Any:
                nonlocal readings
                readings += 1
                return await read(*args)

            node.database.read = counted  # type: ignore[method-assign,assignment]
            answers = await asyncio.gather(*(get(node, "/api/v1/fs") for _ in range(50)))
            assert ({answer[0] for answer in answers}, readings) == ({200}, 1)
            await node.put_mounts(mount("/other"))
            assert b"/other" in (await get(node, "/api/v1/fs"))[2]
            assert readings == 2

    run(main())


def test_a_failed_reading_is_answered_and_not_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            read = node.database.read

            async def broken(*_: Any) -> Any:
                raise StoreError("cannot read: the disk is gone")

            node.database.read = broken  # type: ignore[method-assign,assignment]
            status, _, body = await get(node, "/api/v1/fs")
            assert (status, json.loads(body)["code"]) == (503, "Unavailable")
            node.database.read = read  # type: ignore[method-assign]
            assert (await get(node, "/api/v1/fs"))[0] == 200

    run(main())


def test_a_store_that_does_not_answer_ends_in_504(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            monkeypatch.setattr(api_app, "QUERY_SEC", 0.1)

            async def hanging(*_: Any) -> Any:
                await asyncio.sleep(30)

            node.database.read = hanging  # type: ignore[method-assign,assignment]
            status, _, body = await get(node, "/api/v1/fs")
            assert (status, json.loads(body)["code"]) == (504, "Timeout")

    run(main())


def test_a_bug_is_logged_under_an_id_that_the_client_hears(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> bytes:
        async with serving(tmp_path) as node:

            async def buggy(*_: Any) -> Any:
                raise ZeroDivisionError("secret detail")

            node.database.read = buggy  # type: ignore[method-assign,assignment]
            status, _, body = await get(node, "/api/v1/fs")
            assert status == 500
            return body

    with caplog.at_level(logging.ERROR):
        error = json.loads(asyncio.run(main()))
    assert (error["code"], set(error["details"])) == ("Internal", {"id"})
    assert "secret detail" not in str(error)
    (record,) = [record for record in caplog.records if error["details"]["id"] in record.getMessage()]
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_health_is_200_while_degraded_and_503_when_no_collector_works(tmp_path: Path) -> None:
    broken: set[str] = set()

    async def look(collector: Scripted, _: datetime) -> AsyncIterator[Reading[str]]:
        if collector.name in broken:
            raise OSError("no such device")
        yield Reading()

    async def main() -> None:
        # They run when they are told to: a busy machine makes none miss its turn.
        collectors = [Scripted(look, name=name, interval_sec=3600.0) for name in ("one", "two")]
        registration = Registration("tests", lambda _: collectors, record)
        async with serving(tmp_path, registrations=(registration,)) as node, NodeClient(node.url) as client:
            await until(lambda: all(one.status == "ok" for one in node.context.runner.health()))
            healthy = (await client.ask(HEALTH)).unwrap()
            assert (healthy.status, healthy.node_name) == ("healthy", "etl01")
            node.context.problems = ["node.yaml was refused"]
            status, _, body = await get(node, "/health")
            assert (status, json.loads(body)["status"]) == (200, "degraded")
            assert json.loads(body)["problems"] == ["node.yaml was refused"]
            broken.add("one")
            assert node.context.runner.trigger("one")
            await until(lambda: node.context.runner.health()[0].status == "failing")
            assert (await client.ask(HEALTH)).unwrap().status == "degraded"
            broken.add("two")
            assert node.context.runner.trigger("two")
            await until(lambda: node.context.runner.health()[1].status == "failing")
            for path in ("/health", "/api/v1/health"):
                status, _, body = await get(node, path)
                assert (status, json.loads(body)["status"]) == (503, "unhealthy")
            assert (await client.ask(HEALTH)).unwrap().status == "unhealthy"

    run(main())


def test_a_clock_that_is_set_back_makes_the_node_no_younger(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node, NodeClient(node.url) as client:
            node.context.clock = lambda: utc_now() - timedelta(hours=1)
            node.context.monotonic = lambda: time.monotonic() + 60
            assert 60 <= (await client.ask(HEALTH)).unwrap().uptime_sec < 90

    run(main())


def test_the_audit_can_be_read_by_action(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            for _ in range(2):
                async with node.session.post("/api/v1/admin/reload") as answer:
                    assert answer.status == 200
            rows = json.loads((await get(node, "/api/v1/audit?action=admin.reload&limit=1"))[2])
            assert [row["id"] for row in rows] == [2]
            assert json.loads((await get(node, "/api/v1/audit?action=paths.scan"))[2]) == []

            async def count(db: aiosqlite.Connection) -> int:
                return len(await node_store.audit(db, AuditQuery()))

            assert await node.database.read(count) == 2

    run(main())
