"""Which process a kill is meant for, and whether it may be sent now. Pure."""

from datetime import datetime

from etlmon.contract.processes import PROCESS, ProcessDetail
from ui import format as fmt
from ui.dialogs.kill_words import Standing, Target
from ui.format import TimeStyle
from ui.problems import node as node_problems
from ui.problems import processes as processes_problems
from ui.problems.processes import Watched
from ui.state import NodeState, Question
from ui.views.rows import Row, Scope

_FRESH_SEC = 60.0
"""What is known of a process is old when it is older than this, or than three looks take."""

_LOOKS = 3


def detail_question(pid: int) -> Question[ProcessDetail]:
    """What the node says of one process when it looks at it now."""
    return Question(PROCESS, path={"pid": str(pid)}, pace="slow")


def target_of(row: Row[Watched], now: datetime) -> Target | None:
    """The process of a row, asked about now (UI's clock); None for the row of a watch of which none runs."""
    process = row.item.process
    if process.status == "STOPPED" or process.pid is None or process.start_time is None:
        return None
    style: TimeStyle = "utc" if row.times == "utc" else "local"
    return Target(
        node=row.node.name,
        node_id=row.node.node_id,
        watch=process.watch,
        pid=process.pid,
        start_time=process.start_time,
        started=fmt.stamp(process.start_time, style, row.now, row.zone),
        process_name=process.process_name,
        cmdline=process.cmdline,
        user=process.user,
        asked_at=now,
    )


def why_not(target: Target, scope: Scope) -> str:
    """Why nothing may be sent to the target now, whatever the node's policy is; empty when it may."""
    node = _node_of(target, scope)
    if node is None:
        return f"{target.node} is no longer shown"
    if reason := node.refuses_acts(read_only=scope.read_only):
        return reason
    if node.node_id != target.node_id:
        return f"another node answers at {node.address} than the one that told of it"
    if scope.paused:
        return "the screen is paused, and the process may be another one by now: p goes on"
    return _why_old(node, scope.now)


def standing_of(target: Target, scope: Scope) -> Standing:
    """How it is with the target."""
    node = _node_of(target, scope)
    if node is None:
        return Standing(now=scope.now, refusal=why_not(target, scope), unknown="nobody is asked")
    question = detail_question(target.pid)
    held = node.held(question)
    refusal = why_not(target, scope)
    detail = None
    if held is not None and held.value.start_time == target.start_time:
        detail = held.value
    elif held is not None and held.received_at >= target.asked_at:
        refusal = f"pid {target.pid} belongs to another process now"
    if detail is None:
        refusal = refusal or _why_policy(node, target)
    return Standing(
        now=node.clock(scope.now),
        refusal=refusal,
        has_ended=not node.stale and _has_ended(node, target),
        detail=detail,
        unknown=node.refusals.get(question.key, "the node is silent" if node.stale else ""),
    )


def _node_of(target: Target, scope: Scope) -> NodeState | None:
    return next((node for node in scope.nodes if node.name == target.node), None)


def _why_policy(node: NodeState, target: Target) -> str:
    watches = node.answer(processes_problems.WATCHES) or ()
    if any(watch.name == target.watch and not watch.may_kill for watch in watches):
        return f"the node does not let processes of {target.watch} be ended (kill: in its node.yaml)"
    return ""


def _why_old(node: NodeState, now: datetime) -> str:
    """Why what is known of the processes is too old to act upon."""
    looked = max((process.collected_at for process in node.answer(processes_problems.QUESTION) or ()), default=None)
    if looked is None:
        return ""
    health = node.answer(node_problems.QUESTION)
    every = next((one.interval_sec for one in (health.collectors if health else ()) if one.name == "processes"), 0.0)
    age = (node.clock(now) - looked).total_seconds()
    if age <= max(_FRESH_SEC, _LOOKS * every):
        return ""
    return f"what is known of it is {fmt.age(age)} old: {node.name} does not look at its processes any more"


def _has_ended(node: NodeState, target: Target) -> bool:
    """The node has looked since, and does not know the process any more."""
    held = node.held(processes_problems.QUESTION)
    if held is None or (held.total or 0) > len(held.value):
        return False
    return not any(one.pid == target.pid and one.start_time == target.start_time for one in held.value)
