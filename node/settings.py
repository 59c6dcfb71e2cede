"""The structs of node.yaml. Every key has a default; none is required.

What each key means stands in node.yaml.example, and a test holds the two together.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from etlmon.units import Duration
from node.section import AbsolutePath, Count, CountOrZero, Name, Percent, Section
from node.settings_alerts import Alerts
from node.settings_clusters import Clusters
from node.settings_dataproc import Dataproc
from node.settings_host import Host


class Node(Section, frozen=True, kw_only=True):
    listen: str = "127.0.0.1:8080"
    node_name: str = ""
    db_path: str = ""


class Refresh(Section, frozen=True, kw_only=True):
    disk: Duration = Duration(15)
    default_path_scan: Duration = Duration(300)
    process: Duration = Duration(5)
    cron: Duration = Duration(60)
    host: Duration = Duration(5)
    clusters: Duration = Duration(30)
    dataproc: Duration = Duration(120)


class ExpectedMount(Section, frozen=True, kw_only=True):
    mount: AbsolutePath
    fstype: str = ""
    source: str = ""


class Fs(Section, frozen=True, kw_only=True):
    include_network: bool = True
    exclude_fstypes: tuple[str, ...] = ("squashfs",)
    exclude_mounts: tuple[str, ...] = ("/snap/*",)
    probe_timeout: Duration = Duration(2)
    warn_percent: Percent = 80.0
    critical_percent: Percent = 90.0
    expect: tuple[ExpectedMount, ...] = ()


class WatchedPath(Section, frozen=True, kw_only=True):
    path: AbsolutePath
    name: str = ""
    scan_interval: Duration | None = None
    max_depth: CountOrZero = 0
    exclude: tuple[str, ...] = ()
    max_files_per_scan: CountOrZero = 5_000_000
    timeout: Duration = Duration(30)
    max_ops_per_sec: CountOrZero = 0
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    sizes: bool = False
    top_n: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    one_file_system: bool = True
    follow_symlinks: bool = False
    arriving_suffixes: tuple[str, ...] = (
        ".tmp",
        ".part",
        ".partial",
        ".filepart",
        ".crdownload",
        ".inprogress",
        ".swp",
    )


class Multiline(Section, frozen=True, kw_only=True):
    start: Annotated[str, msgspec.Meta(min_length=1)]


class LogMatch(Section, frozen=True, kw_only=True):
    name: Name
    pattern: Annotated[str, msgspec.Meta(min_length=1)]
    severity: Literal["info", "warning", "error"] = "error"


DEFAULT_MATCHES = (
    LogMatch(name="errors", pattern="ERROR|FATAL|CRITICAL|PANIC|Traceback", severity="error"),
    LogMatch(name="warnings", pattern="WARN", severity="warning"),
)


class WatchedLog(Section, frozen=True, kw_only=True):
    name: Name
    path: AbsolutePath
    follow: bool = True
    buffer_lines: CountOrZero = 500
    start: Literal["tail", "end", "beginning"] = "tail"
    multiline: Multiline | None = None
    match: tuple[LogMatch, ...] = DEFAULT_MATCHES
    timestamp: str | None = None


class Xferlog(Section, frozen=True, kw_only=True):
    path: str = ""
    format: Literal["auto", "xferlog", "vsftpd"] = "auto"
    parse_start: str | None = None
    timezone: str = "local"
    root: str | None = None
    reconcile_interval: Duration = Duration(300)
    session_max: Duration = Duration(86400)


class ProcessWatch(Section, frozen=True, kw_only=True):
    """What to look for: a process must fit each selector that is given, and at least one is."""

    name: str = ""
    match: str | None = None
    exact: str | None = None
    pidfile: AbsolutePath | None = None
    user: str | None = None
    pid: Count | None = None
    min: CountOrZero = 1
    max: Count | None = None

    @property
    def title(self) -> str:
        """What it is called: its name, or what it looks for."""
        return self.name or self.looks_for

    @property
    def looks_for(self) -> str:
        """The selectors in words, for example `match etl_worker, user etl`."""
        selectors = {key: getattr(self, key) for key in ("match", "exact", "pidfile", "user", "pid")}
        return ", ".join(f"{key} {value}" for key, value in selectors.items() if value is not None)


class Kill(Section, frozen=True, kw_only=True):
    enabled: bool = True
    allow: tuple[str, ...] | None = None
    signals: tuple[Literal["SIGTERM", "SIGKILL"], ...] = ("SIGTERM", "SIGKILL")
    users: tuple[str, ...] | None = None
    protect: tuple[str, ...] = ("systemd", "sshd", "sshd-session", "dbus-daemon", "login")
    wait: Duration = Duration(3)
    rate_per_minute: Count = 10


class Cron(Section, frozen=True, kw_only=True):
    enabled: bool = True
    system_crontab: AbsolutePath = "/etc/crontab"
    cron_d: AbsolutePath = "/etc/cron.d"
    spool: tuple[AbsolutePath, ...] = ("/var/spool/cron/crontabs", "/var/spool/cron")
    anacrontab: AbsolutePath = "/etc/anacrontab"
    flavour: Literal["auto", "debian", "cronie"] = "auto"
    timezone: str = "local"
    systemd_timers: bool = True
    run_log: str = "auto"
    grace: Duration = Duration(300)


class History(Section, frozen=True, kw_only=True):
    raw: Duration = Duration(86400)
    minute: Duration = Duration(7 * 86400)
    hour: Duration = Duration(30 * 86400)


class Keep(Section, frozen=True, kw_only=True):
    """How long rows are kept: `max_age` 0 and `max_rows` 0 keep for ever."""

    max_age: Duration
    max_rows: CountOrZero


class Retention(Section, frozen=True, kw_only=True):
    log_lines: Keep = Keep(max_age=Duration(7 * 86400), max_rows=100_000)
    xferlog_entries: Keep = Keep(max_age=Duration(7 * 86400), max_rows=100_000)
    cron_runs: Keep = Keep(max_age=Duration(30 * 86400), max_rows=100_000)
    dataproc_runs: Keep = Keep(max_age=Duration(30 * 86400), max_rows=10_000)
    events: Keep = Keep(max_age=Duration(30 * 86400), max_rows=100_000)
    audit: Keep = Keep(max_age=Duration(365 * 86400), max_rows=0)


class Security(Section, frozen=True, kw_only=True):
    trusted_network: bool = False
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    read_only: bool = False
    tokens: list[Any] = msgspec.field(default_factory=list)
    tls: dict[str, Any] = msgspec.field(default_factory=dict)
    rate: dict[str, Any] = msgspec.field(default_factory=dict)


class Logging(Section, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
    file: str | None = None


class NodeSettings(Section, frozen=True, kw_only=True):
    """The whole of node.yaml. A section of a domain that this version does not carry yet is kept as it stands."""

    node: Node = Node()
    refresh: Refresh = Refresh()
    fs: Fs = Fs()
    paths: tuple[WatchedPath, ...] = ()
    logs: tuple[WatchedLog, ...] = ()
    xferlog: Xferlog = Xferlog()
    process_watch: tuple[ProcessWatch, ...] = ()
    kill: Kill = Kill()
    cron: Cron = Cron()
    clusters: Clusters = Clusters()
    dataproc: Dataproc = Dataproc()
    host: Host = Host()
    alerts: Alerts = Alerts()
    history: History = History()
    retention: Retention = Retention()
    security: Security = msgspec.field(default_factory=Security)
    logging: Logging = Logging()
    arrivals: list[Any] = msgspec.field(default_factory=list)
    loadtests: dict[str, Any] = msgspec.field(default_factory=dict)


PENDING = (
    "arrivals",
    "loadtests",
    "security.tokens",
    "security.tls",
    "security.rate",
)
"""Keys that load with a warning, because the domain that reads them is not part of this version."""


def default_db_path(state_home: str, home: Path | None, *, is_root: bool) -> Path | None:
    """Where the database lies when db_path is not set: /var/lib for root, else the user's state directory (XDG).

    None for a user without a home directory. A relative `state_home` counts as not set, as XDG demands.
    """
    if is_root:
        return Path("/var/lib/etlmon/etlmon.db")
    if state_home.startswith("/"):
        return Path(state_home) / "etlmon/etlmon.db"
    return home / ".local/state/etlmon/etlmon.db" if home else None


LARGEST_PORT = 65535
LONGEST_SOCKET_PATH = 107
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")


def listen_address(text: str) -> tuple[str, int] | Path:
    """What `node.listen` means: host (or IP, without brackets) and port, or the path of a unix socket.

    Raises ValueError saying what is wrong. Port 0 takes a free one.
    """
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if not path.is_absolute():
            raise ValueError("the path after unix: must be absolute, for example unix:/run/etlmon/node.sock")
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            raise ValueError(f"the path of a unix socket has at most {LONGEST_SOCKET_PATH} bytes (unix(7))")
        return path
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdecimal()) or int(port) > LARGEST_PORT:
        raise ValueError("write host:port, for example 127.0.0.1:8080, [::1]:8080, or unix:/run/etlmon/node.sock")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if host.replace(".", "").isdecimal():
        return str(ipaddress.IPv4Address(host)), int(port)
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name or IPv4 address; an IPv6 address stands in brackets: [::1]:8080")
    return host, int(port)
