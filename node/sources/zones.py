"""Local times in another program's log as instants: their zone, and which pass of an hour that comes twice.

When clocks are put back, the times of an hour stand in a log twice and look the same. What tells them apart is the
order of the lines, and when they were written, as far as that is known.
"""

import io
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

LOCAL = "local"
"""The zone of this host: TZ of the environment or /etc/localtime, tzset(3)."""

_LATE = timedelta(minutes=5)
"""Lines of several writers come out of order by seconds, clocks of hosts differ; no zone goes back by so little."""


class ZoneError(ValueError):
    """There is no such zone here: what is wrong and what to do."""


def zone_of(name: str) -> tzinfo | None:
    """The zone of that name, an IANA name like Asia/Seoul; None for `local`. Raises ZoneError."""
    if name == LOCAL:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        if zoneinfo.available_timezones():
            raise ZoneError("there is no such time zone; write local, or a name like Asia/Seoul or UTC") from error
        raise ZoneError("this host knows no time zones; install its tzdata package, or write local") from error


def instant(text: str) -> datetime:
    """A time of the configuration, RFC 3339 with its offset, in UTC. Raises ValueError saying what to write."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("is no time; write it like 2026-01-01T00:00:00Z") from error
    raise ValueError("has no time zone; write it like 2026-01-01T00:00:00Z or 2026-01-01T00:00:00+09:00")


def passes(local: datetime, zone: tzinfo | None) -> tuple[datetime, ...]:
    """The instants, in UTC, that a naive local time may stand for: one, or two when its hour comes twice.

    A time that clocks skip is taken as the clock would show it that was not put forward (PEP 495). Raises OverflowError
    at the edge of the calendar.
    """
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, second) if first < second else (first,)


class SystemZone:
    """The zone of this host as its daemons know it, read again when it was changed: /etc/localtime (localtime(5)).

    TZ in the environment of this process is not theirs. Where the file is missing or is none it is UTC, tzset(3).
    """

    def __init__(self, localtime: str = "/etc/localtime") -> None:
        self.zone: tzinfo = UTC
        self.name = "UTC"
        self._path = Path(localtime)
        self._data = b""

    def look(self) -> bool:
        """Read it; whether it is another one than before."""
        try:
            data, place = self._path.read_bytes(), str(self._path.resolve())
        except (OSError, RuntimeError):  # RuntimeError: a link in a circle
            data, place = b"", ""
        name = place.partition("/zoneinfo/")[2].removeprefix("posix/").removeprefix("right/") or LOCAL
        if (data, name) == (self._data, self.name):
            return False
        before = (self.zone, self.name)
        try:
            self.zone, self.name = zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=name), name
        except (ValueError, OSError):
            self.zone, self.name = UTC, "UTC"
        self._data = data
        return (self.zone, self.name) != before


class LineClock:
    """The instants of the lines of one file, in their order. `latest` is that of the last line before, if any."""

    def __init__(self, zone: tzinfo | None, latest: datetime | None = None) -> None:
        self.latest = latest
        self._zone = zone
        self._known: object = None

    def instant(self, local: datetime, written: tuple[datetime, datetime] | None = None) -> datetime:
        """The instant of the next line. `written` is between which instants it was written, where that is known.

        Raises OverflowError at the edge of the calendar.
        """
        if self.latest is not None and self._known == (local, written):
            return self.latest
        possible = passes(local, self._zone)
        self.latest = possible[0] if len(possible) == 1 else self._pass_of(possible, written)
        self._known = (local, written)
        return self.latest

    def _pass_of(self, possible: tuple[datetime, ...], written: tuple[datetime, datetime] | None) -> datetime:
        fitting = list(_within(possible, written)) if written is not None else []
        if len(fitting) == 1:
            return fitting[0]
        in_order = [moment for moment in possible if self.latest is None or moment >= self.latest - _LATE]
        return in_order[0] if in_order else possible[0]


def _within(possible: tuple[datetime, ...], written: tuple[datetime, datetime]) -> Iterator[datetime]:
    first, last = written
    return (moment for moment in possible if first - _LATE <= moment <= last + _LATE)
