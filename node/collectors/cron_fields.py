"""One field of a crontab's line as the daemon reads it: which numbers it means, or why it is refused.

The grammar is that of Debian's cron 3.0pl1-162 and of cronie 1.7.2, entry.c of each. Debian reads as far as it
understands and passes over the rest of the field (`5#2` is 5); cronie refuses what it does not understand, and knows
random numbers (`0~30`).
"""

import re
from dataclasses import dataclass

from etlmon.contract.cron import CronFlavour
from node.collectors.cron_types import CronSyntaxError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_WORD = "[0-9A-Za-z]"
_DEBIAN = re.compile(rf"(?:(?P<star>\*)|(?P<first>{_WORD}+)(?:(?P<mark>-)(?P<last>{_WORD}*))?)(?:/(?P<step>{_WORD}*))?")
_CRONIE = re.compile(
    rf"(?:(?P<star>\*)|(?P<first>{_WORD}*)(?:(?P<mark>[-~])(?P<last>{_WORD}*))?)(?:/(?P<step>{_WORD}*))?(?![^,])"
)
_TEMPORARY = {"debian": 1000, "cronie": 131_072}
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FieldKind:
    """Which of the five it is. `name` is what the daemon calls it; `names` stand for low, low + 1 and so on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """What a field means.

    `star`: it begins with one. `empty`: its ranges that run backwards and so mean nothing. `ignored`: its end, which
    the daemon passes over. `spread`: the daemon picks a number up to so much above each of `numbers`. `beyond`: its
    step that is longer than its range.
    """

    text: str
    numbers: frozenset[int]
    star: bool
    empty: tuple[str, ...] = ()
    ignored: str = ""
    spread: int = 0
    beyond: str = ""


FIELDS = (
    FieldKind("minute", 0, 59),
    FieldKind("hour", 0, 23),
    FieldKind("day-of-month", 1, 31),
    FieldKind("month", 1, 12, _MONTHS),
    FieldKind("day-of-week", 0, 7, _DAYS),
)


def parse_field(text: str, kind: FieldKind, flavour: CronFlavour) -> Field:
    """The numbers of one field, which holds no blank. Raises CronSyntaxError."""
    pattern = _DEBIAN if flavour == "debian" else _CRONIE
    if not text:
        raise _refused(kind, "it is missing")
    numbers: set[int] = set()
    empty, spread, beyond, at = [], 0, "", 0
    while True:
        item = pattern.match(text, at)
        if item is None:
            raise _refused(kind, _unread(text[at:], kind))
        found = _Item(item, kind, flavour)
        numbers.update(found.numbers)
        spread = max(spread, found.spread)
        if not found.numbers:
            empty.append(item[0])
        if found.is_beyond:
            beyond = item[0]
        at = item.end()
        if text[at : at + 1] != ",":
            return Field(text, frozenset(numbers), text[:1] == "*", tuple(empty), text[at:], spread, beyond)
        at += 1


class _Item:
    """One part of a list: a number, a range with or without a step, a random number."""

    def __init__(self, item: re.Match[str], kind: FieldKind, flavour: CronFlavour) -> None:
        self._text, self._kind, self._longest = item[0], kind, _TEMPORARY[flavour]
        first, last, step = item["first"], item["last"], item["step"]
        is_star, is_random = item["star"] is not None, item["mark"] == "~"
        low = kind.low if is_star or (is_random and not first) else self._number(first)
        high = kind.high if is_star or (is_random and not last) else low if last is None else self._number(last)
        if step is not None and (is_random or not (is_star or item["mark"])):
            raise self._refused("a step needs a range: write for example " + self._with_range(step))
        by = 1 if step is None else self._step(step)
        self.spread = high - low if is_random else 0
        if self.spread < 0:
            raise self._refused(f"{_shown(item[0])} runs backwards")
        numbers = range(low, high + 1, by)
        # cronie looks at the numbers it sets only, and so at none of a range that runs backwards.
        for number in (low, high) if is_random or flavour == "debian" else (*numbers[:1], *numbers[-1:]):
            if not kind.low <= number <= kind.high:
                raise self._refused(f"{number} is not between {kind.low} and {kind.high}")
        self.numbers = numbers[:1] if is_random else numbers
        self.is_beyond = by > 1 and by > high - low >= 0

    def _number(self, text: str) -> int:
        if len(text) >= self._longest:
            raise self._refused(f"{_shown(text)} is too long")
        if (name := text.lower()) in self._kind.names:
            return self._kind.low + self._kind.names.index(name)
        if not text.isdecimal():
            raise self._refused(_unread(text or self._text, self._kind))
        return _as_c_reads(text)

    def _step(self, text: str) -> int:
        number = _as_c_reads(text) if text.isdecimal() and len(text) < self._longest else 0
        if number <= 0:
            raise self._refused(f"the step of {_shown(self._text)} is not a number above 0")
        return number

    def _with_range(self, step: str) -> str:
        start = self._text.partition("/")[0]
        return f"{_shown(start)}-{self._kind.high}/{_shown(step)}"

    def _refused(self, reason: str) -> CronSyntaxError:
        return _refused(self._kind, reason)


def _refused(kind: FieldKind, reason: str) -> CronSyntaxError:
    return CronSyntaxError(f"bad {kind.name}: {reason}")


def _unread(text: str, kind: FieldKind) -> str:
    if not text:
        return "a number is missing"
    names = f", and no name like {kind.names[1]}" if kind.names else ""
    return f"{_shown(text)} is no number{names}"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _as_c_reads(digits: str) -> int:
    """strtol(3) into an int of 32 bits, as atoi(3) of glibc does: 4294967301 is 5."""
    significant = digits.lstrip("0")
    number = 2**63 - 1 if len(significant) > 19 else min(int(significant or "0"), 2**63 - 1)
    return (number + 2**31) % 2**32 - 2**31
