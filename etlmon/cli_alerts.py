"""The command line of `etlmon alert`."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from etlmon.cli_parts import address, command, config_option, group, nodes_option

if TYPE_CHECKING:
    from datetime import datetime

    from etlmon.cli_parts import Commands

    Moment = Callable[[str], datetime]


def add_commands(
    commands: "Commands", run: Callable[[argparse.Namespace], int], *, past: "Moment", ahead: "Moment"
) -> None:
    """`run` does what `act` in its arguments says: list, ack, silence, backtest, test, rules, channels,
    deliveries.

    `past` and `ahead` read a time that was and one that is to come.
    """
    below = group(commands, "alert", "look after the alerts of nodes")

    listing = command(below, "alert list", run, "list what is wrong now, by the rules of each node")
    listing.set_defaults(act="list")
    config_option(listing)
    nodes_option(listing)
    listing.add_argument("--history", action="store_true", help="also what was wrong, newest first")
    listing.add_argument("--json", action="store_true", help="print one JSON document")

    ack = command(below, "alert ack", run, "say that somebody looks after an alert")
    ack.set_defaults(act="ack")
    _one_node(ack)
    ack.add_argument("--comment", metavar="TEXT", default="", help="what is done about it")
    ack.add_argument("id", metavar="ID", help="its number, as the list has it")

    silencing = "tell nobody of some alerts for a while; without options list the silences"
    _silence(command(below, "alert silence", run, silencing), ahead)
    _backtest(command(below, "alert backtest", run, "say when a rule would have told, by what is stored"), past)

    test = command(below, "alert test", run, "send a notice through a channel now, and say what came of it")
    test.set_defaults(act="test")
    _one_node(test)
    test.add_argument("channel", metavar="CHANNEL", help="its name in the node's configuration")

    rules = command(below, "alert rules", run, "list the rules of each node and how they stand")
    rules.set_defaults(act="rules")
    config_option(rules)
    nodes_option(rules)
    rules.add_argument("--json", action="store_true", help="print one JSON document")

    channels = command(below, "alert channels", run, "list the ways to tell people and how each fares")
    channels.set_defaults(act="channels")
    config_option(channels)
    nodes_option(channels)
    channels.add_argument("--json", action="store_true", help="print one JSON document")

    _deliveries(command(below, "alert deliveries", run, "list the notices and how far each got"))


def _silence(silence: argparse.ArgumentParser, ahead: "Moment") -> None:
    silence.set_defaults(act="silence")
    config_option(silence)
    nodes_option(silence)
    silence.add_argument("--for", dest="duration", metavar="TIME", help="for so long: 2h")
    silence.add_argument("--from", dest="starts_at", metavar="TIME", type=ahead, help="begin later: 2h, 22:00")
    silence.add_argument("--rule", metavar="NAME", default="", help="only alerts of this rule")
    silence.add_argument(
        "--label", metavar="NAME=VALUE", action="append", type=_label, help="only alerts with this label (repeatable)"
    )
    silence.add_argument("--all", action="store_true", help="every alert of the node")
    silence.add_argument("--reason", metavar="TEXT", help="why; others read it")
    silence.add_argument("--end", metavar="ID", help="end this silence now")
    silence.add_argument("--json", action="store_true", help="print the list as one JSON document")


def _deliveries(deliveries: argparse.ArgumentParser) -> None:
    deliveries.set_defaults(act="deliveries")
    config_option(deliveries)
    nodes_option(deliveries)
    deliveries.add_argument("--channel", metavar="NAME", help="only those of this channel")
    states = ("waiting", "sent", "failed", "suppressed")
    deliveries.add_argument("--state", choices=states, help="only those that are; failed ones were given up")
    deliveries.add_argument("--json", action="store_true", help="print one JSON document")


def _backtest(backtest: argparse.ArgumentParser, past: "Moment") -> None:
    backtest.set_defaults(act="backtest")
    _one_node(backtest)
    backtest.add_argument("--since", metavar="TIME", type=past, help="from this time on: 7d, 2026-11-21; 7d")
    backtest.add_argument("--until", metavar="TIME", type=past, help="up to this time: 2h, 06:00; now")
    backtest.add_argument("--file", metavar="FILE", help="read the rule from this YAML file instead of the node's own")
    backtest.add_argument("--json", action="store_true", help="print one JSON document")
    backtest.add_argument("rule", metavar="RULE", help="its name")


def _one_node(parser: argparse.ArgumentParser) -> None:
    config_option(parser)
    parser.add_argument("--node", metavar="URL", action="append", type=address, help="the node that acts")


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no label; write for example path=/data/in or device=~sd.*")
    return name, value
