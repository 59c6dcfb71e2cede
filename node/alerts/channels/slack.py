"""Channels of type slack: an incoming webhook (docs.slack.dev: incoming webhooks, formatting message text).

A message has a line in bold that also shows in notifications, and below it the alerts with a bar in their colour.
"""

import re
from typing import Any

import msgspec

from node.alerts import wording
from node.alerts.channels import http
from node.alerts.channels.channel import Sent
from node.alerts.notices import Message
from node.settings_alerts import AlertChannel

LONGEST_BLOCK = 2900
"""Slack takes 3,000 characters in the text of a block, and refuses the whole message over it."""

_COLORS = {"critical": "#c62828", "warning": "#f9a825", "info": "#1565c0"}
_RESOLVED = "#2e7d32"
_PART_OF_ESCAPE = re.compile(r"&[a-z]{0,3}$")
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class SlackChannel:
    """Tells people in a Slack channel."""

    def __init__(self, settings: AlertChannel) -> None:
        self._settings = settings

    async def send(self, message: Message, key: str) -> Sent:
        """Raises ChannelError."""
        body = msgspec.json.encode(document(message, self._settings.mention))
        return await http.send(self._settings, self._settings.url or "", body, {http.KEY_HEADER: key})


def document(message: Message, mention: str | None) -> dict[str, Any]:
    """The body. Who is to be mentioned is when something critical began, and only then."""
    text = f"*{escape(wording.heading(message))}*"
    if mention and any(alert.severity == "critical" for alert in message.firing):
        text = f"{mention} {text}"
    color = _COLORS[message.severity] if message.firing or message.kind == "test" else _RESOLVED
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": _mrkdwn(_paragraph(one))} for one in wording.paragraphs(message)
    ]
    blocks.append({"type": "context", "elements": [_mrkdwn("\n".join(map(escape, wording.closing(message))))]})
    return {"text": text, "attachments": [{"color": color, "blocks": blocks}]}


def escape(text: str) -> str:
    """The three characters by which Slack would take a text for a command, such as `<!channel>`."""
    return text.translate(_ESCAPED)


def _paragraph(one: wording.Paragraph) -> str:
    return "\n".join([f"*{one.mark}*  {escape(one.summary)}", *(escape(line) for line in one.lines)])


def _mrkdwn(text: str) -> dict[str, str]:
    cut = text if len(text) <= LONGEST_BLOCK else _PART_OF_ESCAPE.sub("", text[:LONGEST_BLOCK]) + "…"
    return {"type": "mrkdwn", "text": cut}
