"""An SMTP server (aiosmtpd) that takes mails, or refuses them in each of the ways in which servers do."""

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """What the server took, and how it behaves. `answers` are given at DATA, one after the other, then 250.

    `refuses` maps recipients to what is said to them at RCPT; `data_sec` is how long DATA takes, which is not answered
    while `gate` is clear; `begun` counts the mails that were handed over, taken or not.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    data_sec: float = 0.0
    gate: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    password: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def once(self) -> dict[str, EmailMessage]:
        """What a mailbox keeps that knows Message-IDs: the first of each."""
        kept: dict[str, EmailMessage] = {}
        for mail in self.mails:
            kept.setdefault(str(mail["Message-ID"]), mail)
        return kept


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd wants it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self._mailbox.refuses:
            return self._mailbox.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._mailbox.begun += 1
        await asyncio.sleep(self._mailbox.data_sec)
        if not self._mailbox.gate.is_set():
            await asyncio.to_thread(self._mailbox.gate.wait, 60)
        answer = self._mailbox.answers.pop(0) if self._mailbox.answers else "250 taken"
        if answer.startswith("250"):
            content = cast("bytes", envelope.original_content)
            self._mailbox.mails.append(email.message_from_bytes(content, policy=email.policy.default))
            self._mailbox.recipients.append([str(address) for address in envelope.rcpt_tos])
            self._mailbox.over_tls.append(session.ssl is not None)
        return answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _way: str, data: Any) -> AuthResult:
        given = cast("LoginPassword", data)
        self._mailbox.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password.decode() == self._mailbox.password, handled=False)


@contextmanager
def smtp_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, password: str = ""
) -> Iterator[Mailbox]:
    """A server on a free port of 127.0.0.1. With a password a log-in is needed, over STARTTLS or TLS alone."""
    mailbox = Mailbox(password=password)
    handler = _Handler(mailbox)
    loop = asyncio.new_event_loop()

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="mx.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=bool(password),
            auth_require_tls=tls is None,
            authenticator=handler.authenticate if password else None,
            loop=loop,
        )

    async def start() -> asyncio.Server:
        return await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)

    server = loop.run_until_complete(start())
    mailbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
