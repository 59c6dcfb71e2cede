"""What fake nodes say of processes: watches of which all run, and watches and processes in trouble."""

from datetime import timedelta

from etlmon.contract.node import EVENTS, Event
from etlmon.contract.processes import (
    PROCESS,
    PROCESS_HISTORY,
    PROCESS_KILL,
    PROCESS_WATCHES,
    PROCESSES,
    Killed,
    Process,
    ProcessDetail,
    ProcessPoint,
    ProcessWatch,
    TopProcess,
)
from tests.fakes.nodes import FakeNode
from tests.ui.looking import NOW

MB = 2**20
STARTED = NOW - timedelta(days=1, hours=1, minutes=7, seconds=3)


def process(pid: int, watch: str = "etl_worker", **more: object) -> Process:
    """A process that runs for a day and does its work."""
    values: dict[str, object] = {
        "watch": watch,
        "pid": pid,
        "process_name": "python3",
        "cmdline": f"python3 /opt/etl/bin/worker.py --job load_{pid % 10} --shard 1",
        "start_time": STARTED,
        "runtime_sec": (NOW - STARTED).total_seconds(),
        "cpu_percent": 12.5,
        "mem_rss_bytes": 333 * MB,
        "status": "RUNNING",
        "collected_at": NOW - timedelta(seconds=2),
        "user": "etl",
        "ppid": 1201,
        "state": "sleeping",
        "threads": 4,
        "open_files": 17,
        "read_bytes": 900 * MB,
        "write_bytes": 12 * MB,
        "last_seen_at": NOW - timedelta(seconds=2),
        "cpu_host_percent": 1.6,
        "recent_cpu": [10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 72.0, 50.0, 30.0, 12.5],
    }
    return Process(**{**values, **more})  # type: ignore[arg-type]


def absent(watch: str, **more: object) -> Process:
    """That nothing of a watch runs."""
    values: dict[str, object] = {"watch": watch, "status": "STOPPED", "collected_at": NOW - timedelta(seconds=2)}
    return Process(**{**values, **more})  # type: ignore[arg-type]


def watch(name: str = "etl_worker", running: int = 1, **more: object) -> ProcessWatch:
    """A watch of which as many run as should."""
    values: dict[str, object] = {
        "name": name,
        "looks_for": f"match {name}",
        "running": running,
        "starts": 3,
        "stops": 2,
        "restarts": 2,
        "since": NOW - timedelta(minutes=4),
        "last_started_at": STARTED,
        "cpu_percent": 12.5,
        "mem_rss_bytes": 333 * MB,
        "may_kill": True,
        "collected_at": NOW - timedelta(seconds=2),
    }
    return ProcessWatch(**{**values, **more})  # type: ignore[arg-type]


def top(pid: int, **more: object) -> TopProcess:
    values: dict[str, object] = {
        "pid": pid,
        "ppid": 12357,
        "process_name": "sqlldr",
        "cmdline": f"sqlldr control=load_{pid}.ctl",
        "user": "etl",
        "state": "sleeping",
        "start_time": STARTED,
        "cpu_percent": 0.3,
        "mem_rss_bytes": 48 * MB,
        "threads": 1,
    }
    return TopProcess(**{**values, **more})  # type: ignore[arg-type]


def looked(pid: int, children: int = 0, **more: object) -> ProcessDetail:
    """What the node says of one process when it looks at it."""
    values: dict[str, object] = {
        "pid": pid,
        "start_time": STARTED,
        "children": [top(pid + 1 + number) for number in range(children)],
        "children_total": children,
        "parents": [top(1201, ppid=1, process_name="supervisord", cmdline="/usr/bin/supervisord -n")],
        "cwd": "/opt/etl",
        "exe": "/usr/bin/python3.11",
        "nice": 0,
        "cpu_sec": 20193.4,
        "open_files": 17,
        "file_limit": 1024,
        "files": ["/var/log/etl/worker.log", "/data/in/한글파일.csv"],
    }
    return ProcessDetail(**{**values, **more})  # type: ignore[arg-type]


def running(fake: FakeNode) -> FakeNode:
    """The node watches two processes, and both are well."""
    fake.answers[PROCESSES.path] = [process(801), process(802, "vsftpd", process_name="vsftpd", user="root")]
    fake.answers[PROCESS_WATCHES.path] = [watch(), watch("vsftpd")]
    fake.answers[PROCESS_HISTORY.path] = []
    fake.answers[PROCESS.path] = looked(801)
    return fake


def processes_in_trouble(fake: FakeNode) -> FakeNode:
    """Watches of which none or too few run, one that cannot be judged, and processes that do nothing."""
    busy = [70.0, 76.0, 81.0, 90.0, 95.0, None, 88.0, 79.0, 71.0, 72.7]
    command = "python3 /opt/etl/bin/worker.py --job load_1 --shard 1 --token=*** [queue=in]"
    fake.answers[PROCESSES.path] = [
        process(12357, cpu_percent=72.7, cmdline=command, state="running", recent_cpu=busy, restarts=2),
        process(12391, state="disk_sleep", cpu_percent=0.0, recent_cpu=[0.0] * 6, wchan="rpc_wait_bit_killable"),
        process(12476, cpu_percent=1598.2, mem_rss_bytes=9 * 1024 * MB, state="running", threads=64),
        process(12477, state="zombie", cmdline="[python3]", mem_rss_bytes=None, cpu_percent=0.0, recent_cpu=[]),
        process(990, "loader", process_name="etl_loader", cmdline="/opt/etl/bin/loader -c /etc/etl/로더.conf"),
        absent(
            "vsftpd",
            last_seen_at=NOW - timedelta(minutes=4),
            process_name="vsftpd",
            cmdline="/usr/sbin/vsftpd /etc/vsftpd.conf",
        ),
        absent("nightly", error_message="/run/nightly.pid is missing"),
        absent("rsync", last_seen_at=NOW - timedelta(hours=7), cmdline="rsync -a /data/out nas:/out"),
    ]
    fake.answers[PROCESS_WATCHES.path] = [
        watch(running=4, max=8),
        watch("loader", 1, min=3, state="too_few", may_kill=False),
        watch("vsftpd", 0, state="too_few", cpu_percent=None, mem_rss_bytes=None),
        watch("nightly", 0, state="error", error_message="/run/nightly.pid is missing"),
        watch("rsync", 0, min=0),
    ]
    fake.answers[PROCESS.path] = looked(12357, 3)
    fake.answers[f"{PROCESSES.path}/990"] = looked(
        990,
        refusal="990 etl_loader is not ended: kill.allow does not name the watch loader",
        refusal_reason="not_allowed",
    )
    fake.answers[PROCESS_KILL.path] = Killed(
        pid=12357, signal="SIGTERM", result="still_alive", waited_ms=3000, note="it ignores SIGTERM"
    )
    fake.answers[PROCESS_HISTORY.path] = [
        ProcessPoint(
            at=NOW - timedelta(minutes=10 * back),
            running=4,
            cpu_percent=70.0 + back % 7 * 20,
            mem_rss_bytes=(300 + back) * MB,
            read_bytes_per_sec=0.0,
            write_bytes_per_sec=4096.0,
        )
        for back in reversed(range(100))
    ]
    ended = Event(
        id=9,
        at=NOW - timedelta(minutes=4),
        domain="processes",
        key="vsftpd",
        kind="process_stopped",
        severity="warning",
        message="vsftpd 811 (vsftpd) ended after 3d 02:11:09",
    )
    earlier = fake.answers.get(EVENTS.path)
    fake.answers[EVENTS.path] = [ended, *(earlier if isinstance(earlier, list) else ())]
    return fake
