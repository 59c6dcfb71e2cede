"""The API describes itself: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), made from the contract's endpoints."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec

import etlmon
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.errors import CODES, ErrorBody
from etlmon.contract.node import API_VERSION, API_VERSION_HEADER, NODE_ID_HEADER
from etlmon.contract.wire import encode_custom, schema_of_custom
from node.api.encoding import encode
from node.api.request import Nothing, Request, Route

Json = dict[str, Any]

EVERYWHERE = (400, 403, 500)
READING = (503, 504)
ACTING = (409,)
JSON = "application/json"
EVENTS = "text/event-stream"
_IN_PATH = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"


async def describe(request: Request[Nothing]) -> msgspec.Raw:
    return msgspec.Raw(_encoded())


@lru_cache(maxsize=1)
def _encoded() -> bytes:
    # The registry names `describe`, so it cannot be imported above.
    from node.api.routes import ROUTES

    return encode(document(ROUTES))


def document(routes: Iterable[Route]) -> Json:
    """The whole description of these routes."""
    routes = tuple(routes)
    types = [type_ for route in routes for type_ in (route.endpoint.answer, route.endpoint.body) if type_ is not None]
    schemas, components = msgspec.json.schema_components(
        [*types, ErrorBody], ref_template=_REF, schema_hook=schema_of_custom
    )
    schema_of = {str(type_): schema for type_, schema in zip(types, schemas, strict=False)}
    paths: dict[str, Json] = {}
    for route in routes:
        endpoint = route.endpoint
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "etlmon node",
            "version": etlmon.__version__,
            "summary": f"What one host's node saw, and what it can be told to do. API version {API_VERSION}.",
            "description": "Times are RFC 3339 in UTC, sizes are bytes, percentages 0-100. Each failure answers "
            "`{code, message, details}`.",
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, routes))],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": _HEADERS,
            "responses": {CODES[status]: _failure(status) for status in sorted(CODES)},
        },
    }


_STREAM = (
    "With `follow=true` the answer is a stream of server-sent events that goes on until the client or the node ends "
    "it. `line`: a line as in the list, its id as the event's `id`. `gap`: something may be missing here. `rotated`: "
    "`{path, inode}` of the new file. `skipped`: `{count}` lines were left out, because they are deleted or the reader "
    "was too slow. `error`: the stream ends, the data says why. `Last-Event-ID` takes up an earlier stream where it "
    "broke off. A comment comes when nothing else did for 15 s."
)

_MEANT = (
    f"With the header `{NODE_ID_HEADER}` the command is for the node with this id, and another one that answers at the "
    "address (behind a tunnel that was set up anew) refuses it with 409."
)

_EVENT: Json = {
    "description": "one event",
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": JSON},
    },
    "required": ["event", "data"],
}

_HEADERS: Mapping[str, Json] = {
    NODE_ID_HEADER: {"description": "who answers: the node's id", "schema": {"type": "string"}},
    API_VERSION_HEADER: {"description": "the API version the node speaks", "schema": {"type": "string"}},
    "ETag": {
        "description": "of the content; send it back in If-None-Match and get 304 while it holds",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "seconds until the next attempt may pass", "schema": {"type": "integer"}},
    "Allow": {"description": "the methods there are", "schema": {"type": "string"}},
}


def _tag(route: Route) -> str:
    return route.handler.__module__.rpartition(".")[2]


def _operation(route: Route, schema_of: Mapping[str, Json]) -> Json:
    endpoint = route.endpoint
    words = re.sub(r"[^A-Za-z0-9]+", " ", endpoint.path.removeprefix("/api/v1")).split()
    operation: Json = {
        "operationId": "_".join(
            [endpoint.method.lower(), *([] if endpoint.path.startswith("/api") else ["probe"]), *words]
        ),
        "tags": [_tag(route)],
        "summary": endpoint.summary,
        "responses": _responses(endpoint, schema_of),
    }
    if endpoint.is_command:
        operation["description"] = _MEANT
    if route.stream is not None:
        operation["description"] = _STREAM
        operation["responses"][str(endpoint.status)]["content"][EVENTS] = {"schema": _EVENT}
    in_path = [_in_path(name) for name in _IN_PATH.findall(endpoint.path)]
    if in_path or endpoint.query is not None:
        operation["parameters"] = [*in_path, *(_parameters(endpoint.query) if endpoint.query is not None else ())]
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(endpoint.body)),
            "content": {JSON: {"schema": schema_of[str(endpoint.body)]}},
        }
    return operation


def _responses(endpoint: Endpoint[Any], schema_of: Mapping[str, Json]) -> Json:
    reading = not endpoint.is_command
    success: Json = {
        "description": endpoint.summary,
        "headers": {
            **_shared(NODE_ID_HEADER, API_VERSION_HEADER, *(("ETag",) if reading else ())),
            **{
                name: {"description": meaning, "schema": {"type": "string"}}
                for name, meaning in endpoint.headers.items()
            },
        },
    }
    if endpoint.status != HTTPStatus.NO_CONTENT:
        schema, example = schema_of[str(endpoint.answer)], msgspec.to_builtins(endpoint.example, enc_hook=encode_custom)
        success["content"] = {endpoint.media_type: {"schema": schema, "example": example}}
    responses: Json = {str(endpoint.status): success}
    if reading:
        responses["304"] = {"description": "Not modified", "headers": _shared(NODE_ID_HEADER, "ETag")}
    for status in endpoint.also:
        responses[str(status)] = {**success, "description": HTTPStatus(status).phrase}
    failures = {*EVERYWHERE, *endpoint.errors, *(READING if reading else ACTING)} - set(endpoint.also)
    for status in sorted(failures):
        responses[str(status)] = {"$ref": f"#/components/responses/{CODES[status]}"}
    return responses


def _shared(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _failure(status: int) -> Json:
    special = {405: ("Allow",), 429: ("Retry-After",)}.get(status, ())
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _shared(NODE_ID_HEADER, API_VERSION_HEADER, *special),
        "content": {
            JSON: {
                "schema": {"$ref": _REF.format(name="ErrorBody")},
                "example": {
                    "code": CODES[status],
                    "message": "what was attempted, what happened, what to do",
                    "details": None,
                },
            }
        },
    }


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _parameters(query: type[msgspec.Struct]) -> list[Json]:
    schema = msgspec.json.schema_components([query], ref_template=_REF)[1][query.__name__]
    return [
        _parameter(name, property_, required=name in schema.get("required", ()))
        for name, property_ in schema["properties"].items()
    ]


def _parameter(name: str, property_: Json, *, required: bool) -> Json:
    """A parameter is left out rather than null, so null is no value it takes."""
    choices = property_.pop("anyOf", None)
    schema: Json = (
        {**property_, **next(choice for choice in choices if choice != {"type": "null"})} if choices else property_
    )
    if schema.get("default", 0) is None:
        del schema["default"]
    described = {"description": text} if (text := schema.pop("description", "")) else {}
    return {"name": name, "in": "query", "required": required, **described, "schema": schema}
