"""What fake nodes say in the tests of the screens: hosts that are well, and hosts in trouble."""

from datetime import timedelta

import msgspec

from etlmon.contract.fs import FS, FS_HISTORY, FS_HOLDERS, Blocked, FsPoint, Holder, Mount
from etlmon.contract.node import (
    AUDIT,
    EVENTS,
    HEALTH,
    NODE,
    CollectorHealth,
    Event,
    Health,
    NodeInfo,
    StoreHealth,
)
from etlmon.contract.paths import PATH_HISTORY, PATH_TOP, PATHS, PathPoint, PathStats, PathTop, TopDirectory, TopFile
from tests.fakes.nodes import FakeNode
from tests.ui.alarms import alerted, alerts_in_trouble
from tests.ui.crontabs import scheduled, schedules_in_trouble
from tests.ui.estates import clustered, clusters_in_trouble
from tests.ui.looking import NOW, on_time
from tests.ui.machines import machine, machine_in_trouble
from tests.ui.running import processes_in_trouble, running
from tests.ui.transfers import transferred, transfers_in_trouble

GB = 2**30


def mount(path: str, used: float, total_gb: int = 100, **more: object) -> Mount:
    """A mount with this usage in percent."""
    total = total_gb * GB
    values: dict[str, object] = {
        "mount_point": path,
        "total_bytes": total,
        "used_bytes": int(total * used / 100),
        "avail_bytes": total - int(total * used / 100),
        "used_percent": used,
        "collected_at": NOW,
        "fstype": "ext4",
        "device": "/dev/vda1",
        "inodes_total": 1_000_000,
        "inodes_used_percent": 12.0,
    }
    return Mount(**{**values, **more})  # type: ignore[arg-type]


def path(where: str, files: int, **more: object) -> PathStats:
    """A watched path with this many files."""
    values: dict[str, object] = {
        "path": where,
        "file_count": files,
        "dir_count": 7,
        "scan_duration_ms": 12,
        "collected_at": NOW - timedelta(seconds=20),
        "next_scan_at": NOW + timedelta(seconds=40),
        "delta_files": 12,
        "ready_count": files,
        "oldest_mtime": NOW - timedelta(hours=3),
    }
    return PathStats(**{**values, **more})  # type: ignore[arg-type]


def collector(name: str, **more: object) -> CollectorHealth:
    values: dict[str, object] = {
        "name": name,
        "status": "ok",
        "interval_sec": 15.0,
        "duration_ms": 1.8,
        "last_run_at": NOW - timedelta(seconds=5),
        "last_success_at": NOW - timedelta(seconds=5),
    }
    return CollectorHealth(**{**values, **more})  # type: ignore[arg-type]


def says(fake: FakeNode, name: str, **more: object) -> FakeNode:
    """The node has this name, and is well; `more` are fields of its NodeInfo."""
    on_time(fake)
    info = msgspec.to_builtins(NODE.example) | {"node_id": fake.node_id, "node_name": name, "hostname": name} | more
    fake.answers[NODE.path] = msgspec.convert(info, NodeInfo)
    fake.answers[HEALTH.path] = Health(
        status="healthy",
        node_name=name,
        uptime_sec=86400.0,
        collectors=[collector("fs"), collector("paths:/data/in", interval_sec=60.0)],
        store=StoreHealth(db_bytes=3 * 2**20, wal_bytes=32_768, last_commit_at=NOW, free_bytes=28 * GB),
    )
    fake.answers[FS.path] = [mount("/", 23), mount("/home", 41, 500)]
    fake.answers[PATHS.path] = [path("/data/in", 1204)]
    fake.answers[EVENTS.path] = []
    fake.answers[AUDIT.path] = []
    fake.answers[FS_HISTORY.path] = []
    fake.answers[FS_HOLDERS.path] = []
    fake.answers[PATH_HISTORY.path] = []
    running(fake)
    scheduled(fake)
    clustered(fake)
    alerted(fake)
    machine(fake)
    return transferred(fake)


def in_trouble(fake: FakeNode, name: str) -> FakeNode:
    """A node with full, stuck and missing mounts, and paths that cannot be counted."""
    says(fake, name)
    stuck_since = NOW - timedelta(minutes=4)
    fake.answers[FS.path] = [
        mount("/", 71),
        mount("/data", 93, 4000, full_at=NOW + timedelta(hours=5), network=True, fstype="nfs4", device="nas:/export"),
        mount("/nfs/in", 84.2, 12000, full_at=NOW + timedelta(days=3), fstype="nfs4"),
        mount("/data/서울-지점", 52, 2000),
        mount(
            "/mnt/hung",
            40,
            state="stuck",
            stuck_since=stuck_since,
            blocked=[Blocked(pid=4242, process_name="etl_loader", wchan="rpc_wait_bit_killable")],
        ),
        Mount(mount_point="/backup", collected_at=NOW, state="not_mounted", expected=True),
        mount("/var/spool", 9, inodes_used_percent=97.0),
    ]
    fake.answers[PATHS.path] = [
        path("/data/in", 1204, name="landing", arriving_count=3, total_bytes=3 * GB),
        path("/data/archive", 5_000_000, complete=False, state="incomplete", error_message="stopped after 30 s"),
        path("/data/logs", 812, status="SCANNING", scanned_files=40_210),
        path("/data/gone", 0, status="ERROR", state="missing", error_message="no such directory"),
        path("/backup/out", 0, status="ERROR", state="not_mounted", error_message="/backup is not mounted"),
        path("/data/empty", 0, state="empty", delta_files=None),
    ]
    fake.answers[HEALTH.path] = Health(
        status="degraded",
        node_name=name,
        collectors=[
            collector("fs"),
            collector("paths:/data/in", status="failing", last_error="cannot start a child", consecutive_failures=4),
        ],
        store=StoreHealth(db_bytes=9 * 2**20, wal_bytes=0, last_commit_at=NOW, free_bytes=GB),
        problems=["collector paths:/data/in is failing"],
    )
    fake.answers[EVENTS.path] = [
        Event(
            id=7, at=stuck_since, domain="fs", key="/mnt/hung", kind="mount_stuck", severity="critical",
            message="/mnt/hung does not answer",
        )
    ]  # fmt: skip
    fake.answers[FS_HISTORY.path] = [
        FsPoint(at=NOW - timedelta(minutes=10 * back), used_bytes=0, avail_bytes=0, used_percent=93.0 - back * 0.5)
        for back in reversed(range(100))
        if not 40 <= back < 50
    ]
    fake.answers[FS_HOLDERS.path] = [
        Holder(pid=4242, process_name="etl_loader", user="etl", deleted_files=2, deleted_bytes=50 * GB)
    ]
    fake.answers[PATH_HISTORY.path] = [
        PathPoint(
            at=NOW - timedelta(minutes=10 * back), file_count=1000 + 2 * back, dir_count=7, arriving_count=0,
            total_bytes=None, scan_duration_ms=12, complete=True,
        )
        for back in reversed(range(60))
    ]  # fmt: skip
    fake.answers[PATH_TOP.path] = PathTop(
        files=[TopFile(path="2026/sales.csv", bytes=GB, mtime=NOW - timedelta(hours=1))],
        directories=[TopDirectory(path="2026", bytes=GB, file_count=1)],
    )
    processes_in_trouble(fake)
    schedules_in_trouble(fake)
    clusters_in_trouble(fake)
    alerts_in_trouble(fake)
    machine_in_trouble(fake)
    return transfers_in_trouble(fake)
