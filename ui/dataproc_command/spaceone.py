"""A Dataproc estate as the documents that an inventory collector of SpaceONE (Cloudforet) hands over.

Each is a response with `state`, `message`, `resource_type`, `match_rules` and `resource`, as the plugin for Google
Cloud writes them (github.com/cloudforet-io/plugin-google-cloud-inven-collector, `libs/schema`): the type of the service
with its list and its charts, a region, a cluster, and what could not be collected.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from etlmon.contract.dataproc_models import DataprocCluster, InstanceGroupConfig
from etlmon.contract.dataproc_rows import DataprocResource, ResourceError
from ui.dataproc_command.spaceone_layouts import (
    GROUP,
    ICON,
    PROVIDER,
    TYPE,
    Json,
    cluster_layouts,
    list_layout,
    search,
    widgets,
)

SERVICE_CODE = "dataproc"
_RULES_OF_RESOURCES = ["reference.resource_id", "provider", "cloud_service_type", "cloud_service_group"]


def service_type() -> Json:
    """What a Dataproc cluster is to the console: its columns, what it is searched by, its charts."""
    resource = {
        "name": TYPE,
        "provider": PROVIDER,
        "group": GROUP,
        "service_code": SERVICE_CODE,
        "labels": ["Analytics", "Compute"],
        "is_primary": True,
        "is_major": True,
        "resource_type": "inventory.CloudService",
        "tags": {"spaceone:icon": ICON},
        "metadata": {"view": {"table": {"layout": list_layout()}, "search": search(), "widget": widgets()}},
    }
    return _response("inventory.CloudServiceType", ["name", "group", "provider"], resource)


def region(code: str) -> Json:
    resource = {"name": code, "region_code": code, "provider": PROVIDER, "tags": {}}
    return _response("inventory.Region", ["region_code", "provider"], resource)


def cluster(found: DataprocResource) -> Json:
    """One cluster with its pages. Labels are a list of keys and values there; `display` is what columns show."""
    labels = [{"key": key, "value": value} for key, value in found.data.labels.items()]
    resource: Json = {
        "provider": PROVIDER,
        "account": found.account,
        "ip_addresses": [],
        "cloud_service_type": TYPE,
        "cloud_service_group": GROUP,
        "name": found.name,
        "region_code": found.region_code,
        "data": {**msgspec.to_builtins(found.data), "labels": labels, "display": _display(found.data)},
        "tags": labels,
        "reference": msgspec.to_builtins(found.reference),
        "metadata": {"view": {"sub_data": {"layouts": cluster_layouts()}}},
    }
    if found.data.config is not None:
        resource["instance_type"] = found.data.config.master_config.machine_type_uri
    if (launched_at := _launched_at(found.data)) is not None:
        resource["launched_at"] = msgspec.to_builtins(launched_at)
    return _response("inventory.CloudService", _RULES_OF_RESOURCES, resource)


def failure(error: ResourceError) -> Json:
    """What could not be collected."""
    place = "/".join(part for part in (error.project_id, error.region) if part)
    resource = {
        "resource_type": "inventory.CloudService",
        "provider": PROVIDER,
        "cloud_service_group": GROUP,
        "cloud_service_type": TYPE,
        "resource_id": place or error.account,
    }
    message = f"{place}: {error.message}" if place else f"{error.account}: {error.message}"
    return _response("inventory.ErrorResource", _RULES_OF_RESOURCES, resource, state="FAILURE", message=message)


def _response(
    resource_type: str,
    rules: list[str],
    resource: Json,
    *,
    state: Literal["SUCCESS", "FAILURE"] = "SUCCESS",
    message: str = "",
) -> Json:
    return {
        "state": state,
        "message": message,
        "resource_type": resource_type,
        "match_rules": {"1": rules},
        "resource": resource,
    }


def _display(found: DataprocCluster) -> Json:
    """What a console shows alike of clusters on Compute Engine and on Kubernetes Engine."""
    if found.config is None:
        virtual = found.virtual_cluster_config
        return {
            "image_version": virtual.component_version.get("SPARK", "") if virtual is not None else "",
            "staging_bucket": virtual.staging_bucket if virtual is not None else "",
            "preemptible": "0",
            "instances": [],
        }
    more = found.config.secondary_worker_config
    groups = {"Master": found.config.master_config, "Worker": found.config.worker_config, "Secondary Worker": more}
    return {
        "image_version": found.config.software_config.image_version,
        "staging_bucket": found.config.config_bucket,
        "preemptible": f"{more.num_instances} {more.preemptibility}".strip(),
        "instances": [_instances(name, group) for name, group in groups.items() if group.num_instances],
    }


def _instances(name: str, group: InstanceGroupConfig) -> dict[str, Any]:
    return {
        "instance_type": name,
        "num_instances": group.num_instances,
        "machine_type_uri": group.machine_type_uri,
        "preemptibility": group.preemptibility,
        "disk_config": {
            "boot_disk_type": group.disk_config.boot_disk_type,
            "boot_disk_size_gb": group.disk_config.boot_disk_size_gb,
        },
    }


def _launched_at(found: DataprocCluster) -> datetime | None:
    """When it got its first state, as far as that is told."""
    times = (status.state_start_time for status in (*found.status_history, found.status))
    return min((moment for moment in times if moment is not None), default=None)
