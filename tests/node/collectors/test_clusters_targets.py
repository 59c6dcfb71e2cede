"""How a cluster is asked, and when one that refuses is asked again."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from etlmon.contract.clusters import ClusterTls
from node.collectors import clusters_targets
from node.collectors.clusters_targets import registered_target, static_id, static_row, static_target
from node.collectors.clusters_turns import LONGEST_PAUSE_SEC, Turns
from node.settings_clusters import StaticCluster, StaticTls
from node.sources.proxmox_types import ProxmoxError, ProxmoxTarget
from node.store.clusters import StoredCluster
from tests.node.collectors.cluster_looks import AT, cluster, failure

DIGEST = ":".join(["AB"] * 32)
STATIC = StaticCluster(
    name="lab",
    api_endpoint="pve.example.com",
    username="etlmon@pve",
    token_name="mon",  # noqa: S106 - a name
    token_value="s3cret",  # noqa: S106 - of nobody
    tls=StaticTls(verify="fingerprint", fingerprint="ab" * 32),
    failover=("10.0.0.12", "https://[fd00::1]:443/pve/"),
)


def target(static: StaticCluster) -> ProxmoxTarget:
    return asyncio.run(static_target(static_row(static, AT), static))


def test_a_cluster_of_the_configuration_stands_in_the_list_before_it_was_asked() -> None:
    row = static_row(STATIC, AT)
    assert (row.name, row.origin, row.status, row.status_reason) == ("lab", "static", "unknown", "not yet polled")
    assert (row.api_endpoint, row.failover) == (
        "https://pve.example.com:8006",
        ["https://10.0.0.12:8006", "https://[fd00::1]:443/pve"],
    )
    assert (row.username, row.auth, row.token_name) == ("etlmon@pve", "token", "mon")
    assert row.tls == ClusterTls(verify="fingerprint", fingerprint=DIGEST)
    assert "s3cret" not in msgspec.json.encode(row).decode()


def test_its_id_is_made_of_its_name_alone() -> None:
    row = static_row(STATIC, AT)
    assert row.id == static_id("lab") == static_row(msgspec.structs.replace(STATIC, username="root@pam"), AT).id
    assert static_id("lab") != static_id("Lab")


def test_a_cluster_of_the_configuration_is_asked_with_the_secret_that_stands_there() -> None:
    asked = target(STATIC)
    assert (asked.id, asked.username, asked.token_name, asked.secret, asked.sealed) == (
        static_id("lab"),
        "etlmon@pve",
        "mon",
        "s3cret",
        "",
    )
    assert (asked.verify, asked.fingerprint) == ("fingerprint", DIGEST)
    assert asked.endpoints[0] == "https://pve.example.com:8006"
    assert len(asked.endpoints) == 3
    with_password = msgspec.structs.replace(STATIC, token_name=None, token_value=None, password="pa55")  # noqa: S106
    assert (target(with_password).token_name, target(with_password).secret) == ("", "pa55")


def test_a_registered_cluster_is_asked_with_its_sealed_secret() -> None:
    row = cluster(tls=ClusterTls(verify="ca", ca="PEM"), failover=["https://b:8006", "https://10.0.0.11:8006"])
    asked = registered_target(StoredCluster(**msgspec.structs.asdict(row), sealed="gAAAA"))
    assert (asked.secret, asked.sealed, asked.verify, asked.ca) == ("", "gAAAA", "ca", "PEM")
    assert asked.endpoints == ["https://10.0.0.11:8006", "https://b:8006"], "each once"


def of_file(path: Path) -> StaticCluster:
    return msgspec.structs.replace(STATIC, tls=StaticTls(verify="ca", ca_file=str(path)))


def test_the_authorities_are_read_anew_at_each_look_and_never_stored(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for content in ("old", "new"):
        file.write_text(content)
        assert target(of_file(file)).ca == content
    assert static_row(of_file(file), AT).tls == ClusterTls(verify="ca")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), ("é" * 10, "ascii"), ("x" * (256 * 1024 + 1), "larger than 262144 bytes")],
    ids=["missing", "no text", "too large"],
)
def test_authorities_that_cannot_be_read_are_trouble_with_the_certificate(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ProxmoxError, match=reason) as raised:
        target(of_file(file))
    assert raised.value.failure.trouble == "certificate"
    assert str(file) in raised.value.failure.message


def test_authorities_that_never_come_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO that nobody writes to stands for a network mount that hangs."""
    fifo = tmp_path / "ca.pem"
    os.mkfifo(fifo)
    monkeypatch.setattr(clusters_targets, "READ_SEC", 0.2)

    async def scenario() -> None:
        try:
            with pytest.raises(ProxmoxError, match="not read within"):
                await static_target(static_row(of_file(fifo), AT), of_file(fifo))
        finally:
            # The thread that waits is let go, else the loop would wait for it at its end.
            os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))

    asyncio.run(scenario())


def pauses(interval_sec: float, times: int) -> list[float]:
    """How long a cluster that refuses each time is left alone, in seconds."""
    turns = Turns(interval_sec)
    now, found = 0.0, []
    for _ in range(times):
        turns.failed("one", failure("authentication"), now)
        began = now
        while not turns.is_due("one", now):
            now += interval_sec
        found.append(now - began)
    return found


def test_a_refused_log_in_is_tried_again_after_twice_as_long_each_time() -> None:
    assert pauses(30.0, 6) == [60.0, 120.0, 240.0, 480.0, LONGEST_PAUSE_SEC, LONGEST_PAUSE_SEC]


def test_a_refused_log_in_is_not_tried_more_often_than_any_other() -> None:
    assert pauses(1800.0, 2) == [1800.0, 1800.0]


@pytest.mark.parametrize("then", ["answered", "unreachable"])
def test_after_anything_else_it_is_asked_at_every_turn(then: str) -> None:
    turns = Turns(30.0)
    for _ in range(3):
        turns.failed("one", failure("tfa"), 0.0)
    assert not turns.is_due("one", 30.0)
    assert turns.is_due("two", 0.0)
    if then == "answered":
        turns.answered("one")
    else:
        turns.failed("one", failure("unreachable"), 0.0)
    assert turns.is_due("one", 0.0)
    turns.failed("one", failure("tfa"), 0.0)
    assert turns.is_due("one", 60.0), "the pauses begin anew"
