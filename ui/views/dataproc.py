"""All that is to be said of a Dataproc cluster: its state, what it is made of, its jobs, its policy, its labels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etlmon.contract.dataproc import DATAPROC_CLUSTER, DATAPROC_POLICIES, InventoryQuery
from etlmon.contract.dataproc_models import (
    ClusterConfig,
    DataprocCluster,
    DataprocJob,
    DataprocPolicy,
    InstanceGroupConfig,
    Status,
    VirtualClusterConfig,
)
from etlmon.contract.dataproc_rows import DataprocRow
from ui import format as fmt
from ui.glyphs import NOTHING, State
from ui.problems import dataproc as dataproc_problems
from ui.state import Question
from ui.views.detail import Detail, Section, facts
from ui.views.events import events_question, events_section
from ui.views.rows import Row, level_cell, level_tone
from ui.widgets.cells import Cell
from ui.widgets.lines import Line, grid

Facts = list[tuple[str, Cell]]


def row_questions(row: DataprocRow) -> tuple[Question[Any], ...]:
    """What the node is asked while the detail of the cluster is open."""
    return _whole(row), _policies(row), _events(row)


def row_detail(row: Row[Any], one: DataprocRow) -> Detail:
    """The detail of a cluster; `row` is any row about it."""
    whole = row.node.answer(_whole(one))
    return Detail(
        title=one.cluster_name,
        sections=(
            Section(f"{one.cluster_name} {NOTHING} {one.state}", _facts(row, one)),
            *(_whole_sections(row, one, whole) if whole is not None else [_unanswered(row, one)]),
            _policy_section(row, one),
            Section("Labels", facts(*one.labels.items()), "None."),
            events_section(row, _events(one)),
        ),
    )


def short(uri: str) -> str:
    """The name at the end of a resource's path: machine types, networks and policies come as either."""
    return uri.rpartition("/")[2] or uri


def job_level(job: DataprocJob) -> State:
    return "warn" if job.status.state in ("ERROR", "ATTEMPT_FAILURE") else "ok"


def took_sec(job: DataprocJob, row: Row[Any]) -> float | None:
    """How long a job took, or has taken so far."""
    if job.submitted_at is None:
        return None
    end = job.ended_at or (None if job.done else row.now)
    return None if end is None else max(0.0, (end - job.submitted_at).total_seconds())


def seconds(value: float | None) -> str:
    return NOTHING if value is None else fmt.duration(value)


def bounds(policy: DataprocPolicy) -> tuple[str, str]:
    """The bounds of the workers and of the secondary workers: `2-10`."""
    groups = (policy.worker_config, policy.secondary_worker_config)
    both = [f"{group.min_instances}-{group.max_instances}" if group.max_instances else NOTHING for group in groups]
    return both[0], both[1]


def _whole(row: DataprocRow) -> Question[DataprocCluster]:
    return Question(DATAPROC_CLUSTER, pace="slow", path={"id": row.id})


def _policies(row: DataprocRow) -> Question[list[DataprocPolicy]]:
    query = InventoryQuery(limit=1000, project=row.project_id, region=row.region)
    return Question(DATAPROC_POLICIES, query, pace="slow")


def _events(row: DataprocRow) -> Question[Any]:
    return events_question("dataproc", row.id)


def _unanswered(row: Row[Any], one: DataprocRow) -> Section:
    return Section("Configuration", (), row.node.refusals.get(_whole(one).key, "Not answered yet."))


def _facts(row: Row[Any], one: DataprocRow) -> list[Line]:
    level = dataproc_problems.level(one)
    why = dataproc_problems.words(one)
    substate = f", {one.substate}" if one.substate else ""
    known: Facts = [
        ("state", level_cell(level, f"{one.state}{substate}")),
        ("since", row.when(one.state_since)),
        *([("why", (why, level_tone(level)))] if level != "ok" else []),
        *([("detail", one.detail)] if one.detail and one.detail != why else []),
        *([("gone", (row.when(one.gone_at), "warn"))] if one.gone_at is not None else []),
        ("project", one.project_id),
        ("region, zone", f"{one.region}, {one.zone or NOTHING}"),
        ("image", one.image_version or NOTHING),
        ("masters", _group(one.masters, one.master_type)),
        ("workers", _group(one.workers, one.worker_type)),
        ("secondary", f"{one.secondary_workers}{f' {one.preemptibility}' if one.preemptibility else ''}"),
        ("staging bucket", one.staging_bucket or NOTHING),
        ("jobs", f"{fmt.count(one.jobs_running)} running of the {fmt.count(one.jobs)} latest"),
        ("last job", f"{row.when(one.last_job_at)} {one.last_job_state}" if one.last_job_at else NOTHING),
        ("idle since", row.when(one.idle_since)),
        ("deleted by itself", "yes" if one.has_ttl else ("no: it runs, and costs, until somebody deletes it", "info")),
        ("console", one.console_url or NOTHING),
        ("account", one.account),
        ("first seen", row.when(one.first_seen_at)),
        ("collected", (row.when(one.collected_at), "warn" if one.stale else None)),
        ("UUID", one.id),
    ]
    return facts(*known)


def _group(count: int, machine_type: str) -> str:
    return f"{fmt.count(count)} {machine_type}".rstrip() if count else NOTHING


def _whole_sections(row: Row[Any], one: DataprocRow, whole: DataprocCluster) -> Iterator[Section]:
    yield _jobs_section(row, whole.jobs)
    if whole.config is not None:
        yield from _config_sections(row, whole.config)
    if whole.virtual_cluster_config is not None:
        yield Section("On Kubernetes Engine", _virtual(whole.virtual_cluster_config))
    yield Section("States so far", _states(row, [whole.status, *reversed(whole.status_history)]), "None is known.")
    metrics = {**whole.metrics.yarn_metrics, **whole.metrics.hdfs_metrics}
    values = [(name, fmt.count(value)) for name, value in sorted(metrics.items())]
    yield Section("Metrics", grid(values, right=(1,)), "None came.")


def _jobs_section(row: Row[Any], jobs: Sequence[DataprocJob]) -> Section:
    lines = grid(
        [
            (
                row.when(job.submitted_at),
                level_cell(job_level(job), job.status.state or "?"),
                seconds(took_sec(job, row)),
                job.type or NOTHING,
                job.job_id,
                (job.status.detail, "warn" if job_level(job) != "ok" else "dim"),
            )
            for job in jobs
        ],
        head=("SUBMITTED", "STATE", "TOOK", "TYPE", "JOB", ""),
        right=(2,),
    )
    return Section("Jobs, the latest first", lines, "None is known.")


def _config_sections(row: Row[Any], config: ClusterConfig) -> Iterator[Section]:
    groups = {
        "masters": config.master_config,
        "workers": config.worker_config,
        "secondary": config.secondary_worker_config,
    }
    lines = grid(
        [_group_cells(name, group) for name, group in groups.items() if group.num_instances or group.machine_type_uri],
        head=("", "COUNT", "MACHINE", "DISK", "SSDS", "PREEMPTIBLE", "CPU", "ACCELERATORS"),
        right=(1, 4),
    )
    yield Section("Instances", lines, "None.")
    software = config.software_config
    parts = facts(
        ("image", software.image_version or NOTHING),
        ("components", ", ".join(software.optional_components) or NOTHING),
        *((name, value) for name, value in sorted(software.properties.items())),
    )
    yield Section("Software", parts)
    yield Section("Compute Engine", facts(*_gce(config)))
    yield Section("Lifecycle", facts(*_lifecycle(row, config)))
    ports = facts(*config.endpoint_config.http_ports.items())
    yield Section("Web interfaces", ports, "They are not opened.")


def _group_cells(name: str, group: InstanceGroupConfig) -> list[Cell]:
    disk = group.disk_config
    accelerators = [f"{one.accelerator_count} {short(one.accelerator_type_uri)}" for one in group.accelerators]
    return [
        (name, "dim"),
        fmt.count(group.num_instances),
        short(group.machine_type_uri) or NOTHING,
        f"{disk.boot_disk_size_gb} GB {disk.boot_disk_type}".rstrip() if disk.boot_disk_size_gb else NOTHING,
        fmt.count(disk.num_local_ssds),
        group.preemptibility or ("yes" if group.is_preemptible else "no"),
        group.min_cpu_platform or NOTHING,
        ", ".join(accelerators) or NOTHING,
    ]


def _gce(config: ClusterConfig) -> Facts:
    gce = config.gce_cluster_config
    flags = {
        "internal addresses only": gce.internal_ip_only,
        "secure boot": gce.shielded_secure_boot,
        "confidential": gce.confidential_compute,
        "Kerberos": config.kerberos_enabled,
    }
    return [
        ("zone", short(gce.zone_uri) or NOTHING),
        ("network", short(gce.subnetwork_uri or gce.network_uri) or NOTHING),
        ("service account", gce.service_account or NOTHING),
        ("scopes", ", ".join(map(short, gce.service_account_scopes)) or NOTHING),
        ("tags", ", ".join(gce.tags) or NOTHING),
        ("set", ", ".join(name for name, holds in flags.items() if holds) or NOTHING),
        ("temporary bucket", config.temp_bucket or NOTHING),
        ("encryption key", config.encryption_kms_key_name or NOTHING),
        ("metastore", config.metastore_service or NOTHING),
        *(("runs at its start", action.executable_file) for action in config.initialization_actions),
        *((f"metadata {name}", value) for name, value in sorted(gce.metadata.items())),
    ]


def _lifecycle(row: Row[Any], config: ClusterConfig) -> Facts:
    lifecycle = config.lifecycle_config
    return [
        ("deleted when idle for", seconds(lifecycle.idle_delete_ttl_sec)),
        ("deleted after", seconds(lifecycle.auto_delete_ttl_sec)),
        ("deleted at", row.when(lifecycle.auto_delete_time)),
        ("idle since", row.when(lifecycle.idle_start_time)),
    ]


def _virtual(virtual: VirtualClusterConfig) -> list[Line]:
    known: Mapping[str, str] = {
        "cluster": virtual.gke_cluster_target,
        "namespace": virtual.kubernetes_namespace,
        "node pools": ", ".join(virtual.node_pools),
        "staging bucket": virtual.staging_bucket,
        "metastore": virtual.metastore_service,
        "Spark history": virtual.spark_history_server,
        **{f"component {name}": value for name, value in sorted(virtual.component_version.items())},
        **dict(sorted(virtual.properties.items())),
    }
    return facts(*((name, value or NOTHING) for name, value in known.items()))


def _states(row: Row[Any], states: Sequence[Status]) -> list[Line]:
    return grid(
        [
            (
                (row.when(status.state_start_time), "dim"),
                f"{status.state}{f', {status.substate}' if status.substate else ''}",
                (status.detail, "dim"),
            )
            for status in states
            if status.state
        ]
    )


def _policy_section(row: Row[Any], one: DataprocRow) -> Section:
    if not one.policy:
        return Section("Autoscaling", (), "It follows no policy.")
    name = short(one.policy)
    policies = row.node.answer(_policies(one))
    if policies is None:
        return Section("Autoscaling", (), row.node.refusals.get(_policies(one).key, "Not answered yet."))
    policy = next((found for found in policies if found.id == name), None)
    if policy is None:
        return Section("Autoscaling", facts(("policy", one.policy)))
    return Section("Autoscaling", facts(*policy_facts(policy)))


def policy_facts(policy: DataprocPolicy) -> Facts:
    """What a policy says."""
    workers, secondary = bounds(policy)
    return [
        ("policy", policy.id),
        ("workers", workers),
        ("secondary workers", secondary),
        ("looks again after", seconds(policy.cooldown_sec)),
        ("work may end within", seconds(policy.graceful_decommission_timeout_sec)),
        ("up by, down by", f"{policy.scale_up_factor:g}, {policy.scale_down_factor:g} of what is missing or too much"),
        ("used by", ", ".join(policy.used_by) or "no cluster"),
    ]
