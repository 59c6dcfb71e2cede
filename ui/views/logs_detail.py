"""One line of a log in full, and what other logs of its node said at about the same time. Pure."""

from collections.abc import Sequence

from ui import format as fmt
from ui.glyphs import NOTHING
from ui.reader import NEAR
from ui.reader.reading import Found
from ui.views.detail import Detail, Section, facts
from ui.views.rows import Scope
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid
from ui.widgets.logrow import LogRow
from ui.widgets.logtext import drawn, level_tone

_NEAR_TEXT = 300
"""Characters of a line of another log; the line itself is there in full."""


def line_detail(row: LogRow, around: Found | None, scope: Scope) -> Detail:
    """All that is to be said of a row; `around` is None while it is not known."""
    _, _, node, log = row.key
    if row.gap is not None:
        return Detail(
            title=f"{log} · gap", sections=(Section("Something may be missing here", _gap_facts(row, scope)),)
        )
    text = Section(f"{log} {NOTHING} line {fmt.count(row.key.seq)}", _text(row.text))
    return Detail(
        title=f"{log} · line {fmt.count(row.key.seq)}",
        sections=(text, Section("What is known of it", _facts(row, scope)), _around(node, around, scope)),
    )


def _text(text: str) -> list[Line]:
    """The record as it was written, line by line."""
    return [list(drawn([(line, level_tone(text))])) or [("", None)] for line in text.split("\n")]


def _stamp(row: LogRow, scope: Scope) -> str:
    """The time of a row, to the millisecond: lines are told apart by it."""
    return NOTHING if row.at is None else f"{row.at.astimezone(scope.zone):%H:%M:%S.%f}"[:-3]


def _facts(row: LogRow, scope: Scope) -> list[Line]:
    line = row.line
    if line is None:
        return []
    node = next((node for node in scope.nodes if node.name == row.key.node), None)
    now = scope.now if node is None else node.clock(scope.now)
    when = [
        fmt.stamp(moment, style, now, scope.zone) for moment in (line.event_at, line.created_at) for style in _STYLES
    ]
    flags = [words for is_so, words in _flags(row) if is_so]
    pairs: list[tuple[str, Cell]] = [
        ("time in the line", f"{when[0]}, {when[1]}" if line.event_at else NOTHING),
        ("read", f"{when[2]}, {when[3]}"),
        ("severity", line.severity or NOTHING),
        ("node", row.key.node),
        *([("file", line.file)] if line.file else []),
        ("inode", NOTHING if line.source_inode is None else str(line.source_inode)),
        ("id", str(line.id)),
        *([("note", (", ".join(flags), "warn"))] if flags else []),
    ]
    return facts(*pairs)


_STYLES: tuple[fmt.TimeStyle, ...] = ("local", "relative")


def _flags(row: LogRow) -> Sequence[tuple[bool, str]]:
    line = row.line
    return (
        (line is not None and line.truncated, "longer than 64 KiB: the rest is not stored"),
        (line is not None and line.partial, "it had no line feed when it was stored"),
        (row.rotated, "the first of another file: the log was rotated before it"),
    )


def _gap_facts(row: LogRow, scope: Scope) -> list[Line]:
    gap = row.gap
    if gap is None:
        return []
    return facts(
        ("what happened", (gap.message, "warn")),
        ("found", fmt.stamp(gap.at, "local", scope.now, scope.zone)),
        ("file", gap.path),
        ("inode", NOTHING if gap.inode is None else str(gap.inode)),
        ("read up to byte", fmt.count(gap.offset)),
        ("lost at least", "nobody can know" if gap.lost_bytes is None else fmt.exact_bytes(gap.lost_bytes)),
        ("after line", fmt.count(gap.seq)),
    )


def _around(node: str, around: Found | None, scope: Scope) -> Section:
    title = f"Other logs of {node}, {NEAR.total_seconds():.0f} s before and after"
    if around is None:
        return Section(title, (), "Not answered yet.")
    if around.failed:
        return Section(title, (), around.words)
    lines = grid(
        [
            ((_stamp(row, scope), "dim"), (log, "info"), (row.text[:_NEAR_TEXT], level_tone(row.text)))
            for log, row in around.rows
        ]
    )
    return Section(title, lines, "They said nothing.")
