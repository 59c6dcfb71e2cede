"""What is wrong, and how badly: one judgement for the tables' order, the colours, the node list and the Overview.

Pure. A domain's judgement is a file of its own, with `QUESTION` (what must be known of every node to judge it; several
are `QUESTIONS`), `level` and `words` (how bad one of its rows is, and why) and `problems`; and one line here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from etlmon.contract.alerts import Alert
from ui.glyphs import State
from ui.problems import alerts, clusters, cron, dataproc, fs, host, logs, node, paths, processes, xferlog
from ui.problems.problem import Problem, rank, worst
from ui.state import NodeState, Question


@dataclass(frozen=True, slots=True)
class Judge:
    """One domain's judgement of a node that answers."""

    problems: Callable[[NodeState], Iterator[Problem]]
    questions: tuple[Question[Any], ...]


def _is_said(one: NodeState, alert: Alert) -> bool:
    """Whether the domain of a built-in rule tells what its alert tells.

    A transfer counts when its line is read, and is a problem by the time in the line: that may be long ago when the
    node was down meanwhile.
    """
    if alert.rule != _OF_TRANSFERS:
        return True
    return any(transfer.direction == alert.labels.get("direction") for transfer in xferlog.interrupted(one))


_OF_TRANSFERS = "transfer_incomplete"

JUDGES: tuple[Judge, ...] = (
    Judge(node.problems, (node.QUESTION,)),
    Judge(fs.problems, (fs.QUESTION,)),
    Judge(paths.problems, (paths.QUESTION,)),
    Judge(logs.problems, (logs.QUESTION,)),
    Judge(processes.problems, processes.QUESTIONS),
    Judge(cron.problems, cron.QUESTIONS),
    Judge(xferlog.problems, xferlog.QUESTIONS),
    Judge(clusters.problems, (clusters.QUESTION,)),
    Judge(dataproc.problems, dataproc.QUESTIONS),
    Judge(host.problems, (host.QUESTION,)),
    Judge(alerts.problems_but(_is_said), alerts.QUESTIONS),
)
QUESTIONS: tuple[Question[Any], ...] = tuple(question for judge in JUDGES for question in judge.questions)


def level_of(one: NodeState) -> State:
    """How the node fares: the worst of what is known about it."""
    if one.up is None and not one.answers:
        return "unknown"
    return worst(problem.level for problem in of_node(one))


def of_node(one: NodeState) -> Iterator[Problem]:
    """Every open problem of a node; a silent node has that one problem, whatever it said before."""
    if (silent := node.silence(one)) is not None:
        yield silent
        return
    for judge in JUDGES:
        yield from judge.problems(one)


def of_fleet(nodes: Sequence[NodeState]) -> list[Problem]:
    """Every open problem, the worst first, then by node in the order of the configuration."""
    return sorted((problem for one in nodes for problem in of_node(one)), key=lambda problem: rank(problem.level))
