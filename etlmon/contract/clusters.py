"""clusters: Proxmox VE clusters, registered at run time or in node.yaml, and what they consist of."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.clusters_members import ClusterGuest, ClusterNode, ClusterStorage
from etlmon.contract.endpoint import API, PAGE_HEADERS, Endpoint, Page

ClusterStatus = Literal["healthy", "degraded", "unhealthy", "unknown"]
ClusterOrigin = Literal["registered", "static"]
Verify = Literal["system", "ca", "fingerprint"]

LONGEST_NAME = 255
LONGEST_ENDPOINT = 2048
LONGEST_SECRET = 4096
LONGEST_CA = 256 * 1024
MOST_FAILOVER = 8

ClusterName = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
ApiEndpoint = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=LONGEST_ENDPOINT,
        description="https://host[:port], port 8006 when it is left out, an IPv6 address in brackets",
    ),
]
Username = Annotated[
    str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME, description="with its realm: etlmon@pve, root@pam")
]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SECRET)]
Fingerprint = Annotated[
    str,
    msgspec.Meta(max_length=LONGEST_NAME, description="SHA-256 of the certificate, in hex, with or without colons"),
]


class ClusterTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the certificate is checked: by the system's authorities, by the one given (`ca`), or by its fingerprint.

    A certificate that nobody signed is trusted by its fingerprint; none is trusted unseen.
    """

    verify: Verify = "system"
    ca: Annotated[str, msgspec.Meta(max_length=LONGEST_CA, description="certificates of authorities, PEM")] = ""
    fingerprint: Fingerprint = ""


class RegisterCluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cluster and how to log in: with a password, or, better, an API token (`token_name` and `token_value`)."""

    name: ClusterName
    api_endpoint: ApiEndpoint
    username: Username
    password: Secret | None = None
    token_name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)] | None = None
    token_value: Secret | None = None
    tls: ClusterTls = ClusterTls()
    failover: Annotated[
        list[ApiEndpoint], msgspec.Meta(max_length=MOST_FAILOVER, description="asked in order when the first is down")
    ] = []

    def __repr__(self) -> str:
        """Without the secrets, wherever it is printed."""
        return f"RegisterCluster(name={self.name!r}, api_endpoint={self.api_endpoint!r}, username={self.username!r})"


class TrustCertificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificate that is trusted from now on. `confirm` must be true."""

    fingerprint: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    confirm: Annotated[bool, msgspec.Meta(description="must be true")] = False


class ClusterAct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to say: which cluster stands in the path."""


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster as it was seen last. What it uses and has is summed over its nodes.

    While it cannot be reached the numbers are the last good ones: `last_success_at` says how old they are.
    """

    id: str
    """A UUID."""
    name: str
    api_endpoint: str
    status: ClusterStatus
    proxmox_version: str
    """Empty until it was read once."""
    node_count: int
    created_at: datetime
    updated_at: datetime
    """When its settings or its status changed last."""

    status_reason: str | None = None
    """Why it is not healthy, in a sentence."""
    username: str
    auth: Literal["password", "token"]
    token_name: str = ""
    origin: ClusterOrigin = "registered"
    tls: ClusterTls = ClusterTls()
    failover: list[str] = []
    active_endpoint: str = ""
    """The one that answered last."""
    seen_fingerprint: str = ""
    """Of a certificate that is not trusted: what to compare before trusting it."""
    cluster_name: str = ""
    """As Proxmox calls it; empty for a host that is in no cluster."""
    quorate: bool | None = None
    nodes_online: int = 0
    guests_total: int = 0
    """Virtual machines and containers, without templates."""
    guests_running: int = 0
    storage_total_bytes: int = 0
    """Shared storage counts once."""
    storage_used_bytes: int = 0
    cpu_percent: float | None = None
    cpu_cores: int = 0
    mem_used_bytes: int = 0
    mem_total_bytes: int = 0
    missing: list[str] = []
    """What could not be read although the cluster answered, for example `guests: no permission (VM.Audit)`."""
    polled_at: datetime | None = None
    last_success_at: datetime | None = None
    failures: int = 0
    """Polls that failed one after the other."""
    duration_ms: float | None = None
    console_url: str = ""


class ClusterList(msgspec.Struct, frozen=True, kw_only=True):
    """The clusters by name, and how many there are."""

    clusters: list[Cluster]
    total: int


class ClusterProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a log-in with the given credentials sees; nothing is saved."""

    proxmox_version: str
    cluster_name: str = ""
    node_count: int
    nodes_online: int
    guests_total: int
    quorate: bool | None = None
    missing: list[str] = []
    duration_ms: float
    fingerprint: str = ""
    """Of the certificate that answered."""


class GuestQuery(Page, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which guests."""

    node: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME, description="on this node only")] | None = None
    status: Annotated[str, msgspec.Meta(max_length=64, description="in this status only")] | None = None


_ID = "550e8400-e29b-41d4-a716-446655440000"
_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
_CLUSTER = Cluster(
    id=_ID,
    name="prod-cluster",
    api_endpoint="https://pve.example.com:8006",
    status="healthy",
    proxmox_version="8.4.1",
    node_count=3,
    created_at=_AT,
    updated_at=_AT,
    username="etlmon@pve",
    auth="token",
    token_name="monitor",  # noqa: S106 - a name
    active_endpoint="https://pve.example.com:8006",
    cluster_name="prod",
    quorate=True,
    nodes_online=3,
    guests_total=41,
    guests_running=38,
    cpu_percent=17.4,
    cpu_cores=96,
    mem_used_bytes=206_158_430_208,
    mem_total_bytes=412_316_860_416,
    polled_at=_AT,
    last_success_at=_AT,
    duration_ms=212.0,
    console_url="https://pve.example.com:8006",
)
_REGISTER = (401, 409, 413, 415, 429, 502, 503, 504)

CLUSTERS = Endpoint(
    method="GET",
    path=f"{API}/clusters",
    answer=ClusterList,
    summary="The Proxmox clusters, by name",
    example=ClusterList(clusters=[_CLUSTER], total=1),
)

CLUSTER_REGISTER = Endpoint(
    method="POST",
    path=f"{API}/clusters",
    answer=Cluster,
    summary="Log in to a Proxmox cluster and watch it from now on",
    body=RegisterCluster,
    status=201,
    errors=_REGISTER,
    patience_sec=60.0,
    example=_CLUSTER,
)

CLUSTER_TEST = Endpoint(
    method="POST",
    path=f"{API}/clusters/test",
    answer=ClusterProbe,
    summary="Log in to a Proxmox cluster and say what is seen; nothing is saved",
    body=RegisterCluster,
    errors=_REGISTER,
    patience_sec=60.0,
    example=ClusterProbe(
        proxmox_version="8.4.1",
        cluster_name="prod",
        node_count=3,
        nodes_online=3,
        guests_total=41,
        quorate=True,
        duration_ms=480.0,
    ),
)

CLUSTER = Endpoint(
    method="GET",
    path=f"{API}/clusters/{{id}}",
    answer=Cluster,
    summary="One Proxmox cluster",
    errors=(404,),
    example=_CLUSTER,
)

CLUSTER_DEREGISTER = Endpoint(
    method="DELETE",
    path=f"{API}/clusters/{{id}}",
    answer=type(None),
    summary="Forget a Proxmox cluster and its credentials; nothing is done to the cluster itself",
    status=204,
    errors=(404, 409, 413, 415, 429, 503),
    example=None,
)

CLUSTER_REFRESH = Endpoint(
    method="POST",
    path=f"{API}/clusters/{{id}}/refresh",
    answer=Cluster,
    summary="Ask a Proxmox cluster now; the answer is its row afterwards, reachable or not",
    body=ClusterAct,
    errors=(404, 413, 415, 429, 503),
    patience_sec=60.0,
    example=_CLUSTER,
)

CLUSTER_TRUST = Endpoint(
    method="POST",
    path=f"{API}/clusters/{{id}}/trust",
    answer=Cluster,
    summary="Trust a changed certificate by its fingerprint; the certificate must be there now",
    body=TrustCertificate,
    errors=(404, 409, 413, 415, 429, 502, 503, 504),
    patience_sec=60.0,
    example=_CLUSTER,
)

CLUSTER_NODES = Endpoint(
    method="GET",
    path=f"{API}/clusters/{{id}}/nodes",
    answer=list[ClusterNode],
    summary="The nodes of a Proxmox cluster",
    errors=(404,),
    example=[
        ClusterNode(
            cluster_id=_ID,
            name="pve1",
            status="online",
            ip="10.0.0.11",
            cpu_percent=12.5,
            cpu_cores=32,
            mem_used_bytes=68_719_476_736,
            mem_total_bytes=137_438_953_472,
            uptime_sec=8_640_000,
            guests_running=13,
            collected_at=_AT,
        )
    ],
)

CLUSTER_GUESTS = Endpoint(
    method="GET",
    path=f"{API}/clusters/{{id}}/guests",
    answer=list[ClusterGuest],
    summary="The virtual machines and containers of a Proxmox cluster, by their number",
    query=GuestQuery,
    errors=(404,),
    headers=PAGE_HEADERS,
    example=[
        ClusterGuest(
            cluster_id=_ID,
            vmid=101,
            name="etl-db",
            type="qemu",
            node="pve1",
            status="running",
            cpu_percent=41.0,
            cpu_cores=8,
            mem_used_bytes=17_179_869_184,
            mem_total_bytes=34_359_738_368,
            uptime_sec=604_800,
            tags=["etl"],
            collected_at=_AT,
        )
    ],
)

CLUSTER_STORAGE = Endpoint(
    method="GET",
    path=f"{API}/clusters/{{id}}/storage",
    answer=list[ClusterStorage],
    summary="The storage of a Proxmox cluster",
    errors=(404,),
    example=[
        ClusterStorage(
            cluster_id=_ID,
            name="nas",
            nodes=["pve1", "pve2", "pve3"],
            shared=True,
            type="nfs",
            content=["backup", "iso"],
            status="available",
            used_bytes=549_755_813_888,
            total_bytes=1_099_511_627_776,
            used_percent=50.0,
            collected_at=_AT,
        )
    ],
)
