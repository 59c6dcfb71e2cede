import socket
import ssl

import pytest

from node.sources.proxmox_types import ProxmoxLimits, Trouble
from tests.fakes.proxmox import FakeProxmox, fake_proxmox
from tests.fakes.proxmox_certificate import Authority
from tests.node.sources.proxmoxing import LIMITS, Looker, asked, pve, target

__all__ = ["pve"]


def test_an_authority_that_is_given_is_trusted(pve: FakeProxmox) -> None:
    look = Looker().look(target(pve, verify="ca", ca=pve.ca_pem, fingerprint=""))
    assert look.fingerprint == pve.fingerprint


def test_a_comment_beside_an_authority_may_be_in_any_language(pve: FakeProxmox) -> None:
    assert Looker().look(target(pve, verify="ca", ca=f"# 인증서\n{pve.ca_pem}", fingerprint="")).quorate is True


def test_a_certificate_may_be_given_itself_instead_of_its_authority(pve: FakeProxmox) -> None:
    own = ssl.get_server_certificate(("127.0.0.1", int(pve.url.rpartition(":")[2])))
    assert Looker().look(target(pve, verify="ca", ca=own, fingerprint="")).quorate is True


def test_the_authorities_of_the_system_are_those_that_openssl_is_told_of(
    pve: FakeProxmox, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_text(pve.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert Looker().look(target(pve, verify="system", fingerprint="")).fingerprint == pve.fingerprint


@pytest.mark.parametrize("verify", ["system", "ca"])
def test_a_certificate_nobody_trusts_is_shown_and_told_nothing(pve: FakeProxmox, verify: str) -> None:
    ca = Authority().pem if verify == "ca" else ""
    failure = Looker().failure(target(pve, verify=verify, ca=ca, fingerprint=""))
    assert (failure.trouble, failure.fingerprint, failure.endpoint) == ("certificate", pve.fingerprint, pve.url)
    assert f"the certificate of {pve.url} is not trusted (unable to get local issuer certificate)" in failure.message
    assert "nothing was sent" in failure.message
    assert asked(pve) == []


def test_a_certificate_for_another_host_is_not_trusted() -> None:
    with fake_proxmox(names=("pve.example.com",)) as pve:
        failure = Looker().failure(target(pve, verify="ca", ca=pve.ca_pem, fingerprint=""))
        assert failure.trouble == "certificate"
        assert "IP address mismatch" in failure.message
        assert asked(pve) == []


def test_a_certificate_that_ran_out_is_not_trusted_unless_it_is_known_itself() -> None:
    with fake_proxmox(expired=True) as pve:
        failure = Looker().failure(target(pve, verify="ca", ca=pve.ca_pem, fingerprint=""))
        assert failure.trouble == "certificate"
        assert "certificate has expired" in failure.message
        assert Looker().look(target(pve)).quorate is True


@pytest.mark.parametrize("ca", ["", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", "é"])
def test_authorities_that_are_none_are_refused_in_words(pve: FakeProxmox, ca: str) -> None:
    failure = Looker().failure(target(pve, verify="ca", ca=ca, fingerprint=""))
    assert failure.trouble == "certificate"
    assert "the authorities given are not certificates (PEM)" in failure.message
    assert asked(pve) == []


def test_a_fingerprint_that_is_not_given_is_shown_and_nothing_is_sent(pve: FakeProxmox) -> None:
    failure = Looker().failure(target(pve, fingerprint=""))
    assert (failure.trouble, failure.fingerprint) == ("certificate", pve.fingerprint)
    assert asked(pve) == []


def test_a_changed_certificate_is_seen_at_the_next_look_before_anything_is_sent(pve: FakeProxmox) -> None:
    looker = Looker()
    known = target(pve)
    looker.look(known)
    asked(pve)
    pve.change_certificate(cut=False)
    failure = looker.failure(known)
    assert (failure.trouble, failure.fingerprint) == ("changed_certificate", pve.fingerprint)
    assert known.fingerprint != pve.fingerprint
    assert "is not the one that is trusted, so nothing was sent" in failure.message
    assert asked(pve) == []
    assert looker.look(target(pve)).fingerprint == pve.fingerprint


def test_a_changed_certificate_by_the_same_authority_is_as_good(pve: FakeProxmox) -> None:
    looker = Looker()
    known = target(pve, verify="ca", ca=pve.ca_pem, fingerprint="")
    before = looker.look(known).fingerprint
    pve.change_certificate()
    assert looker.look(known).fingerprint == pve.fingerprint != before


def test_each_look_is_one_connection_that_is_closed_again(pve: FakeProxmox) -> None:
    looker = Looker()
    looker.look(target(pve))
    before = pve.server.connections.opened
    looker.look(target(pve))
    assert pve.server.connections.opened == before + 1


def test_an_ipv6_address_is_connected_to_and_checked() -> None:
    if not socket.has_ipv6:
        pytest.skip("this host has no IPv6")
    with fake_proxmox(host="::1") as pve:
        assert "[::1]" in pve.url
        look = Looker().look(target(pve, verify="ca", ca=pve.ca_pem, fingerprint=""))
        assert look.endpoint == pve.url
        assert {call.headers["host"] for call in pve.calls} == {pve.url.removeprefix("https://")}


def test_a_name_is_looked_up_and_checked(pve: FakeProxmox) -> None:
    url = pve.url.replace("127.0.0.1", "localhost")
    look = Looker().look(target(pve, endpoints=[url], verify="ca", ca=pve.ca_pem, fingerprint=""))
    assert look.endpoint == url


@pytest.mark.parametrize(
    ("host", "words"), [("no-such-host.invalid", "cannot be connected to"), ("a" * 64 + ".example", "")]
)
def test_a_name_that_does_not_exist_is_unreachable(pve: FakeProxmox, host: str, words: str) -> None:
    failure = Looker(LIMITS).failure(target(pve, endpoints=[f"https://{host}:8006"]))
    expected: Trouble = "unreachable"
    assert failure.trouble == expected
    assert words in failure.message


def test_a_port_without_tls_is_unreachable_in_words(pve: FakeProxmox) -> None:
    with fake_proxmox(tls=False) as plain:
        url = plain.url.replace("http:", "https:")
        failure = Looker().failure(target(pve, endpoints=[url]))
    assert failure.trouble == "unreachable"
    assert "does not agree on TLS" in failure.message
    assert asked(plain) == []


def test_a_port_with_tls_asked_without_is_no_proxmox(pve: FakeProxmox) -> None:
    url = pve.url.replace("https:", "http:")
    failure = Looker().failure(target(pve, endpoints=[url], verify="system", fingerprint=""))
    assert failure.trouble in ("unreachable", "malformed")
    assert asked(pve) == []


def test_a_server_that_never_finishes_the_handshake_is_left_in_time(pve: FakeProxmox) -> None:
    pve.server.mute = True
    failure = Looker(ProxmoxLimits(connect_sec=5, read_sec=0.3, total_sec=20)).failure(target(pve))
    assert failure.trouble == "timeout"
