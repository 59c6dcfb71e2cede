"""What a view wants read of the logs, and what it is told: plain values that pass between the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec.structs import replace

from etlmon.contract.logs import LogQuery
from ui.widgets.logrow import Key, LogRow
from ui.widgets.logtext import smart_case


class LogName(NamedTuple):
    """A log of a node."""

    node: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines of a log: those that match `keep` and not `exclude`, as they were typed; empty is no condition."""

    keep: str = ""
    exclude: str = ""

    def __bool__(self) -> bool:
        return bool(self.keep or self.exclude)

    @property
    def query(self) -> LogQuery:
        """A query for such lines."""
        return LogQuery(
            grep=smart_case(self.keep) if self.keep else None,
            exclude=smart_case(self.exclude) if self.exclude else None,
        )

    def query_with(self, pattern: str) -> LogQuery:
        """The same for lines that match one more pattern. A query has one, so the two are joined by looking ahead."""
        if not self.keep:
            return replace(self.query, grep=smart_case(pattern))
        both = "".join(f"(?=(?s:.*?){_scoped(one)})" for one in (self.keep, pattern))
        return replace(self.query, grep=f"^{both}")


def _scoped(pattern: str) -> str:
    """The pattern with its own smart case, as a part of a larger one."""
    return f"(?i:{pattern})" if smart_case(pattern) != pattern else f"(?:{pattern})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a view shows of logs: one, or several by time; through which filter; which places of it are on the screen.

    `find` is searched in all of it without hiding anything. `following` is whether the newest line is wanted.
    """

    logs: tuple[LogName, ...]
    filter: LineFilter = LineFilter()
    find: str = ""
    places: tuple[int, int] = (0, -1)
    following: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next (or, with -1, the previous) line from a row on that is an error, or that matches `pattern`."""

    origin: Key
    direction: Literal[1, -1]
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """The first line from a moment on, by our clock."""

    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Lines of the other logs of a row's node that were read at about the same time."""

    row: LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """All that is shown, or without a filter the newest lines, in a file."""

    stem: str


Errand = Step | Seek | Around | Export


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an errand came back with: a row, rows, a file; or why nothing."""

    key: Key | None = None
    rows: Sequence[tuple[str, LogRow]] = ()
    """Lines with the names of their logs."""
    path: Path | None = None
    words: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a search is: `found` of the `searched` lines, of `total` in all."""

    found: int = 0
    searched: int = 0
    total: int = 0
    complaint: str = ""
    """Why the node does not search for this."""

    @property
    def is_done(self) -> bool:
        return self.searched >= self.total
