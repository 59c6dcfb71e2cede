"""What is asked of a Proxmox VE cluster, and what it answers: shapes that the child, its asker and the domain share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from etlmon.contract.clusters import Verify
from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage

Trouble = Literal[
    "authentication",
    "tfa",
    "unreachable",
    "timeout",
    "certificate",
    "changed_certificate",
    "malformed",
    "refused",
    "secret",
    "missing_package",
]
"""`certificate`: it is not trusted, `changed_certificate`: it is not the one that was; nothing secret was sent to
either. `refused`: an answer with an error, 403 or 5xx. `secret`: what is stored cannot be opened."""


class ProxmoxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: to connect, without a byte of an answer, and for a whole look, log-in and all endpoints included."""

    connect_sec: float = 3.0
    read_sec: float = 10.0
    total_sec: float = 15.0


class ProxmoxTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster and how to log in. Exactly one of `secret` (as typed or configured) and `sealed` is set."""

    id: str
    endpoints: Sequence[str]
    """As `proxmox_endpoint.parse` writes them; asked in this order, the one that answered last first."""
    username: str
    token_name: str = ""
    """The secret is an API token's then, else a password."""
    secret: str = ""
    sealed: str = ""
    verify: Verify = "system"
    ca: str = ""
    fingerprint: str = ""

    def __repr__(self) -> str:
        """Without the secrets, wherever it is printed."""
        return f"ProxmoxTarget(id={self.id!r}, endpoints={self.endpoints!r}, username={self.username!r})"


class ProxmoxLook(msgspec.Struct, frozen=True, kw_only=True):
    """A whole cluster, seen at once.

    What could not be read although it answered stands in `missing`, each as `part: why`; the parts are status, nodes,
    guests and storage.
    """

    endpoint: str
    """The one that answered."""
    fingerprint: str
    """Of its certificate; empty without TLS."""
    version: str
    cluster_name: str = ""
    """Empty for a host that is in no cluster."""
    quorate: bool | None = None
    nodes: list[ClusterNode]
    guests: list[ClusterGuest]
    storage: list[ClusterStorage]
    missing: list[str] = []
    unreachable: list[str] = []
    """Endpoints that were asked before and did not answer, each with the reason."""
    at: datetime
    duration_ms: float


class ProxmoxFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no look. `fingerprint` is that of a certificate that was seen and is not trusted."""

    trouble: Trouble
    message: str
    endpoint: str = ""
    fingerprint: str = ""
    status: int = 0
    """Of HTTP, when there was an answer."""


class ProxmoxError(Exception):
    """A cluster could not be looked at."""

    def __init__(self, failure: ProxmoxFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure
