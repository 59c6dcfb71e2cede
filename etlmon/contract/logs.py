"""logs: files that are followed line by line, their stored lines, and what may be missing of them."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, LARGEST_ID, Endpoint, Instant, RowPage

LogStatus = Literal["following", "behind", "paused", "ended", "missing", "denied", "stuck", "error"]
LineSeverity = Literal["info", "warning", "error"]
GapReason = Literal["truncated", "replaced", "gone", "skipped"]

SEQ_BITS = 40
"""A line's `id` is its log's number above these bits and its `seq` in them: unique in the node, and in order."""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One configured log: how far it is read, and how it fares.

    A log whose path is a glob has several files: sizes, offsets and lags are then those of all of them, `inode` is that
    of the file that was read last.
    """

    name: str
    path: str
    status: LogStatus = "following"
    size_bytes: int = 0
    offset: int = 0
    lag_bytes: int = 0
    """Bytes that are in the files and not stored yet."""
    inode: int | None = None
    lines_total: int = 0
    """Lines stored since the log was first seen, those that retention has deleted included."""
    lines_per_sec: float = 0.0
    last_line_at: datetime | None = None
    paused: bool = False
    rotations: int = 0
    gaps: int = 0
    lost_bytes: int = 0
    """Bytes known to be lost in the gaps; a gap whose size nobody can know adds nothing."""
    last_gap_at: datetime | None = None
    """When the newest gap was found."""
    error_message: str | None = None
    collected_at: datetime
    files: int = 0
    """Files that are followed, rotated ones that may still be written to included."""
    polled: bool = False
    """Looked at from time to time only, because its file system tells nobody of changes (network mounts)."""
    first_seq: int = 0
    last_seq: int = 0
    """The `seq` of the oldest and the newest stored line; `last_seq` < `first_seq` when none is stored."""
    matches: dict[str, int] = {}
    """Lines that matched, by the name of the match, since the log was first seen."""
    errors_per_min: float = 0.0
    """Lines of the severity `error` in the last minute."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One stored line, or several that `multiline` joined (then with line feeds in it).

    Line feeds and tabs come through the client as they are; all else that drives a terminal does not.
    """

    id: int
    seq: int
    """Dense in its log: neighbours differ by one."""
    line: str
    created_at: datetime
    """When it was read."""
    source_inode: int | None = None
    truncated: bool = False
    """It was longer than 64 KiB; the rest is not stored."""
    partial: bool = False
    """It had no line feed when the file was rotated away or fell silent; what came later is a line of its own."""
    severity: LineSeverity | None = None
    """That of the worst match."""
    event_at: datetime | None = None
    """The time that stands in the line, where `timestamp` says how to read it."""
    file: str = ""
    """The file it came from, where that is not the log's `path` itself: one of a glob's."""


class LogGap(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a log may be missing here."""

    id: int = 0
    at: datetime
    path: str
    inode: int | None = None
    offset: int = 0
    """Up to where the file had been read."""
    lost_bytes: int | None = None
    """How many bytes are lost at least; None when nobody can know."""
    reason: GapReason
    message: str
    seq: int = 0
    """The last line before the gap."""


Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**SEQ_BITS - 1)]


class LogQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines of a log; without anything the newest 100. The answer is oldest first.

    An answer has fewer lines when they are long: about 2 MiB of text at most, the ones that were asked for first.
    `follow` begins with what comes next, with the newest `lines`, or with what comes `after`; filters hold there, too.
    """

    lines: Annotated[int, msgspec.Meta(ge=1, le=1000, description="how many lines at most; 100")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="the same as `lines`; wins over it")] | None = None
    before: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID, description="lines before this id")] | None = None
    after: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID, description="lines after this id")] | None = None
    start: Annotated[Seq, msgspec.Meta(description="lines from this seq on")] | None = None
    since: Annotated[Instant, msgspec.Meta(description="lines from this time on")] | None = None
    grep: Annotated[Pattern, msgspec.Meta(description="only lines that match this regular expression")] | None = None
    exclude: Annotated[Pattern, msgspec.Meta(description="only lines that do not match this one")] | None = None
    severity: Annotated[LineSeverity, msgspec.Meta(description="only lines at least so severe")] | None = None
    matches: (
        Annotated[Literal["seq"], msgspec.Meta(description="answer the seqs of the lines alone, newest first")] | None
    ) = None
    follow: Annotated[bool, msgspec.Meta(description="true: a stream of server-sent events")] = False


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more needs to be said."""


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
_NUMBER = 1 << SEQ_BITS
_LOG = Log(
    name="app",
    path="/var/log/app.log",
    size_bytes=1_048_576,
    offset=1_048_576,
    inode=131,
    lines_total=8000,
    lines_per_sec=12.5,
    last_line_at=_AT,
    collected_at=_AT,
    files=1,
    first_seq=1,
    last_seq=8000,
    matches={"errors": 3},
)

LOGS = Endpoint(
    method="GET",
    path=f"{API}/logs",
    answer=list[Log],
    summary="Every configured log: how far it is read, and how it fares",
    example=[_LOG],
)

LOG: Endpoint[list[LogLine | int]] = Endpoint(
    method="GET",
    path=f"{API}/logs/{{name}}",
    answer=list[LogLine | int],
    summary="Stored lines of a log, oldest first; or a stream of what comes",
    query=LogQuery,
    keeps_layout=True,
    headers={
        "X-First-Seq": "the seq of the oldest stored line",
        "X-Last-Seq": "the seq of the newest stored line; less than X-First-Seq when there is none",
        "X-Searched-Seq": "where a search stopped that ran out of time: go on with `before` (or `after`) its id; "
        "absent when all was searched",
    },
    errors=(404,),
    example=[LogLine(id=_NUMBER + 8000, seq=8000, line="06:00:00 INFO loaded", created_at=_AT, source_inode=131)],
)

LOG_GAPS = Endpoint(
    method="GET",
    path=f"{API}/logs/{{name}}/gaps",
    answer=list[LogGap],
    summary="Where something of a log may be missing, newest first",
    query=RowPage,
    headers={"Link": 'the next page, rel="next"; absent on the last'},
    errors=(404,),
    example=[
        LogGap(
            id=1,
            at=_AT,
            path="/var/log/app.log",
            inode=131,
            offset=52_000,
            reason="truncated",
            message="the file was truncated; what was written just before may be lost",
            seq=7990,
        )
    ],
)

LOG_PAUSE = Endpoint(
    method="POST",
    path=f"{API}/logs/{{name}}/pause",
    answer=Log,
    summary="Stop reading a log; its place is kept",
    body=PauseRequest,
    errors=(404, 413, 415, 429, 503),
    example=msgspec.structs.replace(_LOG, status="paused", paused=True),
)

LOG_RESUME = Endpoint(
    method="POST",
    path=f"{API}/logs/{{name}}/resume",
    answer=Log,
    summary="Go on reading a log from where it was paused",
    body=PauseRequest,
    errors=(404, 413, 415, 429, 503),
    example=_LOG,
)
