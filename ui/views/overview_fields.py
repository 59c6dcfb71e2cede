"""The columns of the Overview: each domain of a node in a few characters."""

from collections.abc import Sequence
from typing import Final

from etlmon.contract.node import Health
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems import alerts as alerts_problems
from ui.problems import clusters as clusters_problems
from ui.problems import cron as cron_problems
from ui.problems import dataproc as dataproc_problems
from ui.problems import fs as fs_problems
from ui.problems import host as host_problems
from ui.problems import logs as logs_problems
from ui.problems import node as node_problems
from ui.problems import paths as paths_problems
from ui.problems import processes as processes_problems
from ui.problems import xferlog as xferlog_problems
from ui.problems.node import next_try_age, short_reason
from ui.problems.problem import worst
from ui.state import NodeState
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.views.sampled import HOST_CPU, Span, sample_question, sample_values
from ui.widgets.bar import bar, blocks
from ui.widgets.cells import Cell

_BAR = 8
_NOW_SEC = 30

_LATELY: Final = Span("10m", 600, 60)
"""Nodes keep minutes for days, so that it takes eleven points a node, and a block stays the same for a minute."""

RECENT_CPU: Final = sample_question(HOST_CPU, _LATELY)
"""What the Overview asks beyond what every node is asked anyhow."""


def _symbol(row: Row[NodeState]) -> Cell:
    return level_cell(row.level, "down" if row.item.changed else "")


def _fullest(row: Row[NodeState]) -> Cell:
    """The fullest mount, or for a silent node why it is silent: that is what matters then."""
    node = row.item
    if node.up is False:
        return (short_reason(node), "down")
    if node.changed:
        return (node.describe(), "down")
    mounts = [mount for mount in node.answer(fs_problems.QUESTION) or () if mount.total_bytes]
    if not mounts:
        return (NOTHING, "dim")
    fullest = max(mounts, key=lambda mount: mount.used_percent)
    percent = fullest.used_percent
    tone = level_tone(fs_problems.level(fullest))
    return [(bar(percent, _BAR), tone), f" {fmt.used_percent(percent):>4} {fullest.mount_point}"]


def _fullest_percent(row: Row[NodeState]) -> float | None:
    return max((mount.used_percent for mount in row.item.answer(fs_problems.QUESTION) or []), default=None)


def _cpu_percent(row: Row[NodeState]) -> float | None:
    host = row.item.answer(host_problems.QUESTION)
    return None if host is None or host.cpu is None else host.cpu.busy


def _memory_percent(row: Row[NodeState]) -> float | None:
    host = row.item.answer(host_problems.QUESTION)
    return None if host is None or not host.memory.total_bytes else host.memory.used_percent


def _of_host(row: Row[NodeState], percent: float | None, about: str) -> Cell:
    """How much is in use, in the tone of what is wrong with that."""
    host = row.item.answer(host_problems.QUESTION)
    if percent is None or host is None:
        return (NOTHING, "dim")
    level = host_problems.level(host, about)
    return (fmt.percent(percent), None if level == "ok" else level_tone(level))


def _recent_cpu(row: Row[NodeState]) -> Cell:
    """How busy the processors were of late, the newest at the right; of a silent node when it is asked again."""
    node = row.item
    if node.up is False:
        return (f"retry {next_try_age(node, row.now - node.skew)}", "dim")
    points = node.answer(RECENT_CPU)
    values = sample_values(points, _LATELY, row.now) if points else ()
    return (blocks(values, _LATELY.columns), "info") if values else (NOTHING, "dim")


def _paths(row: Row[NodeState]) -> Cell:
    """How many paths there are, and how many of them are not well."""
    return _ill([paths_problems.level(path) for path in row.item.answer(paths_problems.QUESTION) or ()])


def _ill(levels: Sequence[State]) -> Cell:
    """How many of so many are not well: `3 of 11 ill`, `11 ok`."""
    if not levels:
        return (NOTHING, "dim")
    ill = sum(level != "ok" for level in levels)
    return (f"{ill} of {len(levels)} ill", level_tone(worst(levels))) if ill else f"{len(levels)} ok"


def _path_count(row: Row[NodeState]) -> int | None:
    paths = row.item.answer(paths_problems.QUESTION)
    return None if paths is None else len(paths)


def _processes(row: Row[NodeState]) -> Cell:
    """How many watched processes there are, and how many of them are not well; of a silent node how often it failed."""
    node = row.item
    if node.up is False:
        return (f"try #{node.fails}", "dim")
    return _ill(_process_levels(node))


def _process_levels(node: NodeState) -> list[State]:
    return [processes_problems.level(one) for one in processes_problems.watched(node)]


def _ill_processes(row: Row[NodeState]) -> int:
    return sum(level != "ok" for level in _process_levels(row.item))


def _cron(row: Row[NodeState]) -> Cell:
    summary = cron_problems.summary(row.item)
    if summary is None:
        return (NOTHING, "dim")
    return (summary[0], None if summary[1] == "ok" else level_tone(summary[1]))


def _clusters(row: Row[NodeState]) -> Cell:
    """How many clusters of both kinds there are, and how many of them call for somebody."""
    levels = _cluster_levels(row.item)
    ill = [level for level in levels if level != "unknown"]
    return _ill(ill) if ill or not levels else (f"{len(levels)} ?", "dim")


def _cluster_levels(node: NodeState) -> list[State]:
    return [*clusters_problems.levels(node), *dataproc_problems.levels(node)]


def _ill_clusters(row: Row[NodeState]) -> int:
    return sum(level in ("warn", "crit") for level in _cluster_levels(row.item))


def _alerts(row: Row[NodeState]) -> Cell:
    """How many alerts are active, in the tone of the worst that nobody looks after."""
    found = alerts_problems.open_alerts(row.item)
    if found is None:
        return (NOTHING, "dim")
    return (fmt.count(found.count), "dim" if found.level in ("ok", "unknown") else level_tone(found.level))


def _alert_count(row: Row[NodeState]) -> int | None:
    found = alerts_problems.open_alerts(row.item)
    return None if found is None else found.count


def _errors(row: Row[NodeState]) -> Cell:
    """Lines of the severity `error` in the last minute, of all logs of the node."""
    errors = _errors_per_min(row)
    return (fmt.short_count(errors), "warn" if errors else "dim")


def _errors_per_min(row: Row[NodeState]) -> float | None:
    logs = row.item.answer(logs_problems.QUESTION)
    return sum(log.errors_per_min for log in logs) if logs else None


def _failed(row: Row[NodeState]) -> Cell:
    """Uploads that broke off a short while ago, or do not lie on the disk."""
    failed = xferlog_problems.failed_count(row.item)
    return (fmt.count(failed), "warn" if failed else "dim")


def health_of(node: NodeState) -> Health | None:
    """What the node says of itself."""
    return node.answer(node_problems.QUESTION)


def _collectors(row: Row[NodeState]) -> Cell:
    health = health_of(row.item)
    if health is None or not health.collectors:
        return (NOTHING, "dim")
    failing = _failing(row)
    return (f"{failing} failing", "crit") if failing else f"{len(health.collectors)} ok"


def _failing(row: Row[NodeState]) -> int:
    health = health_of(row.item)
    return 0 if health is None else sum(one.status in ("failing", "overdue") for one in health.collectors)


def _store(row: Row[NodeState]) -> Cell:
    health = health_of(row.item)
    if health is None:
        return (NOTHING, "dim")
    return ("error", "crit") if health.store.error else fmt.size(health.store.db_bytes)


def _latency(row: Row[NodeState]) -> Cell:
    return fmt.latency(row.item.latency_ms) if row.item.up else (NOTHING, "dim")


def _seen(row: Row[NodeState]) -> str:
    """How long ago the node answered last; a node that is asked in turn and answers is there now."""
    node = row.item
    if node.last_ok is None:
        return NOTHING
    seconds = (row.now - node.skew - node.last_ok).total_seconds()
    return "now" if node.up and seconds < _NOW_SEC else fmt.age(seconds)


# 80 columns have room for the priorities up to 3, 120 columns (26 of them for the list of nodes) for those up to 5.
FIELDS: tuple[Field[NodeState], ...] = (
    Field("state", "STATE", 6, _symbol),
    Field("node", "NODE", 12, lambda row: row.item.name, lambda row: row.item.name, flex=True, most=24),
    Field("cpu", "CPU", 4, lambda row: _of_host(row, _cpu_percent(row), "cpu"), _cpu_percent, right=True, priority=2),
    Field("recent", _LATELY.name, _LATELY.columns, _recent_cpu, priority=3),
    Field(
        "memory",
        "MEM",
        4,
        lambda row: _of_host(row, _memory_percent(row), "memory"),
        _memory_percent,
        right=True,
        priority=2,
    ),
    Field("fullest", "FULLEST MOUNT", 18, _fullest, _fullest_percent, flex=True),
    Field("paths", "PATHS", 11, _paths, _path_count, priority=7),
    Field("processes", "PROC", 11, _processes, _ill_processes, priority=4),
    Field("cron", "CRON", 9, _cron, lambda row: cron_problems.ill_count(row.item), priority=6),
    Field("alerts", "ALERT", 5, _alerts, _alert_count, right=True, priority=1),
    Field("errors", "ERR/m", 5, _errors, _errors_per_min, right=True, priority=5),
    Field("failed", "XFAIL", 5, _failed, lambda row: xferlog_problems.failed_count(row.item), right=True, priority=8),
    Field("clusters", "CLUSTERS", 12, _clusters, _ill_clusters, priority=9),
    Field("collectors", "COLLECT", 9, _collectors, _failing, priority=11),
    Field("store", "STORE", 6, _store, right=True, priority=12),
    Field("latency", "ANSWER", 6, _latency, lambda row: row.item.latency_ms, right=True, priority=10),
    Field("seen", "SEEN", 5, _seen, lambda row: row.item.last_ok, right=True),
)
