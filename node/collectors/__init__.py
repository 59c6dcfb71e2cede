"""What a node can watch: one file a domain, and the list of them all."""

import logging
from collections.abc import Collection

import aiosqlite

from node.clock import utc_now
from node.collector import Registration
from node.collectors import (
    clusters,
    clusters_metrics,
    cron,
    cron_metrics,
    dataproc,
    dataproc_metrics,
    fs,
    fs_metrics,
    host,
    host_metrics,
    logs,
    logs_metrics,
    paths,
    paths_metrics,
    processes,
    processes_metrics,
    xferlog,
    xferlog_metrics,
)
from node.settings import NodeSettings
from node.store import clusters as clusters_store
from node.store import cron as cron_store
from node.store import dataproc as dataproc_store
from node.store import fs as fs_store
from node.store import host as host_store
from node.store import logs as logs_store
from node.store import paths as paths_store
from node.store import processes as processes_store
from node.store import xferlog as xferlog_store

logger = logging.getLogger(__name__)


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


async def _prune_clusters(db: aiosqlite.Connection, settings: NodeSettings, _: Collection[str]) -> None:
    for name in await clusters_store.keep_static(db, clusters.static_rows(settings, utc_now())):
        logger.warning("clusters.static: %s is not watched: a cluster of this name is registered", name)


async def _prune_dataproc(db: aiosqlite.Connection, settings: NodeSettings, kept: Collection[str]) -> None:
    accounts = settings.dataproc.accounts if settings.dataproc.enabled else ()
    await dataproc_store.forget(db, accounts)
    going_on = [account.name for account in accounts if dataproc.name_of(account.name) in kept]
    await dataproc_store.end_interrupted(db, going_on)


async def _prune_host(db: aiosqlite.Connection, settings: NodeSettings, _: Collection[str]) -> None:
    if not settings.host.enabled:
        await host_store.forget(db)


async def _prune_xferlog(db: aiosqlite.Connection, settings: NodeSettings, _: Collection[str]) -> None:
    await xferlog_store.forget(db, settings.xferlog.path, settings.xferlog.root)


COLLECTORS: tuple[Registration, ...] = (
    Registration("fs", fs.build, fs_store.record, metrics=fs_metrics.METRICS),
    Registration("host", host.build, host_store.record, _prune_host, metrics=host_metrics.METRICS),
    Registration("logs", logs.build, logs_store.record, _prune_logs, metrics=logs_metrics.METRICS),
    Registration(
        "paths",
        paths.build,
        paths_store.record,
        _prune_paths,
        at_once=paths.SCANS_AT_ONCE,
        metrics=paths_metrics.METRICS,
    ),
    Registration(
        "processes", processes.build, processes_store.record, _prune_processes, metrics=processes_metrics.METRICS
    ),
    Registration("cron", cron.build, cron_store.record, _prune_cron, metrics=cron_metrics.METRICS),
    Registration("xferlog", xferlog.build, xferlog_store.record, _prune_xferlog, metrics=xferlog_metrics.METRICS),
    Registration("clusters", clusters.build, clusters_store.record, _prune_clusters, metrics=clusters_metrics.METRICS),
    Registration(
        "dataproc",
        dataproc.build,
        dataproc_store.record,
        _prune_dataproc,
        at_once=dataproc.AT_ONCE,
        metrics=dataproc_metrics.METRICS,
    ),
)
"""The domains in the order in which their collectors first run."""
