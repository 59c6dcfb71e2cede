"""The text of a log line as it is drawn: harmless, tabs expanded, what was searched marked, cut out of any length.

Only what is asked for is worked on: the beginning of a line of 64 KiB costs no more than that of a short one.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import get_character_cell_size

from ui.glyphs import UNICODE
from ui.widgets.cells import Run, Tone, cut, plain_whole, width_of

TAB = 8
"""As terminals and less(1) have it."""

_CHUNK = 512
_LEVEL_WITHIN = 200
_LEVEL = re.compile(
    r"\b(?:(ERROR|ERR|CRIT(?:ICAL)?|FATAL|PANIC|EMERG|ALERT|SEVERE)|(WARN(?:ING)?)|(DEBUG|TRACE|FINE(?:R|ST)?))\b"
)
_LEVEL_TONES: tuple[Tone, ...] = ("error", "warn", "dim")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_PARTS = re.compile(r"[\t\n]|[^\t\n]+")

SEARCH_SEC = 0.02
"""How long marking may take in one line; after that the line is shown without marks."""

SEARCH_WITHIN = 16_384
"""Marks are looked for in so many characters from the beginning of a line."""


class PatternError(Exception):
    """Why a pattern cannot be used, in one line for the operator."""


def smart_case(pattern: str) -> str:
    """The pattern as it is searched: without a capital letter in it, capitals do not count."""
    return pattern if any(one.isupper() for one in _ESCAPED.sub("", pattern)) else f"(?i){pattern}"


class Highlight:
    """Finds where a pattern matches in what is on the screen."""

    def __init__(self, pattern: str) -> None:
        """`pattern` as it was typed. Raises PatternError."""
        import regex

        self.pattern = pattern
        try:
            self._compiled: Any = regex.compile(smart_case(pattern))
        except (regex.error, OverflowError, RecursionError) as error:
            raise PatternError(f"not a regular expression: {error}") from error

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it matches, as far as that is found in time."""
        try:
            found = self._compiled.finditer(text[:SEARCH_WITHIN], timeout=SEARCH_SEC)
            return [match.span() for match in found if match.end() > match.start()]
        except TimeoutError:
            return []


def level_tone(text: str) -> Tone | None:
    """The colour of a line by the level that is named at its beginning; None when none is, or a usual one."""
    found = _LEVEL.search(text[:_LEVEL_WITHIN])
    return None if found is None else _LEVEL_TONES[(found.lastindex or 1) - 1]


def marked(text: str, tone: Tone | None, spans: Sequence[tuple[int, int]]) -> list[Run]:
    """The text, still as it came, in runs: `tone`, and `hit` where the spans are."""
    runs: list[Run] = []
    end = 0
    for start, stop in spans:
        runs += [(text[end:start], tone), (text[start:stop], "hit")]
        end = stop
    return [run for run in (*runs, (text[end:], tone)) if run[0]]


def window(runs: Sequence[Run], start: int, width: int) -> list[Run]:
    """What stands in `width` cells from cell `start` on, as plain text. A character cut in half is a blank."""
    shown: list[Run] = []
    column, end = 0, start + width
    for text, tone in drawn(runs):
        cells = width_of(text)
        if column + cells > start:
            text = _without(text, start - column)
            if column + cells > end:
                text = cut(text, end - max(column, start))
            shown.append((text, tone))
        column += cells
        if column >= end:
            break
    return shown


def wrapped(runs: Sequence[Run], width: int) -> list[list[Run]]:
    """All of it as plain text, in parts of at most `width` cells; at least one part."""
    parts: list[list[Run]] = [[]]
    left = width = max(2, width)
    for text, tone in drawn(runs):
        while text:
            head = cut(text, left)
            if head:
                parts[-1].append((head, tone))
                text = text[len(head) :]
                left -= width_of(head)
            if text:
                parts.append([])
                left = width
    return parts


def drawn(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs as plain text, piece by piece: no control character, tabs as blanks, line feeds as a symbol."""
    column = 0
    for text, tone in runs:
        for part in _PARTS.finditer(text):
            for piece in _pieces(part[0], column):
                yield piece, tone
                column += width_of(piece)


def _pieces(part: str, column: int) -> Iterator[str]:
    """A tab, a line feed or what is between them, as plain text that begins in this column."""
    if part == "\t":
        yield " " * (TAB - column % TAB)
    elif part == "\n":
        yield UNICODE.feed
    elif part.isascii() and part.isprintable():
        yield part
    else:
        for at in range(0, len(part), _CHUNK):
            yield plain_whole(part[at : at + _CHUNK])


def _without(text: str, cells: int) -> str:
    """Plain text without its first cells; a character that is cut in half leaves a blank."""
    if cells <= 0:
        return text
    if text.isascii():
        return text[cells:]
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if cells <= 0 and size:  # marks belong to the character that is gone
            return " " * -cells + text[index:]
        cells -= size
    return " " * -cells
