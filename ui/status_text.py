"""The snapshot of `etlmon status` as text: for each node a line, its own problems, its mounts and its paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from etlmon.contract.fs import Mount
from etlmon.contract.paths import PathStats
from ui import format as fmt
from ui.glyphs import ASCII, UNICODE, WORDS, Glyphs, State
from ui.problems import fs as fs_problems
from ui.problems import node as node_problems
from ui.problems import of_node
from ui.problems import paths as paths_problems
from ui.problems.problem import Problem, rank, worst
from ui.state import NodeState
from ui.widgets.cells import fit, plain, width_of

_SGR: dict[State | str, str] = {
    "ok": "32",
    "warn": "33",
    "crit": "31",
    "down": "1;31",
    "unknown": "2",
    "dim": "2",
    "title": "1",
}
_NARROWEST = 12


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its title and side. The first one of a table gives way when the terminal is narrow."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    level: State
    cells: tuple[str, ...]


_MOUNT_COLUMNS = (
    _Column("MOUNT"),
    _Column("USED%", right=True),
    _Column("USED", right=True),
    _Column("AVAIL", right=True),
    _Column("TOTAL", right=True),
    _Column("INODE%", right=True),
    _Column("STATE"),
)
_PATH_COLUMNS = (
    _Column("PATH"),
    _Column("FILES", right=True),
    _Column("DELTA", right=True),
    _Column("ARRIVING", right=True),
    _Column("SCANNED", right=True),
    _Column("STATE"),
)


def problems_of(state: NodeState) -> list[Problem]:
    """Everything wrong with a node, the worst first; a question it refused is a problem of the node."""
    if state.up is False:  # there is room for the whole reason here, with what to do
        return [Problem(level="down", node=state.name, since=state.since, text=f"does not answer: {state.reason}")]
    refusals = [Problem(level="crit", node=state.name, text=reason) for reason in state.refusals.values()]
    return sorted([*of_node(state), *refusals], key=lambda problem: rank(problem.level))


def render(states: Sequence[NodeState], *, now: datetime, width: int | None, colour: bool, utf8: bool) -> str:
    """The whole snapshot. `width` None cuts nothing: the text goes into a file or to another program."""
    page = _Page(width, colour, UNICODE if utf8 else ASCII)
    for state in states:
        page.node(state, now)
    page.summary(states)
    return page.text()


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


class _Page:
    """Lines as they come; every text that goes in is made harmless on its way."""

    def __init__(self, width: int | None, colour: bool, glyphs: Glyphs) -> None:
        self._width = width
        self._colour = colour
        self._glyphs = glyphs
        self._lines: list[str] = []

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def node(self, state: NodeState, now: datetime) -> None:
        """The node's line, its own problems, and the tables."""
        problems = problems_of(state)
        level = worst(problem.level for problem in problems)
        where = "" if state.name == state.address else f"  {state.address}"
        about = [fmt.latency(state.latency_ms)] if state.up else []
        if (health := state.answer(node_problems.QUESTION)) is not None:
            about = [health.status, f"up {fmt.duration(health.uptime_sec)}", *about]
        if state.up and state.info is not None:
            about += [f"etlmon {state.info.version} on {state.info.hostname}"]
        self._line(f"{self._glyphs.state(level)} {state.name}{where}  {'  '.join(about)}".rstrip(), "title")
        for problem in problems:
            if problem.view == "overview":
                self._line(f"  {WORDS[problem.level]} {problem.text}", problem.level)
        if state.up:
            if (mounts := state.answer(fs_problems.QUESTION)) is not None:
                self._mounts(mounts)
            if (paths := state.answer(paths_problems.QUESTION)) is not None:
                self._paths(paths, state.clock(now))
        self._lines.append("")

    def summary(self, states: Sequence[NodeState]) -> None:
        """How many nodes there are, and how many of each state."""
        levels = [worst(problem.level for problem in problems_of(state)) for state in states]
        counts = [
            f"{self._glyphs.state(level)} {levels.count(level)} {level}" for level in sorted(set(levels), key=rank)
        ]
        self._line(f"{len(states)} node{'' if len(states) == 1 else 's'}: {'  '.join(counts)}", "title")

    def _mounts(self, mounts: list[Mount]) -> None:
        rows = [
            _Row(
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
        rows.sort(key=lambda row: (rank(row.level), -fullest[row.cells[0]], row.cells[0]))
        self._table(_MOUNT_COLUMNS, rows, "no mount has been looked at yet")

    def _paths(self, paths: list[PathStats], now: datetime) -> None:
        rows = [
            _Row(
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
        rows.sort(key=lambda row: (rank(row.level), row.cells[0]))
        self._table(_PATH_COLUMNS, rows, "no path is watched; name some under paths: in node.yaml")

    def _table(self, columns: Sequence[_Column], rows: Sequence[_Row], nothing: str) -> None:
        if not rows:
            self._line(f"  {nothing}", "dim")
            return
        cells = [tuple(plain(self._glyphs.text(cell)) for cell in row.cells) for row in rows]
        titles = tuple(column.title for column in columns)
        widths = [max(map(width_of, column)) for column in zip(titles, *cells, strict=True)]
        if self._width is not None:
            too_much = sum(widths) + 2 * len(widths) + 2 - self._width
            widths[0] = max(_NARROWEST, min(widths[0], widths[0] - too_much))
        self._line(self._joined(columns, widths, "  ", titles), "dim")
        for row, texts in zip(rows, cells, strict=True):
            symbol = self._glyphs.state(row.level) + " "
            self._line(self._joined(columns, widths, symbol, texts), row.level if row.level != "ok" else "")

    def _joined(self, columns: Sequence[_Column], widths: Sequence[int], lead: str, cells: Sequence[str]) -> str:
        parts = [
            fit(cell, width, right=column.right, ellipsis=self._glyphs.ellipsis)
            for column, width, cell in zip(columns, widths, cells, strict=True)
        ]
        return (lead + "  ".join(parts)).rstrip()

    def _line(self, text: str, tone: str) -> None:
        text = plain(self._glyphs.text(text))
        if self._width is not None and width_of(text) > self._width:
            text = fit(text, self._width, ellipsis=self._glyphs.ellipsis)
        code = _SGR.get(tone) if self._colour else None
        self._lines.append(f"\x1b[{code}m{text}\x1b[0m" if code else text)
