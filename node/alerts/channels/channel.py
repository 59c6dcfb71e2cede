"""What a channel is, and what becomes of a message that goes through it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

from etlmon.clean import clean
from etlmon.contract.alerts_rules import ChannelType
from etlmon.logs import HIDDEN, redact
from node.alerts.notices import Message
from node.settings_alerts import AlertChannel

LONGEST_ANSWER = 300
"""So much of what the other side says is kept."""

_SHORTEST_SECRET = 4
"""Shorter ones are not looked for in texts: they would be found in the middle of words."""

_BETWEEN = re.compile(r"[/?#@:&=]+")


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken. `message` is what the other side said; `refused` whom it did not take it for, in words."""

    message: str
    refused: str = ""


class ChannelError(Exception):
    """It was not taken, or that is not known. One line without secrets.

    `is_permanent`: a further try makes no sense. `retry_after_sec` is how long the other side asks to be left alone.
    """

    def __init__(self, message: str, *, is_permanent: bool = False, retry_after_sec: float | None = None) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        self.retry_after_sec = retry_after_sec


class Channel(Protocol):
    """One configured way to tell people."""

    async def send(self, message: Message, key: str) -> Sent:
        """Hand the message over, within the channel's time. `key` is the same whenever the message is the same.

        Raises ChannelError.
        """


def said(text: str, settings: AlertChannel) -> str:
    """What somebody said, on one line, of bounded length, and without the secrets of the channel."""
    line = clean(" ".join(text[: LONGEST_ANSWER * 4].split()))
    for secret in sorted(secrets_of(settings), key=len, reverse=True):
        line = line.replace(secret, HIDDEN)
    line = redact(line)
    return line if len(line) <= LONGEST_ANSWER else line[: LONGEST_ANSWER - 1] + "…"


def secrets_of(settings: AlertChannel) -> set[str]:
    """What must not be seen outside of the configuration: passwords, keys, header values, what a URL lets in with."""
    found = {settings.password, settings.secret, *settings.headers.values()}
    if settings.url is not None:
        found |= {*_parts_of(settings.url, settings.type), *_userinfo(settings.url)}
    return {secret for secret in found if secret and len(secret) >= _SHORTEST_SECRET}


def _parts_of(url: str, type_: ChannelType) -> Iterator[str]:
    """What of an address may let in. Apprise has tokens where others have the name of a host."""
    if type_ == "alertmanager":
        return
    yield url
    rest = url.partition("://")[2]
    for part in _BETWEEN.split(rest if type_ == "apprise" else rest.partition("/")[2]):
        yield part
        yield unquote(part)


def _userinfo(url: str) -> set[str | None]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    return {parts.password, parts.netloc.rpartition("@")[0]}


def target(settings: AlertChannel) -> str:
    """Where the channel leads to, for people: without whatever lets in there."""
    if settings.type == "email":
        return ", ".join(settings.to)
    try:
        parts = urlsplit(settings.url or "")
    except ValueError:
        return HIDDEN
    if settings.type == "apprise":
        return f"{parts.scheme}://{HIDDEN}"
    host = parts.netloc.rpartition("@")[2]
    if settings.type == "alertmanager":
        return f"{parts.scheme}://{host}{parts.path}"
    return f"{parts.scheme}://{host}/{HIDDEN}"
