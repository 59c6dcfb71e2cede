"""One job's line of a crontab: when, as whom, and what, read as load_entry() of the daemon reads it.

Text is of one character a byte (latin-1), because the daemon's limits are in bytes. A zero byte ends a word and a line
as a newline does, strchr(3).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from etlmon.contract.cron import CronFlavour
from node.collectors.cron_fields import FIELDS, Field, parse_field
from node.collectors.cron_types import CronSyntaxError, Schedule

_REBOOT = "reboot"
_MACROS = {
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
    "monthly": "0 0 1 * *",
    "weekly": "0 0 * * 0",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "hourly": "0 * * * *",
}
_DAY_SEC = 86_400
_SPREAD_SEC = (60, 3600, _DAY_SEC, 31 * _DAY_SEC, _DAY_SEC)
_LONGEST_COMMAND = {"debian": 998, "cronie": 131_071}

_MACRO = re.compile(r"@(?P<word>[^ \t\n\0]*+)[ \t]*+")
_FIELD = re.compile(r"(?P<word>[^ \t\n]*+)[ \t]*+")
_USER = {
    "debian": re.compile(r"(?P<user>[^ \t\0]*+)[ \t\0]"),
    "cronie": re.compile(r"(?P<user>[^ \t\n\0]*+)(?:[ \t]++|(?=\0))"),
}
_OPTION = re.compile(r"-(?P<letter>.)(?P<blank>[ \t]*+)")
_COMMAND = re.compile(r"[^\n\0]*+")


@dataclass(frozen=True, slots=True)
class Rules:
    """How to read: what the crontab is, and who reads it. `root`: it is root's own."""

    flavour: CronFlavour
    system: bool
    known_user: Callable[[str], bool]
    root: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that is taken. `end` is where its command ends; `fields` are those that stand there, none for a word."""

    schedule: Schedule
    fields: tuple[Field, ...]
    user: str | None
    command: str
    end: int


def read_entry(text: str, at: int, rules: Rules) -> Entry:
    """The job whose line begins at `at`, no blank before it. Raises CronSyntaxError."""
    if rules.flavour == "cronie" and text.startswith("-", at):
        at = _unlogged(at, rules)
    schedule, fields, at = read_schedule(text, at, rules.flavour)
    if text.startswith("*", at) and not (rules.system and rules.flavour == "debian"):
        raise CronSyntaxError("bad command: it begins with *, as if there were a sixth field for the time")
    user = None
    if rules.system:
        user, at = _user(text, at, rules)
    if rules.flavour == "cronie":
        at = _options(text, at)
    command = next(_COMMAND.finditer(text, at))
    if command.end() == len(text):
        raise CronSyntaxError("bad command: the line has no end")
    return Entry(schedule, fields, user, _short_enough(command[0], rules.flavour), command.end())


def read_schedule(text: str, at: int, flavour: CronFlavour) -> tuple[Schedule, tuple[Field, ...], int]:
    """The times that begin at `at`, the fields that stand there, and where the next word begins."""
    if text.startswith("@", at):
        return _word(text, at, flavour)
    fields = []
    for kind in FIELDS:
        word = next(_FIELD.finditer(text, at))
        fields.append(parse_field(word["word"], kind, flavour))
        at = word.end()
    return _schedule(fields), tuple(fields), at


def _word(text: str, at: int, flavour: CronFlavour) -> tuple[Schedule, tuple[Field, ...], int]:
    found = next(_MACRO.finditer(text, at))
    word = found["word"]
    if word == _REBOOT:
        return Schedule("@reboot", reboot=True), (), found.end()
    if word not in _MACROS:
        known = ", ".join(f"@{name}" for name in (_REBOOT, *_MACROS))
        raise CronSyntaxError(f"bad time specifier: @{word[:20]} is none of {known}")
    schedule, _, _ = read_schedule(_MACROS[word], 0, flavour)
    return replace(schedule, text=f"@{word}"), (), found.end()


def _schedule(fields: list[Field]) -> Schedule:
    minutes, hours, days, months, weekdays = fields
    return Schedule(
        text=" ".join(field.text for field in fields),
        minutes=minutes.numbers,
        hours=hours.numbers,
        days=days.numbers,
        months=months.numbers,
        weekdays=frozenset(number % 7 for number in weekdays.numbers),
        dom_star=days.star,
        dow_star=weekdays.star,
        wild=minutes.star or hours.star,
        spread_sec=sum(field.spread * unit for field, unit in zip(fields, _SPREAD_SEC, strict=True)),
    )


def _unlogged(at: int, rules: Rules) -> int:
    """A line that begins with `-` does not get into the log; only root may ask for it."""
    if not rules.system and not rules.root:
        raise CronSyntaxError("bad option: only root may begin a line with -")
    return at + 1


def _user(text: str, at: int, rules: Rules) -> tuple[str, int]:
    found = _USER[rules.flavour].match(text, at)
    is_bare = found is not None and rules.flavour == "cronie" and text.startswith("\n", found.end())
    if found is None or is_bare:
        raise CronSyntaxError("bad command: the user or the command is missing")
    user = found["user"]
    if "\n" in user:
        raise CronSyntaxError("bad username: the user or the command is missing")
    if not rules.known_user(decoded(user)):
        raise CronSyntaxError(
            f"bad username: there is no user {user}; a system's crontab names the user before the command"
        )
    return user, found.end()


def _options(text: str, at: int) -> int:
    """cronie's options of a command: `-n` asks for mail only when it fails."""
    if text.startswith("\n", at):
        raise CronSyntaxError("bad command: there is none")
    seen = False
    while text.startswith("-", at):
        found = _OPTION.match(text, at)
        if found is None or found["letter"] != "n" or seen or not found["blank"]:
            raise CronSyntaxError("bad option: a command may begin with -n, once, and with no other option")
        seen, at = True, found.end()
        if text.startswith("\n", at):
            raise CronSyntaxError("bad command: there is none")
    return at


def _short_enough(command: str, flavour: CronFlavour) -> str:
    longest = _LONGEST_COMMAND[flavour]
    if len(command) > longest and flavour == "debian":
        raise CronSyntaxError(f"command too long: it has {len(command)} bytes, and {longest} is the limit")
    return command[:longest]


def decoded(text: str) -> str:
    """What the bytes mean; one that is no UTF-8 stands as surrogateescape has it."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
