"""processes: a watch of which too few or too many run, and a process that is there and does nothing."""

from collections.abc import Iterator
from typing import NamedTuple

from etlmon.contract.processes import PROCESS_WATCHES, PROCESSES, Process, ProcessQuery, ProcessWatch
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(PROCESSES, ProcessQuery(limit=1000), pace="slow")
WATCHES = Question(PROCESS_WATCHES, pace="slow")
QUESTIONS = (QUESTION, WATCHES)

STUCK_LOOKS = 3
"""A process that waits for a disk and used no CPU in so many looks in a row hangs; in one look it only works."""

_IDLE_PERCENT = 0.05


class Watched(NamedTuple):
    """A process (or that none runs) beside the watch it belongs to; None while the watches are not known."""

    process: Process
    watch: ProcessWatch | None = None


def watched(node: NodeState) -> list[Watched]:
    """What a node says of its watched processes."""
    watches = {watch.name: watch for watch in node.answer(WATCHES) or ()}
    return [Watched(process, watches.get(process.watch)) for process in node.answer(QUESTION) or ()]


def level(one: Watched) -> State:
    process, watch = one
    if process.status == "STOPPED":
        if watch is None or watch.state == "error":
            return "unknown" if watch is None else "warn"
        return "crit" if watch.min else "ok"
    if watch is not None and (severity := watch_level(watch)) != "ok":
        return severity
    return "warn" if _ails(process) else "ok"


def words(one: Watched) -> str:
    """How a process is, in a few words: what is wrong with its watch or with itself, or its state."""
    process, watch = one
    if watch is not None and watch.state == "error":
        return watch.error_message or "cannot be judged"
    if process.status == "STOPPED":
        return "none runs"
    if said := _ails(process):
        return said
    if watch is not None and watch.state != "ok":
        return _count_words(watch)
    return (process.state or "running").replace("_", " ")


def watch_level(watch: ProcessWatch) -> State:
    if watch.state == "ok":
        return "ok"
    return "crit" if watch.state == "too_few" and not watch.running else "warn"


def watch_words(watch: ProcessWatch) -> str:
    """Whether as many run as should, in words."""
    if watch.state == "error":
        return watch.error_message or "cannot be judged"
    if not watch.running:
        return "none runs"
    return _count_words(watch)


def is_stuck(process: Process) -> bool:
    """It waits in the kernel (for a disk, for a server of files) and has not used the CPU for a while."""
    lately = process.recent_cpu[-STUCK_LOOKS:]
    idle = len(lately) == STUCK_LOOKS and all(value is not None and value < _IDLE_PERCENT for value in lately)
    return process.state == "disk_sleep" and idle


def problems(node: NodeState) -> Iterator[Problem]:
    for watch in node.answer(WATCHES) or ():
        if (severity := watch_level(watch)) != "ok":
            yield Problem(
                level=severity,
                node=node.name,
                since=None if watch.since is None else watch.since - node.skew,
                text=f"{watch.name}: {watch_words(watch)}",
                view="processes",
                key=watch.name,
            )
    told: set[int | None] = set()
    for process in node.answer(QUESTION) or ():
        if (said := _ails(process)) and process.pid not in told:
            told.add(process.pid)  # it may be in several watches
            text = f"{process.process_name} {process.pid} ({process.watch}): {said}"
            yield Problem(level="warn", node=node.name, text=text, view="processes", key=process.watch)


def _ails(process: Process) -> str:
    """What is wrong with a process itself; empty when nothing is."""
    if process.state in ("zombie", "dead"):
        return "zombie: it has ended, and its parent has not taken notice"
    if process.state == "stopped":
        return "suspended: it goes on with SIGCONT"
    if process.state == "traced":
        return "held by a debugger"
    if is_stuck(process):
        return f"hangs in the kernel{f' ({process.wchan})' if process.wchan else ''}: waits for a disk or a mount"
    return ""


def _count_words(watch: ProcessWatch) -> str:
    count = fmt.count(watch.running)
    if watch.state == "too_few":
        return f"{count} of {fmt.count(watch.min)} run"
    if watch.state == "too_many":
        return f"{count} run, at most {fmt.count(watch.max)} should"
    return f"{count} run" if watch.running != 1 else "1 runs"
