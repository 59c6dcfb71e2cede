"""A connection to a Proxmox VE that may be told secrets: its certificate is checked before a byte of HTTP goes out."""

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from etlmon.contract.clusters import Verify
from node.sources.proxmox_deadline import Deadline, Resolver
from node.sources.proxmox_types import ProxmoxError, ProxmoxFailure, ProxmoxLimits

_SYSTEM_LIFE_SEC = 60.0
"""For how long the system's authorities are held, 144 of them in 20 ms: new ones count after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose certificates are good; `fingerprint` as proxmox_endpoint.py writes it."""

    verify: Verify
    ca: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """An open connection, and the SHA-256 of the certificate on its other end; empty without TLS."""

    socket: socket.socket
    fingerprint: str = ""


class Dialer:
    """Connects; for all clusters."""

    def __init__(self, limits: ProxmoxLimits) -> None:
        self._limits = limits
        self._resolver = Resolver()
        self._lock = threading.Lock()
        self._system: tuple[float, ssl.SSLContext] | None = None

    def dial(self, endpoint: str, trust: Trust, deadline: Deadline) -> Line:
        """Connect and check the certificate. Raises ProxmoxError, OSError and TimeoutError."""
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port or 0
        if parts.scheme == "http":
            return Line(self._connect(host, port, deadline))
        try:
            line = self._secure(host, port, self._context(endpoint, trust), deadline)
        except ssl.SSLCertVerificationError as error:
            seen = self._seen(host, port, deadline)
            raise _untrusted(endpoint, seen, error.verify_message) from error
        if trust.verify == "fingerprint" and line.fingerprint != trust.fingerprint:
            line.socket.close()
            raise _changed(endpoint, line.fingerprint) if trust.fingerprint else _unknown(endpoint, line.fingerprint)
        return line

    def _secure(self, host: str, port: int, context: ssl.SSLContext, deadline: Deadline) -> Line:
        with contextlib.ExitStack() as on_failure:
            plain = self._connect(host, port, deadline)
            on_failure.callback(plain.close)
            plain.settimeout(deadline.within(self._limits.read_sec))
            # A certificate names neither the root of all names nor the interface that leads to an address.
            name = host.partition("%")[0].rstrip(".")
            secured = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
            on_failure.callback(secured.close)
            deadline.watch(secured)
            secured.do_handshake()
            certificate = secured.getpeercert(binary_form=True) or b""
            on_failure.pop_all()
        return Line(secured, hashlib.sha256(certificate).digest().hex(":").upper())

    def _connect(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """The first address that takes the connection; `connect_sec` is for each of them. Raises OSError."""
        addresses = self._resolver.addresses(host, port, deadline.within(self._limits.connect_sec))
        failure: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in addresses:
            one = socket.socket(family, kind, protocol)
            try:
                one.settimeout(deadline.within(self._limits.connect_sec))
                deadline.watch(one)
                one.connect(address)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                one.close()
                failure = error
            else:
                return one
        raise failure

    def _seen(self, host: str, port: int, deadline: Deadline) -> str:
        """The fingerprint of the certificate that stands there; empty when it cannot be seen any more."""
        with contextlib.suppress(OSError):
            line = self._secure(host, port, _unchecked(), deadline)
            line.socket.close()
            return line.fingerprint
        return ""

    def _context(self, endpoint: str, trust: Trust) -> ssl.SSLContext:
        """Raises ProxmoxError: what should be the authorities is none."""
        if trust.verify == "fingerprint":
            return _unchecked()
        if trust.verify == "system":
            return self._system_context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The operator named what to trust: that may be the host's own certificate, or an authority in between.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            # Only what stands between the lines of dashes counts; comments are written in any language.
            context.load_verify_locations(cadata=trust.ca.encode("ascii", "replace").decode())
        except (ssl.SSLError, ValueError) as error:
            message = (
                f"the certificate of {endpoint} cannot be checked: the authorities given are not certificates (PEM)"
            )
            raise ProxmoxError(ProxmoxFailure(trouble="certificate", message=message, endpoint=endpoint)) from error
        return context

    def _system_context(self) -> ssl.SSLContext:
        with self._lock:
            now = time.monotonic()
            if self._system is None or now - self._system[0] > _SYSTEM_LIFE_SEC:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_default_certs()
                self._system = (now, context)
            return self._system[1]


def _unchecked() -> ssl.SSLContext:
    """Takes any certificate: its fingerprint is looked at before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _untrusted(endpoint: str, seen: str, why: str) -> ProxmoxError:
    message = (
        f"the certificate of {endpoint} is not trusted ({why}), so nothing was sent: compare its fingerprint "
        f"with the one in the web interface (node, Certificates) and trust that, or give the authority that signed it "
        "(/etc/pve/pve-root-ca.pem)"
    )
    return ProxmoxError(ProxmoxFailure(trouble="certificate", message=message, endpoint=endpoint, fingerprint=seen))


def _unknown(endpoint: str, seen: str) -> ProxmoxError:
    message = f"no fingerprint is given for {endpoint}, so nothing was sent: compare the one of its certificate"
    return ProxmoxError(ProxmoxFailure(trouble="certificate", message=message, endpoint=endpoint, fingerprint=seen))


def _changed(endpoint: str, seen: str) -> ProxmoxError:
    message = (
        f"the certificate of {endpoint} is not the one that is trusted, so nothing was sent: if it was renewed, "
        "compare its fingerprint and trust it anew"
    )
    return ProxmoxError(
        ProxmoxFailure(trouble="changed_certificate", message=message, endpoint=endpoint, fingerprint=seen)
    )
