"""Keeping the store small while the node runs."""

import asyncio
import logging
from collections.abc import Callable

from node.clock import Clock
from node.settings import NodeSettings
from node.store.database import Database, StoreError
from node.store.retention import Retention

logger = logging.getLogger(__name__)

BETWEEN_STEPS_SEC = 0.05
"""Left to readings and answers between two steps, when there is much to delete."""


class Maintenance:
    """Shortens the store by the settings in force: once a minute, and in small steps while there is more to do."""

    def __init__(
        self, database: Database, settings: Callable[[], NodeSettings], clock: Clock, *, every_sec: float = 60.0
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._every_sec = every_sec
        self._shortening = settings()
        self._retention = _retention(database, self._shortening)
        self._failed = 0

    async def go_on(self) -> None:
        """Runs until it is cancelled."""
        wait_sec = self._every_sec
        while True:
            await asyncio.sleep(wait_sec)
            wait_sec = BETWEEN_STEPS_SEC if await self._step() else self._every_sec

    async def _step(self) -> bool:
        """True when more is left to do. A store that takes no writes is tried again a minute later."""
        now = self._settings()
        if _kept(now) != _kept(self._shortening):
            self._retention = _retention(self._database, now)
        self._shortening = now
        try:
            more = await self._retention.step(self._clock())
        except StoreError as error:
            self._failed += 1
            if self._failed == 1:
                logger.error("old rows stay: %s", error)  # noqa: TRY400 - the text says it all
            return False
        if self._failed:
            logger.info("old rows are removed again, after %d attempts", self._failed)
            self._failed = 0
        return more


def _kept(settings: NodeSettings) -> tuple[object, ...]:
    """All that says how long something is kept."""
    return settings.retention, settings.history, settings.alerts.retention


def _retention(database: Database, settings: NodeSettings) -> Retention:
    return Retention(database, settings.retention, settings.history, alerts=settings.alerts.retention)
