"""A tail in a child process that may be lost: asked for one look at a time, and left behind when it never answers."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from node.sources.child import Child
from node.sources.tail_child import LENGTH_BYTES, READY, Request, framed
from node.sources.tail_types import Batch, Restored, TailOptions

_PACKAGES = (str(Path(__file__).parents[2]), str(Path(msgspec.__file__).parents[1]))
_CODE = """
import sys
sys.path[:0] = sys.argv[2:]
from node.sources.tail_child import main
main()
"""


class RemoteTail(Child):
    """A running tail_child.py."""

    def __init__(self, options: TailOptions) -> None:
        """Start it. Raises OSError when the system has no room for a process or its pipes."""
        title = options.path.replace("\0", "?")
        super().__init__([sys.executable, "-I", "-S", "-X", "utf8", "-c", _CODE, "etlmon-tail", title, *_PACKAGES])
        self._options: TailOptions | None = options
        self._answer: asyncio.Future[Batch | None] | None = None
        self._batches = msgspec.msgpack.Decoder(Batch)
        self._unsent = b""
        self._heard = bytearray()

    def ask(self, *, restored: Restored | None, paused: bool) -> asyncio.Future[Batch | None]:
        """Ask for a look; the future is done when the answer comes, with None when the child ends without one."""
        if self._answer is not None and not self._answer.done():
            raise RuntimeError(f"child {self.pid} still has a question to answer")
        self._answer = answer = self._loop.create_future()
        self._unsent = framed(Request(options=self._options, restored=restored, paused=paused))
        self._options = None
        if self.listens:
            # The places of many files may be more than a pipe holds.
            self._loop.add_writer(self._requests, self._send)
        else:
            self.fell_silent()
        return answer

    def hear(self, chunk: bytes) -> None:
        self._heard += chunk
        if not self._ready.done() and len(self._heard) >= len(READY):
            self._ready.set_result(None)
            del self._heard[: len(READY)]
        end = LENGTH_BYTES + int.from_bytes(self._heard[:LENGTH_BYTES], "big")
        if len(self._heard) < max(end, LENGTH_BYTES + 1):
            return
        batch = self._batches.decode(memoryview(self._heard)[LENGTH_BYTES:end])
        self._heard = self._heard[end:]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(batch)

    def fell_silent(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # it has ended
            self.abandon()
            return
        if not self._unsent:
            self._loop.remove_writer(self._requests)
