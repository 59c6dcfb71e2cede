"""The pretended Google Cloud answers as the real one: it is asked with Google's own library, and by hand."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataproc_v1 as api
from google.cloud.dataproc_v1.services.cluster_controller.transports import (
    ClusterControllerGrpcTransport,
    ClusterControllerRestTransport,
)
from google.cloud.dataproc_v1.services.job_controller.transports import JobControllerGrpcTransport
from google.cloud.dataproc_v1.services.workflow_template_service.transports import WorkflowTemplateServiceGrpcTransport
from google.oauth2.service_account import Credentials
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from tests.fakes.dataproc import FakeGoogle, fake_dataproc
from tests.fakes.dataproc_estate import Estate, Region, cluster, gke_cluster, job, policy, template
from tests.fakes.dataproc_service import PERMISSION_DENIED, SERVICE_DISABLED, Fault

PLACE = {"project_id": "p1", "region": "us-central1"}
URL = "/v1/projects/p1/regions/us-central1"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
NAMES = [f"etl-{number}" for number in range(5)]


def estate() -> Estate:
    content = Region(
        clusters=[cluster(name) for name in NAMES],
        jobs=[job("load", "etl-0"), job("clean", "etl-1")],
        templates=[template("nightly")],
        policies=[policy("burst")],
    )
    return Estate.of({"p1": {"us-central1": content, "europe-west1": Region(status="DOWN")}})


@contextmanager
def clusters_over_grpc(google: FakeGoogle) -> Iterator[api.ClusterControllerClient]:
    with grpc.insecure_channel(google.endpoint) as channel:
        yield api.ClusterControllerClient(transport=ClusterControllerGrpcTransport(channel=channel))


def listed(client: api.ClusterControllerClient, **more: Any) -> Any:
    request = {**PLACE, **more.pop("request", {})}
    return client.list_clusters(request=request, retry=None, **{"timeout": 10.0} | more)


def test_a_list_comes_in_pages_that_the_library_puts_together() -> None:
    with fake_dataproc(estate(), most_per_page=2, needs_token=False) as google, clusters_over_grpc(google) as client:
        found = list(listed(client))
    assert [one.cluster_name for one in found] == NAMES
    assert all(one.project_id == "p1" and one.cluster_uuid for one in found)
    assert [bool(call.page_token) for call in google.seen("ListClusters", "us-central1")] == [False, True, True]


def test_a_call_is_noted_with_what_came_with_it() -> None:
    with fake_dataproc(estate(), needs_token=False) as google, clusters_over_grpc(google) as client:
        list(listed(client, request={"page_size": 3}))
    call = google.calls[0]
    assert (call.method, call.transport, call.project, call.region) == ("ListClusters", "grpc", "p1", "us-central1")
    assert call.page_size == 3
    assert call.deadline_sec is not None
    assert 0 < call.deadline_sec < 11
    assert call.metadata["x-goog-request-params"] == "project_id=p1&region=us-central1"


def test_a_token_is_good_for_its_own_list_only() -> None:
    with fake_dataproc(estate(), most_per_page=2, needs_token=False) as google, clusters_over_grpc(google) as client:
        token = listed(client).next_page_token
        with pytest.raises(exceptions.InvalidArgument, match="Page token is invalid"):
            listed(client, request={"region": "europe-west1", "page_token": token})


def test_a_page_may_name_itself_as_the_next_one() -> None:
    with fake_dataproc(estate(), most_per_page=2, needs_token=False) as google, clusters_over_grpc(google) as client:
        google.faults["ListClusters", "*"] = [Fault(repeats_token=True, always=True)]
        first = listed(client).next_page_token
        again = listed(client, request={"page_token": first}).next_page_token
    assert first == again != ""


def test_jobs_templates_and_policies_are_listed_too() -> None:
    with fake_dataproc(estate(), needs_token=False) as google, grpc.insecure_channel(google.endpoint) as channel:
        jobs = api.JobControllerClient(transport=JobControllerGrpcTransport(channel=channel))
        found = list(jobs.list_jobs(request={**PLACE, "cluster_name": "etl-1"}, retry=None, timeout=10))
        workflows = api.WorkflowTemplateServiceClient(transport=WorkflowTemplateServiceGrpcTransport(channel=channel))
        parent = "projects/p1/regions/us-central1"
        templates = list(workflows.list_workflow_templates(parent=parent, retry=None, timeout=10))
    assert [one.reference.job_id for one in found] == ["clean"]
    assert found[0].placement.cluster_uuid == next(
        one.cluster_uuid for one in google.estate.clusters() if one.cluster_name == "etl-1"
    )
    assert [one.name for one in templates] == [f"{parent}/workflowTemplates/nightly"]


def test_a_state_that_the_library_does_not_know_arrives_as_a_number_either_way() -> None:
    strange = Estate.of({"p1": {"us-central1": Region(clusters=[cluster("new", 99), gke_cluster("gke")])}})
    with fake_dataproc(strange, needs_token=False) as google, clusters_over_grpc(google) as client:
        over_grpc = list(listed(client))
        over_rest = list(listed(rest_client(google)))
    assert over_grpc == over_rest
    # The library warns of such a value when it is read; underneath it is just a number.
    assert [api.Cluster.pb(one).status.state for one in over_grpc] == [99, int(api.ClusterStatus.State.RUNNING)]
    assert "config" not in over_grpc[1]


def rest_client(google: FakeGoogle) -> api.ClusterControllerClient:
    host = google.rest.partition("://")[2]
    transport = ClusterControllerRestTransport(host=host, credentials=AnonymousCredentials(), url_scheme="http")  # type: ignore[no-untyped-call]
    return api.ClusterControllerClient(transport=transport)


def test_over_http_the_same_list_comes_as_json_with_the_names_of_states() -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        body = requests.get(f"{google.rest}{URL}/clusters?pageSize=2", timeout=10).json()
        rest = requests.get(
            f"{google.rest}{URL}/clusters", params={"pageToken": body["nextPageToken"]}, timeout=10
        ).json()
    assert [one["clusterName"] for one in body["clusters"] + rest["clusters"]] == NAMES
    assert body["clusters"][0]["status"]["state"] == "RUNNING"


@pytest.mark.parametrize("kind", ["jobs", "workflowTemplates", "autoscalingPolicies"])
def test_every_list_can_be_asked_for_over_http(kind: str) -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        answer = requests.get(f"{google.rest}{URL}/{kind}", timeout=10)
    assert answer.status_code == 200
    assert len(next(iter(answer.json().values()))) >= 1


def test_a_refusal_over_grpc_has_its_reason_and_the_delay_in_its_details() -> None:
    with fake_dataproc(estate(), needs_token=False) as google, clusters_over_grpc(google) as client:
        google.faults["ListClusters", "us-central1"] = [
            Fault(code="RESOURCE_EXHAUSTED", message="Quota exceeded", reason="RATE_LIMIT_EXCEEDED", retry_sec=1.5)
        ]
        with pytest.raises(exceptions.ResourceExhausted, match="Quota exceeded") as refused:
            listed(client)
        assert len(listed(client).clusters) == 5
    kinds = {type(detail): detail for detail in refused.value.details}
    assert kinds[ErrorInfo].reason == "RATE_LIMIT_EXCEEDED"
    assert kinds[RetryInfo].retry_delay.nanos == 500_000_000


def test_a_refusal_over_http_has_a_status_a_body_and_a_header() -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        google.faults["ListClusters", "p1/us-central1"] = [Fault(code="RESOURCE_EXHAUSTED", retry_sec=2)]
        answer = requests.get(f"{google.rest}{URL}/clusters", timeout=10)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "2"
    assert answer.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert answer.json()["error"]["details"][0]["retryDelay"] == "2s"


def test_the_most_exact_place_of_a_fault_comes_first() -> None:
    with fake_dataproc(estate(), needs_token=False) as google, clusters_over_grpc(google) as client:
        google.faults["ListClusters", "*"] = [SERVICE_DISABLED]
        google.faults["ListClusters", "p1/us-central1"] = [PERMISSION_DENIED]
        with pytest.raises(exceptions.PermissionDenied) as exact:
            listed(client)
        with pytest.raises(exceptions.PermissionDenied) as other:
            listed(client, request={"region": "europe-west1"})
    assert exact.value.reason == "IAM_PERMISSION_DENIED"
    assert other.value.reason == "SERVICE_DISABLED"


def test_a_call_that_hangs_ends_by_the_deadline_of_its_caller_and_holds_up_nobody() -> None:
    with fake_dataproc(estate(), needs_token=False) as google, clusters_over_grpc(google) as client:
        google.faults["ListClusters", "us-central1"] = [Fault(hang=True)]
        with pytest.raises(exceptions.DeadlineExceeded):
            listed(client, timeout=0.2)
        assert len(listed(client).clusters) == 5


def test_a_broken_connection_and_a_page_for_people_come_over_http() -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        google.faults["ListClusters", "*"] = [Fault(drop=True), Fault(garbage=True)]
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{google.rest}{URL}/clusters", timeout=10)
        assert requests.get(f"{google.rest}{URL}/clusters", timeout=10).text.startswith("<html>")


def test_regions_are_listed_in_pages_with_what_state_they_are_in() -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        url = f"{google.compute}/projects/p1/regions"
        first = requests.get(url, params={"maxResults": 1}, timeout=10).json()
        second = requests.get(url, params={"pageToken": first["nextPageToken"]}, timeout=10).json()
    assert first["items"] == [{"kind": "compute#region", "name": "us-central1", "status": "UP"}]
    assert second["items"] == [{"kind": "compute#region", "name": "europe-west1", "status": "DOWN"}]


def test_compute_refuses_in_its_own_words() -> None:
    with fake_dataproc(estate(), needs_token=False) as google:
        google.faults["ListRegions", "p1/*"] = [
            Fault(code="PERMISSION_DENIED", message="Required 'compute.regions.list'")
        ]
        answer = requests.get(f"{google.compute}/projects/p1/regions", timeout=10)
    assert answer.status_code == 403
    assert answer.json()["error"]["errors"][0]["reason"] == "forbidden"


def test_nothing_is_shown_without_a_token_that_was_given_out_here(tmp_path: Path) -> None:
    with fake_dataproc(estate()) as google:
        credentials = Credentials.from_service_account_file(str(google.key_file(tmp_path)), scopes=[SCOPE])  # type: ignore[no-untyped-call]
        token = token_for(credentials, google)
        good = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{google.rest}{URL}/clusters", timeout=10).status_code == 401
        assert requests.get(f"{google.rest}{URL}/clusters", headers=good, timeout=10).status_code == 200
        assert requests.get(f"{google.compute}/projects/p1/regions", headers=good, timeout=10).status_code == 200
        google.revoke()
        assert requests.get(f"{google.rest}{URL}/clusters", headers=good, timeout=10).status_code == 401
    assert google.seen("ListClusters")[1].token == token


def token_for(credentials: Credentials, google: FakeGoogle) -> str:
    """What the assertion of these credentials gets."""
    assertion = credentials._make_authorization_grant_assertion()  # type: ignore[no-untyped-call]
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = requests.post(google.token_uri, data=form, timeout=10)
    return str(answer.json()["access_token"])


def refused(google: FakeGoogle, assertion: str) -> str:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = requests.post(google.token_uri, data=form, timeout=10)
    assert answer.status_code == 400
    return str(answer.json()["error_description"])


def test_a_token_is_refused_to_strangers_and_for_assertions_that_were_tampered_with(tmp_path: Path) -> None:
    with fake_dataproc(estate()) as google:
        credentials = Credentials.from_service_account_file(str(google.key_file(tmp_path)), scopes=[SCOPE])  # type: ignore[no-untyped-call]
        good = credentials._make_authorization_grant_assertion().decode()
        head, body, signature = good.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        later = claims | {"exp": time.time() + 10 * 3600}
        tampered = base64.urlsafe_b64encode(json.dumps(later).encode()).decode().rstrip("=")
        assert refused(google, f"{head}.{tampered}.{signature}") == "Invalid JWT Signature."
        assert refused(google, "nonsense").startswith("Invalid JWT")
        google.http.keys.clear()
        assert refused(google, good) == "Invalid grant: account not found"
    assert not google.service.tokens


def test_whoever_wants_to_change_something_is_refused_and_noted() -> None:
    with fake_dataproc(estate(), needs_token=False) as google, clusters_over_grpc(google) as client:
        with pytest.raises(exceptions.MethodNotImplemented):
            client.delete_cluster(request={**PLACE, "cluster_name": "etl-0"}, retry=None, timeout=10)
        assert requests.delete(f"{google.rest}{URL}/clusters/etl-0", timeout=10).status_code == 501
    assert [call.method for call in google.calls] == ["DeleteCluster", f"DELETE {URL}/clusters/etl-0"]
    assert len(list(google.estate.clusters())) == 5


def test_with_tls_only_who_knows_the_certificate_gets_in(tmp_path: Path) -> None:
    with fake_dataproc(estate(), tls=True, needs_token=False) as google:
        ca_file = google.ca_file(tmp_path)
        assert requests.get(f"{google.rest}{URL}/clusters", verify=str(ca_file), timeout=10).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{google.rest}{URL}/clusters", timeout=10)
        credentials = grpc.ssl_channel_credentials(google.ca_pem.encode())
        with grpc.secure_channel(google.endpoint, credentials) as channel:
            client = api.ClusterControllerClient(transport=ClusterControllerGrpcTransport(channel=channel))
            assert len(listed(client).clusters) == 5


def test_a_large_estate_has_its_jobs_in_no_order() -> None:
    large = Estate.large(1200, ["us-central1", "us-east1"], jobs_per_cluster=2)
    content = large.region("p1", "us-east1")
    assert content is not None
    assert (len(content.clusters), len(content.jobs)) == (600, 1200)
    ids = [one.reference.job_id for one in content.jobs]
    assert ids != sorted(ids)
