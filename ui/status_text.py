"""The snapshot of `etlmon status` as text: for each node a line, its own problems, and a table of each domain."""

from collections.abc import Sequence
from datetime import datetime

from ui import format as fmt
from ui.glyphs import WORDS
from ui.problems import node as node_problems
from ui.problems import of_node
from ui.problems.problem import Problem, rank, worst
from ui.state import NodeState
from ui.status_tables import has_row, tables
from ui.text_page import TextPage


def problems_of(state: NodeState) -> list[Problem]:
    """Everything wrong with a node, the worst first; a question it refused is a problem of the node."""
    if state.up is False:  # there is room for the whole reason here, with what to do
        return [Problem(level="down", node=state.name, since=state.since, text=f"does not answer: {state.reason}")]
    refusals = [Problem(level="crit", node=state.name, text=reason) for reason in state.refusals.values()]
    return sorted([*of_node(state), *refusals], key=lambda problem: rank(problem.level))


def render(states: Sequence[NodeState], page: TextPage, *, now: datetime) -> str:
    """The whole snapshot."""
    for state in states:
        _node(page, state, now)
    levels = [worst(problem.level for problem in problems_of(state)) for state in states]
    counts = [f"{page.glyphs.state(level)} {levels.count(level)} {level}" for level in sorted(set(levels), key=rank)]
    page.line(f"{len(states)} node{'' if len(states) == 1 else 's'}: {'  '.join(counts)}", "title")
    return page.text()


def _node(page: TextPage, state: NodeState, now: datetime) -> None:
    """The node's line, its own problems, and the tables."""
    problems = problems_of(state)
    level = worst(problem.level for problem in problems)
    where = "" if state.name == state.address else f"  {state.address}"
    about = [fmt.latency(state.latency_ms)] if state.up else []
    if (health := state.answer(node_problems.QUESTION)) is not None:
        about = [health.status, f"up {fmt.duration(health.uptime_sec)}", *about]
    if state.up and state.info is not None:
        about += [f"etlmon {state.info.version} on {state.info.hostname}"]
    page.line(f"{page.glyphs.state(level)} {state.name}{where}  {'  '.join(about)}".rstrip(), "title")
    for problem in problems:
        if not has_row(problem, state):
            page.line(f"  {WORDS[problem.level]} {problem.text}", problem.level)
    if state.up:
        tables(page, state, state.clock(now))
    page.blank()
