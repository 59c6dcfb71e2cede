"""dataproc: a Google Cloud Dataproc cluster, job, workflow template and autoscaling policy, field by field.

The names are those of the API in snake_case (cloud.google.com/dataproc/docs/reference/rest/v1); durations are seconds,
sizes and counts numbers. States and other enumerations stay text: a value that is newer than this program is shown as
it came.
"""

from datetime import datetime

import msgspec


class _Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields are left out of the answer as long as they hold nothing."""


class DiskConfig(_Model, frozen=True, kw_only=True):
    boot_disk_type: str = ""
    boot_disk_size_gb: int = 0
    num_local_ssds: int = 0
    local_ssd_interface: str = ""
    boot_disk_provisioned_iops: int = 0
    boot_disk_provisioned_throughput: int = 0


class Accelerator(_Model, frozen=True, kw_only=True):
    accelerator_type_uri: str = ""
    accelerator_count: int = 0


class ManagedGroupConfig(_Model, frozen=True, kw_only=True):
    instance_template_name: str = ""
    instance_group_manager_name: str = ""
    instance_group_manager_uri: str = ""


class InstanceGroupConfig(_Model, frozen=True, kw_only=True):
    """The masters, the workers, or the secondary workers."""

    num_instances: int = 0
    instance_names: list[str] = []
    image_uri: str = ""
    machine_type_uri: str = ""
    """As it came: a name, or the end of a URL."""
    disk_config: DiskConfig = DiskConfig()
    is_preemptible: bool = False
    preemptibility: str = ""
    managed_group_config: ManagedGroupConfig = ManagedGroupConfig()
    accelerators: list[Accelerator] = []
    min_cpu_platform: str = ""
    min_num_instances: int = 0


class SoftwareConfig(_Model, frozen=True, kw_only=True):
    image_version: str = ""
    properties: dict[str, str] = {}
    optional_components: list[str] = []


class GceClusterConfig(_Model, frozen=True, kw_only=True):
    zone_uri: str = ""
    network_uri: str = ""
    subnetwork_uri: str = ""
    internal_ip_only: bool = False
    private_ipv6_google_access: str = ""
    service_account: str = ""
    service_account_scopes: list[str] = []
    tags: list[str] = []
    metadata: dict[str, str] = {}
    shielded_secure_boot: bool = False
    confidential_compute: bool = False


class LifecycleConfig(_Model, frozen=True, kw_only=True):
    """When the cluster is deleted by itself; without both times to live it runs, and costs, until somebody does it."""

    idle_delete_ttl_sec: float | None = None
    auto_delete_time: datetime | None = None
    auto_delete_ttl_sec: float | None = None
    idle_stop_ttl_sec: float | None = None
    """A cluster that is stopped keeps its disks and costs little."""
    auto_stop_time: datetime | None = None
    auto_stop_ttl_sec: float | None = None
    idle_start_time: datetime | None = None


class EndpointConfig(_Model, frozen=True, kw_only=True):
    http_ports: dict[str, str] = {}
    enable_http_port_access: bool = False


class InitializationAction(_Model, frozen=True, kw_only=True):
    executable_file: str = ""
    execution_timeout_sec: float | None = None


class ClusterConfig(_Model, frozen=True, kw_only=True):
    """Of a cluster on Compute Engine."""

    config_bucket: str = ""
    """The staging bucket."""
    temp_bucket: str = ""
    gce_cluster_config: GceClusterConfig = GceClusterConfig()
    master_config: InstanceGroupConfig = InstanceGroupConfig()
    worker_config: InstanceGroupConfig = InstanceGroupConfig()
    secondary_worker_config: InstanceGroupConfig = InstanceGroupConfig()
    software_config: SoftwareConfig = SoftwareConfig()
    lifecycle_config: LifecycleConfig = LifecycleConfig()
    endpoint_config: EndpointConfig = EndpointConfig()
    initialization_actions: list[InitializationAction] = []
    autoscaling_policy_uri: str = ""
    encryption_kms_key_name: str = ""
    metastore_service: str = ""
    kerberos_enabled: bool = False


class VirtualClusterConfig(_Model, frozen=True, kw_only=True):
    """Of a cluster on Google Kubernetes Engine, which has no `config`."""

    staging_bucket: str = ""
    gke_cluster_target: str = ""
    kubernetes_namespace: str = ""
    component_version: dict[str, str] = {}
    properties: dict[str, str] = {}
    node_pools: list[str] = []
    metastore_service: str = ""
    spark_history_server: str = ""


class Status(_Model, frozen=True, kw_only=True):
    """Of a cluster or of a job, now or once."""

    state: str = ""
    substate: str = ""
    detail: str = ""
    state_start_time: datetime | None = None


class ClusterMetrics(_Model, frozen=True, kw_only=True):
    hdfs_metrics: dict[str, int] = {}
    yarn_metrics: dict[str, int] = {}


class YarnApplication(_Model, frozen=True, kw_only=True):
    name: str = ""
    state: str = ""
    progress: float = 0.0
    tracking_url: str = ""


class DataprocJob(_Model, frozen=True, kw_only=True):
    """One job. `state_start_time` of its first status is when it was submitted; jobs are sorted by that."""

    job_id: str
    job_uuid: str = ""
    project_id: str
    region: str
    cluster_name: str = ""
    cluster_uuid: str = ""
    type: str = ""
    """spark, pyspark, hive, pig, hadoop, spark_r, spark_sql, presto, trino, flink."""
    status: Status = Status()
    status_history: list[Status] = []
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    driver_output_uri: str = ""
    driver_control_files_uri: str = ""
    yarn_applications: list[YarnApplication] = []
    labels: dict[str, str] = {}
    done: bool = False
    max_failures_per_hour: int = 0
    console_url: str = ""


class DataprocCluster(_Model, frozen=True, kw_only=True):
    """One cluster with everything Google says of it."""

    project_id: str
    cluster_name: str
    cluster_uuid: str
    location: str
    """The region."""
    config: ClusterConfig | None = None
    virtual_cluster_config: VirtualClusterConfig | None = None
    labels: dict[str, str] = {}
    status: Status = Status()
    status_history: list[Status] = []
    metrics: ClusterMetrics = ClusterMetrics()
    jobs: list[DataprocJob] = []
    """The latest, newest first."""


class TemplateJob(_Model, frozen=True, kw_only=True):
    step_id: str
    type: str = ""
    prerequisite_step_ids: list[str] = []
    labels: dict[str, str] = {}


class DataprocTemplate(_Model, frozen=True, kw_only=True):
    """A workflow template."""

    id: str
    name: str
    """The whole resource name."""
    project_id: str
    region: str
    version: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None
    labels: dict[str, str] = {}
    placement: str = ""
    """Where it runs: `managed NAME` creates a cluster, `selector key=value` looks for one."""
    jobs: list[TemplateJob] = []
    parameters: list[str] = []
    dag_timeout_sec: float | None = None


class PolicyGroup(_Model, frozen=True, kw_only=True):
    """The bounds of the workers, or of the secondary workers."""

    min_instances: int = 0
    max_instances: int = 0
    weight: int = 0


class DataprocPolicy(_Model, frozen=True, kw_only=True):
    """An autoscaling policy, and the clusters that follow it."""

    id: str
    name: str
    project_id: str
    region: str
    labels: dict[str, str] = {}
    worker_config: PolicyGroup = PolicyGroup()
    secondary_worker_config: PolicyGroup = PolicyGroup()
    cooldown_sec: float | None = None
    graceful_decommission_timeout_sec: float | None = None
    scale_up_factor: float = 0.0
    scale_down_factor: float = 0.0
    scale_up_min_worker_fraction: float = 0.0
    scale_down_min_worker_fraction: float = 0.0
    used_by: list[str] = []
    """Names of clusters in the same project and region."""
