"""One conversation with a Proxmox VE in HTTP: a connection that was checked, a limited answer, a last moment.

It follows no redirection, keeps no cookie, and reads neither proxies nor passwords from the environment or ~/.netrc:
what is sent goes to the endpoint that was named, or nowhere.
"""

import http.client
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from node.sources.proxmox_deadline import Deadline
from node.sources.proxmox_dial import Dialer, Trust
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, Trouble

MOST_BYTES = 32 * 1024 * 1024
"""Of one answer, unpacked; a cluster of 10,000 guests needs 6 MB."""

_GZIP = 31
"""How zlib calls it."""
_ELSEWHERE = range(300, 400)


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer. Proxmox writes what went wrong into the status line: `reason`."""

    status_code: int
    reason: str
    content: bytes


class Wire:
    """Talks to one endpoint. The connection is closed at the end: each conversation looks at the certificate anew."""

    def __init__(self, endpoint: str, *, trust: Trust, dialer: Dialer, deadline: Deadline) -> None:
        self.endpoint = endpoint
        self.fingerprint = ""
        self._trust, self._dialer, self._deadline = trust, dialer, deadline
        self._http = _Http(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: str = "", *, read_sec: float) -> Heard:
        """One request. Raises ProxmoxError; unless it is about the status, the conversation is over then."""
        self._connect()
        try:
            self._http.sock.settimeout(self._deadline.within(read_sec))
            self._http.request(method, path, body or None, {"Accept-Encoding": "gzip", **headers})
            response = self._http.getresponse()
            content = self._content(response)
        except TimeoutError as error:
            raise self._late(read_sec) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        if self._deadline.passed:
            raise self._late(read_sec)
        if response.status in _ELSEWHERE:
            what = f"answers {response.status} to {path}: it sends whoever asks elsewhere, which is not followed"
            raise self.failed("refused", what, status=response.status)
        return Heard(response.status, response.reason, content)

    def failed(self, trouble: Trouble, what: str, *, status: int = 0) -> ProxmoxError:
        """`what` follows the endpoint."""
        message = f"{self.endpoint} {what}"
        return ProxmoxError(ProxmoxFailure(trouble=trouble, message=message, endpoint=self.endpoint, status=status))

    def open(self) -> None:
        """Connect, and check who is there. Raises ProxmoxError, OSError, TimeoutError."""
        line = self._dialer.dial(self.endpoint, self._trust, self._deadline)
        self.fingerprint, self._http.sock = line.fingerprint, line.socket

    def _connect(self) -> None:
        if self._http.sock is not None:
            return
        try:
            self.open()
        except TimeoutError as error:
            if self._deadline.passed:
                raise self._late(0) from error
            raise self.failed("timeout", "does not take a connection in time") from error
        except UnicodeError as error:
            raise self.failed("unreachable", "has a name that no host can have") from error
        except ssl.SSLError as error:
            raise self._no_tls(error) from error
        except OSError as error:
            raise self.failed("unreachable", f"cannot be connected to: {_words(error)}") from error

    def _content(self, response: http.client.HTTPResponse) -> bytes:
        """Raises ProxmoxError, OSError and HTTPException."""
        if response.length is not None and response.length > MOST_BYTES:
            raise self._too_long()
        content = response.read() if response.length is not None else response.read(MOST_BYTES + 1)
        if response.getheader("Content-Encoding") == "gzip":
            try:
                content = zlib.decompressobj(_GZIP).decompress(content, MOST_BYTES + 1)
            except zlib.error as error:
                raise self.failed("malformed", "answers with something else than the gzip it promises") from error
        if len(content) > MOST_BYTES:
            raise self._too_long()
        return content

    def _too_long(self) -> ProxmoxError:
        return self.failed("malformed", f"answers with more than {MOST_BYTES // 1024 // 1024} MiB")

    def _late(self, read_sec: float) -> ProxmoxError:
        if self._deadline.passed:
            return self.failed("timeout", f"did not come to an end within {_seconds(self._deadline.sec)}")
        return self.failed("timeout", f"did not answer within {_seconds(read_sec)}")

    def _broken(self, error: OSError | http.client.HTTPException) -> ProxmoxError:
        if self._deadline.passed:
            return self._late(0)
        if isinstance(error, OSError):
            return self.failed("unreachable", f"broke off: {_words(error)}")
        if isinstance(error, http.client.IncompleteRead):
            return self.failed("unreachable", "broke off in the middle of its answer")
        return self.failed("malformed", f"does not speak HTTP ({type(error).__name__}); is it the port of Proxmox VE?")

    def _no_tls(self, error: ssl.SSLError) -> ProxmoxError:
        if self._deadline.passed:
            return self._late(0)
        reason = (error.reason or "connection closed").replace("_", " ").lower()
        return self.failed("unreachable", f"does not agree on TLS: {reason}; is it the port of Proxmox VE?")


class _Http(http.client.HTTPConnection):
    """Connects through its wire alone, also when the other side closed in between."""

    def __init__(self, wire: Wire) -> None:
        parts = urlsplit(wire.endpoint)
        super().__init__(parts.hostname or "", parts.port)
        self._wire = wire

    def connect(self) -> None:
        self._wire.open()


def _words(error: OSError) -> str:
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    return (error.strerror or str(error) or type(error).__name__).lower()


def _seconds(sec: float) -> str:
    return f"{round(sec, 1):g} s"
