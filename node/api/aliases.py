"""Shorter addresses of some endpoints, without the version: they answer as the endpoints themselves do."""

from dataclasses import replace
from typing import Any

from etlmon.contract.alerts import ALERTS
from etlmon.contract.endpoint import API, Endpoint
from etlmon.contract.errors import NotFound
from etlmon.contract.host import HOST
from etlmon.contract.node import HEALTH
from node.api import fs, host, node
from node.api.request import Nothing, Request, Route
from node.api.routes import ROUTES

SHORT = "/api"

PARTS = {
    "cpu": ("cpu", "cores", "load_1", "load_5", "load_15", "pressure"),
    "memory": ("memory", "swap", "pressure"),
    "disk": ("disks", "pressure"),
    "network": ("interfaces", "connections"),
    "process": ("processes", "top_cpu", "top_memory"),
}
"""The fields of the host that each kind of metrics is about; `disk` has the mounts beside them."""

METRICS_OF = Endpoint(
    method="GET",
    path=f"{SHORT}/metrics/{{type}}",
    answer=dict[str, Any],
    summary="One kind of the host's numbers: cpu, memory, disk, network or process",
    errors=(404, 503),
    example={"collected_at": HOST.example.collected_at, "memory": HOST.example.memory},
)


async def metrics_of(request: Request[Nothing]) -> dict[str, Any]:
    """Raises NotFound, and Unavailable until the host was seen for the first time."""
    kind = request.path_params["type"]
    if kind not in PARTS:
        raise NotFound(f"there are no metrics of the type {kind}; there are {', '.join(PARTS)}", field="type")
    seen = await host.now(request)
    found = {name: getattr(seen, name) for name in ("collected_at", *PARTS[kind])}
    if kind == "disk":
        found["mounts"] = await fs.list_mounts(request)
    if "pressure" in found:
        resource = "io" if kind == "disk" else kind
        found["pressure"] = [one for one in seen.pressure if one.resource == resource]
    return found


def _short(route: Route) -> Route:
    path = SHORT + route.endpoint.path.removeprefix(API)
    return replace(route, endpoint=replace(route.endpoint, path=path))


ALIASES: tuple[Route, ...] = (
    Route(METRICS_OF, metrics_of),
    Route(replace(HEALTH, path=f"{SHORT}/status"), node.health),
    *(_short(route) for route in ROUTES if route.endpoint.path.startswith(ALERTS.path)),
)
"""Served beside ROUTES, and not described a second time in the API's own description."""
