"""`etlmon alert silence`: having nobody told of some alerts for a while, and ending that."""

import argparse
from collections import Counter
from datetime import UTC, datetime

from etlmon.client import NodeClient
from etlmon.contract.alerts import ALERT_SILENCE, ALERT_UNSILENCE
from etlmon.contract.alerts_rules import NewSilence, Silence
from ui import format as fmt
from ui.alert_command.asking import print_line
from ui.alert_command.errors import UsageError


def wanted(arguments: argparse.Namespace) -> NewSilence:
    """The silence that is asked for. Raises UsageError: nobody silences everything by leaving something out."""
    labels = arguments.label or []
    is_narrow = bool(arguments.rule or labels)
    if not arguments.reason:
        raise UsageError("why? say it with --reason; whoever waits for a notice reads it")
    for name, times in Counter(name for name, _ in labels).items():
        if times > 1:
            raise UsageError(f"the label {name} is given {times} times; give it once, for example {name}='~A|B'")
    if not is_narrow and not arguments.all:
        raise UsageError("of which alerts? name them with --rule or --label; --all is every alert of the node")
    if is_narrow and arguments.all:
        raise UsageError("--all is every alert of the node; leave it out together with --rule or --label")
    return NewSilence(
        rule=arguments.rule,
        labels=dict(labels),
        reason=arguments.reason,
        starts_at=arguments.starts_at,
        duration=arguments.duration,
    )


async def silence(node: NodeClient, asked: NewSilence) -> int:
    """Have nobody told of some alerts for a while; the exit code. Raises NodeError."""
    made = (await node.ask(ALERT_SILENCE, body=asked)).unwrap()
    matched = "" if not made.active else f"; it covers {fmt.count(made.matched)} that are open now"
    print_line(
        f"silence {made.id} from {_moment(made.starts_at)} until {_moment(made.ends_at)}: "
        f"nobody is told of {_covered(made)}{matched}. `etlmon alert silence --end {made.id}` ends it"
    )
    return 0


async def end_silence(node: NodeClient, silence_id: str) -> int:
    """End a silence now; the exit code. Raises NodeError."""
    await node.ask(ALERT_UNSILENCE, id=silence_id)
    print_line(f"silence {silence_id} is over")
    return 0


def _covered(made: Silence) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in made.labels.items())
    if not made.rule and not labels:
        return "any alert of this node"
    return "alerts" + (f" of {made.rule}" if made.rule else "") + (f" with {labels}" if labels else "")


def _moment(moment: datetime) -> str:
    return fmt.stamp(moment, "local", datetime.now(UTC))
