"""alerts: acknowledging one, telling nobody of some for a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiosqlite
import msgspec

from etlmon.config.words import did_you_mean
from etlmon.contract import alerts as contract
from etlmon.contract.alerts import Acknowledge, Alert
from etlmon.contract.alerts_rules import NewSilence, Silence
from etlmon.contract.endpoint import LARGEST_ID
from etlmon.contract.errors import BadRequest, Conflict, NotFound
from etlmon.units import Duration
from node.alerts.silences import Covering
from node.alerts.watch import AlertWatch
from node.clock import Clock
from node.commands.act import Act, Acts, Caller
from node.rules.alert import Key
from node.rules.errors import RuleError
from node.rules.matchers import compile_matchers
from node.settings import NodeSettings
from node.store import alerts as store
from node.store import alerts_rules
from node.store.database import Database

SWITCHED_OFF = "alerts are switched off on this node: alerts.enabled is false in its configuration"

LONGEST_SILENCE = Duration(366 * 86400)

MOST_SILENCES = 500
"""That are not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertActs:
    """The acts on alerts, for one caller."""

    acts: Acts
    caller: Caller
    database: Database
    watch: AlertWatch
    settings: NodeSettings
    clock: Clock

    async def acknowledge(self, alert_id: str, body: Acknowledge) -> Alert:
        """Nobody is told of it again until it is resolved. Raises NotFound, and Conflict when it is over."""

        async def write(db: aiosqlite.Connection) -> Key:
            alert = await store.find(db, _number(alert_id, "an alert"))
            if alert is None:
                raise NotFound(f"there is no alert {alert_id}; GET /api/v1/alerts lists those that are open")
            if alert.resolved_at is not None:
                raise Conflict(f"alert {alert_id} is over: there is nothing to look after", reason="resolved")
            await store.acknowledge(db, alert.id, self.clock(), self.caller.name, body.comment)
            return alert.remembered.key

        async def work() -> Alert:
            await self.watch.acknowledge(lambda: self.database.write(write))
            found = await self.database.read(store.find, _number(alert_id, "an alert"))
            if found is None:
                raise NotFound(f"alert {alert_id} is gone")
            return found.answer

        act = alert_act("ack", alert_id, contract.ALERT_ACK.status, {"comment": body.comment})
        return await self.acts.perform(self.caller, act, work)

    async def silence(self, body: NewSilence) -> Silence:
        """Tell nobody of some alerts for a while. Raises BadRequest (`field` in the details) and Conflict."""

        async def work() -> Silence:
            wanted = self._wanted(body)
            if body.rule:
                await self._check_rule(body.rule)

            async def write(db: aiosqlite.Connection) -> int:
                if len(await alerts_rules.silences(db, self.clock())) >= MOST_SILENCES:
                    raise Conflict(f"there are {MOST_SILENCES} silences already; end some of them", reason="limit")
                return await alerts_rules.add_silence(db, wanted)

            added = msgspec.structs.replace(wanted, id=await self.database.write(write))
            self.watch.wake()
            open_ = [row.remembered for row in await self.database.read(store.open_alerts)]
            matched = Covering(added).count(open_)
            return msgspec.structs.replace(added, active=added.starts_at <= self.clock(), matched=matched)

        params = msgspec.to_builtins(body)
        act = alert_act("silence", body.rule or "every rule", contract.ALERT_SILENCE.status, params)
        return await self.acts.perform(self.caller, act, work, outcome=lambda row: f"its id is {row.id}")

    async def unsilence(self, silence_id: str) -> None:
        """End a silence now, or take back one that has not begun. Raises NotFound."""

        async def work() -> None:
            number = _number(silence_id, "a silence")
            if not await self.database.write(lambda db: alerts_rules.end_silence(db, number, self.clock())):
                raise NotFound(f"there is no silence {silence_id} that is not over")
            self.watch.wake()

        await self.acts.perform(self.caller, alert_act("unsilence", silence_id, contract.ALERT_UNSILENCE.status), work)

    async def _check_rule(self, name: str) -> None:
        """Raises BadRequest when the node has no such rule, and Conflict when that is because alerts are switched off.

        A name that was mistyped would keep nothing back, and whoever typed it would learn that from the notice.
        """
        names = sorted(info.rule.name for info in await self.watch.rules())
        if name in names:
            return
        if not self.settings.alerts.enabled:
            raise Conflict(f"nothing is silenced: {SWITCHED_OFF}", reason="disabled")
        there = did_you_mean(name, names) if names else ", and no other"
        raise BadRequest(f"nothing is silenced: the node has no rule {name}{there}", field="rule")

    def _wanted(self, body: NewSilence) -> Silence:
        """The silence that is asked for, without its id. Raises BadRequest."""
        try:
            compile_matchers(body.labels)
        except RuleError as error:
            raise BadRequest(f"the silence cannot be made: {error}", field=error.key) from error
        now = self.clock()
        starts_at = body.starts_at or now
        return Silence(
            id=0,
            rule=body.rule,
            labels=body.labels,
            reason=body.reason,
            created_by=self.caller.name,
            created_at=now,
            starts_at=starts_at,
            ends_at=_end(body, starts_at, now),
        )


def _end(body: NewSilence, starts_at: datetime, now: datetime) -> datetime:
    """Raises BadRequest."""
    if (body.ends_at is None) == (body.duration is None):
        raise BadRequest("say until when: either duration (for example 2h) or ends_at", field="duration")
    field = "duration" if body.ends_at is None else "ends_at"
    try:
        ends_at = body.ends_at or starts_at + timedelta(seconds=Duration.parse(body.duration))
        if ends_at <= max(starts_at, now):
            raise BadRequest("the silence would be over before it begins", field=field)
        if ends_at > max(starts_at, now) + timedelta(seconds=LONGEST_SILENCE):
            raise BadRequest(f"the silence is too long; it may last {LONGEST_SILENCE}", field=field)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"the silence cannot be made: {error}", field=field) from error
    return ends_at


def _number(text: str, what: str) -> int:
    """An id of the path. Raises NotFound for what cannot be one."""
    if text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID)) and int(text) <= LARGEST_ID:
        return int(text)
    raise NotFound(f"{text!r} is no id of {what}")


def alert_act(verb: str, target: str, status: int, params: Mapping[str, object] | None = None) -> Act:
    """What is about to be done to alerts, rules or silences, for the audit."""
    return Act(action=f"alerts.{verb}", target=target, params=params or {}, status=status)
