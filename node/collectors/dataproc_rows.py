"""One line a cluster, made of everything that Google says of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from etlmon.contract.dataproc_models import ClusterConfig, DataprocCluster, DataprocJob
from etlmon.contract.dataproc_rows import DataprocRow
from node.collectors.dataproc_attention import Limits, attention, has_ttl, idle_since, is_active

LONGEST_DETAIL = 500
CONSOLE = "https://console.cloud.google.com/dataproc/clusters"


def id_of(cluster: DataprocCluster) -> str:
    """Google's UUID; a cluster that has none yet goes by its name, which is its own within a region."""
    return cluster.cluster_uuid or f"{cluster.project_id}:{cluster.location}:{cluster.cluster_name}"


def row_of(
    cluster: DataprocCluster,
    jobs: Sequence[DataprocJob] | None,
    before: DataprocRow | None,
    *,
    account: str,
    at: datetime,
    limits: Limits,
) -> DataprocRow:
    """The line of a cluster that was seen at `at`. `jobs` of None could not be read: what was known of them stays."""
    status = cluster.status
    row = DataprocRow(
        id=id_of(cluster),
        account=account,
        project_id=cluster.project_id,
        region=cluster.location,
        cluster_name=cluster.cluster_name,
        state=status.state or "UNKNOWN",
        substate=status.substate,
        state_since=status.state_start_time,
        detail=status.detail[:LONGEST_DETAIL],
        labels=cluster.labels,
        idle_since=idle_since(cluster, jobs, before) if limits.idle_after is not None else None,
        has_ttl=has_ttl(cluster),
        first_seen_at=before.first_seen_at if before is not None else at,
        collected_at=at,
        console_url=console_url(cluster.project_id, cluster.location, cluster.cluster_name),
        **_of_config(cluster),
        **_of_jobs(jobs, before),
    )
    what, why = attention(row, at, limits)
    return msgspec.structs.replace(row, attention=what, attention_reason=why)


def console_url(project: str, region: str, name: str) -> str:
    """Where Google's console shows a cluster."""
    return f"{CONSOLE}/{quote(name, safe='')}?{urlencode({'region': region, 'project': project})}"


def _of_config(cluster: DataprocCluster) -> dict[str, Any]:
    """What stands in the configuration, of whichever kind it is."""
    if cluster.config is not None:
        return _of_compute_engine(cluster.config)
    virtual = cluster.virtual_cluster_config
    if virtual is None:
        return {}
    return {
        "kind": "gke",
        "image_version": virtual.component_version.get("SPARK", ""),
        "staging_bucket": virtual.staging_bucket,
    }


def _of_compute_engine(config: ClusterConfig) -> dict[str, Any]:
    masters, workers, more = config.master_config, config.worker_config, config.secondary_worker_config
    # Clusters from before there was a choice say no more than whether.
    kind = more.preemptibility or ("PREEMPTIBLE" if more.is_preemptible else "NON_PREEMPTIBLE")
    return {
        "zone": _name(config.gce_cluster_config.zone_uri),
        "image_version": config.software_config.image_version,
        "masters": masters.num_instances,
        "master_type": _name(masters.machine_type_uri),
        "workers": workers.num_instances,
        "worker_type": _name(workers.machine_type_uri),
        "secondary_workers": more.num_instances,
        "preemptibility": kind if more.num_instances else "",
        "staging_bucket": config.config_bucket,
        "policy": _name(config.autoscaling_policy_uri),
    }


def _of_jobs(jobs: Sequence[DataprocJob] | None, before: DataprocRow | None) -> dict[str, Any]:
    names = ("jobs", "jobs_running", "last_job_state", "last_job_at")
    if jobs is None:
        return {name: getattr(before, name) for name in names} if before is not None else {}
    last = max(jobs, key=_submitted, default=None)
    of_last = (last.status.state, last.submitted_at) if last is not None else ("", None)
    return dict(zip(names, (len(jobs), sum(map(is_active, jobs)), *of_last), strict=True))


def _submitted(job: DataprocJob) -> tuple[bool, datetime | None]:
    # Pairs that begin alike are compared by their times, and only of True is there one.
    return (True, job.submitted_at) if job.submitted_at is not None else (False, None)


def _name(uri: str) -> str:
    """The last part of a URL; a bare name is that itself."""
    return uri.rstrip("/").rpartition("/")[2]
