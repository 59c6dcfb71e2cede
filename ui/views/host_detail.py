"""All that is to be said of one part of a host, or of a process that uses much of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from etlmon.contract.host import CpuUse, HistoryPoint, Host
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import host as host_problems
from ui.problems import processes as processes_problems
from ui.state import Question
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.host_fields import JudgedUser
from ui.views.host_numbers import Number, line_percent, modes
from ui.views.rows import Row, level_tone
from ui.views.sampled import Series, Span, chart, figures, fine_percent, sample_question
from ui.widgets.bar import bar
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid

_BAR = 10
_CORES_A_LINE = 4


def number_questions(row: Row[Number], span: Span) -> tuple[Question[Any], ...]:
    """The history of every number of the part, and of the node itself what happened to it."""
    asked: tuple[Question[Any], ...] = tuple(sample_question(series, span) for series in row.item.series)
    return (*asked, _EVENTS) if row.item.key == "etlmon" else asked


def number_detail(row: Row[Number], span: Span) -> Detail:
    number = row.item
    host = row.node.answer(host_problems.QUESTION)
    found = () if host is None else host_problems.findings(host)
    wrong: list[Line] = [[(one.text, level_tone(one.level))] for one in found if one.about == number.key]
    sections = [
        Section(f"{number.key} {NOTHING} {number.now}", [*wrong, *_facts(row)]),
        _span_section(row, span),
    ]
    if host is not None and number.key == "cpu" and host.cores:
        sections.append(Section("Each of them", core_lines(host.cores)))
    if number.key == "etlmon":
        sections.append(events_section(row, _EVENTS))
    return Detail(
        title=f"{number.key} · {span.name}",
        charts=[
            chart(series, _points(row, series, span), span, row.now, title=series.title) for series in number.series
        ],
        large_charts=True,
        sections=sections,
    )


_EVENTS = events_question("node")


def _points(row: Row[Any], series: Series, span: Span) -> list[HistoryPoint]:
    return row.node.answer(sample_question(series, span)) or []


def _span_section(row: Row[Number], span: Span) -> Section:
    """What each number came to, or why there is nothing of it."""
    lines: list[tuple[Cell, ...]] = []
    for series in row.item.series:
        question = sample_question(series, span)
        found = figures(_points(row, series, span))
        if found is None:
            none = "nothing is stored of this time" if row.node.held(question) is not None else "not answered yet"
            lines.append((series.title, (row.node.refusals.get(question.key, none), "dim"), "", "", ""))
        else:
            values = [series_text(series, value) for value in (found.least, found.mean, found.most)]
            lines.append((series.title, *values, (row.when(found.most_at), "dim")))
    head = ("", "LEAST", "MEAN", "MOST", "WHEN IT WAS MOST")
    return Section(f"The last {span.name}", grid(lines, head=head), "Nothing of it has a history.")


def series_text(series: Series, value: float) -> str:
    """A value with a digit more than on an axis."""
    return fine_percent(value) if series.unit is None else series.write(value)


def core_lines(cores: Sequence[CpuUse]) -> list[Line]:
    """The processors, several in a line, each with how busy it is."""
    cells: list[list[Cell]] = []
    for core in cores:
        number = NOTHING if core.number is None else str(core.number)
        cells.append([(f"{number:>3}", "dim"), (bar(core.busy, _BAR), "info"), f"{fmt.percent(core.busy):>4} "])
    rows: list[list[Cell]] = []
    for first in range(0, len(cells), _CORES_A_LINE):
        line = [cell for core in cells[first : first + _CORES_A_LINE] for cell in core]
        rows.append([*line, *[""] * (3 * min(_CORES_A_LINE, len(cells)) - len(line))])
    return grid(rows)


def _facts(row: Row[Number]) -> list[Line]:
    host = row.node.answer(host_problems.QUESTION)
    if host is None:
        return []
    kind, _, name = row.item.key.partition(" ")
    tell = _TELL.get(kind)
    known: list[tuple[str, Cell]] = [] if tell is None else list(tell(host, name))
    return facts(*known, ("seen", row.when(host.collected_at)), *_boot(row, host))


def _boot(row: Row[Number], host: Host) -> list[tuple[str, Cell]]:
    if row.item.key not in ("cpu", "load") or host.boot_at is None:
        return []
    return [("host started", f"{row.when(host.boot_at)}, up {fmt.duration(host.uptime_sec)}")]


_Facts = Iterable[tuple[str, Cell]]


def _cpu(host: Host, _: str) -> _Facts:
    if host.cpu is None:
        return [("processors", "not known yet: it takes two looks")]
    return [
        ("processors", fmt.count(len(host.cores))),
        ("time", modes(host.cpu)),
        ("idle", fmt.percent(host.cpu.idle, 1)),
    ]


def _load(host: Host, _: str) -> _Facts:
    for period, load in (("1 min", host.load_1), ("5 min", host.load_5), ("15 min", host.load_15)):
        yield period, NOTHING if load is None else f"{load:.2f}"
    yield "processes", fmt.count(host.processes)


def _memory(host: Host, _: str) -> _Facts:
    memory = host.memory
    for name, size in (
        ("total", memory.total_bytes), ("used", memory.used_bytes), ("available", memory.available_bytes),
        ("free", memory.free_bytes), ("cached", memory.cached_bytes), ("buffers", memory.buffers_bytes),
    ):  # fmt: skip
        yield name, f"{fmt.size(size):>6}  {fmt.exact_bytes(size)}" if size is not None else NOTHING


def _swap(host: Host, _: str) -> _Facts:
    swap = host.swap
    yield "used", f"{fmt.size(swap.used_bytes)} of {fmt.size(swap.total_bytes)} ({fmt.percent(swap.used_percent, 1)})"
    yield "in, out", f"{fmt.rate(swap.in_bytes_per_sec)}, {fmt.rate(swap.out_bytes_per_sec)}"


def _wait(host: Host, resource: str) -> _Facts:
    for one in (one for one in host.pressure if one.resource == resource):
        yield "some tasks waited", f"{one.some_avg10:.1f}% of 10 s, {one.some_avg60:.1f}% of a minute"
        if one.full_avg10 is not None:
            yield "all tasks waited", f"{one.full_avg10:.1f}% of 10 s, {one.full_avg60 or 0.0:.1f}% of a minute"


def _disk(host: Host, device: str) -> _Facts:
    for one in (one for one in host.disks if one.device == device):
        yield "read", _moved(one.read_bytes_per_sec, one.reads_per_sec, one.read_bytes_total, one.reads_total, "reads")
        yield (
            "written",
            _moved(one.write_bytes_per_sec, one.writes_per_sec, one.write_bytes_total, one.writes_total, "writes"),
        )
        yield "busy", fmt.percent(one.busy_percent, 1)


def _net(host: Host, name: str) -> _Facts:
    for one in (one for one in host.interfaces if one.name == name):
        speed = "" if one.speed_mbit is None else f", {fmt.count(one.speed_mbit)} Mbit/s"
        yield "link", ("up" if one.is_up else "down") + speed
        yield "received", _moved(
            one.received_bytes_per_sec, one.received_packets_per_sec,
            one.received_bytes_total, one.received_packets_total, "packets",
        )  # fmt: skip
        yield (
            "sent",
            _moved(
                one.sent_bytes_per_sec,
                one.sent_packets_per_sec,
                one.sent_bytes_total,
                one.sent_packets_total,
                "packets",
            ),
        )
        yield "of the line", fmt.percent(line_percent(one), 1)
        yield "errors, drops", f"{fmt.count(one.errors_total)}, {fmt.count(one.drops_total)} since the host started"


def _moved(bytes_per_sec: float | None, per_sec: float | None, total: int, count: int, noun: str) -> str:
    times = NOTHING if per_sec is None else f"{per_sec:,.0f}"
    return (
        f"{fmt.rate(bytes_per_sec)}, {times} {noun} a second; {fmt.size(total)} in {fmt.count(count)} since the start"
    )


def _tcp(host: Host, _: str) -> _Facts:
    for state, count in sorted(host.connections.items(), key=lambda one: (-one[1], one[0])):
        yield state, fmt.count(count)


def _own(host: Host, _: str) -> _Facts:
    own = host.own
    limits = (f"{own.max_cpu_percent:g}%" if own.max_cpu_percent else "no limit",
              fmt.size(own.max_mem_bytes) if own.max_mem_bytes else "no limit")  # fmt: skip
    yield "CPU", f"{fmt.percent(own.cpu_percent, 2)} of a core with its children (limit: {limits[0]})"
    yield (
        "memory",
        f"{fmt.size(own.mem_rss_bytes)} (limit: {limits[1]}), its children {fmt.size(own.children_rss_bytes)}",
    )


_TELL: dict[str, Callable[[Host, str], _Facts]] = {
    "cpu": _cpu,
    "load": _load,
    "memory": _memory,
    "swap": _swap,
    "wait": _wait,
    "disk": _disk,
    "net": _net,
    "tcp": _tcp,
    "etlmon": _own,
}


def user_detail(row: Row[JudgedUser]) -> Detail:
    """What is known of a process: little, unless a watch has it."""
    one = row.item.process
    cores = row.item.cores
    share = one.cpu_percent / cores if one.cpu_percent is not None and cores else None
    watched = next(
        (found.process for found in processes_problems.watched(row.node) if found.process.pid == one.pid), None
    )
    known: list[tuple[str, Cell]] = [
        ("pid", str(one.pid)),
        ("user", one.user or NOTHING),
        ("CPU", f"{fmt.cpu_percent(one.cpu_percent)} % of a core, {fmt.cpu_percent(share)} % of the host"),
        ("RSS", f"{fmt.size(one.mem_rss_bytes)}, {fmt.percent(row.item.memory_percent, 1)} of the memory"),
    ]
    if watched is not None:
        known += [
            ("watch", f"{watched.watch} (see Processes)"),
            ("command", watched.cmdline or NOTHING),
            ("started", row.when(watched.start_time)),
        ]
    else:
        known.append(("watch", ("none: process_watch in node.yaml has more told of it, and its history", "dim")))
    return Detail(title=f"{one.name} {one.pid}", sections=(Section(f"{one.name} {one.pid}", facts(*known)),))
