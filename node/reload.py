"""Reading the configuration again: it is taken as a whole, or the old one stays in force as a whole."""

import asyncio
import logging
from collections.abc import Callable, Iterator

from etlmon import logs
from etlmon.config import ConfigError
from etlmon.contract.node import Reloaded
from node.api.context import ApiContext
from node.notify import Notifier
from node.settings import NodeSettings
from node.store.errors import StoreError

logger = logging.getLogger(__name__)

NO_FILE = "the node was started without a configuration file"

Load = Callable[[], NodeSettings]
"""Reads and checks the configuration. Raises ConfigError."""


class Reloader:
    """Replaces the settings of a running node.

    A configuration that is refused stands among the node's problems until a good one is read.
    """

    def __init__(self, context: ApiContext, load: Load | None, notifier: Notifier) -> None:
        """`load` is None when the node was started without a file."""
        self._context = context
        self._load = load
        self._notifier = notifier
        self._started_with = context.settings
        self._one_at_a_time = asyncio.Lock()

    async def reload(self) -> Reloaded:
        """Read the file and bring the node in line with it; collectors whose part did not change are left alone."""
        async with self._one_at_a_time:
            self._notifier.reloading()
            answer = await self._reload()
            self._notifier.ready("; ".join(["running", *self._context.problems]))
        return answer

    async def _reload(self) -> Reloaded:
        if self._load is None:
            logger.warning("nothing is read again: %s", NO_FILE)
            return Reloaded(reloaded=False, warnings=[NO_FILE])
        try:
            # In a thread: the file may lie on a file system that does not answer.
            settings = await asyncio.to_thread(self._load)
            await self._apply(settings)
        except (ConfigError, StoreError, ValueError, OSError, logs.LogFileError) as error:
            return self._refused(str(error).splitlines())
        self._context.problems = ()
        waiting = list(_needs_restart(self._started_with, settings))
        logger.info("the configuration was read again and is in force")
        for key in waiting:
            logger.warning("%s changed and needs a restart of the node to take effect", key)
        return Reloaded(reloaded=True, needs_restart=waiting)

    async def _apply(self, settings: NodeSettings) -> None:
        before = self._context.settings
        rules = await self._context.alerts.read(settings)
        if settings.logging != before.logging:
            _set_up_logs(settings)
        try:
            await self._context.runner.start(settings)
        except ValueError:
            _set_up_logs(before)
            raise
        self._context.settings = settings
        await self._context.alerts.use(rules)

    def _refused(self, reasons: list[str]) -> Reloaded:
        self._context.problems = [f"the configuration was refused, the old one stays in force: {reasons[0]}"]
        for reason in reasons:
            logger.error("the configuration is refused, the old one stays in force: %s", reason)
        return Reloaded(reloaded=False, warnings=reasons)


def _set_up_logs(settings: NodeSettings) -> None:
    logs.set_up(level=settings.logging.level, format=settings.logging.format, file=settings.logging.file)


def _needs_restart(before: NodeSettings, now: NodeSettings) -> Iterator[str]:
    if before.node.listen != now.node.listen:
        yield "node.listen"
    if before.node.db_path != now.node.db_path:
        yield "node.db_path"
    if before.host.metrics_listen != now.host.metrics_listen:
        yield "host.metrics_listen"
