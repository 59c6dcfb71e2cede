"""What is said about an open log in words: its title, how it is followed, what is searched, what is wrong. Pure."""

from collections.abc import Sequence
from datetime import datetime

from ui import format as fmt
from ui.glyphs import UNICODE
from ui.problems import logs as logs_problems
from ui.problems.node import next_try
from ui.reader import Lines
from ui.reader.reading import LineFilter, LogName, Progress
from ui.reader.source import Source
from ui.views.rows import counted, level_tone
from ui.widgets.cells import Run, plain, width_of

_TITLE_LOGS = 4
_LEAST_PARTS = 2


def title_of(names: Sequence[LogName], sources: Sequence[Source], room: int) -> str:
    """`Log · app · web1 · /var/log/app.log`; of several, what they have in common. What does not fit is left out."""
    nodes, logs = (list(dict.fromkeys(part)) for part in zip(*names, strict=True))
    more = "" if len(logs) <= _TITLE_LOGS else f" + {len(logs) - _TITLE_LOGS} more"
    parts = ["Log", " + ".join(logs[:_TITLE_LOGS]) + more, nodes[0] if len(nodes) == 1 else f"{len(nodes)} nodes"]
    if len(names) == 1 and sources and sources[0].log is not None:
        parts.append(sources[0].log.path)
    while len(parts) > _LEAST_PARTS and width_of(plain(" · ".join(parts))) > room:
        parts.pop()
    return " · ".join(parts)


def foot_of(count: int, *, following: bool, unseen: int, marks: int) -> str:
    """`▶ FOLLOW · 100,000 lines`, `⏸ PAUSED · 1,204 new (f follow)`."""
    marked = [f"{fmt.count(marks)} marked"] if marks else []
    lines = counted(count, "line")
    if following:
        return " · ".join([f"{UNICODE.play} FOLLOW", *marked, lines])
    news = f"{fmt.count(unseen)} new" if unseen else lines
    return " · ".join([f"{UNICODE.pause} PAUSED", *marked, f"{news} (f follow)"])


def patterns(chosen: LineFilter, find: str, document: Lines) -> list[Run]:
    """What is searched and left out, and how far that is; nothing when nothing is."""
    runs: list[Run] = []
    for name, pattern in (("keep", chosen.keep), ("not", chosen.exclude)):
        if pattern:
            runs += [(f"{name} ", "dim"), (f"/{pattern}/  ", "accent")]
    if chosen:
        runs += _progress(document.progress, "matching")
    if find:
        runs += [("search ", "dim"), (f"/{find}/  ", "accent"), *_progress(document.find_progress, "found")]
    return runs


def _progress(progress: Progress | None, noun: str) -> list[Run]:
    if progress is None:
        return []
    if progress.complaint:
        return [(f"{progress.complaint}  ", "crit")]
    found, total = fmt.count(progress.found), fmt.count(progress.total)
    if not progress.total:
        return [(f"{found} {noun}  ", None)]
    if progress.is_done:
        return [(f"{found} of {total}  ", None)]
    return [(f"{found} {noun}, {fmt.count(progress.searched)} of {total} searched…  ", None)]


def troubles(sources: Sequence[Source], now: datetime) -> list[Run]:
    """What is wrong with the logs that are shown, the nodes first; nothing when all is well."""
    runs: list[Run] = []
    silent: set[str] = set()
    for source in sources:
        node, name = source.node, source.name
        if node.stale:
            if node.name not in silent:
                why = node.describe() if node.changed else f"{node.reason} ({next_try(node, now)})"
                runs.append((f"{UNICODE.down} {node.name} does not answer, these are old lines: {why}  ", "down"))
            silent.add(node.name)
            continue
        wrong = source.trouble or source.lost
        if wrong is not None:
            since = fmt.age((now - wrong[1]).total_seconds())
            what = "not answered" if source.trouble else "not followed"
            runs.append((f"{UNICODE.crit} {name.log}: {what} for {since}: {wrong[0]}  ", "crit"))
        log = source.log
        if log is not None and (level := logs_problems.level(log)) != "ok":
            hint = " (P resumes)" if log.paused else ""
            words = f"{UNICODE.state(level)} {name.log}: {logs_problems.words(log)}{hint}  "
            runs.append((words, level_tone(level)))
    return runs


def nothing_words(document: Lines) -> str:
    """Why no line is shown, and what to do."""
    progress = document.progress
    if progress is not None and progress.complaint:
        return f"The node does not search for this: {progress.complaint}. \\ clears it."
    trouble = next((source.trouble for source in document.sources if source.trouble is not None), None)
    if trouble is not None:
        return f"No line could be read: {trouble[0]}"
    if progress is not None and not (progress.total and progress.is_done):
        return "Searching…"
    if document.filter:
        return "No line matches. \\ clears the filters."
    if not document.is_ready:
        return "Reading…"
    return "No line is stored yet. What is written to the log from now on appears here."
