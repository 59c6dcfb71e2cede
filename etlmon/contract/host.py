"""host: what the machine itself does: processors, memory, disks, network, pressure; and the history of every number."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, Endpoint, Instant

HistoryLevel = Literal["raw", "minute", "hour"]

LONGEST_METRIC = 200
LONGEST_LABELS = 6000
LONGEST_SEC = 10 * 366 * 86400


class CpuUse(msgspec.Struct, frozen=True, kw_only=True):
    """Percent of the time since the look before; of all processors together, or of one."""

    number: int | None = None
    """Of the one that it is of; those that are switched off are left out. None: of all together."""
    user: float = 0.0
    """With nice, and with what virtual machines use of it."""
    system: float = 0.0
    """With interrupts."""
    idle: float = 0.0
    iowait: float | None = None
    """None where the kernel does not tell it, and so below."""
    steal: float | None = None
    busy: float = 0.0
    """All but idle and iowait."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes. `used_percent` is of what is not available, as free(1) counts."""

    total_bytes: int = 0
    used_bytes: int = 0
    available_bytes: int = 0
    free_bytes: int = 0
    cached_bytes: int | None = None
    """With what the kernel can give back of its own, as free(1) counts."""
    buffers_bytes: int | None = None
    used_percent: float = 0.0


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    total_bytes: int = 0
    used_bytes: int = 0
    used_percent: float = 0.0
    in_bytes_per_sec: float | None = None
    out_bytes_per_sec: float | None = None


class DiskIo(msgspec.Struct, frozen=True, kw_only=True):
    """One device: the kernel's counters since the boot, and their rates since the look before."""

    device: str
    read_bytes_total: int = 0
    write_bytes_total: int = 0
    reads_total: int = 0
    writes_total: int = 0
    read_bytes_per_sec: float | None = None
    """None at the first look, and when a counter went back."""
    write_bytes_per_sec: float | None = None
    reads_per_sec: float | None = None
    writes_per_sec: float | None = None
    busy_percent: float | None = None


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """One network interface: the kernel's counters since the boot, and their rates since the look before."""

    name: str
    is_up: bool = True
    speed_mbit: int | None = None
    received_bytes_total: int = 0
    sent_bytes_total: int = 0
    received_packets_total: int = 0
    sent_packets_total: int = 0
    errors_total: int = 0
    drops_total: int = 0
    received_bytes_per_sec: float | None = None
    sent_bytes_per_sec: float | None = None
    received_packets_per_sec: float | None = None
    sent_packets_per_sec: float | None = None


class Pressure(msgspec.Struct, frozen=True, kw_only=True):
    """Percent of the last 10 s in which some, or all, tasks waited for it (kernel.org, accounting/psi)."""

    resource: Literal["cpu", "memory", "io"]
    some_avg10: float = 0.0
    some_avg60: float = 0.0
    full_avg10: float | None = None
    full_avg60: float | None = None


class TopUser(msgspec.Struct, frozen=True, kw_only=True):
    """One of the processes that use most."""

    pid: int
    name: str
    user: str = ""
    cpu_percent: float | None = None
    """Of one core since the look before; None at the first one."""
    mem_rss_bytes: int = 0


class SelfUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the node itself uses, its children included, beside its limits."""

    cpu_percent: float | None = None
    """Of one core, since the check before; None at the first one."""
    mem_rss_bytes: int = 0
    """Of the node alone; its children come and go."""
    children_rss_bytes: int = 0
    max_cpu_percent: float = 0.0
    """0 is no limit, and so below."""
    max_mem_bytes: int = 0
    over: list[Literal["cpu", "memory"]] = []
    """The limits it has been over for three checks."""
    slowed: bool = False
    """Its collectors run half as often because of that."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """The machine as it was seen last. What this platform does not tell is None or empty."""

    collected_at: datetime
    boot_at: datetime | None = None
    uptime_sec: float | None = None
    cpu: CpuUse | None = None
    """None at the first look: there is no time since one before."""
    cores: list[CpuUse] = []
    load_1: float | None = None
    load_5: float | None = None
    load_15: float | None = None
    memory: Memory = Memory()
    swap: Swap = Swap()
    disks: list[DiskIo] = []
    interfaces: list[Interface] = []
    connections: dict[str, int] = {}
    """TCP connections by state: ESTABLISHED, TIME_WAIT, LISTEN, …; a state that none is in is 0.

    Of very many the kernel tells two numbers alone: TIME_WAIT, and ESTABLISHED with CLOSE_WAIT.
    """
    pressure: list[Pressure] = []
    top_cpu: list[TopUser] = []
    top_memory: list[TopUser] = []
    """Top processes are looked at every 15 s at most, and so are connections."""
    processes: int | None = None
    own: SelfUse = SelfUse()


class HistoryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A number over a stretch of time that begins at `at`."""

    at: datetime
    min: float
    max: float
    avg: float


class SeriesInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A number that has a history: its name and labels, and from when to when there are points, to the minute."""

    metric: str
    labels: dict[str, str] = {}
    first_at: datetime | None = None
    last_at: datetime | None = None


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which number, and from when to when. The points are as fine as what is kept of the time and 2,000 of them allow.

    A step is told whole, also the first and the last one that the time touches.
    """

    metric: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_METRIC, description="as in /metrics")]
    labels: Annotated[
        str, msgspec.Meta(max_length=LONGEST_LABELS, description="all of its labels: `device=sda,mode=user`")
    ] = ""
    since: Annotated[Instant, msgspec.Meta(description="an hour before `until` when it is left out")] | None = None
    until: Annotated[Instant, msgspec.Meta(description="now when it is left out")] | None = None
    last: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_SEC, description="instead of `since`: so many seconds")] | (
        None
    ) = None
    step: Annotated[int, msgspec.Meta(ge=1, le=86400, description="seconds a point; wider when they are too many")] | (
        None
    ) = None


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which numbers."""

    metric: Annotated[str, msgspec.Meta(max_length=LONGEST_METRIC, description="of this name only")] | None = None


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

HOST = Endpoint(
    method="GET",
    path=f"{API}/host",
    answer=Host,
    summary="Processors, memory, disks, network and pressure of the host now",
    errors=(404, 503),
    example=Host(
        collected_at=_AT,
        cpu=CpuUse(user=31.0, system=6.2, idle=61.8, iowait=1.0, steal=0.0, busy=37.2),
        load_1=1.52,
        load_5=1.31,
        load_15=1.11,
        memory=Memory(
            total_bytes=16_777_216_000,
            used_bytes=8_388_608_000,
            available_bytes=8_388_608_000,
            free_bytes=1_048_576_000,
            cached_bytes=6_291_456_000,
            buffers_bytes=314_572_800,
            used_percent=50.0,
        ),
        disks=[DiskIo(device="sda", read_bytes_total=1_048_576, reads_total=256, busy_percent=3.1)],
        interfaces=[Interface(name="eth0", received_bytes_total=1_048_576, received_bytes_per_sec=1024.0)],
        connections={"ESTABLISHED": 12, "TIME_WAIT": 3},
        pressure=[Pressure(resource="io", some_avg10=0.4, full_avg10=0.1)],
    ),
)

HOST_HISTORY = Endpoint(
    method="GET",
    path=f"{API}/host/history",
    answer=list[HistoryPoint],
    summary="The history of one number of this node, of whatever domain, oldest first",
    query=HistoryQuery,
    errors=(404,),
    headers={"X-Level": "raw, minute or hour: how fine the points are that the answer is made of"},
    example=[HistoryPoint(at=_AT, min=31.0, max=44.5, avg=37.2)],
)

HOST_SERIES = Endpoint(
    method="GET",
    path=f"{API}/host/series",
    answer=list[SeriesInfo],
    summary="The numbers that have a history",
    query=SeriesQuery,
    example=[SeriesInfo(metric="cpu_usage_percent", labels={"mode": "user"}, first_at=_AT, last_at=_AT)],
)
