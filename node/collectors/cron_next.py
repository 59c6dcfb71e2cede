"""When the daemon starts a job: next, last, and between two moments, over every change of the clocks.

The rule is that of the daemon's main loop (cron.c, the same in Debian's cron 3.0pl1-162 and in cronie 1.7.2). It counts
minutes of local time and compares them with the clock once a minute:

- The clock is put forward by 5 minutes or more, and less than 3 hours: jobs of fixed times in the hour that is skipped
  all start at once when it is over, a job of two such times twice. Wild jobs, whose minute or hour begins with a star,
  do not. By less than 5 minutes: all catch up.
- It is put back by up to 3 hours: in the hour that comes twice fixed jobs start in the first pass only, wild ones in
  both.
- It jumps further: nothing is made up for, and nothing is held back.

A job that has a zone of its own (cronie's CRON_TZ) starts whenever its own clock shows its time, in each pass, but not
in the second pass of the daemon's clock unless it is wild.

The sets of numbers of a schedule are all that is needed for this. A general library for crontabs, croniter, takes eight
times as long for the days alone, gives up after fifty years, and knows none of these rules; the tests hold it beside.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import NamedTuple

from node.collectors.cron_days import days_before, days_from
from node.collectors.cron_types import Schedule

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_CAUGHT_UP_WITH = timedelta(minutes=4)
_JUMP_FORWARD, _JUMP_BACK = timedelta(minutes=180), timedelta(minutes=181)


def next_runs(
    schedule: Schedule, zone: tzinfo, after: datetime, count: int = 5, *, daemon_zone: tzinfo | None = None
) -> list[datetime]:
    """The next starts later than `after`, in UTC; fewer or none when it never runs, or only at a reboot.

    A moment stands there twice when the daemon starts the job twice. `daemon_zone`: `zone` is the job's own, and this
    is the daemon's.
    """
    return list(islice(_Clock(schedule, zone, daemon_zone).after(after.astimezone(UTC)), count))


def due_between(
    schedule: Schedule, zone: tzinfo, since: datetime, until: datetime, *, daemon_zone: tzinfo | None = None
) -> list[datetime]:
    """The starts later than `since` and not later than `until`, in UTC and in order, as next_runs() has them."""
    starts, last = _Clock(schedule, zone, daemon_zone).after(since.astimezone(UTC)), until.astimezone(UTC)
    return list(takewhile(lambda start: start <= last, starts))


def previous_due(
    schedule: Schedule, zone: tzinfo, before: datetime, *, daemon_zone: tzinfo | None = None
) -> datetime | None:
    """The last start not later than `before`, in UTC; None when there is none."""
    return _Clock(schedule, zone, daemon_zone).last(before.astimezone(UTC))


class _Span(NamedTuple):
    """A day, or an hour of a day on which the clock is changed: when it begins, and the job's hours from there.

    `origin` is its beginning in UTC, None when the clock is changed during it or shows it twice.
    """

    begin: datetime
    hours: Sequence[int]
    origin: datetime | None


class _Clock:
    """A schedule on a clock on the wall, which is put forward and back."""

    def __init__(self, schedule: Schedule, zone: tzinfo, daemon_zone: tzinfo | None) -> None:
        self._schedule, self._zone, self._daemon_zone = schedule, zone, daemon_zone
        self._hours, self._minutes = sorted(schedule.hours), sorted(schedule.minutes)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """All starts later than `moment`, in order."""
        # A clock that is put back past midnight shows the day before once more.
        days = days_from(self._schedule, moment.astimezone(self._zone).date() - _DAY)
        for spans in _together(span for day in days for span in self._spans(day, self._hours)):
            if spans[0].origin is not None:
                starts = self._later(spans[0].origin, spans[0].hours, moment)
            else:
                starts = iter(sorted(start for span in spans for start in self._changing(span) if start > moment))
            yield from (start for start in starts if not self._is_held_back(start))

    def last(self, moment: datetime) -> datetime | None:
        """The latest start not later than `moment`."""
        days = days_before(self._schedule, moment.astimezone(self._zone).date() + _DAY)
        for spans in _together(span for day in days for span in self._spans(day, self._hours[::-1])):
            if spans[0].origin is not None:
                starts = self._earlier(spans[0].origin, spans[0].hours, moment)
            else:
                changing = (start for span in spans for start in self._changing(span) if start <= moment)
                starts = iter(sorted(changing, reverse=True))
            for start in starts:
                if not self._is_held_back(start):
                    return start
        return None

    def _spans(self, day: date, hours: Sequence[int]) -> Iterator[_Span]:
        begin = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        origin = _origin(begin, _DAY)
        if origin is not None:
            yield _Span(begin, hours, origin)
            return
        for hour in hours:
            within = begin.replace(hour=hour)
            yield _Span(within, (0,), _origin(within, _HOUR))

    def _later(self, origin: datetime, hours: Sequence[int], moment: datetime) -> Iterator[datetime]:
        """The starts of a span without a change that are later than `moment`."""
        passed = (moment - origin) // _MINUTE
        for hour in hours:
            if hour * 60 + 59 > passed:
                for minute in self._minutes:
                    if hour * 60 + minute > passed:
                        yield origin + timedelta(hours=hour, minutes=minute)

    def _earlier(self, origin: datetime, hours: Sequence[int], moment: datetime) -> Iterator[datetime]:
        """The starts of a span without a change that are not later than `moment`, the last one first."""
        passed = (moment - origin) // _MINUTE
        for hour in hours:
            if hour * 60 <= passed:
                for minute in reversed(self._minutes):
                    if hour * 60 + minute <= passed:
                        yield origin + timedelta(hours=hour, minutes=minute)

    def _changing(self, span: _Span) -> Iterator[datetime]:
        """The starts of an hour during which the clock is changed."""
        for minute in self._minutes:
            yield from self._starts(span.begin.replace(minute=minute))

    def _starts(self, local: datetime) -> tuple[datetime, ...]:
        """When the daemon starts a job whose time is `local` (its fold is 0): never, once or twice."""
        before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        change, free = after - before, self._schedule.wild or self._daemon_zone is not None
        if not change:
            return (before,)
        if change > timedelta(0):
            return (before, after) if free or change >= _JUMP_BACK else (before,)
        catches_up = -change <= _CAUGHT_UP_WITH if self._schedule.wild else -change < _JUMP_FORWARD
        return (_change(self._zone, after, before),) if catches_up and self._daemon_zone is None else ()

    def _is_held_back(self, begun: datetime) -> bool:
        """Whether the daemon's own clock, put back, shows a time that it had before: then it starts wild jobs only."""
        if self._daemon_zone is None or self._schedule.wild:
            return False
        local = begun.astimezone(self._daemon_zone)
        return local.fold == 1 and local.astimezone(UTC) - local.replace(fold=0).astimezone(UTC) < _JUMP_BACK


def _together(spans: Iterable[_Span]) -> Iterator[list[_Span]]:
    """Each span without a change alone; those with one as long as they follow each other: their starts interleave."""
    changing: list[_Span] = []
    for span in spans:
        if changing and (span.origin is not None or abs(span.begin - changing[-1].begin) > _DAY):
            yield changing
            changing = []
        if span.origin is None:
            changing.append(span)
        else:
            yield [span]
    if changing:
        yield changing


def _origin(begin: datetime, length: timedelta) -> datetime | None:
    """The instant of a local time, when the clock is not changed from then on, for so long."""
    offset = begin.utcoffset()
    for edge in (begin.replace(fold=1), end := begin + length, end.replace(fold=1)):
        if edge.utcoffset() != offset:
            return None
    return begin.astimezone(UTC)


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """When the clock is put forward, between these two instants."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _MINUTE:
        middle = before + (after - before) // _MINUTE // 2 * _MINUTE
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
