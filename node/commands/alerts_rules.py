"""alerts: adding, replacing and removing rules, and replaying one over what is stored."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import aiosqlite
import msgspec

from etlmon.contract import alerts as contract
from etlmon.contract.alerts import Backtest, BacktestResult
from etlmon.contract.alerts_rules import AlertRule, RuleInfo
from etlmon.contract.errors import BadRequest, Conflict, DeadlineExceeded, NotFound
from etlmon.contract.wire import encode_custom
from node.alerts.backtest import Replay, StoredPoint, backtest
from node.alerts.watch import AlertWatch
from node.clock import Clock
from node.commands.act import Acts, Caller
from node.commands.alerts import SWITCHED_OFF, alert_act
from node.rules.errors import RuleError
from node.rules.rule import Rule, compile_rule
from node.rules.rule_set import unknown_channels
from node.settings import NodeSettings
from node.store import alerts_rules as store
from node.store import samples
from node.store.database import Database
from node.store.samples_levels import Stretch, finest

MOST_ADDED_RULES = 500
"""Over the API."""

WEEK = timedelta(days=7)

REPLAY_SEC = 25.0
"""For a backtest; the caller waits as long."""

PART_STEPS = 60
"""Points of each series that a backtest reads at a time."""

_WORD = contract.ALERT_BACKTEST.path.rpartition("/")[2]

_WHERE = {
    "builtin": "it is built in; alerts.builtin_disabled of the configuration switches it off",
    "config": "it stands in alerts.rules of the node's configuration",
    "file": "it stands in alerts.rules_file of the node's configuration",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleActs:
    """The acts on rules, for one caller."""

    acts: Acts
    caller: Caller
    database: Database
    watch: AlertWatch
    settings: NodeSettings
    node_name: str
    clock: Clock

    async def add(self, spec: AlertRule) -> RuleInfo:
        """Judge by one rule more. Raises BadRequest (`field` in the details), and Conflict when the name is taken."""

        async def work() -> RuleInfo:
            self._check_on("no rule is added")
            if spec.name == _WORD:
                raise BadRequest(f"no rule can be called {_WORD}: that is the address of something else", field="name")
            self._compiled(spec)
            if (known := await _known(self.watch, spec.name)) is not None:
                raise Conflict(f"there is a rule {spec.name} already: {_origin(known)}", reason="duplicate")
            await self._put(spec)
            return await find_rule(self.watch, self.settings, spec.name)

        act = alert_act("add_rule", spec.name, contract.ALERT_RULE_ADD.status, _params(spec))
        return await self.acts.perform(self.caller, act, work)

    async def put(self, name: str, spec: AlertRule) -> RuleInfo:
        """Replace a rule that was added. Raises BadRequest, NotFound, and Conflict for one that was not added here."""

        async def work() -> RuleInfo:
            self._check_on("no rule is changed")
            if spec.name != name:
                raise BadRequest(f"the rule {name} keeps its name; the body calls it {spec.name}", field="name")
            self._compiled(spec)
            await self._check_own(name)
            await self._put(spec)
            return await find_rule(self.watch, self.settings, name)

        act = alert_act("put_rule", name, contract.ALERT_RULE_PUT.status, _params(spec))
        return await self.acts.perform(self.caller, act, work)

    async def remove(self, name: str) -> None:
        """Judge by it no more. Raises NotFound, and Conflict for one that was not added here."""

        async def work() -> None:
            if not await self.database.write(lambda db: store.remove_rule(db, name)):
                await self._check_own(name)
            await self.watch.refresh()

        await self.acts.perform(self.caller, alert_act("remove_rule", name, contract.ALERT_RULE_DELETE.status), work)

    async def backtest(self, body: Backtest) -> BacktestResult:
        """When a rule would have told. Raises BadRequest and NotFound."""

        async def work() -> BacktestResult:
            rule = await self._asked(body)
            now = self.clock()
            until = min(body.until or now, now)
            since = _week_before(until) if body.since is None else body.since
            if since >= until:
                raise BadRequest("the time to replay ends before it begins", field="since")
            stretch = finest(self.settings.history, since, until, now)
            replay = Replay() if stretch is None else await self._replay(rule, stretch)
            return BacktestResult(
                rule=rule.name,
                since=since,
                until=until,
                level="hour" if stretch is None else stretch.level.name,
                series=replay.series,
                notices=replay.notices,
                firings=replay.firings,
            )

        target = body.name or (body.rule.name if body.rule else "")
        return await self.acts.perform(self.caller, alert_act("backtest", target, contract.ALERT_BACKTEST.status), work)

    async def _asked(self, body: Backtest) -> Rule:
        """Raises BadRequest and NotFound."""
        if (body.rule is None) == (body.name is None):
            raise BadRequest("say which rule: either rule (as it would be added) or name", field="rule")
        if body.rule is not None:
            return self._compiled(body.rule, field="rule.")
        self._check_on("it has no rule; send one to replay")
        return self._compiled((await find_rule(self.watch, self.settings, body.name or "")).rule)

    async def _replay(self, rule: Rule, stretch: Stretch) -> Replay:
        """In a thread, because a week of many numbers takes a while. Raises DeadlineExceeded."""
        loop, end = asyncio.get_running_loop(), time.monotonic() + REPLAY_SEC

        def stored() -> Iterator[StoredPoint]:
            for part in _parts(stretch):
                left_sec = end - time.monotonic()
                if left_sec <= 0:
                    raise TimeoutError
                reading = asyncio.run_coroutine_threadsafe(self.database.read(samples.points, rule.metric, part), loop)
                for point in reading.result(left_sec):
                    labels = tuple(sorted(point.labels.items()))
                    if rule.fits(labels):
                        yield StoredPoint(point.at, labels, point.lowest, point.highest, point.average)

        step = timedelta(seconds=stretch.level.width)
        try:
            return await asyncio.to_thread(backtest, rule, stored(), step, node=self.node_name)
        except TimeoutError as error:
            message = f"the replay of {rule.name} takes longer than {REPLAY_SEC:g} s; ask for less time or fewer labels"
            raise DeadlineExceeded(message) from error

    def _compiled(self, spec: AlertRule, field: str = "") -> Rule:
        """Raises BadRequest that names the key."""
        try:
            rule = compile_rule(spec, "api")
            for problem in unknown_channels(spec, {channel.name for channel in self.settings.alerts.channels}):
                raise problem
        except RuleError as error:
            message = f"the rule {spec.name} cannot be used: {error}"
            raise BadRequest(message, field=f"{field}{error.key}") from error
        return rule

    async def _put(self, spec: AlertRule) -> None:
        """Raises Conflict."""

        async def write(db: aiosqlite.Connection) -> None:
            known, unread = await store.rules(db)
            if len(known) + len(unread) >= MOST_ADDED_RULES and spec.name not in {rule.name for rule in known}:
                raise Conflict(f"there are {MOST_ADDED_RULES} added rules already; remove some of them", reason="limit")
            await store.put_rule(db, spec, self.clock(), self.caller.name)

        await self.database.write(write)
        await self.watch.refresh()

    def _check_on(self, consequence: str) -> None:
        """Raises Conflict when alerts are switched off: before anything is stored that nobody would judge by."""
        if not self.settings.alerts.enabled:
            raise Conflict(f"{SWITCHED_OFF}; {consequence}", reason="disabled")

    async def _check_own(self, name: str) -> None:
        """Raises NotFound and Conflict."""
        known = await find_rule(self.watch, self.settings, name)
        if known.origin != "api":
            raise Conflict(f"the rule {name} cannot be changed here: {_origin(known)}", reason="origin")


async def find_rule(watch: AlertWatch, settings: NodeSettings, name: str) -> RuleInfo:
    """A rule and how it stands. Raises NotFound."""
    known = await _known(watch, name)
    if known is None:
        why = "GET /api/v1/alerts/rules lists them" if settings.alerts.enabled else SWITCHED_OFF
        raise NotFound(f"there is no rule {name}; {why}")
    return known


async def _known(watch: AlertWatch, name: str) -> RuleInfo | None:
    return next((info for info in await watch.rules() if info.rule.name == name), None)


def _parts(stretch: Stretch) -> Iterator[Stretch]:
    """The stretch in parts of which each can be read at once."""
    width = PART_STEPS * stretch.level.width
    for first in range(stretch.first, stretch.last + 1, width):
        yield replace(stretch, first=first, last=min(first + width - stretch.level.width, stretch.last))


def _origin(known: RuleInfo) -> str:
    return _WHERE.get(known.origin, "it was added over the API")


def _week_before(moment: datetime) -> datetime:
    try:
        return moment - WEEK
    except OverflowError:
        return moment


def _params(spec: AlertRule) -> Mapping[str, object]:
    params: dict[str, object] = msgspec.to_builtins(spec, enc_hook=encode_custom)
    return params
