"""Every node at a glance, and below them whatever is wrong anywhere. Detail: how the node itself fares."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult

from etlmon.contract.node import AUDIT, AuditEntry, AuditQuery, CollectorHealth, CollectorStatus, Health
from etlmon.units import Duration
from ui import format as fmt
from ui.glyphs import NOTHING, WORDS, State
from ui.problems import fs as fs_problems
from ui.problems import level_of, of_fleet
from ui.problems import logs as logs_problems
from ui.problems import node as node_problems
from ui.problems import paths as paths_problems
from ui.problems import xferlog as xferlog_problems
from ui.problems.node import next_try, short_reason
from ui.problems.problem import Problem, worst
from ui.state import NodeState, Question
from ui.views.base import Wanted
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.rows import Field, Row, Scope, level_cell, level_tone, text_of
from ui.views.rows_table import RowsTable
from ui.views.table import TableView
from ui.widgets.bar import bar
from ui.widgets.cells import Cell, Tone
from ui.widgets.columns import Column
from ui.widgets.lines import Line, grid
from ui.widgets.panel import Panel
from ui.widgets.table import KeyedTable

_BAR = 10
_LEAST_FOR_PROBLEMS = 14
_LEAST_PANEL = 6
_NOW_SEC = 30
_AUDIT: Question[list[AuditEntry]] = Question(AUDIT, AuditQuery(limit=20), pace="slow")
_EVENTS = events_question()
_COLLECTOR_TONES: dict[CollectorStatus, Tone | None] = {"failing": "crit", "overdue": "warn", "running": "info"}


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


def _paths(row: Row[NodeState]) -> Cell:
    """How many paths there are, and how many of them are not well."""
    if row.item.up is False:
        return (next_try(row.item, row.now - row.item.skew), "dim")
    paths = row.item.answer(paths_problems.QUESTION)
    if paths is None:
        return (NOTHING, "dim")
    levels = [paths_problems.level(path) for path in paths]
    ill = sum(level != "ok" for level in levels)
    return (f"{ill} of {len(paths)} ill", level_tone(worst(levels))) if ill else f"{len(paths)} ok"


def _path_count(row: Row[NodeState]) -> int | None:
    paths = row.item.answer(paths_problems.QUESTION)
    return None if paths is None else len(paths)


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


def _health(row: Row[NodeState]) -> Health | None:
    return row.item.answer(node_problems.QUESTION)


def _collectors(row: Row[NodeState]) -> Cell:
    health = _health(row)
    if health is None or not health.collectors:
        return (NOTHING, "dim")
    failing = _failing(row)
    return (f"{failing} failing", "crit") if failing else f"{len(health.collectors)} ok"


def _failing(row: Row[NodeState]) -> int:
    health = _health(row)
    return 0 if health is None else sum(one.status in ("failing", "overdue") for one in health.collectors)


def _store(row: Row[NodeState]) -> Cell:
    health = _health(row)
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


FIELDS: tuple[Field[NodeState], ...] = (
    Field("state", "STATE", 6, _symbol),
    Field("node", "NODE", 14, lambda row: row.item.name, lambda row: row.item.name, flex=True),
    Field("fullest", "FULLEST MOUNT", 24, _fullest, _fullest_percent, flex=True),
    Field("paths", "PATHS", 17, _paths, _path_count, priority=1),
    Field("errors", "ERR/m", 5, _errors, _errors_per_min, right=True, priority=2),
    Field("failed", "XFAIL", 5, _failed, lambda row: xferlog_problems.failed_count(row.item), right=True, priority=3),
    Field("collectors", "COLLECT", 9, _collectors, _failing, priority=5),
    Field("store", "STORE", 6, _store, right=True, priority=6),
    Field("latency", "ANSWER", 6, _latency, lambda row: row.item.latency_ms, right=True, priority=4),
    Field("seen", "SEEN", 5, _seen, lambda row: row.item.last_ok, right=True),
)

PROBLEM_COLUMNS = (
    Column(key="since", label="SINCE", width=8),
    Column(key="severity", label="SEV", width=4),
    Column(key="node", label="NODE", width=14),
    Column(key="problem", label="PROBLEM", width=30, flex=True),
)


class OverviewView(TableView[NodeState]):
    """The nodes, the worst first, and all open problems. Detail: a node's collectors, store, events and audit."""

    view, number, title, tab, tab_short = "overview", "1", "Overview", "Overview", "Over"
    question = node_problems.QUESTION
    fields = FIELDS
    noun = "node"
    nothing = "No node is configured."

    every_node = True

    DEFAULT_CSS = """
    OverviewView > #problems { max-height: 40%; }
    OverviewView > #problems.-away { display: none; }
    """

    # The table

    def key_of(self, item: NodeState) -> str:
        return item.name

    def level_of(self, item: NodeState) -> State:
        return level_of(item)

    def items(self, node: NodeState) -> Iterable[NodeState]:
        return (node,)

    def record(self, row: Row[NodeState]) -> Mapping[str, Any]:
        return {field.key: text_of(field.cell(row)) for field in self.fields if field.key != "node"}

    @property
    def shown_fields(self) -> tuple[Field[Any], ...]:
        return self.fields

    def as_of(self, scope: Scope) -> list[str]:
        return []  # each row says when its node was seen last

    def questions(self, names: Collection[str]) -> Wanted:
        """Nothing but what is asked of every node anyhow, unless a detail is open."""
        opened = self.opened
        return {} if opened is None else {opened.node.name: self.detail_questions(opened)}

    @on(KeyedTable.CursorMoved)
    def _choose(self, event: KeyedTable.CursorMoved) -> None:
        """The node under the cursor is the one the other views show."""
        event.stop()
        if event.key != self.query_one(RowsTable).cursor_key:
            return  # it has moved on since
        row = next((row for row in self.shown_rows if row.key == event.key), None)
        if row is not None:
            self.post_message(self.NodeChosen(row.node.name))

    def point_at(self, node: str) -> None:
        row = next((row for row in self.shown_rows if row.node.name == node), None)
        if row is not None:
            self.query_one(RowsTable).move_to(row.key)

    # The problems below it

    def compose(self) -> ComposeResult:
        yield from super().compose()
        problems = KeyedTable(PROBLEM_COLUMNS, empty="Nothing is wrong.")
        problems.can_focus = False
        yield Panel(problems, title="Problems", id="problems")

    def show(self, scope: Scope) -> None:
        is_first = not self.shown_rows
        super().show(scope)
        if is_first:
            self.point_at(scope.chosen)
        problems = of_fleet(scope.nodes)
        panel = self.query_one("#problems", Panel)
        panel.set_class(self.opened is not None or self.size.height < _LEAST_FOR_PROBLEMS, "-away")
        panel.styles.height = max(_LEAST_PANEL, len(problems) + 3)
        panel.query_one(KeyedTable).set_rows(
            [f"{index}" for index in range(len(problems))], [_problem_cells(one, scope) for one in problems]
        )
        worst_ones = sum(problem.level in ("down", "crit") for problem in problems)
        panel.show(foot=f"{worst_ones} critical · {len(problems) - worst_ones} warnings")

    # The detail: how the node itself fares

    def detail_questions(self, row: Row[NodeState]) -> tuple[Question[Any], ...]:
        return (node_problems.QUESTION.at("fast"), _EVENTS, _AUDIT)

    def detail(self, row: Row[NodeState]) -> Detail:
        node = row.item
        wrong: list[Line] = [
            [(f"{WORDS[one.level]:5}", level_tone(one.level)), (one.text, None)] for one in of_fleet([node])
        ]
        return Detail(
            title=node.address,
            sections=(
                Section(f"{node.name} {NOTHING} who answers", _identity(row)),
                Section("What is wrong", wrong, "Nothing."),
                Section("Collectors", _collector_lines(row), "Not answered yet."),
                Section("Store", _store_lines(row), "Not answered yet."),
                events_section(row, _EVENTS),
                _audit_section(row),
            ),
        )


def _problem_cells(problem: Problem, scope: Scope) -> list[Cell]:
    since = NOTHING if problem.since is None else fmt.age((scope.now - problem.since).total_seconds())
    tone = level_tone(problem.level)
    return [(since, "dim"), (WORDS[problem.level], tone), problem.node, problem.text]


def _identity(row: Row[NodeState]) -> list[Line]:
    node = row.item
    info = node.other if node.changed else node.info
    known: list[tuple[str, Cell]] = [("address", node.address)]
    if node.changed or node.up is False:
        why = node.describe() if node.changed else f"{node.reason} ({next_try(node, row.now - node.skew)})"
        known.append(("state", (why, "down")))
    if info is not None:
        acts = f"may not act: {info.commands_refused}" if info.commands_refused else "may act"
        known += [
            ("node", f"{info.node_name} on {info.hostname}"),
            ("identity", f"{info.node_id}, boot {info.boot_id}"),
            ("version", f"etlmon {info.version}, API {info.api_version}"),
            ("started", row.when(info.started_at)),
            ("this caller", f"{info.role}, {acts}"),
            ("clock", f"{fmt.duration(node.skew.total_seconds())} off" if node.skew else "agrees with this host's"),
        ]
    return facts(*known)


def _collector_lines(row: Row[NodeState]) -> list[Line]:
    health = _health(row)
    return grid(
        [_collector_cells(row, one) for one in (() if health is None else health.collectors)],
        head=("COLLECTOR", "STATUS", "LAST RUN", "TOOK", "EVERY", "FAILED", "SKIPPED", "LAST ERROR"),
        right=(3, 4, 5, 6),
    )


def _collector_cells(row: Row[NodeState], one: CollectorHealth) -> list[Cell]:
    return [
        one.name,
        (one.status, _COLLECTOR_TONES.get(one.status)),
        row.when(one.last_run_at),
        fmt.latency(one.duration_ms),
        str(Duration(one.interval_sec)),
        fmt.count(one.consecutive_failures),
        fmt.count(one.overruns),
        (one.last_error or "", "crit" if one.status == "failing" else "dim"),
    ]


def _store_lines(row: Row[NodeState]) -> list[Line]:
    health = _health(row)
    if health is None:
        return []
    store = health.store
    return facts(
        ("database", f"{fmt.size(store.db_bytes)}, write-ahead log {fmt.size(store.wal_bytes)}"),
        ("free on its disk", fmt.size(store.free_bytes)),
        ("last commit", row.when(store.last_commit_at)),
        ("waiting writes", fmt.count(store.queue_depth)),
        *([("error", (store.error, "crit"))] if store.error else []),
    )


def _audit_section(row: Row[NodeState]) -> Section:
    entries = row.node.answer(_AUDIT)
    nothing = "Nobody has acted yet." if entries is not None else "Not answered yet."
    lines = grid(
        [
            (
                (row.when(one.at), "dim"),
                f"{one.who}@{one.address}",
                one.action,
                one.target,
                (one.result, None if one.result == "done" else "warn"),
                one.message,
            )
            for one in entries or ()
        ]
    )
    return Section("Acts", lines, row.node.refusals.get(_AUDIT.key, nothing))
