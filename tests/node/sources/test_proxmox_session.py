import time
from urllib.parse import parse_qs

import msgspec
import pytest

from node.sources import proxmox_login, proxmox_session
from node.sources.proxmox_login import Ticket
from tests.fakes import proxmox_estate as estates
from tests.fakes.proxmox import PASSWORD, TOKEN, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_access import AUDITOR, Token
from tests.fakes.proxmox_estate import Estate, Node
from tests.fakes.proxmox_faults import HTML, NULL, Fault
from tests.node.sources.proxmoxing import NOW, Looker, asked, pve, target, token_target

__all__ = ["pve"]

ALL = ["/version", "/cluster/status", "/cluster/resources"]
LOG_IN = "/access/ticket"


def test_a_look_logs_in_with_a_password_and_sees_the_whole_cluster(pve: FakeProxmox) -> None:
    look = Looker().look(target(pve))
    assert (look.endpoint, look.fingerprint, look.version) == (pve.url, pve.fingerprint, "8.4.1")
    assert (look.cluster_name, look.quorate, look.at) == ("prod", True, NOW)
    assert ([row.name for row in look.nodes], len(look.guests), len(look.storage)) == (["pve1", "pve2", "pve3"], 5, 4)
    assert (look.missing, look.unreachable) == ([], [])
    assert look.duration_ms > 0
    assert asked(pve) == [LOG_IN, *ALL]


def test_the_ticket_goes_into_the_cookie_and_the_password_into_the_log_in_alone(pve: FakeProxmox) -> None:
    Looker().look(target(pve))
    log_in, *others = pve.calls
    assert parse_qs(log_in.body, keep_blank_values=True) == {"username": ["root@pam"], "password": [PASSWORD]}
    for call in others:
        assert call.headers["cookie"].startswith("PVEAuthCookie=PVE:root@pam:")
        assert "authorization" not in call.headers
        assert PASSWORD not in repr(call)


def test_an_api_token_needs_no_log_in(pve: FakeProxmox) -> None:
    look = Looker().look(token_target(pve))
    assert (look.version, look.missing) == ("8.4.1", [])
    assert {call.headers["authorization"] for call in pve.calls} == {f"PVEAPIToken=root@pam!mon={TOKEN}"}
    assert asked(pve) == ALL


def test_the_next_look_has_the_ticket_and_the_version_still(pve: FakeProxmox) -> None:
    looker = Looker()
    looker.look(target(pve))
    asked(pve)
    assert looker.look(target(pve)).version == "8.4.1"
    assert asked(pve) == ["/cluster/status", "/cluster/resources"]


def test_a_version_that_is_old_is_asked_for_again(pve: FakeProxmox, monkeypatch: pytest.MonkeyPatch) -> None:
    looker = Looker()
    looker.look(target(pve))
    pve.state.version = "9.0.3"
    assert looker.look(target(pve)).version == "8.4.1"
    monkeypatch.setattr(proxmox_session, "VERSION_SEC", 0.0)
    assert looker.look(target(pve)).version == "9.0.3"


def test_a_version_is_asked_for_again_after_a_look_that_failed(pve: FakeProxmox) -> None:
    looker = Looker()
    looker.look(target(pve))
    pve.stop()
    assert looker.failure(target(pve)).trouble == "unreachable"
    pve.state.version = "9.0.3"
    pve.start()
    assert looker.look(target(pve)).version == "9.0.3"


def test_a_ticket_is_renewed_before_it_runs_out(pve: FakeProxmox, monkeypatch: pytest.MonkeyPatch) -> None:
    looker = Looker()
    looker.look(target(pve))
    asked(pve)
    monkeypatch.setattr(proxmox_login, "TICKET_SEC", 0.0)
    looker.look(target(pve))
    assert 401 not in {call.status for call in pve.calls}
    assert asked(pve)[0] == LOG_IN


def test_a_ticket_of_two_hours_is_relied_on_for_one() -> None:
    now = time.monotonic()
    assert Ticket("PVE:x", now - 3500).is_good
    assert not Ticket("PVE:x", now - 3700).is_good
    assert not Ticket("", now).is_good


def test_a_ticket_that_is_refused_is_got_anew_once(pve: FakeProxmox) -> None:
    looker = Looker()
    looker.look(target(pve))
    asked(pve)
    pve.expire_tickets()
    assert looker.look(target(pve)).quorate is True
    assert asked(pve) == ["/cluster/status", LOG_IN, "/cluster/status", "/cluster/resources"]


def test_a_ticket_that_is_refused_right_after_the_log_in_ends_the_look(pve: FakeProxmox) -> None:
    pve.state.faults["/version"] = Fault(status=401, reason="permission denied - invalid PVE ticket")
    failure = Looker().failure(target(pve))
    assert (failure.trouble, failure.status) == ("authentication", 401)
    assert asked(pve) == [LOG_IN, "/version"]


def test_a_new_ticket_that_is_refused_too_ends_the_look(pve: FakeProxmox) -> None:
    looker = Looker()
    looker.look(target(pve))
    asked(pve)
    pve.state.faults["/cluster/status"] = Fault(status=401, reason="permission denied - invalid PVE ticket")
    assert looker.failure(target(pve)).trouble == "authentication"
    assert asked(pve) == ["/cluster/status", LOG_IN, "/cluster/status"]


def test_a_wrong_password_is_an_authentication_failure_that_names_the_user(pve: FakeProxmox) -> None:
    failure = Looker().failure(target(pve, secret="wrong"))  # noqa: S106
    assert (failure.trouble, failure.status, failure.endpoint) == ("authentication", 401, pve.url)
    assert failure.message == (
        f"{pve.url} does not let root@pam in (authentication failure): check the user, its realm and its password"
    )
    assert asked(pve) == [LOG_IN]


def test_a_log_in_that_is_a_bad_request_is_an_authentication_failure_too(pve: FakeProxmox) -> None:
    errors = b'{"errors":{"username":"value may only be 64 characters long"},"data":null}'
    pve.state.faults[LOG_IN] = Fault(status=400, reason="Parameter verification failed.", body=errors)
    failure = Looker().failure(target(pve))
    assert (failure.trouble, failure.status) == ("authentication", 400)
    assert "Parameter verification failed.; username: value may only be 64 characters long" in failure.message


@pytest.mark.parametrize("status", [403, 500, 501, 595, 599])
def test_a_log_in_that_fails_otherwise_is_no_authentication_failure(pve: FakeProxmox, status: int) -> None:
    pve.state.faults[LOG_IN] = Fault(status=status, reason="No route to host")
    failure = Looker().failure(target(pve))
    assert (failure.trouble, failure.status) == ("refused", status)
    assert f"answers {status} to access/ticket: No route to host" in failure.message


def test_a_user_with_a_second_factor_is_told_to_make_a_token(pve: FakeProxmox) -> None:
    pve.tfa.add("root@pam")
    failure = Looker().failure(target(pve))
    assert failure.trouble == "tfa"
    assert "wants a second factor of root@pam: create an API token for it" in failure.message
    assert asked(pve) == [LOG_IN]
    assert Looker().look(token_target(pve)).quorate is True


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secret": "wrong"}, "invalid token value!"),
        ({"token_name": "other"}, "no such token 'other' for user 'root@pam'"),
    ],
)
def test_a_wrong_token_is_an_authentication_failure_at_the_first_call(
    pve: FakeProxmox, changes: dict[str, str], words: str
) -> None:
    failure = Looker().failure(token_target(pve, **changes))
    assert failure.trouble == "authentication"
    assert words in failure.message
    assert "check its name, its value and when it expires" in failure.message
    assert asked(pve) == ["/version"]


@pytest.mark.parametrize("value", ["a b", "a\r\nX-Evil: 1", "é", "a\x00"])
def test_a_token_that_no_header_can_hold_is_never_sent(pve: FakeProxmox, value: str) -> None:
    failure = Looker().failure(token_target(pve, secret=value))
    assert failure.trouble == "authentication"
    assert "holds characters that none has" in failure.message
    assert asked(pve) == []


@pytest.mark.parametrize(
    "changes", [{"secret": "x"}, {"username": "other@pve"}, {"token_name": "mon", "secret": TOKEN}]
)
def test_who_asks_as_somebody_else_has_another_ticket(pve: FakeProxmox, changes: dict[str, str]) -> None:
    looker = Looker()
    looker.look(target(pve))
    pve.users["other@pve"] = PASSWORD
    pve.users["root@pam"] = changes["secret"] if changes == {"secret": "x"} else PASSWORD
    asked(pve)
    looker.look(target(pve, **changes))
    assert asked(pve) == (ALL if "token_name" in changes else [LOG_IN, *ALL])


def test_a_cluster_without_quorum_says_so(pve: FakeProxmox) -> None:
    pve.state.quorate = False
    assert Looker().look(target(pve)).quorate is False


def test_a_host_that_stands_alone_has_neither_a_cluster_nor_a_quorum() -> None:
    with fake_proxmox(Estate(cluster_name=None, nodes=[Node("solo")])) as pve:
        look = Looker().look(target(pve))
    assert (look.cluster_name, look.quorate) == ("", None)
    assert [(row.name, row.status) for row in look.nodes] == [("solo", "online")]
    assert look.missing == []


def test_a_node_that_is_online_and_sends_no_numbers_is_missing(pve: FakeProxmox) -> None:
    pve.state.node("pve2").silent = True
    pve.state.node("pve3").online = False
    look = Looker().look(target(pve))
    assert look.missing == ["nodes: nothing from pve2; is pvestatd running there?"]
    assert [row.status for row in look.nodes] == ["online", "online", "offline"]


def test_a_token_without_privileges_sees_no_guests_and_that_is_not_none(pve: FakeProxmox) -> None:
    pve.tokens["root@pam!mon"] = Token(TOKEN, {})
    look = Looker().look(token_target(pve))
    assert look.missing == [
        "status: no permission (Sys.Audit)",
        "nodes: no permission (Sys.Audit)",
        "guests: no permission (VM.Audit)",
        "storage: no permission (Datastore.Audit)",
    ]
    assert (look.quorate, look.guests, look.storage) == (None, [], [])
    assert {(row.status, row.cpu_percent) for row in look.nodes} == {("online", None)}


def test_a_token_that_may_audit_a_cluster_without_guests_misses_none(pve: FakeProxmox) -> None:
    pve.state.guests.clear()
    pve.tokens["root@pam!mon"] = Token(TOKEN, {"/": AUDITOR})
    look = Looker().look(token_target(pve))
    assert (look.guests, look.missing) == ([], [])
    assert asked(pve) == [*ALL, "/access/permissions"]


def test_a_token_that_may_see_one_pool_only_is_not_told_that_it_may_see_nothing(pve: FakeProxmox) -> None:
    pve.state.guests.clear()
    pve.tokens["root@pam!mon"] = Token(
        TOKEN, {"/": {"Sys.Audit"}, "/storage": {"Datastore.Audit"}, "/pool/etl": {"VM.Audit"}}
    )
    assert Looker().look(token_target(pve)).missing == []


@pytest.mark.parametrize("fault", [Fault(status=500, reason="boom"), NULL, HTML])
def test_when_the_permissions_cannot_be_read_none_is_not_taken_for_none(pve: FakeProxmox, fault: Fault) -> None:
    pve.state.guests.clear()
    pve.state.faults["/access/permissions"] = fault
    missing = Looker().look(target(pve)).missing
    assert len(missing) == 1
    assert missing[0].startswith("guests: none is seen, and whether any may be is not known (")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(status=403, reason="Permission check failed (/, Sys.Audit)"), "status: no permission (Sys.Audit)"),
        (Fault(status=500, reason="got timeout"), "status: {url} answers 500 to cluster/status: got timeout"),
        (Fault(status=595, reason="No route to host"), "status: {url} answers 595 to cluster/status: No route to host"),
        (NULL, "status: the answer is null where a list should be"),
        (Fault(data=[]), "status: the answer is no nodes"),
        (HTML, "status: the answer is a web page"),
    ],
)
def test_a_status_that_is_not_there_costs_nothing_else(pve: FakeProxmox, fault: Fault, why: str) -> None:
    pve.state.faults["/cluster/status"] = fault
    look = Looker().look(target(pve))
    assert look.missing == [why.format(url=pve.url)]
    assert (look.quorate, look.cluster_name) == (None, "")
    assert ([row.name for row in look.nodes], len(look.guests)) == (["pve1", "pve2", "pve3"], 5)


@pytest.mark.parametrize("fault", [Fault(status=500, reason="got timeout"), NULL, HTML, Fault(data={"a": 1})])
def test_resources_that_are_not_there_leave_the_nodes_and_are_missing(pve: FakeProxmox, fault: Fault) -> None:
    pve.state.faults["/cluster/resources"] = fault
    look = Looker().look(target(pve))
    assert [text.partition(":")[0] for text in look.missing] == ["guests", "storage"]
    assert (look.quorate, len(look.nodes), look.guests, look.storage) == (True, 3, [], [])


def test_a_guest_that_cannot_be_read_is_missing_and_the_others_are_there(pve: FakeProxmox) -> None:
    rows = estates.resources(pve.state, lambda path, name: True)
    pve.state.faults["/cluster/resources"] = Fault(data=[*rows, {"type": "qemu", "vmid": "?", "node": "pve1"}])
    look = Looker().look(target(pve))
    assert len(look.guests) == 5
    assert look.missing == ["guests: 1 of them cannot be read, Proxmox answers something strange"]


def test_when_neither_status_nor_resources_come_there_is_no_look(pve: FakeProxmox) -> None:
    pve.state.faults["/cluster/status"] = HTML
    pve.state.faults["/cluster/resources"] = NULL
    assert Looker().failure(target(pve)).trouble == "malformed"
    pve.state.faults["/cluster/resources"] = Fault(status=500, reason="boom")
    assert Looker().failure(target(pve)).trouble == "refused"


def test_an_endpoint_behind_a_path_is_asked_there() -> None:
    with fake_proxmox(prefix="/pve") as pve:
        assert Looker().look(target(pve)).endpoint.endswith("/pve")


def test_an_endpoint_on_this_host_may_be_without_tls() -> None:
    with fake_proxmox(tls=False) as pve:
        look = Looker().look(msgspec.structs.replace(target(pve), verify="system", fingerprint=""))
    assert (look.endpoint.partition(":")[0], look.fingerprint) == ("http", "")
