"""One page of a list, over gRPC or REST: the same question, the same message back, the same errors.

The libraries' own clients stand aside: they try again by themselves for minutes, and look for credentials.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import grpc
from google.protobuf import json_format

from node.sources.dataproc_errors import ApiError, of_grpc
from node.sources.dataproc_http import MOST_BYTES, USER_AGENT, Http
from node.sources.dataproc_lists import List, parent_of

Headers = Callable[[float], Mapping[str, str]]
"""What says who asks, in lower case, had within so many seconds. Raises ApiError."""

_INT_ENUMS = "json;enum-encoding=int"
"""Enumerations as numbers: a value that the library does not know is left then, not lost."""


class Api(Protocol):
    """Asks for pages; several threads may use it at once."""

    def page(self, which: List, project: str, region: str, page_token: str, within_sec: float) -> Any:
        """A response of the list. Raises ApiError."""

    def close(self) -> None: ...


class GrpcApi:
    """A channel for each region's server, made when it is first asked."""

    def __init__(self, endpoint: str, headers: Headers, *, roots: bytes | None = None, insecure: bool = False) -> None:
        """`endpoint` is host:port; `{region}` in it stands for the region. `roots`: certificates in place of gRPC's."""
        self._endpoint = endpoint
        self._headers = headers
        self._credentials = None if insecure else grpc.ssl_channel_credentials(root_certificates=roots)
        self._channels: dict[str, Any] = {}
        self._lock = threading.Lock()

    def page(self, which: List, project: str, region: str, page_token: str, within_sec: float) -> Any:
        call = self._channel(region).unary_unary(
            which.rpc,
            request_serializer=which.request.SerializeToString,
            response_deserializer=which.response.FromString,
        )
        metadata = (
            ("x-goog-request-params", urlencode(which.route(project, region))),
            *self._headers(within_sec).items(),
        )
        try:
            return call(which.question(project, region, page_token), timeout=within_sec, metadata=metadata)
        except grpc.RpcError as error:
            raise of_grpc(error) from error

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()

    def _channel(self, region: str) -> Any:
        target = server_of(self._endpoint, region)
        with self._lock:
            if target not in self._channels:
                self._channels[target] = self._connected(target)
            return self._channels[target]

    def _connected(self, target: str) -> Any:
        options: Sequence[tuple[str, object]] = (
            ("grpc.enable_retries", 0),
            ("grpc.service_config_disable_resolution", 1),
            # A broken connection is made anew by the next attempt, which does not wait longer than a second or so.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.max_receive_message_length", MOST_BYTES),
            ("grpc.primary_user_agent", USER_AGENT),
            ("grpc.enable_http_proxy", int(self._credentials is not None)),
        )
        if self._credentials is None:
            return grpc.insecure_channel(target, options)
        return grpc.secure_channel(target, self._credentials, options)


class RestApi:
    def __init__(self, endpoint: str, headers: Headers, http: Http) -> None:
        """`endpoint` is a URL; `{region}` in it stands for the region."""
        self._endpoint = endpoint
        self._headers = headers
        self._http = http

    def page(self, which: List, project: str, region: str, page_token: str, within_sec: float) -> Any:
        place = parent_of(quote(project, safe=""), quote(region, safe=""))
        query = {"pageSize": str(which.page_size), "$alt": _INT_ENUMS}
        if page_token:
            query["pageToken"] = page_token
        body = self._http.get(
            f"{server_of(self._endpoint, region)}/v1/{place}/{which.path}",
            query=query,
            headers=self._headers(within_sec),
            within_sec=within_sec,
        )
        return _message_of(body, which)

    def close(self) -> None:
        """Nothing of it outlives the process."""


def _message_of(body: bytes, which: List) -> Any:
    """The response that is told in JSON. Raises ApiError: what is not the API's must not pass for an empty list."""
    form = f"the list of {which.name} is not in the form of the API"
    try:
        answer = json.loads(body)
        known = {field.json_name for field in which.response.DESCRIPTOR.fields}
        if not isinstance(answer, dict) or (answer and not known & set(answer)):
            raise ApiError("UNKNOWN", form)
        return json_format.ParseDict(answer, which.response(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise ApiError("UNKNOWN", f"{form}: {error}") from error


def regions_page(
    http: Http, endpoint: str, headers: Mapping[str, str], project: str, page_token: str, within_sec: float
) -> tuple[dict[str, str], str]:
    """Some regions of a project with their status, and the token of the next page. Raises ApiError.

    cloud.google.com/compute/docs/reference/rest/v1/regions/list
    """
    query = {"maxResults": "500", "fields": "items(name,status),nextPageToken"}
    if page_token:
        query["pageToken"] = page_token
    url = f"{endpoint}/projects/{quote(project, safe='')}/regions"
    body = http.get(url, query=query, headers=headers, within_sec=within_sec)
    try:
        answer = json.loads(body)
        regions = {str(item["name"]): str(item["status"]) for item in answer.get("items", [])}
        return regions, str(answer.get("nextPageToken") or "")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ApiError("UNKNOWN", "the list of regions is not in the form of the API") from error


def server_of(endpoint: str, region: str) -> str:
    """The server of a region; the region `global` has the one without a region in its name."""
    if region == "global":
        return endpoint.replace("{region}-", "").replace("{region}", region)
    return endpoint.replace("{region}", region)
