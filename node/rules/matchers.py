"""Which label sets a rule or a silence is about: `sda` equals, `!sda` does not, `~sd.*` and `!~sd.*` match as a whole.

Values come from the host and expressions from the operator, so a match has a time limit. A label that is not there is
the empty text, as in Prometheus.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from etlmon.labels import Labels
from node.rules.errors import RuleError
from node.sources.pattern_size import check_size

LONGEST_PATTERN = 1000
MOST_MATCHERS = 50
MATCH_SEC = 0.05
"""For one value; one that takes longer does not match."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one label must be."""

    label: str
    text: str
    """As it is written."""
    fits: Callable[[str], bool] = field(compare=False)
    equals: str | None = None
    """The one value that fits; None when there may be others."""


Matchers = Sequence[Matcher]


def compile_matchers(labels: Mapping[str, str], key: str = "labels") -> tuple[Matcher, ...]:
    """Raises RuleError that names the label."""
    if len(labels) > MOST_MATCHERS:
        raise RuleError(f"holds {len(labels)} labels; no number has more than a few", key)
    return tuple(_matcher(label, text, f"{key}.{label}") for label, text in labels.items())


def all_fit(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether every matcher is content with a label set."""
    given = dict(labels)
    return all(matcher.fits(given.get(matcher.label, "")) for matcher in matchers)


def _matcher(label: str, text: str, key: str) -> Matcher:
    if not _NAME.fullmatch(label):
        raise RuleError(f'"{label}" is no name of a label: letters, digits and _ only, no digit first', key)
    if text.startswith("!~"):
        matches = _whole(text[2:], key)
        return Matcher(label, text, lambda value: not matches(value))
    if text.startswith("~"):
        return Matcher(label, text, _whole(text[1:], key))
    if text.startswith("!"):
        return Matcher(label, text, text[1:].__ne__)
    return Matcher(label, text, text.__eq__, equals=text)


def _whole(pattern: str, key: str) -> Callable[[str], bool]:
    import regex  # here, because few nodes need it, and it weighs several megabytes

    if len(pattern) > LONGEST_PATTERN:
        raise RuleError(f"the expression has {len(pattern)} characters; {LONGEST_PATTERN} are allowed", key)
    try:
        check_size(pattern)
        fullmatch = regex.compile(pattern, cache_pattern=False).fullmatch
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise RuleError(f'"{pattern}" is no regular expression: {error}', key) from error

    def matches(value: str) -> bool:
        try:
            return fullmatch(value, timeout=MATCH_SEC) is not None
        except TimeoutError:
            return False

    return matches
