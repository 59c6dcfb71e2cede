"""Who may act, and what the audit keeps of it."""

import asyncio
import getpass
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.errors import Forbidden
from etlmon.contract.node import AUDIT, HEALTH, HEALTH_PROBE, NODE, NODE_ID_HEADER, RELOAD, AuditEntry, Reloaded
from node.api import app
from node.api.auth import Peer
from node.api.openapi import document
from node.api.routes import ROUTES
from node.commands.act import Caller
from node.settings import NodeSettings, Security
from tests.network import ELSEWHERE, in_private_network
from tests.serving import Serving, serving

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def audit_of(node: Serving) -> list[AuditEntry]:
    client = NodeClient(node.url)
    entries = (await client.ask(AUDIT)).unwrap()
    await client.close()
    return entries


async def refusal_of(node: Serving, **headers: str) -> tuple[int, dict[str, Any]]:
    async with node.session.post("/api/v1/admin/reload", headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (None, True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.5", False),
        ("::ffff:10.0.0.5", False),
        ("fe80::1%eth0", False),
    ],
)
def test_only_loopback_and_unix_sockets_are_local(address: str | None, local: bool) -> None:
    assert Peer(address, None).is_local is local


def test_a_caller_on_the_host_may_act_and_leaves_a_row(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            client = NodeClient(node.url)
            node.reloaded[0] = Reloaded(reloaded=True, needs_restart=["node.listen"])
            assert (await client.ask(RELOAD)).unwrap() == node.reloaded[0]
            info = (await client.ask(NODE)).unwrap()
            assert (info.role, info.commands_refused, info.read_only) == ("operator", None, False)
            await client.close()
            (entry,) = await audit_of(node)
            assert (entry.who, entry.address) == ("anonymous", "127.0.0.1")
            assert (entry.action, entry.target, entry.result, entry.status) == (
                "admin.reload",
                "configuration",
                "done",
                200,
            )

    run(main())


def test_who_asks_is_known_before_an_answer_that_is_kept_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object, **__: object) -> Caller:
        raise Forbidden("who are you?", reason="test")

    async def main() -> None:
        async with serving(tmp_path) as node:
            for expected in (200, 200, 403):
                if expected == 403:
                    monkeypatch.setattr(app, "identify", nobody)
                async with node.session.get("/api/v1/fs") as answer:
                    assert answer.status == expected

    run(main())


def test_behind_a_unix_socket_the_user_is_known_by_name(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, socket_file=tmp_path / "s") as node:
            client = NodeClient(node.url)
            await client.ask(RELOAD)
            await client.close()
            (entry,) = await audit_of(node)
            assert (entry.who, entry.address) == (getpass.getuser(), "unix socket")

    run(main())


def test_a_reload_that_was_refused_is_answered_and_audited_as_failed(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            node.reloaded[0] = Reloaded(reloaded=False, warnings=["node.yaml:3: paths: unknown key", "token=abcdef99"])
            client = NodeClient(node.url)
            assert not (await client.ask(RELOAD)).unwrap().reloaded
            await client.close()
            (entry,) = await audit_of(node)
            assert (entry.result, entry.message) == ("failed", "node.yaml:3: paths: unknown key; token=***")

    run(main())


@pytest.mark.peer("root")
def test_a_caller_from_elsewhere_may_look_but_not_act(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, listen=ELSEWHERE) as node:
            client = NodeClient(node.url)
            info = (await client.ask(NODE)).unwrap()
            assert info.role == "viewer"
            with pytest.raises(NodeRefused) as caught:
                await client.ask(RELOAD)
            assert caught.value.status == 403
            assert (caught.value.body.details or {})["reason"] == "not_local"
            assert "SSH tunnel" in caught.value.message
            assert info.commands_refused is not None
            assert info.commands_refused in caught.value.message
            assert (await client.ask(HEALTH)).unwrap().node_name == "etl01"
            async with node.session.get("/health") as answer:
                assert await answer.json() == {"status": "healthy"}
            assert (await client.ask(HEALTH_PROBE)).unwrap().node_name == ""
            await client.close()
            (entry,) = await audit_of(node)
            assert (entry.address, entry.result, entry.status) == (ELSEWHERE, "refused", 403)

    in_private_network(lambda: run(main()))


@pytest.mark.peer("root")
def test_in_a_trusted_network_everybody_may_act(tmp_path: Path) -> None:
    async def main() -> None:
        settings = NodeSettings(security=Security(trusted_network=True))
        async with serving(tmp_path, settings, listen=ELSEWHERE) as node:
            assert (await refusal_of(node))[0] == 200
            async with node.session.get("/health") as answer:
                assert (await answer.json())["node_name"] == "etl01"

    in_private_network(lambda: run(main()))


def test_a_read_only_node_refuses_even_its_own_host(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, NodeSettings(security=Security(read_only=True))) as node:
            status, body = await refusal_of(node)
            assert (status, body["code"], body["details"]) == (403, "Forbidden", {"reason": "read_only"})
            client = NodeClient(node.url)
            info = (await client.ask(NODE)).unwrap()
            assert info.read_only
            assert info.commands_refused in body["message"]
            await client.close()
            assert [entry.result for entry in await audit_of(node)] == ["refused"]

    run(main())


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_of_another_origin_cannot_act_in_the_operator_s_name(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            status, body = await refusal_of(node, **headers)
            assert (status, body["details"]) == (403, {"reason": "origin"})
            assert [entry.status for entry in await audit_of(node)] == [403]

    run(main())


def test_a_command_for_another_node_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, NodeSettings(security=Security(read_only=True))) as node:
            for other in ("6f1c2f6e9f5b4f0e8a3f6a1e0d2c4b5a", "", "\u00ff" * 100):
                status, body = await refusal_of(node, **{NODE_ID_HEADER: other})
                assert (status, body["code"], body["details"]) == (409, "Conflict", {"reason": "another_node"})
                assert "meant for another node" in body["message"]
            assert [(entry.result, entry.status) for entry in await audit_of(node)] == [("refused", 409)] * 3

    run(main())


def test_a_command_for_this_node_passes_and_questions_are_answered_to_everybody(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            own = {NODE_ID_HEADER: node.database.node_id}
            assert (await refusal_of(node, **own))[0] == 200
            async with node.session.get("/api/v1/fs", headers={NODE_ID_HEADER: "another"}) as answer:
                assert answer.status == 200

    run(main())


def test_each_command_is_described_with_the_header_that_says_whom_it_is_for() -> None:
    paths = document(ROUTES)["paths"]
    for route in ROUTES:
        operation = paths[route.endpoint.path][route.endpoint.method.lower()]
        says_so = NODE_ID_HEADER in operation.get("description", "") and "409" in operation["responses"]
        assert says_so == route.endpoint.is_command


def test_the_client_says_whom_it_means(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            client = NodeClient(node.url)
            assert (await client.ask(RELOAD)).unwrap().reloaded  # it knows nobody yet
            assert (await client.ask(RELOAD)).unwrap().reloaded
            with pytest.raises(NodeRefused) as caught:
                await client.ask(RELOAD, node_id="another")
            assert (caught.value.status, caught.value.body.details) == (409, {"reason": "another_node"})
            await client.close()

    run(main())


def test_the_node_s_own_page_may_act(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            headers = {"Origin": node.url, "Sec-Fetch-Site": "same-origin"}
            assert (await refusal_of(node, **headers))[0] == 200

    run(main())


def test_no_answer_lets_other_origins_read_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as node:
            for method, path in (("GET", "/api/v1/fs"), ("OPTIONS", "/api/v1/fs"), ("GET", "/nope")):
                async with node.session.request(method, path, headers={"Origin": "http://evil.example"}) as answer:
                    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
                    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"

    run(main())
