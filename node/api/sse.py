"""Server-sent events (html.spec.whatwg.org, section 9.2): a response that goes on for as long as the client listens."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from aiohttp import web

from node.api.encoding import encode

HEARTBEAT_SEC = 15.0
"""Silence after which a comment is sent, so that both ends, and what is between them, know that the other is there."""

DRAIN_SEC = 30.0
"""How long a client may take to make room for the next piece."""

IDLE_SEC = 2.0
"""A stream that has nothing to say says so this often: then it is seen whether the client is still there."""

HEARTBEAT = b":\n\n"
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # nginx would collect the events before it passes them on.
    "X-Accel-Buffering": "no",
}


def event(name: str, data: object, number: str = "") -> bytes:
    """One event as it goes over the wire; JSON has no line ends of its own, so the data is one line."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {name}\ndata: ".encode() + (data if isinstance(data, msgspec.Raw) else encode(data)) + b"\n\n"


def place(number: str) -> bytes:
    """Where the stream is now, for who goes on from here later; it makes no event."""
    return f"id: {number}\n\n".encode()


async def send(http: web.Request, pieces: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Send each piece as it comes; an empty one says that there is nothing to say. Ends with the pieces.

    A client that is gone, or that does not read, ends it. HEAD gets the headers alone.
    """
    if http.method == "HEAD":
        return web.Response(headers=_HEADERS)
    response = web.StreamResponse(headers=_HEADERS)
    written = time.monotonic()
    async with aclosing(pieces):
        await response.prepare(http)
        async for piece in pieces:
            if http.transport is None or http.transport.is_closing():
                break
            if not piece and time.monotonic() - written < HEARTBEAT_SEC:
                continue
            try:
                async with asyncio.timeout(DRAIN_SEC):
                    await response.write(piece or HEARTBEAT)
            except (ConnectionError, TimeoutError):
                # Closing would wait until what is still to be sent is read.
                http.transport.abort()
                break
            written = time.monotonic()
    return response
