"""Lines of logs as text on standard output, and what there is to say of them on standard error."""

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from etlmon.clean import clean
from etlmon.contract.logs import LineSeverity, LogGap, LogLine
from ui.log_lines.history import LogSource
from ui.text_page import coloured

Times = Literal["none", "local", "utc"]

_TONES: dict[LineSeverity, str] = {"error": "crit", "warning": "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """How lines look. `labelled`: each stands behind the name of its log; `as_json`: each is a JSON document."""

    labelled: bool = False
    times: Times = "none"
    colour: bool = False
    as_json: bool = False

    def lines(self, source: LogSource, lines: Sequence[LogLine]) -> None:
        """Print them. Raises BrokenPipeError, as `flush` does."""
        text = self._json if self.as_json else self._text
        sys.stdout.write("".join(text(source, line) for line in lines))

    def flush(self) -> None:
        """Whoever reads sees them now."""
        sys.stdout.flush()

    def between(self, source: LogSource, message: str) -> None:
        """What is to be known of the place between two lines: not on standard output, where only lines stand."""
        self.flush()
        sys.stderr.write(f"-- {f'{source.label}: ' if self.labelled else ''}{clean(message)}\n")
        sys.stderr.flush()

    def _text(self, source: LogSource, line: LogLine) -> str:
        lead = f"{source.label}: " if self.labelled else ""
        if self.times != "none":
            lead += f"{moment_text(line, self.times)} "
        if not self.colour:
            return "".join(f"{lead}{part}\n" for part in line.line.split("\n"))
        lead = coloured(lead, "dim") if lead else ""
        tone = _TONES.get(line.severity, "") if line.severity else ""
        return "".join(f"{lead}{coloured(part, tone)}\n" for part in line.line.split("\n"))

    def _json(self, source: LogSource, line: LogLine) -> str:
        row = {"node": source.node, "log": source.log, **msgspec.to_builtins(line)}
        return msgspec.json.encode(row).decode() + "\n"


def time_of(line: LogLine) -> datetime:
    """When it happened, as far as is known: the time that stands in it, or when it was read."""
    return line.event_at or line.created_at


def moment_text(line: LogLine, times: Times) -> str:
    zone = UTC if times == "utc" else None
    return f"{time_of(line).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def say(message: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"etlmon: {clean(message)}\n")
    sys.stderr.flush()


class GapTeller:
    """Says where lines may be missing between those that are printed."""

    def __init__(self, gaps: Sequence[LogGap]) -> None:
        """`gaps` are all of the log, oldest first."""
        self._gaps = deque(gaps)
        self._last = 0

    def before(self, line: LogLine) -> list[LogGap]:
        """The gaps between the line before and this one, which is printed next."""
        found: list[LogGap] = []
        while self._gaps and self._gaps[0].seq < line.seq:
            gap = self._gaps.popleft()
            if 0 < self._last <= gap.seq:
                found.append(gap)
        self._last = line.seq
        return found
