"""The snapshot of `etlmon status` as text: for each node a line, its own problems, and a table of each domain."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from etlmon.contract.fs import Mount
from etlmon.contract.logs import Log
from etlmon.contract.paths import PathStats
from etlmon.contract.xferlog import XferSource
from ui import format as fmt
from ui.glyphs import WORDS
from ui.problems import fs as fs_problems
from ui.problems import logs as logs_problems
from ui.problems import node as node_problems
from ui.problems import of_node
from ui.problems import paths as paths_problems
from ui.problems import xferlog as xferlog_problems
from ui.problems.problem import Problem, rank, worst
from ui.state import NodeState
from ui.text_page import TextColumn, TextPage, TextRow

_MOUNT_COLUMNS = (
    TextColumn("MOUNT"),
    TextColumn("USED%", right=True),
    TextColumn("USED", right=True),
    TextColumn("AVAIL", right=True),
    TextColumn("TOTAL", right=True),
    TextColumn("INODE%", right=True),
    TextColumn("STATE"),
)
_PATH_COLUMNS = (
    TextColumn("PATH"),
    TextColumn("FILES", right=True),
    TextColumn("DELTA", right=True),
    TextColumn("ARRIVING", right=True),
    TextColumn("SCANNED", right=True),
    TextColumn("STATE"),
)
LOG_COLUMNS = (
    TextColumn("LOG"),
    TextColumn("LINES", right=True),
    TextColumn("LINES/s", right=True),
    TextColumn("ERR/m", right=True),
    TextColumn("BEHIND", right=True),
    TextColumn("LAST LINE", right=True),
    TextColumn("STATE"),
)
_XFERLOG_COLUMNS = (
    TextColumn("XFERLOG"),
    TextColumn("TRANSFERS", right=True),
    TextColumn("FAILED", right=True),
    TextColumn("BEHIND", right=True),
    TextColumn("LAST", right=True),
    TextColumn("STATE"),
)


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
        if problem.view == "overview" or _has_no_row(problem, state):
            page.line(f"  {WORDS[problem.level]} {problem.text}", problem.level)
    if state.up:
        _tables(page, state, state.clock(now))
    page.blank()


def _has_no_row(problem: Problem, state: NodeState) -> bool:
    """Whether no table says it: of transfers there is none here."""
    logs = {source.path for source in state.answer(xferlog_problems.QUESTION) or ()}
    return problem.view == "xferlog" and problem.key not in logs


def _tables(page: TextPage, state: NodeState, now: datetime) -> None:
    if (mounts := state.answer(fs_problems.QUESTION)) is not None:
        page.table(_MOUNT_COLUMNS, _mounts(mounts), "no mount has been looked at yet")
    if (paths := state.answer(paths_problems.QUESTION)) is not None:
        page.table(_PATH_COLUMNS, _paths(paths, now), "no path is watched; name some under paths: in node.yaml")
    if logs := state.answer(logs_problems.QUESTION):
        page.table(LOG_COLUMNS, log_rows(logs, now), "")
    if sources := state.answer(xferlog_problems.QUESTION):
        page.table(_XFERLOG_COLUMNS, list(_sources(sources, state, now)), "")


def _mounts(mounts: list[Mount]) -> list[TextRow]:
    rows = [
        TextRow(
            fs_problems.level(mount),
            (
                mount.mount_point,
                fmt.used_percent(mount.used_percent if known else None),
                fmt.size(mount.used_bytes if known else None),
                fmt.size(mount.avail_bytes if known else None),
                fmt.size(mount.total_bytes if known else None),
                fmt.used_percent(mount.inodes_used_percent if mount.inodes_total else None),
                fs_problems.words(mount),
            ),
        )
        for mount in mounts
        for known in [mount.total_bytes > 0]
    ]
    fullest = {mount.mount_point: mount.used_percent for mount in mounts}
    return sorted(rows, key=lambda row: (rank(row.level), -fullest[row.cells[0]], row.cells[0]))


def _paths(paths: list[PathStats], now: datetime) -> list[TextRow]:
    rows = [
        TextRow(
            paths_problems.level(path),
            (
                path.name or path.path,
                *_counts(path),
                fmt.ago((now - path.collected_at).total_seconds()),
                _state(path),
            ),
        )
        for path in paths
    ]
    return sorted(rows, key=lambda row: (rank(row.level), row.cells[0]))


def _counts(path: PathStats) -> tuple[str, str, str]:
    """Files, their change, those arriving. Where nothing could be counted there is no zero, but nothing."""
    if path.state in ("denied", "missing", "not_mounted") or (path.state == "stuck" and not path.file_count):
        return fmt.count(None), fmt.delta(None), fmt.count(None)
    at_least = "" if path.complete else ">="
    return at_least + fmt.count(path.file_count), fmt.delta(path.delta_files), fmt.count(path.arriving_count)


def _state(path: PathStats) -> str:
    if path.status != "SCANNING":
        return paths_problems.words(path)
    return "scanning" if path.state == "ok" else f"{paths_problems.words(path)}, scanning"


def log_rows(logs: Sequence[Log], now: datetime) -> list[TextRow]:
    """The logs of one node, the worst first; `now` is its clock."""
    rows = [
        TextRow(
            logs_problems.level(log),
            (
                log.name,
                fmt.count(log.lines_total),
                fmt.short_count(log.lines_per_sec),
                fmt.short_count(log.errors_per_min),
                fmt.size(log.lag_bytes),
                _ago(log.last_line_at, now),
                logs_problems.words(log),
            ),
        )
        for log in logs
    ]
    return sorted(rows, key=lambda row: (rank(row.level), row.cells[0]))


def _sources(sources: Sequence[XferSource], state: NodeState, now: datetime) -> Iterator[TextRow]:
    for source in sources:
        yield TextRow(
            xferlog_problems.level(source),
            (
                source.path,
                fmt.count(source.transfers_total),
                fmt.count(xferlog_problems.failed_count(state)),
                fmt.size(source.lag_bytes),
                _ago(source.last_transfer_at, now),
                xferlog_problems.words(source),
            ),
        )


def _ago(moment: datetime | None, now: datetime) -> str:
    return fmt.ago(None if moment is None else (now - moment).total_seconds())
