"""What a node can watch: one file a domain, and the list of them all."""

from collections.abc import Collection

import aiosqlite

from node.collector import Registration
from node.collectors import cron, fs, logs, paths, processes, xferlog
from node.settings import NodeSettings
from node.store import cron as cron_store
from node.store import fs as fs_store
from node.store import logs as logs_store
from node.store import paths as paths_store
from node.store import processes as processes_store
from node.store import xferlog as xferlog_store


async def _prune_paths(db: aiosqlite.Connection, settings: NodeSettings, kept: Collection[str]) -> None:
    watched = [watched.path for watched in settings.paths]
    await paths_store.forget(db, watched)
    await paths_store.end_interrupted(db, [path for path in watched if paths.name_of(path) in kept])


async def _prune_logs(db: aiosqlite.Connection, settings: NodeSettings, kept: Collection[str]) -> None:
    await logs_store.forget(db, [watched.name for watched in settings.logs])


async def _prune_processes(db: aiosqlite.Connection, settings: NodeSettings, _: Collection[str]) -> None:
    await processes_store.forget(db, [watched.title for watched in settings.process_watch])


async def _prune_cron(db: aiosqlite.Connection, settings: NodeSettings, _: Collection[str]) -> None:
    if not settings.cron.enabled:
        await cron_store.forget(db)


async def _prune_xferlog(db: aiosqlite.Connection, settings: NodeSettings, _: Collection[str]) -> None:
    await xferlog_store.forget(db, settings.xferlog.path, settings.xferlog.root)


COLLECTORS: tuple[Registration, ...] = (
    Registration("fs", fs.build, fs_store.record),
    Registration("logs", logs.build, logs_store.record, _prune_logs),
    Registration("paths", paths.build, paths_store.record, _prune_paths, at_once=paths.SCANS_AT_ONCE),
    Registration("processes", processes.build, processes_store.record, _prune_processes),
    Registration("cron", cron.build, cron_store.record, _prune_cron),
    Registration("xferlog", xferlog.build, xferlog_store.record, _prune_xferlog),
)
"""The domains in the order in which their collectors first run."""
