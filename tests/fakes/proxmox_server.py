"""The HTTP server of a fake Proxmox VE: one thread a connection, TLS 1.2 or newer, connections that are kept."""

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.proxmox_faults import Fault

_WORTH_GZIP_BYTES = 1024
_DRIP_SEC = 0.02


@dataclass
class Call:
    """One request as it came. Header names are in lower case; `path` is without `/api2/json`; `at` is monotonic."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    at: float
    query: str = ""
    status: int = 0
    """What was answered; 0 while nothing is."""


@dataclass(frozen=True)
class Reply:
    """An answer, and what is done to it."""

    status: int
    reason: str
    body: bytes
    content_type: str
    fault: Fault

    @classmethod
    def of(cls, data: Any, fault: Fault, *, status: int = 200, reason: str = "OK", **more: Any) -> "Reply":
        body = json.dumps({**more, "data": data}).encode()
        return cls(status, reason, body, Fault.content_type, fault)


class Connections:
    """The open sockets, so that they can all be cut."""

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.opened = 0

    @contextlib.contextmanager
    def held(self, connection: socket.socket) -> Any:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def hold(self, connection: socket.socket) -> bool:
        """Whether it is one of them: what came before a cut and is read after it does not count."""
        with self._lock:
            return connection in self._open

    def cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    # That of SSLSocket would take the TLS away from under the thread that reads.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            self._open.clear()


class Server(ThreadingHTTPServer):
    """`answer` makes a Reply of a Call; `context` gives the TLS context for a new connection, None for plain HTTP.

    With `mute` a connection is taken and nothing is said, not even the TLS handshake.
    """

    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, answer: Callable[[Call], Reply], context: Callable[[], ssl.SSLContext | None]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self.answer, self.context = answer, context
        self.connections = Connections()
        self.stopping = threading.Event()
        self.mute = False
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        """Refuse new connections, cut the open ones, and wait until every thread is gone."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.socket.close()
        # One that was accepted a moment ago may not be held yet: it is cut when it is.
        self.connections.cut()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections.opened += 1
        with self.connections.held(request):
            if self.mute:
                self.stopping.wait()
            if self.stopping.is_set():
                return
            context = self.context()
            if context is None:
                Handler(request, client_address, self)
                return
            tls = context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        # The socket changed hands: the first is no more than an empty shell.
        with tls, self.connections.held(tls):
            if not self.stopping.is_set():
                tls.do_handshake()
                Handler(tls, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or did not like the certificate, is none."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets it be answered, and sends that as well or as badly as its fault says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET  # noqa: N815 - as the class has them

    def version_string(self) -> str:
        return "pve-api-daemon/3.0"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the class has it
        """Tests read `calls`."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not self.server.connections.hold(self.connection):
            self.close_connection = True
            return
        call = Call(self.command, path, headers, self.rfile.read(length).decode(), time.monotonic(), query)
        reply = self.server.answer(call)
        self._send(call, reply)

    def _send(self, call: Call, reply: Reply) -> None:
        manner = reply.fault.manner
        if manner == "hang":
            self.server.stopping.wait()
        if manner in ("hang", "drop"):
            self.close_connection = True
            return
        call.status = reply.status
        body, encoding = self._packed(reply.body)
        self.send_response(reply.status, reply.reason)
        for name, value in self._headers(reply, len(body) + (10**6 if manner == "drip" else 0), encoding).items():
            self.send_header(name, value)
        self.end_headers()
        if manner == "drip":
            self._drip(body)
        elif manner == "cut":
            self.wfile.write(body[: len(body) // 2])
        elif self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = self.close_connection or bool(manner)

    def _packed(self, body: bytes) -> tuple[bytes, str]:
        if len(body) > _WORTH_GZIP_BYTES and "gzip" in self.headers.get("Accept-Encoding", ""):
            return gzip.compress(body), "gzip"
        return body, ""

    def _headers(self, reply: Reply, length: int, encoding: str) -> Mapping[str, str]:
        headers = {"Cache-Control": "max-age=0", "Pragma": "no-cache", "Content-Type": reply.content_type}
        headers |= {"Content-Length": str(length)} | ({"Content-Encoding": encoding} if encoding else {})
        return headers | dict(reply.fault.headers)

    def _drip(self, body: bytes) -> None:
        """Blanks before the answer, one at a time: a reader with a time-out for each read never gives up."""
        while not self.server.stopping.wait(_DRIP_SEC):
            self.wfile.write(b" ")
