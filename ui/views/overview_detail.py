"""How a node itself fares: who answers there, its collectors, its store, what happened, and who did what."""

from typing import Any, Final

from etlmon.contract.node import AUDIT, AuditEntry, AuditQuery, CollectorHealth, CollectorStatus
from etlmon.units import Duration
from ui import format as fmt
from ui.glyphs import NOTHING, WORDS
from ui.problems import node as node_problems
from ui.problems import of_fleet
from ui.problems.node import next_try
from ui.state import NodeState, Question
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.overview_fields import health_of
from ui.views.rows import Row, level_tone
from ui.views.sampled import OWN_CPU, OWN_MEMORY, day_charts, day_questions
from ui.widgets.cells import Cell, Tone
from ui.widgets.lines import Line, grid

_AUDIT: Question[list[AuditEntry]] = Question(AUDIT, AuditQuery(limit=20), pace="slow")
_EVENTS = events_question()
_COLLECTOR_TONES: Final[dict[CollectorStatus, Tone | None]] = {"failing": "crit", "overdue": "warn", "running": "info"}

_OWN = (OWN_CPU, OWN_MEMORY)
"""What the node itself uses, drawn over the last day."""

QUESTIONS: tuple[Question[Any], ...] = (node_problems.QUESTION.at("fast"), _EVENTS, _AUDIT, *day_questions(_OWN))
"""What a node is asked while its detail is open."""


def detail_of(row: Row[NodeState]) -> Detail:
    """The detail of a node."""
    node = row.item
    wrong: list[Line] = [
        [(f"{WORDS[one.level]:5}", level_tone(one.level)), (one.text, None)] for one in of_fleet([node])
    ]
    return Detail(
        title=node.address,
        charts=day_charts(row.item, _OWN, row.now),
        sections=(
            Section(f"{node.name} {NOTHING} who answers", _identity(row)),
            Section("What is wrong", wrong, "Nothing."),
            Section("Collectors", _collector_lines(row), "Not answered yet."),
            Section("Store", _store_lines(row), "Not answered yet."),
            events_section(row, _EVENTS),
            _audit_section(row),
        ),
    )


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
    health = health_of(row.item)
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
    health = health_of(row.item)
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
