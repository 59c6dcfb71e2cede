"""admin: what the operator does to the node itself."""

from etlmon.contract.node import Reloaded, ReloadRequest
from node.api.request import Request
from node.commands import admin


async def reload(request: Request[ReloadRequest]) -> Reloaded:
    return await admin.reload(request.context.acts, request.caller, request.context.reload)
