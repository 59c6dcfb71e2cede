"""paths: the counts of the watched directories, their history, what is large in them, and a scan on demand."""

from etlmon.contract.endpoint import Page
from etlmon.contract.errors import NotFound
from etlmon.contract.paths import (
    PathHistoryQuery,
    PathPoint,
    PathStats,
    PathTop,
    PathTopQuery,
    ScanAccepted,
    ScanRequest,
)
from node.api.query import window
from node.api.request import Request, state_page
from node.commands import paths as commands
from node.store import paths as store


async def list_paths(request: Request[Page]) -> list[PathStats]:
    rows, total = await request.context.database.read(store.stats, request.params.limit, request.params.offset)
    state_page(request, total)
    return rows


async def history(request: Request[PathHistoryQuery]) -> list[PathPoint]:
    """Raises NotFound for what is no watched path."""
    query = request.params
    path = await _watched(request, query.path)
    since, until = window(query.since, query.until, request.context.clock())
    return await request.context.database.read(store.history, path, since, until, query.step)


async def top(request: Request[PathTopQuery]) -> PathTop:
    """Raises NotFound for what is no watched path."""
    path = await _watched(request, request.params.path)
    return await request.context.database.read(store.top, path, request.params.n)


async def scan(request: Request[ScanRequest]) -> ScanAccepted:
    """Raises NotFound, and what every act may raise."""
    context = request.context
    return await commands.scan(
        context.acts, request.caller, context.settings.paths, context.runner.trigger, request.params
    )


async def _watched(request: Request[object], path_or_name: str) -> str:
    path = await request.context.database.read(store.resolve, path_or_name)
    if path is None:
        raise NotFound(f"{path_or_name!r} is not watched; GET /api/v1/paths lists what is", field="path")
    return path
