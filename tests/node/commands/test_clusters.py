"""Registering, deregistering, refreshing and trusting clusters: what is done, what is refused, what is written down."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.clusters import ClusterTls
from etlmon.contract.errors import (
    AuthenticationFailed,
    BadGateway,
    BadRequest,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    NotFound,
    Problem,
    Unavailable,
)
from node.clock import utc_now
from node.commands.clusters import COLLECTOR, Registrar
from node.sources.proxmox_types import Trouble
from node.store import clusters as store
from tests.node.collecting import until
from tests.node.collectors.cluster_looks import failure, look, node
from tests.node.commands.registering import (
    FINGERPRINT,
    SECRET,
    VIEWER,
    Desk,
    at_the_desk,
    request,
    static,
    trusting,
)
from tests.node.store.cluster_rows import number


def test_a_registered_cluster_was_looked_at_and_is_healthy_from_the_start(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        row = await desk.acts().register(request(" prod "))
        assert (row.name, row.status, row.proxmox_version, row.node_count) == ("prod", "healthy", "8.4.1", 3)
        assert row.polled_at is not None
        assert await desk.rows() == [row]
        [target] = desk.proxmox.asked
        assert (target.id, target.secret, target.username) == (row.id, SECRET, "etlmon@pve")
        [stored] = await desk.database.read(store.stored)
        assert stored.sealed == f"sealed for {row.id}: {len(SECRET)}"
        members = await desk.database.read(store.members, row.id)
        assert [len(members.nodes), len(members.guests), len(members.storage)] == [3, 3, 2]
        assert desk.proxmox.forgotten == []

    at_the_desk(tmp_path, scenario)


def test_a_registration_is_an_event_and_a_row_of_the_audit_without_the_secret(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        row = await desk.acts().register(request())
        [event] = await desk.events()
        assert (event.key, event.kind) == ("prod", "cluster_registered")
        assert event.message == "prod was registered: Proxmox VE 8.4.1, 3 nodes"
        entry = await desk.audit()
        assert (entry.action, entry.target, entry.result, entry.status) == ("clusters.register", "prod", "done", 201)
        assert entry.message == f"its id is {row.id}"
        assert entry.params["api_endpoint"] == "https://10.0.0.11:8006"
        assert SECRET not in str(entry)

    at_the_desk(tmp_path, scenario)


def test_a_cluster_that_is_not_whole_is_registered_and_says_so(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.proxmox.found = look(nodes=[node("pve1"), node("pve2", "offline")])
        row = await desk.acts().register(request())
        assert (row.status, row.status_reason) == ("degraded", "pve2 offline")

    at_the_desk(tmp_path, scenario)


def test_a_duplicate_name_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.acts().register(request())
        with pytest.raises(Conflict, match="already") as caught:
            await desk.acts().register(request("prod  ", api_endpoint="https://other:8006"))
        assert caught.value.details == {"field": "name", "reason": "duplicate"}
        assert len(desk.proxmox.asked) == 1
        assert (await desk.audit()).result == "refused"

    at_the_desk(tmp_path, scenario)


def test_of_two_that_register_one_name_at_the_same_time_one_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.proxmox.gate.clear()
        attempts = [asyncio.create_task(desk.acts().register(request())) for _ in range(2)]
        await until(lambda: len(desk.proxmox.asked) == 2)
        desk.proxmox.gate.set()
        first, second = sorted(
            await asyncio.gather(*attempts, return_exceptions=True), key=lambda one: isinstance(one, Exception)
        )
        assert isinstance(second, Conflict)
        assert not isinstance(first, BaseException)
        assert await desk.rows() == [first]
        [lost] = {target.id for target in desk.proxmox.asked} - {first.id}
        assert desk.proxmox.forgotten == [lost]
        assert len(await desk.events()) == 1

    at_the_desk(tmp_path, scenario)


def test_an_invalid_request_is_refused_before_anybody_is_asked_and_stands_in_the_audit(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        with pytest.raises(BadRequest) as caught:
            await desk.acts().register(request(username="root"))
        assert caught.value.details == {"field": "username"}
        assert desk.proxmox.asked == []
        assert (await desk.audit()).status == 400

    at_the_desk(tmp_path, scenario)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ("authentication", AuthenticationFailed),
        ("tfa", AuthenticationFailed),
        ("certificate", BadGateway),
        ("changed_certificate", BadGateway),
        ("unreachable", BadGateway),
        ("malformed", BadGateway),
        ("refused", BadGateway),
        ("timeout", DeadlineExceeded),
        ("secret", Unavailable),
        ("missing_package", Unavailable),
    ],
)
def test_what_cannot_be_logged_in_to_is_not_registered_and_the_reason_is_told(
    trouble: Trouble, kind: type[Problem], tmp_path: Path
) -> None:
    async def scenario(desk: Desk) -> None:
        seen = FINGERPRINT if "certificate" in trouble else ""
        desk.proxmox.found = failure(trouble, "it was refused", fingerprint=seen)
        with pytest.raises(kind, match="it was refused") as caught:
            await desk.acts().register(request())
        assert caught.value.details["reason"] == trouble
        assert caught.value.details.get("fingerprint", "") == seen
        assert await desk.rows() == []
        assert await desk.events() == []
        assert desk.proxmox.forgotten == [desk.proxmox.asked[0].id]
        entry = await desk.audit()
        assert (entry.status, entry.message) == (kind.status, "it was refused")

    at_the_desk(tmp_path, scenario)


def test_without_a_key_for_the_secret_nothing_is_registered(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.proxmox.sealing = failure("secret", "the key cannot be written")
        with pytest.raises(Unavailable, match="the key cannot be written"):
            await desk.acts().register(request())
        assert await desk.rows() == []
        assert len(desk.proxmox.forgotten) == 1

    at_the_desk(tmp_path, scenario)


def test_who_may_only_look_registers_nothing_and_nobody_is_asked(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.acts().register(request())
        [row] = await desk.rows()
        acts = desk.acts(VIEWER)
        for attempt in (
            acts.register(request("b")),
            acts.test(request("b")),
            acts.deregister(row.id),
            acts.refresh(row.id),
            acts.trust(row.id, trusting()),
        ):
            with pytest.raises(Forbidden):
                await attempt
        assert len(desk.proxmox.asked) == 1
        assert await desk.rows() == [row]

    at_the_desk(tmp_path, scenario)


def test_while_the_configuration_is_read_again_acts_wait_for_a_second_try(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        row = await desk.acts().register(request())
        assert isinstance(desk.collectors[COLLECTOR], Registrar)
        desk.collectors.clear()
        for attempt in (desk.acts().register(request("b")), desk.acts().refresh(row.id)):
            with pytest.raises(Unavailable) as caught:
                await attempt
            assert caught.value.details == {"reason": "reload"}
        await desk.acts().deregister(row.id)
        assert await desk.rows() == []

    at_the_desk(tmp_path, scenario)


def test_a_test_says_what_is_seen_and_keeps_nothing(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        probe = await desk.acts().test(request())
        assert (probe.proxmox_version, probe.node_count, probe.nodes_online, probe.guests_total) == ("8.4.1", 3, 3, 2)
        assert probe.fingerprint == "AB:CD"
        assert await desk.rows() == []
        assert desk.proxmox.forgotten == [desk.proxmox.asked[0].id]
        assert (await desk.audit()).action == "clusters.test"
        desk.proxmox.found = failure("authentication", "wrong password")
        with pytest.raises(AuthenticationFailed):
            await desk.acts().test(request())

    at_the_desk(tmp_path, scenario)


def test_a_deregistered_cluster_is_gone_with_its_session(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        row = await desk.acts().register(request())
        await desk.acts().deregister(row.id.upper())
        assert await desk.rows() == []
        assert desk.proxmox.forgotten == [row.id]
        assert [event.kind for event in await desk.events()] == ["cluster_deregistered", "cluster_registered"]
        entry = await desk.audit()
        assert (entry.action, entry.target, entry.status) == ("clusters.deregister", "prod", 204)
        with pytest.raises(NotFound):
            await desk.acts().deregister(row.id)
        await desk.acts().register(request())

    at_the_desk(tmp_path, scenario)


@pytest.mark.parametrize("cluster_id", ["", "7", "prod", "550e8400e29b41d4a716446655440000", "../x", "\x00"])
def test_an_id_that_is_no_uuid_is_refused(cluster_id: str, tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        acts = desk.acts()
        for attempt in (acts.deregister(cluster_id), acts.refresh(cluster_id), acts.trust(cluster_id, trusting())):
            with pytest.raises(BadRequest) as caught:
                await attempt
            assert caught.value.details == {"field": "id"}

    at_the_desk(tmp_path, scenario)


def test_a_cluster_of_the_configuration_is_neither_deregistered_nor_trusted_anew(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.database.write(lambda db: store.keep_static(db, [static("lab", number(1), utc_now())]))
        for attempt in (desk.acts().deregister(number(1)), desk.acts().trust(number(1), trusting())):
            with pytest.raises(Conflict, match="configuration") as caught:
                await attempt
            assert caught.value.details == {"reason": "static"}
        assert [row.name for row in await desk.rows()] == ["lab"]
        assert await desk.events() == []

    at_the_desk(tmp_path, scenario)


def test_a_refresh_answers_with_the_row_as_it_is_now(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        registered = await desk.acts().register(request())
        desk.proxmox.found = look(nodes=[node("pve1"), node("pve2"), node("pve3", "offline")])
        row = await desk.acts().refresh(registered.id)
        assert (row.status, row.nodes_online) == ("degraded", 2)
        assert await desk.rows() == [row]
        assert {event.kind for event in await desk.events()} == {
            "cluster_registered", "cluster_status", "cluster_node_offline"
        }  # fmt: skip
        assert (await desk.audit()).result == "done"

    at_the_desk(tmp_path, scenario)


def test_a_refresh_of_a_silent_cluster_is_an_answer_and_a_failure_in_the_audit(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        registered = await desk.acts().register(request())
        desk.proxmox.found = failure("unreachable", "connection refused")
        row = await desk.acts().refresh(registered.id)
        assert (row.status, row.failures, row.node_count) == ("degraded", 1, 3)
        entry = await desk.audit()
        assert (entry.action, entry.result, entry.message) == ("clusters.refresh", "failed", "connection refused")
        assert len((await desk.database.read(store.members, row.id)).nodes) == 3

    at_the_desk(tmp_path, scenario)


def test_a_refresh_of_a_cluster_that_is_deregistered_meanwhile_brings_nothing_back(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        row = await desk.acts().register(request())
        desk.proxmox.gate.clear()
        refreshing = asyncio.create_task(desk.acts().refresh(row.id))
        await until(lambda: len(desk.proxmox.asked) == 2)
        await desk.acts().deregister(row.id)
        desk.proxmox.gate.set()
        with pytest.raises(NotFound):
            await refreshing
        assert await desk.rows() == []

    at_the_desk(tmp_path, scenario)


def test_a_certificate_is_trusted_when_the_cluster_shows_it(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        registered = await desk.acts().register(request())
        desk.proxmox.found = failure("changed_certificate", "it changed", fingerprint=FINGERPRINT)
        silent = await desk.acts().refresh(registered.id)
        assert (silent.status, silent.seen_fingerprint) == ("unhealthy", FINGERPRINT)
        desk.proxmox.found = look()
        row = await desk.acts().trust(registered.id, trusting(FINGERPRINT.replace(":", "").lower()))
        assert (row.status, row.seen_fingerprint) == ("healthy", "")
        assert row.tls == ClusterTls(verify="fingerprint", fingerprint=FINGERPRINT)
        assert (desk.proxmox.asked[-1].verify, desk.proxmox.asked[-1].fingerprint) == ("fingerprint", FINGERPRINT)
        assert desk.proxmox.forgotten == [row.id]
        assert (await desk.audit()).params == {"fingerprint": FINGERPRINT.replace(":", "").lower(), "confirm": True}

    at_the_desk(tmp_path, scenario)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ("changed_certificate", Conflict),
        ("certificate", Conflict),
        ("unreachable", BadGateway),
        ("timeout", DeadlineExceeded),
        ("secret", Unavailable),
    ],
)
def test_a_certificate_that_is_not_shown_is_not_trusted(trouble: Trouble, kind: type[Problem], tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        registered = await desk.acts().register(request())
        desk.proxmox.found = failure(trouble, "it is another one", fingerprint="AB" if kind is Conflict else "")
        with pytest.raises(kind) as caught:
            await desk.acts().trust(registered.id, trusting())
        assert caught.value.details["reason"] == trouble
        assert caught.value.details.get("fingerprint") == ("AB" if kind is Conflict else None)
        assert await desk.rows() == [registered]

    at_the_desk(tmp_path, scenario)


def test_a_certificate_is_trusted_also_when_the_log_in_behind_it_fails(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        registered = await desk.acts().register(request())
        desk.proxmox.found = failure("authentication", "the password was changed")
        row = await desk.acts().trust(registered.id, trusting())
        assert (row.tls.fingerprint, row.status) == (FINGERPRINT, "unhealthy")
        assert row.status_reason == "the password was changed"

    at_the_desk(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fields", "typed", "kind", "details"),
    [
        ({}, trusting(confirm=False), BadRequest, {"field": "confirm"}),
        ({}, trusting("AB:CD"), BadRequest, {"field": "fingerprint"}),
        ({"api_endpoint": "http://127.0.0.1:8006"}, trusting(), Conflict, {"reason": "no_tls"}),
    ],
)
def test_trust_that_makes_no_sense_is_refused_before_the_cluster_is_asked(
    fields: dict[str, Any], typed: Any, kind: type[Problem], details: dict[str, str], tmp_path: Path
) -> None:
    async def scenario(desk: Desk) -> None:
        registered = await desk.acts().register(request(**fields))
        with pytest.raises(kind) as caught:
            await desk.acts().trust(registered.id, typed)
        assert caught.value.details == details
        assert len(desk.proxmox.asked) == 1

    at_the_desk(tmp_path, scenario)
