"""Channels of type email: SMTP, as plain text and HTML, from a process of its own (email_child.py)."""

import html
import socket
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

import msgspec

from node.alerts import wording
from node.alerts.channels import child
from node.alerts.channels.channel import Sent
from node.alerts.notices import Message
from node.checks_channels import mailbox
from node.settings_alerts import AlertChannel

PORTS = {"none": 25, "starttls": 587, "tls": 465}
"""Where a server listens, by the security of the connection (RFC 5321, 6409, 8314)."""

_POLICY = SMTP.clone(cte_type="7bit")
"""Any server takes it, whatever it says about itself."""

_SCRIPT = Path(__file__).with_name("email_child.py")
_COLORS = {"CRITICAL": "#c62828", "WARNING": "#b26a00", "INFO": "#1565c0", "RESOLVED": "#2e7d32"}


class EmailChannel:
    """Tells people by mail."""

    def __init__(self, settings: AlertChannel, hostname: str = "") -> None:
        """`hostname` is what the mails say they come from; without it that of this host."""
        self._settings = settings
        self._hostname = _domain(hostname or socket.gethostname())

    async def send(self, message: Message, key: str) -> Sent:
        """Raises ChannelError."""
        settings = self._settings
        sender = settings.sender or f"etlmon@{self._hostname}"
        mail = build(message, key, sender=sender, to=settings.to, hostname=self._hostname)
        request = {
            "host": settings.host or "localhost",
            "port": settings.port or PORTS[settings.security],
            "security": settings.security,
            "username": settings.username,
            "password": settings.password,
            "ca_file": settings.ca_file,
            "timeout": float(settings.timeout),
            "hostname": self._hostname,
            "sender": mailbox(sender).addr_spec,
            "to": [mailbox(one).addr_spec for one in settings.to],
            "mail": mail.as_bytes().decode("ascii"),
        }
        return await child.send(settings, _SCRIPT, msgspec.json.encode(request))


def build(message: Message, key: str, *, sender: str, to: Sequence[str], hostname: str) -> EmailMessage:
    """The mail. Its Message-ID is made of the key, so that a mailbox that has it already can tell."""
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = f"[etlmon] {wording.heading(message)}"
    mail["From"] = mailbox(sender)
    mail["To"] = [mailbox(one) for one in to]
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{key}@{hostname}>"
    if len(message.alerts) == 1:
        # Beginning and end of one alert stand together in a mailbox (RFC 5322, section 3.6.4).
        (alert,) = message.alerts
        mail["References"] = f"<alert-{alert.id}-{alert.triggered_at.timestamp():.0f}@{hostname}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers
    mail["X-Etlmon-Delivery"] = key
    if message.severity == "critical" and message.firing:
        mail["Importance"] = "high"
    mail.set_content(wording.text(message))
    mail.add_alternative(page(message), subtype="html")
    return mail


def page(message: Message) -> str:
    """The message as HTML, without anything that would have to be loaded."""
    rows = "".join(_row(one) for one in wording.paragraphs(message)) or f"<p>{html.escape(message.title)}</p>"
    closing = "<br>".join(html.escape(line) for line in wording.closing(message))
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head>'
        '<body style="font-family:sans-serif;font-size:14px;color:#222">'
        f'<h3 style="margin:0 0 12px">{html.escape(wording.heading(message))}</h3>'
        f'{rows}<p style="color:#777;font-size:12px">{closing}</p></body></html>\n'
    )


def _row(one: wording.Paragraph) -> str:
    color = _COLORS[one.mark]
    lines = "<br>".join(html.escape(line) for line in one.lines)
    return (
        f'<div style="border-left:4px solid {color};margin:0 0 12px;padding:2px 0 2px 10px">'
        f'<b style="color:{color}">{one.mark}</b> <b>{html.escape(one.summary)}</b>'
        f'<br><span style="color:#555">{lines}</span></div>'
    )


def _domain(hostname: str) -> str:
    """What may stand after the @, whatever the host is called."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in ".-") else "-" for char in hostname)
    return ".".join(filter(None, (label.strip("-") for label in plain.split(".")))) or "localhost"
