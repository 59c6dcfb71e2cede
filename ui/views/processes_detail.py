"""All that is to be said of one watched process, and of its watch."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from etlmon.contract.processes import PROCESS_HISTORY, ProcessDetail, ProcessHistoryQuery, ProcessPoint, TopProcess
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import processes as processes_problems
from ui.problems.processes import Watched
from ui.state import Question
from ui.views.detail import Detail, History, Section, facts
from ui.views.events import events_question, events_section
from ui.views.history import ceiling, history_questions, history_values
from ui.views.processes_kill import detail_question
from ui.views.rows import Row, level_tone
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid

_HOLD_SEC = 90
"""A watch has a point every quarter of a minute or so."""

_MIB = 2**20


def detail_questions(row: Row[Watched]) -> tuple[Question[Any], ...]:
    """What the node is asked while the detail of the row is open."""
    process = row.item.process
    asked: tuple[Question[Any], ...] = (
        *history_questions(row, partial(_history, process.watch)),
        _events(process.watch),
    )
    return asked if process.status == "STOPPED" or process.pid is None else (*asked, detail_question(process.pid))


def detail_of(row: Row[Watched], *, has_ended: bool) -> Detail:
    """The detail of a row; `has_ended`: the process was there when it was opened, and no longer is."""
    process = row.item.process
    looked = None if has_ended or row.node.stale else _looked(row)
    sections = [_process_section(row, looked, has_ended=has_ended), _watch_section(row)]
    if process.status == "RUNNING":
        sections += _looked_sections(row, looked, has_ended=has_ended)
    return Detail(
        title=f"{process.process_name} {process.pid}" if process.status == "RUNNING" else process.watch,
        charts=_charts(row),
        sections=(*sections, events_section(row, _events(process.watch))),
    )


def _history(watch: str, step_sec: int) -> Question[list[ProcessPoint]]:
    return Question(PROCESS_HISTORY, ProcessHistoryQuery(watch=watch, step=step_sec), pace="slow")


def _events(watch: str) -> Question[Any]:
    return events_question("processes", watch)


def _looked(row: Row[Watched]) -> ProcessDetail | None:
    """What the node found when it looked at the process; not what it found at another one with this pid."""
    process = row.item.process
    found = None if process.pid is None else row.node.answer(detail_question(process.pid))
    return found if found is not None and found.start_time == process.start_time else None


def _charts(row: Row[Watched]) -> tuple[History, ...]:
    ask = partial(_history, row.item.process.watch)
    cpu, step = history_values(row, ask, lambda point: point.cpu_percent, hold_sec=_HOLD_SEC)
    memory, _ = history_values(
        row,
        ask,
        lambda point: None if point.mem_rss_bytes is None else point.mem_rss_bytes / _MIB,
        hold_sec=_HOLD_SEC,
    )
    watch = row.item.process.watch
    return (
        History(title=f"CPU % of {watch}, a column each {fmt.age(step)}", values=cpu, high=_end(cpu)),
        History(title="RSS", values=memory, high=_end(memory), unit=_mebibytes),
    )


def _mebibytes(value: float) -> str:
    return fmt.size(value * _MIB)


def _end(values: Sequence[float | None]) -> float:
    return ceiling(max((value for value in values if value is not None), default=0.0))


def _process_section(row: Row[Watched], looked: ProcessDetail | None, *, has_ended: bool) -> Section:
    process = row.item.process
    said = "has ended; these are the last values" if has_ended else processes_problems.words(row.item)
    if process.status == "STOPPED":
        return Section(f"{process.watch} {NOTHING} {said}", _last_lines(row))
    cores = (
        f"{fmt.cpu_percent(process.cpu_percent)} % of a core, {fmt.cpu_percent(process.cpu_host_percent)} % of the host"
    )
    spent = "" if looked is None else f", {fmt.duration(looked.cpu_sec)} since it started"
    files = NOTHING if process.open_files is None else fmt.count(process.open_files)
    limit = "" if looked is None or looked.file_limit is None else f" of {fmt.count(looked.file_limit)}"
    known: list[tuple[str, Cell]] = [
        ("command", process.cmdline or process.process_name),
        ("user", process.user or NOTHING),
        ("started", row.when(process.start_time)),
        ("runs for", fmt.duration(process.runtime_sec)),
        ("state", (_state(row), None if has_ended else level_tone(row.level))),
        ("CPU", cores + spent),
        ("RSS, threads", f"{fmt.size(process.mem_rss_bytes)}, {fmt.count(process.threads)}"),
        ("read, written", f"{fmt.size(process.read_bytes)}, {fmt.size(process.write_bytes)}"),
        ("open files", files + limit),
    ]
    if looked is not None:
        known += [
            ("executable", looked.exe or NOTHING),
            ("directory", looked.cwd or NOTHING),
            ("nice", NOTHING if looked.nice is None else str(looked.nice)),
        ]
    known.append(("measured", row.when(process.collected_at)))
    if process.error_message:
        known.append(("not read", (process.error_message, "warn")))
    return Section(f"{process.process_name} {process.pid} {NOTHING} {said}", facts(*known))


def _state(row: Row[Watched]) -> str:
    process = row.item.process
    state = (process.state or "unknown").replace("_", " ")
    return f"{state}, waits in {process.wchan}" if process.wchan else state


def _last_lines(row: Row[Watched]) -> list[Line]:
    process, watch = row.item
    why = process.error_message or (watch.error_message if watch is not None else None)
    return facts(
        ("last seen", row.when(process.last_seen_at)),
        ("last command", process.cmdline or process.process_name or NOTHING),
        *([("error", (why, "warn"))] if why else []),
    )


def _watch_section(row: Row[Watched]) -> Section:
    process, watch = row.item
    if watch is None:
        return Section(f"The watch {process.watch}", (), row.node.refusals.get(_WATCHES_KEY, "Not answered yet."))
    should = f"at least {fmt.count(watch.min)}" if watch.max is None else f"{watch.min} to {watch.max}"
    level = processes_problems.watch_level(watch)
    may_kill = "yes (d)" if watch.may_kill else "no: the node's kill policy does not allow it"
    since = "" if watch.since is None else f", since {row.when(watch.since)}"
    return Section(
        f"The watch {watch.name}",
        facts(
            ("looks for", watch.looks_for),
            ("should run", should),
            ("runs", (processes_problems.watch_words(watch) + since, level_tone(level))),
            ("together", f"{fmt.cpu_percent(watch.cpu_percent)} % CPU, {fmt.size(watch.mem_rss_bytes)} RSS"),
            ("starts, stops", f"{fmt.count(watch.starts)}, {fmt.count(watch.stops)}"),
            ("restarts", fmt.count(watch.restarts)),
            ("last started", row.when(watch.last_started_at)),
            ("last stopped", row.when(watch.last_stopped_at)),
            ("may be ended", may_kill),
        ),
    )


_WATCHES_KEY = processes_problems.WATCHES.key


def _looked_sections(row: Row[Watched], looked: ProcessDetail | None, *, has_ended: bool) -> list[Section]:
    if looked is None:
        pid = row.item.process.pid
        refusal = "" if pid is None else row.node.refusals.get(detail_question(pid).key, "")
        nothing = "It has ended." if has_ended else refusal or "Looking ..."
        return [Section("Children, parents, open files", (), nothing)]
    by = f" ({', '.join(looked.signals)})" if looked.signals else ""
    why_not = None if by else looked.refusal
    children = f"Children ({fmt.count(looked.children_total)})"
    return [
        Section("Ending it", [[(why_not or f"d ends it, after a question{by}", "warn" if why_not else None)]]),
        Section(children, _relatives(looked.children), "None."),
        Section("Parents, nearest first", _relatives(looked.parents), "None."),
        Section("Files it has open", [[(name, None)] for name in looked.files], "None that could be seen."),
    ]


def _relatives(processes: Sequence[TopProcess]) -> list[Line]:
    return grid(
        [
            (
                str(one.pid),
                one.user,
                one.state.replace("_", " "),
                fmt.cpu_percent(one.cpu_percent),
                fmt.size(one.mem_rss_bytes),
                one.cmdline or one.process_name,
            )
            for one in processes
        ],
        head=("PID", "USER", "STATE", "CPU%", "RSS", "COMMAND"),
        right=(0, 3, 4),
    )
