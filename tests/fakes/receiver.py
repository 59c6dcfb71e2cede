"""An HTTP server that takes notices as a webhook, Slack or an Alertmanager would, or behaves badly."""

import ssl
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


@dataclass(frozen=True)
class Reply:
    """What the server does with a request.

    `drip_sec` is the time between two bytes of the body. With `hang` there is no answer, with `hold` one as soon as
    `Receiver.done` is set.
    """

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_sec: float = 0.0
    hang: bool = False
    hold: bool = False


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["x-etlmon-delivery"]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Receiver:
    """`replies` are used up one after the other; then every request gets `usual`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []
        self.replies: deque[Reply] = deque()
        self.usual = Reply()
        self.done = threading.Event()

    def reply(self) -> Reply:
        return self.replies.popleft() if self.replies else self.usual

    @property
    def once(self) -> dict[str, Received]:
        """What a receiver keeps that honours the key: the first of each."""
        kept: dict[str, Received] = {}
        for one in self.received:
            kept.setdefault(one.key, one)
        return kept


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Whoever asked is killed now and then: no news."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()


@contextmanager
def receiver(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a port of 127.0.0.1 until the block ends; it speaks HTTPS when it is given a context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.received.append(Received(self.command, self.path, headers, body))
            _answer(self, served, served.reply())

        do_GET = do_POST = do_PUT = _take  # noqa: N815 - as http.server wants it

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    served = Receiver(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.done.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, served: Receiver, reply: Reply) -> None:
    if reply.hang or reply.hold:
        served.done.wait(60)
    if reply.hang:
        handler.close_connection = True
        return
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(reply.body)))
    handler.end_headers()
    try:
        for byte in reply.body if reply.drip_sec else b"":
            handler.wfile.write(bytes([byte]))
            time.sleep(reply.drip_sec)
        if not reply.drip_sec:
            handler.wfile.write(reply.body)
    except OSError:  # whoever asked has enough
        handler.close_connection = True
