"""Which Host headers are answered."""

import asyncio
from pathlib import Path

import pytest

from etlmon.client import NodeClient
from etlmon.contract.fs import FS
from node.api.hosts import host_name, is_allowed, is_same_origin
from node.settings import Node, NodeSettings, Security
from tests.network import ELSEWHERE, in_private_network
from tests.serving import serving

NAMES = ("localhost", "127.0.0.1", "[::1]", "etl01")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8080", "localhost"),
        ("etl01.example.", "etl01.example"),
        ("[::1]:80", "::1"),
        ("::1", None),
        ("a:b:c", None),
        ("host:", None),
        ("host:123456", None),
        ("", None),
        ("user@[::1]", None),
    ],
)
def test_a_host_header_is_read_strictly(header: str, name: str | None) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    "header", ["localhost", "LOCALHOST:9", "127.0.0.1:8080", "[::1]:1", "[0:0:0:0:0:0:0:1]", "etl01:1"]
)
def test_configured_names_are_answered_on_any_port(header: str) -> None:
    assert is_allowed(header, NAMES, "127.0.0.1")


@pytest.mark.parametrize(
    ("header", "arrived_at"),
    [("10.0.0.5:8080", "10.0.0.5"), ("10.0.0.5", "::ffff:10.0.0.5"), ("[fe80::1]", "fe80::1%eth0")],
)
def test_the_very_address_of_the_connection_is_answered(header: str, arrived_at: str) -> None:
    assert is_allowed(header, NAMES, arrived_at)


@pytest.mark.parametrize(
    "header", [None, "", "evil.example", "10.0.0.6", "localhost.evil.example", "127.0.0.1.nip.io", "localhost@evil"]
)
def test_any_other_name_is_not_answered(header: str | None) -> None:
    assert not is_allowed(header, NAMES, "10.0.0.5")


def test_an_unbracketed_address_in_the_configuration_counts_too() -> None:
    assert is_allowed("[::1]:8080", ("::1",), None)


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        ("http://127.0.0.1:8080", True),
        ("https://127.0.0.1:8080", True),
        ("http://127.0.0.1:9999", False),
        ("http://evil.example", False),
        ("null", False),
    ],
)
def test_an_origin_is_the_same_only_with_the_same_port(origin: str, same: bool) -> None:
    assert is_same_origin(origin, "127.0.0.1:8080") is same


def status_for(folder: Path, host: str, settings: NodeSettings | None = None) -> tuple[int, str]:
    async def main() -> tuple[int, str]:
        async with serving(folder, settings) as node, node.session.get("/api/v1/fs", headers={"Host": host}) as answer:
            return answer.status, await answer.text()

    return asyncio.run(main())


def test_a_page_that_reached_the_node_by_a_name_of_its_own_is_refused(tmp_path: Path) -> None:
    status, body = status_for(tmp_path, "rebound.evil.example:8080")
    assert status == 403
    assert '"reason":"host"' in body
    assert "security.allowed_hosts" in body


@pytest.mark.parametrize("host", ["localhost:9", "etl01", "ETL01:80", "prod-etl-01", "gateway.example:443"])
def test_the_node_answers_to_its_names(tmp_path: Path, host: str) -> None:
    settings = NodeSettings(
        node=Node(node_name="prod-etl-01"), security=Security(allowed_hosts=("localhost", "gateway.example"))
    )
    assert status_for(tmp_path, host, settings)[0] == 200


def test_a_request_without_a_host_is_refused(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with serving(tmp_path) as node:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(node.url.rpartition(":")[2]))
            writer.write(b"GET /api/v1/fs HTTP/1.0\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer

    answer = asyncio.run(main())
    assert b" 403 " in answer.partition(b"\r\n")[0]
    assert b"needs a Host header" in answer


@pytest.mark.peer("root")
def test_the_address_that_was_asked_is_a_name_the_node_answers_to(tmp_path: Path) -> None:
    async def main() -> int:
        async with serving(tmp_path, listen=ELSEWHERE) as node, node.session.get("/api/v1/fs") as answer:
            return answer.status

    assert in_private_network(lambda: asyncio.run(main())) == 200


def test_a_unix_socket_takes_any_host_header(tmp_path: Path) -> None:
    async def main() -> int:
        async with serving(tmp_path, socket_file=tmp_path / "s") as node:
            async with NodeClient(node.url) as client:
                await client.ask(FS)
            async with node.session.get("/api/v1/fs", headers={"Host": "whatever"}) as answer:
                return answer.status

    assert asyncio.run(main()) == 200
