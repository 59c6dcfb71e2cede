"""What the lines of a transfer log mean, in the words of the contract: rows, samples and events. Pure functions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from etlmon.contract.logs import LogStatus
from etlmon.contract.node import Event, Severity
from etlmon.contract.xferlog import Transfer, UnparsedLine, XferFormat, XferSource
from node.collector import Sample
from node.collectors.xferlog_lines import Entry, Unread, parse
from node.sources.tail_types import Batch, Chunk, Lost
from node.sources.zones import LineClock

LONGEST_UNPARSED = 4096
"""Characters that are kept of a line that could not be read."""

MOST_UNPARSED = 100
"""Of one batch: when the path names something else, every line is one that cannot be read."""

MOST_TOLD = 10
"""Interrupted uploads that are told one by one within TOLD_WITHIN; the others are counted."""

TOLD_WITHIN = timedelta(minutes=5)
RECENT = timedelta(hours=1)
"""What happened longer ago is history: it is stored, and not told as an event."""

_ALWAYS_STATED = (
    "upload complete", "upload incomplete", "download complete", "download incomplete",
    "upload interrupted", "download interrupted",
)  # fmt: skip
"""Also while none was seen: a number that begins with the first transfer never grew by it."""

_LONGEST_TRANSFER_SEC = 10**9
_FAILED: Mapping[LogStatus, tuple[str, Severity]] = {
    "missing": ("xferlog_missing", "warning"),
    "denied": ("xferlog_denied", "warning"),
    "stuck": ("xferlog_stuck", "critical"),
    "error": ("xferlog_error", "warning"),
}


class Lines:
    """What a number of lines came to. It is filled chunk by chunk."""

    def __init__(self, wanted: XferFormat, parse_start: datetime | None, at: datetime) -> None:
        self.format: XferFormat | None = None
        """Of the last line that told of something."""
        self.transfers: list[Transfer] = []
        self.unparsed: list[UnparsedLine] = []
        self.unparsed_count = 0
        self._wanted = wanted
        self._parse_start = parse_start
        self._at = at

    def read(self, chunk: Chunk, clock: LineClock, written: tuple[datetime, datetime] | None) -> None:
        """The lines of one file, in their order. `written` is when they were, as far as that is known."""
        for position, line in enumerate(chunk.lines):
            entry = parse(line, self._wanted)
            if isinstance(entry, Entry):
                self.format = entry.format
                end = clock.instant(entry.end, written)
                if self._parse_start is None or end >= self._parse_start:
                    self.transfers.append(_transfer(entry, end))
            elif entry is not None:
                self._keep(line, _reason(entry, chunk, position))

    def _keep(self, line: str, reason: str) -> None:
        self.unparsed_count += 1
        if len(self.unparsed) < MOST_UNPARSED:
            self.unparsed.append(UnparsedLine(at=self._at, line=line[:LONGEST_UNPARSED], reason=reason))


def _reason(unread: Unread, chunk: Chunk, position: int) -> str:
    if position in chunk.truncated:
        return "it is too long and was cut"
    return f"{unread.reason}; its end was never written" if position in chunk.partial else unread.reason


def _transfer(entry: Entry, end: datetime) -> Transfer:
    is_timed = entry.direction in ("upload", "download") and entry.seconds <= _LONGEST_TRANSFER_SEC
    return Transfer(
        log_time=end,
        remote_host=entry.host,
        username=entry.user,
        filename=entry.filename,
        bytes=entry.bytes,
        transfer_time_sec=entry.seconds,
        direction=entry.direction,
        status=entry.status,
        transfer_type=entry.transfer_type,
        access_mode=entry.access_mode,
        service=entry.service,
        outcome=entry.outcome,
        started_at=end - timedelta(seconds=entry.seconds) if is_timed else None,
        bytes_per_sec=entry.bytes_per_sec,
    )


def status_of(batch: Batch) -> LogStatus:
    """How the log fares after a look."""
    if batch.status == "ok":
        return "behind" if batch.more else "following"
    return batch.status


def counted(counts: Mapping[str, tuple[int, int]], transfers: Iterable[Transfer]) -> dict[str, tuple[int, int]]:
    """The counts, transfers and bytes by direction and status, with these transfers.

    Those that broke off are also counted as `interrupted`, without their bytes.
    """
    after = dict(counts)
    for transfer in transfers:
        key = f"{transfer.direction} {transfer.status}"
        number, size = after.get(key, (0, 0))
        after[key] = (number + 1, size + transfer.bytes)
        if transfer.outcome == "interrupted" and transfer.direction in ("upload", "download"):
            key = f"{transfer.direction} interrupted"
            number, size = after.get(key, (0, 0))
            after[key] = (number + 1, size)
    return after


def samples_of(source: XferSource, counts: Mapping[str, tuple[int, int]]) -> Iterator[Sample]:
    """The numbers of the log: transfers from 0 on, other acts from the first one on."""
    sizes: dict[str, int] = {}
    for key, (number, size) in {**dict.fromkeys(_ALWAYS_STATED, (0, 0)), **counts}.items():
        direction, status = key.split(" ")
        if status == "interrupted":
            yield Sample("etlmon_xferlog_interrupted_total", number, {"direction": direction})
            continue
        yield Sample("etlmon_xferlog_transfers_total", number, {"direction": direction, "status": status})
        if direction in ("upload", "download"):
            sizes[direction] = sizes.get(direction, 0) + size
    for direction, size in sizes.items():
        yield Sample("etlmon_xferlog_bytes_total", size, {"direction": direction})
    yield Sample("etlmon_xferlog_unparsed_total", source.unparsed_total)
    yield Sample("etlmon_xferlog_lag_bytes", source.lag_bytes)
    yield Sample("etlmon_xferlog_up", float(source.status not in _FAILED))


def source_events(before: LogStatus | None, source: XferSource, lost: Sequence[Lost]) -> Iterator[Event]:
    """What happened to the log since it had the status before; None: nothing is known."""
    path, at = source.path, source.collected_at
    for gap in lost:
        yield _event(at, path, "xferlog_gap", "warning", f"{gap.path}: {gap.message}")
    if source.status in _FAILED and source.status != before:
        kind, severity = _FAILED[source.status]
        yield _event(at, path, kind, severity, source.error_message or source.status)
    if before in _FAILED and source.status not in _FAILED:
        yield _event(at, path, "xferlog_back", "info", f"{path} can be read again")


class Interruptions:
    """Tells of uploads that broke off, so many in a time and no more."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._told = 0
        self._untold = 0

    def events(self, path: str, transfers: Iterable[Transfer], at: datetime) -> Iterator[Event]:
        if self._began is None or not timedelta(0) <= at - self._began < TOLD_WITHIN:
            if self._untold:
                yield _event(at, path, "upload_interrupted", "warning", f"{self._untold:,} more uploads broke off")
            self._began, self._told, self._untold = at, 0, 0
        for transfer in transfers:
            if transfer.direction != "upload" or transfer.outcome != "interrupted" or at - transfer.log_time > RECENT:
                continue
            if self._told == MOST_TOLD:
                self._untold += 1
                continue
            self._told += 1
            words = (
                f"the upload of {transfer.filename} by {transfer.username or 'nobody'} from {transfer.remote_host} "
                f"broke off after {transfer.bytes:,} bytes"
            )
            yield _event(at, transfer.filename, "upload_interrupted", "warning", words)


def _event(at: datetime, key: str, kind: str, severity: Severity, message: str) -> Event:
    return Event(at=at, domain="xferlog", key=key, kind=kind, severity=severity, message=message)
