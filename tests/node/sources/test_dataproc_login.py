"""Tokens for the key of a service account, and what becomes of keys that are none."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from node.sources.dataproc_errors import LoginError
from node.sources.dataproc_http import Http
from node.sources.dataproc_login import Login
from tests.fakes.dataproc import fake_dataproc, service_account
from tests.fakes.dataproc_estate import Estate, Region, cluster
from tests.fakes.dataproc_service import Fault
from tests.node.sources.dataproc_asking import account_of, read, task_of


def estate() -> Estate:
    return Estate.of({"p1": {"us-east1": Region([cluster("etl")])}})


def key(**changes: Any) -> str:
    return json.dumps({**service_account("https://127.0.0.1:1/token"), **changes})


def test_the_token_is_asked_for_once_at_the_endpoint_that_the_key_names(tmp_path: Path) -> None:
    with fake_dataproc(estate()) as google:
        login = Login(google.key_file(tmp_path).read_text(encoding="utf-8"), Http(), insecure=True)
        first = login.headers(10.0)
        assert login.headers(10.0) == first
        (token,) = google.service.tokens
        assert len(google.seen("Token")) == 1
    assert first == {"authorization": f"Bearer {token}"}


def test_a_token_is_replaced_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.dataproc_http.TOKEN_LIFE_SEC", 0.02)
    with fake_dataproc(estate()) as google:
        login = Login(google.key_file(tmp_path).read_text(encoding="utf-8"), Http(), insecure=True)
        seen = {login.headers(10.0)["authorization"]}
        while len(seen) < 2:
            seen.add(login.headers(10.0)["authorization"])
        assert {text.removeprefix("Bearer ") for text in seen} <= google.service.tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not that of a service account"),
        ('{"type": "authorized_user"}', "not that of a service account"),
        (key(client_email=""), "no client_email"),
        (key(private_key=5), "no private_key"),
        (key(token_uri=None), "no token_uri"),
        (key(private_key="-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"), "private_key of the"),
    ],
)
def test_a_text_that_is_no_key_is_refused_without_a_word_of_it(text: str, words: str) -> None:
    with pytest.raises(LoginError, match=words) as caught:
        Login(text, Http())
    told = repr(caught.value)
    assert "BEGIN" not in told
    assert "c2VjcmV0" not in told


def test_a_token_never_goes_over_a_line_without_tls_unless_that_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(LoginError, match="token_uri of the key file does not begin with https"):
        Login(json.dumps(service_account("http://127.0.0.1:1/token")), Http())
    with fake_dataproc(estate()) as google:
        for name in ("endpoint", "compute_endpoint"):
            account = account_of(google, tmp_path, insecure=False, **{name: "http://127.0.0.1:1"})
            task = task_of(account, credentials=key())
            assert "https" in read(task).trouble.message
        assert google.calls == []


@pytest.mark.parametrize(
    ("fault", "email", "words"),
    [
        (None, "stranger@p1.iam.gserviceaccount.com", "account not found"),
        (Fault(code="INVALID_ARGUMENT", reason="invalid_grant", message="Invalid JWT Signature."), "", "invalid_grant"),
        (Fault(garbage=True), "", "without a token"),
    ],
    ids=["unknown", "refused", "garbage"],
)
def test_a_key_that_is_refused_stops_the_account_at_once(
    tmp_path: Path, fault: Fault | None, email: str, words: str
) -> None:
    with fake_dataproc(estate()) as google:
        if fault is not None:
            google.faults["Token", "*"] = [fault]
        account = account_of(google, tmp_path)
        if email:
            account = account_of(
                google, tmp_path, credentials_file=str(google.key_file(tmp_path, email=email, is_known=False))
            )
        heard = read(task_of(account))
        assert {call.method for call in google.calls} == {"Token"}
        assert len(google.calls) == 1
    assert heard.trouble.stops == "account"
    assert words in heard.trouble.message
    assert heard.lines[1:] == [heard.done]


def test_a_token_endpoint_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with fake_dataproc(estate()) as google:
        google.faults["Token", "*"] = [Fault(code="UNAVAILABLE"), Fault(drop=True)]
        heard = read(task_of(account_of(google, tmp_path)))
        assert len(google.seen("Token")) == 3
    assert list(heard.clusters) == ["etl"]
    assert heard.done.retries == 2


class _Echo(BaseHTTPRequestHandler):
    """A server whose errors repeat whatever it was sent."""

    def do_GET(self) -> None:
        body = json.dumps({"error": {"message": f"you sent {self.headers['authorization']}, didn't you"}}).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of http.server
        """Nothing is printed."""


def test_no_secret_is_ever_said_whatever_the_server_repeats(tmp_path: Path) -> None:
    echo = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=echo.serve_forever, args=(0.05,)).start()
    try:
        with fake_dataproc(estate()) as google:
            url = f"http://127.0.0.1:{echo.server_address[1]}"
            task = task_of(account_of(google, tmp_path, endpoint=url))
            heard = read(task)
            (token,) = google.service.tokens
    finally:
        echo.shutdown()
        echo.server_close()
    said = "".join(map(str, heard.lines))
    assert "you sent Bearer ***, didn't you" in said
    assert token not in said
    assert "PRIVATE KEY" not in said


def test_an_anonymous_account_sends_no_token_and_asks_google_for_nothing(tmp_path: Path) -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        account = account_of(
            google,
            tmp_path,
            credentials_file=None,
            anonymous=True,
            compute_endpoint="",
            region_filter=("us-east1",),
        )
        heard = read(task_of(account))
        assert {call.token for call in google.calls} == {""}
        assert {call.method for call in google.calls} & {"Token", "ListRegions"} == set()
    assert list(heard.clusters) == ["etl"]
    assert heard.places.regions_from == "fallback"


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_with_a_certificate_of_its_own_is_believed_only_with_that(tmp_path: Path, transport: str) -> None:
    with fake_dataproc(estate(), tls=True) as google:
        given: dict[str, Any] = {"transport": transport, "insecure": False}
        heard = read(task_of(account_of(google, tmp_path, **given, ca_file=str(google.ca_file(tmp_path)))))
        assert list(heard.clusters) == ["etl"]
        before = len(google.calls)
        trouble = read(task_of(account_of(google, tmp_path, **given))).trouble
        assert len(google.calls) == before
    assert trouble.stops == "account"
    assert "certificate" in trouble.message.lower()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_certificate_that_nobody_vouches_for_is_not_reachable(tmp_path: Path, transport: str) -> None:
    anonymous: dict[str, Any] = {"credentials_file": None, "anonymous": True, "insecure": False}
    with fake_dataproc(estate(), tls=True, needs_token=False) as google:
        account = account_of(google, tmp_path, transport=transport, region_filter=("us-east1",), **anonymous)
        heard = read(task_of(account))
        assert google.calls == []
    assert heard.states == {"us-east1": "failed"}
    assert "certificate" in heard.trouble.message.lower()
    assert heard.done.retries == 4


def test_a_file_of_certificates_that_is_not_there_is_named(tmp_path: Path) -> None:
    with fake_dataproc(estate()) as google:
        trouble = read(task_of(account_of(google, tmp_path, ca_file="/nowhere/ca.pem"))).trouble
    assert trouble.stops == "account"
    assert "/nowhere/ca.pem" in trouble.message
