"""dataproc: clusters in error, stuck, or idle at somebody's cost, and accounts that cannot be collected."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from etlmon.contract.dataproc import DATAPROC_CLUSTERS, DATAPROC_RUNS, DataprocQuery, DataprocRunQuery
from etlmon.contract.dataproc_rows import Attention, DataprocRow, DataprocRun, RunResult
from ui import format as fmt
from ui.glyphs import State
from ui.problems.problem import Problem
from ui.state import NodeState, Question

QUESTION = Question(DATAPROC_CLUSTERS, DataprocQuery(limit=1000), pace="slow")
RUNS = Question(DATAPROC_RUNS, DataprocRunQuery(limit=20), pace="slow")
QUESTIONS = (QUESTION, RUNS)

SLOW_SEC = 60.0
"""A run that takes longer is told."""
QUOTA_PERCENT = 80.0
"""So much of the calls that a project may make within a minute is nearly too much."""
FAILED_RUNS = 3
"""So many in a row are no accident."""
NAMED = 3
"""So many clusters with the same trouble are named one by one; the others are counted."""

_LEVELS: Final[Mapping[Attention, State]] = {"error": "crit", "stuck": "warn", "idle": "warn"}
_OF_MANY: Final[Mapping[Attention, str]] = {
    "error": "are in error",
    "stuck": "are stuck",
    "idle": "are idle and have no time to live",
}
_RESULTS: Final[Mapping[RunResult, str]] = {
    "partial": "not all could be read",
    "failed": "nothing could be read",
    "timeout": "the run took too long and was cut",
}


def level(row: DataprocRow) -> State:
    if row.gone_at is not None:
        return "ok"
    if (attention := attention_of(row)) is not None:
        return _LEVELS[attention]
    return "unknown" if row.stale else "ok"


def attention_of(row: DataprocRow) -> Attention | None:
    """What calls for somebody; a state of error does so even when the node says nothing of it."""
    if row.gone_at is not None:
        return None
    return row.attention or ("error" if row.state.startswith("ERROR") else None)


def words(row: DataprocRow) -> str:
    """What is wrong with a cluster, or how it is."""
    if attention_of(row) is not None:
        return row.attention_reason or row.detail or row.attention or "in error"
    if row.gone_at is not None:
        return "it is gone"
    if row.stale:
        return "the last run could not ask its region: this is what was known before"
    return row.detail or row.state


def run_level(run: DataprocRun) -> State:
    """How bad one run is by itself."""
    if run.result in _RESULTS or run_warning(run):
        return "warn"
    return "ok"


def run_warning(run: DataprocRun) -> str:
    """What a run that went well says of the next ones; empty when nothing."""
    if run.quota_percent >= QUOTA_PERCENT:
        return f"{fmt.percent(run.quota_percent)} of the calls that a project may make in a minute were needed"
    if run.duration_ms is not None and run.duration_ms > SLOW_SEC * 1000:
        return f"the run took {fmt.duration(run.duration_ms / 1000)}"
    return ""


def run_words(run: DataprocRun) -> str:
    """Why a run is not complete, or how it went."""
    if said := _RESULTS.get(run.result):
        return run.reason or "; ".join(run.errors) or said
    guess = ", of the regions in node.yaml: Google's list could not be read" if run.regions_from == "fallback" else ""
    return run_warning(run) or f"{run.result}{guess}"


def by_account(node: NodeState) -> dict[str, list[DataprocRun]]:
    """The runs that have ended, newest first, of each account."""
    found: dict[str, list[DataprocRun]] = {}
    for run in node.answer(RUNS) or ():
        if run.result != "running":
            found.setdefault(run.account, []).append(run)
    return found


def account_level(runs: Sequence[DataprocRun]) -> State:
    """How an account fares, by its runs, newest first."""
    last = runs[:FAILED_RUNS]
    if len(last) == FAILED_RUNS and all(run.result in ("failed", "timeout") for run in last):
        return "crit"
    return run_level(runs[0]) if runs else "unknown"


def key_of(row: DataprocRow) -> str:
    return f"dataproc {row.account} {row.id}"


def levels(node: NodeState) -> list[State]:
    return [level(row) for row in node.answer(QUESTION) or ()]


def problems(node: NodeState) -> Iterator[Problem]:
    for account, runs in by_account(node).items():
        if (severity := account_level(runs)) != "ok":
            yield _account_problem(account, runs, severity, node)
    rows = node.answer(QUESTION) or ()
    for attention in _LEVELS:
        yield from _some([row for row in rows if attention_of(row) == attention], attention, node)


def _account_problem(account: str, runs: Sequence[DataprocRun], severity: State, node: NodeState) -> Problem:
    often = f"; so it was {FAILED_RUNS} times in a row" if severity == "crit" else ""
    return Problem(
        level=severity,
        node=node.name,
        since=node.here(_since(runs)),
        text=f"Dataproc account {account}: {run_words(runs[0])}{often}",
        view="clusters",
        key=f"dataproc {account}",
    )


def _since(runs: Sequence[DataprocRun]) -> datetime:
    """When the first of the latest runs that are not well began."""
    since = runs[0].started_at
    for run in runs:
        if run_level(run) == "ok":
            break
        since = run.started_at
    return since


def _some(rows: Sequence[DataprocRow], attention: Attention, node: NodeState) -> Iterator[Problem]:
    """The first clusters in this trouble, and how many more there are."""
    shown = len(rows) if len(rows) == NAMED + 1 else NAMED
    for row in rows[:shown]:
        yield Problem(
            level=_LEVELS[attention],
            node=node.name,
            since=node.here(row.idle_since if attention == "idle" else row.state_since),
            text=f"{row.cluster_name} ({row.project_id}, {row.region}): {words(row)}",
            view="clusters",
            key=key_of(row),
        )
    if rest := len(rows) - len(rows[:shown]):
        text = f"{fmt.count(rest)} more Dataproc clusters {_OF_MANY[attention]}"
        yield Problem(level=_LEVELS[attention], node=node.name, text=text, view="clusters")
