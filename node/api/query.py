"""Parameters and bodies, decoded into the endpoint's structs; what does not fit is named in the refusal."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from aiohttp import web

from etlmon.contract.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType
from etlmon.contract.wire import decode_custom

BODY_LIMIT = 2**20
BODY_SEC = 10.0
DAY = timedelta(days=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_FIELD = re.compile(r" - at `\$\.?(.*)`$")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_TRUTH = {"true": True, "false": False}
_UNKNOWN = re.compile(r"unknown field `(.*)`")


def read_query(request: web.BaseRequest, type_: type[msgspec.Struct]) -> msgspec.Struct:
    """The query string as the struct. Raises BadRequest: unknown, repeated or wrong parameters."""
    values: dict[str, Any] = {}
    for name, value in request.query.items():
        if name in values:
            raise BadRequest(f"the parameter {name} is given twice; give it once", field=name)
        if "�" in value or "�" in name:
            raise BadRequest(f"the parameter {name} is not UTF-8", field=name)
        values[name] = _value(name, value, type_)
    known = type_.__struct_fields__
    for name in values:
        if name not in known:
            raise BadRequest(f"there is no parameter {name}; {_those(known)}", field=name)
    for name in _required(type_):
        if name not in values:
            raise BadRequest(f"the parameter {name} is missing", field=name)
    try:
        params = msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        raise _bad("parameter", error) from error
    times = {name: _utc(value) for name in values if isinstance(value := getattr(params, name), datetime)}
    return msgspec.structs.replace(params, **times) if times else params


def _value(name: str, text: str, type_: type[msgspec.Struct]) -> Any:
    """The text as the field's type, where it reads as one."""
    if name in _holding(type_, msgspec.inspect.IntType) and _INTEGER.fullmatch(text):
        return int(text)
    if name in _holding(type_, msgspec.inspect.BoolType):
        return _TRUTH.get(text, text)
    return text


def _utc(moment: datetime) -> datetime:
    """The time in UTC; one at the edge of the calendar, that UTC would push over it, becomes the edge."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return EARLIEST if moment.year == 1 else LATEST


def window(
    since: datetime | None, until: datetime | None, now: datetime, length: timedelta = DAY
) -> tuple[datetime, datetime]:
    """From when to when a history is asked for: up to now and so long, as far as nothing else is said."""
    end = until or now
    if since is None:
        since = end - length if end > EARLIEST + length else end
    return since, end


async def read_body(
    request: web.BaseRequest, type_: type[msgspec.Struct], respell: Callable[[Any], Any] | None = None
) -> msgspec.Struct:
    """The body as the struct; no body at all stands for an empty object. `respell` is given what JSON says first.

    Raises UnsupportedMediaType, PayloadTooLarge and BadRequest (no JSON, wrong shape, slower than BODY_SEC).
    """
    if request.query_string:
        raise BadRequest("a command takes its parameters in the body, not in the address", field="query")
    try:
        async with asyncio.timeout(BODY_SEC):
            raw = await request.read()
    except TimeoutError as error:
        raise BadRequest(f"the body did not arrive within {BODY_SEC:.0f} s", field="body") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise PayloadTooLarge(f"the body is larger than {BODY_LIMIT} bytes") from error
    except web.RequestPayloadError as error:
        raise BadRequest("the body broke off before its end, or its encoding is damaged", field="body") from error
    if not raw:
        return _decode(b"{}", type_, respell)
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise UnsupportedMediaType(
            "a body is taken as JSON in UTF-8 only; send it with the header Content-Type: application/json"
        )
    return _decode(raw, type_, respell)


def _decode(raw: bytes, type_: type[msgspec.Struct], respell: Callable[[Any], Any] | None) -> msgspec.Struct:
    try:
        if respell is not None:
            return msgspec.convert(respell(msgspec.json.decode(raw)), type_, dec_hook=decode_custom)
        return msgspec.json.decode(raw, type=type_, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        raise _bad("field", error) from error
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8", field="body") from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}", field="body") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply", field="body") from error


def _bad(kind: str, error: msgspec.ValidationError) -> BadRequest:
    text = str(error)
    if unknown := _UNKNOWN.search(text):
        return BadRequest(f"there is no {kind} {unknown[1]}", field=unknown[1])
    place = _FIELD.search(text)
    field = (place[1] if place else "") or "body"
    return BadRequest(
        f"the {kind} {field} is wrong: {_in_words(text[: place.start()] if place else text)}", field=field
    )


def _in_words(reason: str) -> str:
    """What msgspec says of a value, in the words of somebody who did not write the type."""
    reason = reason[:1].lower() + reason[1:]
    for type_, words in _WORDS.items():
        reason = reason.replace(f"`{type_}`", words).replace(f"`{type_} | null`", words)
    return reason.replace("invalid RFC3339 encoded datetime", "expected a time like 2026-11-21T06:00:00Z").replace(
        "`datetime` with a timezone component", "a time with its zone, like 2026-11-21T06:00:00Z"
    )


def _those(known: tuple[str, ...]) -> str:
    return f"there are {', '.join(known)}" if known else "there are none here"


@lru_cache
def _holding(type_: type[msgspec.Struct], kind: type[msgspec.inspect.Type]) -> frozenset[str]:
    """The fields that hold a value of this kind, or may."""
    info = msgspec.inspect.type_info(type_)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - tells the type checker
    return frozenset(field.name for field in info.fields if _holds(field.type, kind))


def _holds(type_: msgspec.inspect.Type, kind: type[msgspec.inspect.Type]) -> bool:
    if isinstance(type_, msgspec.inspect.Metadata):
        return _holds(type_.type, kind)
    if isinstance(type_, msgspec.inspect.UnionType):
        return any(_holds(one, kind) for one in type_.types)
    return isinstance(type_, kind)


@lru_cache
def _required(type_: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(type_) if field.required)
