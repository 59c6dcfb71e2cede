"""Channels of type apprise: any service that this package knows, from a process of its own (apprise_child.py)."""

from pathlib import Path

import msgspec

from node.alerts import wording
from node.alerts.channels import child
from node.alerts.channels.channel import Sent
from node.alerts.notices import Message
from node.settings_alerts import AlertChannel

_SCRIPT = Path(__file__).with_name("apprise_child.py")
_TYPES = {"critical": "failure", "warning": "warning", "info": "info"}


class AppriseChannel:
    """Tells people through a service of theirs.

    Those have no room for the key: after a crash a message may arrive twice.
    """

    def __init__(self, settings: AlertChannel) -> None:
        self._settings = settings

    async def send(self, message: Message, key: str) -> Sent:
        """Raises ChannelError."""
        is_over = message.kind != "test" and not message.firing
        request = {
            "url": self._settings.url,
            "timeout": float(self._settings.timeout),
            "title": wording.heading(message),
            "body": wording.text(message),
            "type": "success" if is_over else _TYPES[message.severity],
        }
        return await child.send(self._settings, _SCRIPT, msgspec.json.encode(request))
