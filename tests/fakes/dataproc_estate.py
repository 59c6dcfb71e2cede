"""What a pretended Google Cloud holds: projects, regions, and in each the API's own messages."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from google.cloud import dataproc_v1 as api

SINCE = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
"""When clusters and jobs got into their state, if nothing else is said."""


def cluster(name: str, state: str | int = "RUNNING", *, since: datetime = SINCE, **fields: Any) -> api.Cluster:
    """A cluster on Compute Engine. `fields` are those of the message, and replace what it is given here.

    A number as `state` may be one that the library does not know.
    """
    given: dict[str, Any] = {
        "cluster_name": name,
        "labels": {"goog-dataproc-cluster-name": name},
        "status": {"state": state, "state_start_time": since},
        "config": {
            "config_bucket": "dataproc-staging-1",
            "gce_cluster_config": {"zone_uri": _zone("us-central1-a"), "network_uri": "default"},
            "master_config": {"num_instances": 1, "machine_type_uri": "n2-standard-4", "instance_names": [f"{name}-m"]},
            "worker_config": {
                "num_instances": 2,
                "machine_type_uri": "n2-standard-8",
                "instance_names": [f"{name}-w-0", f"{name}-w-1"],
            },
            "software_config": {"image_version": "2.2.31-debian12"},
        },
    }
    return api.Cluster(given | fields)


def gke_cluster(name: str, state: str = "RUNNING", *, since: datetime = SINCE, **fields: Any) -> api.Cluster:
    """A cluster on Google Kubernetes Engine: it has no `config`."""
    given: dict[str, Any] = {
        "cluster_name": name,
        "status": {"state": state, "state_start_time": since},
        "virtual_cluster_config": {
            "staging_bucket": "dataproc-staging-gke",
            "kubernetes_cluster_config": {
                "kubernetes_namespace": "spark",
                "gke_cluster_config": {"gke_cluster_target": "projects/p1/locations/us-central1/clusters/gke"},
                "kubernetes_software_config": {"component_version": {"SPARK": "3.5-dataproc-21"}},
            },
        },
    }
    return api.Cluster(given | fields)


def job(job_id: str, cluster_name: str, state: str = "DONE", *, at: datetime = SINCE, **fields: Any) -> api.Job:
    """A Spark job of a cluster, submitted at `at`; one that is done took a minute."""
    first = {"state": "PENDING", "state_start_time": at}
    is_over = state in ("DONE", "ERROR", "CANCELLED")
    given: dict[str, Any] = {
        "reference": {"job_id": job_id},
        "placement": {"cluster_name": cluster_name},
        "pyspark_job": {"main_python_file_uri": f"gs://jobs/{job_id}.py"},
        "status_history": [first] if state != "PENDING" else [],
        "status": {"state": state, "state_start_time": at + timedelta(minutes=1 if is_over else 0)},
        "driver_output_resource_uri": f"gs://dataproc-staging-1/{job_id}/driveroutput",
        "done": is_over,
    }
    return api.Job(given | fields)


def template(name: str, **fields: Any) -> api.WorkflowTemplate:
    """A workflow template with one job on a cluster of its own."""
    given: dict[str, Any] = {
        "id": name,
        "version": 3,
        "create_time": SINCE,
        "update_time": SINCE,
        "placement": {"managed_cluster": {"cluster_name": f"{name}-cluster"}},
        "jobs": [{"step_id": "load", "pyspark_job": {"main_python_file_uri": "gs://jobs/load.py"}}],
    }
    return api.WorkflowTemplate(given | fields)


def policy(name: str, **fields: Any) -> api.AutoscalingPolicy:
    """An autoscaling policy for 2 to 10 workers."""
    yarn = {
        "graceful_decommission_timeout": timedelta(hours=1),
        "scale_up_factor": 0.05,
        "scale_down_factor": 1.0,
    }
    given: dict[str, Any] = {
        "id": name,
        "basic_algorithm": {"cooldown_period": timedelta(minutes=4), "yarn_config": yarn},
        "worker_config": {"min_instances": 2, "max_instances": 10, "weight": 1},
    }
    return api.AutoscalingPolicy(given | fields)


@dataclass
class Region:
    """What one project has in one region. A region that is not `UP` is in maintenance."""

    clusters: list[api.Cluster] = field(default_factory=list)
    jobs: list[api.Job] = field(default_factory=list)
    templates: list[api.WorkflowTemplate] = field(default_factory=list)
    policies: list[api.AutoscalingPolicy] = field(default_factory=list)
    status: str = "UP"

    def of(self, project: str, region: str) -> "Region":
        """The same, every message complete with what says where it is."""
        for one in self.clusters:
            one.project_id = one.project_id or project
            one.cluster_uuid = one.cluster_uuid or uuid_of(project, region, one.cluster_name)
        by_name = {one.cluster_name: one.cluster_uuid for one in self.clusters}
        for each in self.jobs:
            each.reference.project_id = each.reference.project_id or project
            each.job_uuid = each.job_uuid or uuid_of(project, region, each.reference.job_id)
            uuid = each.placement.cluster_uuid or by_name.get(each.placement.cluster_name, "")
            each.placement.cluster_uuid = uuid
        place = f"projects/{project}/regions/{region}"
        for workflow in self.templates:
            workflow.name = workflow.name or f"{place}/workflowTemplates/{workflow.id}"
        for scaling in self.policies:
            scaling.name = scaling.name or f"{place}/autoscalingPolicies/{scaling.id}"
        return self


@dataclass
class Estate:
    """Everything there is: project, then region. It may be changed while a server shows it."""

    projects: dict[str, dict[str, Region]]

    @classmethod
    def of(cls, projects: Mapping[str, Mapping[str, Region]]) -> "Estate":
        estate = cls({})
        for project, regions in projects.items():
            estate.projects[project] = {}
            for region, content in regions.items():
                estate.put(project, region, content)
        return estate

    @classmethod
    def large(
        cls, clusters: int, regions: Sequence[str], *, project: str = "p1", jobs_per_cluster: int = 0, seed: int = 7
    ) -> "Estate":
        """So many clusters, spread evenly; their jobs are in no order at all."""
        order = random.Random(seed)
        content = {region: Region() for region in regions}
        for number in range(clusters):
            region = content[regions[number % len(regions)]]
            name = f"etl-{number:04d}"
            region.clusters.append(cluster(name))
            at = [SINCE + timedelta(minutes=5 * turn) for turn in range(jobs_per_cluster)]
            region.jobs += [job(f"{name}-{turn:03d}", name, at=when) for turn, when in enumerate(at)]
        for region in content.values():
            order.shuffle(region.jobs)
        return cls.of({project: content})

    def put(self, project: str, region: str, content: Region) -> None:
        """Make it all that this project has in this region."""
        self.projects[project][region] = content.of(project, region)

    def region(self, project: str, region: str) -> Region | None:
        return self.projects.get(project, {}).get(region)

    def clusters(self) -> Iterator[api.Cluster]:
        for regions in self.projects.values():
            for content in regions.values():
                yield from content.clusters


def uuid_of(project: str, region: str, name: str) -> str:
    """The UUID that something is given here, the same each time."""
    return str(uuid5(NAMESPACE_DNS, f"{name}.{region}.{project}.example"))


def _zone(zone: str) -> str:
    return f"https://www.googleapis.com/compute/v1/projects/p1/zones/{zone}"
