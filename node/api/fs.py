"""fs: the mounts, how full they were, and who keeps deleted files open on them."""

from etlmon.contract.errors import NotFound
from etlmon.contract.fs import FsHistoryQuery, FsHoldersQuery, FsPoint, Holder, Mount
from node.api.query import window
from node.api.request import Nothing, Request
from node.sources.holders import holders as look_up_holders
from node.store import fs as store
from node.store.rows import stamp


async def list_mounts(request: Request[Nothing]) -> list[Mount]:
    return await request.context.database.read(store.mounts)


async def history(request: Request[FsHistoryQuery]) -> list[FsPoint]:
    """Raises NotFound for a mount that was never seen."""
    query = request.params
    mount = await _mount(request, query.mount)
    if mount.full_at is not None:
        request.headers["X-Full-At"] = stamp(mount.full_at)
    since, until = window(query.since, query.until, request.context.clock())
    return await request.context.database.read(store.history, mount.mount_point, since, until, query.step)


async def holders(request: Request[FsHoldersQuery]) -> list[Holder]:
    """Raises NotFound, Unavailable, DeadlineExceeded."""
    mount = request.params.mount
    found: list[Holder] = await request.context.lookups.share(f"holders {mount}", lambda: look_up_holders(mount))
    return found


async def _mount(request: Request[object], mount_point: str) -> Mount:
    mount = await request.context.database.read(store.mount, mount_point)
    if mount is None:
        raise NotFound(f"there is no mount {mount_point!r} here; GET /api/v1/fs lists them", field="mount")
    return mount
