"""What a look at a log means, in the words of the contract: its row, samples and events. Pure functions, and a rate."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from etlmon.contract.logs import Log, LogStatus
from etlmon.contract.node import Event, Severity
from node.collector import Sample
from node.sources.tail_types import Batch, Lost

MOST_GAPS_TOLD = 5
"""Of one look, as events; all of them are stored as gaps."""

_TROUBLE: Mapping[LogStatus, tuple[str, str]] = {
    "missing": ("log_missing", "is missing"),
    "denied": ("log_denied", "may not be read"),
    "stuck": ("log_stuck", "cannot be looked at"),
    "error": ("log_failed", "cannot be read"),
}


class Rate:
    """How many there were in the last `over_sec` seconds, give or take a sixtieth. The clock must never go back."""

    def __init__(self, over_sec: float) -> None:
        self._over_sec = over_sec
        self._step_sec = over_sec / 60
        self._counts: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, now: float, count: int) -> None:
        if not count:
            return
        self.total(now)  # lets go of what is too long ago
        self._total += count
        if self._counts and now - self._counts[-1][0] < self._step_sec:
            begin, before = self._counts.pop()
            self._counts.append((begin, before + count))
        else:
            self._counts.append((now, count))

    def total(self, now: float) -> int:
        while self._counts and now - self._counts[0][0] >= self._over_sec:
            self._total -= self._counts.popleft()[1]
        return self._total

    def per_sec(self, now: float) -> float:
        return round(self.total(now) / self._over_sec, 2)


def row_of(known: Log, batch: Batch, *, paused: bool, ended: bool, at: datetime) -> Log:
    """The log as this look saw it. `lines_total` and its like are those of the lines before."""
    current = [file for file in batch.files if not file.rotated]
    inodes = [chunk.inode for chunk in batch.chunks] or [file.inode for file in current]
    return msgspec.structs.replace(
        known,
        status=_status(batch, paused=paused, ended=ended),
        size_bytes=sum(file.size_bytes for file in current),
        offset=sum(file.offset for file in current),
        lag_bytes=sum(max(0, file.size_bytes - file.offset) for file in batch.files),
        inode=inodes[-1] if inodes else known.inode,
        files=len(batch.files),
        error_message=batch.error,
        paused=paused,
        collected_at=at,
    )


def _status(batch: Batch, *, paused: bool, ended: bool) -> LogStatus:
    if paused:
        return "paused"
    if batch.status != "ok":
        return batch.status
    if batch.more:
        return "behind"
    return "ended" if ended else "following"


def counted(row: Log, batch: Batch, matches: Mapping[str, int], at: datetime) -> Log:
    """The row with what the batch adds to its totals."""
    lines = sum(len(chunk.lines) for chunk in batch.chunks)
    return msgspec.structs.replace(
        row,
        lines_total=row.lines_total + lines,
        last_line_at=at if lines else row.last_line_at,
        rotations=row.rotations + batch.rotations,
        gaps=row.gaps + len(batch.lost),
        lost_bytes=row.lost_bytes + sum(lost.lost_bytes or 0 for lost in batch.lost),
        last_gap_at=at if batch.lost else row.last_gap_at,
        matches={**row.matches, **{name: row.matches.get(name, 0) + count for name, count in matches.items()}},
    )


def samples_of(row: Log, matches: Sequence[str]) -> list[Sample]:
    """The numbers of a log; `matches` are those that are configured."""
    labels = {"log": row.name}
    return [
        Sample("etlmon_log_up", float(row.status not in _TROUBLE), labels),
        Sample("etlmon_log_paused", float(row.paused), labels),
        Sample("etlmon_log_lines_total", row.lines_total, labels),
        Sample("etlmon_log_lag_bytes", row.lag_bytes, labels),
        Sample("etlmon_log_gaps_total", row.gaps, labels),
        Sample("etlmon_log_lost_bytes_total", row.lost_bytes, labels),
        *(Sample("etlmon_log_match_total", row.matches.get(name, 0), {**labels, "match": name}) for name in matches),
    ]


def trouble_of(row: Log | None) -> LogStatus | None:
    """The status of a log that cannot be read."""
    return row.status if row is not None and row.status in _TROUBLE else None


def trouble_event(row: Log, before: LogStatus | None) -> Event:
    """That a log cannot be read, or (when it can) that it could not be read `before` and is again."""
    if row.status in _TROUBLE:
        kind, words = _TROUBLE[row.status]
        return _event(row, kind, "warning", f"{words}: {row.error_message}" if row.error_message else words)
    return _event(row, "log_back", "info", "is there again" if before == "missing" else "can be read again")


def batch_events(row: Log, rotations: int, lost: Sequence[Lost]) -> Iterator[Event]:
    """What happened to the files."""
    if rotations:
        yield _event(row, "log_rotated", "info", "was rotated" + (f" {rotations} times" if rotations > 1 else ""))
    for one in lost[:MOST_GAPS_TOLD]:
        size = f" ({one.lost_bytes} bytes)" if one.lost_bytes else ""
        yield _event(row, "log_gap", "warning", f"may lack lines of {one.path}{size}: {one.message}")
    if len(lost) > MOST_GAPS_TOLD:
        yield _event(row, "log_gap", "warning", f"may lack lines in {len(lost) - MOST_GAPS_TOLD} other places")


def switched_off_event(row: Log, name: str) -> Event:
    return _event(row, "log_match_off", "warning", f"is not searched for {name} any more: {too_slow(name)}")


def too_slow(name: str) -> str:
    """What a log says of a match that is switched off."""
    return f"the pattern of the match {name} takes too long, again and again; write a simpler one and reload"


def _event(row: Log, kind: str, severity: Severity, words: str) -> Event:
    return Event(
        at=row.collected_at,
        domain="logs",
        key=row.name,
        kind=kind,
        severity=severity,
        message=f"{row.name} ({row.path}) {words}",
    )
