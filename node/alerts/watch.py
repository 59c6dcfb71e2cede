"""The task that looks: each time the engine judges the node's numbers, and what changes is stored as a whole."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from etlmon.config import ConfigError
from etlmon.contract.alerts_rules import AlertRule, RuleInfo, RuleOrigin
from etlmon.contract.node import CollectorHealth
from etlmon.labels import Labels
from node.alerts.engine import ABSENT_SEC, Engine
from node.alerts.judge import COUNTER
from node.alerts.notices import SEVERITIES
from node.alerts.owners import sources_of, tidy
from node.alerts.record import is_due, record
from node.clock import Clock
from node.collector import Sample
from node.rules.alert import Key, OpenAlert, Tick
from node.rules.rule_set import RuleSet, rule_set, rules_in
from node.samples import SampleTable, Stated
from node.settings import NodeSettings
from node.store import alerts as store
from node.store import alerts_rules
from node.store import samples as samples_store
from node.store.alerts import StoredAlert
from node.store.database import Database, StoreError
from node.store.samples_levels import finest

logger = logging.getLogger(__name__)

OWNER = "alerts"
"""Who states the numbers of the alerts among the samples."""

ENDED = "alerts are not judged any more: the log says why; restart the node"


class Watched(Protocol):
    """Who collects: the numbers, and how the collectors fare."""

    samples: SampleTable

    def health(self) -> list[CollectorHealth]: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a configuration, put together with those of the API, and what an operator should know of them."""

    settings: NodeSettings
    from_file: Sequence[AlertRule]
    rules: RuleSet
    problems: Sequence[str] = ()
    """Of the configuration."""
    unread: Sequence[str] = ()
    """Of the rules in the database."""


class AlertWatch:
    """Keeps judging. What it is asked for it answers from memory; it is ready after the first question or look.

    One thing at a time: what people change waits for the look that goes on, so that what is in memory and what is
    stored never differ.
    """

    def __init__(
        self,
        database: Database,
        watched: Watched,
        settings: Callable[[], NodeSettings],
        *,
        hostname: str,
        clock: Clock,
        queued: Callable[[], None],
    ) -> None:
        """`settings` are those in force. `queued` is called when there may be something to send."""
        self._database = database
        self._watched = watched
        self._settings = settings
        self._hostname = hostname
        self._clock = clock
        self._queued = queued
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._engine: Engine | None = None
        self._rules: Rules | None = None
        self._judged_as = ""
        self._failed = 0
        self._has_ended = False

    @property
    def is_alive(self) -> bool:
        """Whether it looks, or is about to; False from the moment at which something broke it, or the node ends."""
        return not self._has_ended

    @property
    def problems(self) -> Sequence[str]:
        """What an operator should know, in words; it shows in the health."""
        of_rules = () if self._rules is None else (*self._rules.problems, *self._rules.unread)
        return [*of_rules, *([] if self.is_alive else [ENDED])]

    async def go_on(self) -> None:
        """Runs until it is cancelled. What breaks it is seen in the health."""
        try:
            while True:
                self._news.clear()
                await self.look()
                await self._wait()
        finally:
            self._has_ended = True

    def wake(self) -> None:
        """Look soon: somebody changed something."""
        self._news.set()

    async def look(self) -> None:
        """Judge the numbers as they are, and store what changes. What cannot be stored is found again the next time."""
        try:
            async with self._one_at_a_time:
                engine = await self._ready()
                began = time.perf_counter()
                samples = self._watched.samples
                sources = sources_of(self._watched.health(), samples.unmeasured)
                tick = engine.tick(self._clock(), [_tidy(one) for one in samples], sources)
                took_sec = time.perf_counter() - began
                await self._store(engine, tick)
                self._state(engine, took_sec)
        except StoreError as error:
            self._failed += 1
            if self._failed == 1:
                logger.error("alerts are not told, because they cannot be stored: %s", error)  # noqa: TRY400
            return
        if self._failed:
            logger.info("alerts are stored again, after %d attempts", self._failed)
            self._failed = 0

    async def read(self, settings: NodeSettings) -> Rules:
        """The rules of a configuration that is about to be in force. Raises ConfigError and StoreError."""
        path = settings.alerts.rules_file
        from_file = await asyncio.to_thread(rules_in, path) if path is not None and settings.alerts.enabled else []
        return await self._put_together(settings, from_file)

    async def use(self, rules: Rules) -> None:
        """Judge by these rules from now on, and by those that were added over the API since they were read."""
        async with self._one_at_a_time:
            if self._engine is not None:
                with contextlib.suppress(StoreError):  # what read() found a moment ago is good then
                    rules = await self._put_together(rules.settings, rules.from_file)
                self._take(rules)
        self.wake()
        self._queued()

    async def refresh(self) -> None:
        """Somebody changed the rules of the API. Raises StoreError."""
        async with self._one_at_a_time:
            await self._ready()
            if (now := self._rules) is not None:
                self._take(await self._put_together(now.settings, now.from_file, now.problems))
        self.wake()

    async def rules(self) -> list[RuleInfo]:
        """Every rule and how it stands. Raises StoreError."""
        async with self._one_at_a_time:
            engine = await self._ready()
            known = RuleSet(()) if self._rules is None else self._rules.rules
        valid = [_info(rule.spec, rule.origin, engine) for rule in known.rules]
        invalid = [
            RuleInfo(rule=one.spec, origin=one.origin, state="invalid", error=one.reason) for one in known.invalid
        ]
        return [*valid, *invalid]

    async def acknowledge(self, write: Callable[[], Awaitable[Key]]) -> None:
        """Somebody looks after an alert: `write` stores that and says which, while no look is under way.

        Raises what `write` raises, and StoreError.
        """
        async with self._one_at_a_time:
            engine = await self._ready()
            engine.acknowledge(await write())

    def newest(self) -> Mapping[Key, OpenAlert]:
        """The open alerts with their newest numbers, which are stored only now and then."""
        return {} if self._engine is None else {alert.key: alert for alert in self._engine.alerts()}

    async def _wait(self) -> None:
        """Until the next look is due, or somebody changed something."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(self._settings().alerts.evaluation_interval)):
                await self._news.wait()

    async def _ready(self) -> Engine:
        """Begin where the store says it was. Raises StoreError."""
        if self._engine is None:
            settings = self._settings()
            try:
                rules = await self.read(settings)
            except ConfigError as error:
                logger.error("the rules of %s are not used: %s", settings.alerts.rules_file, error)  # noqa: TRY400
                rules = await self._put_together(settings, (), [f"alerts.rules_file is not used: {error.findings[0]}"])
            known = await self._remembered(rules)
            self._judged_as = self._node_name(settings)
            self._engine = Engine(self._judged_as, (), [row.remembered for row in known])
            self._take(rules)
            await self._recall(self._engine)
        return self._engine

    async def _remembered(self, rules: Rules) -> list[StoredAlert]:
        """The open alerts, and those that are over within the cooldown of a rule, be it one that is not there now."""
        longest = max((ABSENT_SEC, *(rule.spec.cooldown for rule in rules.rules.rules)))
        ended = await self._database.read(store.told_and_resolved, self._clock() - timedelta(seconds=longest))
        return [*ended, *await self._database.read(store.open_alerts)]

    async def _put_together(
        self, settings: NodeSettings, from_file: Sequence[AlertRule], problems: Sequence[str] = ()
    ) -> Rules:
        """Raises StoreError."""
        stored, unread = await self._database.read(alerts_rules.rules)
        odd = [f"the alert rule {name} cannot be read from the database; remove it" for name in unread]
        found = rule_set(settings, from_file, stored) if settings.alerts.enabled else RuleSet(())
        return Rules(settings, from_file, found, problems, odd)

    def _take(self, rules: Rules) -> None:
        engine = self._engine
        if engine is None or self._judged_as != self._node_name(rules.settings):
            # Under another name it begins anew: other rules may be for this node.
            self._engine, self._rules = None, None
            return
        engine.repeat_sec = float(rules.settings.alerts.repeat_interval)
        engine.replace(rules.rules.rules)
        self._rules = rules

    async def _recall(self, engine: Engine) -> None:
        """What rates and changes are told from: the recent past of their numbers, as far as it is kept.

        Of a number without a recent past, as after a long rest of the node, it is the last that was known: what
        happened while nobody looked is told, too.
        """
        now, keep = self._clock(), self._settings().history
        for name, seconds in engine.recalls.items():
            since = now - timedelta(seconds=seconds)
            recent = await self._database.read(samples_store.points, name, finest(keep, since, now, now))
            last = await self._database.read(samples_store.newest, name, since)
            known = {_labels_of(one) for one in recent}
            # The last that is known of a counter in a minute is its highest.
            before = [(one, one.highest if name.endswith(COUNTER) else one.average) for one in last]
            past = [pair for pair in before if _labels_of(pair[0]) not in known]
            past += [(one, one.average) for one in recent]
            engine.recall(Stated(name, _labels_of(one), value, one.at) for one, value in past)

    async def _store(self, engine: Engine, tick: Tick) -> None:
        """Raises StoreError; nothing of the look counts then."""
        settings = self._settings().alerts
        if not tick.changes and not tick.notices and not await self._database.read(is_due, tick.at, settings):
            return
        before = self._database.generation
        unheard = await self._database.write(lambda db: record(db, tick, settings))
        engine.saved(tick, unheard)
        if self._database.generation != before:
            self._queued()

    def _state(self, engine: Engine, took_sec: float) -> None:
        active = Counter(alert.severity for alert in engine.alerts() if alert.state == "active")
        samples = [
            Sample("etlmon_alert_evaluation_seconds", took_sec),
            *(Sample("etlmon_alerts", active[severity], {"severity": severity}) for severity in SEVERITIES),
        ]
        self._watched.samples.replace(OWNER, samples, self._clock())

    def _node_name(self, settings: NodeSettings) -> str:
        return settings.node.node_name or self._hostname


def _labels_of(one: samples_store.Replayed) -> Labels:
    return tuple(sorted(one.labels.items()))


def _tidy(stated: Stated) -> Stated:
    """The number with labels as they come back from the store."""
    labels = tidy(stated.labels)
    return stated if labels is stated.labels else replace(stated, labels=labels)


def _info(spec: AlertRule, origin: RuleOrigin, engine: Engine) -> RuleInfo:
    standing = engine.standing(spec.name)
    return RuleInfo(
        rule=spec,
        origin=origin,
        state=standing.state,
        error=standing.error,
        series=standing.series,
        firing=standing.firing,
        evaluated_at=standing.evaluated_at,
    )
