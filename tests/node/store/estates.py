"""Dataproc rows, clusters, jobs and runs for tests."""

from typing import Any

from etlmon.contract.dataproc_models import (
    ClusterConfig,
    DataprocCluster,
    DataprocJob,
    DataprocPolicy,
    DataprocTemplate,
    InstanceGroupConfig,
    LifecycleConfig,
    Status,
    TemplateJob,
)
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun, RegionResult
from node.store.dataproc import DataprocLook, Place
from tests.node.store.opened import START, after

SEOUL: Place = ("p1", "asia-northeast3")


def row(key: str = "u1", **fields: Any) -> DataprocRow:
    given: dict[str, Any] = {
        "account": "data",
        "project_id": "p1",
        "region": "asia-northeast3",
        "cluster_name": f"etl-{key}",
        "state": "RUNNING",
        "first_seen_at": START,
        "collected_at": START,
        "console_url": f"https://console.cloud.google.com/dataproc/clusters/{key}",
        **fields,
    }
    return DataprocRow(id=key, **given)


def cluster(key: str = "u1", **fields: Any) -> DataprocCluster:
    given: dict[str, Any] = {
        "project_id": "p1",
        "cluster_name": f"etl-{key}",
        "location": "asia-northeast3",
        "status": Status(state="RUNNING", state_start_time=START),
        "config": ClusterConfig(
            config_bucket="staging",
            master_config=InstanceGroupConfig(num_instances=1, machine_type_uri="n2-standard-4"),
            lifecycle_config=LifecycleConfig(idle_delete_ttl_sec=1800.0),
        ),
        "labels": {"team": "데이터"},
        **fields,
    }
    return DataprocCluster(cluster_uuid=key, **given)


def job(job_id: str = "j1", seconds: float | None = 0, **fields: Any) -> DataprocJob:
    given: dict[str, Any] = {
        "project_id": "p1",
        "region": "asia-northeast3",
        "status": Status(state="DONE"),
        "submitted_at": None if seconds is None else after(seconds),
        **fields,
    }
    return DataprocJob(job_id=job_id, **given)


def template(key: str = "nightly", place: Place = SEOUL, **fields: Any) -> DataprocTemplate:
    project, region = place
    name = f"projects/{project}/regions/{region}/workflowTemplates/{key}"
    given: dict[str, Any] = {"jobs": [TemplateJob(step_id="load", type="pyspark")], **fields}
    return DataprocTemplate(id=key, name=name, project_id=project, region=region, **given)


def policy(key: str = "burst", place: Place = SEOUL, **fields: Any) -> DataprocPolicy:
    project, region = place
    name = f"projects/{project}/regions/{region}/autoscalingPolicies/{key}"
    return DataprocPolicy(id=key, name=name, project_id=project, region=region, **fields)


def run(seconds: float = 0, **fields: Any) -> DataprocRun:
    given: dict[str, Any] = {"account": "data", "result": "complete", "ended_at": after(seconds + 5), **fields}
    return DataprocRun(started_at=after(seconds), **given)


def region(name: str = "asia-northeast3", **fields: Any) -> RegionResult:
    given: dict[str, Any] = {"project_id": "p1", "state": "ok", **fields}
    return RegionResult(region=name, **given)


def look(*keys: str, **fields: Any) -> DataprocLook:
    """A look that saw these clusters."""
    given: dict[str, Any] = {
        "account": "data",
        "rows": [row(key) for key in keys],
        "clusters": {key: cluster(key) for key in keys},
        **fields,
    }
    return DataprocLook(**given)
