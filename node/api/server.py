"""Connections, kept short of trouble: deadlines for slow clients, a limit on how many there are."""

import asyncio
from typing import Any

from aiohttp import web

from node.api.errors import error_response, malformed

REQUEST_SEC = 15.0
"""How long a client may take to send the head of a request, once it began."""

RESPONSE_SEC = 30.0
"""How long a client may take to read an answer."""

IDLE_SEC = 75.0
MOST_CONNECTIONS = 500
STOP_SEC = 0.75


class Connection(web.RequestHandler):
    """One client's connection."""

    def __init__(self, server: "Server", **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._loop_ = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._server.connections) > MOST_CONNECTIONS:
            self.force_close()
            return
        self._expect_request()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.request_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and not self._answering:
            self._expect_request()
        super().data_received(data)

    def request_arrived(self) -> None:
        """The head of a request is complete."""
        self._answering = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException):
            # Raised by aiohttp itself, before any of the application's code was asked.
            resp = error_response(resp, request)
        too_slow = self._loop_.call_later(RESPONSE_SEC, self._abort)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            too_slow.cancel()
            self._answering = False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to bytes that are no request, or to one that is beyond the limits of its head."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        return malformed(message or "it is malformed")

    def _abort(self) -> None:
        """Drop the connection with what is still to be sent; closing it would wait for the client to read that."""
        if self.transport is not None:
            self.transport.abort()

    def _expect_request(self) -> None:
        self._deadline = self._loop_.call_later(REQUEST_SEC, self.force_close)


class Server(web.Server):
    """Makes the connections."""

    def __init__(self, served: web.Server, **options: Any) -> None:
        super().__init__(served.request_handler, request_factory=served.request_factory)
        self._options = options
        make_request = self.request_factory

        def arrived(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
            protocol.request_arrived()
            return make_request(message, payload, protocol, writer, task)

        self.request_factory = arrived

    def __call__(self) -> Connection:
        return Connection(self, **self._options)


class ApiRunner(web.AppRunner):
    """Runs what `build_app` made: `setup()`, then a site for each socket, and `cleanup()` at the end."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=STOP_SEC)

    async def _make_server(self) -> web.Server:
        return Server(
            await super()._make_server(),
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=IDLE_SEC,
            lingering_time=2.0,
        )
