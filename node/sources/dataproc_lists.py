"""The four lists that Dataproc is asked for, over gRPC and REST, with the API's own messages.

Method names, paths and fields: cloud.google.com/dataproc/docs/reference/rpc and /rest/v1.
"""

from dataclasses import dataclass
from typing import Any, Literal

from google.cloud.dataproc_v1.types import autoscaling_policies, clusters, jobs, workflow_templates

_SERVICES = "/google.cloud.dataproc.v1"

ListName = Literal["clusters", "jobs", "templates", "policies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """One of them. `request` and `response` are the plain messages, whose fields cost a third of the wrapped ones."""

    name: ListName
    """Also the field of the response that holds what is listed."""
    rpc: str
    path: str
    """The last part of the REST path, below a project's region."""
    request: Any
    response: Any
    has_parent: bool = False
    """Whether project and region are told as one resource name."""
    page_size: int
    permission: str
    """What the caller needs for it."""

    def question(self, project: str, region: str, page_token: str) -> Any:
        """The request for a page."""
        place = {"parent": parent_of(project, region)} if self.has_parent else {"project_id": project, "region": region}
        return self.request(page_size=self.page_size, page_token=page_token, **place)

    def route(self, project: str, region: str) -> list[tuple[str, str]]:
        """What tells Google's front end where the request belongs (google.aip.dev/client-libraries/4222)."""
        if self.has_parent:
            return [("parent", parent_of(project, region))]
        return [("project_id", project), ("region", region)]


CLUSTERS = List(
    name="clusters",
    rpc=f"{_SERVICES}.ClusterController/ListClusters",
    path="clusters",
    request=clusters.ListClustersRequest.pb(),
    response=clusters.ListClustersResponse.pb(),
    page_size=200,
    permission="dataproc.clusters.list",
)
JOBS = List(
    name="jobs",
    rpc=f"{_SERVICES}.JobController/ListJobs",
    path="jobs",
    request=jobs.ListJobsRequest.pb(),
    response=jobs.ListJobsResponse.pb(),
    page_size=1000,
    permission="dataproc.jobs.list",
)
TEMPLATES = List(
    name="templates",
    rpc=f"{_SERVICES}.WorkflowTemplateService/ListWorkflowTemplates",
    path="workflowTemplates",
    request=workflow_templates.ListWorkflowTemplatesRequest.pb(),
    response=workflow_templates.ListWorkflowTemplatesResponse.pb(),
    has_parent=True,
    page_size=500,
    permission="dataproc.workflowTemplates.list",
)
POLICIES = List(
    name="policies",
    rpc=f"{_SERVICES}.AutoscalingPolicyService/ListAutoscalingPolicies",
    path="autoscalingPolicies",
    request=autoscaling_policies.ListAutoscalingPoliciesRequest.pb(),
    response=autoscaling_policies.ListAutoscalingPoliciesResponse.pb(),
    has_parent=True,
    page_size=500,
    permission="dataproc.autoscalingPolicies.list",
)


def parent_of(project: str, region: str) -> str:
    """The resource name of a region."""
    return f"projects/{project}/regions/{region}"
