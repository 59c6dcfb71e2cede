"""Answers as bytes: JSON, an ETag of the content, gzip when it is worth it; and the ones given a moment ago."""

import asyncio
import hashlib
import re
import zlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from etlmon.contract.wire import encode_custom
from node.store.rows import storable

GZIP_ABOVE = 1024
_NEVER = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")

KEPT_ANSWERS = 256
KEPT_BYTES = 4 * 2**20

_encoder = msgspec.json.Encoder(enc_hook=encode_custom)


@dataclass(slots=True)
class Encoded:
    """An answer ready to go out. The compressed form is made when first asked for."""

    body: bytes
    status: int
    headers: Mapping[str, str]
    etag: str = ""
    _gzip: bytes | None = field(default=None)

    def __post_init__(self) -> None:
        self.etag = hashlib.blake2b(self.body, digest_size=12).hexdigest()

    def gzip(self) -> bytes:
        if self._gzip is None:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            self._gzip = packer.compress(self.body) + packer.flush()
        return self._gzip


def encode(value: object) -> bytes:
    """JSON, times with Z. Text that is no Unicode (a file name's odd bytes) is shown as it is stored, `\\xff`."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_unicode(msgspec.to_builtins(value, enc_hook=encode_custom)))


def _unicode(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {_unicode(key): _unicode(item) for key, item in value.items()}
        case list():
            return [_unicode(item) for item in value]
        case _:
            return value


def respond(request: web.BaseRequest, answer: Encoded, *, kept: bool) -> web.Response:
    """The response to this client: not modified, compressed or plain. `kept` answers may be asked for by ETag.

    One of status 204 has no body (RFC 9110 15.3.5), whatever the answer is.
    """
    if answer.status == HTTPStatus.NO_CONTENT:
        return web.Response(status=answer.status, headers={"Cache-Control": "no-store", **answer.headers})
    headers = {"Content-Type": "application/json", "Vary": "Accept-Encoding", **answer.headers}
    body, etag = answer.body, f'"{answer.etag}"'
    if len(body) > GZIP_ABOVE and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        body, etag = answer.gzip(), f'"{answer.etag}-gz"'
        headers["Content-Encoding"] = "gzip"
    if kept:
        headers["ETag"], headers["Cache-Control"] = etag, "no-cache"
        known = request.headers.get("If-None-Match")
        if known is not None and answer.status == 200 and _names(known, answer.etag):
            del headers["Content-Type"]
            headers.pop("Content-Encoding", None)
            return web.Response(status=304, headers=headers)
    else:
        headers["Cache-Control"] = "no-store"
    return web.Response(status=answer.status, body=body, headers=headers)


def _takes_gzip(accept: str) -> bool:
    """Whether Accept-Encoding (RFC 9110 12.5.3) has gzip, and not with the weight 0."""
    for part in accept.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return _NEVER.fullmatch(weight) is None
    return False


def _names(known: str, etag: str) -> bool:
    """Whether If-None-Match (RFC 9110 13.1.2) names this content, in either form."""
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return not tags.isdisjoint(("*", f'"{etag}"', f'"{etag}-gz"'))


class Answers:
    """The answers given since the database last changed. Who asks the same at the same time waits for one reading."""

    def __init__(self, generation: Callable[[], int]) -> None:
        self._generation = generation
        self._of = -1
        self._made: dict[str, asyncio.Task[Encoded]] = {}
        self._bytes = 0

    def given(self, key: str) -> Encoded | None:
        """The answer under the key, when it was given since the database last changed."""
        task = self._made.get(key) if self._generation() == self._of else None
        return task.result() if task is not None and task.done() else None

    async def get(self, key: str, make: Callable[[], Coroutine[Any, Any, Encoded]]) -> Encoded:
        """The answer under the key, made now when nobody else makes it. Raises what `make` raises; that is not kept."""
        generation = self._generation()
        if generation != self._of or len(self._made) >= KEPT_ANSWERS or self._bytes > KEPT_BYTES:
            self._made, self._of, self._bytes = {}, generation, 0
        task = self._made.get(key)
        if task is None:
            task = self._made[key] = asyncio.create_task(make())
            task.add_done_callback(partial(self._done, self._made, key))
        # Shielded: one client that goes away does not take the answer from the others.
        return await asyncio.shield(task)

    def _done(self, made: dict[str, asyncio.Task[Encoded]], key: str, task: asyncio.Task[Encoded]) -> None:
        if task.cancelled() or task.exception():
            del made[key]
        elif made is self._made:
            self._bytes += len(task.result().body)
