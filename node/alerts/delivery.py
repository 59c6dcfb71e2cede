"""Telling people: a courier for each channel, and the heartbeat, for as long as they are configured."""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import aiosqlite

from etlmon.contract.alerts import Delivery
from etlmon.contract.alerts_rules import ChannelInfo, TestResult
from node.alerts.channels.build import build
from node.alerts.channels.channel import ChannelError, target
from node.alerts.courier import Courier, Sender, Spread, given_up
from node.alerts.heartbeat import HeartbeatSender
from node.alerts.notices import trial
from node.clock import Clock
from node.collector import Sample
from node.samples import SampleTable
from node.settings import NodeSettings, listen_address
from node.settings_alerts import AlertChannel, Heartbeat
from node.store import alerts_deliveries as store
from node.store import node as node_store
from node.store.database import Database, StoreError

logger = logging.getLogger(__name__)

OWNER = "alert deliveries"
"""Who states the numbers of deliveries among the samples."""

ENDED = "nobody is told of alerts any more: the log says why; restart the node"

ALERTS_PATH = "/api/v1/alerts"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognized here, not bound
_HERE = ("localhost", "127.", "::1")


@dataclass(frozen=True, slots=True)
class _Worker:
    """What runs for one part of the configuration."""

    settings: AlertChannel | Heartbeat
    task: "asyncio.Task[None]"
    wake: Callable[[], None]


class Deliverer:
    """Sends what is owed. It belongs to the event loop it is used in."""

    def __init__(
        self,
        database: Database,
        settings: Callable[[], NodeSettings],
        samples: SampleTable,
        *,
        hostname: str,
        is_well: Callable[[], bool],
        clock: Clock,
        spread: Spread = random.uniform,
    ) -> None:
        """`settings` are those in force; `is_well` says whether the heartbeat may beat."""
        self._database = database
        self._settings = settings
        self._samples = samples
        self._hostname = hostname
        self._is_well = is_well
        self._clock = clock
        self._spread = spread
        self._workers: dict[str, _Worker] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._forgotten: frozenset[str] | None = None
        self._news = asyncio.Event()
        self._has_ended = False

    @property
    def is_alive(self) -> bool:
        """Whether what is owed is sent, or is about to be; False when something broke, or the node ends."""
        return not self.problems

    @property
    def problems(self) -> Sequence[str]:
        """What an operator should know, in words; it shows in the health."""
        if self._has_ended:
            return [ENDED]
        broken = [name for name, worker in self._workers.items() if worker.task.done() and not worker.task.cancelled()]
        return [f"the {name} of alerts does not work at the moment: the log says why" for name in broken]

    def wake(self) -> None:
        """There may be something to send, or the settings are others."""
        self._news.set()
        for worker in self._workers.values():
            worker.wake()

    async def go_on(self) -> None:
        """Runs until it is cancelled. What breaks it is seen in the health."""
        try:
            while True:
                self._news.clear()
                await self._align()
                await self._news.wait()
        finally:
            self._has_ended = True
            tasks = [worker.task for worker in self._workers.values()]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def test(self, name: str) -> TestResult:
        """Send a message through a channel now, past the queue. Raises KeyError when there is no such channel."""
        settings = {channel.name: channel for channel in self._settings().alerts.channels}[name]
        message = trial(self._clock(), node=self._sender().node, channel=name)
        began = time.monotonic()
        try:
            sent = await build(settings, self._clock).send(message, f"test-{secrets.token_hex(16)}")
            delivered, words = True, "; ".join(filter(None, [sent.message, sent.refused and f"not: {sent.refused}"]))
        except ChannelError as error:
            delivered, words = False, str(error)
        duration_ms = round((time.monotonic() - began) * 1000, 1)
        return TestResult(channel=name, delivered=delivered, message=words, duration_ms=duration_ms)

    async def channels(self) -> list[ChannelInfo]:
        """Every configured channel and how it fares. Raises StoreError."""
        records = await self._database.read(store.channel_records)
        return [
            channel_info(channel, records.get(channel.name, store.ChannelRecord(channel=channel.name)))
            for channel in self._settings().alerts.channels
        ]

    async def _align(self) -> None:
        """Bring what runs in line with the settings; what did not change is left alone."""
        wanted = self._wanted()
        for name, worker in list(self._workers.items()):
            if worker.task.done() or wanted.get(name) != worker.settings:
                worker.task.cancel()
                await asyncio.wait({worker.task})
                del self._workers[name]
        for name, part in wanted.items():
            if name not in self._workers:
                self._workers[name] = self._worker(name, part)
        await self._forget_others()
        self._state()

    def _wanted(self) -> Mapping[str, AlertChannel | Heartbeat]:
        alerts = self._settings().alerts
        if not alerts.enabled:
            return {}
        wanted: dict[str, AlertChannel | Heartbeat] = {f"channel {one.name}": one for one in alerts.channels}
        if alerts.heartbeat.url is not None:
            wanted["heartbeat"] = alerts.heartbeat
        return wanted

    def _worker(self, name: str, part: AlertChannel | Heartbeat) -> _Worker:
        if isinstance(part, Heartbeat):
            work, wake = HeartbeatSender(part, self._is_well).go_on(), _nothing
        else:
            courier = Courier(
                part.name,
                build(part, self._clock),
                database=self._database,
                settings=lambda: self._settings().alerts,
                sender=self._sender,
                clock=self._clock,
                count=self._count,
                spread=self._spread,
            )
            work, wake = courier.go_on(), courier.wake
        return _Worker(part, self._start(name, work), wake)

    def _start(self, name: str, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """One that broke is begun anew the next time that there is something to send."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s ended", task.get_name(), exc_info=error)

    async def _forget_others(self) -> None:
        """What waits for a channel that is configured no more waits in vain; it is given up, visibly."""
        names = frozenset(channel.name for channel in self._settings().alerts.channels)
        if names == self._forgotten:
            return

        async def work(db: aiosqlite.Connection) -> list[Delivery]:
            at = self._clock()
            lost = await store.give_up_others(db, names, at)
            events = [given_up(one.channel, one, one.attempts, store.NOT_CONFIGURED, at) for one in lost]
            await node_store.add_events(db, events)
            return lost

        with contextlib.suppress(StoreError):  # tried again when there is news; the couriers say what the store says
            lost = await self._database.write(work)
            self._forgotten = names
            for one in lost:
                self._count(one.channel, "failed")
            if lost:
                logger.warning("%d notices are given up: their channels are not configured any more", len(lost))

    def _count(self, channel: str, state: str) -> None:
        self._counts[channel, state] = self._counts.get((channel, state), 0) + 1
        self._state()

    def _state(self) -> None:
        """Each configured channel has its numbers, also those that are 0: growth shows from the first notice on.

        Of one that is configured no more there is what was given up.
        """
        names = [channel.name for channel in self._settings().alerts.channels]
        stated = [(name, state) for name in names for state in ("sent", "retried", "failed")]
        stated += [(name, state) for name, state in self._counts if state == "failed" and name not in names]
        samples = [
            Sample(
                "etlmon_alert_deliveries_total",
                float(self._counts.get((name, state), 0)),
                {"channel": name, "state": state},
            )
            for name, state in stated
        ]
        self._samples.replace(OWNER, samples, self._clock())

    def _sender(self) -> Sender:
        settings = self._settings()
        url = address(settings.node.listen, self._hostname)
        return Sender(node=settings.node.node_name or self._hostname, url=url + ALERTS_PATH if url else "")


def _nothing() -> None:
    """What a worker does that nobody needs to wake."""


def address(listen: str, hostname: str) -> str:
    """Where others reach a node that listens so; empty when they do not."""
    try:
        where = listen_address(listen)
    except ValueError:
        return ""
    if not isinstance(where, tuple) or not where[1] or where[0].startswith(_HERE):
        return ""
    host = hostname if where[0] in _EVERYWHERE else where[0]
    return f"http://{f'[{host}]' if ':' in host else host}:{where[1]}"


def channel_info(channel: AlertChannel, record: store.ChannelRecord) -> ChannelInfo:
    """A channel without its secrets, and how it fares."""
    return ChannelInfo(
        name=channel.name,
        type=channel.type,
        target=target(channel),
        waiting=record.waiting,
        failed=record.failed,
        last_sent_at=record.last_sent_at,
        last_error=record.last_error,
        last_error_at=record.last_error_at,
        next_try_at=record.next_try_at,
    )
