"""dataproc: what a node tells of the estate: a line a cluster, how a run went, and the inventory form."""

from datetime import datetime
from typing import Literal

import msgspec

from etlmon.contract.dataproc_models import DataprocCluster

RunResult = Literal["running", "complete", "partial", "failed", "timeout"]
RegionState = Literal["ok", "failed", "timeout", "skipped"]
RegionsFrom = Literal["", "api", "cache", "fallback"]
Attention = Literal["stuck", "idle", "error"]


class DataprocRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster as a list shows it; the whole of it is under its `id`."""

    id: str
    """Google's UUID of the cluster."""
    account: str
    """The name of the account in node.yaml."""
    project_id: str
    region: str
    zone: str = ""
    cluster_name: str
    kind: Literal["gce", "gke"] = "gce"
    state: str
    """As Google writes it: RUNNING, CREATING, ERROR, DELETING, UPDATING, STOPPED, …, UNKNOWN."""
    substate: str = ""
    state_since: datetime | None = None
    detail: str = ""
    image_version: str = ""
    masters: int = 0
    master_type: str = ""
    workers: int = 0
    worker_type: str = ""
    secondary_workers: int = 0
    preemptibility: str = ""
    """Of the secondary workers: PREEMPTIBLE, SPOT, NON_PREEMPTIBLE; empty without any."""
    staging_bucket: str = ""
    labels: dict[str, str] = {}
    policy: str = ""
    """The autoscaling policy it follows."""
    jobs: int = 0
    """Of those that are kept of it, at most the latest 10."""
    jobs_running: int = 0
    last_job_state: str = ""
    last_job_at: datetime | None = None
    idle_since: datetime | None = None
    """Since when no job ran, as far as it is known; None while one runs."""
    has_ttl: bool = False
    """It is deleted by itself some time."""
    attention: Attention | None = None
    attention_reason: str | None = None
    """Stuck in a passing state, idle without an end (it costs), or in error."""
    stale: bool = False
    """The last run could not ask its region: this is what was known before."""
    gone_at: datetime | None = None
    """A complete run did not find it any more."""
    first_seen_at: datetime
    collected_at: datetime
    console_url: str = ""


class RegionResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one region of one project went."""

    project_id: str
    region: str
    state: RegionState
    clusters: int = 0
    jobs: int = 0
    templates: int = 0
    policies: int = 0
    calls: int = 0
    duration_ms: float = 0.0
    error: str | None = None


class DataprocRun(msgspec.Struct, frozen=True, kw_only=True):
    """One collection of one account.

    `complete`: everything was read, and what it did not find is gone. `partial`: something failed, and what was not
    found is stale.
    `success` counts the clusters that were read; `failure` and `timeout` count what could not be: a project, a region,
    its jobs, templates or policies, a cluster; `unknown` what came in a form that this program does not know.
    """

    id: int = 0
    account: str
    started_at: datetime
    ended_at: datetime | None = None
    duration_ms: float | None = None
    result: RunResult
    reason: str | None = None
    """Why it is not complete, in a sentence."""
    success: int = 0
    failure: int = 0
    timeout: int = 0
    unknown: int = 0
    calls: int = 0
    retries: int = 0
    clusters: int = 0
    jobs: int = 0
    regions_from: RegionsFrom = ""
    quota_percent: float = 0.0
    """The most calls within a minute that a project got, of those that it may get."""
    regions: list[RegionResult] = []
    errors: list[str] = []


class ResourceReference(msgspec.Struct, frozen=True, kw_only=True):
    resource_id: str
    external_link: str


class DataprocResource(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster in the form of an inventory."""

    name: str
    data: DataprocCluster
    reference: ResourceReference
    region_code: str
    account: str
    """The project."""


class ResourceError(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be collected, and why."""

    account: str
    project_id: str = ""
    region: str = ""
    message: str


class DataprocResources(msgspec.Struct, frozen=True, kw_only=True):
    resources: list[DataprocResource]
    errors: list[ResourceError]
