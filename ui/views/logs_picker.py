"""The list of the logs: its columns, and what is asked before one is paused."""

from collections.abc import Sequence

from etlmon.contract.logs import Log
from ui import format as fmt
from ui.problems import logs as logs_problems
from ui.state import NodeState
from ui.views.rows import Field, Row, level_cell
from ui.views.rows_table import RowsTable
from ui.widgets.cells import Cell
from ui.widgets.lines import Line

MOST_MERGED = 32
"""More logs at a time nobody can read, and each takes a connection."""


def _rate(per: float) -> str:
    return fmt.short_count(per) if per >= 10 or per == 0 else f"{per:.1f}"


def _errors(row: Row[Log]) -> Cell:
    errors = row.item.errors_per_min
    return (_rate(errors), "error") if errors else _rate(errors)


def _lag(row: Row[Log]) -> Cell:
    return (fmt.size(row.item.lag_bytes), "warn" if logs_problems.far_behind(row.item) else None)


def _last_sec(row: Row[Log]) -> float | None:
    last = row.item.last_line_at
    return None if last is None else (row.now - last).total_seconds()


def _stored(row: Row[Log]) -> int:
    return max(0, row.item.last_seq - row.item.first_seq + 1)


LOG_FIELDS: tuple[Field[Log], ...] = (
    Field("log", "LOG", 16, lambda row: row.item.name, lambda row: row.item.name),
    Field("status", "STATUS", 24, lambda row: level_cell(row.level, logs_problems.words(row.item)), flex=True),
    Field(
        "rate",
        "LINES/S",
        7,
        lambda row: _rate(row.item.lines_per_sec),
        lambda row: row.item.lines_per_sec,
        right=True,
    ),
    Field("errors", "ERR/MIN", 7, _errors, lambda row: row.item.errors_per_min, right=True),
    Field("last", "LAST", 4, lambda row: row.age(row.item.last_line_at), _last_sec, right=True, priority=1),
    Field("lag", "LAG", 5, _lag, lambda row: row.item.lag_bytes, right=True, priority=4),
    Field("lines", "LINES", 9, lambda row: fmt.count(_stored(row)), _stored, right=True, priority=2),
    Field("path", "PATH", 12, lambda row: row.item.path, lambda row: row.item.path, flex=True, priority=3),
)


class LogPicker(RowsTable):
    """The list of the logs. Enter is the view's: it opens before the next key comes."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "select" else super().check_action(action, parameters)


def log_names(node: NodeState) -> Sequence[str]:
    """The logs of a node, as far as they are known."""
    return [log.name for log in node.answer(logs_problems.QUESTION) or ()]


def pause_question(rows: Sequence[Row[Log]], *, resumes: bool) -> list[Line]:
    """What will happen to which logs."""
    lines: list[Line] = [
        [(f"{row.item.name} ", "title"), (f"on {row.node.name}  {row.item.path}", None)] for row in rows
    ]
    if resumes:
        said = "The node goes on reading where it stopped; what was written meanwhile comes first."
    else:
        said = "The node stops reading; its place is kept. Rotated files that are deleted meanwhile are lost."
    return [*lines, [], [(said, None)]]


def paused_result(log: Log) -> str:
    return f"{log.name} is paused; P resumes it" if log.paused else f"{log.name} is read again"
