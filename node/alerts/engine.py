"""The engine: from the numbers of the node and its rules to alerts, and to what people are told of them.

Pure: it is told the time and the numbers, and says what changes. What it says counts when it hears that it was stored;
until then the next look begins where the last one that was stored ended. So what is in the store and what is in memory
never differ, and a start goes on with what the store has.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from etlmon.labels import Labels
from node.alerts import transitions
from node.alerts.judge import Judge, Look, Reading
from node.alerts.numbers import Table
from node.alerts.points import Room
from node.alerts.standing import standing_of
from node.rules.alert import AlertChange, Key, Notice, OpenAlert, Sources, Standing, Tick
from node.rules.rule import Rule
from node.samples import Stated

MOST_OPEN = 1000
"""Alerts at a time; beyond that none is opened, and the rules say so."""

MOST_ENDED = 10_000
"""Alerts whose cooldown is remembered."""

WRITE_SEC = 60.0
"""How often an open alert of which only the number changed is stored."""

ABSENT_SEC = 86400.0
"""How long a cooldown is remembered of a rule that is not there, when it is not known how long that rule wants it."""

PATIENCE_SEC = 300.0
"""How long after its start the engine waits for those who did not state anything yet."""

_Open = dict[Key, OpenAlert]


class Engine:
    """Judges rules. `remembered` is what the store has: open alerts, and those that are over within their cooldown."""

    def __init__(
        self, node: str, rules: Iterable[Rule], remembered: Iterable[OpenAlert] = (), *, repeat_sec: float = 0.0
    ) -> None:
        """`repeat_sec`: how often an active alert is told again until somebody acknowledges it; 0 is never."""
        self.repeat_sec = repeat_sec
        self._node = node
        self._table = Table()
        self._room = Room()
        self._rules: dict[str, Rule] = {}
        self._judges: dict[str, Judge] = {}
        self._heard: set[str] = set()
        self._began: datetime | None = None
        self._last_at: datetime | None = None
        self._known_until: datetime | None = None
        """What was stated by then was there at an earlier look."""
        self._open: _Open = {}
        self._ended: dict[Key, datetime] = {}
        self._cooldowns: dict[str, float] = {}
        """In seconds, by rule: as it is, or as it was when the rule was there last."""
        self._written: dict[Key, datetime] = {}
        self._unsaved: tuple[Tick, _Open] | None = None
        self._standings: dict[str, Standing] = {}
        for alert in sorted(remembered, key=lambda one: one.triggered_at):
            if alert.state != "resolved":
                self._open[alert.key] = alert
            elif alert.told_at is not None and alert.resolved_at is not None:
                self._ended[alert.key] = alert.resolved_at
        self.replace(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Judge by these rules from the next look on. What is known for a rule that stays as it is stays."""
        before, self._rules = self._judges, {rule.name: rule for rule in rules}
        self._judges = {
            name: before.pop(name) if name in before and before[name].rule == rule else Judge(rule, self._room)
            for name, rule in self._rules.items()
            if rule.is_for(self._node)
        }
        for judge in before.values():
            judge.close()
        self._cooldowns.update({name: float(rule.spec.cooldown) for name, rule in self._rules.items()})
        self._standings = {name: self._standings.get(name, Standing()) for name in self._rules}

    def tick(self, now: datetime, stated: Iterable[Stated], sources: Sources | None = None) -> Tick:
        """Look at the numbers that are stated now. Call saved() when the tick is stored; one that is empty counts."""
        sources = sources or Sources()
        self._began = self._began or now
        self._known_until = self._last_at
        if self._last_at is None or now < self._last_at:
            self._set_back(now)
        self._last_at = now
        names = {judge.rule.metric for judge in self._judges.values()}
        numbers, owners = self._table.sort(stated, names)
        looks = {
            name: judge.look(numbers.get(judge.rule.metric), self._heard, now.timestamp())
            for name, judge in self._judges.items()
        }
        self._heard |= owners
        after = {key: self._next(alert, looks, sources, now) for key, alert in self._open.items()}
        crowded = self._begin(after, looks, sources, now)
        notices = self._tell(after, now)
        tick = Tick(now, list(self._changes(after, now)), notices)
        self._stand(looks, after, crowded, now)
        self._unsaved = (tick, after)
        if not tick.changes and not tick.notices:
            self.saved(tick)
        return tick

    def saved(self, tick: Tick, unheard: Collection[Key] = ()) -> None:
        """The tick is stored: what it says is so. Nothing happens when another one was made since.

        `unheard` are those of its alerts that ended without anybody ever being told of them: no cooldown begins.
        """
        if self._unsaved is None or self._unsaved[0] is not tick:
            return
        (_, after), self._unsaved = self._unsaved, None
        self._open = {key: alert for key, alert in after.items() if alert.state != "resolved"}
        for change in tick.changes:
            self._written[change.alert.key] = tick.at
            if change.alert.state == "resolved":
                self._written.pop(change.alert.key, None)
                if change.alert.told_at is not None and change.alert.key not in unheard:
                    self._ended.pop(change.alert.key, None)
                    self._ended[change.alert.key] = tick.at
        self._forget(tick.at)

    def acknowledge(self, key: Key) -> None:
        """Somebody looks after it: it is not told again, but its end is. Nothing happens when it is not open."""
        for alerts in (self._open, self._unsaved[1] if self._unsaved is not None else {}):
            if key in alerts:
                alerts[key] = replace(alerts[key], acknowledged=True)

    def recall(self, stated: Iterable[Stated]) -> None:
        """Numbers as they were stated before the engine began, the oldest first, for `rate` and `delta`."""
        judges = [judge for judge in self._judges.values() if judge.rule.condition.window_sec]
        for one in stated:
            for judge in judges:
                judge.recall(one)

    @property
    def recalls(self) -> Mapping[str, float]:
        """The names of the numbers whose past is worth recalling, and how many seconds of it."""
        wanted: dict[str, float] = {}
        for judge in self._judges.values():
            if window_sec := judge.rule.condition.window_sec:
                wanted[judge.rule.metric] = max(window_sec, wanted.get(judge.rule.metric, 0.0))
        return wanted

    def alerts(self) -> list[OpenAlert]:
        """Every open alert with its newest number."""
        return list(self._open.values())

    def standing(self, name: str) -> Standing:
        """How a rule stood at the last look. Raises KeyError when there is none of that name."""
        return self._standings[name]

    def _set_back(self, now: datetime) -> None:
        self._open = {key: transitions.not_after(alert, now) for key, alert in self._open.items()}
        self._ended = {key: min(at, now) for key, at in self._ended.items()}
        self._written = {key: min(at, now) for key, at in self._written.items()}
        self._began = min(self._began, now) if self._began is not None else now

    def _next(self, alert: OpenAlert, looks: Mapping[str, Look], sources: Sources, now: datetime) -> OpenAlert:
        """What becomes of an open alert."""
        judge, rule = self._judges.get(alert.rule), self._rules.get(alert.rule)
        if judge is None or rule is None:
            because = transitions.WAS_REMOVED if rule is None else transitions.WAS_SWITCHED_OFF
            return transitions.resolved(alert, because, now)
        if not transitions.is_about(alert, rule):
            return transitions.resolved(alert, transitions.WAS_CHANGED, now)
        look = looks[alert.rule]
        if rule.condition.of == "absent":
            if look.places:
                return transitions.resolved(alert, transitions.IS_THERE, now)
            return alert if self._is_early(sources, now) else transitions.absent(alert, rule, now, self._node)
        reading = look.reading(alert.labels)
        if reading is not None:
            is_old = self._is_old(reading, sources)
            return alert if is_old else transitions.judged(alert, rule, reading, now, self._node)
        is_unheard = alert.owner not in self._heard and self._is_young(now)
        is_unknown = sources.is_silent(alert.owner) or sources.is_unmeasured(alert.owner, alert.labels)
        return alert if is_unheard or is_unknown else transitions.missed(alert, now)

    def _begin(self, after: _Open, looks: Mapping[str, Look], sources: Sources, now: datetime) -> set[str]:
        """Open an alert wherever a condition holds and none is open; returns the rules for which there was no room."""
        crowded = set()
        for name, look in looks.items():
            rule = self._judges[name].rule
            for labels, reading in self._holding(rule, look, sources, now):
                if (name, labels) in after:
                    continue
                if len(after) >= MOST_OPEN:
                    crowded.add(name)
                    break
                after[name, labels] = transitions.begun(rule, labels, reading, now, self._node)
        return crowded

    def _holding(self, rule: Rule, look: Look, sources: Sources, now: datetime) -> Iterable[tuple[Labels, Reading]]:
        if rule.condition.of == "absent":
            if not look.places and not self._is_early(sources, now):
                yield rule.absent_labels, Reading("", None)
        elif look.numbers is not None:
            for place in look.holding:
                stated = look.numbers.stated[place]
                reading = Reading(stated.owner, look.values[place], stated.at)
                if not self._is_old(reading, sources):
                    yield stated.labels, reading

    def _tell(self, after: _Open, now: datetime) -> list[Notice]:
        """What is to be told; who is told of stands in the alerts from then on."""
        notices = []
        for key, alert in after.items():
            if alert.state == "resolved":
                if alert.told_at is not None:
                    notices.append(Notice("resolved", alert, now))
            elif alert.state == "active" and not alert.acknowledged and self._is_due(alert, now):
                told = replace(alert, told_at=now)
                after[key] = told
                notices.append(Notice("firing", told, now, is_repeat=alert.told_at is not None))
        return notices

    def _is_due(self, alert: OpenAlert, now: datetime) -> bool:
        if alert.told_at is not None:
            return 0 < self.repeat_sec <= (now - alert.told_at).total_seconds()
        ended = self._ended.get(alert.key)
        cooldown = self._rules[alert.rule].spec.cooldown
        return ended is None or (now - min(ended, now)).total_seconds() >= cooldown

    def _changes(self, after: _Open, now: datetime) -> Iterable[AlertChange]:
        for key, alert in list(after.items()):
            before = self._open.get(key)
            if before is None:
                yield AlertChange(alert, None)
            elif _has_turned(before, alert):
                yield AlertChange(alert, before.state)
            elif self._is_stale(before, alert, now):
                after[key] = transitions.reworded(alert, self._rules[alert.rule], self._node)
                yield AlertChange(after[key], before.state)

    def _is_stale(self, before: OpenAlert, alert: OpenAlert, now: datetime) -> bool:
        """Whether what is stored of it should be brought up to date."""
        written = self._written.setdefault(alert.key, before.updated_at)
        return alert.updated_at != before.updated_at and (now - written).total_seconds() >= WRITE_SEC

    def _is_old(self, reading: Reading, sources: Sources) -> bool:
        """Whether a number is as it was at an earlier look because who states it does not come to it any more."""
        is_known = self._known_until is not None and reading.at is not None and reading.at <= self._known_until
        return is_known and sources.is_silent(reading.owner)

    def _is_young(self, now: datetime) -> bool:
        return self._began is None or (now - self._began).total_seconds() < PATIENCE_SEC

    def _is_early(self, sources: Sources, now: datetime) -> bool:
        """Whether a number may be absent only because those who state it did not come to it yet."""
        return bool(sources.starting) and self._is_young(now)

    def _stand(self, looks: Mapping[str, Look], after: _Open, crowded: Collection[str], now: datetime) -> None:
        firing = Counter(alert.rule for alert in after.values() if alert.state == "active")
        self._standings = {
            name: standing_of(rule, looks.get(name), firing[name], name in crowded, now)
            for name, rule in self._rules.items()
        }

    def _forget(self, now: datetime) -> None:
        """Cooldowns that are over, and the oldest when they are too many.

        A rule that is not there may come back: alerts were switched off and on, or its file could not be read.
        """
        for key, at in list(self._ended.items()):
            cooldown = self._cooldowns.get(key[0], ABSENT_SEC)
            if (now - at).total_seconds() >= cooldown or len(self._ended) > MOST_ENDED:
                del self._ended[key]
        wanted = self._rules.keys() | {rule for rule, _ in self._ended}
        self._cooldowns = {name: seconds for name, seconds in self._cooldowns.items() if name in wanted}


def _has_turned(before: OpenAlert, alert: OpenAlert) -> bool:
    """Whether the store must know at once: the alert is at another point, or others are to be told of it."""
    was = before.state, before.told_at, before.severity, before.channels
    return was != (alert.state, alert.told_at, alert.severity, alert.channels)
