"""node: who answers, how it feels, what happened and who did what."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from etlmon.contract.endpoint import API, Endpoint, RowPage

API_VERSION = 1
NODE_ID_HEADER = "X-Etlmon-Node"
API_VERSION_HEADER = "X-Etlmon-Api"

NodeStatus = Literal["healthy", "degraded", "unhealthy"]
CollectorStatus = Literal["starting", "ok", "running", "failing", "overdue"]
Severity = Literal["info", "warning", "critical"]
Role = Literal["viewer", "operator", "admin"]


class CollectorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one collector fares. `overruns` counts the ticks skipped because the run before had not ended."""

    name: str
    status: CollectorStatus
    last_run_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    duration_ms: float = 0.0
    interval_sec: float
    overruns: int = 0
    consecutive_failures: int = 0
    next_run_at: datetime | None = None


class StoreHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the database fares. `error` is the last failed write; it goes away with the next good one."""

    db_bytes: int = 0
    wal_bytes: int = 0
    queue_depth: int = 0
    last_commit_at: datetime | None = None
    free_bytes: int | None = None
    error: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """degraded: a part does not work, or nothing can be stored; unhealthy: no collector works. `problems` says what."""

    status: NodeStatus
    node_name: str = ""
    uptime_sec: float = 0.0
    collectors: list[CollectorHealth] = msgspec.field(default_factory=list)
    store: StoreHealth = msgspec.field(default_factory=StoreHealth)
    problems: list[str] = msgspec.field(default_factory=list)


class HealthStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All that a stranger hears at `/health`. It reads as a `Health` of which nothing else is told."""

    status: NodeStatus


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers, behind whatever tunnel. `node_id` is made once with the database; `boot_id` changes at each boot.

    It is empty where the host hides it.
    """

    node_id: str
    node_name: str
    hostname: str
    boot_id: str
    version: str
    api_version: int
    started_at: datetime
    features: list[str]
    read_only: bool
    role: Role
    commands_refused: str | None = None
    """Why this caller's commands would be refused; None when they would not."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened on the host: a mount got stuck, came back, a path vanished. Past tense, written once."""

    id: int = 0
    at: datetime
    domain: str
    key: str
    kind: str
    severity: Severity = "info"
    message: str


class EventQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    domain: str | None = None
    key: str | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to act: who, from where, what, on what, and how it ended. Secrets never stand in it."""

    id: int = 0
    at: datetime
    who: str
    address: str
    action: str
    target: str
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    result: Literal["done", "refused", "failed"]
    status: int
    message: str = ""


class AuditQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempts."""

    action: Annotated[str | None, msgspec.Meta(description="for example paths.scan")] = None


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

HEALTH = Endpoint(
    method="GET",
    path=f"{API}/health",
    answer=Health,
    summary="How the node, its collectors and its store fare; 503 when unhealthy",
    also=(503,),
    example=Health(
        status="healthy",
        node_name="prod-etl-01",
        uptime_sec=86400.0,
        collectors=[
            CollectorHealth(
                name="fs",
                status="ok",
                last_run_at=_AT,
                last_success_at=_AT,
                duration_ms=1.8,
                interval_sec=15.0,
                next_run_at=_AT,
            )
        ],
        store=StoreHealth(db_bytes=1_048_576, wal_bytes=32_768, last_commit_at=_AT, free_bytes=28_000_000_000),
    ),
)

HEALTH_PROBE = Endpoint(
    method="GET",
    path="/health",
    answer=Health,
    summary="The same for load balancers and probes; callers from elsewhere hear the status alone",
    also=(503,),
    example=Health(status="healthy"),
)

NODE = Endpoint(
    method="GET",
    path=f"{API}/node",
    answer=NodeInfo,
    summary="Who answers",
    example=NodeInfo(
        node_id="6f1c2f6e9f5b4f0e8a3f6a1e0d2c4b5a",
        node_name="prod-etl-01",
        hostname="etl01",
        boot_id="b7f4e1d0-6f0a-4a3e-9d55-6d3f6f0c7a11",
        version="0.1.0",
        api_version=API_VERSION,
        started_at=_AT,
        features=["fs", "paths"],
        read_only=False,
        role="operator",
    ),
)

EVENTS = Endpoint(
    method="GET",
    path=f"{API}/events",
    answer=list[Event],
    summary="What happened on the host, newest first",
    query=EventQuery,
    headers={"Link": 'the next page, rel="next"; absent on the last'},
    example=[
        Event(
            id=7,
            at=_AT,
            domain="fs",
            key="/data",
            kind="mount_stuck",
            severity="critical",
            message="/data does not answer",
        )
    ],
)

AUDIT = Endpoint(
    method="GET",
    path=f"{API}/audit",
    answer=list[AuditEntry],
    summary="Who did what, newest first",
    query=AuditQuery,
    headers={"Link": 'the next page, rel="next"; absent on the last'},
    example=[
        AuditEntry(
            id=3,
            at=_AT,
            who="anonymous",
            address="127.0.0.1",
            action="paths.scan",
            target="/data/in",
            result="done",
            status=202,
        )
    ],
)


class ReloadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to say: the node reads its own configuration file again."""


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the configuration again came to. When `reloaded` is false the old one stays in force."""

    reloaded: bool
    needs_restart: list[str] = msgspec.field(default_factory=list)
    """Keys that changed in the file and take effect at the next start."""
    warnings: list[str] = msgspec.field(default_factory=list)
    """What is wrong or odd in the file, each with file, line and key."""


RELOAD = Endpoint(
    method="POST",
    path=f"{API}/admin/reload",
    answer=Reloaded,
    summary="Read the configuration file again; a bad file changes nothing",
    body=ReloadRequest,
    errors=(413, 415, 429, 503),
    example=Reloaded(reloaded=True, needs_restart=["node.listen"]),
)

OPENAPI = Endpoint(
    method="GET",
    path=f"{API}/openapi.json",
    answer=dict[str, Any],
    summary="This description of the API, OpenAPI 3.1",
    example={"openapi": "3.1.0"},
)
