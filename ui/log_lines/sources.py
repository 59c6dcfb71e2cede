"""Which logs are meant: names as they are typed, looked up on the nodes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from etlmon.client import NodeClient, NodeError
from etlmon.contract.logs import LOGS, Log
from etlmon.contract.node import NODE
from ui.log_lines.history import LogSource


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNode:
    """A node and its logs; `error` says why it did not answer, and then nothing is known of its logs."""

    name: str
    client: NodeClient
    logs: Sequence[Log] = ()
    error: str = ""

    @property
    def log_names(self) -> list[str]:
        return [log.name for log in self.logs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The logs that are meant, and what is wrong with the names, in words."""

    sources: tuple[LogSource, ...]
    problems: tuple[str, ...]


async def look_at(nodes: Mapping[str, str]) -> list[KnownNode]:
    """What logs the nodes have. `nodes` gives the name of each address; an empty one is the node's own."""
    return list(await asyncio.gather(*(_look(address, name) for address, name in nodes.items())))


async def _look(address: str, name: str) -> KnownNode:
    client = NodeClient(address)
    own = name or address.removeprefix("http://")
    try:
        if not name:
            own = (await client.ask(NODE)).unwrap().node_name or own
        return KnownNode(name=own, client=client, logs=(await client.ask(LOGS)).unwrap())
    except NodeError as error:
        return KnownNode(name=own, client=client, error=error.message)


def choose(wanted: Sequence[str], nodes: Sequence[KnownNode], *, hopeful: bool = False) -> Chosen:
    """The logs with these names: NAME on every node that has it, NODE/NAME on that one.

    `hopeful` takes a node that does not answer to have every log it is asked for: it may come back and tell.
    """
    sources: dict[tuple[str, str], LogSource] = {}
    problems: list[str] = []
    several = len(nodes) > 1
    for text in wanted:
        log, asked = _meant(text, nodes)
        having = [node for node in asked if log in node.log_names or (hopeful and node.error)]
        if not having and any(not node.error for node in asked):
            problems.append(_no_such_log(log, [node for node in asked if not node.error]))
        for node in having:
            label = f"{node.name}/{log}" if several else log
            sources[node.name, log] = LogSource(label=label, node=node.name, log=log, client=node.client)
    return Chosen(sources=tuple(sources.values()), problems=tuple(problems))


def _meant(text: str, nodes: Sequence[KnownNode]) -> tuple[str, Sequence[KnownNode]]:
    """The name of a log, and the nodes that are asked for it: the one named before a slash, if any is, else all."""
    name, slash, log = text.partition("/")
    named = [node for node in nodes if slash and node.name == name]
    return (log, named) if named else (text, nodes)


def _no_such_log(log: str, nodes: Sequence[KnownNode]) -> str:
    there = sorted({name for node in nodes for name in node.log_names})
    who = f"{nodes[0].name} has" if len(nodes) == 1 else "no node has"
    start = f"{who} no log {log!r}" if len(nodes) == 1 else f"{who} a log {log!r}"
    if not there:
        return f"{start}; none is configured: name some under logs: in node.yaml"
    close = get_close_matches(log, there, n=1)
    return f"{start}; did you mean {close[0]}?" if close else f"{start}; there are {', '.join(there)}"
