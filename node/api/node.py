"""node: who answers, how it fares, what happened, who did what."""

import etlmon
from etlmon.contract.node import (
    API_VERSION,
    AuditEntry,
    AuditQuery,
    Event,
    EventQuery,
    Health,
    HealthStatus,
    NodeInfo,
)
from node.api.request import Nothing, Request, cut_page, one_more
from node.store import node as store

FEATURES = ["alerts", "clusters", "cron", "dataproc", "fs", "host", "logs", "paths", "processes", "xferlog"]


async def health(request: Request[Nothing]) -> Health:
    """Straight from memory, so it is answered also when the store is not."""
    answer = request.context.health()
    if answer.status == "unhealthy":
        request.status = 503
    return answer


async def probe(request: Request[Nothing]) -> Health | HealthStatus:
    """The health for those who may act here, its one word for strangers."""
    answer = await health(request)
    return HealthStatus(status=answer.status) if request.caller.role == "viewer" else answer


async def info(request: Request[Nothing]) -> NodeInfo:
    context, refusal = request.context, request.caller.refusal
    return NodeInfo(
        node_id=context.database.node_id,
        node_name=context.node_name,
        hostname=context.hostname,
        boot_id=context.boot_id,
        version=etlmon.__version__,
        api_version=API_VERSION,
        started_at=context.started_at,
        features=FEATURES,
        read_only=context.settings.security.read_only,
        role=request.caller.role,
        commands_refused=refusal.message if refusal else None,
    )


async def list_events(request: Request[EventQuery]) -> list[Event]:
    return cut_page(request, await request.context.database.read(store.events, one_more(request.params)))


async def list_audit(request: Request[AuditQuery]) -> list[AuditEntry]:
    return cut_page(request, await request.context.database.read(store.audit, one_more(request.params)))
