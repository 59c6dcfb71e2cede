"""All that is to be said of a job, a workflow template, an autoscaling policy, and of one run of collecting."""

from typing import Any, Final

from etlmon.contract.dataproc_models import DataprocJob, DataprocPolicy, DataprocTemplate
from etlmon.contract.dataproc_rows import DataprocRun, RegionResult, RegionsFrom, RegionState
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems import dataproc as dataproc_problems
from ui.problems.problem import rank
from ui.state import Question
from ui.views.dataproc import Facts, policy_facts, seconds, took_sec
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.rows import Row, level_cell, level_tone
from ui.views.sampled import Series, day_charts, day_questions
from ui.widgets.cells import Cell
from ui.widgets.lines import grid

_REGIONS_FROM: Final[dict[RegionsFrom, str]] = {
    "api": "Google's list",
    "cache": "Google's list of a few minutes ago",
    "fallback": "the list in node.yaml (dataproc.fallback_regions): Google's could not be read",
}
_REGION_LEVELS: Final[dict[RegionState, State]] = {"ok": "ok", "failed": "warn", "timeout": "warn"}


def run_questions(run: DataprocRun) -> tuple[Question[Any], ...]:
    """What the node is asked while the detail of a run is open."""
    return _account_events(run), *day_questions(_drawn(run))


def _drawn(run: DataprocRun) -> tuple[Series, ...]:
    of = (("account", run.account),)
    return (
        Series("how long the runs took", "etlmon_dataproc_run_seconds", of, fmt.duration),
        Series("what they could not read", "etlmon_dataproc_run_failure", of, fmt.short_count),
    )


def _account_events(run: DataprocRun) -> Question[Any]:
    return events_question("dataproc", run.account)


def job_detail(row: Row[DataprocJob]) -> Detail:
    job = row.item
    known: Facts = [
        ("state", level_cell(row.level, job.status.state or "?")),
        *([("why", (job.status.detail, level_tone(row.level)))] if job.status.detail else []),
        ("submitted", row.when(job.submitted_at)),
        ("ended", row.when(job.ended_at)),
        ("took", seconds(took_sec(job, row))),
        ("type", job.type or NOTHING),
        ("cluster", job.cluster_name or NOTHING),
        ("project, region", f"{job.project_id}, {job.region}"),
        ("driver's output", job.driver_output_uri or NOTHING),
        ("control files", job.driver_control_files_uri or NOTHING),
        ("most failures an hour", fmt.count(job.max_failures_per_hour)),
        ("console", job.console_url or NOTHING),
        ("UUID", job.job_uuid or NOTHING),
    ]
    states = [
        ((row.when(one.state_start_time), "dim"), one.state, (one.detail, "dim"))
        for one in (job.status, *reversed(job.status_history))
        if one.state
    ]
    applications = [
        (one.name, one.state, f"{100 * one.progress:.0f}%", (one.tracking_url, "dim")) for one in job.yarn_applications
    ]
    return Detail(
        title=job.job_id,
        sections=(
            Section(f"{job.job_id} {NOTHING} {job.status.state}", facts(*known)),
            Section("States so far", grid(states), "None is known."),
            Section("YARN applications", grid(applications, right=(2,)), "None is known."),
            Section("Labels", facts(*job.labels.items()), "None."),
        ),
    )


def template_detail(row: Row[DataprocTemplate]) -> Detail:
    template = row.item
    known: Facts = [
        ("version", str(template.version)),
        ("project, region", f"{template.project_id}, {template.region}"),
        ("runs on", template.placement or NOTHING),
        ("created", row.when(template.create_time)),
        ("updated", row.when(template.update_time)),
        ("may take", seconds(template.dag_timeout_sec)),
        ("parameters", ", ".join(template.parameters) or NOTHING),
        ("name", template.name),
    ]
    steps = grid(
        [(one.step_id, one.type, ", ".join(one.prerequisite_step_ids) or NOTHING) for one in template.jobs],
        head=("STEP", "TYPE", "AFTER"),
    )
    return Detail(
        title=template.id,
        sections=(
            Section(template.id, facts(*known)),
            Section("Steps", steps, "None."),
            Section("Labels", facts(*template.labels.items()), "None."),
        ),
    )


def policy_detail(row: Row[DataprocPolicy]) -> Detail:
    policy = row.item
    known: Facts = [
        *policy_facts(policy),
        (
            "from a share of",
            f"{policy.scale_up_min_worker_fraction:g} up, {policy.scale_down_min_worker_fraction:g} down",
        ),
        ("project, region", f"{policy.project_id}, {policy.region}"),
        ("name", policy.name),
    ]
    return Detail(
        title=policy.id,
        sections=(
            Section(policy.id, facts(*known)),
            Section("Labels", facts(*policy.labels.items()), "None."),
        ),
    )


def run_detail(row: Row[DataprocRun]) -> Detail:
    run = row.item
    said = dataproc_problems.run_words(run)
    known: Facts = [
        ("result", level_cell(row.level, run.result)),
        *([("why", (said, level_tone(row.level)))] if row.level != "ok" else []),
        ("started", row.when(run.started_at)),
        ("took", fmt.latency(run.duration_ms)),
        ("found", f"{fmt.count(run.clusters)} clusters, {fmt.count(run.jobs)} jobs"),
        ("success", fmt.count(run.success)),
        ("failure", _number(run.failure)),
        ("timeout", _number(run.timeout)),
        ("unknown", _number(run.unknown)),
        ("calls", f"{fmt.count(run.calls)}, {fmt.count(run.retries)} of them again"),
        ("most calls in a minute", f"{fmt.percent(run.quota_percent)} of what a project may make"),
        ("regions from", _REGIONS_FROM.get(run.regions_from, NOTHING)),
    ]
    regions = sorted(run.regions, key=lambda one: rank(_REGION_LEVELS.get(one.state, "unknown")))
    lines = grid(
        [_region_cells(one) for one in regions],
        head=("PROJECT", "REGION", "RESULT", "CLUST", "JOBS", "TMPL", "POL", "CALLS", "TOOK", "WHY"),
        right=(3, 4, 5, 6, 7, 8),
    )
    return Detail(
        title=run.account,
        charts=day_charts(row.node, _drawn(run), row.now),
        sections=(
            Section(f"{run.account} {NOTHING} {run.result}", facts(*known)),
            Section("Regions", lines, "None was asked."),
            Section("What went wrong", [[(one, "warn")] for one in run.errors], "Nothing."),
            events_section(row, _account_events(run)),
        ),
    )


def _number(value: int) -> Cell:
    return (fmt.count(value), "warn" if value else None)


def _region_cells(one: RegionResult) -> list[Cell]:
    level = _REGION_LEVELS.get(one.state, "unknown")
    return [
        one.project_id,
        one.region,
        level_cell(level, one.state),
        fmt.count(one.clusters),
        fmt.count(one.jobs),
        fmt.count(one.templates),
        fmt.count(one.policies),
        fmt.count(one.calls),
        fmt.latency(one.duration_ms),
        (one.error or "", level_tone(level)),
    ]
