"""host: the machine as it was seen last."""

from typing import Protocol, runtime_checkable

import msgspec

from etlmon.contract.errors import NotFound, Unavailable
from etlmon.contract.host import Host
from node.api.request import Nothing, Request
from node.store import host as store

COLLECTOR = "host"


@runtime_checkable
class _Sees(Protocol):
    """Who looks at the host."""

    latest: Host | None


async def now(request: Request[Nothing]) -> Host:
    """Raises NotFound when the host is not watched, and Unavailable until it was seen for the first time."""
    context = request.context
    collector: object = context.runner.collectors.get(COLLECTOR)
    if not isinstance(collector, _Sees):
        raise NotFound("the host is not watched here; set host.enabled to true in the node's configuration")
    # What is stored is up to 15 s old; it tells of the time before this node started.
    seen = collector.latest or await context.database.read(store.host)
    if seen is None:
        raise Unavailable("the host was not seen yet; ask again in a moment, and see /api/v1/health if that persists")
    return msgspec.structs.replace(seen, own=context.own_use())
