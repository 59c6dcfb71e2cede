"""processes: the watched ones, the watches, their history, the host's largest, one looked at now, and ending one."""

import asyncio
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from etlmon.contract.errors import NotFound, Unavailable
from etlmon.contract.processes import (
    Killed,
    KillRequest,
    Process,
    ProcessDetail,
    ProcessHistoryQuery,
    ProcessPoint,
    ProcessQuery,
    ProcessTopQuery,
    ProcessWatch,
    TopProcess,
)
from node.api.query import window
from node.api.request import Nothing, Request, state_page
from node.commands import kill as commands
from node.sources import process_top
from node.sources.proc_reader import ProcReader
from node.sources.process_types import Targets
from node.sources.users import Users
from node.store import processes as store


async def list_processes(request: Request[ProcessQuery]) -> list[Process]:
    """Raises NotFound for what is no watch."""
    query = request.params
    if query.watch is not None:
        _check_watch(request, query.watch)
    rows, total = await request.context.database.read(store.processes, query.watch, query.limit, query.offset)
    state_page(request, total)
    return rows


async def list_watches(request: Request[Nothing]) -> list[ProcessWatch]:
    return await request.context.database.read(store.watches)


async def history(request: Request[ProcessHistoryQuery]) -> list[ProcessPoint]:
    """Raises NotFound for what is no watch."""
    query = request.params
    _check_watch(request, query.watch)
    since, until = window(query.since, query.until, request.context.clock())
    return await request.context.database.read(store.history, query.watch, since, until, query.step)


async def top(request: Request[ProcessTopQuery]) -> list[TopProcess]:
    """Raises Unavailable."""
    query = request.params
    looking = _looking(request)
    ask = partial(looking.top if looking is not None else _top_alone, query.by, query.n)
    found: list[TopProcess] = await request.context.lookups.share(f"top {query.by} {query.n}", ask)
    return found


async def detail(request: Request[Nothing]) -> ProcessDetail:
    """Raises NotFound for what is no watched process, and Unavailable."""
    text = request.path_params["pid"]
    looking, targets = _looking(request), _targets(request)
    pid = int(text) if commands.is_pid(text) else 0
    if looking is None or targets is None or targets.known(pid) is None:
        raise NotFound(f"no watched process has the pid {text}; GET /api/v1/processes lists them", field="pid")
    try:
        found: ProcessDetail | None = await request.context.lookups.share(
            f"process {pid}", partial(looking.detail, pid)
        )
    except OSError as error:
        raise Unavailable(f"the process {pid} cannot be looked at: {error.strerror}; try again") from error
    if found is None:
        raise NotFound(f"the process {pid} has ended", field="pid")
    standing = await commands.standing(request.caller, request.context.settings.kill, targets, pid)
    refusal = standing.refusal
    return msgspec.structs.replace(
        found,
        refusal=refusal.message if refusal is not None else None,
        refusal_reason=refusal.details.get("reason") if refusal is not None else None,
        signals=standing.signals,
    )


async def kill(request: Request[KillRequest]) -> Killed:
    """Raises what every act may raise, and what `node.commands.kill` names."""
    context = request.context
    return await commands.kill(
        context.acts,
        request.caller,
        context.settings.kill,
        _targets(request),
        pid=request.path_params["pid"],
        request=request.params,
        rate=context.kill_rate,
        trigger=context.runner.trigger,
    )


@runtime_checkable
class _Looks(Protocol):
    """Who looks at processes now, when somebody asks."""

    async def top(self, by: Literal["cpu", "memory"], n: int) -> list[TopProcess]: ...

    async def detail(self, pid: int) -> ProcessDetail | None: ...


def _looking(request: Request[Any]) -> _Looks | None:
    """None when nothing is watched."""
    collector: object = request.context.runner.collectors.get(commands.COLLECTOR)
    return collector if isinstance(collector, _Looks) else None


async def _top_alone(by: Literal["cpu", "memory"], n: int) -> list[TopProcess]:
    """As the collector does it, where there is none."""
    reader, users = ProcReader(), Users()
    try:
        return await process_top.top(by, n, reader=reader, users=users)
    finally:
        await asyncio.gather(reader.close(), users.close())


def _targets(request: Request[object]) -> Targets | None:
    """Who knows the watched processes; None when nothing is watched."""
    collector: object = request.context.runner.collectors.get(commands.COLLECTOR)
    return collector if isinstance(collector, Targets) else None


def _check_watch(request: Request[object], name: str) -> None:
    """Raises NotFound."""
    if name not in {watch.title for watch in request.context.settings.process_watch}:
        raise NotFound(f"there is no watch {name!r} here; GET /api/v1/processes/watches lists them", field="watch")
