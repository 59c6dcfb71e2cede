"""What a pretended Google Cloud answers whichever way it is asked: pages, refusals, faults. It notes each call."""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.cloud import dataproc_v1 as api

from tests.fakes.dataproc_estate import Estate, Region

HTTP_STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""How each code of gRPC is told over HTTP (google/rpc/code.proto)."""


class Refusal(Exception):
    """An error of the API. `reason` is that of an ErrorInfo, `retry_sec` the delay of a RetryInfo."""

    def __init__(self, code: str, message: str, *, reason: str = "", retry_sec: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_sec = retry_sec


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one call instead of, or before, the answer.

    `code` is a code of gRPC by its name, told over HTTP with the status that belongs to it. `hang` never answers,
    `drop` breaks the connection off (over gRPC: the error that a broken one gives), `garbage` (HTTP only) answers 200
    with a page for people. `repeats_token` gives the page's own token as that of the next page, `unreachable` names
    places that could not be asked. `late_sec` comes before all of it. It happens once, with `always` to every call.
    """

    code: str = ""
    message: str = "it does not work"
    reason: str = ""
    retry_sec: float | None = None
    late_sec: float = 0.0
    hang: bool = False
    drop: bool = False
    garbage: bool = False
    repeats_token: bool = False
    unreachable: tuple[str, ...] = ()
    always: bool = False


SERVICE_DISABLED = Fault(
    code="PERMISSION_DENIED",
    reason="SERVICE_DISABLED",
    message="Cloud Dataproc API has not been used in project p1 before or it is disabled.",
    always=True,
)
PERMISSION_DENIED = Fault(
    code="PERMISSION_DENIED",
    reason="IAM_PERMISSION_DENIED",
    message="Permission 'dataproc.clusters.list' denied on resource (or it may not exist).",
    always=True,
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that came: `method` is ListClusters, ListRegions, Token, or whatever else was tried."""

    method: str
    transport: str
    """grpc, rest, compute or token."""
    project: str = ""
    region: str = ""
    page_size: int = 0
    page_token: str = ""
    filter: str = ""
    cluster_name: str = ""
    token: str = ""
    """The bearer's."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Headers, in lower case."""
    deadline_sec: float | None = None
    """So long the caller waits, where it says so."""
    at: float = 0.0
    """Of the monotonic clock."""


Faults = dict[tuple[str, str], list[Fault]]

_LISTS: Mapping[str, tuple[Callable[[Region], Sequence[Any]], Callable[..., Any], str]] = {
    "ListClusters": (lambda region: region.clusters, api.ListClustersResponse, "clusters"),
    "ListJobs": (lambda region: region.jobs, api.ListJobsResponse, "jobs"),
    "ListWorkflowTemplates": (lambda region: region.templates, api.ListWorkflowTemplatesResponse, "templates"),
    "ListAutoscalingPolicies": (lambda region: region.policies, api.ListAutoscalingPoliciesResponse, "policies"),
}


class Service:
    """Answers calls from an estate.

    `faults` is looked up by (method, place) with the place `project/region`, `region`, `project/*` or `*`, the most
    exact first; ListRegions has the place `project/`, Token has `*` alone. `most_per_page` caps what a page holds.
    """

    def __init__(self, estate: Estate, *, most_per_page: int = 100, late_sec: float = 0.0, needs_token: bool = True):
        self.estate = estate
        self.calls: list[Call] = []
        self.faults: Faults = {}
        self.tokens: set[str] = set()
        """Those that are good."""
        self.most_per_page = most_per_page
        self.late_sec = late_sec
        self.needs_token = needs_token
        self.most_at_once = 0
        """The most calls for lists of Dataproc that were under way at a time."""
        self._at_once = 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Let go of every call that hangs."""
        self._stopping.set()

    def seen(self, method: str, region: str | None = None) -> list[Call]:
        """The calls of a method so far, those for one region alone if it is named."""
        return [call for call in list(self.calls) if call.method == method and region in (None, call.region)]

    def begin(self, call: Call) -> Fault:
        """Note a call and suffer its fault as far as that is the same everywhere; returns it for the rest.

        Raises Refusal.
        """
        fault = self._fault(call)
        with self._lock:
            self.calls.append(call)
        if fault.hang:
            self._stopping.wait()
            raise Refusal("UNAVAILABLE", "the server stops")
        self._stopping.wait(self.late_sec + fault.late_sec)
        if fault.code:
            raise Refusal(fault.code, fault.message, reason=fault.reason, retry_sec=fault.retry_sec)
        return fault

    def list(self, call: Call, fault: Fault) -> Any:
        """One page of a list, as the API's own message. Raises Refusal."""
        self._check(call)
        if call.method not in _LISTS:
            raise Refusal("UNIMPLEMENTED", f"{call.method} is nothing that a reader asks for")
        if call.filter:
            raise Refusal("INVALID_ARGUMENT", "filters are not known here")
        if call.project not in self.estate.projects:
            raise Refusal("NOT_FOUND", f"Project '{call.project}' not found.")
        region = self.estate.region(call.project, call.region)
        items_of, response, name = _LISTS[call.method]
        items = list(items_of(region)) if region is not None else []
        if call.cluster_name:
            items = [one for one in items if one.placement.cluster_name == call.cluster_name]
        start = _offset(call)
        end = start + (min(call.page_size, self.most_per_page) if call.page_size else self.most_per_page)
        more = {"unreachable": fault.unreachable} if fault.unreachable else {}
        token = call.page_token or _token(call, 0) if fault.repeats_token else ""
        if not token and end < len(items):
            token = _token(call, end)
        return response(**{name: items[start:end], "next_page_token": token, **more})

    def regions(self, call: Call) -> dict[str, Any]:
        """One page of a project's regions, in the form of the Compute API. Raises Refusal."""
        self._check(call)
        regions = self.estate.projects.get(call.project)
        if regions is None:
            raise Refusal("NOT_FOUND", f"The resource 'projects/{call.project}' was not found")
        items = [{"kind": "compute#region", "name": name, "status": one.status} for name, one in regions.items()]
        start = _offset(call)
        end = start + (min(call.page_size, self.most_per_page) if call.page_size else self.most_per_page)
        more = {"nextPageToken": _token(call, end)} if end < len(items) else {}
        return {"kind": "compute#regionList", "items": items[start:end], **more}

    def counted(self, work: Callable[[], Any]) -> Any:
        """What `work` returns; it counts as a call under way."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return work()
        finally:
            with self._lock:
                self._at_once -= 1

    def _check(self, call: Call) -> None:
        if self.needs_token and call.token not in self.tokens:
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise Refusal("UNAUTHENTICATED", message, reason="ACCESS_TOKEN_TYPE_UNSUPPORTED")

    def _fault(self, call: Call) -> Fault:
        places = (f"{call.project}/{call.region}", call.region, f"{call.project}/*", "*")
        with self._lock:
            for place in places:
                waiting = self.faults.get((call.method, place))
                if waiting:
                    return waiting[0] if waiting[0].always else waiting.pop(0)
        return Fault()


def bearer(metadata: Mapping[str, str]) -> str:
    """The token that came with a call."""
    kind, _, token = metadata.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def now() -> float:
    return time.monotonic()


def _token(call: Call, offset: int) -> str:
    """Of a page; nobody is meant to read it, and it is good for the same list only."""
    text = f"{call.method} {call.project} {call.region} {call.cluster_name} {offset}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _offset(call: Call) -> int:
    """Where a page begins. Raises Refusal for a token of another list."""
    if not call.page_token:
        return 0
    try:
        offset = int(base64.urlsafe_b64decode(call.page_token).decode().rpartition(" ")[2])
    except (ValueError, binascii.Error):
        offset = -1
    if offset < 0 or _token(call, offset) != call.page_token:
        raise Refusal("INVALID_ARGUMENT", "Page token is invalid.")
    return offset
