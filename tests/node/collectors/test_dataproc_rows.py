"""A cluster in one line: each field from where Google says it, whatever kind of cluster it is."""

from typing import Any

from etlmon.contract.dataproc_models import (
    ClusterConfig,
    DataprocCluster,
    GceClusterConfig,
    InstanceGroupConfig,
    LifecycleConfig,
    SoftwareConfig,
    Status,
    VirtualClusterConfig,
)
from etlmon.contract.dataproc_rows import DataprocRow
from etlmon.units import Duration
from node.collectors.dataproc_attention import Limits
from node.collectors.dataproc_rows import LONGEST_DETAIL, id_of, row_of
from tests.node.store.estates import cluster, job, row
from tests.node.store.opened import START, after

LIMITS = Limits(Duration(3600), Duration(1800))
URL = "https://www.googleapis.com/compute/v1/projects/p1/zones/asia-northeast3-a"


def made(one: DataprocCluster, jobs: Any = (), before: DataprocRow | None = None, seconds: float = 60) -> DataprocRow:
    return row_of(one, jobs, before, account="data", at=after(seconds), limits=LIMITS)


def test_every_field_of_a_cluster_on_compute_engine_is_in_its_place() -> None:
    config = ClusterConfig(
        config_bucket="staging",
        gce_cluster_config=GceClusterConfig(zone_uri=URL),
        master_config=InstanceGroupConfig(num_instances=3, machine_type_uri=f"{URL}/machineTypes/n2-standard-4"),
        worker_config=InstanceGroupConfig(num_instances=4, machine_type_uri="n2-standard-8"),
        secondary_worker_config=InstanceGroupConfig(num_instances=2, preemptibility="SPOT", is_preemptible=True),
        software_config=SoftwareConfig(image_version="2.2.31-debian12"),
        lifecycle_config=LifecycleConfig(idle_delete_ttl_sec=1800.0),
        autoscaling_policy_uri="projects/p1/regions/asia-northeast3/autoscalingPolicies/burst",
    )
    status = Status(state="RUNNING", substate="UNHEALTHY", detail="a\nb", state_start_time=START)
    one = cluster("u1", config=config, status=status)
    assert made(one, [job("j1", 10), job("j2", 20, status=Status(state="RUNNING"))]) == DataprocRow(
        id="u1",
        account="data",
        project_id="p1",
        region="asia-northeast3",
        zone="asia-northeast3-a",
        cluster_name="etl-u1",
        state="RUNNING",
        substate="UNHEALTHY",
        state_since=START,
        detail="a\nb",
        image_version="2.2.31-debian12",
        masters=3,
        master_type="n2-standard-4",
        workers=4,
        worker_type="n2-standard-8",
        secondary_workers=2,
        preemptibility="SPOT",
        staging_bucket="staging",
        labels={"team": "데이터"},
        policy="burst",
        jobs=2,
        jobs_running=1,
        last_job_state="RUNNING",
        last_job_at=after(20),
        has_ttl=True,
        attention="error",
        attention_reason="Dataproc calls it unhealthy: daemons do not run, or its HDFS is full",
        first_seen_at=after(60),
        collected_at=after(60),
        console_url="https://console.cloud.google.com/dataproc/clusters/etl-u1?region=asia-northeast3&project=p1",
    )


def test_a_cluster_on_kubernetes_has_what_there_is_of_it() -> None:
    virtual = VirtualClusterConfig(staging_bucket="staging-gke", component_version={"SPARK": "3.5-dataproc-21"})
    found = made(cluster("g", config=None, virtual_cluster_config=virtual))
    assert (found.kind, found.staging_bucket, found.image_version) == ("gke", "staging-gke", "3.5-dataproc-21")
    assert (found.masters, found.workers, found.zone, found.idle_since) == (0, 0, "", None)


def test_a_cluster_without_any_configuration_is_one_all_the_same() -> None:
    found = made(cluster("bare", config=None, status=Status()))
    assert (found.state, found.state_since, found.kind, found.attention) == ("UNKNOWN", None, "gce", None)


def test_secondary_workers_from_before_there_was_a_choice_say_whether_they_are_preemptible() -> None:
    def preemptibility(**fields: Any) -> str:
        return made(cluster(config=ClusterConfig(secondary_worker_config=InstanceGroupConfig(**fields)))).preemptibility

    assert preemptibility(num_instances=2, is_preemptible=True) == "PREEMPTIBLE"
    assert preemptibility(num_instances=2) == "NON_PREEMPTIBLE"
    assert preemptibility(preemptibility="SPOT") == ""


def test_when_jobs_cannot_be_read_what_was_known_of_them_stays() -> None:
    before = row("u1", jobs=7, jobs_running=2, last_job_state="RUNNING", last_job_at=after(-5), first_seen_at=after(-9))
    found = made(cluster("u1"), None, before)
    assert (found.jobs, found.jobs_running, found.last_job_state, found.last_job_at) == (7, 2, "RUNNING", after(-5))
    assert found.first_seen_at == after(-9)
    assert made(cluster("u1"), None).jobs == 0


def test_the_last_job_is_the_one_submitted_last_wherever_it_stands_in_the_list() -> None:
    jobs = [job("a", None), job("b", 20, status=Status(state="ERROR")), job("c", 10)]
    assert made(cluster(), jobs).last_job_state == "ERROR"
    assert made(cluster(), [job("a", None), job("b", None)]).last_job_at is None


def test_names_in_an_address_of_the_console_cannot_change_it() -> None:
    found = made(cluster("u", cluster_name="a/b?c", project_id="example.com:p&1"))
    assert found.console_url == (
        "https://console.cloud.google.com/dataproc/clusters/a%2Fb%3Fc?region=asia-northeast3&project=example.com%3Ap%261"
    )


def test_a_cluster_without_a_uuid_goes_by_its_name() -> None:
    assert id_of(cluster("", cluster_name="etl")) == "p1:asia-northeast3:etl"


def test_a_long_detail_is_cut_in_the_line() -> None:
    assert len(made(cluster(status=Status(state="ERROR", detail="x" * 9999))).detail) == LONGEST_DETAIL
