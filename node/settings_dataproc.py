"""The section of node.yaml about Google Cloud Dataproc."""

from typing import Annotated, Literal

import msgspec

from etlmon.units import Duration
from node.section import AbsolutePath, Count, CountOrZero, Name, Section


class DataprocAccount(Section, frozen=True, kw_only=True):
    """The key of one service account, and the projects that are read with it."""

    name: Name
    credentials_file: AbsolutePath | None = None
    projects: tuple[Name, ...] = ()
    region_filter: tuple[Name, ...] = ()
    exclude_regions: tuple[Name, ...] = ()
    include_jobs: bool = True
    jobs_per_cluster: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    include_workflow_templates: bool = True
    include_autoscaling_policies: bool = True
    transport: Literal["auto", "grpc", "rest"] = "auto"
    endpoint: str = ""
    compute_endpoint: str = ""
    insecure: bool = False
    anonymous: bool = False
    ca_file: AbsolutePath | None = None


class DataprocTimeouts(Section, frozen=True, kw_only=True):
    total: Duration = Duration(90)
    cluster: Duration = Duration(60)
    jobs: Duration = Duration(15)


class DataprocRetries(Section, frozen=True, kw_only=True):
    """How often a call is tried in all, and how long it waits between: twice as long each time, with jitter."""

    clusters: Count = 3
    jobs: Count = 2
    initial: Duration = Duration(1)
    multiplier: Annotated[float, msgspec.Meta(ge=1, le=10)] = 2.0
    max: Duration = Duration(8)


class DataprocQuota(Section, frozen=True, kw_only=True):
    per_minute: CountOrZero = 1000
    warn_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.8


class Dataproc(Section, frozen=True, kw_only=True):
    enabled: bool = False
    accounts: tuple[DataprocAccount, ...] = ()
    fallback_regions: tuple[Name, ...] = (
        "asia-east1",
        "asia-northeast1",
        "asia-northeast3",
        "asia-southeast1",
        "europe-west1",
        "europe-west4",
        "us-central1",
        "us-east1",
        "us-west1",
        "us-west2",
    )
    region_cache_ttl: Duration = Duration(300)
    region_concurrency: Annotated[int, msgspec.Meta(ge=1, le=8)] = 4
    idle_after: Duration = Duration(3600)
    stuck_after: Duration = Duration(1800)
    timeouts: DataprocTimeouts = DataprocTimeouts()
    retries: DataprocRetries = DataprocRetries()
    quota: DataprocQuota = DataprocQuota()
