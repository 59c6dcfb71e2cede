"""Parameters and bodies: what is taken, and what the refusal of the rest says."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Serving, serving

RELOAD = "/api/v1/admin/reload"
JSON = {"Content-Type": "application/json"}


async def refused(node: Serving, path: str) -> dict[str, Any]:
    async with node.session.get(path) as answer:
        body: dict[str, Any] = await answer.json()
        assert (answer.status, body["code"]) == (400, "BadRequest"), body
        return body


@pytest.mark.parametrize(
    ("path", "field", "says"),
    [
        ("/api/v1/fs?nope=1", "nope", "there is no parameter nope; there are none here"),
        ("/api/v1/paths?page=1", "page", "there are limit, offset"),
        ("/api/v1/paths?limit=1&limit=2", "limit", "given twice"),
        ("/api/v1/paths?limit=ten", "limit", "expected a whole number"),
        ("/api/v1/paths?limit=2.5", "limit", "expected a whole number"),
        ("/api/v1/paths?limit=", "limit", "expected a whole number"),
        ("/api/v1/paths?limit=0", "limit", ">= 1"),
        ("/api/v1/paths?limit=1001", "limit", "<= 1000"),
        ("/api/v1/paths?offset=-1", "offset", ">= 0"),
        ("/api/v1/paths?offset=99999999999999999999999", "offset", "expected a whole number"),
        ("/api/v1/events?before=9223372036854775808", "before", "<= 9223372036854775807"),
        ("/api/v1/fs/history", "mount", "is missing"),
        ("/api/v1/fs/history?mount=", "mount", "length >= 1"),
        ("/api/v1/fs/history?mount=%ff", "mount", "not UTF-8"),
        ("/api/v1/fs/history?mount=/&since=yesterday", "since", "a time like 2026-11-21T06:00:00Z"),
        ("/api/v1/fs/history?mount=/&since=2026-11-21T06:00:00", "since", "a time with its zone"),
        ("/api/v1/fs/history?mount=/&since=12", "since", "a time like"),
        ("/api/v1/fs/history?mount=/&step=null", "step", "expected a whole number"),
        ("/api/v1/fs/history?mount=/&step=86401", "step", "<= 86400"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_was_expected(tmp_path: Path, path: str, field: str, says: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            body = await refused(node, path)
            assert body["details"] == {"field": field}
            assert says in body["message"]
            assert field in body["message"]

    asyncio.run(main())


async def posted(
    node: Serving, data: Any, headers: dict[str, str] | None = None, path: str = RELOAD
) -> tuple[int, dict[str, Any]]:
    async with node.session.post(path, data=data, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("headers", [{}, JSON, {"Content-Type": "text/plain"}])
def test_no_body_stands_for_the_defaults(tmp_path: Path, headers: dict[str, str]) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            assert (await posted(node, None, headers))[0] == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("data", "field", "says"),
    [
        (b"{", "body", "not JSON"),
        (b"[]", "body", "expected an object, got a list"),
        (b"null", "body", "expected an object, got null"),
        (b'"x"', "body", "expected an object, got a text"),
        (b'{"force": true}', "force", "there is no field force"),
        (b'{"\xff": 1}', "body", "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "body", "JSON"),
        (b"[" * 500_000, "body", "expected an object"),
        (b'{"a":' * 100_000, "body", ""),
        (b"{} {}", "body", "JSON"),
        (b" ", "body", "JSON"),
    ],
)
def test_a_wrong_body_is_named_with_its_field(tmp_path: Path, data: bytes, field: str, says: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            status, body = await posted(node, data, JSON)
            assert (status, body["code"]) == (400, "BadRequest")
            assert says in body["message"]
            if says:
                assert body["details"] == {"field": field}

    asyncio.run(main())


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
def test_a_body_that_is_not_json_is_not_even_read(tmp_path: Path, content_type: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            status, body = await posted(node, b"{}", {"Content-Type": content_type})
            assert (status, body["code"]) == (415, "UnsupportedMediaType")
            assert "Content-Type: application/json" in body["message"]

    asyncio.run(main())


def test_json_with_a_spelled_out_utf_8_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            assert (await posted(node, b"{}", {"Content-Type": "application/json; charset=UTF-8"}))[0] == 200

    asyncio.run(main())


def test_a_body_over_a_mebibyte_is_refused_announced_or_not(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 2**16

    async def main() -> None:
        async with serving(tmp_path) as node:
            for data in (BytesIO(b" " * (2**20 + 1)), chunks()):
                status, body = await posted(node, data, JSON)
                assert (status, body["code"]) == (413, "PayloadTooLarge")
            assert (await posted(node, BytesIO(b"{}" + b" " * (2**20 - 2)), JSON))[0] == 200

    asyncio.run(main())


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            bomb = gzip.compress(b" " * 2**24)
            status, body = await posted(node, bomb, {**JSON, "Content-Encoding": "gzip"})
            assert (status, body["code"]) == (413, "PayloadTooLarge")
            status, body = await posted(node, b"no gzip", {**JSON, "Content-Encoding": "gzip"})
            assert (status, body["code"]) == (400, "BadRequest")

    asyncio.run(main())


def test_a_command_takes_no_parameters_in_its_address(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            status, body = await posted(node, None, path=f"{RELOAD}?force=1")
            assert (status, body["details"]) == (400, {"field": "query"})

    asyncio.run(main())


def test_refusals_are_json_even_for_what_aiohttp_refuses_by_itself(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            status, body = await posted(node, b"{}", {**JSON, "Expect": "the-impossible"})
            assert status == 417
            assert set(body) == {"code", "message", "details"}

    asyncio.run(main())
