"""The fake Proxmox VE is like a real one in what matters: proxmoxer talks to it, and it says no as one does."""

import contextlib
import hashlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from proxmoxer import ProxmoxAPI

from tests.fakes.proxmox import PASSWORD, TOKEN, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_access import Token
from tests.fakes.proxmox_certificate import Authority
from tests.fakes.proxmox_estate import Estate, Node
from tests.fakes.proxmox_faults import CUT, DRIP, DROP, HANG, HTML, NULL, OFFLINE_NODE, Fault
from tests.node.processes import wait_until

AUTH = {"Authorization": f"PVEAPIToken=root@pam!mon={TOKEN}"}


@contextlib.contextmanager
def connected(pve: FakeProxmox, timeout: float = 20.0) -> Iterator[http.client.HTTPSConnection]:
    context = ssl.create_default_context(cadata=pve.ca_pem)
    place = urlsplit(pve.url)
    connection = http.client.HTTPSConnection(place.hostname or "", place.port, context=context, timeout=timeout)
    with contextlib.closing(connection):
        yield connection


def ask(
    pve: FakeProxmox, path: str, *, method: str = "GET", body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str, Any]:
    """Status, reason and `data` (or the text) of one answer."""
    with connected(pve) as connection:
        headers = AUTH if headers is None else headers
        connection.request(method, f"/api2/json{path}", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        is_json = answer.headers["Content-Type"].startswith("application/json")
        return answer.status, answer.reason, json.loads(text)["data"] if is_json else text


def log_in(pve: FakeProxmox, user: str = "root@pam", password: str = PASSWORD) -> tuple[int, str, Any]:
    return ask(
        pve,
        "/access/ticket",
        method="POST",
        body=urlencode({"username": user, "password": password}),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )


def with_ticket(ticket: str) -> dict[str, str]:
    return {"Cookie": f"PVEAuthCookie={ticket}"}


def api(pve: FakeProxmox, tmp_path_pem: str, **login: str) -> ProxmoxAPI:
    place = urlsplit(pve.url)
    return ProxmoxAPI(f"{place.hostname}:{place.port}", verify_ssl=tmp_path_pem, **login)


@pytest.mark.parametrize(
    "login",
    [
        {"user": "root@pam", "password": PASSWORD},
        {"user": "root@pam", "token_name": "mon", "token_value": TOKEN},
    ],
    ids=["password", "token"],
)
def test_proxmoxer_reads_a_whole_cluster_from_it(login: dict[str, str], tmp_path: Any) -> None:
    with fake_proxmox() as pve:
        (tmp_path / "ca.pem").write_text(pve.ca_pem)
        proxmox = api(pve, str(tmp_path / "ca.pem"), **login)
        assert proxmox.version.get()["version"] == "8.4.1"
        assert [row["type"] for row in proxmox.cluster.status.get()] == ["cluster", "node", "node", "node"]
        assert [row["vmid"] for row in proxmox.cluster.resources.get(type="vm")] == [100, 101, 200, 201, 900]
        proxmox._store["session"].close()
    assert [call.status for call in pve.calls] == [200] * len(pve.calls)


def test_the_fingerprint_is_that_of_the_certificate_it_shows() -> None:
    with fake_proxmox() as pve:
        place = urlsplit(pve.url)
        before = ssl.get_server_certificate((place.hostname or "", place.port or 0), ca_certs=None, timeout=20)
        assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(before)).hexdigest().upper() == pve.fingerprint.replace(":", "")
        was = pve.fingerprint
        pve.change_certificate()
        assert pve.fingerprint != was
        assert ask(pve, "/version")[0] == 200


def test_a_certificate_of_another_authority_or_for_another_host_or_an_old_one_is_refused_by_a_client() -> None:
    with fake_proxmox() as pve:
        trusted = pve.ca_pem
        pve.change_certificate(authority=Authority())
        context = ssl.create_default_context(cadata=trusted)
        place = urlsplit(pve.url)
        other = http.client.HTTPSConnection(place.hostname or "", place.port, context=context, timeout=20)
        with contextlib.closing(other), pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
            other.request("GET", "/api2/json/version")
        assert pve.calls == []
    with (
        fake_proxmox(names=("pve.example.com",)) as elsewhere,
        pytest.raises(ssl.SSLCertVerificationError, match="not valid for"),
    ):
        ask(elsewhere, "/version")
    with fake_proxmox(expired=True) as old, pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        ask(old, "/version")


def test_a_ticket_comes_in_a_cookie_and_is_worth_something_for_its_time_only() -> None:
    with fake_proxmox(ticket_life_sec=60, unauthorized_delay_sec=0.01) as pve:
        status, _, login = log_in(pve)
        assert status == 200
        assert login["username"] == "root@pam"
        assert login["clustername"] == "prod"
        assert login["CSRFPreventionToken"]
        headers = with_ticket(login["ticket"])
        assert ask(pve, "/version", headers=headers)[0] == 200
        # As if its time was over: how long that takes to come depends on nothing but the clock.
        pve.access.ticket_life_sec = 0
        assert ask(pve, "/version", headers=headers)[:2] == (401, "permission denied - invalid PVE ticket")


def test_a_good_ticket_renews_itself_and_a_bad_one_does_not() -> None:
    with fake_proxmox(unauthorized_delay_sec=0.01) as pve:
        ticket = log_in(pve)[2]["ticket"]
        assert log_in(pve, password=ticket)[0] == 200
        pve.expire_tickets()
        assert log_in(pve, password=ticket)[0] == 401


def test_every_401_comes_late() -> None:
    with fake_proxmox(unauthorized_delay_sec=0.4) as pve:
        for answer in (log_in(pve, password="wrong"), ask(pve, "/version", headers={})):  # noqa: S106
            assert answer[0] == 401
        late = [call for call in pve.calls if call.status == 401]
        began = time.monotonic()
        assert log_in(pve, user="nobody@pve")[0:2] == (401, "authentication failure")
        assert time.monotonic() - began >= 0.4
        assert len(late) == 2


def test_the_seeming_token_header_with_a_ticket_in_it_is_refused() -> None:
    with fake_proxmox(unauthorized_delay_sec=0.01) as pve:
        ticket = log_in(pve)[2]["ticket"]
        assert ask(pve, "/version", headers={"Authorization": f"PVEAPIToken={ticket}"})[0] == 401


def test_a_user_without_a_realm_or_a_log_in_without_a_password_gets_the_words_proxmox_has_for_it() -> None:
    with fake_proxmox(unauthorized_delay_sec=0.01) as pve:
        assert log_in(pve, user="root")[0] == 401
        assert log_in(pve, password="")[:2] == (400, "Parameter verification failed.")


def test_a_user_with_a_second_factor_gets_a_challenge_that_opens_nothing() -> None:
    with fake_proxmox(unauthorized_delay_sec=0.01) as pve:
        pve.tfa.add("root@pam")
        status, _, login = log_in(pve)
        assert (status, login["NeedTFA"]) == (200, 1)
        assert login["ticket"].startswith("PVE:!tfa!")
        assert ask(pve, "/version", headers=with_ticket(login["ticket"]))[0] == 401


def test_a_token_is_refused_by_name_or_by_value() -> None:
    with fake_proxmox(unauthorized_delay_sec=0.01) as pve:
        header = {"Authorization": "PVEAPIToken=root@pam!other=x"}
        assert ask(pve, "/version", headers=header)[:2] == (401, "no such token 'other' for user 'root@pam'")
        header = {"Authorization": "PVEAPIToken=root@pam!mon=x"}
        assert ask(pve, "/version", headers=header)[:2] == (401, "invalid token value!")


def test_a_token_that_is_separated_from_its_user_sees_nodes_without_numbers_and_nothing_else() -> None:
    with fake_proxmox() as pve:
        pve.tokens["root@pam!mon"] = Token(TOKEN, {})
        assert ask(pve, "/version")[0] == 200
        assert ask(pve, "/cluster/status")[:2] == (403, "Permission check failed (/, Sys.Audit)")
        assert ask(pve, "/access/permissions")[2] == {}
        rows = ask(pve, "/cluster/resources")[2]
        assert {row["type"] for row in rows} == {"node", "sdn"}
        assert not any("cpu" in row for row in rows)


def test_a_privilege_holds_below_where_it_was_given_until_another_is_given_nearer() -> None:
    with fake_proxmox() as pve:
        pve.tokens["root@pam!mon"] = Token(TOKEN, {"/vms": ["VM.Audit"], "/vms/101": []})
        rows = ask(pve, "/cluster/resources?type=vm")[2]
        assert [row["vmid"] for row in rows] == [100, 200, 201, 900]
        assert ask(pve, "/access/permissions")[2] == {"/vms": {"VM.Audit": 1}}


def test_a_node_that_is_down_takes_the_names_and_numbers_of_its_guests_with_it() -> None:
    with fake_proxmox() as pve:
        pve.state.node("pve2").online = False
        rows = {row["id"]: row for row in ask(pve, "/cluster/resources")[2]}
        assert rows["node/pve2"] == {"id": "node/pve2", "type": "node", "node": "pve2", "status": "offline"}
        assert rows["lxc/200"] == {"id": "lxc/200", "type": "lxc", "vmid": 200, "node": "pve2", "status": "unknown"}
        assert "maxdisk" not in rows["storage/pve2/nas"]
        assert rows["storage/pve1/nas"]["maxdisk"] > 0
        assert ask(pve, "/nodes/pve2/status")[:2] == (595, "No route to host")
        assert ask(pve, "/nodes/pve1/status")[0] == 200


def test_a_host_that_is_in_no_cluster_has_no_row_for_one() -> None:
    with fake_proxmox(Estate(cluster_name=None, nodes=[Node("solo")])) as pve:
        assert [(row["type"], row["nodeid"]) for row in ask(pve, "/cluster/status")[2]] == [("node", 0)]
        assert "clustername" not in log_in(pve)[2]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (NULL, (200, "OK", None)),
        (Fault(data="no list"), (200, "OK", "no list")),
        (OFFLINE_NODE, (595, "No route to host", None)),
        (Fault(status=503, reason="busy"), (503, "busy", None)),
        (HTML, (200, "OK", "<!DOCTYPE html><html><title>Sign in</title></html>")),
    ],
    ids=["null", "wrong type", "595", "503", "html"],
)
def test_an_answer_is_wrong_as_told(fault: Fault, told: tuple[int, str, Any]) -> None:
    with fake_proxmox() as pve:
        pve.state.faults["/cluster/status"] = fault
        assert ask(pve, "/cluster/status") == told
        assert ask(pve, "/version")[0] == 200


def test_a_list_of_faults_is_used_up() -> None:
    with fake_proxmox() as pve:
        pve.state.faults["*"] = [Fault(status=502), Fault(delay_sec=0.01)]
        assert [ask(pve, "/version")[0] for _ in range(3)] == [502, 200, 200]


@pytest.mark.parametrize("fault", [HANG, DRIP, DROP, CUT], ids=["hang", "drip", "drop", "cut"])
def test_an_answer_that_never_ends_is_over_when_the_server_stops(fault: Fault) -> None:
    """And one that breaks off is seen as that."""
    with fake_proxmox() as pve:
        pve.state.faults["/version"] = fault
        endless = fault in (HANG, DRIP)
        with connected(pve) as connection:
            connection.request("GET", "/api2/json/version", headers=AUTH)
            if endless:
                connection.sock.settimeout(0.5)
            with pytest.raises((TimeoutError, http.client.HTTPException, ConnectionError)):
                read_for(connection, 0.5 if endless else 20)


def read_for(connection: http.client.HTTPSConnection, seconds: float) -> None:
    """Read the answer to its end; each read may take as long as it likes, all of them may not."""
    answer = connection.getresponse()
    end = time.monotonic() + seconds
    while chunk := answer.read1(1):
        if time.monotonic() > end:
            raise TimeoutError(chunk)
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)


def test_nothing_at_all_is_said_by_one_that_is_mute() -> None:
    with fake_proxmox() as pve:
        pve.server.mute = True
        with connected(pve, timeout=0.3) as connection, pytest.raises(TimeoutError):
            connection.connect()
        # Its thread may not have had its turn yet.
        wait_until(lambda: pve.server.connections.opened == 1)


def test_one_that_was_stopped_refuses_and_comes_back_at_the_same_place() -> None:
    with fake_proxmox() as pve:
        url = pve.url
        pve.stop()
        with pytest.raises(ConnectionRefusedError):
            ask(pve, "/version")
        pve.start()
        assert pve.url == url
        assert ask(pve, "/version")[0] == 200


@pytest.mark.parametrize("login", ["token", "ticket", "ticket with its CSRF token"])
def test_whoever_writes_is_refused_and_given_away(login: str) -> None:
    with pytest.raises(AssertionError, match=r"\('POST', '/nodes/pve1/qemu/100/status/stop'\)"):
        refused_write(login)


def refused_write(login: str) -> None:
    with fake_proxmox(unauthorized_delay_sec=0.01) as pve:
        headers = AUTH
        if login != "token":
            ticket = log_in(pve)[2]
            headers = with_ticket(ticket["ticket"])
            if login != "ticket":
                headers["CSRFPreventionToken"] = ticket["CSRFPreventionToken"]
        status, _, _ = ask(pve, "/nodes/pve1/qemu/100/status/stop", method="POST", headers=headers)
        if status != (401 if login == "ticket" else 403):
            pytest.fail(f"answered {status}")


def test_every_call_is_recorded_with_what_was_sent() -> None:
    with fake_proxmox() as pve:
        log_in(pve)
        ask(pve, "/cluster/resources?type=node")
        assert [(call.method, call.path, call.query) for call in pve.calls] == [
            ("POST", "/access/ticket", ""),
            ("GET", "/cluster/resources", "type=node"),
        ]
        assert "username=root%40pam" in pve.calls[0].body
        assert pve.calls[1].headers["authorization"] == AUTH["Authorization"]
        assert pve.calls[0].at <= pve.calls[1].at


def test_behind_a_path_only_that_path_is_the_api() -> None:
    with fake_proxmox(prefix="/pve") as pve:
        assert pve.url.endswith("/pve")
        assert ask(pve, "/version")[2].startswith("<!DOCTYPE html>")
        with connected(pve) as connection:
            connection.request("GET", "/pve/api2/json/version", headers=AUTH)
            assert json.loads(connection.getresponse().read())["data"]["version"] == "8.4.1"


def test_without_tls_it_speaks_plain_http() -> None:
    with fake_proxmox(tls=False) as pve:
        place = urlsplit(pve.url)
        assert place.scheme == "http"
        with socket.create_connection((place.hostname, place.port), timeout=20) as plain:
            plain.sendall(b"GET /api2/json/version HTTP/1.0\r\n\r\n")
            pve.unauthorized_delay_sec = 0.01
            assert plain.recv(100).startswith(b"HTTP/1.1 401 No ticket")
