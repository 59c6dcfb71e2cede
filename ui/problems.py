"""What is wrong, and how badly: one judgement for the tables' order, the colours, the node list and the overview.

Pure. A domain adds a function that judges one of its rows, and a line in `of_node`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from etlmon.contract.endpoint import Page
from etlmon.contract.fs import FS, Mount
from etlmon.contract.node import HEALTH, Health
from etlmon.contract.paths import PATHS, PathStats
from ui import format as fmt
from ui.glyphs import SEVERITY, State
from ui.state import NodeState, Question

HEALTH_QUESTION = Question(HEALTH, pace="slow")
MOUNTS_QUESTION = Question(FS, pace="slow")
PATHS_QUESTION = Question(PATHS, Page(limit=1000), pace="slow")
QUESTIONS: tuple[Question[Any], ...] = (HEALTH_QUESTION, MOUNTS_QUESTION, PATHS_QUESTION)
"""What must be known of every node to judge it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `view` and `key` lead to the row it is about; `since` is by the UI's clock."""

    level: State
    node: str
    text: str
    since: datetime | None = None
    view: str = "overview"
    key: str = ""


def rank(level: State) -> int:
    """0 for the worst."""
    return SEVERITY.index(level)


def worst(levels: Iterable[State]) -> State:
    return min(levels, key=rank, default="ok")


def mount_level(mount: Mount) -> State:
    if mount.state in ("stuck", "not_mounted", "error"):
        return "crit"
    if mount.state == "denied":
        return "warn"
    fullest = max(mount.used_percent, mount.inodes_used_percent)
    if fullest >= mount.critical_percent:
        return "crit"
    return "warn" if fullest >= mount.warn_percent else "ok"


def mount_words(mount: Mount) -> str:
    """The state of a mount in words: what is wrong, or `ok`."""
    if mount.state == "stuck":
        return "does not answer"
    if mount.state == "not_mounted":
        return "not mounted"
    if mount.state != "ok":
        return mount.error_message or mount.state
    inodes = mount.inodes_used_percent
    level = mount_level(mount)
    if level == "ok":
        return "ok"
    limit = mount.critical_percent if level == "crit" else mount.warn_percent
    if mount.used_percent >= limit:
        return f"{fmt.used_percent(mount.used_percent)} used (limit {fmt.percent(limit)})"
    return f"{fmt.used_percent(inodes)} of the inodes used (limit {fmt.percent(limit)})"


def path_level(path: PathStats) -> State:
    if path.state in ("missing", "not_mounted", "stuck", "denied") or path.status == "ERROR":
        return "crit"
    if not path.complete or path.state == "incomplete" or path.skipped:
        return "warn"
    return "ok"


def path_words(path: PathStats) -> str:
    """The state of a path in words: what is wrong, or how it is."""
    if path.error_message:
        return path.error_message
    if path.skipped:
        return f"{fmt.count(path.skipped)} directories could not be read"
    return path.state.replace("_", " ")


def health_level(health: Health) -> State:
    if health.status == "unhealthy":
        return "crit"
    return "warn" if health.status == "degraded" else "ok"


def level_of(node: NodeState) -> State:
    """How the node fares: the worst of what is known about it."""
    if node.up is None and not node.answers:
        return "unknown"
    return worst(problem.level for problem in of_node(node))


def of_node(node: NodeState) -> Iterator[Problem]:
    """Every open problem of a node; a silent node has that one problem, whatever it said before."""
    if node.up is False:
        yield Problem(level="down", node=node.name, since=node.since, text=f"node offline: {short_reason(node)}")
        return
    if node.changed:
        yield Problem(level="down", node=node.name, since=node.since, text=node.describe())
        return
    if node.skew:
        direction = "ahead" if node.skew > timedelta() else "behind"
        text = f"clock is {fmt.duration(abs(node.skew).total_seconds())} {direction}"
        yield Problem(level="warn", node=node.name, text=text)
    health = node.answer(HEALTH_QUESTION)
    if health is not None:
        yield from _of_health(node, health)
    for mount in node.answer(MOUNTS_QUESTION) or ():
        if (level := mount_level(mount)) != "ok":
            yield Problem(
                level=level,
                node=node.name,
                since=None if mount.stuck_since is None else mount.stuck_since - node.skew,
                text=f"{mount.mount_point}: {mount_words(mount)}",
                view="fs",
                key=mount.mount_point,
            )
    for path in node.answer(PATHS_QUESTION) or ():
        if (level := path_level(path)) != "ok":
            yield Problem(
                level=level,
                node=node.name,
                text=f"{path.name or path.path}: {path_words(path)}",
                view="paths",
                key=path.path,
            )


def _of_health(node: NodeState, health: Health) -> Iterator[Problem]:
    level = health_level(health)
    if level == "ok":
        return
    texts = health.problems or [f"node is {health.status}"]
    for text in texts:
        yield Problem(level=level, node=node.name, text=text)


def of_fleet(nodes: Sequence[NodeState]) -> list[Problem]:
    """Every open problem, the worst first, then by node in the order of the configuration."""
    return sorted((problem for node in nodes for problem in of_node(node)), key=lambda problem: rank(problem.level))


def why_nothing(node: NodeState, question: Question[Any], now: datetime) -> str:
    """Why there is no answer to a question of a node, in a sentence; empty when there is one."""
    if node.held(question) is not None:
        return ""
    if node.changed:
        return f"{node.name}: {node.describe()}. Check the tunnel at {node.address}, or :trust {node.name}."
    if node.up is False:
        return f"{node.name} does not answer at {node.address}: {node.reason} ({next_try(node, now)})"
    if reason := node.refusals.get(question.key):
        return f"{node.name} did not answer this: {reason}"
    return f"{node.name} has not answered yet."


def next_try(node: NodeState, now: datetime) -> str:
    """When a silent node is asked again, and how often it failed: `retry in 8s · #5`."""
    if node.next_try is None:
        return f"#{node.fails}"
    return f"retry in {fmt.age(max(0.0, (node.next_try - now).total_seconds()))} · #{node.fails}"


def short_reason(node: NodeState) -> str:
    """What happened, without what to do about it."""
    return node.reason.partition(": ")[0]
