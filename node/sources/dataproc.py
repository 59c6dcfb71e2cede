"""Google Cloud Dataproc, read in a short-lived child process: the daemon imports neither grpc nor google.

Each run of an account is one child, which gets its task over its standard input and says what it finds line by line.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from node.sources.child import Child
from node.sources.dataproc_types import BrokenLine, DataprocLine, DataprocTask, DoneLine

_PACKAGES = str(Path(__file__).parents[2])
_CODE = """
import sys
sys.path.insert(0, sys.argv.pop())
from node.sources.dataproc_child import main
main()
"""
_GRACE_SEC = 8.0
"""How long beyond its time a child may take to start, and to say how far it came."""
_END_SEC = 2.0
_MOST_WAITING_BYTES = 1024 * 1024
"""What a child has said and nobody has taken yet; beyond that it has to wait."""
_QUIET = {"GRPC_VERBOSITY": "NONE"}


class DataprocError(OSError):
    """Nothing more can be read: what was attempted, what happened, what to do."""


class Dataproc:
    """Reads accounts, each with a child of its own. It belongs to the event loop it is used in."""

    def __init__(self) -> None:
        self._children: set[_RunChild] = set()

    @property
    def pids(self) -> list[int]:
        """The children that are there."""
        return sorted(child.pid for child in self._children if not child.ended)

    async def collect(self, task: DataprocTask) -> AsyncGenerator[DataprocLine, None]:
        """Everything a run has to say, the DoneLine last; without one it was killed some time after its deadline.

        Leaving the iteration early kills the child. Raises DataprocError when it cannot be started, cannot go on, or
        says what nobody understands.
        """
        try:
            child = _RunChild(task)
        except OSError as error:
            raise DataprocError(
                f"Dataproc cannot be read: a process for it cannot be started: {error.strerror}; "
                "are the limits of this user (processes, open files) high enough?"
            ) from error
        self._children.add(child)
        deadline = asyncio.get_running_loop().time() + task.settings.timeouts.total + _GRACE_SEC
        try:
            while (line := await child.line(deadline)) is not None:
                yield line
                if isinstance(line, DoneLine):
                    break
        finally:
            child.abandon()
            await child.wait_ended(_END_SEC)
            self._children = {child for child in self._children if not child.ended}

    async def close(self) -> None:
        """Kill what runs."""
        for child in list(self._children):
            child.abandon()
        for child in list(self._children):
            await child.wait_ended(_END_SEC)


class _RunChild(Child):
    """A running dataproc_child.py."""

    def __init__(self, task: DataprocTask) -> None:
        """Start it. Raises OSError when the system has no room for a process or its pipes."""
        name = task.account.name.replace("\0", "?")
        command = [sys.executable, "-I", "-X", "utf8", "-c", _CODE, "etlmon-dataproc", name, _PACKAGES]
        super().__init__(command, {**_QUIET, **_proxies()})
        self._unsent = msgspec.json.encode(task, enc_hook=float) + b"\n"
        self._heard = bytearray()
        self._news = asyncio.Event()
        self._listening = True
        self._decoder = msgspec.json.Decoder(DataprocLine | BrokenLine)
        self._loop.add_writer(self._requests, self._send)

    async def line(self, deadline: float) -> DataprocLine | None:
        """The next line; None at the deadline. Raises DataprocError when there will be no more."""
        while (end := self._heard.find(b"\n")) < 0:
            if not self.listens:
                raise DataprocError(
                    "the process that reads Dataproc ended before it was done; see whether the host is short of memory"
                )
            self._listen()
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return None
        data = bytes(self._heard[:end])
        del self._heard[: end + 1]
        try:
            line: DataprocLine | BrokenLine = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataprocError(f"the process that reads Dataproc says what is not understood: {error}") from error
        if isinstance(line, BrokenLine):
            raise DataprocError(line.message)
        return line

    def hear(self, chunk: bytes) -> None:
        self._heard += chunk
        self._news.set()
        if len(self._heard) > _MOST_WAITING_BYTES and b"\n" in self._heard:
            self._listening = False
            self._loop.remove_reader(self._answers)

    def fell_silent(self) -> None:
        self._unsent = b""
        self._news.set()

    def _listen(self) -> None:
        """Hear again what the child has waited with."""
        if not self._listening:
            self._listening = True
            self._loop.add_reader(self._answers, self._read)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # it has ended, which its answers tell
            self._unsent = b""
        if not self._unsent:
            self._loop.remove_writer(self._requests)


def _proxies() -> dict[str, str]:
    """Where Google is behind a proxy the service's environment says so; nothing else of it reaches the child."""
    found = {}
    for name in ("https_proxy", "no_proxy"):
        with contextlib.suppress(KeyError):
            found[name] = os.environ.get(name) or os.environ[name.upper()]
    return found
