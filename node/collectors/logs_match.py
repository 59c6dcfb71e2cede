"""Which lines match what the operator named, and how severe that makes them.

Nearly no line of a log matches. So what can be told of a whole block of lines is asked of the block: strings are looked
for in it, and a simple pattern that matches nowhere in it matches in none of its lines.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from node.settings import LogMatch
from node.sources.patterns import Pattern, compile_pattern
from node.sources.tail_types import Chunk
from node.store.logs import SEVERITY_CODES

LINE_SEC = 0.02
"""How long a search in one line may take."""

BATCH_SEC = 0.25
"""How long the searches for one pattern may take in all that was read at once; lines beyond that do not count."""

MOST_TIMEOUTS = 3
"""A pattern that took too long in so many batches, one after the other, is switched off."""


@dataclass(slots=True)
class Matched:
    """What was found in a batch: of each chunk the severity code by position, how many lines matched by name of the
    match, and how many of all lines are errors.
    """

    severities: list[dict[int, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    errors: int = 0


@dataclass(slots=True)
class _Match:
    name: str
    code: int
    pattern: Pattern
    timeouts: int = 0
    off: bool = False


class Matcher:
    """The matches of one log. A pattern that is switched off stays so until the configuration changes it."""

    def __init__(self, matches: Sequence[LogMatch]) -> None:
        """Raises PatternError."""
        self._matches = [
            _Match(one.name, SEVERITY_CODES[one.severity], compile_pattern(one.pattern)) for one in matches
        ]

    @property
    def switched_off(self) -> list[str]:
        """The names of the matches that are not looked for any more."""
        return [match.name for match in self._matches if match.off]

    async def match(self, chunks: Sequence[Chunk]) -> Matched:
        """Look for every match in every line. What may take long does so in a thread, and no longer than it may."""
        matched = Matched(severities=[{} for _ in chunks])
        blocks = ["\n".join(chunk.lines) for chunk in chunks]
        for match in self._matches:
            if match.off:
                continue
            if match.pattern.simple:
                found = [list(_simple(match.pattern, *one)) for one in zip(chunks, blocks, strict=True)]
            else:
                found = await asyncio.to_thread(_limited, match, chunks)
            self._note(match, found, matched)
        errors = SEVERITY_CODES["error"]
        matched.errors = sum(code == errors for severities in matched.severities for code in severities.values())
        return matched

    def _note(self, match: _Match, found: Sequence[Sequence[int]], matched: Matched) -> None:
        count = 0
        for positions, severities in zip(found, matched.severities, strict=True):
            count += len(positions)
            for position in positions:
                severities[position] = max(match.code, severities.get(position, 0))
        if count:
            matched.counts[match.name] = count


def _simple(pattern: Pattern, chunk: Chunk, block: str) -> Iterator[int]:
    """The positions of the lines that match."""
    lines = chunk.lines
    if pattern.literals and block.count("\n") == len(lines) - 1:
        yield from _holding(pattern.literals, block)
    elif pattern.search(block, LINE_SEC):
        for position, line in enumerate(lines):
            if pattern.search(line, LINE_SEC):
                yield position


def _holding(literals: Iterable[str], block: str) -> Iterable[int]:
    """The numbers of the lines of a block that hold one of the strings."""
    found: set[int] = set()
    for literal in literals:
        number, counted, at = 0, 0, block.find(literal)
        while at >= 0:
            number += block.count("\n", counted, at)
            found.add(number)
            counted = block.find("\n", at)
            if counted < 0:
                break
            at = block.find(literal, counted)
    return found


def _limited(match: _Match, chunks: Sequence[Chunk]) -> list[list[int]]:
    """The positions of the lines of each chunk that match, as far as they can be told within the time."""
    found: list[list[int]] = [[] for _ in chunks]
    deadline = time.monotonic() + BATCH_SEC
    late = False
    for chunk, positions in zip(chunks, found, strict=True):
        for position, line in enumerate(chunk.lines):
            if time.monotonic() > deadline:
                late = True
                break
            try:
                if match.pattern.search(line, LINE_SEC):
                    positions.append(position)
            except TimeoutError:
                late = True
    match.timeouts = match.timeouts + 1 if late else 0
    match.off = match.timeouts >= MOST_TIMEOUTS
    return found
