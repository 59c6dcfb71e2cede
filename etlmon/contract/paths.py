"""paths: how many files lie below the watched directories, and what is arriving there."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, PAGE_HEADERS, Endpoint, Instant, Page

PathStatus = Literal["OK", "SCANNING", "ERROR"]
PathState = Literal["ok", "empty", "denied", "missing", "not_mounted", "stuck", "incomplete"]


class PathStats(msgspec.Struct, frozen=True, kw_only=True):
    """The latest scan of one watched path.

    While `status` is SCANNING the counts are those of the scan before (or, on a first scan, those so far).
    When `complete` is false the tree holds at least `file_count` files and `error_message` says what cut
    the scan short.
    """

    path: str
    name: str = ""
    file_count: int = 0
    dir_count: int = 0
    scan_duration_ms: int = 0
    status: PathStatus = "OK"
    error_message: str | None = None
    collected_at: datetime
    state: PathState = "ok"
    complete: bool = True
    skipped: int = 0
    """Directories that could not be read."""
    total_bytes: int | None = None
    """Apparent sizes added up; None unless `sizes` is set for the path."""
    oldest_mtime: datetime | None = None
    newest_mtime: datetime | None = None
    arriving_count: int = 0
    """Files still being written: a temporary suffix, or a size that changed since the scan before."""
    ready_count: int = 0
    """Files that are not arriving."""
    delta_files: int | None = None
    """Files more (or fewer) than at the complete scan before; None when there was none."""
    next_scan_at: datetime | None = None
    scanned_files: int | None = None
    """While SCANNING: the files counted so far."""


class PathHistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which path, from when to when, and how far apart the points stand."""

    path: Annotated[str, msgspec.Meta(min_length=1, description="a watched path, or its name", examples=["/data/in"])]
    since: Annotated[Instant, msgspec.Meta(description="from when; a day before `until` when not given")] | None = None
    until: Annotated[Instant, msgspec.Meta(description="to when; now when not given")] | None = None
    step: Annotated[int, msgspec.Meta(ge=1, le=86400, description="seconds between points")] | None = None


class PathPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One finished scan."""

    at: datetime
    file_count: int
    dir_count: int
    arriving_count: int
    total_bytes: int | None
    scan_duration_ms: int
    complete: bool


class PathTopQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which path, and how many rows of each kind."""

    path: Annotated[str, msgspec.Meta(min_length=1, description="a watched path, or its name", examples=["/data/in"])]
    n: Annotated[int, msgspec.Meta(ge=1, le=1000, description="rows of each kind")] = 20


class TopFile(msgspec.Struct, frozen=True, kw_only=True):
    """A large file; `path` is relative to the watched path."""

    path: str
    bytes: int
    mtime: datetime


class TopDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """A large directory with the files directly in it; `path` is relative to the watched path."""

    path: str
    bytes: int
    file_count: int


class PathTop(msgspec.Struct, frozen=True, kw_only=True):
    """The largest files and directories of the last scan that measured sizes; empty when none did."""

    files: list[TopFile]
    directories: list[TopDirectory]


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which watched paths (or their names) to scan now; none means all of them."""

    paths: Annotated[
        list[str] | None, msgspec.Meta(description="watched paths or their names", examples=[["/data/in"]])
    ] = None


class ScanSkipped(msgspec.Struct, frozen=True, kw_only=True):
    """A path that was not started, and why."""

    path: str
    reason: str


class ScanAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan request started."""

    accepted: list[str]
    skipped: list[ScanSkipped]


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

PATHS = Endpoint(
    method="GET",
    path=f"{API}/paths",
    answer=list[PathStats],
    summary="Every watched path with its latest scan",
    query=Page,
    headers=PAGE_HEADERS,
    example=[
        PathStats(path="/data/in", name="landing", file_count=1204, dir_count=7, scan_duration_ms=12, collected_at=_AT)
    ],
)

PATH_HISTORY = Endpoint(
    method="GET",
    path=f"{API}/paths/history",
    answer=list[PathPoint],
    summary="The finished scans of a path, oldest first",
    query=PathHistoryQuery,
    errors=(404,),
    example=[
        PathPoint(
            at=_AT,
            file_count=1204,
            dir_count=7,
            arriving_count=2,
            total_bytes=None,
            scan_duration_ms=12,
            complete=True,
        )
    ],
)

PATH_TOP = Endpoint(
    method="GET",
    path=f"{API}/paths/top",
    answer=PathTop,
    summary="The largest files and directories below a path",
    query=PathTopQuery,
    errors=(404,),
    example=PathTop(
        files=[TopFile(path="2026/sales.csv", bytes=1_048_576, mtime=_AT)],
        directories=[TopDirectory(path="2026", bytes=1_048_576, file_count=1)],
    ),
)

PATH_SCAN = Endpoint(
    method="POST",
    path=f"{API}/paths/scan",
    answer=ScanAccepted,
    summary="Scan watched paths now; answers at once",
    body=ScanRequest,
    status=202,
    errors=(404, 413, 415, 429),
    example=ScanAccepted(accepted=["/data/in"], skipped=[ScanSkipped(path="/data/out", reason="a scan is running")]),
)
