"""What one look changes, stored as a whole: the alerts, who is told of them, and the events that say so."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, TypeVar

import aiosqlite

from etlmon.contract.alerts_rules import AlertSeverity, Silence
from etlmon.contract.node import Event
from node.alerts.notices import concerns, hears_ends, send_at
from node.alerts.silences import Quiet
from node.rules.alert import AlertChange, Key, Notice, Tick
from node.settings_alerts import Alerts
from node.store import alerts as store
from node.store import alerts_deliveries, alerts_rules
from node.store import node as node_store
from node.store.alerts import StoredAlert
from node.store.alerts_deliveries import QueuedNotice

LONGEST_REASON_SHOWN = 100

_Kind = Literal["firing", "resolved"]
_Place = TypeVar("_Place")


async def is_due(db: aiosqlite.Connection, now: datetime, settings: Alerts) -> bool:
    """Whether there is something to store although no alert changed: a silence began or ended, or a channel is new."""
    if await alerts_rules.unsaid_silences(db, now):
        return True
    behind = await _behind(db, settings)
    if not behind:
        return False
    quiet = Quiet(await alerts_rules.silences(db, now))
    return any(quiet.silence_of(row) is None for row, _ in behind)


async def record(db: aiosqlite.Connection, tick: Tick, settings: Alerts) -> Collection[Key]:
    """Store a look, inside the writer's transaction; the alerts that ended without anybody being told of them."""
    quiet = Quiet(await alerts_rules.silences(db, tick.at))
    rows = await store.save(db, tick.changes)
    await node_store.add_events(db, [*_events(tick.changes, tick.at), *await _silence_events(db, tick.at)])
    if settings.enabled:
        telling = _Telling(settings, quiet, tick.at)
        for notice in tick.notices:
            if notice.alert.key in rows:
                telling.tell(notice, rows[notice.alert.key])
        for row, names in await _behind(db, settings):
            telling.make_up(row, names)
        await telling.hand_over(db)
    return {key for key, row in rows.items() if row.state == "resolved" and not row.told}


async def _behind(db: aiosqlite.Connection, settings: Alerts) -> list[tuple[StoredAlert, list[str]]]:
    """The alerts that concern channels that were not told of them, and these channels.

    A silence kept that back, the alert became graver, the rule names other channels, or a channel is new.
    """
    rows = await store.not_heard_by_all(db, [one.name for one in settings.channels])
    concerned = ((row, [name for name in _concerned(row, settings) if name not in row.told]) for row in rows)
    return [(row, names) for row, names in concerned if names]


def _concerned(row: StoredAlert, settings: Alerts) -> list[str]:
    return [one.name for one in settings.channels if concerns(one, row, row.channels)]


class _Telling:
    """Sorts what is to be told by channel. A channel that heard of a beginning hears of the end, silenced or not."""

    def __init__(self, settings: Alerts, quiet: Quiet, at: datetime) -> None:
        self._settings = settings
        self._quiet = quiet
        self._at = at
        self._told: dict[str, list[QueuedNotice]] = {}
        self._kept_back: dict[tuple[str, str], list[QueuedNotice]] = {}
        self._begun: dict[int, tuple[StoredAlert, list[str]]] = {}

    def tell(self, notice: Notice, row: StoredAlert) -> None:
        """What the engine wants told of an alert."""
        if notice.kind == "resolved":
            hearing = (one.name for one in self._settings.channels if hears_ends(one))
            self._put(self._told, [name for name in hearing if name in row.told], row)
        elif (silence := self._quiet.silence_of(row)) is None:
            self._begin(row, _concerned(row, self._settings))
        elif not notice.is_repeat:
            self._put(self._kept_back, [(name, _reason(silence)) for name in _concerned(row, self._settings)], row)

    def make_up(self, row: StoredAlert, names: list[str]) -> None:
        """What these channels were not told yet, unless it is told just now, or a silence keeps it back."""
        if row.id not in self._begun and self._quiet.silence_of(row) is None:
            self._begin(row, names)

    async def hand_over(self, db: aiosqlite.Connection) -> None:
        """Put it into the queue."""
        await store.mark_told(db, self._begun.values())
        for channel in self._settings.channels:
            notices = self._told.get(channel.name, ())
            due_at = send_at(channel, self._settings, self._at)
            await alerts_deliveries.enqueue(db, channel.name, notices, at=self._at, send_at=due_at)
        for (name, reason), notices in self._kept_back.items():
            await alerts_deliveries.suppress(db, name, notices, at=self._at, reason=reason)

    def _begin(self, row: StoredAlert, names: list[str]) -> None:
        self._begun[row.id] = row, names
        self._put(self._told, names, row)

    def _put(self, queues: dict[_Place, list[QueuedNotice]], places: Iterable[_Place], row: StoredAlert) -> None:
        kind: _Kind = "resolved" if row.state == "resolved" else "firing"
        notice = QueuedNotice(kind=kind, at=self._at, alert=row.answer)
        for place in places:
            queues.setdefault(place, []).append(notice)


def _event(kind: str, key: str, severity: AlertSeverity, message: str, at: datetime) -> Event:
    return Event(at=at, domain="alerts", key=key, kind=kind, severity=severity, message=message)


def _reason(silence: Silence) -> str:
    text = silence.reason
    shown = text if len(text) <= LONGEST_REASON_SHOWN else f"{text[: LONGEST_REASON_SHOWN - 1]}…"
    return f"silenced by {silence.created_by}: {shown}"


def _events(changes: Sequence[AlertChange], at: datetime) -> Iterator[Event]:
    for change in changes:
        alert = change.alert
        if change.became_active or (change.before is None and change.ended):
            yield _event("alert_active", alert.rule, alert.severity, alert.summary, at)
        if change.ended:
            yield _event("alert_resolved", alert.rule, "info", f"over: {alert.summary} ({alert.resolved_because})", at)


async def _silence_events(db: aiosqlite.Connection, now: datetime) -> list[Event]:
    """Of those that began or ended since the look before, in the order in which that happened."""
    events = []
    for silence in await alerts_rules.unsaid_silences(db, now):
        of = f"alerts of {silence.rule}" if silence.rule else "alerts"
        labels = ", ".join(f"{name}={value}" for name, value in silence.labels.items())
        which = f"{of} with {labels}" if labels else of if silence.rule else "all alerts"
        if silence.said == "":
            message = f"nobody is told of {which}: {silence.reason} ({silence.created_by})"
            events.append(_event("silence_began", str(silence.id), "info", message, now))
            await alerts_rules.mark_said(db, [silence.id], "began")
        if silence.ends_at <= now:
            events.append(_event("silence_ended", str(silence.id), "info", f"{which} are told again", now))
            await alerts_rules.mark_said(db, [silence.id], "ended")
    return events
