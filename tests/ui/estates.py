"""What fake nodes say of clusters: Proxmox and Dataproc clusters that are well, and others in trouble."""

from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from etlmon.contract.clusters import (
    CLUSTER_GUESTS,
    CLUSTER_NODES,
    CLUSTER_STORAGE,
    CLUSTERS,
    Cluster,
    ClusterList,
    ClusterTls,
)
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from etlmon.contract.dataproc import (
    DATAPROC_CLUSTER,
    DATAPROC_CLUSTERS,
    DATAPROC_JOBS,
    DATAPROC_POLICIES,
    DATAPROC_RUNS,
    DATAPROC_TEMPLATES,
)
from etlmon.contract.dataproc_models import (
    ClusterConfig,
    ClusterMetrics,
    DataprocCluster,
    DataprocJob,
    DataprocPolicy,
    DataprocTemplate,
    DiskConfig,
    EndpointConfig,
    GceClusterConfig,
    InstanceGroupConfig,
    LifecycleConfig,
    PolicyGroup,
    SoftwareConfig,
    Status,
    TemplateJob,
    VirtualClusterConfig,
)
from etlmon.contract.dataproc_rows import DataprocRow, DataprocRun, RegionResult
from tests.fakes.nodes import FakeNode
from tests.ui.looking import NOW

GB = 2**30
OLD_PRINT = ":".join(["0A"] * 32)
NEW_PRINT = ":".join(["4C", "D2"] * 16)
CONSOLE = "https://console.cloud.google.com/dataproc/clusters"


def cluster_id(name: str) -> str:
    return str(uuid5(NAMESPACE_DNS, name))


def pve(name: str = "prod-cluster", **more: Any) -> Cluster:
    """A Proxmox cluster that is well."""
    values: dict[str, Any] = {
        "id": cluster_id(name),
        "name": name,
        "api_endpoint": "https://pve.example.com:8006",
        "status": "healthy",
        "proxmox_version": "8.4.1",
        "node_count": 3,
        "created_at": NOW - timedelta(days=9),
        "updated_at": NOW - timedelta(hours=2),
        "username": "etlmon@pve",
        "auth": "token",
        "token_name": "monitor",
        "active_endpoint": "https://pve.example.com:8006",
        "cluster_name": "prod",
        "quorate": True,
        "nodes_online": 3,
        "guests_total": 41,
        "guests_running": 38,
        "storage_total_bytes": 4000 * GB,
        "storage_used_bytes": 1880 * GB,
        "cpu_percent": 17.4,
        "cpu_cores": 96,
        "mem_used_bytes": 192 * GB,
        "mem_total_bytes": 384 * GB,
        "polled_at": NOW - timedelta(seconds=12),
        "last_success_at": NOW - timedelta(seconds=12),
        "duration_ms": 212.0,
        "console_url": "https://pve.example.com:8006",
    }
    return Cluster(**{**values, **more})


def gcp(name: str = "etl-prod", **more: Any) -> DataprocRow:
    """A Dataproc cluster that is well."""
    values: dict[str, Any] = {
        "id": cluster_id(name),
        "account": "data",
        "project_id": "data-prod",
        "region": "asia-northeast3",
        "zone": "asia-northeast3-a",
        "cluster_name": name,
        "state": "RUNNING",
        "state_since": NOW - timedelta(hours=5),
        "image_version": "2.2.31-debian12",
        "masters": 1,
        "master_type": "n2-standard-4",
        "workers": 4,
        "worker_type": "n2-standard-8",
        "staging_bucket": "dataproc-staging-1",
        "labels": {"env": "prod", "team": "적재"},
        "jobs": 10,
        "jobs_running": 1,
        "last_job_state": "RUNNING",
        "last_job_at": NOW - timedelta(minutes=7),
        "first_seen_at": NOW - timedelta(days=2),
        "collected_at": NOW - timedelta(seconds=70),
        "console_url": f"{CONSOLE}/{name}?region=asia-northeast3&project=data-prod",
    }
    return DataprocRow(**{**values, **more})


def ran(number: int = 1, **more: Any) -> DataprocRun:
    """A run that read everything."""
    started = NOW - timedelta(seconds=75 + 120 * (100 - number))
    regions = [
        RegionResult(project_id="data-prod", region=region, state="ok", clusters=1, jobs=10, calls=4, duration_ms=410.0)
        for region in ("asia-northeast3", "us-central1")
    ]
    values: dict[str, Any] = {
        "id": number,
        "account": "data",
        "started_at": started,
        "ended_at": started + timedelta(seconds=5),
        "duration_ms": 5210.0,
        "result": "complete",
        "success": 2,
        "calls": 80,
        "clusters": 2,
        "jobs": 20,
        "regions_from": "api",
        "quota_percent": 8.0,
        "regions": regions,
    }
    return DataprocRun(**{**values, **more})


def cut_off(number: int) -> DataprocRun:
    """A run in which a region failed and another took too long."""
    regions = [
        RegionResult(project_id="data-prod", region="asia-northeast3", state="ok", clusters=4, jobs=10, calls=4),
        RegionResult(project_id="data-prod", region="europe-west1", state="failed", calls=3,
                     error="503 after 3 tries: UNAVAILABLE"),
        RegionResult(project_id="data-prod", region="us-central1", state="timeout", calls=1,
                     error="no answer within 60 s"),
    ]  # fmt: skip
    reason = "2 of 3 regions could not be read"
    errors = ["data-prod europe-west1: 503 after 3 tries: UNAVAILABLE", "data-prod us-central1: no answer within 60 s"]
    return ran(number, result="partial", reason=reason, failure=1, timeout=1, regions=regions, errors=errors)


def pve_nodes(of: Cluster) -> list[ClusterNode]:
    common: dict[str, Any] = {"cluster_id": of.id, "collected_at": NOW, "cpu_cores": 32}
    return [
        ClusterNode(name="pve1", status="online", ip="10.0.0.11", cpu_percent=12.5, mem_used_bytes=64 * GB,
                    mem_total_bytes=128 * GB, disk_used_bytes=30 * GB, disk_total_bytes=90 * GB, uptime_sec=8_640_000,
                    guests_running=13, **common),
        ClusterNode(name="pve2", status="online", ip="10.0.0.12", cpu_percent=44.0, mem_used_bytes=120 * GB,
                    mem_total_bytes=128 * GB, uptime_sec=86_400, guests_running=25, **common),
        ClusterNode(name="pve3", status="offline", ip="10.0.0.13", error="offline", **common),
    ]  # fmt: skip


def pve_guests(of: Cluster) -> list[ClusterGuest]:
    common: dict[str, Any] = {"cluster_id": of.id, "collected_at": NOW}
    return [
        ClusterGuest(vmid=101, name="etl-db", type="qemu", node="pve1", status="running", cpu_percent=41.0,
                     mem_used_bytes=16 * GB, mem_total_bytes=32 * GB, uptime_sec=604_800, tags=["etl", "db"],
                     pool="prod", ha_state="started", **common),
        ClusterGuest(vmid=102, name="적재-서버", type="lxc", node="pve2", status="running", cpu_percent=3.0,
                     mem_used_bytes=GB, mem_total_bytes=8 * GB, uptime_sec=7200, lock="backup", **common),
        ClusterGuest(vmid=103, name="", type="qemu", node="pve3", status="unknown",
                     error="its node is offline", **common),
        ClusterGuest(vmid=900, name="debian-12", type="qemu", node="pve1", status="stopped", template=True, **common),
    ]  # fmt: skip


def pve_storage(of: Cluster) -> list[ClusterStorage]:
    common: dict[str, Any] = {"cluster_id": of.id, "collected_at": NOW}
    return [
        ClusterStorage(name="local-lvm", nodes=["pve1"], type="lvmthin", content=["images", "rootdir"],
                       status="available", used_bytes=880 * GB, total_bytes=900 * GB, used_percent=97.8, **common),
        ClusterStorage(name="nas", nodes=["pve1", "pve2", "pve3"], shared=True, type="nfs", content=["backup", "iso"],
                       status="available", used_bytes=500 * GB, total_bytes=1000 * GB, used_percent=50.0, **common),
        ClusterStorage(name="local-lvm", nodes=["pve3"], type="lvmthin", status="unknown", error="its node is offline",
                       **common),
    ]  # fmt: skip


def job(number: int, **more: Any) -> DataprocJob:
    """A job that is done."""
    submitted = NOW - timedelta(minutes=10 * number)
    values: dict[str, Any] = {
        "job_id": f"nightly-load-{number}",
        "project_id": "data-prod",
        "region": "asia-northeast3",
        "cluster_name": "etl-prod",
        "cluster_uuid": cluster_id("etl-prod"),
        "type": "pyspark",
        "status": Status(state="DONE", state_start_time=submitted + timedelta(minutes=4)),
        "status_history": [Status(state="PENDING", state_start_time=submitted)],
        "submitted_at": submitted,
        "ended_at": submitted + timedelta(minutes=4),
        "driver_output_uri": "gs://dataproc-staging-1/out",
        "labels": {"run": str(number)},
        "done": True,
        "console_url": f"https://console.cloud.google.com/dataproc/jobs/nightly-load-{number}",
    }
    return DataprocJob(**{**values, **more})


JOBS = [
    job(0, job_id="hourly-sync", status=Status(state="RUNNING", state_start_time=NOW), ended_at=None, done=False),
    job(1, status=Status(state="ERROR", detail="exit code 1: no such table")),
    job(2),
    job(3, job_id="적재-일배치", cluster_name="adhoc", labels={"team": "적재"}),
]


def whole(name: str = "etl-prod", **more: Any) -> DataprocCluster:
    """All that Google says of a cluster on Compute Engine."""
    config = ClusterConfig(
        config_bucket="dataproc-staging-1",
        temp_bucket="dataproc-temp-1",
        gce_cluster_config=GceClusterConfig(
            zone_uri="https://www.googleapis.com/compute/v1/projects/data-prod/zones/asia-northeast3-a",
            subnetwork_uri="projects/data-prod/regions/asia-northeast3/subnetworks/etl", internal_ip_only=True,
            service_account="etl@data-prod.iam.gserviceaccount.com", tags=["etl"], metadata={"owner": "etl"},
        ),
        master_config=InstanceGroupConfig(
            num_instances=1, machine_type_uri="n2-standard-4",
            disk_config=DiskConfig(boot_disk_type="pd-ssd", boot_disk_size_gb=100),
        ),
        worker_config=InstanceGroupConfig(num_instances=4, machine_type_uri="zones/x/machineTypes/n2-standard-8"),
        secondary_worker_config=InstanceGroupConfig(
            num_instances=2, machine_type_uri="n2-standard-8", preemptibility="SPOT", is_preemptible=True
        ),
        software_config=SoftwareConfig(
            image_version="2.2.31-debian12", optional_components=["JUPYTER"],
            properties={"spark:spark.executor.cores": "4"},
        ),
        lifecycle_config=LifecycleConfig(idle_delete_ttl_sec=1800.0),
        endpoint_config=EndpointConfig(http_ports={"YARN": "https://x.dataproc.googleusercontent.com/yarn/"}),
    )  # fmt: skip
    values: dict[str, Any] = {
        "project_id": "data-prod",
        "cluster_name": name,
        "cluster_uuid": cluster_id(name),
        "location": "asia-northeast3",
        "config": config,
        "status": Status(state="RUNNING", state_start_time=NOW - timedelta(hours=5)),
        "status_history": [Status(state="CREATING", state_start_time=NOW - timedelta(hours=5, minutes=3))],
        "metrics": ClusterMetrics(yarn_metrics={"yarn-memory-mb-available": 90112}, hdfs_metrics={"dfs-nodes-live": 4}),
        "jobs": JOBS[:3],
    }
    return DataprocCluster(**{**values, **more})


ON_GKE = whole(
    "gke-spark",
    config=None,
    virtual_cluster_config=VirtualClusterConfig(
        gke_cluster_target="projects/data-prod/locations/asia-northeast3/clusters/gke-1",
        kubernetes_namespace="spark",
        component_version={"SPARK": "3.5-dataproc-19"},
        node_pools=["pool-1"],
    ),
    jobs=[],
)
POLICY = DataprocPolicy(
    id="burst",
    name="projects/data-prod/regions/asia-northeast3/autoscalingPolicies/burst",
    project_id="data-prod",
    region="asia-northeast3",
    worker_config=PolicyGroup(min_instances=2, max_instances=10, weight=1),
    secondary_worker_config=PolicyGroup(max_instances=20),
    cooldown_sec=120.0,
    graceful_decommission_timeout_sec=3600.0,
    scale_up_factor=0.5,
    scale_down_factor=1.0,
    used_by=["etl-prod"],
)
TEMPLATE = DataprocTemplate(
    id="nightly",
    name="projects/data-prod/regions/asia-northeast3/workflowTemplates/nightly",
    project_id="data-prod",
    region="asia-northeast3",
    version=3,
    update_time=NOW - timedelta(days=20),
    placement="managed nightly-cluster",
    jobs=[TemplateJob(step_id="load", type="pyspark"), TemplateJob(step_id="sum", prerequisite_step_ids=["load"])],
    parameters=["DATE"],
)


def clustered(fake: FakeNode) -> FakeNode:
    """The node watches a Proxmox cluster and collects a Dataproc account, and both are well."""
    fake.answers[CLUSTERS.path] = listing(pve())
    fake.answers[DATAPROC_CLUSTERS.path] = [gcp()]
    fake.answers[DATAPROC_RUNS.path] = [ran(100)]
    fake.answers[DATAPROC_JOBS.path] = [job(1)]
    fake.answers[DATAPROC_TEMPLATES.path] = [TEMPLATE]
    fake.answers[DATAPROC_POLICIES.path] = [POLICY]
    fake.answers[DATAPROC_CLUSTER.path] = whole()
    fake.answers[CLUSTER_NODES.path] = pve_nodes(pve())
    fake.answers[CLUSTER_GUESTS.path] = pve_guests(pve())
    fake.answers[CLUSTER_STORAGE.path] = pve_storage(pve())
    return fake


def listing(*clusters: Cluster) -> ClusterList:
    return ClusterList(clusters=list(clusters), total=len(clusters))


def clusters_in_trouble(fake: FakeNode) -> FakeNode:
    """Clusters that are not whole, silent, shown with another certificate, not asked yet; stuck, idle, gone astray."""
    clustered(fake)
    silent = NOW - timedelta(minutes=14)
    fake.answers[CLUSTERS.path] = listing(
        pve(),
        pve("dr-site", status="degraded", status_reason="node pve3 is offline", nodes_online=2, guests_running=25),
        pve("lab", status="unhealthy", status_reason="unreachable for 14 min: connection refused", failures=28,
            last_success_at=silent, updated_at=silent, proxmox_version="7.4-1", quorate=True),
        pve("partner", status="unhealthy", status_reason="its certificate is another one than the one that is trusted",
            seen_fingerprint=NEW_PRINT, tls=ClusterTls(verify="fingerprint", fingerprint=OLD_PRINT), failures=3),
        pve("viewer", status="degraded", status_reason="guests: no permission (VM.Audit)",
            missing=["guests: no permission (VM.Audit)"], guests_total=0, guests_running=0, auth="password",
            token_name="", username="viewer@pam"),
        pve("서울-신규", status="unknown", proxmox_version="", node_count=0, nodes_online=0, guests_total=0,
            guests_running=0, cpu_percent=None, mem_total_bytes=0, mem_used_bytes=0, storage_total_bytes=0,
            storage_used_bytes=0, polled_at=None, last_success_at=None, duration_ms=None, active_endpoint="",
            cluster_name="", quorate=None, origin="static", console_url=""),
    )  # fmt: skip
    fake.answers[DATAPROC_CLUSTERS.path] = [
        gcp(secondary_workers=2, preemptibility="SPOT", policy="burst"),
        gcp("adhoc", attention="idle", attention_reason="no job for 9 h, and no time to live: it costs", jobs_running=0,
            idle_since=NOW - timedelta(hours=9), labels={"env": "dev"}),
        gcp("broken", state="ERROR", attention="error", detail="quota exceeded", region="us-central1",
            attention_reason="quota exceeded: CPUS, limit 24", workers=2, jobs=0, jobs_running=0),
        gcp("new-one", state="CREATING", attention="stuck", attention_reason="CREATING for 48 min", jobs=0,
            jobs_running=0, project_id="data-dev"),
        gcp("europe", region="europe-west1", stale=True, collected_at=NOW - timedelta(minutes=9)),
        gcp("gke-spark", kind="gke", image_version="", masters=0, workers=0, jobs=1, jobs_running=0),
    ]  # fmt: skip
    fake.answers[DATAPROC_RUNS.path] = [cut_off(100), ran(99), ran(98)]
    fake.answers[DATAPROC_JOBS.path] = JOBS
    fake.answers[f"{DATAPROC_CLUSTERS.path}/{cluster_id('gke-spark')}"] = ON_GKE
    return fake
