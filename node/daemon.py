"""The node's process: it opens the store, starts the runner, serves the API, and stops all of it in reverse."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

from aiohttp import web

from etlmon import __version__
from etlmon.home import home
from node import signals
from node.alerts import courier
from node.api.app import build_app, build_metrics_app
from node.api.context import ApiContext
from node.api.server import ApiRunner
from node.clock import utc_now
from node.collector import Sample
from node.collectors import COLLECTORS
from node.history import Recorder
from node.limits import LimitExceeded, SelfWatch
from node.listen import ListenError, listening
from node.maintenance import Maintenance
from node.metrics import BUILD, METRICS
from node.notify import Notifier
from node.reload import Load, Reloader
from node.runner import Runner
from node.settings import NodeSettings, default_db_path
from node.store.database import Database, StoreError

logger = logging.getLogger(__name__)

MOST_FILES = 65536
"""Descriptors that the node allows itself, as far as the system does."""

LET_GO_SEC = 0.3
"""How long a cancelled task of the daemon's own may hold up a stop, beside a message on its way."""


def main(settings: NodeSettings, *, reload: Load | None = None) -> int:
    """Be a node until a signal says stop: 0 after a clean stop, 1 when it could not start or exceeded its own limits.

    A collector that does not let go, or a thread that hangs, is left behind: the process then ends without it.
    """
    _allow_many_files()
    loop = asyncio.new_event_loop()
    code = 0
    try:
        loop.run_until_complete(run(settings, reload=reload))
    except (ListenError, StoreError) as error:
        code = 1
        sys.stderr.write(f"etlmon node: {error}\n")
        if settings.logging.file:
            logger.error("the node does not start: %s", error)  # noqa: TRY400
    except LimitExceeded:
        code = 1
    if not _all_ended(loop):
        logging.shutdown()
        os._exit(code)
    loop.close()
    return code


def _allow_many_files() -> None:
    """Each followed file is held open, and many systems begin a process with 1,024 descriptors at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def run(
    settings: NodeSettings,
    *,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
    reload: Load | None = None,
) -> None:
    """Be a node until told to stop.

    `ready` is called with the address (`http://127.0.0.1:8080`, `unix:/path`) once the node answers there. With `stop`
    the caller says when to end; without it the signals do: SIGINT and SIGTERM stop, SIGHUP reads the configuration
    again through `reload`. Raises ListenError and StoreError when the node cannot start, LimitExceeded when it stopped
    itself; what was started is stopped.
    """
    ended, hangup, notifier = stop or asyncio.Event(), asyncio.Event(), Notifier()
    async with AsyncExitStack() as parts:
        parts.enter_context(nullcontext() if stop else signals.handled(ended, hangup))
        address, sockets = parts.enter_context(listening(settings.node.listen))
        metrics = parts.enter_context(_listening_for_metrics(settings, sockets))
        database = await Database.open(_db_path(settings), clock=utc_now)
        parts.push_async_callback(database.close)
        runner = Runner(database, COLLECTORS, clock=utc_now)
        parts.push_async_callback(runner.stop)
        recorder = Recorder(database, runner.samples, METRICS.values(), utc_now)
        context = ApiContext(
            database=database,
            runner=runner,
            settings=settings,
            clock=utc_now,
            started_at=utc_now(),
            hostname=socket.gethostname(),
            boot_id=_boot_id(),
            reload=lambda: reloader.reload(),
            parts_problems=(lambda: recorder.problems, lambda: limits.problems),
            own_use=lambda: limits.use,
        )
        limits = SelfWatch(runner, database, lambda: context.settings, utc_now, stop=ended.set if stop else _terminate)
        reloader = Reloader(context, reload, notifier)
        await runner.start(settings)
        runner.samples.replace("build", [Sample(BUILD.name, 1, {"version": __version__})], context.started_at)
        await parts.enter_async_context(_answering(context, sockets, metrics))
        tidying = Maintenance(database, lambda: context.settings, utc_now)
        works = (part.go_on() for part in (recorder, tidying, limits, context.deliverer, context.alerts))
        await parts.enter_async_context(_background(_reload_at(hangup, reloader), notifier.keep_alive(), *works))
        parts.callback(notifier.stopping)
        _announce(context, address, notifier, ready)
        await ended.wait()
    logger.info("node %s stopped", context.node_name)
    if limits.exceeded is not None:
        raise LimitExceeded(limits.exceeded)


def _announce(context: ApiContext, address: str, notifier: Notifier, ready: Callable[[str], None] | None) -> None:
    _keep_what_was_made()
    logger.info("node %s listening on %s", context.node_name, address)
    notifier.ready(f"listening on {address}")
    if ready is not None:
        ready(address)


def _keep_what_was_made() -> None:
    """What was made so far stays; the collector of garbage need not look at it again."""
    gc.collect()
    gc.freeze()


def _terminate() -> None:
    """As somebody else would: what hangs then does not hold up the end."""
    signal.raise_signal(signal.SIGTERM)


def _db_path(settings: NodeSettings) -> Path:
    """Raises StoreError."""
    if settings.node.db_path:
        return Path(settings.node.db_path)
    path = default_db_path(os.environ.get("XDG_STATE_HOME", ""), home(), is_root=os.geteuid() == 0)
    if path is None:
        raise StoreError(
            f"cannot tell where the database belongs: user {os.geteuid()} has no home directory; set node.db_path"
        )
    return path


def _boot_id() -> str:
    """Empty where it is hidden, as some container runtimes do."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _listening_for_metrics(
    settings: NodeSettings, beside: Sequence[socket.socket]
) -> AbstractContextManager[tuple[str, Sequence[socket.socket]]]:
    """No sockets without host.metrics_listen; `beside` are those of node.listen. Raises ListenError."""
    listen = settings.host.metrics_listen
    return listening(listen, key="host.metrics_listen", beside=beside) if listen else nullcontext(("", ()))


@asynccontextmanager
async def _answering(
    context: ApiContext, sockets: Sequence[socket.socket], metrics: tuple[str, Sequence[socket.socket]]
) -> AsyncIterator[None]:
    """The API, and where it is configured the listener that serves metrics alone: its address and its sockets."""
    metrics_address, metrics_sockets = metrics
    async with AsyncExitStack() as servers:
        await servers.enter_async_context(_serving(build_app(context), sockets))
        if metrics_sockets:
            await servers.enter_async_context(_serving(build_metrics_app(context), metrics_sockets))
            logger.info("metrics alone are served on %s", metrics_address)
        yield


@asynccontextmanager
async def _serving(app: web.Application, sockets: Sequence[socket.socket]) -> AsyncIterator[None]:
    server = ApiRunner(app)
    await server.setup()
    try:
        for bound in sockets:
            await web.SockSite(server, bound).start()
        yield
    finally:
        await server.cleanup()


@asynccontextmanager
async def _background(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = {asyncio.create_task(work) for work in works}
    for task in tasks:
        task.add_done_callback(_report)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=courier.LET_GO_SEC + LET_GO_SEC)


def _report(task: "asyncio.Task[None]") -> None:
    """Nobody waits for these tasks: without this, one that breaks would do so in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a part of the node ended: %s", task.get_name(), exc_info=error)


async def _reload_at(hangup: asyncio.Event, reloader: Reloader) -> None:
    while True:
        await hangup.wait()
        hangup.clear()
        await reloader.reload()


def _all_ended(loop: asyncio.AbstractEventLoop) -> bool:
    """Cancel what is left on the loop; False when something does not end: a task, or a thread that blocks the exit."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    # Waits for the threads of to_thread(); it is not cancelled, because that would wait for them without end.
    left.add(loop.create_task(loop.shutdown_default_executor()))
    _, pending = loop.run_until_complete(asyncio.wait(left, timeout=LET_GO_SEC))
    return not pending and all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate())
