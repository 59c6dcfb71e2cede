"""The columns of the Xferlog view: of transfers, of sums, of findings, and of lines that could not be read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from etlmon.contract.xferlog import Direction, Finding, Transfer, TransferSummary, UnparsedLine
from ui import format as fmt
from ui.glyphs import NOTHING
from ui.views.rows import Field, Row, level_cell
from ui.widgets.bar import bar
from ui.widgets.cells import Cell

_BAR = 12
_ARROWS: dict[Direction, str] = {"upload": "↑ up", "download": "↓ down"}


@dataclass(frozen=True, slots=True)
class Sum:
    """A summary, and the bytes of the largest one beside it: what a full bar is."""

    summary: TransferSummary
    largest_bytes: int

    @property
    def bytes(self) -> int:
        return self.summary.upload_bytes + self.summary.download_bytes


def time_of(row: Row[Any], moment: datetime | None) -> str:
    """A time in nine cells: how long ago, or the time of day, with the date when that is another day."""
    if moment is None:
        return NOTHING
    if row.times == "relative":
        return f"{row.age(moment)} ago"
    zone = UTC if row.times == "utc" else row.zone
    here = moment.astimezone(zone)
    return f"{here:%H:%M:%S}" if here.date() == row.now.astimezone(zone).date() else f"{here:%m-%d %Hh}"


def file_cell(filename: str) -> Cell:
    """The name before its directory: what does not fit is what matters less."""
    directory, _, name = filename.rpartition("/")
    if not name:
        return filename
    return [(name, None), (f"  {directory or '/'}", "dim")] if "/" in filename else name


def direction_text(direction: Direction) -> str:
    return _ARROWS.get(direction, f"· {direction}")


def status_cell(row: Row[Transfer]) -> Cell:
    """How it ended, and what is wrong with what lies on the disk."""
    transfer = row.item
    if transfer.outcome == "refused":
        return ("· refused", "info")
    if transfer.on_disk in ("missing", "shorter"):
        return level_cell(row.level, f"{transfer.on_disk}")
    return level_cell(row.level, transfer.outcome)


def _bytes(row: Row[Transfer]) -> Cell:
    return fmt.size(row.item.bytes) if row.item.direction in _ARROWS else (NOTHING, "dim")


def _on_disk(row: Row[Transfer]) -> Cell:
    return (row.item.on_disk or NOTHING, None if row.item.on_disk in ("missing", "shorter") else "dim")


def _seconds(row: Row[Transfer]) -> Cell:
    return fmt.duration(row.item.transfer_time_sec) if row.item.transfer_time_sec else (NOTHING, "dim")


TRANSFER_FIELDS: tuple[Field[Transfer], ...] = (
    Field("time", "TIME", 9, lambda row: time_of(row, row.item.log_time), lambda row: row.item.log_time, right=True),
    Field("host", "HOST", 15, lambda row: row.item.remote_host, lambda row: row.item.remote_host, priority=3),
    Field(
        "user", "USER", 8, lambda row: row.item.username or (NOTHING, "dim"), lambda row: row.item.username, priority=1
    ),
    Field("dir", "DIR", 8, lambda row: direction_text(row.item.direction), lambda row: row.item.direction),
    Field("file", "FILE", 18, lambda row: file_cell(row.item.filename), lambda row: row.item.filename, flex=True),
    Field("bytes", "BYTES", 5, _bytes, lambda row: row.item.bytes, right=True),
    Field(
        "rate",
        "RATE",
        7,
        lambda row: fmt.rate(row.item.bytes_per_sec),
        lambda row: row.item.bytes_per_sec,
        right=True,
        priority=2,
    ),
    Field("took", "TOOK", 8, _seconds, lambda row: row.item.transfer_time_sec, right=True, priority=5),
    Field("disk", "ON DISK", 7, _on_disk, lambda row: row.item.on_disk, priority=4),
    Field("status", "STATUS", 13, status_cell, lambda row: row.item.outcome),
)


def hour_text(row: Row[Sum]) -> str:
    """The start of the hour as the operator's clock has it."""
    start = datetime.fromisoformat(row.item.summary.key)
    return f"{start.astimezone(UTC if row.times == 'utc' else row.zone):%Y-%m-%d %H:%M}"


def _bar(row: Row[Sum]) -> Cell:
    share = 100 * row.item.bytes / row.item.largest_bytes if row.item.largest_bytes else 0.0
    return (bar(share, _BAR), "accent")


def _ill(count: int) -> Cell:
    return (fmt.count(count), "warn" if count else "dim")


_SUM_FIELDS: tuple[Field[Sum], ...] = (
    Field("bar", "BYTES", _BAR, _bar, lambda row: row.item.bytes, right=True, priority=2),
    Field("in", "UP", 6, lambda row: fmt.size(row.item.summary.upload_bytes), lambda row: row.item.summary.upload_bytes,
          right=True),
    Field("out", "DOWN", 6, lambda row: fmt.size(row.item.summary.download_bytes),
          lambda row: row.item.summary.download_bytes, right=True),
    Field("uploads", "UPS", 6, lambda row: fmt.short_count(row.item.summary.uploads),
          lambda row: row.item.summary.uploads, right=True, priority=1),
    Field("downloads", "DOWNS", 6, lambda row: fmt.short_count(row.item.summary.downloads),
          lambda row: row.item.summary.downloads, right=True, priority=1),
    Field("broken", "BROKEN", 6, lambda row: _ill(row.item.summary.interrupted),
          lambda row: row.item.summary.interrupted, right=True),
    Field("refused", "REFUSED", 7, lambda row: _ill(row.item.summary.refused),
          lambda row: row.item.summary.refused, right=True, priority=3),
    Field("rate", "RATE", 7, lambda row: fmt.rate(row.item.summary.bytes_per_sec),
          lambda row: row.item.summary.bytes_per_sec, right=True, priority=4),
    Field("last", "LAST", 9, lambda row: time_of(row, row.item.summary.last_at),
          lambda row: row.item.summary.last_at, right=True, priority=5),
)  # fmt: skip


def sum_fields(by: str) -> tuple[Field[Sum], ...]:
    """The columns of sums by user, host or hour."""
    named: Field[Sum] = Field(
        by,
        by.upper(),
        16,
        hour_text if by == "hour" else lambda row: row.item.summary.key or (NOTHING, "dim"),
        lambda row: row.item.summary.key,
        flex=True,
    )
    return (named, *_SUM_FIELDS)


def _kind(row: Row[Finding]) -> Cell:
    return ("· unlogged", "info") if row.item.kind == "unlogged" else level_cell(row.level, row.item.kind)


FINDING_FIELDS: tuple[Field[Finding], ...] = (
    Field("kind", "FINDING", 10, _kind, lambda row: row.item.kind),
    Field("file", "FILE", 24, lambda row: file_cell(row.item.filename), lambda row: row.item.filename, flex=True),
    Field("logged", "LOGGED", 6, lambda row: fmt.size(row.item.logged_bytes), lambda row: row.item.logged_bytes,
          right=True),
    Field("on_disk", "ON DISK", 7, lambda row: fmt.size(row.item.disk_bytes), lambda row: row.item.disk_bytes,
          right=True),
    Field("time", "TIME", 9, lambda row: time_of(row, row.item.log_time), lambda row: row.item.log_time, right=True),
    Field("found", "FOUND", 9, lambda row: time_of(row, row.item.found_at), lambda row: row.item.found_at, right=True,
          priority=1),
)  # fmt: skip

UNPARSED_FIELDS: tuple[Field[UnparsedLine], ...] = (
    Field("time", "READ", 9, lambda row: time_of(row, row.item.at), lambda row: row.item.at, right=True),
    Field("line", "LINE", 30, lambda row: row.item.line, flex=True),
    Field("reason", "WHY NOT", 26, lambda row: (row.item.reason, "warn"), lambda row: row.item.reason, flex=True),
)
