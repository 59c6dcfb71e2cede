"""fs: a mount that does not answer, is not there, or is nearly full."""

from collections.abc import Iterator

from etlmon.contract.fs import FS, Mount
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(FS, pace="slow")


def level(mount: Mount) -> State:
    if mount.state in ("stuck", "not_mounted", "error"):
        return "crit"
    if mount.state == "denied":
        return "warn"
    fullest = max(mount.used_percent, mount.inodes_used_percent)
    if fullest >= mount.critical_percent:
        return "crit"
    return "warn" if fullest >= mount.warn_percent else "ok"


def words(mount: Mount) -> str:
    """The state of a mount in words: what is wrong, or `ok`."""
    if mount.state == "stuck":
        return "does not answer"
    if mount.state == "not_mounted":
        return "not mounted"
    if mount.state != "ok":
        return mount.error_message or mount.state
    inodes = mount.inodes_used_percent
    severity = level(mount)
    if severity == "ok":
        return "ok"
    limit = mount.critical_percent if severity == "crit" else mount.warn_percent
    if mount.used_percent >= limit:
        return f"{fmt.used_percent(mount.used_percent)} used (limit {fmt.percent(limit)})"
    return f"{fmt.used_percent(inodes)} of the inodes used (limit {fmt.percent(limit)})"


def problems(node: NodeState) -> Iterator[Problem]:
    for mount in node.answer(QUESTION) or ():
        if (severity := level(mount)) != "ok":
            yield Problem(
                level=severity,
                node=node.name,
                since=None if mount.stuck_since is None else mount.stuck_since - node.skew,
                text=f"{mount.mount_point}: {words(mount)}",
                view="fs",
                key=mount.mount_point,
            )
