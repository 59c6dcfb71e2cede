"""The charts of a host: processors, memory and load; its busiest disk and interface, and what is waited for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etlmon.contract.host import HistoryPoint, Host
from ui import format as fmt
from ui.problems import host as host_problems
from ui.state import NodeState, Question
from ui.views.charts import History
from ui.views.host_numbers import (
    CPU,
    LOAD,
    MEMORY,
    SWAP,
    by_traffic,
    disk_series,
    interface_series,
    plain_number,
    rate,
    traffic,
    wait_series,
)
from ui.views.sampled import Series, Span, added, figures, sample_question, sample_values, whole_chart

A_ROW = 3


@dataclass(frozen=True, slots=True)
class Drawn:
    """One chart: what it is called, how it is written, what it does now, and the numbers that it is the sum of."""

    title: str
    now: str
    look: Series
    parts: tuple[Series, ...]


def drawn_of(host: Host) -> list[Drawn]:
    """The charts of a host, A_ROW of them a row. What it has not is left out."""
    return [*_first_row(host), *_second_row(host)]


def chart_questions(node: NodeState, span: Span) -> tuple[Question[Any], ...]:
    """The histories that the charts of the node take."""
    host = node.answer(host_problems.QUESTION)
    drawn = [] if host is None else drawn_of(host)
    return tuple(sample_question(series, span) for one in drawn for series in one.parts)


def charts_of(node: NodeState, span: Span, now: datetime) -> list[History]:
    """The charts of a node, with what is known of their histories; `now` is the node's clock."""
    host = node.answer(host_problems.QUESTION)
    return [] if host is None else [_chart(node, one, span, now) for one in drawn_of(host)]


def _chart(node: NodeState, one: Drawn, span: Span, now: datetime) -> History:
    held = [node.answer(sample_question(series, span)) or [] for series in one.parts]
    values = added([sample_values(points, span, now) for points in held])
    return whole_chart(one.look, values, title=f"{one.title} {one.now}{_most(one, held, values)}")


def _most(one: Drawn, held: Sequence[Sequence[HistoryPoint]], values: Sequence[float | None]) -> str:
    """The largest value of the time: of one number its peak, of a sum that of the steps that are drawn."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    found = figures(held[0]) if len(held) == 1 else None
    return f" peak {one.look.write(max(known) if found is None else found.most)}"


def _first_row(host: Host) -> Iterator[Drawn]:
    yield Drawn("CPU", "" if host.cpu is None else fmt.percent(host.cpu.busy), CPU, (CPU,))
    yield Drawn("memory", fmt.percent(host.memory.used_percent), MEMORY, (MEMORY,))
    if host.load_1 is not None:
        look = Series(LOAD.title, LOAD.metric, LOAD.labels, plain_number, top=float(len(host.cores)))
        yield Drawn("load", plain_number(host.load_1), look, (LOAD,))


def _second_row(host: Host) -> Iterator[Drawn]:
    """Of several disks and interfaces the one that carried most: a stack of devices hides which one it is."""
    for disk in by_traffic(host.disks)[:1]:
        read, written, _ = disk_series(disk)
        yield Drawn(disk.device, fmt.rate(traffic(disk)), _bytes(disk.device), (read, written))
    for interface in by_traffic(host.interfaces)[:1]:
        series = interface_series(interface)
        yield Drawn(interface.name, fmt.rate(traffic(interface)), _bytes(interface.name), series)
    waiting = max(host.pressure, key=lambda one: (one.resource == "io", one.some_avg60), default=None)
    if waiting is not None:
        some = wait_series(waiting)[0]
        yield Drawn(f"wait {waiting.resource}", fmt.percent(waiting.some_avg10), some, (some,))
    elif host.swap.total_bytes:
        yield Drawn("swap", fmt.percent(host.swap.used_percent), SWAP, (SWAP,))


def _bytes(title: str) -> Series:
    return Series(title, "", (), rate, in_bytes=True)
