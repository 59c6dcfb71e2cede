"""Crontabs as the daemon judges them: which lines are jobs, what is set above them, and why it takes a line or not.

Two daemons are known. Debian's cron (3.0pl1-162: load_user(), load_env() and load_entry()) ignores a crontab as a whole
when one line in it is wrong. Cronie (1.7.2, of RHEL and its kin) passes over that line and takes the others.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from etlmon.contract.cron import CronFlavour
from node.collectors.cron_advice import advice
from node.collectors.cron_entry import Entry, Rules, decoded, read_entry, read_schedule
from node.collectors.cron_settings import meant_as_setting, setting
from node.collectors.cron_types import CronSyntaxError, Line, Schedule, Table

_LAST_LINE = 10_003
"""Debian's limit of 10,000 and the three lines that crontab(1) puts on top. Comments at the end do not count."""
_MOST_ENTRIES, _MOST_SETTINGS, _MOST_GARBAGE = 10_000, 1000, 32_768
"""Cronie's limits for a user's crontab."""
_MOST_KEPT = 100
"""So many settings are kept for a job; what a person writes has fewer."""
_LONGEST_DELAY_MIN = 24 * 60

_UNENDED = "Missing newline before EOF: the last line has no end; put a newline behind it"

_PASSED_OVER = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?+\n)*+[ \t]*+(?:#[^\n]*+\Z)?+")
_LINE = re.compile(r"[^\n\0]*+")
_WORDS = re.compile(r"(?P<schedule>-?@[^ \t]++|(?:[^ \t]++[ \t]++){4}[^ \t]++)[ \t]*+(?P<rest>.*)", re.DOTALL)
_DELAY = re.compile(r"\s*([+-]?\d{1,18})", re.ASCII)
_ESCAPE = re.compile(r"\\(?P<escaped>.)|%", re.DOTALL)


def parse_table(
    data: bytes, *, system: bool, flavour: CronFlavour, known_user: Callable[[str], bool], root: bool = False
) -> Table:
    """A crontab's jobs, whatever stands in it. A `system` one names a user in its sixth field; `root`: it is root's.

    Lines behind a wrong one are judged, too, although Debian's daemon looks at none of them.
    """
    return _Reader(data.decode("latin-1"), Rules(flavour, system, known_user, root)).table()


def parse_schedule(text: str, flavour: CronFlavour) -> Schedule:
    """Five fields, or a word like `@daily`. Raises CronSyntaxError."""
    text = text.strip(" \t")
    schedule, _, end = read_schedule(text, 0, flavour)
    if end < len(text):
        raise CronSyntaxError("bad command: something stands behind the schedule")
    return schedule


def shell_command(command: str, flavour: CronFlavour = "debian") -> str:
    r"""What cron gives to the shell, and writes into its log: up to the first `%`, with `\%` as `%`.

    The rest is the job's input. Debian's daemon makes one backslash of two, cronie keeps both.
    """
    undone = "%\\" if flavour == "debian" else "%"
    parts, at = [], 0
    for found in _ESCAPE.finditer(command):
        parts.append(command[at : found.start()])
        at = found.end()
        if found["escaped"] is None:
            return "".join(parts)
        parts.append(found["escaped"] if found["escaped"] in undone else found[0])
    return "".join(parts) + command[at:]


class _Reader:
    """Goes through a crontab once, from its beginning."""

    def __init__(self, text: str, rules: Rules) -> None:
        self._text, self._rules = text, rules
        self._at, self._line_no = 0, 1
        self._lines: list[Line] = []
        self._settings: dict[str, str] = {}
        self._environment: Mapping[str, str] = {}
        self._settings_seen = self._entries_seen = 0

    def table(self) -> Table:
        faults = list(self._judged())
        error, error_line = faults[0] if faults else (None, None)
        return Table(lines=self._lines, error=error, error_line=error_line)

    def _judged(self) -> Iterator[tuple[str, int]]:
        """Reads to the end, or to a limit; gives what makes the daemon ignore the crontab, and the line."""
        while True:
            passed = self._pass_over()
            is_end = self._at == len(self._text)
            if limit := self._limit(passed, is_end):
                yield limit, self._line_no
            if limit or is_end:
                return
            line_no, wrong = self._line_no, self._read()
            if wrong is not None and self._rules.flavour == "debian":
                yield wrong, line_no
            if surplus := self._surplus():
                yield surplus, line_no
                return

    def _pass_over(self) -> int:
        """Past blanks, empty lines and comments; so many bytes."""
        passed = next(_PASSED_OVER.finditer(self._text, self._at))
        self._move(passed.end())
        return passed.end() - passed.start()

    def _limit(self, passed: int, is_end: bool) -> str | None:
        """Why the daemon reads no further before a line or the end; `passed`: so many bytes of nothing stood there."""
        if self._rules.flavour == "debian":
            return "crontab must not be longer than 10000 lines" if self._line_no > _LAST_LINE and not is_end else None
        # What it looks at next counts, too, be it the missing end of a line.
        counted = passed + (not is_end or not self._text.endswith("\n"))
        if counted > _MOST_GARBAGE and not self._rules.system:
            return f"too many garbage characters: more than {_MOST_GARBAGE} bytes of comments and blanks in a row"
        return None

    def _surplus(self) -> str | None:
        """Why it reads no further behind a line."""
        if self._rules.flavour == "debian" or self._rules.system:
            return None
        if self._settings_seen > _MOST_SETTINGS:
            return f"too many environment variables: more than {_MOST_SETTINGS}"
        return f"too many entries: more than {_MOST_ENTRIES}" if self._entries_seen > _MOST_ENTRIES else None

    def _read(self) -> str | None:
        """One line, which becomes a setting, a job, or a line that is not taken: then why."""
        found = next(_LINE.finditer(self._text, self._at))
        line, end = found[0], found.end()
        if end == len(self._text):
            return self._refuse(line, _UNENDED, end)
        if (pair := setting(line, self._rules.flavour)) is not None:
            self._set(*map(decoded, pair))
            self._move(end + 1)
            return None
        self._entries_seen += 1
        try:
            entry = read_entry(self._text, self._at, self._rules)
        except CronSyntaxError as error:
            newline = self._text.find("\n", self._at)
            return self._refuse(line, str(error), newline + 1 if newline >= 0 else len(self._text))
        self._lines.append(self._line(entry))
        self._move(entry.end + 1)
        return None

    def _line(self, entry: Entry) -> Line:
        schedule, environment = entry.schedule, self._environment
        schedule = replace(schedule, text=decoded(schedule.text))
        if self._rules.flavour == "cronie" and not schedule.reboot:
            schedule = replace(schedule, spread_sec=schedule.spread_sec + _delay_sec(environment))
        return Line(
            line_no=self._line_no,
            schedule_text=schedule.text,
            command=decoded(entry.command),
            user=entry.user and decoded(entry.user),
            schedule=schedule,
            warning=advice(replace(entry, schedule=schedule), environment, self._rules),
            environment=environment,
        )

    def _refuse(self, line: str, reason: str, end: int) -> str:
        """The daemon does not take the line. What it was meant to be is told as well as it can be."""
        schedule, user, command = "", None, line
        meant = None if reason == _UNENDED else meant_as_setting(line)
        if meant is not None:
            reason = f"{reason.partition(':')[0]}: {meant}"
        elif words := _WORDS.match(line):
            schedule, command = " ".join(words["schedule"].split()), words["rest"]
            if self._rules.system:
                user, _, command = command.partition(" ")
        reason = reason.encode("latin-1").decode("utf-8", "replace")
        self._lines.append(
            Line(
                line_no=self._line_no,
                schedule_text=decoded(schedule),
                command=decoded(command),
                user=user and decoded(user),
                error=reason,
                environment=self._environment,
            )
        )
        self._move(end)
        return reason

    def _set(self, name: str, value: str) -> None:
        self._settings_seen += 1
        self._settings[name] = value
        if len(self._settings) > _MOST_KEPT:
            del self._settings[next(iter(self._settings))]
        self._environment = self._settings.copy()

    def _move(self, at: int) -> None:
        self._line_no += self._text.count("\n", self._at, at)
        self._at = at


def _delay_sec(environment: Mapping[str, str]) -> int:
    """How much later a job may start by RANDOM_DELAY, in minutes there; cronie passes over what is out of its range."""
    found = _DELAY.match(environment.get("RANDOM_DELAY", ""))
    minutes = int(found[1]) if found else 0
    return minutes * 60 if 0 <= minutes <= _LONGEST_DELAY_MIN else 0
