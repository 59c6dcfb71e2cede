"""host: memory that runs out, tasks that wait for it or for disks, a processor that is taken away, and a node that uses
too much itself. A busy processor, disk or network is none of that: it works.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from etlmon.contract.host import HOST, Host, Pressure, SelfUse, Swap
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(HOST, pace="slow")

MEMORY_WARN_PERCENT, MEMORY_CRITICAL_PERCENT = 95.0, 98.0
SWAP_WARN_PERCENT = 90.0
STEAL_WARN_PERCENT = 20.0
WAIT_WARN_PERCENT: Final = {"memory": 10.0, "io": 50.0}
"""In so much of the last minute all tasks waited. Tasks wait for processors on every host that is put to use."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one part of a host: `about` is the key of the part, `text` says it without its name."""

    about: str
    level: State
    text: str


def findings(host: Host) -> Iterator[Finding]:
    """Everything that is wrong with a host."""
    if host.cpu is not None and (host.cpu.steal or 0.0) >= STEAL_WARN_PERCENT:
        yield Finding("cpu", "warn", f"{fmt.percent(host.cpu.steal)} of the processors' time goes to other guests")
    memory = host.memory
    if memory.total_bytes and memory.used_percent >= MEMORY_WARN_PERCENT:
        level: State = "crit" if memory.used_percent >= MEMORY_CRITICAL_PERCENT else "warn"
        text = f"{fmt.percent(memory.used_percent)} used, {fmt.size(memory.available_bytes)} left"
        yield Finding("memory", level, text)
    if is_thrashing(host.swap):
        yield Finding("swap", "warn", f"{fmt.percent(host.swap.used_percent)} used, and the host is swapping")
    yield from (finding for pressure in host.pressure if (finding := _waits(pressure)) is not None)
    if words := own_words(host.own):
        yield Finding("etlmon", "warn", words)


def is_thrashing(swap: Swap) -> bool:
    """Swap is nearly full and in use; what once was moved there and is not missed does no harm."""
    moved = (swap.in_bytes_per_sec or 0.0) + (swap.out_bytes_per_sec or 0.0)
    return bool(swap.total_bytes) and swap.used_percent >= SWAP_WARN_PERCENT and moved > 0


def own_words(own: SelfUse) -> str:
    """What the node itself uses too much of; empty when it keeps its limits."""
    limits = {
        "cpu": f"{fmt.percent(own.cpu_percent, 1)} CPU (limit {own.max_cpu_percent:g}%)",
        "memory": f"{fmt.size(own.mem_rss_bytes)} memory (limit {fmt.size(own.max_mem_bytes)})",
    }
    said = " and ".join(f"uses {limits[name]}" for name in own.over)
    slowed = "its collectors run half as often" if own.slowed else ""
    return "; ".join(filter(None, (said, slowed)))


def level(host: Host, about: str) -> State:
    """How bad it is with one part of a host."""
    return next((finding.level for finding in findings(host) if finding.about == about), "ok")


def is_unwatched(question: Question[Any], status: int) -> bool:
    """Whether a refusal says only that the host is not watched, or was not seen yet: nothing is wrong with that."""
    return question.key == QUESTION.key and status in (404, 503)


def problems(node: NodeState) -> Iterator[Problem]:
    host = node.answer(QUESTION)
    for finding in findings(host) if host is not None else ():
        yield Problem(
            level=finding.level, node=node.name, text=f"{finding.about}: {finding.text}", view="host", key=finding.about
        )


def _waits(pressure: Pressure) -> Finding | None:
    limit, waited = WAIT_WARN_PERCENT.get(pressure.resource), pressure.full_avg60
    if limit is None or waited is None or waited < limit:
        return None
    what = "disks" if pressure.resource == "io" else pressure.resource
    text = f"everything waited for {what} in {fmt.percent(waited)} of the last minute"
    return Finding(f"wait {pressure.resource}", "warn", text)
