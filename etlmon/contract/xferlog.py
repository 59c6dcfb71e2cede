"""xferlog: what an FTP server transferred, as its own log tells it."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, Endpoint, Instant, RowPage
from etlmon.contract.logs import LogStatus

Direction = Literal["upload", "download", "delete", "rename", "mkdir", "rmdir", "chmod"]
TransferStatus = Literal["complete", "incomplete"]
Outcome = Literal["complete", "interrupted", "refused"]
OnDisk = Literal["present", "shorter", "missing", "unknown"]
XferFormat = Literal["auto", "xferlog", "vsftpd"]


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the server's log. `direction` is as the client sees it: an upload came in."""

    id: int = 0
    log_time: datetime
    """The end of the transfer: the server writes the line then."""
    remote_host: str
    username: str = ""
    filename: str
    """As logged. vsftpd writes `_` for a blank and `?` for each byte that is not ASCII: it is a pattern, not a name."""
    bytes: int = 0
    transfer_time_sec: float = 0.0
    direction: Direction
    status: TransferStatus = "complete"
    """What the log says. A client that was killed looks complete."""
    transfer_type: Literal["ascii", "binary"] | None = None
    access_mode: Literal["anonymous", "guest", "real"] | None = None
    service: str = "ftp"
    on_disk: OnDisk | None = None
    """Whether an upload lies on the disk as large as logged; None where that is not looked at."""
    outcome: Outcome = "complete"
    """`refused` is an attempt that never moved a byte (no such file, no permission), not an interruption."""
    started_at: datetime | None = None
    bytes_per_sec: float | None = None


class TransferQuery(RowPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transfers."""

    user: Annotated[str, msgspec.Meta(description="of this user; `*` is wild")] | None = None
    host: Annotated[str, msgspec.Meta(description="from this host; `*` is wild")] | None = None
    filename: (
        Annotated[str, msgspec.Meta(max_length=4096, description="whose file name matches: `*` and `?` are wild")]
        | None
    ) = None
    direction: Direction | None = None
    status: TransferStatus | None = None
    outcome: Outcome | None = None
    since: Annotated[Instant, msgspec.Meta(description="that ended at this time or later")] | None = None
    until: Annotated[Instant, msgspec.Meta(description="that ended before this time")] | None = None


class SummaryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what transfers are added up."""

    by: Annotated[Literal["user", "host", "hour"], msgspec.Meta(description="what a row of the answer is")] = "hour"
    since: Annotated[Instant, msgspec.Meta(description="from when; a day before now when not given")] | None = None
    until: Annotated[Instant, msgspec.Meta(description="to when; now when not given")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="rows in one answer")] = 1000


class TransferSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Uploads and downloads of one user, host or hour."""

    key: str
    """The user, the host, or the hour's start as RFC 3339."""
    transfers: int
    uploads: int
    downloads: int
    upload_bytes: int
    download_bytes: int
    interrupted: int
    refused: int
    bytes_per_sec: float | None
    """Mean rate of the transfers that moved something: their bytes by their seconds."""
    last_at: datetime


class XferSource(msgspec.Struct, frozen=True, kw_only=True):
    """The log that transfers are read from: how far it is read, and how it fares."""

    path: str
    format: XferFormat = "auto"
    """What the lines turned out to be; `auto` until the first one that could be read."""
    status: LogStatus = "following"
    size_bytes: int = 0
    offset: int = 0
    lag_bytes: int = 0
    files: int = 0
    """Files that are followed: open sessions go on writing into rotated ones."""
    transfers_total: int = 0
    unparsed_total: int = 0
    """Lines that are no transfer and nothing else the server is known to write."""
    last_unparsed_at: datetime | None = None
    """When such a line was read last."""
    rotations: int = 0
    gaps: int = 0
    lost_bytes: int = 0
    """Bytes known to be lost in the gaps."""
    last_transfer_at: datetime | None = None
    error_message: str | None = None
    advice: list[str] = []
    """What the server's settings keep from being seen, and how to change that."""
    polled: bool = False
    collected_at: datetime
    root: str | None = None
    """Where uploads are looked for on the disk; None when they are not."""
    compared_at: datetime | None = None
    """When that was last tried."""
    compare_error: str | None = None
    """Why it told nothing, or not everything: no upload is called missing then."""


class UnparsedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that could not be read, and why."""

    id: int = 0
    at: datetime
    line: str
    reason: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The log and the disk do not say the same."""

    kind: Literal["missing", "shorter", "unlogged"]
    """A logged upload that is not there, or smaller than logged; a file without a line in the log."""
    filename: str
    """As logged; for an unlogged file its path below the root."""
    path: str | None = None
    """The file it was compared with."""
    logged_bytes: int | None = None
    disk_bytes: int | None = None
    log_time: datetime | None = None
    found_at: datetime
    transfer_id: int | None = None


class FindingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which findings."""

    kind: Literal["missing", "shorter", "unlogged"] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="rows in one answer")] = 100


_AT = datetime(2026, 11, 21, 5, 59, 30, tzinfo=UTC)
_TRANSFER = Transfer(
    id=1,
    log_time=_AT,
    remote_host="10.0.0.7",
    username="etl",
    filename="/in/sales_20261121.csv",
    bytes=1_048_576,
    transfer_time_sec=2,
    direction="upload",
    transfer_type="binary",
    access_mode="real",
    on_disk="present",
    bytes_per_sec=524_288,
)

_NEXT = {"Link": 'the next page, rel="next"; absent on the last'}

XFERLOG = Endpoint(
    method="GET",
    path=f"{API}/xferlog",
    answer=list[Transfer],
    summary="FTP transfers, newest first",
    query=TransferQuery,
    headers=_NEXT,
    example=[_TRANSFER],
)

XFERLOG_SUMMARY = Endpoint(
    method="GET",
    path=f"{API}/xferlog/summary",
    answer=list[TransferSummary],
    summary="FTP transfers added up by user, host or hour",
    query=SummaryQuery,
    example=[
        TransferSummary(
            key="etl",
            transfers=12,
            uploads=11,
            downloads=1,
            upload_bytes=11_534_336,
            download_bytes=1024,
            interrupted=1,
            refused=0,
            bytes_per_sec=524_288,
            last_at=_AT,
        )
    ],
)

XFERLOG_SOURCE = Endpoint(
    method="GET",
    path=f"{API}/xferlog/source",
    answer=list[XferSource],
    summary="The log that transfers are read from; empty when none is configured",
    example=[XferSource(path="/var/log/vsftpd.log", format="vsftpd", transfers_total=12, collected_at=_AT)],
)

XFERLOG_UNPARSED = Endpoint(
    method="GET",
    path=f"{API}/xferlog/unparsed",
    answer=list[UnparsedLine],
    summary="Lines of the transfer log that could not be read, newest first",
    query=RowPage,
    headers=_NEXT,
    example=[UnparsedLine(id=1, at=_AT, line="garbage", reason="it does not begin with a date")],
)

XFERLOG_FINDINGS = Endpoint(
    method="GET",
    path=f"{API}/xferlog/findings",
    answer=list[Finding],
    summary="Where the transfer log and the disk do not say the same",
    query=FindingQuery,
    example=[
        Finding(
            kind="shorter",
            filename="/in/sales_20261121.csv",
            path="/srv/ftp/in/sales_20261121.csv",
            logged_bytes=1_048_576,
            disk_bytes=524_288,
            log_time=_AT,
            found_at=_AT,
            transfer_id=1,
        )
    ],
)
