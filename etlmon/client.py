"""Asking a node: a typed call per endpoint. Whatever goes wrong comes out as a NodeError.

aiohttp takes 80 ms to import; it is loaded with the first call, not with this module.
"""

import errno
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from etlmon.address import Target, parse_address
from etlmon.answer import (
    Answer,
    NodeError,
    NodeGarbage,
    NodeIncompatible,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    RawAnswer,
    read_answer,
)
from etlmon.clean import clean
from etlmon.contract.endpoint import Endpoint

if TYPE_CHECKING:
    import aiohttp

__all__ = [
    "Answer",
    "NodeClient",
    "NodeError",
    "NodeGarbage",
    "NodeIncompatible",
    "NodeRefused",
    "NodeTimeout",
    "NodeUnreachable",
]

A = TypeVar("A")

BODY_LIMIT = 16 * 2**20


class NodeClient:
    """Asks one node. Calls may run side by side; `close()` gives the connections back.

    A `session` that is passed in is used for TCP and not closed. `timeout` is for a whole call, `connect_timeout` for
    the connection; both in seconds. A wrong address does not raise here: each call then says so.
    """

    def __init__(
        self,
        address: str,
        *,
        session: "aiohttp.ClientSession | None" = None,
        timeout: float = 3.0,
        connect_timeout: float = 1.5,
    ) -> None:
        self.address = address
        self._given = session
        self._own: aiohttp.ClientSession | None = None
        self._timeout = timeout
        self._connect_timeout = connect_timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ask(
        self,
        endpoint: Endpoint[A],
        *,
        query: msgspec.Struct | None = None,
        body: msgspec.Struct | None = None,
        etag: str | None = None,
        **path: str,
    ) -> Answer[A]:
        """One call. `path` fills the braces of the endpoint's path; `etag` makes "not modified" a possible answer.

        Raises NodeError.
        """
        try:
            target = parse_address(self.address)
        except ValueError as error:
            raise NodeUnreachable(self.address, str(error)) from error
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if etag is not None:
            headers["If-None-Match"] = etag
        content = None
        if endpoint.body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body if body is not None else endpoint.body())
        raw = await self._exchange(
            target,
            endpoint.method,
            endpoint.path.format(**{name: quote(value, safe="") for name, value in path.items()}),
            params=_parameters(query),
            headers=headers,
            data=content,
        )
        return read_answer(self.address, endpoint, raw)

    async def close(self) -> None:
        """Close what this client opened. Asking again opens it anew."""
        if self._own is not None:
            await self._own.close()
            self._own = None

    async def _exchange(self, target: Target, method: str, path: str, **request: Any) -> RawAnswer:
        import aiohttp
        from multidict import CIMultiDict
        from yarl import URL

        url = URL(target.url + path, encoded=True)
        started = time.perf_counter()
        try:
            async with self._session(target).request(
                method,
                url,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._connect_timeout),
                **request,
            ) as response:
                content = await self._read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error(target, error) from error
        return RawAnswer(
            status=response.status,
            headers=CIMultiDict((clean(name), clean(value)) for name, value in response.headers.items()),
            body=content,
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    async def _read(self, response: "aiohttp.ClientResponse") -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(2**16):
            content += chunk
            if len(content) > BODY_LIMIT:
                raise NodeGarbage(self.address, f"the answer is larger than {BODY_LIMIT // 2**20} MiB: it was not read")
        return bytes(content)

    def _session(self, target: Target) -> "aiohttp.ClientSession":
        import aiohttp

        if self._given is not None and target.socket is None:
            return self._given
        if self._own is None:
            connector = (
                aiohttp.TCPConnector(limit_per_host=4, keepalive_timeout=75)
                if target.socket is None
                else aiohttp.UnixConnector(target.socket, limit=4, keepalive_timeout=75)
            )
            self._own = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        return self._own

    def _error(self, target: Target, error: Exception) -> NodeError:
        """The one place where what aiohttp and the system raise becomes a NodeError."""
        import aiohttp

        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return NodeTimeout(
                self.address, f"no connection within {self._connect_timeout:g} s: is the host up, does a firewall drop?"
            )
        if isinstance(error, TimeoutError):
            return NodeTimeout(self.address, f"no answer within {self._timeout:g} s: the node or the way to it is slow")
        if isinstance(error, aiohttp.ClientSSLError):
            return NodeUnreachable(self.address, f"no TLS connection: {clean(str(error))}")
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return NodeUnreachable(self.address, "no such host name: check the address, or the resolver of this host")
        if isinstance(error, aiohttp.ClientPayloadError):
            return NodeGarbage(self.address, "the answer broke off before its end; ask again")
        if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError)):
            return NodeUnreachable(
                self.address,
                "it took the connection and closed it without an answer: "
                "so does an SSH tunnel when nothing listens at its far end; is `etlmon node` running there?",
            )
        if isinstance(error, OSError):
            return NodeUnreachable(self.address, _why_no_connection(target, error))
        # aiohttp's parser says where it stopped with a drawing of several lines.
        reason = " ".join(str(getattr(error, "message", "") or error).split())
        return NodeGarbage(
            self.address,
            f"not an etlmon node: it does not speak HTTP ({clean(reason)[:200]}); is another program on this port?",
        )


def _parameters(query: msgspec.Struct | None) -> dict[str, str]:
    values = msgspec.to_builtins(query) if query is not None else {}
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in values.items()
        if value is not None
    }


def _why_no_connection(target: Target, error: OSError) -> str:
    place = target.socket or urlsplit(target.url).netloc
    match error.errno:
        case errno.ECONNREFUSED:
            return f"connection refused: is `etlmon node` running at {place}? or is the SSH tunnel down?"
        case errno.ENOENT:
            return f"no socket at {place}: is `etlmon node` running with listen: unix:{place}?"
        case errno.EACCES | errno.EPERM:
            return f"no permission to connect to {place}: who owns the socket, what does the firewall say?"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return f"no route to {place}: is the network or the VPN up?"
        case errno.EMFILE | errno.ENFILE:
            return "this program has too many files open to connect: raise the limit (ulimit -n)"
        case _:
            return f"no connection to {place}: {clean(str(error))}"
