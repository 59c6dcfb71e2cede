"""The courier of one channel: it takes what the channel is owed from the store, sends it, and writes down what came of
it, one message after the other.

A try is committed before anything is sent, and its outcome after: whatever ends the node in between, the message is
sent again under the same key.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiosqlite

from etlmon.contract.alerts import Delivery
from etlmon.contract.node import Event
from node.alerts.channels.alertmanager import REPEAT_SEC, AlertmanagerChannel
from node.alerts.channels.channel import Channel, ChannelError, Sent
from node.alerts.notices import compose, harmless
from node.clock import Clock
from node.settings_alerts import AlertRetries, Alerts
from node.store import alerts as alerts_store
from node.store import alerts_deliveries as store
from node.store import node as node_store
from node.store.alerts_deliveries import QueuedDelivery
from node.store.database import Database, StoreError

logger = logging.getLogger(__name__)

LONGEST_WAIT_SEC = 60.0
"""Between two looks at the queue, when nobody says that there is something new: a clock may have been set."""

SHORTEST_WAIT_SEC = 0.05
STORE_WAIT_SEC = 5.0
"""Until a database that takes nothing is tried again."""

FEWEST_TRIES = 3
"""Before a notice is given up, unless a further try makes no sense."""

LET_GO_SEC = 1.5
"""For a message that is on its way when the node stops: one that is cut off is sent twice, and not all see the key."""

JITTER = 0.25
"""A wait is shorter or longer by up to this part, so that nodes that failed together do not come back together."""

Spread = Callable[[float, float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who speaks: the name of the node, and where it lists its open alerts (empty: nowhere that others reach)."""

    node: str
    url: str = ""


def retry_sec(retries: AlertRetries, attempts: int, error: ChannelError, spread: Spread) -> float:
    """From a failed try to the next one; `attempts` were made. Never before the other side wants it."""
    doubled = math.ldexp(float(retries.initial), min(max(attempts, 1) - 1, 32))
    wait_sec = min(doubled, float(retries.max)) * spread(1 - JITTER, 1 + JITTER)
    return max(wait_sec, error.retry_after_sec or 0.0)


def given_up(channel: str, delivery: Delivery, tries: int, error: str, at: datetime) -> Event:
    """The event that says that a notice is not tried any more."""
    tried = {0: "", 1: ", tried once"}.get(tries, f", tried {tries} times")
    words = f"{channel} was not told{tried}: {error} ({delivery.title})"
    return Event(at=at, domain="alerts", key=channel, kind="notice_failed", severity="warning", message=words)


class Courier:
    """Serves one channel. What a channel does costs the others nothing: each has a courier of its own."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        *,
        database: Database,
        settings: Callable[[], Alerts],
        sender: Callable[[], Sender],
        clock: Clock,
        count: Callable[[str, str], None],
        spread: Spread,
    ) -> None:
        """`count` hears the channel and `sent`, `retried` or `failed`; `spread(low, high)` is random.uniform."""
        self.name = name
        self._channel = channel
        self._database = database
        self._settings = settings
        self._sender = sender
        self._clock = clock
        self._count = count
        self._spread = spread
        self._woken = asyncio.Event()
        self._troubles: dict[str, int] = {}
        self._repeat_at = 0.0
        self._is_ending = False
        self._tried_first: tuple[int, float] = (0, 0.0)
        """The delivery that was tried last, and when that was done for the first time, on the clock of the loop."""

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def go_on(self) -> None:
        """Runs until it is cancelled."""
        while True:
            self._woken.clear()
            try:
                wait_sec = await self._step()
                self._well("store")
            except StoreError as error:
                self._trouble("store", f"nothing is told to {self.name}: {error}")
                wait_sec = STORE_WAIT_SEC
            if wait_sec:
                await self._rest(wait_sec)

    async def _rest(self, wait_sec: float) -> None:
        try:
            async with asyncio.timeout(wait_sec):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _step(self) -> float:
        """Send what is due, one message; how long to wait until the next look. Raises StoreError."""
        now = self._clock()
        delivery = await self._database.read(store.due, self.name, now)
        if delivery is not None:
            await self._deliver(delivery)
            return 0.0
        repeat_sec = await self._repeat()
        next_at = await self._database.read(store.next_due_at, self.name)
        due_sec = LONGEST_WAIT_SEC if next_at is None else (next_at - now).total_seconds()
        return max(SHORTEST_WAIT_SEC, min(due_sec, repeat_sec, LONGEST_WAIT_SEC))

    async def _deliver(self, delivery: QueuedDelivery) -> None:
        sender, at = self._sender(), self._clock()
        storm = self._settings().storm
        # In a thread: a thousand alerts with odd texts take half a second.
        message = await asyncio.to_thread(compose, delivery, storm=storm, node=sender.node, url=sender.url)

        async def begin(db: aiosqlite.Connection) -> bool:
            return await store.begin_try(db, delivery.id, at, message.kind, message.title)

        if not await self._database.write(begin):
            return
        if self._tried_first[0] != delivery.id:
            self._tried_first = (delivery.id, asyncio.get_running_loop().time())
        # A task of its own holds whatever the channel raises, and goes on for a moment when the node stops.
        sending = asyncio.create_task(self._channel.send(message, delivery.key), name=f"{self.name}: send")
        try:
            await asyncio.wait({sending})
        except asyncio.CancelledError:
            self._is_ending = True
            await self._let_go(sending)
            if sending.done() and not sending.cancelled():
                await self._settle(delivery, sending)
            raise
        # So does what writes down what became of it: a message that was taken would be sent anew without that.
        settling = asyncio.create_task(self._settle(delivery, sending), name=f"{self.name}: settle")
        try:
            await asyncio.wait({settling})
        except asyncio.CancelledError:
            self._is_ending = True
            await asyncio.wait({settling})
            raise
        settling.result()

    async def _let_go(self, sending: "asyncio.Task[Sent]") -> None:
        await asyncio.wait({sending}, timeout=LET_GO_SEC)
        sending.cancel()

    async def _settle(self, delivery: QueuedDelivery, sending: "asyncio.Task[Sent]") -> None:
        error = sending.exception()
        if error is None:
            await self._sent(delivery, sending.result())
        elif isinstance(error, ChannelError):
            await self._refused(delivery, error)
        else:
            logger.error("%s: an error of etlmon", self.name, exc_info=error)
            await self._refused(delivery, ChannelError(f"an error of etlmon: {type(error).__name__}"))

    async def _sent(self, delivery: QueuedDelivery, sent: Sent) -> None:
        at = self._clock()

        async def work(db: aiosqlite.Connection) -> None:
            await store.mark_sent(db, delivery.id, at)

        await self._write_down(work)
        self._count(self.name, "sent")
        self._well("channel")
        if sent.refused:
            logger.warning("%s: not everybody was told: %s", self.name, sent.refused)
        logger.debug("%s: %s: %s", self.name, delivery.key, sent.message)

    async def _refused(self, delivery: QueuedDelivery, error: ChannelError) -> None:
        at, retries = self._clock(), self._settings().retries
        wait_sec = retry_sec(retries, delivery.attempts + 1, error, self._spread)
        next_at = at + timedelta(seconds=wait_sec)
        is_last = error.is_permanent or self._is_enough(delivery, wait_sec, retries)

        async def work(db: aiosqlite.Connection) -> None:
            await store.mark_failed(
                db,
                delivery.id,
                at,
                str(error),
                next_try_at=None if is_last else next_at,
                is_permanent=error.is_permanent,
            )
            if is_last:
                event = given_up(self.name, delivery, delivery.attempts + 1, str(error), at)
                await node_store.add_events(db, [event])

        await self._write_down(work)
        self._count(self.name, "failed" if is_last else "retried")
        if is_last:
            logger.error("%s: a notice is given up: %s", self.name, error)
        self._trouble("channel", f"{self.name} does not take notices: {error}")

    def _is_enough(self, delivery: QueuedDelivery, wait_sec: float, retries: AlertRetries) -> bool:
        """Whether a further try would be too late. No clock that is set decides over that."""
        passed_sec = asyncio.get_running_loop().time() - self._tried_first[1]
        return delivery.attempts + 1 >= FEWEST_TRIES and passed_sec + wait_sec > float(retries.give_up)

    async def _write_down(self, work: Callable[[aiosqlite.Connection], Any]) -> None:
        """Until the store takes it: a message that was sent must not be sent anew because the disk is full.

        Whoever ends the courier waits for it, so it tries once then.
        """
        while True:
            try:
                await self._database.write(work)
            except StoreError as error:
                self._trouble("store", f"{self.name}: what became of a notice cannot be stored: {error}")
                if self._is_ending:
                    return
                await asyncio.sleep(STORE_WAIT_SEC)
            else:
                self._well("store")
                return

    async def _repeat(self) -> float:
        """Tell an Alertmanager again what is open, when it is time to; the seconds until the next time."""
        loop = asyncio.get_running_loop()
        if not isinstance(self._channel, AlertmanagerChannel):
            return LONGEST_WAIT_SEC
        if loop.time() >= self._repeat_at:
            self._repeat_at = loop.time() + REPEAT_SEC
            await self._repeat_open(self._channel)
        return self._repeat_at - loop.time()

    async def _repeat_open(self, channel: AlertmanagerChannel) -> None:
        known = await self._database.read(alerts_store.open_alerts)
        told = [alert for alert in known if alert.state == "active" and self.name in alert.told]
        if not told:
            return
        try:
            await channel.repeat(await asyncio.to_thread(harmless, told), self._sender().node)
        except ChannelError as error:
            self._trouble("channel", f"{self.name} is not told what is still open: {error}")
        else:
            self._well("channel")

    def _trouble(self, what: str, words: str) -> None:
        """Say it once, until it is over."""
        self._troubles[what] = self._troubles.get(what, 0) + 1
        if self._troubles[what] == 1:
            logger.warning("%s", words)

    def _well(self, what: str) -> None:
        if failures := self._troubles.pop(what, 0):
            logger.info("%s: the %s works again, after %d failures", self.name, what, failures)
