"""fs: the mounts of the host and how full they are."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, Endpoint, Instant

MountState = Literal["ok", "stuck", "denied", "not_mounted", "error"]


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """A process in uninterruptible sleep (state D) whose cwd, open files or wait channel point at a mount."""

    pid: int
    process_name: str
    wchan: str


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """One mounted file system, or an expected one that is not there.

    Sizes are as df(1) prints them: `used_bytes` = blocks - free, `avail_bytes` = free to an unprivileged user and
    `used_percent` = used / (used + avail). While a mount is stuck its sizes are the last ones
    known, as of `collected_at`.
    """

    mount_point: str
    total_bytes: int = 0
    used_bytes: int = 0
    avail_bytes: int = 0
    used_percent: float = 0.0
    collected_at: datetime
    device: str = ""
    fstype: str = ""
    read_only: bool = False
    inodes_total: int = 0
    inodes_used_percent: float = 0.0
    state: MountState = "ok"
    stuck_since: datetime | None = None
    error_message: str | None = None
    network: bool = False
    expected: bool = False
    full_at: datetime | None = None
    """When the mount runs full if the last hours go on; None when it does not fill or too little is known."""
    warn_percent: float = 80.0
    critical_percent: float = 90.0
    blocked: list[Blocked] = msgspec.field(default_factory=list)


class FsHistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mount, from when to when, and how far apart the points stand."""

    mount: Annotated[str, msgspec.Meta(min_length=1, description="mount point", examples=["/data"])]
    since: Annotated[Instant, msgspec.Meta(description="from when; a day before `until` when not given")] | None = None
    until: Annotated[Instant, msgspec.Meta(description="to when; now when not given")] | None = None
    step: Annotated[int, msgspec.Meta(ge=1, le=86400, description="seconds between points")] | None = None


class FsPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a mount's history."""

    at: datetime
    used_bytes: int
    avail_bytes: int
    used_percent: float


class FsHoldersQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mount to look at."""

    mount: Annotated[str, msgspec.Meta(min_length=1, description="mount point", examples=["/"])]


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A process that keeps deleted files of a mount open: their space comes back when it closes them."""

    pid: int
    process_name: str
    user: str
    deleted_files: int
    deleted_bytes: int


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

FS = Endpoint(
    method="GET",
    path=f"{API}/fs",
    answer=list[Mount],
    summary="Every mount with its usage",
    example=[
        Mount(
            mount_point="/data",
            total_bytes=4_000_000_000_000,
            used_bytes=3_720_000_000_000,
            avail_bytes=280_000_000_000,
            used_percent=93.0,
            collected_at=_AT,
            device="nas:/export",
            fstype="nfs4",
            network=True,
            inodes_total=1_000_000,
            inodes_used_percent=41.0,
        )
    ],
)

FS_HISTORY = Endpoint(
    method="GET",
    path=f"{API}/fs/history",
    answer=list[FsPoint],
    summary="How full a mount was",
    query=FsHistoryQuery,
    errors=(404,),
    headers={"X-Full-At": "when the mount runs full at this pace (RFC 3339); absent when it does not"},
    example=[FsPoint(at=_AT, used_bytes=3_720_000_000_000, avail_bytes=280_000_000_000, used_percent=93.0)],
)

FS_HOLDERS = Endpoint(
    method="GET",
    path=f"{API}/fs/holders",
    answer=list[Holder],
    summary="Processes that hold deleted files of a mount open, most bytes first; looked up on demand",
    query=FsHoldersQuery,
    errors=(404, 504),
    example=[
        Holder(pid=4242, process_name="etl_loader", user="etl", deleted_files=2, deleted_bytes=53_687_091_200),
    ],
)
