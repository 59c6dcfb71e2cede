"""Asking a node: a typed call per endpoint. Whatever goes wrong comes out as a NodeError.

aiohttp takes 80 ms to import; it is loaded with the first call, not with this module.
"""

import asyncio
import dataclasses
import errno
import time
from collections.abc import AsyncGenerator, Mapping
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
    media_type,
    read_answer,
    read_node_id,
)
from etlmon.clean import clean
from etlmon.contract.endpoint import Endpoint
from etlmon.contract.errors import ErrorBody
from etlmon.contract.node import NODE_ID_HEADER
from etlmon.contract.wire import encode_custom
from etlmon.stream import SILENCE_SEC, Connected, EventParser, Moved, ServerEvent

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

    A command says for which node it is meant, so that another one that answers at the same address, at the far end of a
    tunnel that was set up anew, refuses it.
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
        self._streams: aiohttp.ClientSession | None = None
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._node_id = ""

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
        node_id: str = "",
        **path: str,
    ) -> Answer[A]:
        """One call. `path` fills the braces of the endpoint's path; `etag` makes "not modified" a possible answer.

        `node_id` is the node that a command is meant for; without it, the one that answered this client last.
        Raises NodeError.
        """
        target = self._target()
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if etag is not None:
            headers["If-None-Match"] = etag
        if endpoint.is_command and (meant := node_id or self._node_id):
            headers[NODE_ID_HEADER] = meant
        content = None
        if endpoint.body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body if body is not None else endpoint.body(), enc_hook=encode_custom)
        raw = await self._exchange(
            target,
            endpoint.method,
            _filled(endpoint, path),
            params=_parameters(query),
            headers=headers,
            data=content,
            patience_sec=endpoint.patience_sec,
        )
        answer = read_answer(self.address, endpoint, raw)
        self._node_id = answer.node_id
        return answer

    async def follow(
        self,
        endpoint: Endpoint[A],
        *,
        query: msgspec.Struct | None = None,
        last_id: str = "",
        **path: str,
    ) -> AsyncGenerator[Connected | Moved | ServerEvent, None]:
        """The events of a stream: Connected, then what comes, until the node ends it. Close it when it is left early.

        `last_id` is that of the last event of an earlier stream, to go on from there. Raises NodeError, also when the
        connection breaks or is silent for longer than a node ever is. `etlmon.stream.followed` connects again.
        """
        import aiohttp
        from yarl import URL

        target = self._target()
        headers = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        request = self._stream_session(target).get(
            URL(target.url + _filled(endpoint, path), encoded=True),
            params=_parameters(query),
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout, sock_read=SILENCE_SEC),
        )
        try:
            async with asyncio.timeout(self._timeout):
                response = await request
            async with response:
                async with asyncio.timeout(self._timeout):
                    node_id = await self._begin(endpoint, response)
                yield Connected(node_id=node_id)
                parser = EventParser(self.address, last_id=last_id, keeps_layout=endpoint.keeps_layout)
                async for chunk in response.content.iter_any():
                    for event in parser.feed(chunk):
                        if event.name == "error":
                            raise NodeRefused(self.address, 400, event.decode(ErrorBody))
                        last_id = event.id
                        yield event
                    if parser.place != last_id:
                        last_id = parser.place
                        yield Moved(id=last_id)
        except aiohttp.SocketTimeoutError as error:
            raise NodeTimeout(self.address, f"nothing came for {SILENCE_SEC:g} s: is the way to it cut?") from error
        except aiohttp.ClientPayloadError as error:
            raise NodeUnreachable(self.address, "the connection broke off") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error(target, error, timeout=self._timeout) from error

    async def _begin(self, endpoint: Endpoint[A], response: "aiohttp.ClientResponse") -> str:
        """Who streams. Raises NodeError when what comes is no stream."""
        raw = RawAnswer(status=response.status, headers=_clean_headers(response), body=b"", elapsed_ms=0.0)
        if response.status == 200 and media_type(raw) == "text/event-stream":
            return read_node_id(self.address, raw)
        read_answer(self.address, endpoint, dataclasses.replace(raw, body=await self._read(response)))
        raise NodeIncompatible(self.address, f"the node does not stream {endpoint.path}: it is older; update it")

    async def close(self) -> None:
        """Close what this client opened, streams too. Asking again opens it anew."""
        for session in (self._own, self._streams):
            if session is not None:
                await session.close()
        self._own = self._streams = None

    def _target(self) -> Target:
        try:
            return parse_address(self.address)
        except ValueError as error:
            raise NodeUnreachable(self.address, str(error)) from error

    async def _exchange(
        self, target: Target, method: str, path: str, *, patience_sec: float, **request: Any
    ) -> RawAnswer:
        import aiohttp
        from yarl import URL

        url = URL(target.url + path, encoded=True)
        timeout = self._timeout + patience_sec
        started = time.perf_counter()
        try:
            async with self._session(target).request(
                method,
                url,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=self._connect_timeout),
                **request,
            ) as response:
                content = await self._read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = self._error(target, error, timeout=timeout)
            unconnected = (aiohttp.ClientConnectorError, aiohttp.ClientSSLError, aiohttp.ConnectionTimeoutError)
            failure.was_sent = not isinstance(error, unconnected)
            raise failure from error
        return RawAnswer(
            status=response.status,
            headers=_clean_headers(response),
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
        if self._given is not None and target.socket is None:
            return self._given
        if self._own is None:
            self._own = _new_session(target, connections=4)
        return self._own

    def _stream_session(self, target: Target) -> "aiohttp.ClientSession":
        """Streams have connections of their own: each keeps one, and questions must not wait for them."""
        if self._streams is None:
            self._streams = _new_session(target, connections=0)
        return self._streams

    def _error(self, target: Target, error: Exception, *, timeout: float) -> NodeError:
        """The one place where what aiohttp and the system raise becomes a NodeError."""
        import aiohttp

        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return NodeTimeout(
                self.address, f"no connection within {self._connect_timeout:g} s: is the host up, does a firewall drop?"
            )
        if isinstance(error, TimeoutError):
            return NodeTimeout(self.address, f"no answer within {timeout:g} s: the node or the way to it is slow")
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


def _new_session(target: Target, *, connections: int) -> "aiohttp.ClientSession":
    """At most so many connections at a time; 0 is no limit."""
    import aiohttp

    connector = (
        aiohttp.TCPConnector(limit_per_host=connections, keepalive_timeout=75)
        if target.socket is None
        else aiohttp.UnixConnector(target.socket, limit=connections, keepalive_timeout=75)
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def _clean_headers(response: "aiohttp.ClientResponse") -> Mapping[str, str]:
    from multidict import CIMultiDict

    return CIMultiDict((clean(name), clean(value)) for name, value in response.headers.items())


def _filled(endpoint: Endpoint[Any], path: Mapping[str, str]) -> str:
    """The endpoint's path with these values in its braces; they cannot leave their place."""
    return endpoint.path.format(**{name: quote(value, safe="") for name, value in path.items()})


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
