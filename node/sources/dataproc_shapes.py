"""A Dataproc cluster of the API as the model of the contract, field by field."""

from collections.abc import Sequence
from typing import Any

from etlmon.contract.dataproc_models import (
    Accelerator,
    ClusterConfig,
    ClusterMetrics,
    DataprocCluster,
    DataprocJob,
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
from node.sources.dataproc_fields import ShapeError, enum, enums, has, is_new, moment, number, seconds


def cluster(message: Any, *, project: str, region: str, jobs: Sequence[DataprocJob] = ()) -> DataprocCluster:
    """A cluster that was listed in a project's region. Raises ShapeError when it cannot be told."""
    name = message.cluster_name
    if not name or not message.cluster_uuid:
        raise ShapeError(f'the cluster "{name}" comes without its {"UUID" if name else "name"}')
    try:
        return DataprocCluster(
            project_id=message.project_id or project,
            cluster_name=name,
            cluster_uuid=message.cluster_uuid,
            location=region,
            config=_config(message.config) if has(message, "config") else None,
            virtual_cluster_config=(
                _virtual(message.virtual_cluster_config) if has(message, "virtual_cluster_config") else None
            ),
            labels=dict(message.labels),
            status=_status(message.status),
            status_history=[_status(one) for one in message.status_history],
            metrics=ClusterMetrics(
                hdfs_metrics=dict(message.metrics.hdfs_metrics), yarn_metrics=dict(message.metrics.yarn_metrics)
            ),
            jobs=list(jobs),
        )
    except ShapeError as error:
        raise ShapeError(f'the cluster "{name}" cannot be told: {error}') from error


def new_state(message: Any) -> str | None:
    """The number of a cluster's state that is newer than the installed library, if it is one."""
    return enum(message.status, "state") if is_new(message.status, "state") else None


def _status(message: Any) -> Status:
    return Status(
        state=enum(message, "state"),
        substate=enum(message, "substate"),
        detail=message.detail,
        state_start_time=moment(message, "state_start_time"),
    )


def _config(message: Any) -> ClusterConfig:
    return ClusterConfig(
        config_bucket=message.config_bucket,
        temp_bucket=message.temp_bucket,
        gce_cluster_config=_gce(message.gce_cluster_config),
        master_config=_group(message.master_config),
        worker_config=_group(message.worker_config),
        secondary_worker_config=_group(message.secondary_worker_config),
        software_config=SoftwareConfig(
            image_version=message.software_config.image_version,
            properties=dict(message.software_config.properties),
            optional_components=enums(message.software_config, "optional_components"),
        ),
        lifecycle_config=_lifecycle(message.lifecycle_config),
        endpoint_config=EndpointConfig(
            http_ports=dict(message.endpoint_config.http_ports),
            enable_http_port_access=message.endpoint_config.enable_http_port_access,
        ),
        initialization_actions=[
            InitializationAction(
                executable_file=action.executable_file, execution_timeout_sec=seconds(action, "execution_timeout")
            )
            for action in message.initialization_actions
        ],
        autoscaling_policy_uri=message.autoscaling_config.policy_uri,
        encryption_kms_key_name=message.encryption_config.gce_pd_kms_key_name,
        metastore_service=message.metastore_config.dataproc_metastore_service,
        kerberos_enabled=message.security_config.kerberos_config.enable_kerberos,
    )


def _group(message: Any) -> InstanceGroupConfig:
    managed = message.managed_group_config
    return InstanceGroupConfig(
        num_instances=message.num_instances,
        instance_names=list(message.instance_names),
        image_uri=message.image_uri,
        machine_type_uri=message.machine_type_uri,
        disk_config=_disk(message.disk_config),
        is_preemptible=message.is_preemptible,
        preemptibility=enum(message, "preemptibility"),
        managed_group_config=ManagedGroupConfig(
            instance_template_name=managed.instance_template_name,
            instance_group_manager_name=managed.instance_group_manager_name,
            instance_group_manager_uri=getattr(managed, "instance_group_manager_uri", ""),
        ),
        accelerators=[
            Accelerator(accelerator_type_uri=one.accelerator_type_uri, accelerator_count=one.accelerator_count)
            for one in message.accelerators
        ],
        min_cpu_platform=message.min_cpu_platform,
        min_num_instances=number(message, "min_num_instances"),
    )


def _disk(message: Any) -> DiskConfig:
    return DiskConfig(
        boot_disk_type=message.boot_disk_type,
        boot_disk_size_gb=message.boot_disk_size_gb,
        num_local_ssds=message.num_local_ssds,
        local_ssd_interface=message.local_ssd_interface,
        boot_disk_provisioned_iops=number(message, "boot_disk_provisioned_iops"),
        boot_disk_provisioned_throughput=number(message, "boot_disk_provisioned_throughput"),
    )


def _gce(message: Any) -> GceClusterConfig:
    return GceClusterConfig(
        zone_uri=message.zone_uri,
        network_uri=message.network_uri,
        subnetwork_uri=message.subnetwork_uri,
        internal_ip_only=message.internal_ip_only,
        private_ipv6_google_access=enum(message, "private_ipv6_google_access"),
        service_account=message.service_account,
        service_account_scopes=list(message.service_account_scopes),
        tags=list(message.tags),
        metadata=dict(message.metadata),
        shielded_secure_boot=message.shielded_instance_config.enable_secure_boot,
        confidential_compute=message.confidential_instance_config.enable_confidential_compute,
    )


def _lifecycle(message: Any) -> LifecycleConfig:
    return LifecycleConfig(
        idle_delete_ttl_sec=seconds(message, "idle_delete_ttl"),
        auto_delete_time=moment(message, "auto_delete_time"),
        auto_delete_ttl_sec=seconds(message, "auto_delete_ttl"),
        idle_stop_ttl_sec=seconds(message, "idle_stop_ttl"),
        auto_stop_time=moment(message, "auto_stop_time"),
        auto_stop_ttl_sec=seconds(message, "auto_stop_ttl"),
        idle_start_time=moment(message, "idle_start_time"),
    )


def _virtual(message: Any) -> VirtualClusterConfig:
    kubernetes = message.kubernetes_cluster_config
    services = message.auxiliary_services_config
    return VirtualClusterConfig(
        staging_bucket=message.staging_bucket,
        gke_cluster_target=kubernetes.gke_cluster_config.gke_cluster_target,
        kubernetes_namespace=kubernetes.kubernetes_namespace,
        component_version=dict(kubernetes.kubernetes_software_config.component_version),
        properties=dict(kubernetes.kubernetes_software_config.properties),
        node_pools=[pool.node_pool for pool in kubernetes.gke_cluster_config.node_pool_target],
        metastore_service=services.metastore_config.dataproc_metastore_service,
        spark_history_server=services.spark_history_server_config.dataproc_cluster,
    )
