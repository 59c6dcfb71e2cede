"""The columns of what else Dataproc has: jobs, workflow templates, autoscaling policies, and how collecting went."""

from typing import Any, Final

from etlmon.contract.dataproc_models import DataprocJob, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRun, RunResult
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.problems import dataproc as dataproc_problems
from ui.views.dataproc import bounds, seconds, took_sec
from ui.views.rows import Field, Row, level_cell, level_tone
from ui.widgets.cells import Cell

_PLACES: tuple[Field[Any], ...] = (
    Field("region", "REGION", 15, lambda row: row.item.region, lambda row: row.item.region, priority=2),
    Field("project", "PROJECT", 16, lambda row: (row.item.project_id, "dim"), lambda row: row.item.project_id,
          flex=True, most=30, priority=3),
)  # fmt: skip


def _job_state(row: Row[DataprocJob]) -> Cell:
    state = row.item.status.state or "?"
    if row.level == "ok" and not row.item.done and not row.item.ended_at:
        return (f"▶ {state}", "info")
    return level_cell(row.level, state)


JOB_FIELDS: tuple[Field[DataprocJob], ...] = (
    Field("submitted", "SUBMITTED", 9, lambda row: f"{row.age(row.item.submitted_at)} ago"
          if row.item.submitted_at else (NOTHING, "dim"), lambda row: row.item.submitted_at, right=True),
    Field("job", "JOB", 20, lambda row: row.item.job_id, lambda row: row.item.job_id, flex=True, most=40),
    Field("type", "TYPE", 8, lambda row: row.item.type or NOTHING, lambda row: row.item.type, priority=1),
    Field("cluster", "CLUSTER", 16, lambda row: row.item.cluster_name or NOTHING, lambda row: row.item.cluster_name,
          flex=True, most=30),
    Field("state", "STATE", 14, _job_state, lambda row: row.item.status.state),
    Field("took", "TOOK", 8, lambda row: seconds(took_sec(row.item, row)), lambda row: took_sec(row.item, row),
          right=True),
    *_PLACES,
    Field("detail", "WHY", 20, lambda row: (row.item.status.detail, level_tone(row.level) if row.level != "ok" else
                                            "dim"), flex=True, priority=4),
)  # fmt: skip

TEMPLATE_FIELDS: tuple[Field[DataprocTemplate], ...] = (
    Field("template", "TEMPLATE", 18, lambda row: row.item.id, lambda row: row.item.id, flex=True, most=40),
    Field("version", "VER", 4, lambda row: str(row.item.version), lambda row: row.item.version, right=True),
    Field("placement", "RUNS ON", 22, lambda row: row.item.placement or NOTHING, lambda row: row.item.placement,
          flex=True, most=40),
    Field("jobs", "JOBS", 4, lambda row: fmt.count(len(row.item.jobs)), lambda row: len(row.item.jobs), right=True),
    Field("updated", "UPDATED", 8, lambda row: row.age(row.item.update_time), lambda row: row.item.update_time,
          right=True, priority=1),
    *_PLACES,
)  # fmt: skip

POLICY_FIELDS: tuple[Field[DataprocPolicy], ...] = (
    Field("policy", "POLICY", 18, lambda row: row.item.id, lambda row: row.item.id, flex=True, most=40),
    Field("workers", "WORKERS", 9, lambda row: bounds(row.item)[0], lambda row: row.item.worker_config.max_instances,
          right=True),
    Field("secondary", "SECONDARY", 9, lambda row: bounds(row.item)[1],
          lambda row: row.item.secondary_worker_config.max_instances, right=True),
    Field("cooldown", "COOLDOWN", 8, lambda row: seconds(row.item.cooldown_sec), lambda row: row.item.cooldown_sec,
          right=True, priority=1),
    Field("used", "USED BY", 18, lambda row: ", ".join(row.item.used_by) or ("no cluster", "dim"),
          lambda row: len(row.item.used_by), flex=True, most=50),
    *_PLACES,
)  # fmt: skip

_RESULT_SIGNS: Final[dict[RunResult, Cell]] = {"running": ("▶ running", "info")}


def result_cell(row: Row[DataprocRun]) -> Cell:
    """How a run ended, in a word."""
    return _RESULT_SIGNS.get(row.item.result) or level_cell(row.level, row.item.result)


def _number(value: int) -> Cell:
    return (fmt.count(value), "warn" if value else "dim")


def _why(run: DataprocRun) -> str:
    words = dataproc_problems.run_words(run)
    return "" if words == run.result else words


RUN_FIELDS: tuple[Field[DataprocRun], ...] = (
    Field("started", "STARTED", 9, lambda row: f"{row.age(row.item.started_at)} ago", lambda row: row.item.started_at,
          right=True),
    Field("account", "ACCOUNT", 10, lambda row: row.item.account, lambda row: row.item.account, flex=True, most=20),
    Field("result", "RESULT", 10, result_cell, lambda row: row.item.result),
    Field("took", "TOOK", 8, lambda row: fmt.latency(row.item.duration_ms), lambda row: row.item.duration_ms,
          right=True),
    Field("clusters", "CLUSTERS", 8, lambda row: fmt.count(row.item.clusters), lambda row: row.item.clusters,
          right=True, priority=1),
    Field("failed", "FAILED", 6, lambda row: _number(row.item.failure), lambda row: row.item.failure, right=True),
    Field("timeout", "TIMEOUT", 7, lambda row: _number(row.item.timeout), lambda row: row.item.timeout, right=True,
          priority=2),
    Field("unknown", "UNKNOWN", 7, lambda row: _number(row.item.unknown), lambda row: row.item.unknown, right=True,
          priority=3),
    Field("calls", "CALLS", 6, lambda row: fmt.count(row.item.calls), lambda row: row.item.calls, right=True,
          priority=4),
    Field("quota", "QUOTA", 5, lambda row: fmt.percent(row.item.quota_percent), lambda row: row.item.quota_percent,
          right=True, priority=4),
    Field("why", "WHY", 20, lambda row: (_why(row.item), "dim" if row.level == "ok" else level_tone(row.level)),
          flex=True),
)  # fmt: skip
