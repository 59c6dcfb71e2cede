"""How the transfer log itself fares: in a line below the transfers, and at length in a detail."""

from collections.abc import Sequence
from typing import Any

from etlmon.contract.xferlog import XferSource
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems import xferlog as xferlog_problems
from ui.problems.problem import worst
from ui.state import NodeState
from ui.views.detail import Section, facts
from ui.views.rows import Row, counted, level_cell, level_tone
from ui.widgets.cells import Cell, Run, Tone, runs_of
from ui.widgets.lines import Line
from ui.widgets.paint import OneLine

_FORMATS = {"auto": "format not known yet", "xferlog": "xferlog format", "vsftpd": "vsftpd's own format"}


class SourceLine(OneLine):
    """How the transfer logs of the shown nodes fare."""

    DEFAULT_CSS = "SourceLine { background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._runs: Sequence[Run] = ()

    def show(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self.changed()

    def runs(self, width: int) -> list[Run]:
        return [(" ", None), *self._runs]


def source_runs(nodes: Sequence[NodeState]) -> list[Run]:
    """How the logs of these nodes fare, in a line."""
    answers = [(node, node.answer(xferlog_problems.QUESTION)) for node in nodes]
    found = [(node, source) for node, sources in answers for source in sources or ()]
    if not found:
        is_told = any(sources is not None for _, sources in answers)
        return [("no transfer log" if is_told else "how the transfer log fares is not answered yet", "dim")]
    if len(nodes) == 1:
        return _one(*found[0])
    levels = [xferlog_problems.level(source) for _, source in found]
    runs: list[Run] = [(f"{counted(len(found), 'transfer log')}", "dim")]
    ill = [node.name for (node, _), level in zip(found, levels, strict=True) if level != "ok"]
    if ill:
        runs.append((f" · {len(ill)} not well: {', '.join(ill)}", level_tone(worst(levels))))
    return runs


def _one(node: NodeState, source: XferSource) -> list[Run]:
    level = xferlog_problems.level(source)
    runs: list[Run] = runs_of(level_cell(level, xferlog_problems.words(source))) if level != "ok" else []
    parts: list[tuple[str, Tone | None]] = [(source.path, "dim"), (_FORMATS[source.format], "dim")]
    if level == "ok":
        behind = f"{fmt.size(source.lag_bytes)} behind" if source.lag_bytes else "up to date"
        parts.append((behind, "dim"))
    findings = node.answer(xferlog_problems.FINDINGS) or ()
    levels: list[State] = [xferlog_problems.finding_level(finding) for finding in findings]
    if worst(levels) != "ok":
        ill = sum(one != "ok" for one in levels)
        parts.append((counted(ill, "finding"), level_tone(worst(levels))))
    parts += [(advice, "info") for advice in source.advice[:1]]
    for text, tone in parts:
        runs += [(" · " if runs else "", "dim"), (text, tone)]
    return [run for cell in runs for run in runs_of(cell)]


def source_sections(row: Row[Any]) -> list[Section]:
    """The transfer logs of the row's node, with what the server's settings keep from being seen."""
    return [
        Section("The transfer log", _facts(row, source)) for source in row.node.answer(xferlog_problems.QUESTION) or ()
    ]


def _facts(row: Row[Any], source: XferSource) -> list[Line]:
    level = xferlog_problems.level(source)
    known: list[tuple[str, Cell]] = [
        ("path", source.path),
        ("format", _FORMATS[source.format]),
        ("state", level_cell(level, xferlog_problems.words(source))),
        ("read", f"{fmt.size(source.offset)} of {fmt.size(source.size_bytes)}, {fmt.size(source.lag_bytes)} behind"),
        ("files", f"{fmt.count(source.files)} followed{', polled' if source.polled else ''}"),
        ("rotations, gaps", f"{fmt.count(source.rotations)}, {fmt.count(source.gaps)}"),
        ("transfers", f"{fmt.count(source.transfers_total)}, the last {row.when(source.last_transfer_at)}"),
        ("not read", f"{fmt.count(source.unparsed_total)} lines"),
        ("on the disk", _compared(row, source)),
        *(("advice", (advice, "info")) for advice in source.advice or [NOTHING]),
    ]
    return facts(*known)


def _compared(row: Row[Any], source: XferSource) -> Cell:
    if source.root is None:
        return ("uploads are not looked for: set root: under xferlog: in node.yaml", "dim")
    when = "not yet compared" if source.compared_at is None else f"compared {row.when(source.compared_at)}"
    error = f": {source.compare_error}" if source.compare_error else ""
    return (f"{source.root}, {when}{error}", "warn" if error else None)


def source_words(node: NodeState) -> list[str]:
    """How the node's transfer logs fare, and what their server's settings keep from being seen, in sentences."""
    lines: list[str] = []
    for source in node.answer(xferlog_problems.QUESTION) or ():
        words = xferlog_problems.words(source)
        lines += [f"{source.path}: {words}{'' if words.endswith(('.', '?')) else '.'}", *source.advice]
    return lines
