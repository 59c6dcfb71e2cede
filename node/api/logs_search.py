"""logs: finding lines by what stands in them, a slice at a time, so that nobody else waits for it."""

import asyncio
import time
from collections.abc import Sequence
from functools import cached_property

import msgspec

from etlmon.contract.errors import BadRequest
from etlmon.contract.logs import LineSeverity, LogQuery
from node.sources.pattern_parts import required_texts
from node.sources.patterns import Pattern, PatternError, compile_pattern
from node.store.database import Database
from node.store.logs import Bounds, seq_of
from node.store.logs_lines import Span, Texts, Wanted, matching

SEARCH_SEC = 0.12
"""How long one search goes on, about; then it says how far it came."""

SLICE_SEC = 0.025
"""How long it keeps a reader of the store, about."""

LINE_SEC = 0.25
"""How long a regular expression may take for one line."""

_FEWEST, _FIRST, _MOST = 50, 4000, 1_000_000
_IGNORE_CASE = "(?i)"


class Filter(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Which lines are wanted, by what stands in them. Two that are equal want the same."""

    grep: str | None = None
    exclude: str | None = None
    severity: LineSeverity | None = None

    @classmethod
    def of(cls, query: LogQuery) -> "Filter":
        """Raises BadRequest for what is no regular expression."""
        made = cls(grep=query.grep, exclude=query.exclude, severity=query.severity)
        _ = made.tests
        return made

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    @cached_property
    def tests(self) -> "tuple[_Test, ...]":
        given = (("grep", self.grep, False), ("exclude", self.exclude, True))
        return tuple(_Test(field, _compiled(field, text), absent) for field, text, absent in given if text is not None)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The seqs that were found, in the order of the search; `searched` is how far it came when it was not all."""

    seqs: list[int]
    searched: int | None = None


class Searches:
    """The searches of one node. They take turns, slice by slice, so that one reader of the store is always free."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Semaphore(1)

    async def find(self, bounds: Bounds, span: Span, limit: int, filter_: Filter) -> Found:
        """At most `limit` lines of a span, from the end it is looked at.

        Raises BadRequest when a regular expression takes too long for a single line, and StoreError.
        """
        until = time.monotonic() + SEARCH_SEC
        seqs: list[int] = []
        count = _FIRST
        while not span.is_empty and len(seqs) < limit:
            part = span.part(count)
            async with self._turn:
                started = time.monotonic()
                look = _Look(filter_, started + SLICE_SEC * 2)
                found = await self._database.read(matching, bounds, part, limit - len(seqs), look.wanted)
                took = time.monotonic() - started
            if look.stopped_at is not None:
                if look.lines == 1:
                    raise look.too_slow()
                part = part.up_to(look.stopped_at)
                found = [seq for seq in found if part.first <= seq <= part.last]
            seqs += found
            span = span.beyond(part)
            if time.monotonic() > until and not span.is_empty and len(seqs) < limit:
                return Found(seqs=seqs, searched=span.last + 1 if span.newest else span.first - 1)
            count = max(_FEWEST, min(round(count * min(4.0, SLICE_SEC / max(took, 1e-6))), _MOST))
        return Found(seqs=seqs)


class _Test:
    """One regular expression that a line has to match, or with `absent` must not."""

    def __init__(self, field: str, pattern: Pattern, absent: bool) -> None:
        self.field, self.pattern, self.absent = field, pattern, absent

    def passes(self, line: str, timeout_sec: float) -> bool:
        """Raises TimeoutError."""
        return self.pattern.search(line, timeout_sec) != self.absent

    @cached_property
    def texts(self) -> tuple[Texts, ...]:
        """The same as texts that SQLite looks for itself, where it is as simple as that."""
        text, ignore_case = self._text
        literals = (compile_pattern(text) if text else self.pattern).literals
        return self._sought(literals, ignore_case)

    @cached_property
    def needed(self) -> tuple[Texts, ...]:
        """Texts without which it does not match, where there are any: the fewer lines it has to look at."""
        text, ignore_case = self._text
        parts = () if self.absent else required_texts(text)
        return tuple(texts for part in parts for texts in self._sought((part,), ignore_case))

    @property
    def _text(self) -> tuple[str, bool]:
        text = self.pattern.text
        return text.removeprefix(_IGNORE_CASE), text.startswith(_IGNORE_CASE)

    def _sought(self, texts: tuple[str, ...], ignore_case: bool) -> tuple[Texts, ...]:
        sought = _lower(texts) if ignore_case else texts
        return (Texts(any_of=sought, ignore_case=ignore_case, absent=self.absent),) if sought else ()


class _Look:
    """One look at a slice. SQLite calls it with each line, in a thread of its own."""

    def __init__(self, filter_: Filter, until: float) -> None:
        self._tests = [test for test in filter_.tests if not test.texts]
        self._until = until
        self._slow = ""
        self.wanted = Wanted(
            texts=tuple(texts for test in filter_.tests for texts in test.texts or test.needed),
            severity=filter_.severity,
            matcher=self._match if self._tests else None,
        )
        self.lines = 0
        self.stopped_at: int | None = None
        """The seq of the line at which time was up; what comes after it was not looked at, and counts for nothing."""

    def too_slow(self) -> BadRequest:
        return BadRequest(
            f"the regular expression takes longer than {LINE_SEC} s for the line {self.stopped_at}; make it simpler: "
            "nested repetitions like (a+)+ try every way to divide a text",
            field=self._slow,
        )

    def _match(self, line: str, line_id: int) -> int:
        if self.stopped_at is not None:
            return 1  # what is found ends the statement, by its limit
        self.lines += 1
        left = LINE_SEC if self.lines == 1 else self._until - time.monotonic()
        if left <= 0:
            self.stopped_at = seq_of(line_id)
            return 1
        for test in self._tests:
            try:
                if not test.passes(line, left):
                    return 0
            except TimeoutError:
                self._slow, self.stopped_at = test.field, seq_of(line_id)
                return 1
        return 1


def _compiled(field: str, text: str) -> Pattern:
    try:
        return compile_pattern(text)
    except PatternError as error:
        raise BadRequest(f"{field} is no regular expression: {error}", field=field) from error


def _lower(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts in lower case; none when SQLite, which knows the case of a-z alone, could not compare one of them."""
    return tuple(text.lower() for text in texts) if all(map(_is_plain, texts)) else ()


def _is_plain(text: str) -> bool:
    return all(char.isascii() or char.lower() == char.upper() for char in text)
