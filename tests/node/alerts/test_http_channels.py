"""Webhooks, Slack and Alertmanager over HTTP: what is sent, and what each answer means."""

import asyncio
import hashlib
import hmac
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etlmon.units import Duration
from node.alerts.channels.alertmanager import AlertmanagerChannel
from node.alerts.channels.channel import Channel, ChannelError, Sent, said, target
from node.alerts.channels.http import retry_after_sec
from node.alerts.channels.slack import SlackChannel
from node.alerts.channels.webhook import WebhookChannel, signature
from node.alerts.notices import Message, compose
from node.settings_alerts import AlertChannel
from tests.fakes.proxmox_certificate import Authority
from tests.fakes.receiver import Reply, receiver
from tests.node.alerts.told import AT, alert, delivery, message, notice, over

SECRET = "S3cret-of-the-hook-7731"  # noqa: S105


def webhook(url: str, **given: Any) -> AlertChannel:
    return AlertChannel(name="hook", type="webhook", url=url, **{"timeout": Duration(10), **given})


def send(channel: Channel, what: Message | None = None, key: str = "key1") -> Sent:
    return asyncio.run(channel.send(what or message(alert()), key))


def refused(settings: AlertChannel) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(WebhookChannel(settings))
    return caught.value


def test_a_webhook_gets_the_whole_alert_with_a_key_and_a_signature() -> None:
    with receiver() as hook:
        settings = webhook(f"{hook.url}/in?x=1", method="PUT", headers={"X-Team": "etl"}, secret=SECRET)
        sent = send(WebhookChannel(settings), message(alert(severity="critical"), over(2), url="http://etl01/x"))
    (one,) = hook.received
    assert sent.message == "200 ok"
    assert (one.method, one.path, one.headers["x-team"], one.key) == ("PUT", "/in?x=1", "etl", "key1")
    digest = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
    assert one.headers["x-etlmon-signature"] == f"sha256={digest}"
    body = one.json
    assert (body["format"], body["key"], body["kind"], body["node"]) == (1, "key1", "firing", "etl01")
    assert (body["severity"], body["url"], body["more"]) == ("critical", "http://etl01/x", 0)
    assert [(a["status"], a["id"], a["labels"]) for a in body["alerts"]] == [
        ("firing", 1, {"path": "/data/in1"}),
        ("resolved", 2, {"path": "/data/in2"}),
    ]
    assert (body["alerts"][0]["value"], body["alerts"][0]["triggered_at"]) == (12017.0, "2026-11-21T06:00:00Z")


def test_a_message_is_the_same_to_the_byte_whenever_it_is_sent() -> None:
    with receiver() as hook:
        for _ in range(2):
            send(WebhookChannel(webhook(hook.url, secret=SECRET)))
    assert hook.received[0].body == hook.received[1].body
    assert hook.received[0].headers["x-etlmon-signature"] == signature(SECRET, hook.received[1].body)


@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [(400, True), (401, True), (404, True), (408, False), (410, True), (425, False), (429, False), (500, False)],
)
def test_the_status_of_an_answer_decides_over_a_further_try(status: int, is_permanent: bool) -> None:
    with receiver() as hook:
        hook.usual = Reply(status=status, body=b"because\nof this")
        error = refused(webhook(hook.url))
    assert (error.is_permanent, str(error)) == (is_permanent, f"{status} because of this")


def test_whoever_asks_for_time_gets_it() -> None:
    with receiver() as hook:
        hook.usual = Reply(status=429, headers={"Retry-After": "17"})
        assert refused(webhook(hook.url)).retry_after_sec == 17
        hook.usual = Reply(status=503)
        assert refused(webhook(hook.url)).retry_after_sec is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("99999999999999999999", 3600.0),
        ("Sat, 21 Nov 2026 06:01:30 GMT", 90.0),
        ("Sat, 21 Nov 2026 05:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("²", None),
        ("1 Jan 99999999999999999999 00:00:00 GMT", None),
        ("9999 Jan - 00:00:00 99999999999999999999 :", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str, meant: float | None) -> None:
    assert retry_after_sec(said, AT) == meant


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        ("tgram://123456789:AAEsecretTokenABCDEFGH/-100123/", ["123456789", "AAEsecretTokenABCDEFGH", "-100123"]),
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
            ["T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"],
        ),
        ("pover://userkeyAAAAAAAA@tokenBBBBBBBB/", ["userkeyAAAAAAAA", "tokenBBBBBBBB"]),
        ("pbul://accesstokenCCCCCCCC", ["accesstokenCCCCCCCC"]),
        ("mailto://user:pa%40ss@gmail.com?name=xyzw", ["pa%40ss", "pa@ss", "xyzw"]),
    ],
)
def test_each_part_of_an_address_of_apprise_may_be_a_secret(url: str, tokens: list[str]) -> None:
    settings = AlertChannel(name="chat", type="apprise", url=url)
    for token in tokens:
        assert said(f"no answer of https://api.test/bot{token}/send", settings).count(token) == 0
    assert not any(token in target(settings) for token in tokens)


def test_a_redirect_is_not_followed() -> None:
    with receiver() as hook, receiver() as elsewhere:
        hook.usual = Reply(status=307, headers={"Location": elsewhere.url})
        error = refused(webhook(hook.url))
    assert error.is_permanent
    assert "configure the address itself" in str(error)
    assert elsewhere.received == []


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as hook, receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        send(WebhookChannel(webhook(hook.url)))
    assert (len(hook.received), proxy.received) == (1, [])


def test_a_receiver_that_hangs_is_left_when_the_time_is_over() -> None:
    with receiver() as hook:
        hook.usual = Reply(hang=True)
        began = time.monotonic()
        error = refused(webhook(hook.url, timeout=Duration(0.3)))
    assert (str(error), error.is_permanent) == ("no answer within 300ms", False)
    assert time.monotonic() - began < 20  # it hangs for 60 s


def test_one_that_took_it_and_drips_its_answer_has_taken_it() -> None:
    with receiver() as hook:
        # The status comes in time also on a busy machine, the whole answer never.
        hook.usual = Reply(body=b"x" * 400, drip_sec=0.02)
        assert send(WebhookChannel(webhook(hook.url, timeout=Duration(3)))).message.startswith("200")


def test_one_that_is_not_there_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refused(webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/{SECRET}"))
    assert not error.is_permanent
    assert re.fullmatch(r"127\.0\.0\.1:\d+ cannot be reached: .*[Cc]onnect.*", str(error))


@contextmanager
def talking(said: bytes) -> Iterator[str]:
    """A server that answers each connection with these bytes, and closes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(said)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.join(10)
    listening.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "the connection was closed without an answer"),
        (b"220 mx.test ESMTP\r\n", "the answer is no HTTP: "),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "the answer is no HTTP: "),
    ],
)
def test_what_is_no_answer_is_tried_again(said: bytes, words: str) -> None:
    with talking(said) as url:
        error = refused(webhook(url))
    assert not error.is_permanent
    assert str(error).startswith(words)


def test_a_certificate_is_checked_against_the_authority_that_is_given(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    with receiver(tls=authority.issue(tmp_path, ["127.0.0.1"]).context()) as hook:
        send(WebhookChannel(webhook(hook.url, ca_file=str(tmp_path / "ca.pem"))))
        unknown = refused(webhook(hook.url))
        missing = refused(webhook(hook.url, ca_file="/no/such.pem"))
    assert len(hook.received) == 1
    assert str(unknown).startswith("the certificate of 127.0.0.1 is not good: ")
    assert str(missing) == "the ca_file /no/such.pem cannot be used: No such file or directory"


def test_no_error_and_no_log_says_a_secret_whatever_the_other_side_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver() as hook:
        address = hook.url.replace("http://", f"http://user:{SECRET}@")
        settings = webhook(f"{address}/T1/B2/{SECRET}x?token={SECRET}y", secret=f"{SECRET}z", headers={"Key": SECRET})
        told = []
        for status in (301, 400, 404, 429, 500):
            hook.usual = Reply(status=status, body=f"you said {SECRET}x and {SECRET}y and {SECRET}z".encode())
            told.append(str(refused(settings)))
    assert "you said *** and *** and ***" in told[1]
    assert SECRET not in "".join(told)
    assert SECRET not in caplog.text
    assert SECRET not in target(settings)
    assert target(settings) == hook.url + "/***"


def slack(url: str, mention: str | None = None) -> SlackChannel:
    return SlackChannel(AlertChannel(name="ops-slack", type="slack", url=url, mention=mention, timeout=Duration(10)))


def test_slack_gets_a_line_in_bold_and_the_alerts_in_their_colour() -> None:
    with receiver() as hook:
        send(slack(hook.url), message(alert(), over(2)))
        send(slack(hook.url), message(over(2)))
    first, second = (one.json for one in hook.received)
    assert first["text"] == "*WARNING etl01: 1 alert, 1 resolved: /data/in1 holds 12017 files and 1 more*"
    assert second["text"] == "*RESOLVED etl01: /data/in2 holds 12017 files*"
    assert first["attachments"][0]["color"] != second["attachments"][0]["color"]
    texts = [block["text"]["text"] for block in first["attachments"][0]["blocks"] if block["type"] == "section"]
    assert texts[0].startswith("*WARNING*  /data/in1 holds 12017 files\nThe loader does not keep up.")
    assert "(1h, worst 12431)" in texts[1]


def test_somebody_is_mentioned_when_something_critical_begins_and_only_then() -> None:
    with receiver() as hook:
        for what in (message(alert(severity="critical")), message(alert()), message(over(severity="critical"))):
            send(slack(hook.url, "<!channel>"), what)
    assert [one.json["text"].startswith("<!channel> *") for one in hook.received] == [True, False, False]


def test_no_text_of_the_host_is_a_command_for_slack_or_too_long_for_it() -> None:
    hostile = "<!channel> & <@U1> " + "&" * 5000
    with receiver() as hook:
        send(slack(hook.url), message(alert(summary="<!here>", description=hostile, labels={"path": hostile})))
    (one,) = hook.received
    assert b"<" not in one.body
    for block in one.json["attachments"][0]["blocks"]:
        for text in [block.get("text"), *block.get("elements", [])]:
            if text is not None:
                assert len(text["text"]) <= 3000
                assert re.fullmatch(r"(?:[^&]|&amp;|&lt;|&gt;)*", text["text"], re.DOTALL)


def alertmanager(url: str) -> AlertmanagerChannel:
    settings = AlertChannel(name="am", type="alertmanager", url=url, timeout=Duration(10))
    return AlertmanagerChannel(settings, lambda: AT + timedelta(minutes=5))


def test_an_alertmanager_gets_labels_annotations_and_how_long_to_believe_it() -> None:
    own = alert(labels={"path": "/data", "severity": "mine", "empty": ""}, severity="critical")
    with receiver() as hook:
        send(alertmanager(f"{hook.url}/prefix/"), message(own, over(2)))
    (one,) = hook.received
    assert one.path == "/prefix/api/v2/alerts"
    began, ended = one.json
    assert began["labels"] == {
        "alertname": "landing_backlog",
        "severity": "critical",
        "node": "etl01",
        "job": "etlmon",
        "path": "/data",
        "exported_severity": "mine",
    }
    assert began["annotations"]["summary"] == "/data/in1 holds 12017 files"
    assert (began["startsAt"], began["endsAt"]) == ("2026-11-21T06:00:00Z", "2026-11-21T06:09:00Z")
    assert ended["endsAt"] == "2026-11-21T07:00:00Z"


def test_of_a_label_set_an_alertmanager_hears_the_last_word_alone() -> None:
    ended, again = over(1, labels={"path": "/data"}), alert(3, labels={"path": "/data"})
    began, over_too = alert(5, labels={"path": "/in"}), over(5, labels={"path": "/in"})
    told = compose(
        delivery([notice(ended), notice(again), notice(over(2)), notice(began), notice(over_too)]), storm=99, node="n"
    )
    with receiver() as hook:
        send(alertmanager(hook.url), told)
    posted = [(one["labels"]["path"], one["endsAt"]) for one in hook.received[0].json]
    assert posted == [
        ("/data", "2026-11-21T06:09:00Z"),
        ("/data/in2", "2026-11-21T07:00:00Z"),
        ("/in", "2026-11-21T07:00:00Z"),
    ]


def test_an_alert_that_ended_before_it_began_ends_when_it_begins() -> None:
    with receiver() as hook:
        send(alertmanager(hook.url), message(over(resolved_at=AT - timedelta(hours=1))))
    (ended,) = hook.received[0].json
    assert ended["startsAt"] == ended["endsAt"]
