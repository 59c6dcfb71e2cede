"""Jobs, workflow templates and autoscaling policies of the API's own messages in the form of the contract."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.dataproc_v1 import types as api
from google.protobuf import timestamp_pb2

from etlmon.contract.dataproc_models import (
    DataprocJob,
    DataprocPolicy,
    DataprocTemplate,
    PolicyGroup,
    Status,
    TemplateJob,
    YarnApplication,
)
from node.sources.dataproc_fields import ShapeError
from node.sources.dataproc_latest import LatestJobs
from node.sources.dataproc_work_shapes import job, policy, template

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def full_job() -> Any:
    message = api.Job(
        reference={"project_id": "p1", "job_id": "load/1 a"},
        placement={"cluster_name": "etl", "cluster_uuid": "c1"},
        pyspark_job={"main_python_file_uri": "gs://load.py"},
        status={"state": "ERROR", "substate": "STALE_STATUS", "details": "exit 1", "state_start_time": AT + 2 * MINUTE},
        status_history=[
            {"state": "RUNNING", "state_start_time": AT + MINUTE, "substate": "QUEUED"},
            {"state": "PENDING", "state_start_time": AT},
        ],
        yarn_applications=[{"name": "load", "state": "RUNNING", "progress": 0.5, "tracking_url": "http://yarn/1"}],
        driver_output_resource_uri="gs://out",
        driver_control_files_uri="gs://control",
        labels={"team": "data"},
        scheduling={"max_failures_per_hour": 3},
        job_uuid="j1",
        done=True,
    )
    return api.Job.pb(message)


def told(message: Any) -> DataprocJob:
    return job(message, project="p1", region="us-central1")


def test_a_job_is_told_field_by_field() -> None:
    assert told(full_job()) == DataprocJob(
        job_id="load/1 a",
        job_uuid="j1",
        project_id="p1",
        region="us-central1",
        cluster_name="etl",
        cluster_uuid="c1",
        type="pyspark",
        status=Status(state="ERROR", substate="STALE_STATUS", detail="exit 1", state_start_time=AT + 2 * MINUTE),
        status_history=[
            Status(state="RUNNING", substate="QUEUED", state_start_time=AT + MINUTE),
            Status(state="PENDING", state_start_time=AT),
        ],
        submitted_at=AT,
        ended_at=AT + 2 * MINUTE,
        driver_output_uri="gs://out",
        driver_control_files_uri="gs://control",
        yarn_applications=[YarnApplication(name="load", state="RUNNING", progress=0.5, tracking_url="http://yarn/1")],
        labels={"team": "data"},
        done=True,
        max_failures_per_hour=3,
        console_url="https://console.cloud.google.com/dataproc/jobs/load%2F1%20a?region=us-central1&project=p1",
    )


@pytest.mark.parametrize(
    "kind", ["hadoop", "spark", "pyspark", "hive", "pig", "spark_r", "spark_sql", "presto", "trino", "flink"]
)
def test_a_job_says_what_kind_it_is(kind: str) -> None:
    message = api.Job.pb(api.Job(reference={"job_id": "a"}))
    getattr(message, f"{kind}_job").SetInParent()
    assert told(message).type == kind


def test_a_job_of_a_new_kind_in_a_new_state_is_told_as_far_as_possible() -> None:
    message = api.Job.pb(api.Job(reference={"job_id": "a"}))
    message.status.state = 77
    one = told(message)
    assert (one.type, one.status.state, one.done, one.ended_at) == ("", "77", False, None)
    assert (one.submitted_at, one.project_id) == (None, "p1")


@pytest.mark.parametrize(
    ("state", "is_over"), [("PENDING", False), ("RUNNING", False), ("CANCEL_PENDING", False), ("CANCELLED", True)]
)
def test_only_a_job_that_is_over_has_an_end(state: str, is_over: bool) -> None:
    message = api.Job(reference={"job_id": "a"}, status={"state": state, "state_start_time": AT})
    one = told(api.Job.pb(message))
    assert one.done == is_over
    assert one.ended_at == (AT if is_over else None)


def submitted(job_id: str, minute: int, *, name: str = "etl", uuid: str = "c1") -> Any:
    """A job whose latest status says nothing of its age: the younger a job, the longer it took."""
    message = api.Job(
        reference={"job_id": job_id},
        placement={"cluster_name": name, "cluster_uuid": uuid},
        status_history=[{"state": "PENDING", "state_start_time": AT + minute * MINUTE}],
        status={"state": "DONE", "state_start_time": AT + timedelta(days=1) - minute * MINUTE},
    )
    return api.Job.pb(message)


def etl() -> Any:
    return api.Cluster.pb(api.Cluster(cluster_name="etl", cluster_uuid="c1"))


def test_the_latest_jobs_are_those_submitted_last_whatever_the_order_of_the_list() -> None:
    jobs = [submitted(f"job-{minute:03d}", minute) for minute in range(200)]
    random.Random(5).shuffle(jobs)
    latest = LatestJobs([etl()], 10)
    for one in jobs:
        latest.add(one)
    assert [one.reference.job_id for one in latest.of("c1")] == [f"job-{minute:03d}" for minute in range(199, 189, -1)]


def test_jobs_of_one_moment_stay_in_the_order_of_their_ids() -> None:
    latest = LatestJobs([etl()], 10)
    for job_id in ("b", "c", "a"):
        latest.add(submitted(job_id, 3))
    assert [one.reference.job_id for one in latest.of("c1")] == ["a", "b", "c"]


def test_a_job_belongs_to_the_cluster_with_its_uuid_and_without_one_to_that_with_its_name() -> None:
    latest = LatestJobs([etl()], 10)
    latest.add(submitted("of-a-former-etl", 9, uuid="c0"))
    latest.add(submitted("of-another", 8, name="other", uuid=""))
    latest.add(submitted("by-name", 2, uuid=""))
    latest.add(submitted("by-uuid", 1))
    assert [one.reference.job_id for one in latest.of("c1")] == ["by-name", "by-uuid"]
    assert latest.of("c0") == []


def test_a_job_whose_time_cannot_be_told_is_the_last_and_refused_when_it_is_told() -> None:
    broken = submitted("broken", 5)
    broken.status_history[0].state_start_time.CopyFrom(timestamp_pb2.Timestamp(seconds=10**15))
    latest = LatestJobs([etl()], 10)
    latest.add(broken)
    latest.add(submitted("good", 1))
    assert [one.reference.job_id for one in latest.of("c1")] == ["good", "broken"]
    with pytest.raises(ShapeError, match='job "broken"'):
        told(broken)


def test_a_job_without_an_id_is_refused() -> None:
    with pytest.raises(ShapeError, match="id"):
        told(api.Job.pb(api.Job()))


def full_template() -> api.WorkflowTemplate:
    return api.WorkflowTemplate(
        id="nightly",
        name="projects/p1/regions/us-central1/workflowTemplates/nightly",
        version=3,
        create_time=AT,
        update_time=AT + MINUTE,
        labels={"team": "data"},
        placement={"managed_cluster": {"cluster_name": "nightly-cluster"}},
        jobs=[
            {"step_id": "load", "pyspark_job": {"main_python_file_uri": "gs://load.py"}, "labels": {"a": "b"}},
            {"step_id": "sum", "hive_job": {"query_file_uri": "gs://sum.q"}, "prerequisite_step_ids": ["load"]},
        ],
        parameters=[{"name": "DAY", "fields": ["jobs['load'].pysparkJob.args[0]"]}],
        dag_timeout=timedelta(hours=3),
    )


def test_a_template_is_told_field_by_field() -> None:
    assert template(api.WorkflowTemplate.pb(full_template()), project="p1", region="us-central1") == DataprocTemplate(
        id="nightly",
        name="projects/p1/regions/us-central1/workflowTemplates/nightly",
        project_id="p1",
        region="us-central1",
        version=3,
        create_time=AT,
        update_time=AT + MINUTE,
        labels={"team": "data"},
        placement="managed nightly-cluster",
        jobs=[
            TemplateJob(step_id="load", type="pyspark", labels={"a": "b"}),
            TemplateJob(step_id="sum", type="hive", prerequisite_step_ids=["load"]),
        ],
        parameters=["DAY"],
        dag_timeout_sec=10800.0,
    )


def test_a_template_may_look_for_a_cluster_by_its_labels() -> None:
    message = api.WorkflowTemplate.pb(full_template())
    message.placement.cluster_selector.cluster_labels.update({"env": "prod", "a": "1"})
    told_one = template(message, project="p1", region="us-central1")
    assert told_one.placement == "selector a=1, env=prod"


def test_a_template_is_known_by_the_end_of_its_name_or_refused() -> None:
    message = full_template()
    message.id = ""
    assert template(api.WorkflowTemplate.pb(message), project="p1", region="r").id == "nightly"
    message.name = ""
    with pytest.raises(ShapeError, match="workflow template"):
        template(api.WorkflowTemplate.pb(message), project="p1", region="r")


def full_policy() -> Any:
    message = api.AutoscalingPolicy(
        id="burst",
        name="projects/p1/regions/us-central1/autoscalingPolicies/burst",
        basic_algorithm={
            "cooldown_period": timedelta(minutes=4),
            "yarn_config": {
                "graceful_decommission_timeout": timedelta(hours=1),
                "scale_up_factor": 0.05,
                "scale_down_factor": 1.0,
                "scale_up_min_worker_fraction": 0.25,
                "scale_down_min_worker_fraction": 0.75,
            },
        },
        worker_config={"min_instances": 2, "max_instances": 10, "weight": 1},
        secondary_worker_config={"min_instances": 0, "max_instances": 50, "weight": 3},
        labels={"team": "data"},
    )
    return api.AutoscalingPolicy.pb(message)


def following(name: str, uri: str) -> Any:
    return api.Cluster.pb(api.Cluster(cluster_name=name, config={"autoscaling_config": {"policy_uri": uri}}))


def test_a_policy_is_told_field_by_field_with_the_clusters_that_follow_it() -> None:
    clusters = [
        following("c", "projects/p1/regions/us-central1/autoscalingPolicies/burst"),
        following(
            "b", "https://www.googleapis.com/compute/v1/projects/p1/locations/us-central1/autoscalingPolicies/burst"
        ),
        following("a", "burst"),
        following("none", ""),
        following("other", "projects/p1/regions/us-central1/autoscalingPolicies/sunburst"),
        api.Cluster.pb(api.Cluster(cluster_name="gke", virtual_cluster_config={"staging_bucket": "s"})),
    ]
    assert policy(full_policy(), project="p1", region="us-central1", clusters=clusters) == DataprocPolicy(
        id="burst",
        name="projects/p1/regions/us-central1/autoscalingPolicies/burst",
        project_id="p1",
        region="us-central1",
        labels={"team": "data"},
        worker_config=PolicyGroup(min_instances=2, max_instances=10, weight=1),
        secondary_worker_config=PolicyGroup(min_instances=0, max_instances=50, weight=3),
        cooldown_sec=240.0,
        graceful_decommission_timeout_sec=3600.0,
        scale_up_factor=0.05,
        scale_down_factor=1.0,
        scale_up_min_worker_fraction=0.25,
        scale_down_min_worker_fraction=0.75,
        used_by=["a", "b", "c"],
    )
