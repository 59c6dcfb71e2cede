"""The daemon's end of the process that asks Proxmox VE: many requests under way at once, answers in any order."""

import asyncio
import os
import sys

import msgspec

from node.sources.child import Child
from node.sources.proxmox_types import ProxmoxFailure
from node.sources.proxmox_words import Answer, Failed, Ready, Request, Start

_CODE = """
import sys
sys.path[:] = sys.argv[2:]
from node.sources.proxmox_child import main
main()
"""
_PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where the authorities of this system lie, when that is not where OpenSSL looks. Nothing else of the environment goes
there: no proxy, no home."""


class Process(Child):
    """A running proxmox_child.py, with the packages that the daemon has."""

    def __init__(self, start: Start) -> None:
        """Start it. Raises OSError when the system has no room for a process or its pipes."""
        packages = [path for path in sys.path if os.path.isabs(path)]  # noqa: PTH117 - a path is text here
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _CODE, "etlmon-proxmox", *packages]
        super().__init__(command, environment)
        self.failure: ProxmoxFailure | None = None
        """Why it cannot work, when it says so."""
        self._is_ready = False
        self._woken = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._answers_read = msgspec.json.Decoder(Answer)
        self._unsent = bytearray()
        self._heard: list[bytes] = []
        self.tell(start)

    async def wait_ready(self, within_sec: float) -> bool:
        """Whether it can be asked."""
        try:
            async with asyncio.timeout(within_sec):
                await self._woken.wait()
        except TimeoutError:
            return False
        return self._is_ready and self.listens

    def ask(self, number: int, request: Request) -> "asyncio.Future[Answer | None]":
        """The future is done when the answer comes, with None when the process ends without one."""
        self._waiting[number] = answer = self._loop.create_future()
        answer.add_done_callback(lambda _: self._waiting.pop(number, None))
        self.tell(request)
        if not self.listens:
            self.fell_silent()
        return answer

    def tell(self, request: Request) -> None:
        if self.listens:
            self._unsent += msgspec.json.encode(request) + b"\n"
            self._loop.add_writer(self._requests, self._send)

    def hear(self, chunk: bytes) -> None:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._take(b"".join([*self._heard, line]))
            self._heard.clear()
        if rest:
            self._heard.append(rest)

    def fell_silent(self) -> None:
        self._woken.set()
        for answer in list(self._waiting.values()):
            if not answer.done():
                answer.set_result(None)

    def _take(self, line: bytes) -> None:
        said = self._answers_read.decode(line)
        if isinstance(said, Ready):
            self._is_ready = True
            self._woken.set()
        elif isinstance(said, Failed) and said.number == 0:
            self.failure = said.failure
        else:
            answer = self._waiting.get(said.number)
            if answer is not None and not answer.done():
                answer.set_result(said)

    def _send(self) -> None:
        try:
            sent = os.write(self._requests, self._unsent)
        except BlockingIOError:
            return
        except OSError:  # it has ended
            self.abandon()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._requests)
