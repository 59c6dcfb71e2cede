"""The clusters, as a client of the node sees them, with a Proxmox VE that is a real server."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from etlmon.client import NodeClient, NodeRefused
from etlmon.contract.clusters import (
    CLUSTER,
    CLUSTER_DEREGISTER,
    CLUSTER_GUESTS,
    CLUSTER_NODES,
    CLUSTER_REFRESH,
    CLUSTER_REGISTER,
    CLUSTER_STORAGE,
    CLUSTER_TEST,
    CLUSTER_TRUST,
    CLUSTERS,
    Cluster,
    ClusterTls,
    GuestQuery,
    RegisterCluster,
    TrustCertificate,
)
from etlmon.contract.node import AUDIT, EVENTS, NODE, EventQuery
from etlmon.units import Duration
from node.collector import Registration
from node.collectors import clusters
from node.settings import Node, NodeSettings
from node.settings_clusters import Clusters
from node.store import clusters as store
from tests.fakes.proxmox import PASSWORD, TOKEN, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_faults import HANG
from tests.node.store.cluster_rows import ID, cluster, guest, look, node, number, storage
from tests.serving import Serving, serving

LITERAL = [
    "id", "name", "api_endpoint", "status", "proxmox_version", "node_count", "created_at", "updated_at"
]  # fmt: skip
Scenario = Callable[[Serving, NodeClient], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario, *, total_sec: float = 15.0) -> None:
    """Serve a node with the domain's own collector, which polls when it is told to."""
    settings = NodeSettings(
        node=Node(db_path=str(tmp_path / "etlmon.db")), clusters=Clusters(total_timeout=Duration(total_sec))
    )
    registrations = [Registration("clusters", clusters.build, store.record)]

    async def main() -> None:
        async with (
            serving(tmp_path, settings, registrations=registrations) as served,
            NodeClient(served.url, timeout=60) as client,
        ):
            await scenario(served, client)

    asyncio.run(main())


def request(pve: FakeProxmox, name: str = "prod", **fields: Any) -> RegisterCluster:
    given: dict[str, Any] = {
        "api_endpoint": pve.url,
        "username": "root@pam",
        "password": PASSWORD,
        "tls": ClusterTls(verify="fingerprint", fingerprint=pve.fingerprint),
        **fields,
    }
    return RegisterCluster(name=name, **given)


async def register(client: NodeClient, body: RegisterCluster) -> Cluster:
    return (await client.ask(CLUSTER_REGISTER, body=body)).unwrap()


async def refused(asking: Awaitable[object]) -> tuple[int, str, dict[str, Any]]:
    """Status, code and details of the refusal; what was sent is not repeated in it."""
    with pytest.raises(NodeRefused) as caught:
        await asking
    assert PASSWORD not in str(caught.value.body)
    return caught.value.status, caught.value.body.code, caught.value.body.details or {}


async def put(served: Serving, *rows: Cluster) -> None:
    for row in rows:
        await served.database.write(lambda db, row=row: store.add(db, row, "sealed"))  # type: ignore[misc]


async def raw(served: Serving, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """Status and body as they came: JSON, or nothing at all."""
    headers = {"Accept-Encoding": "identity"} | ({} if body is None else {"Content-Type": "application/json"})
    data = None if body is None else json.dumps(body)
    async with served.session.request(method, path, data=data, headers=headers) as answer:
        content = await answer.read()
        assert answer.headers.get("Content-Type") == ("application/json" if content else None)
        return answer.status, content


def test_a_cluster_is_registered_listed_looked_at_and_deregistered(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(served: Serving, client: NodeClient) -> None:
            body = msgspec.to_builtins(request(pve))
            status, content = await raw(served, "POST", "/api/v1/clusters", body)
            row = json.loads(content)
            assert (status, list(row)[:8]) == (201, LITERAL)
            assert {name: row[name] for name in LITERAL[1:6]} == {
                "name": "prod",
                "api_endpoint": pve.url,
                "status": "healthy",
                "proxmox_version": pve.state.version,
                "node_count": 3,
            }
            assert row["created_at"].endswith("Z")
            status, content = await raw(served, "GET", "/api/v1/clusters")
            assert (status, json.loads(content)) == (200, {"clusters": [row], "total": 1})
            assert json.loads((await raw(served, "GET", f"/api/v1/clusters/{row['id']}"))[1]) == row
            assert await raw(served, "DELETE", f"/api/v1/clusters/{row['id']}") == (204, b"")
            assert (await raw(served, "GET", f"/api/v1/clusters/{row['id']}"))[0] == 404
            assert (await raw(served, "DELETE", f"/api/v1/clusters/{row['id']}"))[0] == 404
            assert json.loads((await raw(served, "GET", "/api/v1/clusters"))[1]) == {"clusters": [], "total": 0}

        play(tmp_path, scenario)


def test_an_api_token_logs_in_without_a_ticket(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            row = await register(client, request(pve, password=None, username="root@pam!mon", token_value=TOKEN))
            assert (row.status, row.auth, row.username, row.token_name) == ("healthy", "token", "root@pam", "mon")
            assert not pve.called("/access/ticket")
            assert TOKEN not in repr(row)

        play(tmp_path, scenario)


def test_what_a_cluster_consists_of_is_there_as_soon_as_it_is_registered(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            row = await register(client, request(pve))
            nodes = (await client.ask(CLUSTER_NODES, id=row.id)).unwrap()
            assert [one.name for one in nodes] == sorted(one.name for one in pve.state.nodes)
            answer = await client.ask(CLUSTER_GUESTS, query=GuestQuery(limit=1), id=row.id)
            assert answer.headers["X-Total-Count"] == str(len(pve.state.guests))
            assert 'rel="next"' in answer.headers["Link"]
            assert [one.vmid for one in answer.unwrap()] == [min(one.vmid for one in pve.state.guests)]
            rows = (await client.ask(CLUSTER_STORAGE, id=row.id)).unwrap()
            assert {one.name for one in rows} == {one.name for one in pve.state.storage}
            [event] = (await client.ask(EVENTS, query=EventQuery(domain="clusters"))).unwrap()
            assert (event.kind, event.key) == ("cluster_registered", "prod")

        play(tmp_path, scenario)


def test_what_cannot_be_logged_in_to_is_refused_with_its_reason(tmp_path: Path) -> None:
    with fake_proxmox(unauthorized_delay_sec=0.05) as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            wrong = request(pve, password="no" + PASSWORD)
            assert (await refused(register(client, wrong)))[:2] == (401, "AuthenticationFailed")
            pve.tfa.add("root@pam")
            status, code, details = await refused(register(client, request(pve)))
            assert (status, code, details["reason"]) == (401, "AuthenticationFailed", "tfa")
            status, code, details = await refused(register(client, request(pve, tls=ClusterTls())))
            assert (status, code, details["reason"]) == (502, "BadGateway", "certificate")
            assert details["fingerprint"] == pve.fingerprint
            other = ClusterTls(verify="fingerprint", fingerprint="ab" * 32)
            status, code, details = await refused(register(client, request(pve, tls=other)))
            assert (status, details["fingerprint"]) == (502, pve.fingerprint)
            pve.stop()
            status, code, details = await refused(register(client, request(pve)))
            assert (status, details["reason"]) == (502, "unreachable")
            assert (await client.ask(CLUSTERS)).unwrap().total == 0

        play(tmp_path, scenario)


def test_no_secret_goes_to_one_whose_certificate_is_not_trusted(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            await refused(register(client, request(pve, tls=ClusterTls())))
            assert pve.calls == []
            row = await register(client, request(pve, tls=ClusterTls(verify="ca", ca=pve.ca_pem)))
            assert row.status == "healthy"

        play(tmp_path, scenario)


def test_one_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    with fake_proxmox() as pve:
        pve.state.faults["*"] = HANG

        async def scenario(_: Serving, client: NodeClient) -> None:
            began = time.monotonic()
            status, code, details = await refused(register(client, request(pve)))
            assert (status, code, details["reason"]) == (504, "Timeout", "timeout")
            assert time.monotonic() - began < 30  # the client itself waits for 60 s

        play(tmp_path, scenario, total_sec=1.5)


def test_a_test_of_the_connection_keeps_nothing(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            probe = (await client.ask(CLUSTER_TEST, body=request(pve))).unwrap()
            assert (probe.proxmox_version, probe.nodes_online, probe.fingerprint) == (
                pve.state.version, 3, pve.fingerprint
            )  # fmt: skip
            assert (await client.ask(CLUSTERS)).unwrap().total == 0

        play(tmp_path, scenario)


def test_a_changed_certificate_is_noticed_and_trusted_by_its_fingerprint(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            row = await register(client, request(pve))
            pve.change_certificate()
            calls = len(pve.calls)
            row = (await client.ask(CLUSTER_REFRESH, id=row.id)).unwrap()
            assert (row.status, row.seen_fingerprint) == ("unhealthy", pve.fingerprint)
            assert len(pve.calls) == calls
            other = TrustCertificate(fingerprint="ab" * 32, confirm=True)
            status, code, details = await refused(client.ask(CLUSTER_TRUST, body=other, id=row.id))
            assert (status, code, details["fingerprint"]) == (409, "Conflict", pve.fingerprint)
            trusted = TrustCertificate(fingerprint=pve.fingerprint, confirm=True)
            row = (await client.ask(CLUSTER_TRUST, body=trusted, id=row.id)).unwrap()
            assert (row.status, row.seen_fingerprint, row.tls.fingerprint) == ("healthy", "", pve.fingerprint)
            assert (await client.ask(CLUSTER_REFRESH, id=row.id)).unwrap().status == "healthy"

        play(tmp_path, scenario)


def test_a_refresh_shows_what_happened_since_the_last_poll(tmp_path: Path) -> None:
    with fake_proxmox() as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            row = await register(client, request(pve))
            pve.state.node("pve2").online = False
            row = (await client.ask(CLUSTER_REFRESH, id=row.id)).unwrap()
            assert (row.status, row.nodes_online, row.node_count) == ("degraded", 2, 3)
            assert (await client.ask(CLUSTER, id=row.id)).unwrap() == row
            pve.stop()
            row = (await client.ask(CLUSTER_REFRESH, id=row.id)).unwrap()
            assert (row.status, row.failures, row.node_count) == ("degraded", 1, 3)

        play(tmp_path, scenario)


BODY = {"name": "a", "api_endpoint": "https://pve", "username": "root@pam", "password": "x"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({**BODY, "name": ""}, "name"),
        ({**BODY, "name": "x" * 256}, "name"),
        ({**BODY, "name": 7}, "name"),
        ({**BODY, "api_endpoint": "not a url"}, "api_endpoint"),
        ({**BODY, "username": "x" * 256}, "username"),
        ({**BODY, "password": ""}, "password"),
        ({**BODY, "tls": {"verify": False}}, "tls.verify"),
        ({**BODY, "tls": {"verify": "none"}}, "tls.verify"),
        ({**BODY, "failover": ["pve2", ""]}, "failover[1]"),
        ({**BODY, "verify_tls": False}, "verify_tls"),
    ],
)
def test_an_invalid_request_names_its_field(body: dict[str, Any], field: str, tmp_path: Path) -> None:
    async def scenario(served: Serving, _: NodeClient) -> None:
        status, content = await raw(served, "POST", "/api/v1/clusters", body)
        answer = json.loads(content)
        assert (status, answer["code"], answer["details"]) == (400, "BadRequest", {"field": field})

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "method_and_path", ["GET ", "GET /nodes", "GET /guests", "GET /storage", "DELETE ", "POST /refresh"]
)
def test_an_id_is_a_uuid_and_is_there(method_and_path: str, tmp_path: Path) -> None:
    method, _, path = method_and_path.partition(" ")

    async def scenario(served: Serving, _: NodeClient) -> None:
        for cluster_id, expected in (("7", 400), ("%00", 400), (number(9), 404), (number(9).upper(), 404)):
            status, content = await raw(served, method, f"/api/v1/clusters/{cluster_id}{path}")
            assert (status, json.loads(content)["details"]) == (expected, {"field": "id"})

    play(tmp_path, scenario)


def test_the_connection_test_is_no_cluster_called_test(tmp_path: Path) -> None:
    async def scenario(served: Serving, _: NodeClient) -> None:
        for method in ("GET", "DELETE", "PUT"):
            async with served.session.request(method, "/api/v1/clusters/test") as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert (await raw(served, "GET", "/api/v1/clusters/tests"))[0] == 400

    play(tmp_path, scenario)


def test_a_name_that_is_taken_is_a_conflict(tmp_path: Path) -> None:
    async def scenario(served: Serving, client: NodeClient) -> None:
        await put(served, cluster("생산"))
        # Nothing listens there: nobody is asked.
        body = RegisterCluster(name="생산", api_endpoint="https://127.0.0.1:1", username="a@pam", password=PASSWORD)
        status, code, details = await refused(register(client, body))
        assert (status, code, details["field"]) == (409, "Conflict", "name")
        status, code, _ = await refused(client.ask(CLUSTER_TEST, body=body))
        assert (status, code) == (409, "Conflict")

    play(tmp_path, scenario)


def test_a_cluster_of_the_configuration_is_not_deregistered(tmp_path: Path) -> None:
    async def scenario(served: Serving, client: NodeClient) -> None:
        await served.database.write(lambda db: store.keep_static(db, [cluster(origin="static")]))
        status, code, details = await refused(client.ask(CLUSTER_DEREGISTER, id=ID))
        assert (status, code, details["reason"]) == (409, "Conflict", "static")

    play(tmp_path, scenario)


def test_the_client_takes_an_answer_without_a_body(tmp_path: Path) -> None:
    async def scenario(served: Serving, client: NodeClient) -> None:
        await put(served, cluster())
        answer = await client.ask(CLUSTER_DEREGISTER, id=ID)
        assert (answer.value, answer.not_modified) == (None, False)
        assert answer.unwrap() is None
        assert answer.node_id == served.database.node_id

    play(tmp_path, scenario)


def test_lists_are_ordered_and_answer_by_etag(tmp_path: Path) -> None:
    async def scenario(served: Serving, client: NodeClient) -> None:
        await put(served, *(cluster(name, number(at)) for at, name in enumerate(("b", "a", "c"))))
        answer = await client.ask(CLUSTERS)
        assert [row.name for row in answer.unwrap().clusters] == ["a", "b", "c"]
        assert (await client.ask(CLUSTERS, etag=answer.etag)).not_modified
        members = (node(), guest(101, status="stopped"), guest(100), guest(102, node="pve2"), storage())
        row = cluster("b", ID)
        await served.database.write(lambda db: store.remove(db, number(0)))
        await put(served, row)
        await served.database.write(lambda db: store.record(db, [look(row, *members)]))
        assert not (await client.ask(CLUSTERS, etag=answer.etag)).not_modified
        for query, expected in ((GuestQuery(node="pve2"), [102]), (GuestQuery(status="stopped"), [101])):
            guests = (await client.ask(CLUSTER_GUESTS, query=query, id=ID)).unwrap()
            assert [one.vmid for one in guests] == expected

    play(tmp_path, scenario)


def test_no_answer_carries_a_sealed_secret(tmp_path: Path) -> None:
    async def scenario(served: Serving, _: NodeClient) -> None:
        await put(served, cluster())
        for path in ("", f"/{ID}", f"/{ID}/nodes", f"/{ID}/guests", f"/{ID}/storage"):
            status, content = await raw(served, "GET", f"/api/v1/clusters{path}")
            assert status == 200
            assert b"sealed" not in content

    play(tmp_path, scenario)


def test_a_node_says_that_it_knows_clusters(tmp_path: Path) -> None:
    async def scenario(_: Serving, client: NodeClient) -> None:
        assert "clusters" in (await client.ask(NODE)).unwrap().features

    play(tmp_path, scenario)


def test_fifty_clusters_are_listed_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    async def scenario(served: Serving, client: NodeClient) -> None:
        await put(served, *(cluster(f"c{at:02}", number(at), tls=ClusterTls(ca="x" * 4000)) for at in range(50)))
        took: list[float] = []
        for _ in range(40):  # on a busy machine few of them are undisturbed
            began = time.perf_counter()
            assert (await client.ask(CLUSTERS)).unwrap().total == 50
            took.append(time.perf_counter() - began)
        assert min(took) < 0.1

    play(tmp_path, scenario)


def holds(secrets: Sequence[str], found: object) -> list[str]:
    return [secret for secret in secrets if secret in str(found)]


def test_neither_audit_nor_log_tells_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    with fake_proxmox(unauthorized_delay_sec=0.05) as pve:

        async def scenario(_: Serving, client: NodeClient) -> None:
            row = await register(client, request(pve))
            typed = {"username": "root@pam!mon", "password": None}
            await register(client, request(pve, "tok", token_value=TOKEN, **typed))
            await refused(register(client, request(pve, "no", username="nobody@pam")))
            pve.stop()
            await refused(register(client, request(pve, "down")))
            await client.ask(CLUSTER_REFRESH, id=row.id)
            entries = (await client.ask(AUDIT)).unwrap()
            assert [entry.action for entry in entries] == ["clusters.refresh", *["clusters.register"] * 4]
            assert [entry.status for entry in entries] == [200, 502, 401, 201, 201]
            assert holds((PASSWORD, TOKEN), entries) == []

        play(tmp_path, scenario)
    assert "is not registered" in caplog.text
    assert holds((PASSWORD, TOKEN), caplog.text) == []
    assert holds((PASSWORD, TOKEN), capfd.readouterr()) == []
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert PASSWORD.encode() not in content, file
        assert TOKEN.encode() not in content, file
