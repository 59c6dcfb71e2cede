"""What a node costs its host: memory (P1), processor (P2) and the wait for its first answer (P7).

The node watches mounts, paths, logs, processes, cron jobs and an FTP server's log. It is looked at twice: while its
logs are silent (P2), and while they grow (P1). The peers are Prometheus' node_exporter, which reads the same mounts,
and glances, which looks at all it knows as often as the node looks at processes. By
default the node settles for some seconds; ETLMON_BENCH_LONG=1 takes an hour: after 5 minutes silent for 25, and with
growing logs for 25 more.
"""

import contextlib
import getpass
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.processes import Memory, answers, cpu_sec, free_port, glances, memory, program
from tests.torture.following import writer

ROUNDS = 5
MOUNTS = PATHS = LOGS = 5
LINES_PER_SEC = 500 / LOGS
TRANSFERS_PER_SEC = 10
FILES_PER_PATH = 2000
WATCHES, PROCESSES = 10, 500
CRON_JOBS = 200
SCRAPE_SEC = 15.0
SAMPLE_SEC = 0.25
MIB = 1024 * 1024
EXPORTER = "prometheus-node-exporter"


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="etlmon-bench-") as scratch, _mounts(Path(scratch)) as mounts, _crowd():
        config = _configure(Path(scratch))
        return [*_cost(config, mounts), _start(config)]


def _logs(scratch: Path) -> list[Path]:
    return [scratch / f"app{number}.log" for number in range(LOGS)]


def _xferlog(scratch: Path) -> Path:
    return scratch / "vsftpd.log"


@contextlib.contextmanager
def _traffic(scratch: Path) -> Iterator[None]:
    """Logs that grow, LINES_PER_SEC each, and an FTP server that is at work."""
    stop = threading.Event()
    transfers = threading.Thread(target=_transfer, args=(_xferlog(scratch), stop))
    with ExitStack() as stack:
        for log in _logs(scratch):
            stack.enter_context(writer(log, LINES_PER_SEC))
        transfers.start()
        try:
            yield
        finally:
            stop.set()
            transfers.join()


def _transfer(log: Path, stop: threading.Event) -> None:
    number = 0
    with log.open("a", buffering=1) as file:
        while not stop.wait(1 / TRANSFERS_PER_SEC):
            number += 1
            file.write(
                f"{time.asctime()} [pid 4711] [etl] OK UPLOAD: "
                f'Client "127.0.0.1", "/in/sales_{number}.csv", 4096 bytes, 812.50Kbyte/sec\n'
            )


@contextlib.contextmanager
def _mounts(scratch: Path) -> Iterator[int]:
    """Five file systems to watch; those the host has, when this is not root. Yields how many were added."""
    added: list[Path] = []
    for number in range(MOUNTS if os.geteuid() == 0 else 0):
        where = scratch / f"mount{number}"
        where.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "bench", where], check=True)
        added.append(where)
    try:
        yield len(added)
    finally:
        for where in added:
            subprocess.run(["umount", where], check=True)


@contextlib.contextmanager
def _crowd() -> Iterator[None]:
    """As many processes as a host has that is at work; one of each watch is among them."""
    missing = max(WATCHES, PROCESSES - sum(entry.name.isdigit() for entry in Path("/proc").iterdir()))
    crowd = [
        subprocess.Popen([f"bench_worker_{number}_", "infinity"], executable=shutil.which("sleep"))
        for number in range(missing)
    ]
    try:
        yield
    finally:
        for process in crowd:
            process.kill()
        for process in crowd:
            process.wait()


def _configure(scratch: Path) -> Path:
    lines = ["paths:"]
    for number in range(PATHS):
        directory = scratch / f"path{number}"
        directory.mkdir()
        for file in range(FILES_PER_PATH):
            (directory / f"{file}.csv").touch()
        lines.append(f"  - path: {directory}")
    lines.append("logs:")
    for log in _logs(scratch):
        log.touch()
        lines.append(f"  - {{name: {log.stem}, path: {log}}}")
    _xferlog(scratch).touch()
    lines.append(f"xferlog: {{path: {_xferlog(scratch)}}}")
    lines.append("process_watch:")
    lines += [f"  - {{name: worker{number}, match: bench_worker_{number}_}}" for number in range(WATCHES)]
    spool = scratch / "crontabs"
    spool.mkdir()
    crontab = spool / getpass.getuser()
    crontab.write_text("".join(f"{n % 60} {n % 24} * * * /opt/etl/bin/job_{n}\n" for n in range(CRON_JOBS)))
    crontab.chmod(0o600)
    lines.append(f"cron: {{spool: [{spool}]}}")
    config = scratch / "node.yaml"
    config.write_text("\n".join([f"node: {{db_path: {scratch / 'etlmon.db'}}}", *lines, ""]))
    return config


def _node(config: Path, port: int) -> contextlib.AbstractContextManager[tuple[int, float]]:
    command: list[str | Path] = [sys.executable, "-m", "etlmon", "node", "-c", config]
    return program(command, f"http://127.0.0.1:{port}/health", {"ETLMON_NODE__LISTEN": f"127.0.0.1:{port}"})


def _exporter(port: int) -> contextlib.AbstractContextManager[tuple[int, float]]:
    return program([EXPORTER, f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}/")


@contextlib.contextmanager
def _glances() -> Iterator[int]:
    """Its pid; without its screen."""
    process = subprocess.Popen(
        [glances() or "glances", "-q", "-t", "5"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _start(config: Path) -> Figure:
    node, exporter = [], []
    for _ in range(ROUNDS):
        with _node(config, free_port()) as (_, took):
            node.append(took * 1000)
        if shutil.which(EXPORTER):
            with _exporter(free_port()) as (_, took):
                exporter.append(took * 1000)
    return Figure(
        id="P7",
        what="node start to first 200 on /health",
        measured=statistics.median(node),
        unit="ms",
        budget=600,
        peers=(("node_exporter", statistics.median(exporter)),) if exporter else (),
        note=f"median of {ROUNDS}, {min(node):.0f} to {max(node):.0f}; the database exists",
    )


@dataclass(frozen=True, slots=True)
class Course:
    """One program while it was watched, all in MiB but the last.

    `usual` and `unshared` are medians with the children alive at the moment, `most` is the largest sum, scans included;
    `growth` is of the program alone, for children come and go; `percent` is of one core.
    """

    usual: float
    unshared: float
    most: float
    growth: float
    percent: float


def _cost(config: Path, mounts: int) -> list[Figure]:
    long = os.environ.get("ETLMON_BENCH_LONG") == "1"
    settle_sec, watch_sec = (300.0, 1500.0) if long else (8.0, 30.0)
    quiet, busy = _watch(config, settle_sec, watch_sec)
    own = (
        f"{mounts} mounts more than the host has, {PATHS} paths of {FILES_PER_PATH:,} files, {LOGS} logs, an xferlog, "
        f"{WATCHES} watches among {PROCESSES} processes, {CRON_JOBS} cron jobs"
    )
    traffic = f"{LINES_PER_SEC * LOGS:.0f} lines/s, {TRANSFERS_PER_SEC} transfers/s"
    over = f"over {watch_sec:g} s" + ("" if long else "; ETLMON_BENCH_LONG=1 for 25 minutes")

    def memory_figure(what: str, pick: Callable[[Course], float], note: str, budget: float | None = None) -> Figure:
        measured, *peers = [(name, pick(course)) for name, course in busy.items()]
        return Figure(
            id="P1", what=what, measured=measured[1], unit="MiB", budget=budget, peers=tuple(peers), note=note
        )

    def processor_figure(what: str, courses: Courses, budget: float | None = None) -> Figure:
        measured, *peers = [(name, course.percent) for name, course in courses.items()]
        note = f"over {watch_sec:g} s with children; each asked every {SCRAPE_SEC:g} s"
        return Figure(
            id="P2", what=what, measured=measured[1], unit="% of a core", budget=budget, peers=tuple(peers), note=note
        )

    return [
        memory_figure("resident memory of a node", lambda course: course.usual, f"median {over}; {own}; {traffic}", 50),
        memory_figure("of it, what nobody shares", lambda course: course.unshared, f"median {over}"),
        memory_figure("at most, with the children that scan", lambda course: course.most, over),
        memory_figure("growth of its own resident memory", lambda course: course.growth, over),
        processor_figure("processor time of a node at default intervals, its logs silent", quiet, 0.5),
        processor_figure(f"the same with {traffic}", busy),
    ]


Courses = dict[str, Course]
"""By program: first the node, then its peers."""


def _watch(config: Path, settle_sec: float, watch_sec: float) -> tuple[Courses, Courses]:
    """The courses of the node and of the peers that there are, run and asked side by side.

    First while the logs are silent, then while they grow.
    """
    with ExitStack() as programs:
        ports = free_port(), free_port()
        pids = {"etlmon": programs.enter_context(_node(config, ports[0]))[0]}
        urls = [f"http://127.0.0.1:{ports[0]}/api/v1/fs"]
        if shutil.which(EXPORTER):
            pids["node_exporter"] = programs.enter_context(_exporter(ports[1]))[0]
            urls.append(f"http://127.0.0.1:{ports[1]}/metrics")
        if glances() is not None:
            pids["glances"] = programs.enter_context(_glances())
        _ask_for(settle_sec, urls, pids.values())
        quiet = _course(watch_sec, urls, pids)
        with _traffic(config.parent):
            _ask_for(settle_sec, urls, pids.values())
            busy = _course(watch_sec, urls, pids)
    return quiet, busy


def _course(watch_sec: float, urls: list[str], pids: Mapping[str, int]) -> Courses:
    before = {pid: (memory(pid, with_children=False).rss_bytes, cpu_sec(pid)) for pid in pids.values()}
    began = time.monotonic()
    samples = _ask_for(watch_sec, urls, pids.values())
    wall_sec = time.monotonic() - began
    return {
        name: Course(
            usual=statistics.median(sample.rss_bytes for sample in samples[pid]) / MIB,
            unshared=statistics.median(sample.uss_bytes for sample in samples[pid]) / MIB,
            most=max(sample.rss_bytes for sample in samples[pid]) / MIB,
            growth=(memory(pid, with_children=False).rss_bytes - before[pid][0]) / MIB,
            percent=100 * (cpu_sec(pid) - before[pid][1]) / wall_sec,
        )
        for name, pid in pids.items()
    }


def _ask_for(seconds: float, urls: list[str], pids: Collection[int]) -> dict[int, list[Memory]]:
    """For that long ask each address once every SCRAPE_SEC, as a scraper would, and look at the memory meanwhile."""
    end, next_scrape = time.monotonic() + seconds, 0.0
    samples: dict[int, list[Memory]] = {pid: [] for pid in pids}
    while time.monotonic() < end:
        if time.monotonic() >= next_scrape:
            assert all(answers(url) for url in urls), f"no answer from one of {urls}"
            next_scrape = time.monotonic() + SCRAPE_SEC
        for pid in pids:
            samples[pid].append(memory(pid))
        time.sleep(SAMPLE_SEC)
    return samples
