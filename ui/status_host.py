"""The line of `etlmon status` about a host: what it has to do."""

from ui import format as fmt
from ui.problems import host as host_problems
from ui.state import NodeState
from ui.text_page import TextPage


def host_line(page: TextPage, state: NodeState) -> None:
    """The host of one node that answers; nothing where it is not watched."""
    host = state.answer(host_problems.QUESTION)
    if host is None:
        return
    loads = [host.load_1, host.load_5, host.load_15]
    load = " ".join(f"{one:.2f}" for one in loads if one is not None)
    parts = [
        f"CPU {fmt.percent(None if host.cpu is None else host.cpu.busy)}",
        f"load {load}" if load else "",
        f"memory {fmt.percent(host.memory.used_percent)} of {fmt.size(host.memory.total_bytes)}",
        f"swap {fmt.percent(host.swap.used_percent)}" if host.swap.total_bytes else "",
        f"up {fmt.age(host.uptime_sec)}" if host.uptime_sec is not None else "",
    ]
    page.line(f"  host: {', '.join(filter(None, parts))}", "dim")
