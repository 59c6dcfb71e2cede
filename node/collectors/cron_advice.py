"""What an operator should know of a line that the daemon takes: it will not do what it seems to."""

import re
from collections.abc import Iterator, Mapping

from node.collectors.cron_days import never_runs
from node.collectors.cron_entry import Entry, Rules
from node.collectors.cron_fields import FIELDS, Field, FieldKind
from node.collectors.cron_words import span

_UNESCAPED = re.compile(r"(?:[^\\%]|\\.)*+%", re.DOTALL)
_BACKWARDS = re.compile(r"(\w+)-(\w+)", re.ASCII)
_LIKE_A_FIELD = re.compile(r"[\d*][\d*/,-]*[ \t]", re.ASCII)


def advice(entry: Entry, environment: Mapping[str, str], rules: Rules) -> str | None:
    """Everything that is to be said about a line, or None."""
    said = [*_of_times(entry), *_of_environment(environment, rules), *_of_command(entry.command, rules)]
    return "; ".join(said) or None


def _of_times(entry: Entry) -> Iterator[str]:
    schedule = entry.schedule
    kinds = list(zip(entry.fields, FIELDS, strict=False))
    backwards = "; ".join(words for field, kind in kinds for words in _of_empty(field, kind))
    never = not schedule.reboot and never_runs(schedule)
    if never:
        yield f"it never runs: {backwards or 'no month has such a day'}"
    elif backwards:
        yield backwards
    for field, _ in kinds:
        yield from _of_reading(field)
    both = (schedule.dom_star or schedule.dow_star) and bool(entry.fields) and not never
    if both and len(schedule.days) < 31 and len(schedule.weekdays) < 7:
        yield "day of the month and weekday must both fit, because one of the two fields begins with *"
    if schedule.spread_sec:
        yield f"cron picks the moment when it reads the crontab: up to {span(schedule.spread_sec)} after this one"


def _of_empty(field: Field, kind: FieldKind) -> Iterator[str]:
    for part in field.empty:
        yield f"{part} runs backwards and means nothing{_forwards(part, kind)}"


def _of_reading(field: Field) -> Iterator[str]:
    if field.ignored:
        yield f"cron reads {field.text} as {field.text.removesuffix(field.ignored)} and passes over the rest"
    if field.beyond:
        yield f"the step of {field.beyond} is longer than its range: it means the first number only"


def _forwards(part: str, kind: FieldKind) -> str:
    """How to write a range that was to go round, where there is no step in it."""
    found = _BACKWARDS.fullmatch(part)
    if found is None:
        return ""
    first, last = found.groups()
    is_week = kind.name == "day-of-week"
    if is_week and first == "7":
        return f"; write 0-{last}"
    named = first.isalpha() and last.isalpha()
    low, high = (kind.names[0], kind.names[-1]) if named else (str(kind.low), str(kind.high - is_week))
    to_end = first if first.lower() == high else f"{first}-{high}"
    return f"; write {to_end},{last if last.lower() == low else f'{low}-{last}'}"


def _of_environment(environment: Mapping[str, str], rules: Rules) -> Iterator[str]:
    if rules.flavour == "debian" and environment.get("CRON_TZ"):
        yield "CRON_TZ means nothing to this cron: the times are the system's"


def _of_command(command: str, rules: Rules) -> Iterator[str]:
    if command.endswith("\r"):
        yield "the line ends in a carriage return, which becomes a part of the command"
    if not command.strip(" \t\r"):
        yield "it has no command"
    if _UNESCAPED.match(command):
        yield r"from its first % on the command is the job's input; write \% for a percent sign"
    if not rules.system and re.match(r"root[ \t]", command):
        yield "the command begins with root: only a system's crontab names a user"
    if not rules.system and _LIKE_A_FIELD.match(command):
        yield "the command begins like a sixth field for the time: cron knows five"
