"""What a run has to tell beside its rows: events, samples, and lines of the log."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import get_args

from etlmon.contract.dataproc_rows import Attention, DataprocRow, DataprocRun
from etlmon.contract.node import Event, Severity
from node.collector import Sample
from node.collectors.dataproc_gathering import Change
from node.collectors.dataproc_run import said, told
from node.sources.dataproc_types import TroubleLine

logger = logging.getLogger(__name__)

FAILURES = 3
"""So many failed runs in a row are no passing matter."""

SLOW_SEC = 60.0
"""A run that takes longer is worth a look."""

_ENDED = ("complete", "partial")
"""Results of a run that came to its end."""


def cluster_events(changes: Iterable[Change], last: DataprocRun | None, at: datetime) -> Iterator[Event]:
    """What happened to clusters since the run before, which was `last`; without one all of them are merely there."""
    read = {(one.project_id, one.region) for one in (last.regions if last is not None else ()) if one.state == "ok"}
    for change in changes:
        yield from _change(change, last, read, at)


def _change(
    change: Change, last: DataprocRun | None, read: Collection[tuple[str, str]], at: datetime
) -> Iterator[Event]:
    before, row = change.before, change.now
    if row.gone_at is not None:
        yield _event(at, row, "cluster_gone", "info", "is there no more" + _last_state(row))
        return
    if row.stale:
        return
    if before is None:
        is_new = change.created_at is not None and last is not None and change.created_at > last.started_at
        if last is not None and ((row.project_id, row.region) in read or is_new):
            yield _event(at, row, "cluster_created", "info", f"is new, in state {row.state}")
    elif (before.state, before.substate) != (row.state, row.substate):
        severity: Severity = "critical" if row.attention == "error" else "info"
        words = f"went from {_state(before)} to {_state(row)}"
        yield _event(at, row, "cluster_state", severity, words + (f": {row.detail}" if row.detail else ""))
    if row.attention in ("stuck", "idle") and (before is None or before.attention != row.attention):
        yield _event(at, row, f"cluster_{row.attention}", "warning", f"is {row.attention}: {row.attention_reason}")


def run_events(run: DataprocRun, last: DataprocRun | None, *, failures: int, refused: bool) -> Iterator[Event]:
    """What happened to collecting. `failures` are the failed runs in a row with this one."""
    at = run.ended_at or run.started_at
    failed_before = last is not None and last.result not in _ENDED
    reason = run.reason or run.result
    if run.result not in _ENDED:
        if refused and (last is None or not failed_before or last.reason != run.reason):
            yield _of_account(at, run.account, "account_refused", "critical", f"is refused: {reason}")
        elif not refused and not failed_before:
            yield _of_account(at, run.account, "run_failed", "warning", f"could not be collected: {reason}")
        elif failures == FAILURES:
            words = f"could not be collected {failures} times in a row: {reason}"
            yield _of_account(at, run.account, "run_failed", "critical", words)
    elif failed_before:
        yield _of_account(at, run.account, "run_recovered", "info", "is collected again")
    slow, slow_before = _is_slow(run), last is not None and _is_slow(last)
    if slow and not slow_before:
        took = f"{(run.duration_ms or 0.0) / 1000:.0f} s"
        yield _of_account(at, run.account, "run_slow", "warning", f"took {took} to collect, more than {SLOW_SEC:.0f} s")


def quota_events(run: DataprocRun, last: DataprocRun | None, warn_ratio: float) -> Iterator[Event]:
    """That a project got more of its calls a minute than is good."""
    limit = warn_ratio * 100
    if run.quota_percent >= limit and (last is None or last.quota_percent < limit):
        words = f"uses {run.quota_percent:.0f}% of the calls that a project may get in a minute"
        yield _of_account(run.ended_at or run.started_at, run.account, "quota_high", "warning", words)


def samples(rows: Collection[DataprocRow], run: DataprocRun) -> Iterator[Sample]:
    """The numbers of one account."""
    there = [row for row in rows if row.gone_at is None]
    labels = {"account": run.account}
    for (project, state), count in sorted(Counter((row.project_id, row.state) for row in there).items()):
        yield Sample("etlmon_dataproc_clusters", count, {**labels, "project": project, "state": state})
    kinds = Counter((row.project_id, row.attention) for row in there)
    running: Counter[str] = Counter()
    for row in there:
        running[row.project_id] += row.jobs_running
    for project in sorted({row.project_id for row in there}):
        of_project = {**labels, "project": project}
        for kind in get_args(Attention):
            yield Sample("etlmon_dataproc_attention", kinds[project, kind], {**of_project, "kind": kind})
        yield Sample("etlmon_dataproc_jobs_running", running[project], of_project)
    yield Sample("etlmon_dataproc_up", float(run.result in _ENDED), labels)
    yield Sample("etlmon_dataproc_stale", sum(row.stale for row in there), labels)
    for name in ("success", "failure", "timeout", "unknown", "calls"):
        yield Sample(f"etlmon_dataproc_run_{name}", getattr(run, name), labels)
    yield Sample("etlmon_dataproc_run_seconds", (run.duration_ms or 0.0) / 1000, labels)
    yield Sample("etlmon_dataproc_quota_percent", run.quota_percent, labels)


class TroubleLog:
    """Writes what could not be read into the log: failures as errors, the rest as warnings; successes never.

    What goes on from run to run is written once.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._written: set[tuple[str, str]] = set()
        self._now: set[tuple[str, str]] = set()

    def trouble(self, line: TroubleLine) -> None:
        self._write(logging.ERROR if line.kind == "failure" else logging.WARNING, line.kind, told(line))

    def run(self, run: DataprocRun) -> None:
        """At the end of a run that was cut off, or ended before its time."""
        if run.result == "timeout":
            self._write(logging.WARNING, "timeout", said(run.reason or run.result))
        elif run.result == "failed":
            self._write(logging.ERROR, "failure", said(run.reason or run.result))
        self._written, self._now = self._now, set()

    def _write(self, level: int, kind: str, text: str) -> None:
        self._now.add((kind, text))
        if (kind, text) not in self._written:
            logger.log(level, "dataproc account=%s result=%s: %s", self._account, kind.upper(), text)
            self._written.add((kind, text))


def _is_slow(run: DataprocRun) -> bool:
    return run.duration_ms is not None and run.duration_ms > SLOW_SEC * 1000


def _state(row: DataprocRow) -> str:
    return f"{row.state} ({row.substate})" if row.substate else row.state


def _last_state(row: DataprocRow) -> str:
    return f"; it was last seen in state {row.state}"


def _event(at: datetime, row: DataprocRow, kind: str, severity: Severity, words: str) -> Event:
    where = f"{row.project_id}/{row.region}/{row.cluster_name}"
    return Event(at=at, domain="dataproc", key=row.id, kind=kind, severity=severity, message=f"{where} {words}")


def _of_account(at: datetime, account: str, kind: str, severity: Severity, words: str) -> Event:
    message = f"account {account} {words}"
    return Event(at=at, domain="dataproc", key=account, kind=kind, severity=severity, message=message)
