"""`etlmon alert`: what is wrong on nodes, who looks after it, and what rules and channels do, from a shell."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping

from etlmon.cli_parts import FAILED, USAGE, say
from etlmon.client import NodeClient, NodeError
from etlmon.contract.alerts import Backtest, DeliveryQuery
from ui.alert_command.acting import acknowledge, test
from ui.alert_command.backtesting import backtest, rule_of
from ui.alert_command.errors import UsageError
from ui.alert_command.listing import print_alerts, print_history, print_rules, print_silences
from ui.alert_command.silencing import end_silence, silence, wanted
from ui.alert_command.telling import print_channels, print_deliveries
from ui.widgets.cells import plain


def run(arguments: argparse.Namespace, nodes: Mapping[str, str]) -> int:
    """Do what the command line says; the exit code. `nodes` gives what the operator calls each address."""
    match arguments.act:
        case "list":
            print_ = print_history if arguments.history else print_alerts
            return asyncio.run(print_(nodes, as_json=arguments.json))
        case "rules":
            return asyncio.run(print_rules(nodes, as_json=arguments.json))
        case "channels":
            return asyncio.run(print_channels(nodes, as_json=arguments.json))
        case "deliveries":
            query = DeliveryQuery(channel=arguments.channel, state=arguments.state)
            return asyncio.run(print_deliveries(nodes, query, as_json=arguments.json))
        case "silence" if not (arguments.duration or arguments.end):
            return _silences(arguments, nodes)
        case _:
            return _act(arguments, nodes)


def _silences(arguments: argparse.Namespace, nodes: Mapping[str, str]) -> int:
    if arguments.reason or arguments.rule or arguments.label or arguments.starts_at or arguments.all:
        return say("for how long? say it with --for, for example --for 2h", USAGE)
    return asyncio.run(print_silences(nodes, as_json=arguments.json))


def _act(arguments: argparse.Namespace, nodes: Mapping[str, str]) -> int:
    try:
        act = _chosen(arguments)
    except UsageError as error:
        return say(plain(str(error)), USAGE)
    if len(nodes) != 1:
        return say(f"which node? there are {len(nodes)}; name one with --node URL", USAGE)
    return asyncio.run(_with(next(iter(nodes)), act))


def _chosen(arguments: argparse.Namespace) -> Callable[[NodeClient], Awaitable[int]]:
    """What to do on the node. Raises UsageError."""
    match arguments.act:
        case "ack":
            return lambda node: acknowledge(node, arguments.id, arguments.comment)
        case "test":
            return lambda node: test(node, arguments.channel)
        case "backtest":
            rule = rule_of(arguments.file, arguments.rule) if arguments.file else None
            name = None if rule is not None else arguments.rule
            asked = Backtest(rule=rule, name=name, since=arguments.since, until=arguments.until)
            return lambda node: backtest(node, asked, as_json=arguments.json)
    if arguments.end:
        return lambda node: end_silence(node, arguments.end)
    made = wanted(arguments)
    return lambda node: silence(node, made)


async def _with(address: str, act: Callable[[NodeClient], Awaitable[int]]) -> int:
    async with NodeClient(address) as node:
        try:
            return await act(node)
        except NodeError as error:
            return say(plain(str(error)), FAILED)
