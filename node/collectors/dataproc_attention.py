"""Which clusters want somebody's attention: stuck in a passing state, in error, or idle without an end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from etlmon.contract.dataproc_models import DataprocCluster, DataprocJob, LifecycleConfig
from etlmon.contract.dataproc_rows import Attention, DataprocRow
from etlmon.units import Duration

PASSING = ("CREATING", "DELETING", "REPAIRING", "STARTING", "STOPPING", "UPDATING")
"""States that end by themselves, if all goes well."""

_ACTIVE = ("PENDING", "SETUP_DONE", "RUNNING", "CANCEL_PENDING", "CANCEL_STARTED", "ATTEMPT_FAILURE")
"""States of a job that is not over; a failed attempt is tried again (JobStatus.State)."""

_UPDATING = Duration(86400)
"""Giving workers back gracefully may take a day (AutoscalingPolicy, graceful_decommission_timeout)."""

_UNWELL = {
    "UNHEALTHY": "Dataproc calls it unhealthy: daemons do not run, or its HDFS is full",
    "STALE_STATUS": "Dataproc hears nothing of its agent: what it says of the cluster is old",
}
"""Substates of RUNNING (ClusterStatus.Substate)."""

_APPLICATIONS = ("yarn-apps-running", "yarn-apps-pending")
"""The metrics of YARN that tell of work, also of such that came past Dataproc's jobs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a cluster may be without work (None: nobody knows its work), and how long in a passing state."""

    idle_after: Duration | None
    stuck_after: Duration


def is_active(job: DataprocJob) -> bool:
    """Whether it is not over yet."""
    return job.status.state in _ACTIVE


def has_ttl(cluster: DataprocCluster) -> bool:
    """Whether it is deleted by itself some time."""
    life = _lifecycle(cluster)
    return any(one is not None for one in (life.idle_delete_ttl_sec, life.auto_delete_time, life.auto_delete_ttl_sec))


def idle_since(
    cluster: DataprocCluster, jobs: Sequence[DataprocJob] | None, before: DataprocRow | None
) -> datetime | None:
    """Since when a cluster on Compute Engine has had no work; None while it has some, or when that is not known.

    `jobs` are its latest; None: they could not be read, and what was known `before` holds. A job that is older than the
    ones that are read, or that came past Dataproc, is seen in YARN's applications.
    """
    if cluster.config is None or cluster.status.state != "RUNNING":
        return None
    if any(cluster.metrics.yarn_metrics.get(name, 0) for name in _APPLICATIONS):
        return None
    was_running = before is not None and before.state == "RUNNING"
    if jobs is None:
        return before.idle_since if before is not None and was_running else None
    if any(is_active(job) for job in jobs):
        return None
    known = [cluster.status.state_start_time, _lifecycle(cluster).idle_start_time, *(_end(job) for job in jobs)]
    if before is not None and was_running:
        # Work that was seen then and is over now lasted so long at least.
        known.append(before.idle_since or before.collected_at)
    return max((at for at in known if at is not None), default=None)


def attention(row: DataprocRow, at: datetime, limits: Limits) -> tuple[Attention | None, str | None]:
    """What is worth a look about a cluster, and why, in words."""
    if row.state.startswith("ERROR"):
        return "error", f"it is in state {row.state}" + (f": {row.detail}" if row.detail else "")
    if row.state == "RUNNING" and row.substate in _UNWELL:
        return "error", _UNWELL[row.substate]
    if row.state in PASSING and row.state_since is not None:
        longest = max(limits.stuck_after, _UPDATING) if row.state == "UPDATING" else limits.stuck_after
        lasts = at - row.state_since
        if lasts > timedelta(seconds=float(longest)):
            return "stuck", f"it is {row.state} for {_lasted(lasts)}, longer than {longest}"
    if limits.idle_after is not None and row.idle_since is not None and not row.has_ttl:
        lasts = at - row.idle_since
        if lasts > timedelta(seconds=float(limits.idle_after)):
            return "idle", f"it runs, and costs, without a job for {_lasted(lasts)}, and nothing deletes it by itself"
    return None, None


def _lifecycle(cluster: DataprocCluster) -> LifecycleConfig:
    return cluster.config.lifecycle_config if cluster.config is not None else LifecycleConfig()


def _end(job: DataprocJob) -> datetime | None:
    return job.ended_at or job.status.state_start_time


def _lasted(lasts: timedelta) -> str:
    """In whole minutes and hours: a reason should not change with each run."""
    hours, rest = divmod(int(lasts.total_seconds()), 3600)
    return f"{hours} h" if hours else f"{rest // 60} min"
