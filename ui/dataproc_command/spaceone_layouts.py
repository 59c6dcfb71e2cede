"""What the console of SpaceONE (Cloudforet) shows of a Dataproc cluster: its list, its pages, its charts.

The forms are those of the console's dynamic layouts, fields and widgets, as the collector plugins for Google Cloud
write them (github.com/cloudforet-io/plugin-google-cloud-inven-collector, `libs/schema/metadata`). Keys are paths into
the document of a cluster, see `spaceone`.
"""

from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

PROVIDER, GROUP, TYPE = "google_cloud", "Dataproc", "Cluster"
ICON = (
    "https://spaceone-custom-assets.s3.ap-northeast-2.amazonaws.com"
    "/console-assets/icons/cloud-services/google_cloud/Dataproc.svg"
)

_SAFE: Final[Json] = {"icon": {"color": "green.500"}}
_WARNING: Final[Json] = {"icon": {"color": "yellow.500"}}
_ALERT: Final[Json] = {"text_color": "red.500", "icon": {"color": "red.500"}}
_IDLE: Final[Json] = {"text_color": "gray.400", "icon": {"color": "gray.400"}}

_CLUSTER_STATES: Final[dict[str, Json]] = {
    "RUNNING": _SAFE,
    **dict.fromkeys(("CREATING", "UPDATING", "DELETING", "STARTING", "STOPPING", "REPAIRING", "SCHEDULED"), _WARNING),
    **dict.fromkeys(("ERROR", "ERROR_DUE_TO_UPDATE"), _ALERT),
    **dict.fromkeys(("STOPPED", "UNKNOWN"), _IDLE),
}
_JOB_STATES: Final[dict[str, Json]] = {
    "DONE": _SAFE,
    **dict.fromkeys(("PENDING", "SETUP_DONE", "RUNNING", "CANCEL_PENDING", "CANCEL_STARTED"), _WARNING),
    **dict.fromkeys(("ERROR", "ATTEMPT_FAILURE"), _ALERT),
    "CANCELLED": _IDLE,
}


def _field(kind: str, name: str, key: str, options: Json | None = None) -> Json:
    found: Json = {"type": kind, "name": name, "key": key}
    return found if options is None else {**found, "options": options}


def _text(name: str, key: str) -> Json:
    return _field("text", name, key)


def _time(name: str, key: str) -> Json:
    return _field("datetime", name, key, {"source_type": "iso8601"})


def _state(name: str, key: str, states: dict[str, Json]) -> Json:
    options = {state: {"type": "state", "options": look} for state, look in states.items()}
    return _field("enum", name, key, options)


def _gigabytes(name: str, key: str) -> Json:
    return _field("size", name, key, {"source_unit": "GB", "display_unit": "GB"})


def _layout(kind: str, name: str, fields: list[Json], root_path: str = "") -> Json:
    options: Json = {"fields": fields}
    return {"name": name, "type": kind, "options": {**options, "root_path": root_path} if root_path else options}


def list_layout() -> Json:
    """The columns of the list of clusters."""
    fields = [
        _state("Status", "data.status.state", _CLUSTER_STATES),
        _text("Location", "data.location"),
        _text("Image Version", "data.display.image_version"),
        _text("Master Instances", "data.config.master_config.num_instances"),
        _text("Worker Instances", "data.config.worker_config.num_instances"),
        _text("Preemptible", "data.display.preemptible"),
        _text("Staging Bucket", "data.display.staging_bucket"),
        _text("Project", "data.project_id"),
    ]
    return _layout("query-search-table", "", fields)


def search() -> list[Json]:
    """What the list can be searched by."""
    names = {
        "Cluster Name": "data.cluster_name",
        "Status": "data.status.state",
        "Location": "data.location",
        "Project ID": "data.project_id",
        "Image Version": "data.config.software_config.image_version",
        "Master Machine Type": "data.config.master_config.machine_type_uri",
        "Worker Machine Type": "data.config.worker_config.machine_type_uri",
    }
    return [{"name": name, "key": key} for name, key in names.items()]


def cluster_layouts() -> list[Json]:
    """The pages of one cluster."""
    return [_info(), _configuration(), _network(), _lifecycle(), _instances(), _jobs(), _history(), _labels()]


def _info() -> Json:
    return _layout(
        "item",
        "Cluster Info",
        [
            _text("Name", "data.cluster_name"),
            _text("UUID", "data.cluster_uuid"),
            _state("Status", "data.status.state", _CLUSTER_STATES),
            _text("Detail", "data.status.detail"),
            _time("Since", "data.status.state_start_time"),
            _text("Location", "data.location"),
            _text("Project ID", "data.project_id"),
        ],
    )


def _configuration() -> Json:
    return _layout(
        "item",
        "Configuration",
        [
            _text("Staging Bucket", "data.display.staging_bucket"),
            _text("Temp Bucket", "data.config.temp_bucket"),
            _text("Image Version", "data.display.image_version"),
            _field("list", "Optional Components", "data.config.software_config.optional_components"),
            _text("Autoscaling Policy", "data.config.autoscaling_policy_uri"),
            _text("GKE Cluster", "data.virtual_cluster_config.gke_cluster_target"),
            _text("Kubernetes Namespace", "data.virtual_cluster_config.kubernetes_namespace"),
        ],
    )


def _network() -> Json:
    place = "data.config.gce_cluster_config"
    return _layout(
        "item",
        "Network Configuration",
        [
            _text("Zone", f"{place}.zone_uri"),
            _text("Network", f"{place}.network_uri"),
            _text("Subnetwork", f"{place}.subnetwork_uri"),
            _text("Internal IP Only", f"{place}.internal_ip_only"),
            _text("Service Account", f"{place}.service_account"),
            _field("list", "Tags", f"{place}.tags"),
        ],
    )


def _lifecycle() -> Json:
    place = "data.config.lifecycle_config"
    return _layout(
        "item",
        "Lifecycle",
        [
            _text("Idle Delete TTL (s)", f"{place}.idle_delete_ttl_sec"),
            _text("Auto Delete TTL (s)", f"{place}.auto_delete_ttl_sec"),
            _time("Auto Delete", f"{place}.auto_delete_time"),
            _time("Idle Since", f"{place}.idle_start_time"),
        ],
    )


def _instances() -> Json:
    return _layout(
        "simple-table",
        "Instance Configuration",
        [
            _text("Type", "instance_type"),
            _text("Instances", "num_instances"),
            _text("Machine Type", "machine_type_uri"),
            _text("Preemptibility", "preemptibility"),
            _text("Boot Disk Type", "disk_config.boot_disk_type"),
            _gigabytes("Boot Disk Size", "disk_config.boot_disk_size_gb"),
        ],
        "data.display.instances",
    )


def _jobs() -> Json:
    return _layout(
        "table",
        "Jobs",
        [
            _text("Job", "job_id"),
            _state("Status", "status.state", _JOB_STATES),
            _text("Type", "type"),
            _time("Submitted", "submitted_at"),
            _time("Ended", "ended_at"),
            _text("Driver Output", "driver_output_uri"),
        ],
        "data.jobs",
    )


def _history() -> Json:
    fields = [_state("Status", "state", _CLUSTER_STATES), _text("Detail", "detail"), _time("Since", "state_start_time")]
    return _layout("table", "Status History", fields, "data.status_history")


def _labels() -> Json:
    return _layout("table", "Labels", [_text("Key", "key"), _text("Value", "value")], "data.labels")


def widgets() -> list[Json]:
    """The charts: how many there are, in which regions, of which projects."""
    count = {"name": "value", "operator": "count"}
    region = {
        "type": "text",
        "key": "name",
        "reference": {"resource_type": "inventory.Region", "reference_key": "region_code"},
    }
    return [
        _widget(
            "Total Count",
            {"fields": [count]},
            {"value_options": {"type": "text", "key": "value", "options": {"default": "0"}}},
        ),
        _widget(
            "Count by Region",
            {"keys": [{"name": "name", "key": "region_code"}], "fields": [count]},
            {"chart_type": "COLUMN", "name_options": region},
        ),
        _widget(
            "Count by Project",
            {"keys": [{"name": "name", "key": "data.project_id"}], "fields": [count]},
            {"chart_type": "DONUT"},
        ),
    ]


def _widget(name: str, group: Json, options: Json) -> Json:
    of_this = {"provider": PROVIDER, "cloud_service_group": GROUP, "cloud_service_type": TYPE}
    filters = [{"key": key, "value": value, "operator": "eq"} for key, value in of_this.items()]
    return {
        "name": name,
        "type": "chart",
        "query": {"aggregate": [{"group": group}], "filter": filters},
        "options": options,
    }
