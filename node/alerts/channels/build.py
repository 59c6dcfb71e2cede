"""From the configuration of a channel to the channel."""

from node.alerts.channels.alertmanager import AlertmanagerChannel
from node.alerts.channels.apprise import AppriseChannel
from node.alerts.channels.channel import Channel
from node.alerts.channels.email import EmailChannel
from node.alerts.channels.slack import SlackChannel
from node.alerts.channels.webhook import WebhookChannel
from node.clock import Clock
from node.settings_alerts import AlertChannel


def build(settings: AlertChannel, clock: Clock) -> Channel:
    """The channel that is configured so; nothing is opened or looked up."""
    match settings.type:
        case "email":
            return EmailChannel(settings)
        case "slack":
            return SlackChannel(settings)
        case "webhook":
            return WebhookChannel(settings)
        case "alertmanager":
            return AlertmanagerChannel(settings, clock)
        case "apprise":
            return AppriseChannel(settings)
