"""The columns of the Clusters view: of the clusters of both kinds, and of how many there are of what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems.problem import worst
from ui.views.clusters_listed import Listed
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.widgets.bar import bar
from ui.widgets.cells import Cell, Tone

_BAR = 24
_BUSY_PERCENT = 90.0


def status_cell(row: Row[Listed]) -> Cell:
    """How it fares, in the words of its own world."""
    one = row.item
    if one.status == "gone":
        return ("· gone", "dim")
    return level_cell(row.level, one.status)


def _number(row: Row[Listed], text: str, tone: Tone | None = None) -> Cell:
    """A number that is dim when it is not of now."""
    return (text, "dim" if row.item.is_old or text == NOTHING else tone)


def _percent(row: Row[Listed], value: float | None) -> Cell:
    return _number(row, fmt.percent(value), "warn" if value is not None and value >= _BUSY_PERCENT else None)


def _nodes(row: Row[Listed]) -> Cell:
    online, slash, count = row.item.nodes.partition("/")
    return _number(row, row.item.nodes, "warn" if slash and online != count else None)


def _why(row: Row[Listed]) -> Cell:
    return (row.item.why, "dim" if row.level == "ok" else level_tone(row.level))


FIELDS: tuple[Field[Listed], ...] = (
    Field("cluster", "CLUSTER", 16, lambda row: row.item.name, lambda row: row.item.name, flex=True, most=32),
    Field("kind", "KIND", 4, lambda row: row.item.kind, lambda row: row.item.kind, priority=2),
    Field("status", "STATUS", 12, status_cell, lambda row: row.item.status),
    Field("nodes", "NODES", 6, _nodes, lambda row: row.item.node_count, right=True),
    Field("work", "RUNNING", 7, lambda row: _number(row, row.item.work), lambda row: row.item.work_count, right=True,
          priority=3),
    Field("cpu", "CPU%", 4, lambda row: _percent(row, row.item.cpu_percent), lambda row: row.item.cpu_percent,
          right=True, priority=4),
    Field("memory", "MEM%", 4, lambda row: _percent(row, row.item.memory_percent),
          lambda row: row.item.memory_percent, right=True, priority=5),
    Field("storage", "STO%", 4, lambda row: _percent(row, row.item.storage_percent),
          lambda row: row.item.storage_percent, right=True, priority=8),
    Field("age", "AGE", 4, lambda row: (row.age(row.item.seen_at), "warn" if row.item.is_old else None),
          lambda row: row.item.seen_at, right=True, priority=1),
    Field("version", "VERSION", 15, lambda row: row.item.version, lambda row: row.item.version, priority=7),
    Field("where", "WHERE", 22, lambda row: (row.item.where, "dim"), lambda row: row.item.where, flex=True, most=44,
          priority=6),
    Field("why", "WHY", 22, _why, lambda row: row.item.why or None, flex=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """How many clusters have this value, of all there are; `largest` is the largest count beside it."""

    by: str
    value: str
    clusters: int
    largest: int
    ill: int
    nodes: int
    level: State


def counts(listed: Sequence[Listed]) -> list[Count]:
    """All clusters together, then by kind, state, region and project, the most frequent first."""
    found = _counted("all", [("clusters", one) for one in listed])
    for by in ("kind", "state", "region", "project"):
        found += _counted(by, [(value, one) for one in listed if (value := _value(one, by))])
    return found


def _value(one: Listed, by: str) -> str:
    if by == "kind":
        return one.kind
    if by == "state":
        return one.status
    return next(iter(one.words.get(by, ())), "")


def _counted(by: str, pairs: Iterable[tuple[str, Listed]]) -> list[Count]:
    groups: dict[str, list[Listed]] = {}
    for value, one in pairs:
        groups.setdefault(value, []).append(one)
    largest = max(map(len, groups.values()), default=0)
    rows = [
        Count(
            by=by,
            value=value,
            clusters=len(those),
            largest=largest,
            ill=sum(one.level in ("warn", "crit") for one in those),
            nodes=sum(one.node_count or 0 for one in those),
            level=worst(one.level for one in those),
        )
        for value, those in groups.items()
    ]
    return sorted(rows, key=lambda one: (-one.clusters, one.value))


def _bar(row: Row[Count]) -> Cell:
    share = 100 * row.item.clusters / row.item.largest
    return (bar(share, _BAR), "accent" if row.item.level in ("ok", "unknown") else level_tone(row.item.level))


COUNT_FIELDS: tuple[Field[Count], ...] = (
    Field("by", "BY", 8, lambda row: (row.item.by, "dim"), lambda row: row.item.by),
    Field("value", "VALUE", 20, lambda row: row.item.value, lambda row: row.item.value, flex=True, most=44),
    Field("clusters", "CLUSTERS", 8, lambda row: fmt.count(row.item.clusters), lambda row: row.item.clusters,
          right=True),
    Field("bar", "SHARE", _BAR, _bar),
    Field("ill", "ILL", 5, lambda row: (fmt.count(row.item.ill), level_tone(row.item.level) if row.item.ill else "dim"),
          lambda row: row.item.ill, right=True),
    Field("nodes", "NODES", 7, lambda row: fmt.count(row.item.nodes), lambda row: row.item.nodes, right=True,
          priority=1),
)  # fmt: skip
