import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from node.sources.proxmox_deadline import Deadline, Resolver
from node.sources.proxmox_types import ProxmoxLimits
from tests.fakes.proxmox import PASSWORD, FakeProxmox, fake_proxmox
from tests.fakes.proxmox_faults import CUT, DRIP, DROP, HANG, HTML, NULL, OFFLINE_NODE, Fault
from tests.node.processes import wait_until
from tests.node.sources.proxmoxing import Looker, asked, pve, target, token_target

__all__ = ["pve"]

QUICK = ProxmoxLimits(connect_sec=5, read_sec=0.3, total_sec=20)
SHORT = ProxmoxLimits(connect_sec=20, read_sec=20, total_sec=3)


@pytest.mark.parametrize("path", ["/version", "/cluster/status", "/cluster/resources"])
def test_an_endpoint_that_keeps_silent_is_left_after_the_time_for_one_answer(pve: FakeProxmox, path: str) -> None:
    pve.state.faults[path] = HANG
    failure = Looker(QUICK).failure(token_target(pve))
    assert (failure.trouble, failure.message) == ("timeout", f"{pve.url} did not answer within 0.3 s")


@pytest.mark.parametrize("path", ["/access/ticket", "/version", "/cluster/resources"])
def test_an_endpoint_that_drips_is_cut_off_at_the_end_of_all_time(pve: FakeProxmox, path: str) -> None:
    pve.state.faults[path] = DRIP
    started = time.monotonic()
    failure = Looker(SHORT).failure(target(pve))
    assert (failure.trouble, failure.message) == ("timeout", f"{pve.url} did not come to an end within 3 s")
    assert time.monotonic() - started < 15


def test_a_log_in_is_waited_for_longer_than_a_401_is_late(pve: FakeProxmox) -> None:
    pve.unauthorized_delay_sec = 0.8
    failure = Looker(QUICK).failure(target(pve, secret="wrong"))  # noqa: S106
    assert failure.trouble == "authentication"


@pytest.mark.parametrize(
    ("fault", "words"),
    [(DROP, "it closed the connection without an answer"), (CUT, "broke off in the middle of its answer")],
)
@pytest.mark.parametrize("path", ["/access/ticket", "/version", "/cluster/status"])
def test_an_endpoint_that_breaks_off_is_unreachable(pve: FakeProxmox, path: str, fault: Fault, words: str) -> None:
    pve.state.faults[path] = fault
    failure = Looker().failure(target(pve))
    assert failure.trouble == "unreachable"
    assert words in failure.message


def test_an_endpoint_that_is_not_there_refuses_the_connection(pve: FakeProxmox) -> None:
    pve.stop()
    failure = Looker().failure(target(pve))
    assert (failure.trouble, failure.message) == (
        "unreachable",
        f"{pve.url} cannot be connected to: connection refused",
    )


@pytest.mark.parametrize(
    ("path", "fault", "words"),
    [
        ("/version", HTML, "answers version with a web page; is it a Proxmox VE?"),
        ("/version", NULL, "answers version with null where an object should be"),
        ("/version", Fault(data={"version": 8}), "answers version with no version"),
        ("/version", Fault(body=b""), "answers version with no JSON"),
        ("/access/ticket", HTML, "answers the log-in with a web page"),
        ("/access/ticket", NULL, "answers the log-in with null"),
        ("/access/ticket", Fault(data={"ticket": "a\r\nb"}), "answers the log-in with no ticket"),
        ("/access/ticket", Fault(headers={"Content-Encoding": "gzip"}), "something else than the gzip it promises"),
    ],
)
def test_a_200_that_is_no_answer_of_proxmox_is_malformed(pve: FakeProxmox, path: str, fault: Fault, words: str) -> None:
    pve.state.faults[path] = fault
    failure = Looker().failure(target(pve))
    assert failure.trouble == "malformed"
    assert words in failure.message


@pytest.mark.parametrize("status", [500, 501, 595, 596, 599])
def test_an_error_is_refused_with_its_status_and_the_words_of_its_status_line(pve: FakeProxmox, status: int) -> None:
    pve.state.faults["/version"] = Fault(status=status, reason="No route to host")
    failure = Looker().failure(target(pve))
    assert (failure.trouble, failure.status) == ("refused", status)
    assert failure.message == f"{pve.url} answers {status} to version: No route to host"


def test_the_words_of_a_status_line_are_made_readable_and_short(pve: FakeProxmox) -> None:
    pve.state.faults["/version"] = Fault(status=500, reason="\x1b[31mred\x07  " + "x" * 1000)
    message = Looker().failure(target(pve)).message
    assert message.isprintable()
    assert len(message) < 300


def test_words_that_say_the_secret_again_are_not_passed_on(pve: FakeProxmox) -> None:
    pve.state.faults["/access/ticket"] = Fault(status=401, reason=f"no such password: {PASSWORD}")
    message = Looker().failure(target(pve)).message
    assert "no such password: …" in message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_followed_elsewhere_with_a_password(pve: FakeProxmox, status: int) -> None:
    with fake_proxmox() as other:
        where = f"{other.url}/api2/json/access/ticket"
        pve.state.faults["/access/ticket"] = Fault(status=status, reason="Moved", headers={"Location": where})
        failure = Looker().failure(target(pve))
        assert failure.trouble == "refused"
        assert "elsewhere" in failure.message
        assert asked(other) == []


def test_a_cookie_of_the_server_does_not_drive_out_the_ticket(pve: FakeProxmox) -> None:
    pve.state.faults["*"] = Fault(headers={"Set-Cookie": "session=1; Path=/"})
    looker = Looker()
    assert looker.look(target(pve)).missing == []
    assert looker.look(target(pve)).missing == []
    assert not any("session=1" in call.headers.get("cookie", "") for call in pve.calls)


@contextmanager
def raw(answer: bytes) -> Iterator[str]:
    """A server that says this to whoever asks it something, without TLS, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("answer", "trouble", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed", "does not speak HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "malformed", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", "malformed", "does not speak HTTP"),
        (b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n", "malformed", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "malformed", "more than 32 MiB"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "unreachable", "in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "unreachable", "in the middle of its answer"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "malformed", "no JSON"),
        (b"", "unreachable", "without an answer"),
    ],
)
def test_what_speaks_no_good_http_is_told_apart_from_what_is_not_there(
    pve: FakeProxmox, answer: bytes, trouble: str, words: str
) -> None:
    with raw(answer) as url:
        failure = Looker().failure(token_target(pve, endpoints=[url]))
    assert failure.trouble == trouble
    assert words in failure.message


def test_an_answer_that_unpacks_to_too_much_is_given_up(pve: FakeProxmox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.sources.proxmox_wire.MOST_BYTES", 1024 * 1024)
    pve.state.faults["/version"] = Fault(data=" " * 2 * 1024 * 1024)
    failure = Looker().failure(target(pve))
    assert (failure.trouble, failure.message) == ("malformed", f"{pve.url} answers with more than 1 MiB")


def test_the_next_endpoint_is_asked_when_one_does_not_answer(pve: FakeProxmox) -> None:
    with fake_proxmox() as other:
        both = token_target(pve, endpoints=[other.url, pve.url], verify="ca", ca=pve.ca_pem + other.ca_pem)
        looker = Looker()
        assert looker.look(both).endpoint == other.url
        other.stop()
        look = looker.look(both)
        assert look.endpoint == pve.url
        assert look.unreachable == [f"{other.url} cannot be connected to: connection refused"]
        other.start()
        asked(other)
        look = looker.look(both)
        assert (look.endpoint, look.unreachable) == (pve.url, [])
        assert asked(other) == []


@pytest.mark.parametrize("fault", [HANG, DRIP, DROP, CUT, HTML, NULL, OFFLINE_NODE, Fault(status=500)])
def test_the_next_endpoint_is_asked_whatever_is_wrong_with_the_first(pve: FakeProxmox, fault: Fault) -> None:
    with fake_proxmox() as other:
        other.state.faults["/version"] = fault
        limits = ProxmoxLimits(connect_sec=5, read_sec=0.4, total_sec=2)
        both = token_target(pve, endpoints=[other.url, pve.url], verify="ca", ca=pve.ca_pem + other.ca_pem)
        look = Looker(limits).look(both)
        assert look.endpoint == pve.url
        assert len(look.unreachable) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_no_other_endpoint_is_asked_when_the_answer_is_about_the_user(pve: FakeProxmox, status: int) -> None:
    with fake_proxmox(unauthorized_delay_sec=0) as other:
        other.state.faults["/version"] = Fault(status=status, reason="no")
        both = token_target(pve, endpoints=[other.url, pve.url], verify="ca", ca=pve.ca_pem + other.ca_pem)
        assert Looker().failure(both).status == status
        assert asked(pve) == []


def test_a_certificate_that_is_not_trusted_at_the_first_endpoint_ends_the_look(pve: FakeProxmox) -> None:
    with fake_proxmox() as other:
        failure = Looker().failure(target(pve, endpoints=[other.url, pve.url]))
        assert (failure.trouble, failure.fingerprint) == ("changed_certificate", other.fingerprint)
        assert asked(other) == asked(pve) == []


def test_the_certificate_of_another_endpoint_is_named_and_the_first_trouble_stays(pve: FakeProxmox) -> None:
    pve.stop()
    with fake_proxmox() as other:
        failure = Looker().failure(target(pve, endpoints=[pve.url, other.url]))
        assert (failure.trouble, failure.endpoint) == ("unreachable", pve.url)
        assert f"connection refused; the certificate of {other.url} is not the one" in failure.message
        assert asked(other) == []


def test_two_looks_at_one_cluster_wait_for_each_other_but_not_for_ever(pve: FakeProxmox) -> None:
    pve.state.faults["/version"] = Fault(delay_sec=3.0)
    looker = Looker(ProxmoxLimits(connect_sec=5, read_sec=20, total_sec=20))
    impatient = Looker(ProxmoxLimits(total_sec=0.2))
    impatient._session = looker._session
    first = threading.Thread(target=looker.look, args=(target(pve),))
    first.start()
    while not pve.called("/version"):
        time.sleep(0.005)
    failure = impatient.failure(target(pve))
    first.join()
    assert failure.trouble == "timeout"
    assert "is still being asked" in failure.message


def test_a_name_whose_look_up_hangs_costs_one_thread_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    calls: list[str] = []

    def hang(host: str, port: int, **_: object) -> list[object]:
        calls.append(host)
        assert answer.wait(60)
        return [("address", port)]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = Resolver()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            resolver.addresses("slow.example", 8006, 0.02)
    wait_until(lambda: calls != [])
    assert calls == ["slow.example"]
    answer.set()
    assert resolver.addresses("other.example", 1, 30) == [("address", 1)]
    assert resolver.addresses("slow.example", 8006, 30) == [("address", 8006)]


def test_a_deadline_that_has_passed_shuts_down_whatever_comes_after_it() -> None:
    left, right = socket.socketpair()
    with left, right, Deadline(0.0) as deadline:
        until = time.monotonic() + 30
        while not deadline.passed:
            assert time.monotonic() < until
        deadline.watch(left)
        assert right.recv(1) == b""
        with pytest.raises(TimeoutError):
            deadline.within(1)
