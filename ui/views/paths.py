"""The watched paths: how many files lie there, what is arriving, and how the scans fare."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from textual.binding import BindingType

from etlmon.contract.paths import (
    PATH_HISTORY,
    PATH_SCAN,
    PATH_TOP,
    PathHistoryQuery,
    PathPoint,
    PathStats,
    PathTop,
    PathTopQuery,
    ScanAccepted,
    ScanRequest,
)
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.keys import key
from ui.problems import paths as paths_problems
from ui.state import Question
from ui.views.detail import Detail, History, Section, facts
from ui.views.events import events_question, events_section
from ui.views.history import ceiling, history_questions, history_values
from ui.views.rows import Field, Row, level_cell
from ui.views.sampled import byte_ceiling
from ui.views.table import TableView
from ui.widgets.cells import Cell
from ui.widgets.lines import grid

_SCANNING_HOLD_SEC = 600.0


def _files(row: Row[PathStats]) -> Cell:
    """The count; what is known to be too small says so, and what could not be counted is not zero."""
    path = row.item
    if not _counted(path):
        return (NOTHING, "dim")
    return fmt.count(path.file_count) if path.complete else (f"≥ {fmt.count(path.file_count)}", "warn")


def _counted(path: PathStats) -> bool:
    return path.state in ("ok", "empty", "incomplete") or path.file_count > 0


def _dirs(row: Row[PathStats]) -> str:
    return fmt.count(row.item.dir_count) if _counted(row.item) else NOTHING


def _delta(row: Row[PathStats]) -> Cell:
    delta = row.item.delta_files if _counted(row.item) else None
    return (fmt.delta(delta), "dim" if not delta else "info")


def _arriving(row: Row[PathStats]) -> str:
    return fmt.count(row.item.arriving_count) if _counted(row.item) else NOTHING


def _oldest_sec(row: Row[PathStats]) -> float | None:
    oldest = row.item.oldest_mtime
    return None if oldest is None else (row.now - oldest).total_seconds()


def _next(row: Row[PathStats]) -> str:
    due = row.item.next_scan_at
    if row.item.status == "SCANNING" or due is None:
        return NOTHING
    return fmt.age(max(0.0, (due - row.now).total_seconds()))


def _status(row: Row[PathStats]) -> Cell:
    path = row.item
    if path.status == "SCANNING":
        return [("▶ ", "info"), (f"scanning {fmt.short_count(path.scanned_files)}", "info")]
    return level_cell(row.level, "" if path.state == "ok" else path.state.replace("_", " "))


FIELDS: tuple[Field[PathStats], ...] = (
    Field(
        "path",
        "PATH",
        18,
        lambda row: row.item.name or row.item.path,
        lambda row: row.item.name or row.item.path,
        flex=True,
    ),
    Field("files", "FILES", 11, _files, lambda row: row.item.file_count, right=True),
    Field("delta", "DELTA", 7, _delta, lambda row: row.item.delta_files, right=True, priority=2),
    Field(
        "arriving",
        "ARRIV",
        6,
        _arriving,
        lambda row: row.item.arriving_count,
        right=True,
        priority=3,
    ),
    Field("dirs", "DIRS", 7, _dirs, lambda row: row.item.dir_count, right=True, priority=6),
    Field("oldest", "OLDEST", 6, lambda row: fmt.age(_oldest_sec(row)), _oldest_sec, right=True, priority=4),
    Field(
        "took",
        "TOOK",
        8,
        lambda row: fmt.duration(row.item.scan_duration_ms / 1000),
        lambda row: row.item.scan_duration_ms,
        right=True,
        priority=5,
    ),
    Field(
        "age",
        "AGE",
        4,
        lambda row: row.age(row.item.collected_at),
        lambda row: (row.now - row.item.collected_at).total_seconds(),
        right=True,
        priority=1,
    ),
    Field("next", "NEXT", 4, _next, lambda row: row.item.next_scan_at, right=True, priority=3),
    Field("status", "STATUS", 16, _status),
)


class PathsView(TableView[PathStats]):
    """The watched paths of a node, the worst first; R scans now. Detail: history, largest files and directories."""

    view, number, title, tab, tab_short = "paths", "3", "Paths", "Path", "Path"
    question = paths_problems.QUESTION.at("fast")
    fields = FIELDS
    noun = "path"
    nothing = "No path is watched. Name some under paths: in node.yaml, for example  - {path: /data/in}"

    BINDINGS: ClassVar[list[BindingType]] = [key("R", "scan", "Scan now", id="scan", show=True)]

    def key_of(self, item: PathStats) -> str:
        return item.path

    def level_of(self, item: PathStats) -> State:
        return paths_problems.level(item)

    def detail_questions(self, row: Row[PathStats]) -> tuple[Question[Any], ...]:
        path = row.item.path
        asked: tuple[Question[Any], ...] = (*history_questions(row, partial(_history, path)), _events(path))
        return asked if row.item.total_bytes is None else (*asked, _top(path))

    def detail(self, row: Row[PathStats]) -> Detail:
        path = row.item
        return Detail(
            title=path.name or path.path,
            charts=_charts(row),
            sections=(
                Section(f"{path.path} {NOTHING} {paths_problems.words(path)}", _facts(row)),
                *_top_sections(row),
                events_section(row, _events(path.path)),
            ),
        )

    def action_scan(self) -> None:
        """Have the chosen paths scanned now: the marked ones, or the one under the cursor."""
        paths: dict[str, list[str]] = {}
        for row in self.selected:
            paths.setdefault(row.node.name, []).append(row.item.path)
        for node, chosen in paths.items():
            self.post_message(self.Act(node, PATH_SCAN, ScanRequest(paths=chosen), _scan_result))


def _scan_result(accepted: ScanAccepted) -> str:
    parts = [f"scanning {', '.join(accepted.accepted)}"] if accepted.accepted else []
    parts += [f"{skipped.path} not started: {skipped.reason}" for skipped in accepted.skipped]
    return "; ".join(parts) or "nothing to scan"


def _facts(row: Row[PathStats]) -> list[Any]:
    path = row.item
    return facts(
        ("name", path.name or NOTHING),
        ("files", [*_as_runs(_files(row)), f"  ({fmt.delta(path.delta_files)} since the scan before)"]),
        ("directories", _dirs(row)),
        ("ready, arriving", f"{fmt.count(path.ready_count)}, {fmt.count(path.arriving_count)}"),
        (
            "bytes",
            NOTHING
            if path.total_bytes is None
            else f"{fmt.size(path.total_bytes)} ({fmt.exact_bytes(path.total_bytes)})",
        ),
        ("oldest, newest", f"{row.when(path.oldest_mtime)}, {row.when(path.newest_mtime)}"),
        ("scanned", f"{row.when(path.collected_at)}, took {fmt.duration(path.scan_duration_ms / 1000)}"),
        ("next scan", _next(row)),
        ("unreadable directories", fmt.count(path.skipped)),
        *([("error", (path.error_message, "crit"))] if path.error_message else []),
    )


def _as_runs(cell: Cell) -> Sequence[Any]:
    return [cell] if isinstance(cell, (str, tuple)) else cell


def _history(path: str, step_sec: int) -> Question[list[PathPoint]]:
    return Question(PATH_HISTORY, PathHistoryQuery(path=path, step=step_sec), pace="slow")


def _events(path: str) -> Question[Any]:
    return events_question("paths", path)


def _top(path: str) -> Question[PathTop]:
    return Question(PATH_TOP, PathTopQuery(path=path), pace="slow")


def _charts(row: Row[PathStats]) -> tuple[History, ...]:
    """The files, and their sizes where these are measured."""
    ask, hold = partial(_history, row.item.path), _hold_sec(row.item)
    files, step = history_values(row, ask, lambda point: point.file_count, hold_sec=hold)
    charts = [
        History(
            title=f"files, {fmt.age(step * len(files))}" if files else "files",
            values=files,
            high=_end(files),
            unit=fmt.short_count,
            whole=True,
        )
    ]
    if row.item.total_bytes is not None:
        sizes, _ = history_values(row, ask, lambda point: point.total_bytes, hold_sec=hold)
        if any(size is not None for size in sizes):
            charts.append(
                History(
                    title=f"bytes, {fmt.age(step * len(sizes))}",
                    values=sizes,
                    high=byte_ceiling(_largest(sizes)),
                    unit=fmt.size,
                    whole=True,
                )
            )
    return tuple(charts)


def _end(values: Sequence[float | None]) -> float:
    return ceiling(_largest(values))


def _largest(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)


def _hold_sec(path: PathStats) -> float:
    """How long a count holds: until the next scan, and one that is late is no gap yet."""
    if path.next_scan_at is None:
        return _SCANNING_HOLD_SEC
    return 2 * max(0.0, (path.next_scan_at - path.collected_at).total_seconds())


def _top_sections(row: Row[PathStats]) -> tuple[Section, ...]:
    question = _top(row.item.path)
    if row.item.total_bytes is None:
        return (Section("Largest files", (), "Sizes are not measured: set sizes: true for this path in node.yaml."),)
    top = row.node.answer(question)
    if top is None:
        return (Section("Largest files", (), row.node.refusals.get(question.key, "Not answered yet.")),)
    files = grid(
        [(fmt.size(one.bytes), row.when(one.mtime), one.path) for one in top.files],
        head=("BYTES", "CHANGED", "FILE"),
        right=(0,),
    )
    directories = grid(
        [(fmt.size(one.bytes), fmt.count(one.file_count), one.path) for one in top.directories],
        head=("BYTES", "FILES", "DIRECTORY"),
        right=(0, 1),
    )
    return Section("Largest files", files, "No file."), Section("Largest directories", directories, "No directory.")
