"""How runs went, as text."""

from collections.abc import Iterable
from typing import Final

from etlmon.contract.dataproc_rows import DataprocRun, RegionResult, RegionsFrom, RegionState, RunResult
from ui import format as fmt
from ui.glyphs import State
from ui.text_page import TextColumn, TextPage, TextRow

COLUMNS = (
    TextColumn("REGION"),
    TextColumn("STATE"),
    TextColumn("CLUSTERS", right=True),
    TextColumn("JOBS", right=True),
    TextColumn("TEMPLATES", right=True),
    TextColumn("POLICIES", right=True),
    TextColumn("CALLS", right=True),
    TextColumn("TIME", right=True),
)

_LEVELS: Final[dict[RegionState, State]] = {"ok": "ok", "failed": "crit", "timeout": "warn", "skipped": "warn"}
_TONES: Final[dict[RunResult, State]] = {"complete": "ok", "partial": "warn"}
_FROM: Final[dict[RegionsFrom, str]] = {
    "api": "listed by Google",
    "cache": "as listed a short while ago",
    "fallback": "those of dataproc.fallback_regions, because Google did not list them",
}


def page_of(page: TextPage, runs: Iterable[tuple[str, DataprocRun]]) -> TextPage:
    """The page with each run below what it is called: its result and counters, its regions, and what went wrong."""
    for number, (label, run) in enumerate(runs):
        if number:
            page.blank()
        page.line(_headline(label, run), _TONES.get(run.result, "crit"))
        page.line(f"  success {run.success}  failure {run.failure}  timeout {run.timeout}  unknown {run.unknown}", "")
        page.line(f"  {_calls(run)}", "dim")
        if run.regions:
            page.table(COLUMNS, [_row(region, _place(region, run)) for region in run.regions], "")
        for region in run.regions:
            if region.error:
                page.line(f"  {_place(region, run)}: {region.error}", _LEVELS[region.state])
        for error in run.errors:
            page.line(f"  {error}", "warn")
    return page


def _place(region: RegionResult, run: DataprocRun) -> str:
    """The region; where a run read several projects, with its own."""
    is_one = all(one.project_id == region.project_id for one in run.regions)
    return region.region if is_one else f"{region.project_id}/{region.region}"


def _headline(label: str, run: DataprocRun) -> str:
    took = f" in {fmt.latency(run.duration_ms)}" if run.duration_ms is not None else ""
    reason = f": {run.reason}" if run.reason else ""
    return f"{label}  {run.result}{took}{reason}"


def _calls(run: DataprocRun) -> str:
    facts = [f"{fmt.count(run.clusters)} clusters, {fmt.count(run.jobs)} jobs"]
    facts.append(f"{fmt.count(run.calls)} calls ({run.retries} again), {fmt.percent(run.quota_percent)} of the quota")
    if run.regions_from:
        facts.append(f"regions: {_FROM[run.regions_from]}")
    return "; ".join(facts)


def _row(region: RegionResult, place: str) -> TextRow:
    counts = (region.clusters, region.jobs, region.templates, region.policies, region.calls)
    return TextRow(
        _LEVELS[region.state], (place, region.state, *map(fmt.count, counts), fmt.latency(region.duration_ms))
    )
