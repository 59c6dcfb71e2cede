"""A pretended Google Cloud with Dataproc: real servers for gRPC and HTTP on 127.0.0.1, over an estate of one's making.

with fake_dataproc(Estate.of({"p1": {"us-central1": Region(clusters=[cluster("etl")])}})) as google: …
"""

import ipaddress
import json
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from tests.fakes.dataproc_estate import Estate
from tests.fakes.dataproc_grpc import GrpcServer
from tests.fakes.dataproc_http import HttpServer
from tests.fakes.dataproc_service import Call, Faults, Service

EMAIL = "etlmon@p1.iam.gserviceaccount.com"


@dataclass
class FakeGoogle:
    """The servers, and what came to them."""

    service: Service
    endpoint: str
    """For gRPC: host:port."""
    rest: str
    """For Dataproc over HTTP."""
    compute: str
    """What `/projects/P/regions` is put behind."""
    token_uri: str
    ca_pem: str
    """The certificate of a server with TLS; empty without."""
    http: HttpServer

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in the order in which they came."""
        return self.service.calls

    @property
    def faults(self) -> Faults:
        """What is to happen to calls; see Service."""
        return self.service.faults

    @property
    def estate(self) -> Estate:
        return self.service.estate

    def seen(self, method: str, region: str | None = None) -> list[Call]:
        """The calls of a method so far, those for one region alone if it is named."""
        return self.service.seen(method, region)

    def key_file(self, folder: Path, *, email: str = EMAIL, is_known: bool = True) -> Path:
        """The key of a service account in a file of its own; one that is not known here gets no token."""
        if is_known:
            self.http.keys[email] = _key().public_key()
        path = folder / f"{email.partition('@')[0]}.json"
        path.write_text(json.dumps(service_account(self.token_uri, email)), encoding="utf-8")
        path.chmod(0o600)
        return path

    def ca_file(self, folder: Path) -> Path:
        """The certificate to trust, in a file."""
        path = folder / "ca.pem"
        path.write_text(self.ca_pem, encoding="ascii")
        return path

    def revoke(self) -> None:
        """No token that was given out is good any more."""
        self.service.tokens.clear()


@contextmanager
def fake_dataproc(
    estate: Estate,
    *,
    most_per_page: int = 100,
    late_sec: float = 0.0,
    needs_token: bool = True,
    tls: bool = False,
) -> Iterator[FakeGoogle]:
    """Servers that show `estate`. Each answer comes `late_sec` late; a page holds `most_per_page` at most.

    With `tls` they speak TLS with a certificate for 127.0.0.1 that nobody else knows: see `ca_file`.
    """
    service = Service(estate, most_per_page=most_per_page, late_sec=late_sec, needs_token=needs_token)
    certificate = _certificate() if tls else None
    grpc_server = GrpcServer(service, certificate)
    http_server = HttpServer(service, _context(certificate) if certificate else None)
    try:
        yield FakeGoogle(
            service=service,
            endpoint=f"127.0.0.1:{grpc_server.port}",
            rest=http_server.url,
            compute=f"{http_server.url}/compute/v1",
            token_uri=f"{http_server.url}/token",
            ca_pem=certificate[1].decode() if certificate else "",
            http=http_server,
        )
    finally:
        service.stop()
        grpc_server.stop()
        http_server.stop()


def service_account(token_uri: str, email: str = EMAIL) -> dict[str, str]:
    """What stands in the key file of a service account, with a real key."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "0123456789abcdef",
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": "100000000000000000001",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _certificate() -> tuple[bytes, bytes]:
    """The key and the certificate of a server on 127.0.0.1, both as PEM."""
    key, name = _key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day, today = timedelta(days=1), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - day)
        .not_valid_after(today + 365 * day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def _context(certificate: tuple[bytes, bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(certificate))
        file.flush()
        context.load_cert_chain(file.name)
    return context
