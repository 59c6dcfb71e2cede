"""What the configuration of a channel may not say. No text of it repeats a secret."""

import ipaddress
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.headerregistry import Address
from email.policy import SMTP
from urllib.parse import urlsplit

import msgspec

from node.settings_alerts import AlertChannel

_ALWAYS = {"name", "type", "min_severity", "timeout"}
_KEYS = {
    "email": {"host", "port", "security", "username", "password", "sender", "to", "ca_file", "send_resolved"},
    "slack": {"url", "mention", "ca_file", "send_resolved"},
    "webhook": {"url", "method", "headers", "secret", "ca_file", "send_resolved"},
    "alertmanager": {"url", "headers", "ca_file"},
    "apprise": {"url", "send_resolved"},
}
"""Which keys count for which type."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_RESERVED = re.compile(r"(content-length|host|connection|transfer-encoding|x-etlmon-.*)", re.IGNORECASE)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_SPEC = rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"
_MAILBOX = re.compile(
    rf"(?:(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<name>[^\"<>:;@\\,]*?))\s*<(?P<spec>{_SPEC})>|(?P<alone>{_SPEC}))"
)
"""One mailbox and nothing else (RFC 5322, section 3.4), without comments and routes."""

_HOST = re.compile(r"[A-Za-z0-9._:-]+")


def channel_problems(channel: AlertChannel) -> Iterator[tuple[str, str]]:
    """What is wrong with a channel: (key, what and what to do)."""
    for field in msgspec.structs.fields(AlertChannel):
        counts = field.name in _ALWAYS or field.name in _KEYS[channel.type]
        if not counts and getattr(channel, field.name) != _default(field):
            yield field.encode_name, f"means nothing to a channel of type {channel.type}; leave it out"
    if channel.type == "email":
        yield from _email(channel)
    elif channel.url is None:
        yield "url", f"is missing; a channel of type {channel.type} needs it"
    elif channel.type == "apprise":
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", channel.url):
            yield "url", "is no URL of apprise; those begin with the name of a service and ://"
    elif reason := http_problem(channel.url):
        yield "url", reason
    for name, value in channel.headers.items():
        if reason := _header_problem(name, value):
            yield f"headers.{name}", reason


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def _email(channel: AlertChannel) -> Iterator[tuple[str, str]]:
    if channel.host is not None and not _HOST.fullmatch(channel.host):
        yield "host", f'"{channel.host}" is no name or address of a host'
    if not channel.to:
        yield "to", "names nobody; write at least one address"
    for index, address in enumerate(channel.to):
        if reason := _mailbox_problem(address):
            yield f"to[{index}]", reason
    if channel.sender is not None and (reason := _mailbox_problem(channel.sender)):
        yield "from", reason
    if (channel.username is None) != (channel.password is None):
        yield "password", "goes with username, and the other way round"
    if channel.security == "none":
        if channel.ca_file is not None:
            yield "ca_file", "goes with security: starttls or tls"
        if channel.password is not None and not _is_this_host(channel.host or "localhost"):
            yield "security", "is none: everybody on the way would read the password; write starttls or tls"


def _mailbox_problem(text: str) -> str | None:
    try:
        mailbox(text)
    except ValueError as error:
        return str(error)
    return None


def mailbox(text: str) -> Address:
    """The one address that a text is, `Night Shift <night@example.com>` or without the name, ready for a header.

    Raises ValueError when it is none, or more than one.
    """
    match = _MAILBOX.fullmatch(text.strip()) if text.isprintable() else None
    if match is None:
        several = "; write each as an item of its own" if text.count("@") > 1 else ""
        raise ValueError(f'"{text}" is no address of e-mail{several}')
    quoted, name, spec = match["quoted"], match["name"], match["spec"] or match["alone"]
    shown = (name or "").strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    try:
        address = Address(display_name=shown, addr_spec=spec)
        SMTP.fold("To", SMTP.header_store_parse("To", [address])[1])
    except (MessageError, ValueError, IndexError) as error:
        raise ValueError(f'"{text}" is no address of e-mail') from error
    return address


def _is_this_host(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def http_problem(url: str) -> str | None:
    """Why this is no address to ask over HTTP; None when it is one."""
    try:
        parts = urlsplit(url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        return "is no URL; write for example https://example.com/path"
    if any(char.isspace() or not char.isprintable() for char in url):
        return "holds a blank or a control character"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good:
        return "is no address of HTTP; write for example https://example.com/path"
    return None


def _header_problem(name: str, value: str) -> str | None:
    if not _TOKEN.fullmatch(name):
        return "is no name of a header"
    if _RESERVED.fullmatch(name):
        return "is set by etlmon itself; leave it out"
    if not all(char == "\t" or char.isprintable() for char in value):
        return "holds a line feed or another control character"
    return None
