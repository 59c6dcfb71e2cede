"""A filter as it is typed, made into a test of text.

    data          holds "data"; a capital letter in it makes capitals count
    ~prdetl       holds these characters in this order
    /nfs|cifs/    matches the regular expression (the last slash may be left out)
    !data         does not hold "data"; `!` may stand before each of the three

A regular expression of Python's can search for hours. So one is taken only when the number of ways in which it can be
tried is known and small, it sees the beginning of a text only, and `Filter.select` looks at its watch.
"""

import re
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LONGEST_PATTERN = 200
LONGEST_TEXT = 256
"""A regular expression sees no more of a text than this."""

MOST_WAYS = 100_000
"""How many ways there may be to try a regular expression at one place of a text: two free repeats, not three."""

MOST_SECONDS = 0.1
"""How long one pass over the rows may take."""


class FilterError(Exception):
    """Why a filter cannot be used, in one line for the operator."""


class Filter:
    """A filter, ready for use. An empty one is false, and lets everything through."""

    def __init__(self, text: str = "") -> None:
        """Raises FilterError when there is no filter in the text."""
        self.text = text.strip()
        inverse = self.text.startswith("!")
        body = self.text.removeprefix("!").lstrip()
        self._test = _test(body)
        self._wanted = not (inverse and body)

    def __bool__(self) -> bool:
        return bool(self.text)

    def matches(self, text: str) -> bool:
        """Whether the text passes."""
        return self._test(text) is self._wanted

    def select(self, texts: Sequence[str], clock: Callable[[], float] = time.monotonic) -> list[int]:
        """The places of the texts that pass. Raises FilterError when it takes too long."""
        deadline = clock() + MOST_SECONDS
        passed: list[int] = []
        for index, text in enumerate(texts):
            if self.matches(text):
                passed.append(index)
            if clock() > deadline:
                raise FilterError(f"too slow: only {index + 1} of {len(texts)} rows seen")
        return passed


Test = Callable[[str], bool]


def _test(body: str) -> Test:
    if body.startswith("/"):
        return _regex(body[1:].removesuffix("/"))
    if body.startswith("~"):
        return _fuzzy(body[1:].strip())
    return _substring(body)


def _substring(wanted: str) -> Test:
    if wanted != wanted.lower():
        return lambda text: wanted in text
    return lambda text: wanted in text.lower()


def _fuzzy(wanted: str) -> Test:
    as_typed = wanted != wanted.lower()

    def test(text: str) -> bool:
        rest = iter(text if as_typed else text.lower())
        return all(character in rest for character in wanted)

    return test


def _regex(pattern: str) -> Test:
    if len(pattern) > LONGEST_PATTERN:
        raise FilterError(f"longer than {LONGEST_PATTERN} characters")
    flags = 0 if any(character.isupper() for character in re.sub(r"\\.", "", pattern)) else re.IGNORECASE
    try:
        with warnings.catch_warnings():
            # Python's doubts about a pattern would be printed across the screen.
            warnings.simplefilter("ignore")
            ways = _ways(parser.parse(pattern, flags))
            compiled = re.compile(pattern, flags)
    except (re.error, OverflowError) as error:
        raise FilterError(f"no regular expression: {error}") from error
    except RecursionError as error:
        raise FilterError("nested too deeply") from error
    if ways > MOST_WAYS:
        raise FilterError("could search too long: fewer * + ? {} |")
    return lambda text: compiled.search(text[:LONGEST_TEXT]) is not None


def _ways(items: Iterable[tuple[Any, Any]]) -> int:
    """An upper bound of the ways in which a parsed expression can be tried at one place of a text.

    Choices that follow each other multiply, alternatives add up; a repeat can stop at each of its counts. A repeat of
    something that itself leaves a choice is refused, as are references back: the ways through those have no bound.
    """
    ways = 1
    for operation, argument in items:
        ways *= _ways_of(operation, argument)
        if ways > MOST_WAYS:
            break
    return ways


def _ways_of(operation: Any, argument: Any) -> int:
    if operation in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
        least, most, inner = argument
        each = _ways(inner)
        if least == most:
            return int(each ** min(int(most), 64))
        if each > 1:
            raise FilterError("a repeat in a repeat could search too long")
        return min(int(most), LONGEST_TEXT) - min(int(least), LONGEST_TEXT) + 1
    if operation is code.BRANCH:
        return sum(_ways(alternative) for alternative in argument[1])
    if operation is code.SUBPATTERN:
        return _ways(argument[3])
    if operation is code.ATOMIC_GROUP:
        return _ways(argument)
    if operation in (code.ASSERT, code.ASSERT_NOT):
        return _ways(argument[1])
    if operation in (code.GROUPREF, code.GROUPREF_EXISTS):
        raise FilterError("references to a group are not taken")
    return 1
