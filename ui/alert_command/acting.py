"""Acknowledging an alert, and trying a channel."""

from etlmon.cli_parts import FAILED, say
from etlmon.client import NodeClient
from etlmon.contract.alerts import ALERT_ACK, ALERT_CHANNEL_TEST, Acknowledge
from ui import format as fmt
from ui.alert_command.asking import print_line
from ui.problems import alerts as problems
from ui.widgets.cells import plain


async def acknowledge(node: NodeClient, alert_id: str, comment: str) -> int:
    """Have nobody told of an alert again until it is resolved; the exit code. Raises NodeError."""
    alert = (await node.ask(ALERT_ACK, body=Acknowledge(comment=comment), id=alert_id)).unwrap()
    print_line(f"{alert.id} is acknowledged: {problems.summary(alert)}")
    return 0


async def test(node: NodeClient, channel: str) -> int:
    """Send a notice through a channel; the exit code: 1 when it did not arrive. Raises NodeError."""
    result = (await node.ask(ALERT_CHANNEL_TEST, name=channel)).unwrap()
    took = fmt.latency(result.duration_ms)
    if not result.delivered:
        return say(plain(f"the notice through {result.channel} did not arrive ({took}): {result.message}"), FAILED)
    print_line(f"the notice through {result.channel} arrived in {took}: {result.message}")
    return 0
