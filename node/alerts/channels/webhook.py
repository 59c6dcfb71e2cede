"""Channels of type webhook: one JSON document a message, signed when there is a secret."""

import hashlib
import hmac
from typing import Any

import msgspec

from node.alerts.channels import http
from node.alerts.channels.channel import Sent
from node.alerts.notices import Message
from node.settings_alerts import AlertChannel
from node.store.alerts_deliveries import QueuedNotice

SIGNATURE_HEADER = "X-Etlmon-Signature"
"""`sha256=` and the HMAC of the body in hex, as other services sign theirs. The key of the message stands in the body,
so what is signed cannot be passed off as another message."""

FORMAT = 1

_OWN = ("silenced_until", "notices", "updated_at")
"""What is the node's own business."""


class WebhookChannel:
    """Tells a program."""

    def __init__(self, settings: AlertChannel) -> None:
        self._settings = settings

    async def send(self, message: Message, key: str) -> Sent:
        """Raises ChannelError."""
        settings = self._settings
        body = msgspec.json.encode(document(message, key))
        headers = {**settings.headers, http.KEY_HEADER: key}
        if settings.secret:
            headers[SIGNATURE_HEADER] = signature(settings.secret, body)
        return await http.send(settings, settings.url or "", body, headers, method=settings.method)


def signature(secret: str, body: bytes) -> str:
    """What the receiver computes from the body to see that it came from here, unchanged."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def document(message: Message, key: str) -> dict[str, Any]:
    """The same at each try, to the byte."""
    return {
        "format": FORMAT,
        "key": key,
        "kind": message.kind,
        "title": message.title,
        "severity": message.severity,
        "node": message.node,
        "at": message.at,
        "url": message.url,
        "alerts": [_alert(notice) for notice in message.told],
        "more": message.more,
    }


def _alert(notice: QueuedNotice) -> dict[str, Any]:
    facts = msgspec.structs.asdict(notice.alert)
    return {"status": notice.kind, **{name: value for name, value in facts.items() if name not in _OWN}}
