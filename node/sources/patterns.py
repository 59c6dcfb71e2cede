"""Regular expressions of the operator's: searched with a time limit, and quickly when they are simple.

Most of what people look for is a word or a few. Those need no engine at all, and what only strings single characters
together takes time in proportion to the text, so the standard library's will do. All else runs in the `regex` package,
whose search can be stopped, and which is imported only then: it weighs several megabytes.

`^` and `$` stand for the ends of a line in either, because what is searched may be several lines.
"""

import re
from functools import lru_cache
from typing import Protocol

from node.sources.pattern_size import check_size

LONGEST_PATTERN = 1000

_LITERAL = re.compile(r"(?:[^\\\[\](){}*+?|.^$\n]|\\[^A-Za-z0-9\s])+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CLASS = r"\[\^?(?:[0-9A-Za-z]-[0-9A-Za-z]|[0-9A-Za-z_ .,:;/=@#%!<>\"']|\\[dDwWsS.\-\[\]])+\]"
_SIMPLE = re.compile(rf"(?:\(\?i\))?(?:[^\\\[\](){{}}*+?]|\\[bBdDwWsSt]|\\[^A-Za-z0-9\s]|{_CLASS})+")
"""Single characters in a row, and `|` between such rows: nothing that could be tried in more than one way."""


class PatternError(ValueError):
    """A pattern cannot be used: what is wrong with it, and where."""


class _Engine(Protocol):
    def search(self, text: str, timeout_sec: float, /) -> bool: ...


class Pattern:
    """A compiled pattern. `literals`, when there are any, say the same: a text matches that holds one of them."""

    def __init__(self, text: str, literals: tuple[str, ...], engine: _Engine) -> None:
        self.text = text
        self.literals = literals
        self._engine = engine

    @property
    def literal(self) -> str | None:
        """The one string that the pattern stands for; None when it is more than that."""
        return self.literals[0] if len(self.literals) == 1 else None

    @property
    def simple(self) -> bool:
        """Whether a search takes time in proportion to the text, whatever stands in it: it never times out.

        Then no match in several lines at once (joined by line feeds) means none in any of them.
        """
        return isinstance(self._engine, _Simple)

    def search(self, text: str, timeout_sec: float) -> bool:
        """Whether it matches anywhere. Raises TimeoutError when that cannot be told within the time."""
        return self._engine.search(text, timeout_sec)


class _Simple:
    def __init__(self, text: str) -> None:
        self._search = re.compile(text, re.MULTILINE).search

    def search(self, text: str, _: float, /) -> bool:
        return self._search(text) is not None


class _Limited:
    def __init__(self, text: str) -> None:
        import regex  # here, because few nodes need it

        try:
            check_size(text)
            self._search = regex.compile(text, regex.MULTILINE, cache_pattern=False).search
        except regex.error as error:
            raise PatternError(str(error)) from error
        except (OverflowError, RecursionError, ValueError) as error:
            raise PatternError(f"too large or too deep: {error}") from error

    def search(self, text: str, timeout_sec: float, /) -> bool:
        return self._search(text, timeout=max(timeout_sec, 1e-3), concurrent=True) is not None


@lru_cache(maxsize=64)
def compile_pattern(text: str) -> Pattern:
    """Raises PatternError with the reason in words."""
    if not text:
        raise PatternError("it is empty")
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"it has {len(text)} characters; {LONGEST_PATTERN} are allowed")
    if _SIMPLE.fullmatch(text) is None:
        return Pattern(text, (), _Limited(text))
    alternatives = text.split("|")
    literals: tuple[str, ...] = ()
    if all(_LITERAL.fullmatch(alternative) for alternative in alternatives):
        literals = tuple(dict.fromkeys(_ESCAPE.sub(r"\1", alternative) for alternative in alternatives))
    try:
        return Pattern(text, literals, _Simple(text))
    except re.error as error:
        raise PatternError(str(error)) from error
