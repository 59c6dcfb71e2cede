"""A sign of life: a URL that is asked as long as the node works and can tell people what is wrong.

Whoever is asked notices its silence.
"""

import asyncio
import logging
from collections.abc import Callable

from etlmon.units import Duration
from node.alerts.channels import http
from node.alerts.channels.channel import ChannelError
from node.settings_alerts import AlertChannel, Heartbeat

logger = logging.getLogger(__name__)

LONGEST_ANSWER = Duration(10)


class HeartbeatSender:
    """Asks the URL of one configuration."""

    def __init__(self, settings: Heartbeat, is_well: Callable[[], bool]) -> None:
        self._settings = settings
        self._is_well = is_well
        self._failures = 0
        self._is_silent = False

    async def go_on(self) -> None:
        """Runs until it is cancelled; without a URL it returns at once."""
        while self._settings.url is not None:
            if self._is_well():
                self._is_silent = False
                await self._beat(self._settings.url)
            elif not self._is_silent:
                self._is_silent = True
                logger.warning("the heartbeat is silent until the node works again: its health says what is wrong")
            await asyncio.sleep(float(self._settings.interval))

    async def _beat(self, url: str) -> None:
        asked = AlertChannel(name="heartbeat", type="webhook", url=url, timeout=LONGEST_ANSWER)
        try:
            await http.send(asked, url, b"", {}, method="GET")
        except ChannelError as error:
            self._failures += 1
            if self._failures == 1:
                logger.warning("the heartbeat is not heard: %s", error)
            return
        if self._failures:
            logger.info("the heartbeat is heard again, after %d failures", self._failures)
        self._failures = 0
