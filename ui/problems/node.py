"""node: one that is silent, is not who it was, has another clock, or says itself that something does not work."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from etlmon.contract.node import HEALTH, Health
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(HEALTH, pace="slow")


def level(health: Health) -> State:
    if health.status == "unhealthy":
        return "crit"
    return "warn" if health.status == "degraded" else "ok"


def problems(node: NodeState) -> Iterator[Problem]:
    if node.skew:
        direction = "ahead" if node.skew > timedelta() else "behind"
        text = f"clock is {fmt.duration(abs(node.skew).total_seconds())} {direction}"
        yield Problem(level="warn", node=node.name, text=text)
    health = node.answer(QUESTION)
    if health is not None and (severity := level(health)) != "ok":
        for text in health.problems or [f"node is {health.status}"]:
            yield Problem(level=severity, node=node.name, text=text)


def silence(node: NodeState) -> Problem | None:
    """Why nothing that is known of the node can be relied on; None when it can."""
    if node.up is False:
        return Problem(level="down", node=node.name, since=node.since, text=f"node offline: {short_reason(node)}")
    if node.changed:
        return Problem(level="down", node=node.name, since=node.since, text=node.describe())
    return None


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
    return f"retry in {next_try_age(node, now)} · #{node.fails}"


def next_try_age(node: NodeState, now: datetime) -> str:
    """How long it takes until a silent node is asked again: `8s`."""
    return fmt.age(None if node.next_try is None else max(0.0, (node.next_try - now).total_seconds()))


def short_reason(node: NodeState) -> str:
    """What happened, without what to do about it."""
    return node.reason.partition(": ")[0]
