"""processes: what is watched, what runs of it, and ending one of them."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from etlmon.contract.endpoint import API, PAGE_HEADERS, Endpoint, Instant, Page

ProcessStatus = Literal["RUNNING", "STOPPED"]
ProcessState = Literal["running", "sleeping", "disk_sleep", "stopped", "traced", "zombie", "dead", "idle", "unknown"]
WatchState = Literal["ok", "too_few", "too_many", "error"]
Signal = Literal["SIGTERM", "SIGKILL"]

RECENT = 12
"""How many of the latest CPU figures a process carries."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process of one watch. A watch with nothing running is a row, too: STOPPED, with what ran last
    where that is known.

    A process is (boot, pid, start_time): a pid alone is given to another process sooner or later. What could not be
    read (another user's descriptors, a process that blocks its reader) is None, never 0.
    """

    watch: str
    pid: int | None = None
    process_name: str = ""
    cmdline: str = ""
    """Arguments with a blank between, secrets hidden. In brackets the name, where there is no command line."""
    start_time: datetime | None = None
    runtime_sec: float | None = None
    cpu_percent: float | None = None
    """Since the look before: 100 is one core. None at the first look."""
    mem_rss_bytes: int | None = None
    status: ProcessStatus
    collected_at: datetime
    user: str = ""
    ppid: int | None = None
    state: ProcessState | None = None
    threads: int | None = None
    open_files: int | None = None
    read_bytes: int | None = None
    """Bytes that it had the storage read and write since it started."""
    write_bytes: int | None = None
    restarts: int = 0
    """How often a process of this watch started again after one had ended, since the watch is known."""
    last_seen_at: datetime | None = None
    wchan: str | None = None
    """Where in the kernel it waits; only in the state `disk_sleep`."""
    cpu_host_percent: float | None = None
    """The same CPU share of all cores together: 100 is the whole host."""
    recent_cpu: list[float | None] = []
    """The latest values of `cpu_percent`, oldest first."""
    error_message: str | None = None
    """What could not be read, and why."""


class ProcessWatch(msgspec.Struct, frozen=True, kw_only=True):
    """One watch: what it looks for, and whether as many run as should."""

    name: str
    looks_for: str
    """The selectors in words, for example `match etl_worker` or `pidfile /run/vsftpd.pid`."""
    running: int = 0
    min: int = 1
    max: int | None = None
    state: WatchState = "ok"
    error_message: str | None = None
    """Why it cannot be told what runs: no pidfile, no such user."""
    starts: int = 0
    """Processes that were seen starting, ending and starting again after an end, since the watch is known."""
    stops: int = 0
    restarts: int = 0
    last_started_at: datetime | None = None
    last_stopped_at: datetime | None = None
    since: datetime | None = None
    """Since when `state` is what it is."""
    cpu_percent: float | None = None
    """Of all its processes together."""
    mem_rss_bytes: int | None = None
    may_kill: bool = False
    """Whether the node's policy lets processes of this watch be ended; each attempt is still checked."""
    collected_at: datetime


class ProcessPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a watch: all its processes together."""

    at: datetime
    running: int
    cpu_percent: float | None
    mem_rss_bytes: int | None
    read_bytes_per_sec: float | None
    write_bytes_per_sec: float | None


class ProcessHistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which watch, from when to when, and how far apart the points stand."""

    watch: Annotated[str, msgspec.Meta(min_length=1, description="the name of a watch", examples=["etl_worker"])]
    since: Annotated[Instant, msgspec.Meta(description="from when; a day before `until` when not given")] | None = None
    until: Annotated[Instant, msgspec.Meta(description="to when; now when not given")] | None = None
    step: Annotated[int, msgspec.Meta(ge=1, le=86400, description="seconds between points")] | None = None


class ProcessTopQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what the host's processes are ordered, and how many are told."""

    by: Annotated[Literal["cpu", "memory"], msgspec.Meta(description="what the largest have most of")] = "cpu"
    n: Annotated[int, msgspec.Meta(ge=1, le=200, description="how many")] = 20


class TopProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One of the host's processes, watched or not."""

    pid: int
    ppid: int
    process_name: str
    cmdline: str
    """As in `Process`. Empty when it could not be read in time."""
    user: str
    state: ProcessState
    start_time: datetime
    cpu_percent: float | None
    mem_rss_bytes: int
    threads: int
    watches: list[str] = []


class ProcessQuery(Page, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which processes."""

    watch: Annotated[str, msgspec.Meta(description="of this watch only")] | None = None


class ProcessDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one watched process when somebody looks at it, or is about to end it; read now, not stored."""

    pid: int
    start_time: datetime
    children: list[TopProcess] = []
    """What it started and what those started, nearest first; at most 200."""
    children_total: int = 0
    parents: list[TopProcess] = []
    """Its parent, that one's parent, and so on."""
    cwd: str | None = None
    exe: str | None = None
    nice: int | None = None
    cpu_sec: float | None = None
    """CPU time since it started, user and system."""
    open_files: int | None = None
    file_limit: int | None = None
    files: list[str] = []
    """The regular files it has open, at most 100."""
    refusal: str | None = None
    """Why a kill would be refused; None when it would not."""
    refusal_reason: str | None = None
    signals: list[Signal] = []
    """By which signals it may be ended; none when a kill would be refused."""


class KillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which signal to send. `confirm` must be true: nobody ends a process by trying out the API."""

    signal: Annotated[Signal, msgspec.Meta(description="SIGTERM asks it to stop, SIGKILL ends it at once")] = "SIGTERM"
    confirm: Annotated[bool, msgspec.Meta(description="must be true")] = False
    start_time: (
        Annotated[Instant, msgspec.Meta(description="of the process that is meant; refused when the pid is another's")]
        | None
    ) = None


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. The signal was sent; a process may take its time to stop, and may ignore SIGTERM."""

    pid: int
    signal: Signal
    result: Literal["exited", "still_alive"]
    waited_ms: int
    note: str | None = None
    """Why it is still alive, as far as that can be told: it ignores the signal, or waits in the kernel."""


_AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
_STARTED = datetime(2026, 11, 20, 22, 15, 9, 710000, tzinfo=UTC)
_PROCESS = Process(
    watch="etl_worker",
    pid=12357,
    process_name="python3",
    cmdline="python3 /opt/etl/bin/worker.py --job load_1 --token=***",
    start_time=_STARTED,
    runtime_sec=27890.3,
    cpu_percent=72.7,
    mem_rss_bytes=349_175_808,
    status="RUNNING",
    collected_at=_AT,
    user="etl",
    ppid=1201,
    state="running",
    threads=4,
    open_files=17,
    read_bytes=1_048_576,
    write_bytes=4096,
    restarts=1,
    last_seen_at=_AT,
    cpu_host_percent=9.1,
    recent_cpu=[70.1, 72.7],
)
_TOP = TopProcess(
    pid=12357,
    ppid=1201,
    process_name="python3",
    cmdline="python3 /opt/etl/bin/worker.py --job load_1 --token=***",
    user="etl",
    state="running",
    start_time=_STARTED,
    cpu_percent=72.7,
    mem_rss_bytes=349_175_808,
    threads=4,
    watches=["etl_worker"],
)

PROCESSES = Endpoint(
    method="GET",
    path=f"{API}/processes",
    answer=list[Process],
    summary="The watched processes, and every watch of which none runs",
    query=ProcessQuery,
    errors=(404,),
    headers=PAGE_HEADERS,
    example=[
        _PROCESS,
        Process(watch="ftpd", status="STOPPED", collected_at=_AT, error_message="/run/vsftpd.pid is missing"),
    ],
)

PROCESS_WATCHES = Endpoint(
    method="GET",
    path=f"{API}/processes/watches",
    answer=list[ProcessWatch],
    summary="What is watched, and whether as many run as should",
    example=[
        ProcessWatch(
            name="etl_worker",
            looks_for="match etl_worker",
            running=1,
            max=4,
            cpu_percent=72.7,
            mem_rss_bytes=349_175_808,
            may_kill=True,
            collected_at=_AT,
        )
    ],
)

PROCESS_HISTORY = Endpoint(
    method="GET",
    path=f"{API}/processes/history",
    answer=list[ProcessPoint],
    summary="How many ran of a watch and what they used, oldest first",
    query=ProcessHistoryQuery,
    errors=(404,),
    example=[
        ProcessPoint(
            at=_AT,
            running=1,
            cpu_percent=72.7,
            mem_rss_bytes=349_175_808,
            read_bytes_per_sec=0.0,
            write_bytes_per_sec=4096.0,
        )
    ],
)

PROCESS_TOP = Endpoint(
    method="GET",
    path=f"{API}/processes/top",
    answer=list[TopProcess],
    summary="The processes of the host that use most, watched or not",
    query=ProcessTopQuery,
    errors=(503,),
    example=[_TOP],
)

PROCESS = Endpoint(
    method="GET",
    path=f"{API}/processes/{{pid}}",
    answer=ProcessDetail,
    summary="One watched process looked at now: its children, parents, files, and whether it may be ended",
    errors=(404,),
    example=ProcessDetail(
        pid=12357,
        start_time=_STARTED,
        children=[],
        parents=[],
        cwd="/opt/etl",
        exe="/usr/bin/python3.11",
        nice=0,
        cpu_sec=20193.4,
        open_files=17,
        file_limit=1024,
        files=["/var/log/etl/worker.log"],
        signals=["SIGTERM", "SIGKILL"],
    ),
)

PROCESS_KILL = Endpoint(
    method="POST",
    path=f"{API}/processes/{{pid}}/kill",
    answer=Killed,
    summary="Send a signal to a watched process and wait a moment for its end",
    body=KillRequest,
    errors=(404, 409, 413, 415, 429, 503),
    patience_sec=30.0,
    example=Killed(pid=12357, signal="SIGTERM", result="exited", waited_ms=212),
)
