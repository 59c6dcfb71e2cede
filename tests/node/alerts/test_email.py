"""Mails, as real servers get them and refuse them."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from etlmon.units import Duration
from node.alerts.channels.channel import ChannelError, Sent
from node.alerts.channels.email import EmailChannel, build
from node.alerts.notices import Message
from node.settings_alerts import AlertChannel
from tests.fakes.proxmox_certificate import Authority
from tests.fakes.smtp import smtp_server
from tests.node.alerts.told import alert, message, over

SECRET = "S3cret-of-the-mail-7731"  # noqa: S105


def channel(port: int, **given: Any) -> AlertChannel:
    facts = {"host": "127.0.0.1", "sender": "etlmon@example.com", "to": ("ops@example.com",), "timeout": Duration(20)}
    return AlertChannel(name="mail", type="email", port=port, **{**facts, **given})


def send(settings: AlertChannel, what: Message | None = None, key: str = "key1") -> Sent:
    return asyncio.run(EmailChannel(settings, "etl01.example.com").send(what or message(alert()), key))


def refused(settings: AlertChannel) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(settings)
    return caught.value


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    return plain.get_content(), page.get_content()


def test_a_mail_arrives_as_text_and_as_html() -> None:
    with smtp_server() as mailbox:
        sent = send(channel(mailbox.port, to=("ops@example.com", "Night Shift <night@example.com>")))
    (mail,) = mailbox.mails
    assert sent.message == "taken for ops@example.com, night@example.com"
    assert mailbox.recipients == [["ops@example.com", "night@example.com"]]
    assert mail["Subject"] == "[etlmon] WARNING etl01: /data/in1 holds 12017 files"
    assert (mail["From"], mail["To"]) == ("etlmon@example.com", "ops@example.com, Night Shift <night@example.com>")
    assert (mail["Message-ID"], mail["X-Etlmon-Delivery"]) == ("<key1@etl01.example.com>", "key1")
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", None)
    for part in parts(mail):
        assert "The loader does not keep up." in part
        assert "2026-11-21 06:00:00 UTC" in part


def test_the_beginning_and_the_end_of_an_alert_stand_in_one_thread() -> None:
    began = build(message(alert()), "k1", sender="a@b.c", to=["d@e.f"], hostname="etl01")
    ended = build(message(over()), "k2", sender="a@b.c", to=["d@e.f"], hostname="etl01")
    assert ended["Subject"] == "[etlmon] RESOLVED etl01: /data/in1 holds 12017 files"
    assert began["References"] == ended["References"] is not None
    assert began["Message-ID"] != ended["Message-ID"]


@pytest.mark.parametrize(
    ("hostname", "domain"),
    [("a..b", "a.b"), ("srv_01", "srv-01"), (".a-.-.b.", "a.b"), ("ホスト", "localhost"), ("_", "localhost")],
)
def test_a_mail_without_a_sender_comes_from_the_host_whatever_it_is_called(hostname: str, domain: str) -> None:
    with smtp_server() as mailbox:
        asyncio.run(EmailChannel(channel(mailbox.port, sender=None), hostname).send(message(alert()), "key1"))
    (mail,) = mailbox.mails
    assert (mail["From"], mail["Message-ID"]) == (f"etlmon@{domain}", f"<key1@{domain}>")


def test_something_critical_is_marked_as_important() -> None:
    mail = build(message(alert(severity="critical")), "k", sender="a@b.c", to=["d@e.f"], hostname="etl01")
    assert mail["Importance"] == "high"


def test_what_the_host_says_stays_text_whatever_it_is() -> None:
    hostile = "x\r\nBcc: thief@example.com\r\n\r\n<script>alert(1)</script> \x1b[31m 파일 \u202egnp.exe"
    what = message(alert(summary=hostile, description=f".\r\n.\r\n{hostile}"), node="etl\r\n01")
    with smtp_server() as mailbox:
        send(channel(mailbox.port), what)
    (mail,) = mailbox.mails
    plain, page = parts(mail)
    assert mailbox.recipients == [["ops@example.com"]]
    assert mail["Bcc"] is None
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for part in (str(mail["Subject"]), plain, page):
        assert "파일" in part
        assert not set("\x1b\u202e") & set(part)


def test_a_login_over_starttls_reaches_a_server_whose_authority_is_known(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    context = authority.issue(tmp_path, ["127.0.0.1"]).context()
    with smtp_server(starttls=context, password=SECRET) as mailbox:
        secure = {"security": "starttls", "ca_file": str(tmp_path / "ca.pem")}
        send(channel(mailbox.port, username="etl", password=SECRET, **secure))
        wrong = refused(channel(mailbox.port, username="etl", password="wrong-" + SECRET, **secure))
        unknown = refused(channel(mailbox.port, username="etl", password=SECRET, security="starttls"))
        plain = refused(channel(mailbox.port))
    assert set(mailbox.logins) == {("etl", SECRET), ("etl", "wrong-" + SECRET)}
    assert mailbox.over_tls == [True]
    assert (wrong.is_permanent, "says 535" in str(wrong)) == (True, True)
    assert str(unknown).startswith(f"the certificate of 127.0.0.1:{mailbox.port} is not good: ")
    assert (plain.is_permanent, "says 530" in str(plain)) == (True, True)


def test_a_mail_goes_over_tls_from_the_first_byte(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    with smtp_server(tls=authority.issue(tmp_path, ["127.0.0.1"]).context()) as mailbox:
        send(channel(mailbox.port, security="tls", ca_file=str(tmp_path / "ca.pem")))
    assert len(mailbox.mails) == 1


def test_a_server_without_starttls_is_told_no_password() -> None:
    with smtp_server() as mailbox:
        error = refused(channel(mailbox.port, security="starttls", username="etl", password=SECRET))
    assert error.is_permanent
    assert "does not offer what is configured: STARTTLS" in str(error)
    assert mailbox.logins == []


@pytest.mark.parametrize(
    ("answer", "is_permanent"),
    [("451 try again later", False), ("421 busy", False), ("554 5.7.1 this is spam", True), ("552 full", True)],
)
def test_what_a_server_says_decides_over_a_further_try(answer: str, is_permanent: bool) -> None:
    with smtp_server() as mailbox:
        mailbox.answers = [answer]
        error = refused(channel(mailbox.port))
    assert (error.is_permanent, str(error)) == (is_permanent, f"127.0.0.1:{mailbox.port} says {answer}")


def test_a_recipient_that_is_refused_keeps_the_mail_from_nobody_else() -> None:
    with smtp_server() as mailbox:
        mailbox.refuses = {"gone@example.com": "550 no such user"}
        sent = send(channel(mailbox.port, to=("gone@example.com", "ops@example.com")))
        nobody = refused(channel(mailbox.port, to=("gone@example.com",)))
        mailbox.refuses["gone@example.com"] = "450 greylisted"
        later = refused(channel(mailbox.port, to=("gone@example.com",)))
    assert (sent.message, sent.refused) == ("taken for ops@example.com", "gone@example.com (550 no such user)")
    assert (nobody.is_permanent, later.is_permanent) == (True, False)
    assert "takes it for nobody: gone@example.com (450 greylisted)" in str(later)


def test_a_slow_server_costs_no_more_than_the_time_of_the_channel() -> None:
    with smtp_server() as mailbox:
        mailbox.data_sec = 30
        began = time.monotonic()
        error = refused(channel(mailbox.port, timeout=Duration(1.5)))
    assert time.monotonic() - began < 15
    assert not error.is_permanent
    assert mailbox.mails == []


@contextmanager
def dripping() -> Iterator[int]:
    """A server that greets with a byte now and then, so that no single read takes long."""
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            while not done.wait(0.05):
                try:
                    connection.sendall(b"2")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    done.set()
    thread.join(10)
    listening.close()


def test_a_dripping_server_is_left_when_the_time_is_over() -> None:
    with dripping() as port:
        error = refused(channel(port, timeout=Duration(1.5)))
    assert str(error) == "not done within 1s500ms"
    assert not error.is_permanent


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = refused(channel(port))
    assert (error.is_permanent, str(error)) == (False, f"127.0.0.1:{port} cannot be reached: Connection refused")


def test_a_file_of_authorities_that_is_not_there_is_named() -> None:
    with smtp_server() as mailbox:
        error = refused(channel(mailbox.port, security="starttls", ca_file="/no/such.pem"))
    assert "the ca_file /no/such.pem cannot be used: No such file or directory" in str(error)


def test_the_password_is_not_in_the_command_of_the_process_that_sends() -> None:
    seen: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    command = (process / "cmdline").read_bytes().decode(errors="replace")
                    environment = (process / "environ").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if "email_child.py" in command:
                    seen.append(command + environment)
                    mailbox.gate.set()

    looking = threading.Thread(target=look)
    with smtp_server() as mailbox:
        mailbox.gate.clear()  # it is there until it was seen
        looking.start()
        send(channel(mailbox.port, password=SECRET, timeout=Duration(60)))
        done.set()
        looking.join()
    assert seen != []
    assert not any(SECRET in command for command in seen)
