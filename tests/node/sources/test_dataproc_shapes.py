"""Clusters of the API's own messages in the form of the contract, field by field."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from google.cloud.dataproc_v1 import types as api
from google.protobuf import timestamp_pb2

from etlmon.contract.dataproc_models import (
    Accelerator,
    ClusterMetrics,
    DataprocCluster,
    DiskConfig,
    EndpointConfig,
    GceClusterConfig,
    InitializationAction,
    InstanceGroupConfig,
    LifecycleConfig,
    ManagedGroupConfig,
    SoftwareConfig,
    Status,
    VirtualClusterConfig,
)
from node.sources.dataproc_fields import ShapeError
from node.sources.dataproc_shapes import cluster, new_state

AT = datetime(2026, 11, 21, 6, 0, 0, 250000, tzinfo=UTC)


def group(letter: str, count: int, preemptibility: str) -> dict[str, Any]:
    """An instance group of which every field holds something of its own."""
    return {
        "num_instances": count,
        "instance_names": [f"etl-{letter}-{index}" for index in range(count)],
        "image_uri": f"images/{letter}",
        "machine_type_uri": f"https://compute/zones/a/machineTypes/{letter}-standard-4",
        "disk_config": {
            "boot_disk_type": f"pd-{letter}",
            "boot_disk_size_gb": 100 + count,
            "num_local_ssds": count,
            "local_ssd_interface": f"nvme-{letter}",
            "boot_disk_provisioned_iops": 3000 + count,
            "boot_disk_provisioned_throughput": 200 + count,
        },
        "is_preemptible": True,
        "preemptibility": preemptibility,
        "managed_group_config": {
            "instance_template_name": f"template-{letter}",
            "instance_group_manager_name": f"manager-{letter}",
            "instance_group_manager_uri": f"managers/{letter}",
        },
        "accelerators": [{"accelerator_type_uri": f"nvidia-{letter}", "accelerator_count": count}],
        "min_cpu_platform": f"Platform {letter}",
        "min_num_instances": count,
    }


def expected_group(letter: str, count: int, preemptibility: str) -> InstanceGroupConfig:
    return InstanceGroupConfig(
        num_instances=count,
        instance_names=[f"etl-{letter}-{index}" for index in range(count)],
        image_uri=f"images/{letter}",
        machine_type_uri=f"https://compute/zones/a/machineTypes/{letter}-standard-4",
        disk_config=DiskConfig(
            boot_disk_type=f"pd-{letter}",
            boot_disk_size_gb=100 + count,
            num_local_ssds=count,
            local_ssd_interface=f"nvme-{letter}",
            boot_disk_provisioned_iops=3000 + count,
            boot_disk_provisioned_throughput=200 + count,
        ),
        is_preemptible=True,
        preemptibility=preemptibility,
        managed_group_config=ManagedGroupConfig(
            instance_template_name=f"template-{letter}",
            instance_group_manager_name=f"manager-{letter}",
            instance_group_manager_uri=f"managers/{letter}",
        ),
        accelerators=[Accelerator(accelerator_type_uri=f"nvidia-{letter}", accelerator_count=count)],
        min_cpu_platform=f"Platform {letter}",
        min_num_instances=count,
    )


def full() -> Any:
    """A cluster on Compute Engine with every field that the contract has."""
    config = {
        "config_bucket": "staging",
        "temp_bucket": "temp",
        "gce_cluster_config": {
            "zone_uri": "zones/asia-northeast3-a",
            "network_uri": "net",
            "subnetwork_uri": "subnet",
            "internal_ip_only": True,
            "private_ipv6_google_access": "BIDIRECTIONAL",
            "service_account": "etl@p1.iam.gserviceaccount.com",
            "service_account_scopes": ["cloud-platform"],
            "tags": ["etl", "prod"],
            "metadata": {"team": "data"},
            "shielded_instance_config": {"enable_secure_boot": True},
            "confidential_instance_config": {"enable_confidential_compute": True},
        },
        "master_config": group("m", 1, "NON_PREEMPTIBLE"),
        "worker_config": group("w", 4, "NON_PREEMPTIBLE"),
        "secondary_worker_config": group("sw", 2, "SPOT"),
        "software_config": {
            "image_version": "2.2.31-debian12",
            "properties": {"spark:spark.executor.cores": "4"},
            "optional_components": ["JUPYTER", "COMPONENT_UNSPECIFIED", "FLINK"],
        },
        "lifecycle_config": {
            "idle_delete_ttl": timedelta(hours=1, milliseconds=500),
            "auto_delete_ttl": timedelta(days=1),
            "idle_stop_ttl": timedelta(hours=2),
            "auto_stop_ttl": timedelta(days=2),
            "idle_start_time": AT - timedelta(minutes=5),
        },
        "endpoint_config": {"http_ports": {"YARN": "https://etl/yarn"}, "enable_http_port_access": True},
        "initialization_actions": [{"executable_file": "gs://init.sh", "execution_timeout": timedelta(minutes=10)}],
        "autoscaling_config": {"policy_uri": "projects/p1/regions/asia-northeast3/autoscalingPolicies/burst"},
        "encryption_config": {"gce_pd_kms_key_name": "projects/p1/keys/disk"},
        "metastore_config": {"dataproc_metastore_service": "projects/p1/services/hive"},
        "security_config": {"kerberos_config": {"enable_kerberos": True}},
    }
    message = api.Cluster(
        project_id="p1",
        cluster_name="etl",
        cluster_uuid="b5d2c5cc",
        config=config,
        labels={"team": "data", "env": "운영"},
        status={"state": "UPDATING", "substate": "STALE_STATUS", "detail": "2 more workers", "state_start_time": AT},
        status_history=[
            {"state": "CREATING", "state_start_time": AT - timedelta(hours=2)},
            {"state": "RUNNING", "state_start_time": AT - timedelta(hours=1), "substate": "UNHEALTHY"},
        ],
        metrics={"hdfs_metrics": {"dfs-capacity-used": 2**40}, "yarn_metrics": {"yarn-memory-mb-available": 4096}},
    )
    return api.Cluster.pb(message)


def told(message: Any) -> DataprocCluster:
    return cluster(message, project="p1", region="asia-northeast3")


def defaults(value: msgspec.Struct, path: str = "") -> Iterator[str]:
    """Where a struct holds what it holds without being told anything."""
    for field in msgspec.structs.fields(value):
        found = getattr(value, field.name)
        nothing = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        if found == nothing:
            yield f"{path}{field.name}"
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, msgspec.Struct):
                yield from defaults(one, f"{path}{field.name}.")


def test_every_field_of_the_contract_is_filled_from_a_cluster_that_has_it() -> None:
    left = set(defaults(told(full())))
    # One that was created, then ran, was not always in a substate with a detail.
    history = {"status_history.substate", "status_history.detail"}
    # A life ends at a time or after a time, and a cluster is of one kind.
    either = {"config.lifecycle_config.auto_delete_time", "config.lifecycle_config.auto_stop_time"}
    assert left - history == {"virtual_cluster_config", "jobs", *either}


def test_a_cluster_says_where_it_is_and_how_it_does() -> None:
    one = told(full())
    assert (one.project_id, one.cluster_name, one.cluster_uuid) == ("p1", "etl", "b5d2c5cc")
    assert one.location == "asia-northeast3"
    assert one.labels == {"team": "data", "env": "운영"}
    assert one.status == Status(state="UPDATING", substate="STALE_STATUS", detail="2 more workers", state_start_time=AT)
    assert one.status_history == [
        Status(state="CREATING", state_start_time=AT - timedelta(hours=2)),
        Status(state="RUNNING", substate="UNHEALTHY", state_start_time=AT - timedelta(hours=1)),
    ]
    assert one.metrics == ClusterMetrics(
        hdfs_metrics={"dfs-capacity-used": 2**40}, yarn_metrics={"yarn-memory-mb-available": 4096}
    )


def test_masters_workers_and_secondary_workers_are_told_apart() -> None:
    config = told(full()).config
    assert config is not None
    assert config.master_config == expected_group("m", 1, "NON_PREEMPTIBLE")
    assert config.worker_config == expected_group("w", 4, "NON_PREEMPTIBLE")
    assert config.secondary_worker_config == expected_group("sw", 2, "SPOT")


def test_the_configuration_is_told_field_by_field() -> None:
    config = told(full()).config
    assert config is not None
    assert (config.config_bucket, config.temp_bucket) == ("staging", "temp")
    assert config.gce_cluster_config == GceClusterConfig(
        zone_uri="zones/asia-northeast3-a",
        network_uri="net",
        subnetwork_uri="subnet",
        internal_ip_only=True,
        private_ipv6_google_access="BIDIRECTIONAL",
        service_account="etl@p1.iam.gserviceaccount.com",
        service_account_scopes=["cloud-platform"],
        tags=["etl", "prod"],
        metadata={"team": "data"},
        shielded_secure_boot=True,
        confidential_compute=True,
    )
    assert config.software_config == SoftwareConfig(
        image_version="2.2.31-debian12",
        properties={"spark:spark.executor.cores": "4"},
        optional_components=["JUPYTER", "FLINK"],
    )
    assert config.lifecycle_config == LifecycleConfig(
        idle_delete_ttl_sec=3600.5,
        auto_delete_ttl_sec=86400.0,
        idle_stop_ttl_sec=7200.0,
        auto_stop_ttl_sec=172800.0,
        idle_start_time=AT - timedelta(minutes=5),
    )
    assert config.endpoint_config == EndpointConfig(
        http_ports={"YARN": "https://etl/yarn"}, enable_http_port_access=True
    )
    assert config.initialization_actions == [
        InitializationAction(executable_file="gs://init.sh", execution_timeout_sec=600.0)
    ]
    assert config.autoscaling_policy_uri == "projects/p1/regions/asia-northeast3/autoscalingPolicies/burst"
    assert config.encryption_kms_key_name == "projects/p1/keys/disk"
    assert config.metastore_service == "projects/p1/services/hive"
    assert config.kerberos_enabled


def test_a_cluster_may_end_at_a_time() -> None:
    message = full()
    message.config.lifecycle_config.auto_delete_time.FromDatetime(AT)
    message.config.lifecycle_config.auto_stop_time.FromDatetime(AT + timedelta(days=1))
    config = told(message).config
    assert config is not None
    lifecycle = config.lifecycle_config
    assert (lifecycle.auto_delete_time, lifecycle.auto_delete_ttl_sec) == (AT, None)
    assert (lifecycle.auto_stop_time, lifecycle.auto_stop_ttl_sec) == (AT + timedelta(days=1), None)


def test_a_cluster_on_kubernetes_has_no_configuration_of_machines() -> None:
    message = api.Cluster(
        cluster_name="gke",
        cluster_uuid="c1",
        virtual_cluster_config={
            "staging_bucket": "staging",
            "kubernetes_cluster_config": {
                "kubernetes_namespace": "spark",
                "gke_cluster_config": {
                    "gke_cluster_target": "projects/p1/locations/r/clusters/k",
                    "node_pool_target": [{"node_pool": "pools/default"}, {"node_pool": "pools/workers"}],
                },
                "kubernetes_software_config": {
                    "component_version": {"SPARK": "3.5"},
                    "properties": {"spark:spark.kubernetes.container.image": "img"},
                },
            },
            "auxiliary_services_config": {
                "metastore_config": {"dataproc_metastore_service": "services/hive"},
                "spark_history_server_config": {"dataproc_cluster": "clusters/history"},
            },
        },
    )
    one = told(api.Cluster.pb(message))
    assert one.config is None
    assert one.virtual_cluster_config == VirtualClusterConfig(
        staging_bucket="staging",
        gke_cluster_target="projects/p1/locations/r/clusters/k",
        kubernetes_namespace="spark",
        component_version={"SPARK": "3.5"},
        properties={"spark:spark.kubernetes.container.image": "img"},
        node_pools=["pools/default", "pools/workers"],
        metastore_service="services/hive",
        spark_history_server="clusters/history",
    )
    assert one.project_id == "p1"


def test_a_cluster_of_which_next_to_nothing_is_known_is_told_all_the_same() -> None:
    one = told(api.Cluster.pb(api.Cluster(cluster_name="new", cluster_uuid="c2")))
    assert one == DataprocCluster(
        project_id="p1",
        cluster_name="new",
        cluster_uuid="c2",
        location="asia-northeast3",
        status=Status(state="UNKNOWN"),
    )


def test_values_newer_than_the_library_are_shown_as_the_numbers_that_came() -> None:
    message = full()
    message.status.state = 47
    message.config.worker_config.preemptibility = 99
    message.config.software_config.optional_components.append(1234)
    one = told(message)
    assert one.config is not None
    assert one.status.state == "47"
    assert one.config.worker_config.preemptibility == "99"
    assert one.config.software_config.optional_components == ["JUPYTER", "FLINK", "1234"]
    assert new_state(message) == "47"
    assert new_state(full()) is None


def test_what_is_not_specified_is_nothing() -> None:
    message = full()
    message.config.worker_config.preemptibility = 0
    message.config.gce_cluster_config.private_ipv6_google_access = 0
    message.status.substate = 0
    config = told(message).config
    assert config is not None
    assert config.worker_config.preemptibility == ""
    assert config.gce_cluster_config.private_ipv6_google_access == ""
    assert told(message).status.substate == ""


@pytest.mark.parametrize(("name", "uuid", "lacks"), [("", "c1", "name"), ("etl", "", "UUID")])
def test_a_cluster_that_cannot_be_told_from_others_is_refused(name: str, uuid: str, lacks: str) -> None:
    with pytest.raises(ShapeError, match=lacks):
        told(api.Cluster.pb(api.Cluster(cluster_name=name, cluster_uuid=uuid)))


def test_a_time_beyond_the_calendar_names_the_cluster_and_the_field() -> None:
    message = full()
    message.status.state_start_time.CopyFrom(timestamp_pb2.Timestamp(seconds=10**15))
    with pytest.raises(ShapeError, match=r'"etl".*state_start_time'):
        told(message)
