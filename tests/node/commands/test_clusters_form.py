"""What may be typed to register a cluster, and what is said of the rest; never a secret."""

from typing import Any

import pytest

from etlmon.contract.clusters import ClusterTls, RegisterCluster
from etlmon.contract.errors import BadRequest
from node.commands.clusters_form import ClusterForm, checked
from node.commands.clusters_told import told
from tests.fakes.proxmox_certificate import Authority

SECRET = "s3cret-Pa55/word+é"  # noqa: S105 - of nobody
TOKEN = "b7f4e1d0-6f0a-4a3e-9d55-6d3f6f0c7a11"  # noqa: S105
DIGEST = "ab" * 32


def request(**fields: Any) -> RegisterCluster:
    given: dict[str, Any] = {
        "name": "prod",
        "api_endpoint": "https://pve.example.com:8006",
        "username": "root@pam",
        "password": SECRET,
        **fields,
    }
    return RegisterCluster(**{name: value for name, value in given.items() if value is not ...})


def with_token(**fields: Any) -> RegisterCluster:
    return request(**{"password": ..., "token_name": "mon", "token_value": TOKEN, **fields})


def refused(typed: RegisterCluster) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        checked(typed)
    assert SECRET not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_a_password_and_the_address_in_its_one_written_form() -> None:
    form = checked(request(name="  생산 1 ", api_endpoint=" PVE.example.com ", username=" etlmon@pve "))
    assert (form.name, form.endpoint, form.username) == ("생산 1", "https://pve.example.com:8006", "etlmon@pve")
    target = form.target("id")
    assert (target.secret, target.token_name, list(target.endpoints)) == (SECRET, "", ["https://pve.example.com:8006"])


def test_names_that_look_the_same_are_the_same() -> None:
    assert checked(request(name="cafe\u0301")).name == checked(request(name="caf\u00e9")).name


@pytest.mark.parametrize(
    ("username", "fields"),
    [("etlmon@pve", {"token_name": "mon"}), ("etlmon@pve!mon", {"token_name": ...}), ("etlmon@pve!mon", {})],
)
def test_a_token_is_named_in_its_own_field_or_behind_the_user(username: str, fields: dict[str, Any]) -> None:
    form = checked(with_token(username=username, token_value=f" {TOKEN}\n", **fields))
    assert (form.username, form.token_name, form.secret) == ("etlmon@pve", "mon", TOKEN)


def test_a_user_of_a_directory_may_hold_an_at_sign() -> None:
    assert checked(request(username="kim@example.com@ldap")).username == "kim@example.com@ldap"


def test_addresses_to_fall_back_to_are_asked_once_each() -> None:
    form = checked(request(failover=["pve2", "https://pve.example.com", "pve2:8006"]))
    assert form.failover == ["https://pve2:8006"]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": " \t "}, "name", "empty"),
        ({"name": "a\x1b[31m"}, "name", "cannot be seen"),
        ({"name": "a\u202eb"}, "name", "cannot be seen"),
        ({"name": "\u0958" * 255}, "name", "longer than 255"),
        ({"api_endpoint": "ftp://pve"}, "api_endpoint", "https"),
        ({"api_endpoint": "http://pve.example.com:8006"}, "api_endpoint", "not encrypted"),
        ({"api_endpoint": f"https://root:{SECRET}@pve"}, "api_endpoint", "fields of their own"),
        ({"api_endpoint": f"root:{SECRET}@pve"}, "api_endpoint", "fields of their own"),
        ({"api_endpoint": "https://pve:99999"}, "api_endpoint", "port"),
        ({"api_endpoint": "https://[::1"}, "api_endpoint", "wrong"),
        ({"failover": ["pve2", "http://pve3"]}, "failover[1]", "not encrypted"),
        ({"username": "root"}, "username", "realm"),
        ({"username": "@pam"}, "username", "realm"),
        ({"username": "root@"}, "username", "no user"),
        ({"username": "ro ot@pam"}, "username", "no user"),
        ({"username": "ro\x00ot@pam"}, "username", "no user"),
        ({"username": f"root@pam!mon={TOKEN}"}, "username", "token_value"),
        ({"username": "root@pam!mon"}, "token_value", "token"),
        ({"password": ...}, "password", "missing"),
        ({"token_value": TOKEN}, "password", "exclude"),
        ({"token_name": "mon"}, "token_value", "missing"),
        ({"password": ..., "token_name": "mon"}, "token_value", "missing"),
        ({"password": ..., "token_value": TOKEN}, "token_name", "missing"),
        ({"password": ..., "token_value": TOKEN, "token_name": "1"}, "token_name", "names no token"),
        ({"password": ..., "token_value": TOKEN, "token_name": "x!y"}, "token_name", "names no token"),
        ({"password": ..., "token_value": TOKEN, "username": "a@pve!b", "token_name": "mon"}, "token_name", "another"),
        ({"password": ..., "token_value": f"{TOKEN}\nX: y", "token_name": "mon"}, "token_value", "no value"),
        ({"password": ..., "token_value": f"mon={TOKEN}", "token_name": "mon"}, "token_value", "no value"),
        ({"tls": ClusterTls(verify="ca")}, "tls.ca", "verify: ca"),
        ({"tls": ClusterTls(ca="x")}, "tls.ca", "verify: ca"),
        ({"tls": ClusterTls(verify="ca", ca="x")}, "tls.ca", "no certificate"),
        ({"tls": ClusterTls(verify="fingerprint")}, "tls.fingerprint", "verify: fingerprint"),
        ({"tls": ClusterTls(fingerprint=DIGEST)}, "tls.fingerprint", "verify: fingerprint"),
        ({"tls": ClusterTls(verify="fingerprint", fingerprint="ab")}, "tls.fingerprint", "SHA-256"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(fields: dict[str, Any], field: str, words: str) -> None:
    problem = refused(request(**fields))
    assert problem.details == {"field": field}
    assert words in problem.message
    assert problem.message.startswith(f"the field {field} is wrong: ")


def test_a_fingerprint_is_taken_as_anybody_writes_it() -> None:
    tls = checked(request(tls=ClusterTls(verify="fingerprint", fingerprint=f" {DIGEST} "))).tls
    assert tls == ClusterTls(verify="fingerprint", fingerprint=":".join(["AB"] * 32))


def test_of_authorities_only_the_certificates_are_kept() -> None:
    pem = Authority().pem
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
    tls = checked(request(tls=ClusterTls(verify="ca", ca=f"{key}a comment\n{pem}\n{pem}{key}"))).tls
    assert tls.ca.count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE" not in tls.ca
    assert "comment" not in tls.ca


def test_what_is_typed_does_not_show_its_secret_when_it_is_printed() -> None:
    form: ClusterForm = checked(request())
    for shown in (request(), with_token(), form, form.target("id")):
        assert SECRET not in f"{shown!r}{shown}{[shown]}"
        assert TOKEN not in f"{shown!r}{shown}{[shown]}"


@pytest.mark.parametrize(
    "typed",
    [
        request(),
        with_token(),
        with_token(username=f"root@pam!mon={TOKEN}", token_name=f"mon={TOKEN}"),
        request(api_endpoint=f"https://root:{SECRET}@pve:8006", failover=[f"root:{SECRET}@pve"]),
        request(api_endpoint=f"root:{SECRET}@pve"),
    ],
)
def test_what_the_audit_is_told_holds_no_secret_even_where_none_belongs(typed: RegisterCluster) -> None:
    params = told(typed)
    assert SECRET not in str(params)
    assert TOKEN not in str(params)
    assert params["username"].startswith("root@pam")


def test_the_audit_is_told_how_somebody_logs_in() -> None:
    assert told(with_token(tls=ClusterTls(verify="fingerprint", fingerprint=DIGEST))) == {
        "api_endpoint": "https://pve.example.com:8006",
        "username": "root@pam",
        "auth": "token",
        "token_name": "mon",
        "tls": {"verify": "fingerprint", "fingerprint": DIGEST},
        "failover": [],
    }
