"""A way to a node that is cut now and then: a TCP proxy."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Cutter:
    """Passes bytes on in both ways. `budget` says for each connection how many may come back before it is cut.

    With `silent` nothing comes back any more, and nobody is told.
    """

    def __init__(self, target: str, budget: Callable[[], int]) -> None:
        place = urlsplit(target)
        self.host, self.port = place.hostname or "", place.port or 0
        self.url = ""
        self.connections = 0
        self.cuts = 0
        self.bytes_back = 0
        self.silent = False
        self._budget = budget
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cut every connection now."""
        for writer in self._writers:
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection(self.host, self.port)
        self._writers |= {writer, back}
        upstream = asyncio.create_task(self._pass_on(reader, back))
        try:
            await self._give_back(there, writer)
        finally:
            upstream.cancel()
            self._writers -= {writer, back}
            for one in (writer, back):
                one.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()

    async def _give_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._budget()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(2**14):
                if self.silent:
                    continue
                writer.write(data[:left])
                await writer.drain()
                self.bytes_back += len(data)
                left -= len(data)
                if left <= 0:
                    # What was written has to arrive: an abort would drop it.
                    self.cuts += 1
                    writer.write_eof()
                    await asyncio.sleep(0.01)
                    return


@asynccontextmanager
async def cutting(target: str, budget: Callable[[], int] = lambda: 2**40) -> AsyncIterator[Cutter]:
    """A proxy to `target`; its address is `url`."""
    cutter = Cutter(target, budget)
    server = await asyncio.start_server(cutter.connected, "127.0.0.1", 0)
    cutter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield cutter
    finally:
        server.close()
        cutter.cut()
        await server.wait_closed()
