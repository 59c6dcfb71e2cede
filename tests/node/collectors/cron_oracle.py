"""Debian's cron written down once more, statement by statement, to hold the product against: slow, and without ideas.

`Entry` is load_entry() of entry.c with its bit strings; `ticks` is the main loop of cron.c, which looks at the clock
once a minute; `starts` is find_jobs(). Of cronie the two lines are added that know CRON_TZ. Nothing here uses the
product.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EOF = ""


class BadLineError(Exception):
    """What cron says of a line."""


class Field:
    """get_list(), get_range(), get_number(): one field, character by character."""

    def __init__(self, line: str, at: int, low: int, high: int, names: Sequence[str]) -> None:
        self.line, self.at, self.low, self.high, self.names = line, at, low, high, names
        self.star = self.ch == "*"
        self.bits = [False] * (high + 1)
        while True:
            self.get_range()
            if self.ch != ",":
                break
            self.at += 1
        while self.ch not in ("\t", " ", "\n", EOF):
            self.at += 1
        while self.ch in ("\t", " "):
            self.at += 1

    @property
    def ch(self) -> str:
        return self.line[self.at : self.at + 1]

    def get_range(self) -> None:
        if self.ch == "*":
            num1, num2 = self.low, self.high
            self.at += 1
        else:
            num1 = self.get_number(self.names, self.low)
            if self.ch != "-":
                if self.ch == "/":
                    raise BadLineError
                self.set_element(num1)
                return
            self.at += 1
            num2 = self.get_number(self.names, self.low)
        num3 = 1
        if self.ch == "/":
            self.at += 1
            num3 = self.get_number([], 0)
            if num3 <= 0:
                raise BadLineError
        if num1 < self.low or num1 > self.high or num2 < self.low or num2 > self.high:
            raise BadLineError
        i = num1
        while i <= num2:
            self.set_element(i)
            i += num3

    def get_number(self, names: Sequence[str], low: int) -> int:
        temp = ""
        while self.ch.isascii() and self.ch.isalnum():
            temp += self.ch
            self.at += 1
        for i, name in enumerate(names):
            if name == temp.lower():
                return i + low
        if not temp.isdigit():
            raise BadLineError
        return int(temp)

    def set_element(self, number: int) -> None:
        if number < self.low or number > self.high:
            raise BadLineError
        self.bits[number] = True


class Entry:
    """A line of a user's crontab. Raises BadLineError with what cron says."""

    def __init__(self, line: str) -> None:
        line = line.lstrip(" \t")  # skip_comments()
        fields, at = [], 0
        for name, low, high, names in (
            ("minute", 0, 59, []),
            ("hour", 0, 23, []),
            ("day-of-month", 1, 31, []),
            ("month", 1, 12, MONTHS),
            ("day-of-week", 0, 7, DAYS),
        ):
            try:
                fields.append(Field(f"{line}\n", at, low, high, names))
            except BadLineError:
                raise BadLineError(f"bad {name}") from None
            at = fields[-1].at
        if line[at : at + 1] == "*":
            raise BadLineError("bad command")
        if len(line[at:].encode()) > 998:
            raise BadLineError("command too long")
        self.command = line[at:]
        self.minute, self.hour, self.dom, self.month, self.dow = (field.bits for field in fields)
        self.min_star, self.hr_star, self.dom_star, _, self.dow_star = (field.star for field in fields)
        self.dow[0] = self.dow[7] = self.dow[0] or self.dow[7]

    def fits(self, tm: datetime) -> bool:
        """Whether find_jobs() takes it in the minute that a clock shows."""
        if not (self.minute[tm.minute] and self.hour[tm.hour] and self.month[tm.month]):
            return False
        dom, dow = self.dom[tm.day], self.dow[tm.isoweekday()]
        return (dom and dow) if self.dom_star or self.dow_star else (dom or dow)

    @property
    def is_wild(self) -> bool:
        return self.min_star or self.hr_star


@dataclass(frozen=True)
class Tick:
    """One call of find_jobs(): when, for which minute of the local clock, and for which jobs."""

    at: datetime
    tm: datetime
    do_wild: bool
    do_non_wild: bool
    is_gmtoff_old: bool = False


def ticks(zone: tzinfo, since: datetime, until: datetime) -> Iterator[Tick]:
    """Everything the daemon does after `since`, when it is started, up to `until`."""
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - minutes of a local clock

    def minutes(at: datetime) -> int:
        return int((at.astimezone(zone).replace(tzinfo=None) - epoch).total_seconds() // 60)

    def find_jobs(vtime: int, do_wild: bool, do_non_wild: bool, is_gmtoff_old: bool = False) -> Tick:
        return Tick(now, epoch + timedelta(minutes=vtime), do_wild, do_non_wild, is_gmtoff_old)

    now = since
    time_running = virtual_time = minutes(since)
    while now < until:
        now += timedelta(minutes=1)
        clock_time = minutes(now)
        if clock_time == time_running:
            continue
        time_running = clock_time
        time_diff = time_running - virtual_time
        if 0 < time_diff <= 5:
            while virtual_time < time_running:
                virtual_time += 1
                yield find_jobs(virtual_time, True, True, virtual_time < time_running)
        elif 5 < time_diff <= 180:
            yield find_jobs(time_running, True, False)
            while virtual_time < time_running:
                virtual_time += 1
                yield find_jobs(virtual_time, False, True, virtual_time < time_running)
        elif -180 < time_diff <= 0:
            yield find_jobs(time_running, True, False)
        else:
            virtual_time = time_running
            yield find_jobs(time_running, True, True)


def starts(entry: Entry, happened: Sequence[Tick], job_zone: tzinfo | None = None) -> list[datetime]:
    """When the daemon starts the job. `job_zone`: its CRON_TZ."""
    found = []
    for tick in happened:
        tm = tick.tm if job_zone is None else tick.at.astimezone(job_zone)
        if job_zone is not None and tick.is_gmtoff_old:
            continue
        if entry.fits(tm) and (tick.do_wild if entry.is_wild else tick.do_non_wild):
            found.append(tick.at.astimezone(UTC))
    return found
