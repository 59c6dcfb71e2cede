"""Streams of a node: server-sent events as they come, and again after the connection broke, with nothing left out.

The format is that of html.spec.whatwg.org, section 9.2.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from etlmon.answer import NodeError, NodeGarbage, NodeUnreachable
from etlmon.clean import clean, clean_json
from etlmon.contract.endpoint import Endpoint

T = TypeVar("T")

LARGEST_EVENT = 4 * 2**20
SILENCE_SEC = 40.0
"""A node says something every 15 s, if only that it is there; a connection as silent as this is dead."""

FIRST_PAUSE_SEC, LONGEST_PAUSE_SEC = 0.5, 15.0
"""Before the first attempt to connect again, and before those after many that failed."""

_STEADY_SEC = 15.0
"""A connection that held so long was a good one, even when nothing came over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event. `data` is JSON in which every string can be shown as it is; `id` is the place to go on from."""

    address: str
    name: str
    data: bytes
    id: str

    def decode(self, type_: type[T]) -> T:
        """The data as a value of this type. Raises NodeGarbage."""
        try:
            return msgspec.json.decode(self.data, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            what = f"the event {self.name} came in another shape than agreed: {clean(str(error))}"
            raise NodeGarbage(self.address, what) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The stream has begun, or goes on after a break."""

    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The place to go on from is now this one, although no event came: what lies before it was of no interest."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """There is no stream now, and why; the next attempt comes in `retry_sec`."""

    error: NodeError
    retry_sec: float


class EventParser:
    """Makes events of the bytes of a stream, however they are cut. `place` is where to go on from."""

    def __init__(self, address: str, *, last_id: str = "", keeps_layout: bool = False) -> None:
        self.place = last_id
        self._last_id = last_id
        self._address = address
        self._keeps_layout = keeps_layout
        self._rest = bytearray()
        self._begun = False
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that end in this chunk. Raises NodeGarbage: an event is too large, or not UTF-8."""
        self._rest += chunk
        if not self._begun:
            if len(self._rest) < len(_MARK) and _MARK.startswith(self._rest):
                return []
            self._begun = True
            if self._rest.startswith(_MARK):
                del self._rest[: len(_MARK)]
        events = [event for line in self._lines() if (event := self._take(line)) is not None]
        if self._size + len(self._rest) > LARGEST_EVENT:
            raise NodeGarbage(self._address, f"an event is larger than {LARGEST_EVENT // 2**20} MiB: it was not read")
        return events

    def _lines(self) -> Iterator[bytes]:
        """The whole lines that are there. One that ends in CR may turn out to end in CR LF with the next chunk."""
        if self._after_cr and self._rest:
            self._after_cr = False
            if self._rest.startswith(b"\n"):
                del self._rest[:1]
        if b"\n" not in self._rest and b"\r" not in self._rest:
            return
        self._after_cr = self._rest.endswith(b"\r")
        *lines, rest = self._rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = rest
        yield from map(bytes, lines)

    def _take(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        elif field == b"event":
            self._name = value
        elif field == b"id" and b"\0" not in value:
            self._last_id = clean(value.decode(errors="replace"))
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._size = b"", [], 0
        self.place = self._last_id
        if not data:
            return None
        try:
            return ServerEvent(
                address=self._address,
                name=clean(name.decode()) or "message",
                data=clean_json(b"\n".join(data), keep_layout=self._keeps_layout),
                id=self.place,
            )
        except UnicodeDecodeError as error:
            raise NodeGarbage(self._address, f"an event is not UTF-8: {error.reason}") from error


_MARK = "\ufeff".encode()
"""May stand before all else (byte order mark)."""


class Follows(Protocol):
    """What `followed` needs of a client."""

    address: str

    def follow(
        self,
        endpoint: Endpoint[T],
        *,
        query: msgspec.Struct | None = None,
        last_id: str = "",
        **path: str,
    ) -> AsyncGenerator[Connected | Moved | ServerEvent, None]: ...


async def followed(
    client: Follows,
    endpoint: Endpoint[T],
    *,
    query: msgspec.Struct | None = None,
    last_id: str = "",
    **path: str,
) -> AsyncGenerator[Connected | Lost | ServerEvent, None]:
    """The events of a stream for as long as they are asked for. What breaks is taken up again where it broke off.

    It never ends by itself and never raises NodeError: each failure is yielded as Lost, then comes a pause, which grows
    from half a second to 15 seconds, then the next attempt. That another node answers than at first is a failure, too.
    """
    node_id = ""
    pause = FIRST_PAUSE_SEC
    while True:
        started = time.monotonic()
        error: NodeError = NodeUnreachable(
            client.address, "the node ended the stream: it is stopping, or does not watch this any more"
        )
        try:
            async with aclosing(client.follow(endpoint, query=query, last_id=last_id, **path)) as events:
                async for event in events:
                    if isinstance(event, Connected):
                        _same(client.address, node_id, event.node_id)
                        node_id = event.node_id
                    else:
                        last_id, pause = event.id, FIRST_PAUSE_SEC
                    if not isinstance(event, Moved):
                        yield event
        except NodeError as raised:
            error = raised
        if time.monotonic() - started > _STEADY_SEC:
            pause = FIRST_PAUSE_SEC
        wait = pause * random.uniform(0.8, 1.2)  # noqa: S311 - so that not all come back at once
        yield Lost(error=error, retry_sec=wait)
        await asyncio.sleep(wait)
        pause = min(pause * 2, LONGEST_PAUSE_SEC)


def _same(address: str, before: str, now: str) -> None:
    """Raises NodeGarbage when another node answers."""
    if before not in ("", now):
        raise NodeGarbage(address, f"another node answers here now ({now} instead of {before}): where does it lead?")
