"""The process that follows files where looking may never return. tail_remote.py starts it, asks it, and may lose it.

One request comes on standard input, one answer goes to standard output, until the input ends. Each is a message of
msgpack with four bytes of length before it. The first is empty, and says that it listens.
"""

import os
import sys
import time
from typing import BinaryIO

import msgspec

from node.sources.tail import Tail
from node.sources.tail_types import Batch, Restored, TailOptions

LENGTH_BYTES = 4
READY = bytes(LENGTH_BYTES)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Look once. The first request brings `options`; one with `restored` goes back to what is committed before."""

    options: TailOptions | None = None
    restored: Restored | None = None
    paused: bool = False


def framed(message: Request | Batch) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def main() -> None:
    os.chdir("/")  # nobody's directory is kept busy
    requests = msgspec.msgpack.Decoder(Request)
    tail: Tail | None = None
    _say(READY)
    while body := _next(sys.stdin.buffer):
        request = requests.decode(body)
        if request.options is not None:
            tail = Tail(request.options)
        if tail is None:
            raise ValueError("the first request brings no options")
        if request.restored is not None:
            tail.restore(request.restored)
        _say(framed(tail.read(time.monotonic(), time.time(), paused=request.paused)))


def _say(message: bytes) -> None:
    try:
        sys.stdout.buffer.write(message)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody is left to tell
        os._exit(0)


def _next(stream: BinaryIO) -> bytes:
    """The next message; empty at the end."""
    length = stream.read(LENGTH_BYTES)
    return stream.read(int.from_bytes(length, "big"))
