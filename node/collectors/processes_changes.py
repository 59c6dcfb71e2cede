"""What happened to a watch between two looks: which processes started, ended, or run something else. Pure functions."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from etlmon.contract.node import Event, Severity
from etlmon.contract.processes import Process, ProcessWatch, WatchState

MOST_EVENTS = 10
"""Of one kind in one look at a watch; the others are counted in one more."""

Identity = tuple[int | None, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a watch from the look before: its counters, what was there, and what ran last."""

    watch: ProcessWatch
    rows: Sequence[Process] = ()

    @property
    def running(self) -> dict[Identity, Process]:
        return {identity(row): row for row in self.rows if row.status == "RUNNING"}

    @property
    def last(self) -> Process | None:
        """The process that was seen last."""
        seen = [row for row in self.rows if row.last_seen_at is not None]
        return max(seen, key=lambda row: (row.last_seen_at, row.start_time or row.collected_at), default=None)

    def moved(self, by: timedelta) -> "Past":
        """The same, as told by a clock that was set by so much."""
        rows = [
            row if row.start_time is None else msgspec.structs.replace(row, start_time=row.start_time + by)
            for row in self.rows
        ]
        return Past(watch=self.watch, rows=rows)


def identity(row: Process) -> Identity:
    return row.pid, row.start_time


def follow(
    past: Past | None, watch: ProcessWatch, rows: Sequence[Process], executed: Collection[int]
) -> tuple[ProcessWatch, list[Event]]:
    """The watch with its counters brought up to date, and what happened.

    `watch` is as it is now, without a past; `rows` are its processes now, `executed` the pids among them that began
    another program. Without a past nothing is known to have started: what runs may have run for long. A watch that
    cannot be judged says nothing of its processes either.
    """
    if past is None:
        watch = _with_counters(watch, None)
        return watch, list(_state_events(None, watch))
    if past.watch.looks_for != watch.looks_for or watch.state == "error":
        watch = _with_counters(watch, past.watch)
        return watch, list(_state_events(past.watch, watch))
    before, now = past.running, {identity(row): row for row in rows if row.status == "RUNNING"}
    ended = [row for key, row in before.items() if key not in now]
    started = [row for key, row in now.items() if key not in before]
    counted = past.watch
    waiting = counted.stops - counted.restarts + len(ended)
    restarted = min(len(started), max(waiting, 0))
    at = watch.collected_at
    watch = msgspec.structs.replace(
        _with_counters(watch, counted),
        starts=counted.starts + len(started),
        stops=counted.stops + len(ended),
        restarts=counted.restarts + restarted,
        last_started_at=at if started else counted.last_started_at,
        last_stopped_at=at if ended else counted.last_stopped_at,
    )
    events = [
        *_ends(watch, ended[len(started) :], past.watch.collected_at),
        *_restarts(watch, started[:restarted], ended),
        *_several(watch, "process_started", "info", [f"{_named(row)} started" for row in started[restarted:]]),
        *_several(
            watch,
            "process_exec",
            "info",
            [
                f"pid {row.pid} runs {row.cmdline} now, and ran {before[key].cmdline}"
                for key, row in now.items()
                if row.pid in executed and key in before and row.cmdline != before[key].cmdline
            ],
        ),
        *_state_events(past.watch, watch),
    ]
    return watch, events


def _with_counters(watch: ProcessWatch, known: ProcessWatch | None) -> ProcessWatch:
    if known is None:
        return msgspec.structs.replace(watch, since=watch.collected_at)
    return msgspec.structs.replace(
        watch,
        starts=known.starts,
        stops=known.stops,
        restarts=known.restarts,
        last_started_at=known.last_started_at,
        last_stopped_at=known.last_stopped_at,
        since=known.since if known.state == watch.state else watch.collected_at,
    )


def _ends(watch: ProcessWatch, ended: Sequence[Process], seen_at: datetime) -> Iterator[Event]:
    severity: Severity = "warning" if watch.running < watch.min else "info"
    since = f"; it was seen last at {seen_at:%F %T} UTC"
    yield from _several(watch, "process_stopped", severity, [f"{_named(row)} ended{since}" for row in ended])


def _restarts(watch: ProcessWatch, started: Sequence[Process], ended: Sequence[Process]) -> Iterator[Event]:
    """Each new process in the place of one that ended, now or before."""
    messages = []
    for number, row in enumerate(started):
        before = f", after pid {ended[number].pid} ended" if number < len(ended) else ""
        messages.append(f"{_named(row)} started again{before}")
    yield from _several(watch, "process_restarted", "warning" if watch.min else "info", messages)


_STATES: dict[WatchState, tuple[str, Severity]] = {
    "ok": ("watch_ok", "info"),
    "too_few": ("watch_too_few", "warning"),
    "too_many": ("watch_too_many", "warning"),
    "error": ("watch_error", "warning"),
}


def _state_events(before: ProcessWatch | None, watch: ProcessWatch) -> Iterator[Event]:
    known: WatchState = before.state if before is not None else "ok"
    if known == watch.state:
        return
    kind, severity = _STATES[watch.state]
    if watch.state == "too_few" and not watch.running:
        severity = "critical"
    yield _event(watch, kind, severity, _state_words(watch))


def _state_words(watch: ProcessWatch) -> str:
    reason = f": {watch.error_message}" if watch.error_message else ""
    if watch.state == "error":
        return f"it cannot be told what runs{reason}"
    if watch.state == "ok":
        return f"as many run as should ({watch.running}){reason}"
    if watch.state == "too_many":
        return f"{watch.running} run, and at most {watch.max} should{reason}"
    runs = f"only {watch.running}" if watch.running else "none"
    return f"at least {watch.min} should run, and {runs} {'does' if watch.running < 2 else 'do'}{reason}"


def _several(watch: ProcessWatch, kind: str, severity: Severity, messages: Sequence[str]) -> Iterator[Event]:
    for message in messages[:MOST_EVENTS]:
        yield _event(watch, kind, severity, message)
    if len(messages) > MOST_EVENTS:
        yield _event(watch, kind, severity, f"and so did {len(messages) - MOST_EVENTS} more")


def _event(watch: ProcessWatch, kind: str, severity: Severity, words: str) -> Event:
    return Event(
        at=watch.collected_at,
        domain="processes",
        key=watch.name,
        kind=kind,
        severity=severity,
        message=f"{watch.name}: {words}",
    )


def _named(row: Process) -> str:
    return f"{row.process_name} (pid {row.pid})"
