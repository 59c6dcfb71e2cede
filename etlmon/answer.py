"""What came back from a node: an answer, or one of the ways in which there was none."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar, cast

import msgspec

from etlmon.clean import clean, clean_json
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.errors import ErrorBody
from etlmon.contract.node import API_VERSION, API_VERSION_HEADER, NODE_ID_HEADER
from etlmon.contract.wire import decode_custom

A = TypeVar("A")


class NodeError(Exception):
    """No answer from a node. `message` says what happened and what to do; `str()` puts the node's address before it.

    `was_sent` is False when the request never left: no connection came about.
    """

    was_sent = True

    def __init__(self, address: str, message: str) -> None:
        super().__init__(f"{address}: {message}")
        self.address = address
        self.message = message


class NodeUnreachable(NodeError):
    """Nothing answers: refused, no route, no such host, no such socket."""


class NodeTimeout(NodeError):
    """It did not answer in time."""


class NodeGarbage(NodeError):
    """Something answers, but not as a node does: not HTTP, not JSON, a wrong shape, another program's page."""


class NodeIncompatible(NodeError):
    """A node of another API version, or one too old for what was asked."""


class NodeRefused(NodeError):
    """The node says no. `status` and `body` say why."""

    def __init__(self, address: str, status: int, body: ErrorBody) -> None:
        super().__init__(address, f"{body.message} ({status} {body.code})")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[A]):
    """One answer. When `not_modified`, `value` is None: what the caller has under its ETag still holds.

    Every string in it is clean: it can be shown as it is. `headers` are looked up without regard to case.
    """

    value: A | None
    not_modified: bool
    etag: str | None
    headers: Mapping[str, str]
    node_id: str
    elapsed_ms: float

    def unwrap(self) -> A:
        """The value. Raises ValueError when it is not modified, which only a call with an `etag` can meet."""
        if self.not_modified:
            raise ValueError("not modified: the value is the one that came with the ETag")
        return cast(A, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An HTTP response as it came. `headers` are clean and looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: float


def read_answer(address: str, endpoint: Endpoint[A], raw: RawAnswer) -> Answer[A]:
    """What the response means. Raises NodeRefused, NodeIncompatible or NodeGarbage."""
    node_id = read_node_id(address, raw)
    not_modified = raw.status == 304
    if raw.status >= 400 and raw.status not in endpoint.also:
        raise _refusal(address, endpoint, raw)
    if not not_modified and raw.status != endpoint.status and raw.status not in endpoint.also:
        raise NodeGarbage(address, f"{endpoint.path} answered with the unexpected status {raw.status}")
    is_empty = not_modified or raw.status == HTTPStatus.NO_CONTENT
    return Answer(
        value=None
        if is_empty
        else _decode(address, endpoint.path, raw, endpoint.answer, keep_layout=endpoint.keeps_layout),
        not_modified=not_modified,
        etag=raw.headers.get("ETag"),
        headers=raw.headers,
        node_id=node_id,
        elapsed_ms=raw.elapsed_ms,
    )


def read_node_id(address: str, raw: RawAnswer) -> str:
    """Which node answers. Raises NodeGarbage when it is none, NodeIncompatible when it speaks another version."""
    node_id = raw.headers.get(NODE_ID_HEADER)
    if node_id is None:
        raise _stranger(address, raw)
    version = raw.headers.get(API_VERSION_HEADER, "unknown")
    if version != str(API_VERSION):
        raise NodeIncompatible(
            address, f"the node speaks API version {version}, this program {API_VERSION}: update the older of the two"
        )
    return node_id


def _stranger(address: str, raw: RawAnswer) -> NodeError:
    """Who answers when it is no node."""
    if 300 <= raw.status < 400:
        there = raw.headers.get("Location", "elsewhere")
        return NodeGarbage(address, f"not an etlmon node: it redirects to {there}, which is not followed")
    if raw.status in (401, 403, 407):
        return NodeGarbage(
            address, f"not an etlmon node answers here, but something before it, with status {raw.status}: a proxy?"
        )
    kind = media_type(raw) or "nothing"
    what = "a web page" if kind == "text/html" else kind
    return NodeGarbage(
        address, f"not an etlmon node: it answers {what} (status {raw.status}); is another program on this port?"
    )


def _refusal(address: str, endpoint: Endpoint[Any], raw: RawAnswer) -> NodeError:
    body = _decode(address, endpoint.path, raw, ErrorBody)
    if raw.status == 404 and (body.details or {}).get("reason") == "no_such_endpoint":
        return NodeIncompatible(address, f"the node does not know {endpoint.path}: it is older; update it")
    return NodeRefused(address, raw.status, body)


def _decode(address: str, path: str, raw: RawAnswer, type_: type[A], *, keep_layout: bool = False) -> A:
    kind = media_type(raw)
    if kind != "application/json":
        raise NodeGarbage(address, f"{path} answered {kind or 'no content type'} instead of JSON (status {raw.status})")
    try:
        return msgspec.json.decode(clean_json(raw.body, keep_layout=keep_layout), type=type_, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        raise NodeGarbage(address, f"{path} answered in another shape than agreed: {clean(str(error))}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NodeGarbage(address, f"{path} answered JSON that does not parse: {clean(str(error))}") from error


def media_type(raw: RawAnswer) -> str:
    """What the response says it is, without parameters; empty when it does not say."""
    return raw.headers.get("Content-Type", "").partition(";")[0].strip().lower()
