"""The documents for SpaceONE: their form, and that every path in a layout leads to something."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from etlmon.contract.dataproc_models import (
    ClusterConfig,
    DataprocCluster,
    DiskConfig,
    GceClusterConfig,
    InstanceGroupConfig,
    LifecycleConfig,
    SoftwareConfig,
    Status,
    VirtualClusterConfig,
)
from etlmon.contract.dataproc_rows import DataprocResource, ResourceError, ResourceReference
from tests.node.store.estates import job
from tests.node.store.opened import START, after
from ui.dataproc_command import spaceone

LAYOUTS = {"item", "table", "query-search-table", "simple-table"}
FIELDS = {"text", "enum", "list", "datetime", "size"}
DISK = DiskConfig(boot_disk_type="pd-ssd", boot_disk_size_gb=500)


def group(number: int, machine: str, preemptibility: str = "NON_PREEMPTIBLE") -> InstanceGroupConfig:
    return InstanceGroupConfig(
        num_instances=number, machine_type_uri=machine, disk_config=DISK, preemptibility=preemptibility
    )


WHOLE = DataprocCluster(
    project_id="data-prod",
    cluster_name="etl-prod",
    cluster_uuid="b5d2c5cc",
    location="asia-northeast3",
    labels={"team": "데이터", "env": ""},
    status=Status(state="RUNNING", detail="well", state_start_time=after(60)),
    status_history=[Status(state="CREATING", detail="begun", state_start_time=START)],
    config=ClusterConfig(
        config_bucket="staging",
        temp_bucket="temp",
        autoscaling_policy_uri="burst",
        master_config=group(1, "n2-standard-4"),
        worker_config=group(4, "n2-standard-8"),
        secondary_worker_config=group(2, "n2-standard-8", "SPOT"),
        software_config=SoftwareConfig(image_version="2.2.31-debian12", optional_components=["JUPYTER"]),
        gce_cluster_config=GceClusterConfig(
            zone_uri="asia-northeast3-a",
            network_uri="default",
            subnetwork_uri="sub",
            internal_ip_only=True,
            service_account="etl@data-prod",
            tags=["etl"],
        ),
        lifecycle_config=LifecycleConfig(
            idle_delete_ttl_sec=1800.0, auto_delete_ttl_sec=9.0, auto_delete_time=after(9), idle_start_time=START
        ),
    ),
    virtual_cluster_config=VirtualClusterConfig(gke_cluster_target="gke", kubernetes_namespace="etl"),
    jobs=[
        job(
            type="pyspark",
            status=Status(state="DONE"),
            ended_at=after(5),
            driver_output_uri="gs://staging/driveroutput",
        )
    ],
)


def document(cluster: DataprocCluster = WHOLE) -> dict[str, Any]:
    reference = ResourceReference(resource_id=cluster.cluster_uuid, external_link="https://console.cloud.google.com")
    found = DataprocResource(
        name=cluster.cluster_name, data=cluster, reference=reference, region_code=cluster.location, account="data-prod"
    )
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(spaceone.cluster(found)))
    return read


def at(thing: Any, path: str) -> Any:
    """What a console finds there."""
    for name in path.split("."):
        thing = thing[name]
    return thing


def told(layout: dict[str, Any], resource: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each field of a layout with its value; of a table, those of its first row."""
    place = resource
    if root := layout["options"].get("root_path"):
        place = at(resource, root)[0]
    for field in layout["options"]["fields"]:
        yield field["name"], at(place, field["key"])


def test_a_cluster_is_a_response_as_a_collector_gives_it() -> None:
    whole = document()
    resource = whole.pop("resource")
    assert whole == {
        "state": "SUCCESS",
        "message": "",
        "resource_type": "inventory.CloudService",
        "match_rules": {"1": ["reference.resource_id", "provider", "cloud_service_type", "cloud_service_group"]},
    }
    assert (resource["provider"], resource["cloud_service_group"], resource["cloud_service_type"]) == (
        *("google_cloud", "Dataproc", "Cluster"),
    )
    assert (resource["name"], resource["account"], resource["region_code"]) == (
        *("etl-prod", "data-prod", "asia-northeast3"),
    )
    assert resource["reference"] == {"resource_id": "b5d2c5cc", "external_link": "https://console.cloud.google.com"}
    assert (resource["instance_type"], resource["launched_at"]) == ("n2-standard-4", "2026-11-21T06:00:00Z")
    assert (
        resource["data"]["labels"]
        == resource["tags"]
        == [
            {"key": "team", "value": "데이터"},
            {"key": "env", "value": ""},
        ]
    )
    for path in ("reference.resource_id", "provider", "cloud_service_type", "cloud_service_group"):
        assert at(resource, path)


def test_every_field_of_every_page_leads_to_something_in_the_document() -> None:
    resource = document()["resource"]
    layouts = resource["metadata"]["view"]["sub_data"]["layouts"]
    assert [layout["name"] for layout in layouts] == [
        "Cluster Info",
        "Configuration",
        "Network Configuration",
        "Lifecycle",
        "Instance Configuration",
        "Jobs",
        "Status History",
        "Labels",
    ]
    values = {(layout["name"], name): value for layout in layouts for name, value in told(layout, resource)}
    assert values["Instance Configuration", "Boot Disk Size"] == 500
    assert values["Jobs", "Submitted"] == "2026-11-21T06:00:00Z"
    assert all(value or key == ("Labels", "Value") for key, value in values.items()), values


def test_the_list_has_its_columns_its_search_and_its_charts() -> None:
    response = spaceone.service_type()
    assert (response["resource_type"], response["match_rules"]) == (
        *("inventory.CloudServiceType", {"1": ["name", "group", "provider"]}),
    )
    view = response["resource"]["metadata"]["view"]
    resource = document()["resource"]
    assert dict(told(view["table"]["layout"], resource)) == {
        "Status": "RUNNING",
        "Location": "asia-northeast3",
        "Image Version": "2.2.31-debian12",
        "Master Instances": 1,
        "Worker Instances": 4,
        "Preemptible": "2 SPOT",
        "Staging Bucket": "staging",
        "Project": "data-prod",
    }
    assert len(view["search"]) == 7
    assert all(at(resource, one["key"]) for one in view["search"])
    assert [widget["name"] for widget in view["widget"]] == ["Total Count", "Count by Region", "Count by Project"]
    for widget in view["widget"]:
        (aggregate,) = widget["query"]["aggregate"]
        assert aggregate["group"]["fields"] == [{"name": "value", "operator": "count"}]
        assert all(at(resource, key["key"]) for key in aggregate["group"].get("keys", ()))
        wanted = {one["key"]: one["value"] for one in widget["query"]["filter"]}
        assert {key: resource[key] for key in wanted} == wanted


def test_layouts_and_fields_are_of_the_kinds_that_a_console_knows() -> None:
    layouts = [
        spaceone.service_type()["resource"]["metadata"]["view"]["table"]["layout"],
        *document()["resource"]["metadata"]["view"]["sub_data"]["layouts"],
    ]
    assert {layout["type"] for layout in layouts} == LAYOUTS
    fields = [field for layout in layouts for field in layout["options"]["fields"]]
    assert {field["type"] for field in fields} == FIELDS
    for field in fields:
        if field["type"] == "enum":
            assert {one["type"] for one in field["options"].values()} == {"state"}
        if field["type"] == "datetime":
            assert field["options"] == {"source_type": "iso8601"}


def test_a_cluster_on_kubernetes_has_the_same_columns() -> None:
    virtual = VirtualClusterConfig(staging_bucket="gke-staging", component_version={"SPARK": "3.5"})
    bare = DataprocCluster(
        project_id="p", cluster_name="k", cluster_uuid="u", location="r", virtual_cluster_config=virtual
    )
    resource = document(bare)["resource"]
    assert resource["data"]["display"] == {
        "image_version": "3.5",
        "staging_bucket": "gke-staging",
        "preemptible": "0",
        "instances": [],
    }
    assert "instance_type" not in resource
    assert "launched_at" not in resource
    assert resource["data"]["labels"] == []


def test_a_region_is_found_by_its_code() -> None:
    region = spaceone.region("asia-northeast3")
    assert region["match_rules"] == {"1": ["region_code", "provider"]}
    assert (region["resource"]["region_code"], region["resource"]["provider"]) == ("asia-northeast3", "google_cloud")


@pytest.mark.parametrize(
    ("error", "message", "resource_id"),
    [
        (ResourceError(account="data", project_id="p1", region="r1", message="denied"), "p1/r1: denied", "p1/r1"),
        (ResourceError(account="data", message="the key was refused"), "data: the key was refused", "data"),
    ],
)
def test_what_could_not_be_collected_is_a_failure(error: ResourceError, message: str, resource_id: str) -> None:
    failed = spaceone.failure(error)
    assert (failed["state"], failed["message"], failed["resource_type"]) == (
        *("FAILURE", message, "inventory.ErrorResource"),
    )
    assert failed["resource"]["resource_id"] == resource_id
