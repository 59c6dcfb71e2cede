"""What stands around the views: the header and the list of the nodes, from what is known. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from ui import format as fmt
from ui.format import TimeStyle
from ui.glyphs import Glyphs
from ui.problems import alerts as alerts_problems
from ui.problems import level_of, of_fleet
from ui.problems.node import next_try, short_reason
from ui.problems.problem import worst
from ui.state import Fleet, NodeState
from ui.views.rows import level_cell
from ui.widgets.cells import Cell, Tone
from ui.widgets.header import HeaderInfo
from ui.widgets.lines import Line
from ui.widgets.nodelist import NodeItem

Badge = tuple[str, Tone]
_REASON = 30
"""As much of a reason as leaves room in the header; the whole one stands in the views."""


class Viewed(Protocol):
    """How the operator looks at it all."""

    times: TimeStyle
    zone: tzinfo | None
    read_only: bool


def header(fleet: Fleet, now: datetime, viewed: Viewed, glyphs: Glyphs) -> HeaderInfo:
    """The header as of now: what is wrong anywhere, and how the chosen node is."""
    nodes = [fleet.live(name) for name in fleet.names]
    node = fleet.live(fleet.chosen)
    levels = [level_of(one) for one in nodes]
    problems = of_fleet(nodes)
    alerts = [found for one in nodes if not one.stale and (found := alerts_problems.open_alerts(one)) is not None]
    critical = sum(problem.level in ("crit", "down") for problem in problems)
    return HeaderInfo(
        up=sum(one.up is True and not one.changed for one in nodes),
        warn=levels.count("warn"),
        crit=levels.count("crit"),
        down=levels.count("down"),
        node=node.name,
        host=host(node),
        state=level_of(node),
        latency_ms=node.latency_ms if node.up else None,
        age_sec=None if node.last_ok is None else (now - node.last_ok).total_seconds(),
        problem=problem_of(node, now),
        critical=critical,
        warnings=len(problems) - critical,
        alerts=sum(found.count for found in alerts),
        alerts_state=worst(found.level for found in alerts),
        badges=badges(fleet, now, glyphs=glyphs, read_only=viewed.read_only),
        clock=f"{fmt.clock(now, UTC)}Z" if viewed.times == "utc" else fmt.clock(now, viewed.zone),
    )


def host(node: NodeState) -> str:
    """Who really answers, unless the name says it already."""
    info = node.other if node.changed else node.info
    if info is None or info.hostname == node.name:
        return ""
    return info.hostname if info.node_name in (node.name, info.hostname) else f"{info.node_name} ({info.hostname})"


def problem_of(node: NodeState, now: datetime) -> str:
    """Why the chosen node is not to be relied on, since when, and when it is asked again."""
    if node.changed:
        return node.describe()
    if node.up is not False or node.since is None:
        return ""
    reason = short_reason(node)
    if len(reason) > _REASON:
        reason = reason[: _REASON - 1] + "…"
    return f"{reason} · for {fmt.age((now - node.since).total_seconds())} · {next_try(node, now)}"


def badges(fleet: Fleet, now: datetime, *, glyphs: Glyphs, read_only: bool) -> Sequence[Badge]:
    """Short words that must not be missed."""
    node = fleet.live(fleet.chosen)
    found: list[Badge] = []
    if fleet.paused_at is not None:
        age = fmt.age((now - fleet.paused_at).total_seconds())
        found.append((f"{glyphs.pause} PAUSED {age} +{fleet.waiting}", "warn"))
    if read_only:
        found.append(("READ-ONLY", "info"))
    if node.skew:
        found.append((f"clock {node.skew.total_seconds():+.0f} s", "warn"))
    if twin := fleet.twin(node.name):
        found.append((f"same node as {twin}", "warn"))
    return found


def node_items(fleet: Fleet) -> list[NodeItem]:
    """The list of the nodes, in the order of the configuration."""
    return [
        NodeItem(name=name, state=level_of(fleet.live(name)), latency_ms=fleet.live(name).latency_ms or None)
        for name in fleet.names
    ]


def nothing_answers(node: NodeState) -> str:
    """What to do when no node is configured and there is none on this host either."""
    return (
        f"No node is configured, and nothing answers at {node.address}: {node.reason}\n"
        "Start one on this host:        etlmon node\n"
        "Or look at another one:        etlmon ui --node http://HOST:8080\n"
        "Or through a tunnel to it:     ssh -L 8080:localhost:8080 HOST\n"
        "Or name your nodes in ui.yaml: nodes: [{name: web2, address: http://web2:8080}]"
    )


def host_rows(fleet: Fleet) -> list[Sequence[Cell]]:
    """The nodes for the dialog that chooses one: state, name, address, who answers."""
    nodes = [fleet.live(name) for name in fleet.names]
    return [(level_cell(level_of(node)), node.name, node.address, host(node) or node.reason) for node in nodes]


def trust_lines(node: NodeState) -> list[Line]:
    """The question whether another node than before is the right one."""
    return [
        [(f"{node.address} was answered by another node before.", None)],
        [(node.describe(), "warn")],
        [(f"identity {node.other_id}, before {node.node_id}", "dim")],
        [("Is that right? What was known of the one before is dropped.", None)],
    ]
