"""A pretended Google Cloud over gRPC: the four lists with the API's own messages."""

from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from google.cloud import dataproc_v1 as api
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.fakes.dataproc_service import Call, Refusal, Service, bearer, now

_PACKAGE = "google.cloud.dataproc.v1"
_REQUESTS: dict[str, Any] = {
    f"/{_PACKAGE}.ClusterController/ListClusters": api.ListClustersRequest,
    f"/{_PACKAGE}.JobController/ListJobs": api.ListJobsRequest,
    f"/{_PACKAGE}.WorkflowTemplateService/ListWorkflowTemplates": api.ListWorkflowTemplatesRequest,
    f"/{_PACKAGE}.AutoscalingPolicyService/ListAutoscalingPolicies": api.ListAutoscalingPoliciesRequest,
}
_THREADS = 64
"""Calls that hang each hold one."""


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Takes every method there is, also those that nobody should call."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def service(self, details: Any) -> Any:
        metadata = {key: value for key, value in details.invocation_metadata if isinstance(value, str)}
        return grpc.unary_unary_rpc_method_handler(self._answer_to(details.method, metadata))

    def _answer_to(self, path: str, metadata: dict[str, str]) -> Callable[[bytes, Any], bytes]:
        def answer(body: bytes, context: Any) -> bytes:
            request = _REQUESTS[path].deserialize(body) if path in _REQUESTS else None
            call = _call(path, request, metadata, context.time_remaining())
            try:
                page: bytes = self._service.counted(lambda: _page(self._service, call))
            except Refusal as refusal:
                context.abort_with_status(rpc_status.to_status(_status(refusal)))
                raise
            return page

        return answer


def _page(service: Service, call: Call) -> bytes:
    fault = service.begin(call)
    if fault.drop:
        raise Refusal("UNAVAILABLE", "recvmsg:Connection reset by peer")
    page = service.list(call, fault)
    body: bytes = type(page).serialize(page)
    return body


def _call(path: str, request: Any, metadata: dict[str, str], deadline_sec: float | None) -> Call:
    parent = getattr(request, "parent", "")
    parts = (
        parent.split("/") if parent else ["", getattr(request, "project_id", ""), "", getattr(request, "region", "")]
    )
    return Call(
        method=path.rpartition("/")[2],
        transport="grpc",
        project=parts[1],
        region=parts[3],
        page_size=getattr(request, "page_size", 0),
        page_token=getattr(request, "page_token", ""),
        filter=getattr(request, "filter", ""),
        cluster_name=getattr(request, "cluster_name", ""),
        token=bearer(metadata),
        metadata=metadata,
        deadline_sec=deadline_sec,
        at=now(),
    )


def _status(refusal: Refusal) -> status_pb2.Status:
    """A refusal with its details, as it stands in the trailer `grpc-status-details-bin`."""
    details = []
    if refusal.reason:
        info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain="googleapis.com")
        details.append(_packed(info))
    if refusal.retry_sec is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(refusal.retry_sec * 1e9))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=code_pb2.Code.Value(refusal.code), message=refusal.message, details=details)


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


class GrpcServer:
    """Serves on a free port of 127.0.0.1, with TLS if it is given a certificate and its key."""

    def __init__(self, service: Service, certificate: tuple[bytes, bytes] | None = None) -> None:
        self._pool = futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="dataproc-grpc")
        self._server = grpc.server(self._pool, handlers=(_Handler(service),), options=(("grpc.so_reuseport", 0),))
        if certificate is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            credentials = grpc.ssl_server_credentials((certificate,))
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=0).wait(10)
        self._pool.shutdown(wait=True, cancel_futures=True)
