"""dataproc: the Google Cloud Dataproc estate: clusters, jobs, templates, policies, and how collecting them went."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from etlmon.contract.dataproc_models import (
    DataprocCluster,
    DataprocJob,
    DataprocPolicy,
    DataprocTemplate,
    PolicyGroup,
    Status,
    TemplateJob,
)
from etlmon.contract.dataproc_rows import (
    DataprocResource,
    DataprocResources,
    DataprocRow,
    DataprocRun,
    RegionResult,
    ResourceReference,
)
from etlmon.contract.endpoint import API, PAGE_HEADERS, Endpoint, Page, RowPage

LONGEST = 255


class InventoryQuery(Page, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the estate."""

    project: Annotated[str, msgspec.Meta(max_length=LONGEST, description="of this project only")] | None = None
    region: Annotated[str, msgspec.Meta(max_length=LONGEST, description="in this region only")] | None = None


class DataprocQuery(InventoryQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clusters."""

    state: Annotated[str, msgspec.Meta(max_length=64, description="in this state only, as Google writes it")] | None = (
        None
    )
    gone: Annotated[bool, msgspec.Meta(description="those that are gone, too")] = False


class DataprocJobQuery(InventoryQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs."""

    cluster: Annotated[str, msgspec.Meta(max_length=LONGEST, description="of this cluster (its UUID) only")] | None = (
        None
    )
    state: Annotated[str, msgspec.Meta(max_length=64, description="in this state only, as Google writes it")] | None = (
        None
    )


class ResourceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the estate; without a limit all of it in one answer, and a large one makes a large answer."""

    project: Annotated[str, msgspec.Meta(max_length=LONGEST, description="of this project only")] | None = None
    region: Annotated[str, msgspec.Meta(max_length=LONGEST, description="in this region only")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="resources in one answer")] | None = None
    after: (
        Annotated[str, msgspec.Meta(max_length=LONGEST, description="only those that follow this resource_id")] | None
    ) = None


class DataprocRunQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs."""

    account: Annotated[str, msgspec.Meta(max_length=LONGEST, description="of this account only")] | None = None


class CollectRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to collect now: the accounts that are named, or all."""

    accounts: Annotated[list[str], msgspec.Meta(max_length=100)] | None = None


class CollectStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts of which a run begins at once, and those of which one goes on already."""

    accepted: list[str]
    running: list[str] = []


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
_ID = "b5d2c5cc-7a37-4b61-9d7e-0d7a3d1a2b3c"
_CONSOLE = "https://console.cloud.google.com/dataproc/clusters/etl-prod?region=asia-northeast3&project=data-prod"
_STATUS = Status(state="RUNNING", state_start_time=_AT)
_JOB = DataprocJob(
    job_id="nightly-load-20261121",
    project_id="data-prod",
    region="asia-northeast3",
    cluster_name="etl-prod",
    cluster_uuid=_ID,
    type="pyspark",
    status=Status(state="DONE", state_start_time=_AT),
    submitted_at=_AT,
    ended_at=_AT,
    done=True,
)
_CLUSTER = DataprocCluster(
    project_id="data-prod",
    cluster_name="etl-prod",
    cluster_uuid=_ID,
    location="asia-northeast3",
    status=_STATUS,
    jobs=[_JOB],
)

DATAPROC_RESOURCES = Endpoint(
    method="GET",
    path=f"{API}/dataproc/resources",
    answer=DataprocResources,
    summary="Every Dataproc cluster in the form of an inventory, and what could not be collected",
    query=ResourceQuery,
    errors=(404,),
    headers={"Link": 'the next page, rel="next"; absent on the last, and without a limit'},
    example=DataprocResources(
        resources=[
            DataprocResource(
                name="etl-prod",
                data=_CLUSTER,
                reference=ResourceReference(resource_id=_ID, external_link=_CONSOLE),
                region_code="asia-northeast3",
                account="data-prod",
            )
        ],
        errors=[],
    ),
)

DATAPROC_CLUSTERS = Endpoint(
    method="GET",
    path=f"{API}/dataproc/clusters",
    answer=list[DataprocRow],
    summary="The Dataproc clusters, by project, region and name",
    query=DataprocQuery,
    headers=PAGE_HEADERS,
    example=[
        DataprocRow(
            id=_ID,
            account="data",
            project_id="data-prod",
            region="asia-northeast3",
            zone="asia-northeast3-a",
            cluster_name="etl-prod",
            state="RUNNING",
            state_since=_AT,
            image_version="2.2.31-debian12",
            masters=1,
            master_type="n2-standard-4",
            workers=4,
            worker_type="n2-standard-8",
            staging_bucket="dataproc-staging-asia-northeast3-1",
            jobs=1,
            last_job_state="DONE",
            last_job_at=_AT,
            first_seen_at=_AT,
            collected_at=_AT,
            console_url=_CONSOLE,
        )
    ],
)

DATAPROC_CLUSTER = Endpoint(
    method="GET",
    path=f"{API}/dataproc/clusters/{{id}}",
    answer=DataprocCluster,
    summary="One Dataproc cluster, whole, with its latest jobs",
    errors=(404,),
    example=_CLUSTER,
)

DATAPROC_JOBS = Endpoint(
    method="GET",
    path=f"{API}/dataproc/jobs",
    answer=list[DataprocJob],
    summary="The latest jobs of each Dataproc cluster, newest first",
    query=DataprocJobQuery,
    headers=PAGE_HEADERS,
    example=[_JOB],
)

DATAPROC_TEMPLATES = Endpoint(
    method="GET",
    path=f"{API}/dataproc/templates",
    answer=list[DataprocTemplate],
    summary="The workflow templates",
    query=InventoryQuery,
    headers=PAGE_HEADERS,
    example=[
        DataprocTemplate(
            id="nightly",
            name="projects/data-prod/regions/asia-northeast3/workflowTemplates/nightly",
            project_id="data-prod",
            region="asia-northeast3",
            version=3,
            placement="managed nightly-cluster",
            jobs=[TemplateJob(step_id="load", type="pyspark")],
        )
    ],
)

DATAPROC_POLICIES = Endpoint(
    method="GET",
    path=f"{API}/dataproc/policies",
    answer=list[DataprocPolicy],
    summary="The autoscaling policies, and which clusters follow each",
    query=InventoryQuery,
    headers=PAGE_HEADERS,
    example=[
        DataprocPolicy(
            id="burst",
            name="projects/data-prod/regions/asia-northeast3/autoscalingPolicies/burst",
            project_id="data-prod",
            region="asia-northeast3",
            worker_config=PolicyGroup(min_instances=2, max_instances=10, weight=1),
            used_by=["etl-prod"],
        )
    ],
)

DATAPROC_RUNS = Endpoint(
    method="GET",
    path=f"{API}/dataproc/runs",
    answer=list[DataprocRun],
    summary="How collecting went, newest first, each region with its result",
    query=DataprocRunQuery,
    headers={"Link": 'the next page, rel="next"; absent on the last'},
    example=[
        DataprocRun(
            id=1,
            account="data",
            started_at=_AT,
            ended_at=_AT,
            duration_ms=5210.0,
            result="complete",
            success=1,
            calls=80,
            clusters=1,
            jobs=1,
            regions_from="api",
            quota_percent=8.0,
            regions=[
                RegionResult(project_id="data-prod", region="asia-northeast3", state="ok", clusters=1, jobs=1, calls=4)
            ],
        )
    ],
)

DATAPROC_COLLECT = Endpoint(
    method="POST",
    path=f"{API}/dataproc/collect",
    answer=CollectStarted,
    summary="Collect now instead of when it is time",
    body=CollectRequest,
    status=202,
    errors=(404, 413, 415, 429, 503),
    example=CollectStarted(accepted=["data"]),
)
