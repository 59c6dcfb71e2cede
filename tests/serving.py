"""A real node's API over a real database and a real socket, with what a test puts into it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import aiosqlite
from aiohttp import web

from etlmon.contract.fs import Mount
from etlmon.contract.node import Event, Reloaded
from node.api.app import build_app
from node.api.context import ApiContext
from node.api.server import ApiRunner
from node.clock import utc_now
from node.collector import Registration
from node.runner import Runner
from node.settings import NodeSettings
from node.store import fs as fs_store
from node.store import node as node_store
from node.store import paths as paths_store
from node.store.database import Database
from node.store.paths import PathScan

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@dataclass
class Serving:
    """A served node. `reloaded` is what a reload will answer."""

    url: str
    database: Database
    context: ApiContext
    runner: ApiRunner
    session: aiohttp.ClientSession
    reloaded: list[Reloaded] = field(default_factory=lambda: [Reloaded(reloaded=True)])

    async def reload(self) -> Reloaded:
        return self.reloaded[0]

    async def put_mounts(self, *mounts: Mount) -> None:
        async def work(db: aiosqlite.Connection) -> None:
            await fs_store.record(db, mounts)

        await self.database.write(work)

    async def put_paths(self, *scans: PathScan) -> None:
        async def work(db: aiosqlite.Connection) -> None:
            await paths_store.record(db, scans)

        await self.database.write(work)

    async def put_events(self, *events: Event) -> None:
        async def work(db: aiosqlite.Connection) -> None:
            await node_store.add_events(db, events)

        await self.database.write(work)


@asynccontextmanager
async def serving(
    folder: Path,
    settings: NodeSettings | None = None,
    *,
    registrations: Sequence[Registration] = (),
    listen: str = "127.0.0.1",
    socket_file: Path | None = None,
) -> AsyncIterator[Serving]:
    """Serve a node whose database is in `folder`. `session` is an HTTP client that sees the raw answers."""
    settings = settings or NodeSettings()
    database = await Database.open(folder / "etlmon.db")
    collectors = Runner(database, registrations)
    await collectors.start(settings)

    async def reload() -> Reloaded:
        return await served.reload()

    context = ApiContext(
        database=database,
        runner=collectors,
        settings=settings,
        clock=utc_now,
        started_at=utc_now() - timedelta(minutes=1),
        hostname="etl01",
        boot_id="b7f4e1d0-6f0a-4a3e-9d55-6d3f6f0c7a11",
        reload=reload,
    )
    runner = ApiRunner(build_app(context))
    await runner.setup()
    connector: aiohttp.BaseConnector
    if socket_file is not None:
        await web.UnixSite(runner, socket_file).start()
        url, connector = f"unix:{socket_file}", aiohttp.UnixConnector(str(socket_file))
    else:
        await web.TCPSite(runner, listen, 0).start()
        host = f"[{listen}]" if ":" in listen else listen
        url, connector = f"http://{host}:{runner.addresses[0][1]}", aiohttp.TCPConnector()
    base = url if socket_file is None else "http://localhost"
    try:
        async with aiohttp.ClientSession(base, connector=connector, auto_decompress=False) as session:
            served = Serving(url, database, context, runner, session)
            yield served
    finally:
        await runner.cleanup()
        await collectors.stop()
        await database.close()
