"""Jobs, workflow templates and autoscaling policies of the API as the models of the contract, field by field."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from etlmon.contract.dataproc_models import (
    DataprocJob,
    DataprocPolicy,
    DataprocTemplate,
    PolicyGroup,
    Status,
    TemplateJob,
    YarnApplication,
)
from node.sources.dataproc_fields import ShapeError, enum, moment, seconds

_CONSOLE = "https://console.cloud.google.com/dataproc/jobs"
_OVER = ("DONE", "ERROR", "CANCELLED")


def job(message: Any, *, project: str, region: str) -> DataprocJob:
    """A job that was listed in a project's region. Raises ShapeError when it cannot be told."""
    job_id = message.reference.job_id
    if not job_id:
        raise ShapeError("a job comes without its id")
    try:
        return _job(message, job_id, project, region)
    except ShapeError as error:
        raise ShapeError(f'the job "{job_id}" cannot be told: {error}') from error


def submitted_at(message: Any) -> datetime | None:
    """When a job got its first status. Raises ShapeError."""
    times = [moment(one, "state_start_time") for one in (*message.status_history, message.status)]
    return min((time for time in times if time is not None), default=None)


def _job(message: Any, job_id: str, project: str, region: str) -> DataprocJob:
    status = _status(message.status)
    is_over = message.done or status.state in _OVER
    project_id = message.reference.project_id or project
    return DataprocJob(
        job_id=job_id,
        job_uuid=message.job_uuid,
        project_id=project_id,
        region=region,
        cluster_name=message.placement.cluster_name,
        cluster_uuid=message.placement.cluster_uuid,
        type=_kind(message, "type_job"),
        status=status,
        status_history=[_status(one) for one in message.status_history],
        submitted_at=submitted_at(message),
        ended_at=status.state_start_time if is_over else None,
        driver_output_uri=message.driver_output_resource_uri,
        driver_control_files_uri=message.driver_control_files_uri,
        yarn_applications=[
            YarnApplication(
                name=one.name, state=enum(one, "state"), progress=one.progress, tracking_url=one.tracking_url
            )
            for one in message.yarn_applications
        ],
        labels=dict(message.labels),
        done=is_over,
        max_failures_per_hour=message.scheduling.max_failures_per_hour,
        console_url=f"{_CONSOLE}/{quote(job_id, safe='')}?{urlencode({'region': region, 'project': project_id})}",
    )


def template(message: Any, *, project: str, region: str) -> DataprocTemplate:
    """A workflow template of a project's region. Raises ShapeError when it cannot be told."""
    return DataprocTemplate(
        id=_id(message, "workflow template"),
        name=message.name,
        project_id=project,
        region=region,
        version=message.version,
        create_time=moment(message, "create_time"),
        update_time=moment(message, "update_time"),
        labels=dict(message.labels),
        placement=_placement(message.placement),
        jobs=[
            TemplateJob(
                step_id=one.step_id,
                type=_kind(one, "job_type"),
                prerequisite_step_ids=list(one.prerequisite_step_ids),
                labels=dict(one.labels),
            )
            for one in message.jobs
        ],
        parameters=[parameter.name for parameter in message.parameters],
        dag_timeout_sec=seconds(message, "dag_timeout"),
    )


def policy(message: Any, *, project: str, region: str, clusters: Iterable[Any]) -> DataprocPolicy:
    """An autoscaling policy of a project's region, used by some of the clusters there. Raises ShapeError."""
    policy_id = _id(message, "autoscaling policy")
    yarn = message.basic_algorithm.yarn_config
    return DataprocPolicy(
        id=policy_id,
        name=message.name,
        project_id=project,
        region=region,
        labels=dict(getattr(message, "labels", {})),
        worker_config=_bounds(message.worker_config),
        secondary_worker_config=_bounds(message.secondary_worker_config),
        cooldown_sec=seconds(message.basic_algorithm, "cooldown_period"),
        graceful_decommission_timeout_sec=seconds(yarn, "graceful_decommission_timeout"),
        scale_up_factor=yarn.scale_up_factor,
        scale_down_factor=yarn.scale_down_factor,
        scale_up_min_worker_fraction=yarn.scale_up_min_worker_fraction,
        scale_down_min_worker_fraction=yarn.scale_down_min_worker_fraction,
        # The URI of a policy is written in several forms, all with its id at the end; it is of the cluster's region.
        used_by=sorted(
            cluster.cluster_name
            for cluster in clusters
            if cluster.config.autoscaling_config.policy_uri.rpartition("/")[2] == policy_id
        ),
    )


def _id(message: Any, kind: str) -> str:
    """Its id, which is also the end of its name."""
    if found := str(message.id or message.name.rpartition("/")[2]):
        return found
    raise ShapeError(f"a {kind} comes without its id")


def _bounds(message: Any) -> PolicyGroup:
    return PolicyGroup(min_instances=message.min_instances, max_instances=message.max_instances, weight=message.weight)


def _placement(message: Any) -> str:
    where = message.WhichOneof("placement")
    if where == "managed_cluster":
        return f"managed {message.managed_cluster.cluster_name}"
    if where == "cluster_selector":
        labels = message.cluster_selector.cluster_labels
        return f"selector {', '.join(f'{key}={labels[key]}' for key in sorted(labels))}"
    return ""


def _kind(message: Any, oneof: str) -> str:
    """pyspark of pyspark_job; empty for a kind that is newer than the library."""
    return str(message.WhichOneof(oneof) or "").removesuffix("_job")


def _status(message: Any) -> Status:
    return Status(
        state=enum(message, "state"),
        substate=enum(message, "substate"),
        detail=message.details,
        state_start_time=moment(message, "state_start_time"),
    )
