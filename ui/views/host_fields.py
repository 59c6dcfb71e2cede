"""The columns of the Host view: of the parts of a host, and of the processes that use most of it."""

from dataclasses import dataclass

from etlmon.contract.host import Host, TopUser
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.views.host_numbers import Number
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.widgets.bar import bar
from ui.widgets.cells import Cell
from ui.widgets.columns import Column

_BAR = 10


@dataclass(frozen=True, slots=True)
class JudgedUser:
    """A process beside what the whole host has."""

    process: TopUser
    memory_bytes: int = 0
    cores: int = 0
    rank: int = 0

    @property
    def memory_percent(self) -> float | None:
        return 100 * self.process.mem_rss_bytes / self.memory_bytes if self.memory_bytes else None


def users_of(host: Host) -> list[JudgedUser]:
    """The processes that use most processor, and those that hold most memory, each once."""
    by_pid = {one.pid: one for one in (*host.top_memory, *host.top_cpu)}
    found = sorted(by_pid.values(), key=lambda one: (-(one.cpu_percent or 0.0), -one.mem_rss_bytes, one.pid))
    return [JudgedUser(one, host.memory.total_bytes, len(host.cores), rank) for rank, one in enumerate(found)]


def _use(row: Row[Number]) -> Cell:
    percent = row.item.percent
    if percent is None:
        return (NOTHING, "dim")
    tone = level_tone(row.level) if row.level != "ok" else "info"
    return [(bar(percent, _BAR), tone), f" {fmt.percent(percent):>4}"]


NUMBER_FIELDS: tuple[Field[Number], ...] = (
    Field("what", "WHAT", 13, lambda row: row.item.key, lambda row: row.item.key, flex=True, most=16),
    Field("use", "USE", _BAR + 5, _use, lambda row: row.item.percent, right=True),
    Field(
        "rate",
        "BYTES/S",
        8,
        lambda row: fmt.rate(row.item.bytes_per_sec),
        lambda row: row.item.bytes_per_sec,
        right=True,
        priority=3,
    ),
    Field("now", "NOW", 20, lambda row: row.item.now, flex=True),
    Field("state", "STATE", 6, lambda row: level_cell(row.level), priority=4),
)


USER_FIELDS: tuple[Field[JudgedUser], ...] = (
    Field("pid", "PID", 7, lambda row: str(row.item.process.pid), lambda row: -row.item.process.pid, right=True),
    Field("name", "NAME", 16, lambda row: row.item.process.name, lambda row: row.item.process.name, flex=True),
    Field("user", "USER", 10, lambda row: row.item.process.user or NOTHING, lambda row: row.item.process.user),
    Field(
        "cpu",
        "CPU%",
        6,
        lambda row: fmt.cpu_percent(row.item.process.cpu_percent),
        lambda row: row.item.process.cpu_percent,
        right=True,
    ),
    Field(
        "rss",
        "RSS",
        6,
        lambda row: fmt.size(row.item.process.mem_rss_bytes),
        lambda row: row.item.process.mem_rss_bytes,
        right=True,
    ),
    Field(
        "memory",
        "MEM%",
        5,
        lambda row: fmt.percent(row.item.memory_percent),
        lambda row: row.item.memory_percent,
        right=True,
        priority=1,
    ),
)

TOP_CPU_COLUMNS = (
    Column(key="pid", label="PID", width=7, right=True),
    Column(key="name", label="MOST CPU", width=10, flex=True),
    Column(key="cpu", label="CPU%", width=5, right=True),
    Column(key="rss", label="RSS", width=5, right=True),
)
TOP_MEMORY_COLUMNS = (
    TOP_CPU_COLUMNS[0],
    Column(key="name", label="MOST MEMORY", width=10, flex=True),
    *TOP_CPU_COLUMNS[2:],
)


def top_cells(one: TopUser) -> list[Cell]:
    """A process in the list of those that use most."""
    return [(str(one.pid), "dim"), one.name, fmt.cpu_percent(one.cpu_percent), fmt.size(one.mem_rss_bytes)]
