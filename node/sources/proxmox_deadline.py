"""The last moment of a conversation: whoever still talks then is cut off, however slowly the other side drips.

The time-out of a socket is for one read. A server that sends a byte now and then never runs into it, and a resolver
has none at all.
"""

import contextlib
import socket
import threading
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

Address = tuple[Any, ...]
"""As socket.getaddrinfo returns it."""


class Deadline:
    """From entering it on, `sec` seconds; then the socket it watches is shut down, and whoever reads from it wakes."""

    def __init__(self, sec: float) -> None:
        self.sec = sec
        self.passed = False
        self._ends = time.monotonic() + sec
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(sec, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def within(self, sec: float) -> float:
        """`sec`, or what is left when that is less. Raises TimeoutError when nothing is."""
        left = self._ends - time.monotonic()
        if left <= 0:
            self.passed = True
            raise TimeoutError
        return min(sec, left)

    def watch(self, one: socket.socket) -> None:
        """Shut this one down when the time comes, and no more the one before."""
        with self._lock:
            self._socket = one
            if self.passed:
                _shut_down(one)

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket is not None:
                _shut_down(self._socket)


class Resolver:
    """Looks up host names in threads that may hang; nobody starts another while one hangs in the same name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Future[list[Address]]] = {}

    def addresses(self, host: str, port: int, within_sec: float) -> list[Address]:
        """Raises OSError (socket.gaierror), UnicodeError for a name that none can be, TimeoutError."""
        key = (host, port)
        with self._lock:
            future = self._running.get(key)
            if future is None:
                future = self._running[key] = Future()
                threading.Thread(target=self._look_up, args=(key, future), daemon=True, name=f"resolve {host}").start()
        return future.result(within_sec)

    def _look_up(self, key: tuple[str, int], future: "Future[list[Address]]") -> None:
        try:
            found: list[Address] = list(socket.getaddrinfo(*key, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            self._done(key)
            future.set_exception(error)
        else:
            self._done(key)
            future.set_result(found)

    def _done(self, key: tuple[str, int]) -> None:
        with self._lock:
            del self._running[key]


def _shut_down(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        # The method of an SSLSocket would take the TLS away from under the thread that reads.
        socket.socket.shutdown(one, socket.SHUT_RDWR)
