"""Who is told on which way, and every notice and how far it got, as tables or as JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime

from etlmon.contract.alerts import ALERT_CHANNELS, ALERT_DELIVERIES, Delivery, DeliveryQuery
from etlmon.contract.alerts_rules import ChannelInfo
from ui import format as fmt
from ui.alert_command.asking import Listing, print_list
from ui.problems import alerts as problems
from ui.text_page import TextColumn, TextRow

_CHANNELS = (
    TextColumn("LEADS TO"),
    TextColumn("CHANNEL"),
    TextColumn("TYPE"),
    TextColumn("WAITING", right=True),
    TextColumn("FAILED", right=True),
    TextColumn("SENT LAST"),
    TextColumn("STATE"),
)
_DELIVERIES = (
    TextColumn("NOTICE"),
    TextColumn("ID", right=True),
    TextColumn("CHANNEL"),
    TextColumn("STATE"),
    TextColumn("TRIES", right=True),
    TextColumn("CREATED"),
    TextColumn("SENT"),
    TextColumn("NEXT TRY"),
    TextColumn("ERROR"),
)


async def print_channels(nodes: Mapping[str, str], *, as_json: bool) -> int:
    """Print the ways to tell people and how each fares; the exit code: 1 when a node did not answer."""
    now = datetime.now(UTC)
    listing = Listing(
        ask=lambda node: node.ask(ALERT_CHANNELS),
        columns=_CHANNELS,
        row=lambda channel: _channel(channel, now),
        nothing="there is no channel: nobody is told",
    )
    return await print_list(nodes, listing, as_json=as_json)


async def print_deliveries(nodes: Mapping[str, str], query: DeliveryQuery, *, as_json: bool) -> int:
    """Print the newest notices that fit; the exit code: 1 when a node did not answer."""
    now = datetime.now(UTC)
    listing = Listing(
        ask=lambda node: node.ask(ALERT_DELIVERIES, query=query),
        columns=_DELIVERIES,
        row=lambda delivery: _delivery(delivery, now),
        nothing="nobody was told anything that fits",
    )
    return await print_list(nodes, listing, as_json=as_json)


def _channel(channel: ChannelInfo, now: datetime) -> TextRow:
    return TextRow(
        problems.channel_level(channel),
        (
            channel.target,
            channel.name,
            channel.type,
            fmt.count(channel.waiting),
            fmt.count(channel.failed),
            fmt.stamp(channel.last_sent_at, "local", now),
            problems.channel_words(channel),
        ),
    )


def _delivery(delivery: Delivery, now: datetime) -> TextRow:
    return TextRow(
        problems.delivery_level(delivery),
        (
            delivery.title,
            str(delivery.id),
            delivery.channel,
            delivery.state,
            fmt.count(delivery.attempts),
            fmt.stamp(delivery.created_at, "local", now),
            fmt.stamp(delivery.sent_at, "local", now),
            fmt.stamp(delivery.next_try_at, "local", now),
            delivery.error or "",
        ),
    )
