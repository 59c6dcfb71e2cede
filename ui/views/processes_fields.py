"""The columns of the processes."""

from typing import Final

from etlmon.contract.processes import ProcessState
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems.processes import Watched
from ui.views.rows import Field, Row, level_cell
from ui.widgets.bar import blocks
from ui.widgets.cells import Cell

_LOOKS = 10
_STATES: Final[dict[ProcessState, str]] = {"disk_sleep": "D state", "stopped": "T state", "unknown": "running"}
"""Where a state needs another word than its own: `stopped` is a watch of which none runs."""


def state_words(one: Watched) -> str:
    """The state of a process, or of its watch when that is what is wrong, in one or two words."""
    process, watch = one
    if process.status == "STOPPED":
        if watch is not None and watch.state == "error":
            return "error"
        return "stopped" if watch is not None and not watch.min else "STOPPED"
    if process.state in ("zombie", "stopped", "traced", "dead") or watch is None or watch.state == "ok":
        return _STATES.get(process.state or "unknown", process.state or "")
    if watch.state == "too_few":
        return f"{watch.running} of {watch.min}"
    return f"{watch.running} > {watch.max}" if watch.state == "too_many" else watch.state


def command_cell(row: Row[Watched]) -> Cell:
    """The command line; of a watch without a process why that is so, or what ran last and when."""
    process, watch = row.item
    command = _without_directory(process.cmdline, process.process_name) or process.process_name
    if process.status == "RUNNING":
        return command
    why = process.error_message or (watch.error_message if watch is not None else None)
    if why:
        return (why, row.level if row.level != "unknown" else "dim")
    if process.last_seen_at is None:
        return ("has not been seen", "dim")
    return (f"ran {row.when(process.last_seen_at)}: {command}", "dim")


def _without_directory(cmdline: str, name: str) -> str:
    """`/opt/etl/bin/worker --job x` as `worker --job x`: where a program lies says little, and the column is narrow."""
    directory, slash, rest = cmdline.partition(f"/{name}")
    return name + rest if slash and cmdline.startswith("/") and " " not in directory else cmdline


FIELDS: tuple[Field[Watched], ...] = (
    Field(
        "watch", "WATCH", 10, lambda row: row.item.process.watch, lambda row: row.item.process.watch, flex=True, most=24
    ),
    Field(
        "pid",
        "PID",
        7,
        lambda row: NOTHING if row.item.process.pid is None else str(row.item.process.pid),
        lambda row: row.item.process.pid,
        right=True,
    ),
    Field(
        "user", "USER", 8, lambda row: row.item.process.user or NOTHING, lambda row: row.item.process.user, priority=2
    ),
    Field(
        "cpu",
        "CPU%",
        5,
        lambda row: fmt.cpu_percent(row.item.process.cpu_percent),
        lambda row: row.item.process.cpu_percent,
        right=True,
    ),
    Field("recent", "1m", _LOOKS, lambda row: (blocks(row.item.process.recent_cpu, _LOOKS), "info"), priority=4),
    Field(
        "rss",
        "RSS",
        6,
        lambda row: fmt.size(row.item.process.mem_rss_bytes),
        lambda row: row.item.process.mem_rss_bytes,
        right=True,
        priority=1,
    ),
    Field(
        "runtime",
        "RUNTIME",
        12,
        lambda row: fmt.duration(row.item.process.runtime_sec),
        lambda row: row.item.process.runtime_sec,
        right=True,
        priority=3,
    ),
    Field(
        "restarts",
        "RST",
        3,
        lambda row: fmt.short_count(row.item.process.restarts),
        lambda row: row.item.process.restarts,
        right=True,
        priority=5,
    ),
    Field("state", "STATE", 10, lambda row: level_cell(row.level, state_words(row.item))),
    Field("command", "COMMAND", 12, command_cell, lambda row: row.item.process.cmdline, flex=True),
)
