"""P3: following a log. Lines a second, what a line costs, how soon it is seen, and what a rotation loses.

Beside the node stand `tail -F`, which keeps nothing, and rsyslog's imfile, which writes what it reads to a file. Every
figure comes from a real node process that stores the lines. ETLMON_BENCH_LONG=1 watches the memory for ten minutes.
"""

import contextlib
import http.client
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.processes import cpu_sec, free_port, memory, program
from tests.torture.following import WriterUnderTest, rename_chain, writer
from tests.torture.verdict import Verdict, in_store, judge

LINES = 3_000_000
BLOCK = 10_000
PADDING = " INFO  [worker-3] etl.load rows=895735 path=/data/in/sales_20261121.csv took 0.211 s, 4240 rows/s, ok, next"
MANY_SEC = 300.0

STEADY = 500
IDLE_SEC = 10.0
SETTLE_SEC = 5.0
ROTATED_PER_SEC, ROTATIONS = 5000, 10
LATENCIES = 150
MIB = 1024 * 1024


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="etlmon-bench-") as name:
        scratch = Path(name)
        return [*_ingest(scratch), *_steady(scratch), *_rotated(scratch)]


@dataclass(frozen=True, slots=True)
class Node:
    """A running node that follows one log, named `app`."""

    pid: int
    port: int
    database: Path

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def log(self) -> dict[str, Any]:
        return next(iter(self.get("/api/v1/logs")), {})


@contextlib.contextmanager
def node(scratch: Path, log: Path, *, keep_all: bool) -> Iterator[Node]:
    """A node of its own; by default it keeps 100,000 lines of a log."""
    directory = Path(tempfile.mkdtemp(dir=scratch))
    retention = "retention: {log_lines: {max_age: 0s, max_rows: 0}}\n" if keep_all else ""
    config, port = directory / "node.yaml", free_port()
    config.write_text(
        f"node: {{db_path: '{directory}/etlmon.db', listen: '127.0.0.1:{port}'}}\n"
        f"logs: [{{name: app, path: '{log}', start: beginning}}]\n{retention}"
    )
    command: list[str | Path] = [sys.executable, "-m", "etlmon", "node", "-c", config]
    with program(command, f"http://127.0.0.1:{port}/health") as (pid, _):
        yield Node(pid, port, directory / "etlmon.db")
    shutil.rmtree(directory)


def write_lines(path: Path, count: int) -> None:
    """Append numbered lines of about 120 bytes as fast as Python makes them."""
    with path.open("ab", buffering=0) as file:
        for start in range(0, count, BLOCK):
            block = range(start, min(start + BLOCK, count))
            file.write("".join([f"{number:010d}{PADDING}\n" for number in block]).encode())


@contextlib.contextmanager
def tail(path: Path, output: Path) -> Iterator[int]:
    """`tail -F` from the beginning on; yields its pid."""
    with output.open("wb") as out:
        process = subprocess.Popen(["tail", "-n", "+1", "-F", path], stdout=out, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def rsyslog(scratch: Path, path: Path, output: Path) -> Iterator[int]:
    """rsyslog that does nothing but to copy the lines of one file to another; yields its pid."""
    work = Path(tempfile.mkdtemp(dir=scratch))
    (work / "rsyslog.conf").write_text(
        f'global(workDirectory="{work}")\nmodule(load="imfile")\n'
        f'template(name="line" type="string" string="%msg%\\n")\n'
        f'ruleset(name="copy") {{ action(type="omfile" file="{output}" template="line") }}\n'
        f'input(type="imfile" File="{path}" Tag="app" ruleset="copy")\n'
    )
    process = subprocess.Popen(
        ["rsyslogd", "-n", "-f", work / "rsyslog.conf", "-i", work / "pid"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def has_peer(name: str) -> bool:
    return shutil.which(name) is not None


def until(holds: Callable[[], bool], what: str, seconds: float = MANY_SEC, every: float = 0.1) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(every)


# -- a whole file at full speed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speed:
    """Lines a second from the first one written to the last one there, and processor time a line."""

    per_sec: float
    us_per_line: float


def _ingest(scratch: Path) -> list[Figure]:
    kept, *faults = _node_takes(scratch, keep_all=True)
    trimmed, *more = _node_takes(scratch, keep_all=False)
    lost, twice = (sum(counts) for counts in zip(faults, more, strict=True))
    peers = {"tail -F": _tail_takes(scratch)}
    if has_peer("rsyslogd"):
        peers["rsyslog"] = _rsyslog_takes(scratch)
    what = f"{LINES:,} lines of {len(PADDING) + 11} bytes, written beside it"
    speeds = tuple((name, speed.per_sec) for name, speed in peers.items())
    costs = tuple((name, speed.us_per_line) for name, speed in peers.items())
    figures = []
    for note, speed in (("all kept", kept), ("the default retention at work", trimmed)):
        figures += [
            Figure(
                id="P3",
                what=f"log ingest: {what}",
                measured=speed.per_sec,
                unit="lines/s",
                budget=100_000,
                higher_is_better=True,
                peers=speeds,
                note=note,
            ),
            Figure(
                id="P3",
                what="processor time of a line",
                measured=speed.us_per_line,
                unit="us",
                budget=8,
                peers=costs,
                note=note,
            ),
        ]
    figures.append(Figure(id="P3", what="lines of them lost", measured=lost, unit="lines", budget=0))
    figures.append(Figure(id="P3", what="lines of them stored twice", measured=twice, unit="lines", budget=0))
    return figures


def _timed(pid: int, log: Path, done: Callable[[], bool]) -> Speed:
    cpu, began = cpu_sec(pid), time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "bench.tail", str(log), str(LINES)]) as writes:
        until(done, "all lines")
        seconds = time.perf_counter() - began
        if writes.wait() != 0:
            raise RuntimeError("the writer failed")
    return Speed(LINES / seconds, 1e6 * (cpu_sec(pid) - cpu) / LINES)


def _node_takes(scratch: Path, *, keep_all: bool) -> tuple[Speed, int, int]:
    """Its speed, and how many lines are lost and twice, of all or of those that retention has left."""
    log = scratch / "ingest.log"
    log.touch()
    with node(scratch, log, keep_all=keep_all) as started:
        until(lambda: started.log().get("status") == "following", "the node to follow the log")
        speed = _timed(started.pid, log, lambda: bool(started.log()["lines_total"] >= LINES))
        lost, twice = _lost_and_twice(started.database, keep_all=keep_all)
    log.unlink()
    return speed, lost, twice


def _lost_and_twice(database: Path, *, keep_all: bool) -> tuple[int, int]:
    seen = bytearray(LINES)
    twice = 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        for (number,) in db.execute("SELECT CAST(substr(line, 1, 10) AS INTEGER) FROM log_lines ORDER BY id"):
            twice += seen[number]
            seen[number] = 1
    first = 0 if keep_all else max(0, seen.find(1))
    return seen.count(0, first), twice


def _tail_takes(scratch: Path) -> Speed:
    log = scratch / "ingest.log"
    log.touch()
    size = LINES * (len(PADDING) + 11)
    with tail(log, Path(os.devnull)) as pid:
        speed = _timed(pid, log, lambda: _read_up_to(pid, log) >= size)
    log.unlink()
    return speed


def _read_up_to(pid: int, file: Path) -> int:
    """Where a process stands in a file it has open (proc(5)); 0 when it has not."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if descriptor.readlink() == file:
                info = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
                return int(info.split()[1])
    return 0


def _rsyslog_takes(scratch: Path) -> Speed:
    log, output = scratch / "ingest.log", scratch / "rsyslog.out"
    log.touch()
    size = LINES * (len(PADDING) + 11)
    with rsyslog(scratch, log, output) as pid:
        speed = _timed(pid, log, lambda: output.exists() and output.stat().st_size >= size)
    log.unlink()
    output.unlink()
    return speed


# -- a steady log ----------------------------------------------------------------------------------------------------


def _steady(scratch: Path) -> list[Figure]:
    long = os.environ.get("ETLMON_BENCH_LONG") == "1"
    seconds = 600.0 if long else 60.0
    log, output = scratch / "steady.log", scratch / "steady.out"
    log.touch()
    with ExitStack() as stack:
        started = stack.enter_context(node(scratch, log, keep_all=False))
        pids = {"node": started.pid, "tail -F": stack.enter_context(tail(log, Path(os.devnull)))}
        if has_peer("rsyslogd"):
            pids["rsyslog"] = stack.enter_context(rsyslog(scratch, log, output))
        until(lambda: started.log().get("status") == "following", "the node to follow the log")
        time.sleep(SETTLE_SEC)
        latency = _latencies(started, log)
        idle = _percents(pids, IDLE_SEC)
        with writer(log, STEADY):
            _percents(pids, SETTLE_SEC)
            before = memory(started.pid).rss_bytes
            busy = _percents(pids, seconds)
            growth = memory(started.pid).rss_bytes - before
    added = {name: busy[name] - idle[name] for name in pids}
    over = f"over {seconds:g} s" + ("" if long else "; ETLMON_BENCH_LONG=1 for 10 minutes")
    return [
        Figure(
            id="P3",
            what=f"processor time that {STEADY} lines/s add",
            measured=added.pop("node"),
            unit="% of a core",
            budget=1,
            peers=tuple(added.items()),
            note=f"{over}; idle before: {idle['node']:.2f} %",
        ),
        Figure(
            id="P3",
            what=f"memory growth at {STEADY} lines/s",
            measured=growth / MIB,
            unit="MiB",
            note=f"{over}; from {before / MIB:.1f} MiB",
        ),
        *latency,
    ]


def _percents(pids: dict[str, int], seconds: float) -> dict[str, float]:
    before, began = {name: cpu_sec(pid) for name, pid in pids.items()}, time.perf_counter()
    time.sleep(seconds)
    wall = time.perf_counter() - began
    return {name: 100 * (cpu_sec(pid) - before[name]) / wall for name, pid in pids.items()}


def _latencies(started: Node, log: Path) -> list[Figure]:
    """Milliseconds from the write of a line to its event at a follower, and to its coming out of `tail -F`."""
    seen: dict[str, list[float]] = {"sse": [], "tail": []}
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=30)
    with (
        closing(connection),
        subprocess.Popen(
            ["tail", "-n", "0", "-F", log], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        ) as follower,
    ):
        connection.request("GET", "/api/v1/logs/app?follow=true")
        answer = connection.getresponse()
        assert follower.stdout is not None
        readers = [
            threading.Thread(target=_note, args=(answer, b"data:", seen["sse"])),
            threading.Thread(target=_note, args=(follower.stdout, b"", seen["tail"])),
        ]
        for reader in readers:
            reader.start()
        time.sleep(1)
        with log.open("ab", buffering=0) as file:
            for _ in range(LATENCIES):
                time.sleep(random.uniform(0.03, 0.15))
                file.write(f"at={time.perf_counter():.6f};\n".encode())
        for reader in readers:
            reader.join(timeout=10)
        follower.kill()
    assert len(seen["sse"]) == len(seen["tail"]) == LATENCIES, f"{len(seen['sse'])} events, {len(seen['tail'])} lines"
    median, peer = statistics.median(seen["sse"]), statistics.median(seen["tail"])
    p99, peer_p99 = (statistics.quantiles(seen[name], n=100)[-1] for name in ("sse", "tail"))
    what = "a line written until a follower has its event (SSE), {}"
    return [
        Figure(id="P3", what=what.format("median"), measured=median, unit="ms", peers=(("tail -F", peer),)),
        Figure(id="P3", what=what.format("p99"), measured=p99, unit="ms", budget=250, peers=(("tail -F", peer_p99),)),
    ]


def _note(stream: Any, start: bytes, latencies: list[float]) -> None:
    """Read line by line, and note how old each one is that says when it was written."""
    while len(latencies) < LATENCIES:
        text = stream.readline()
        if not text:
            return
        if text.startswith(start) and b"at=" in text:
            written = float(text.split(b"at=")[1].split(b";")[0])
            latencies.append((time.perf_counter() - written) * 1000)


# -- a log that rotates ----------------------------------------------------------------------------------------------


def _rotated(scratch: Path) -> list[Figure]:
    directory = scratch / "rotated"
    directory.mkdir()
    log, tailed, copied = directory / "app.log", scratch / "tail.out", scratch / "rsyslog.out"
    log.touch()
    with ExitStack() as stack:
        started = stack.enter_context(node(scratch, log, keep_all=True))
        stack.enter_context(tail(log, tailed))
        if has_peer("rsyslogd"):
            stack.enter_context(rsyslog(scratch, log, copied))
        until(lambda: started.log().get("status") == "following", "the node to follow the log")
        time.sleep(1)
        writes = stack.enter_context(writer(log, ROTATED_PER_SEC))
        for _ in range(ROTATIONS):
            time.sleep(1)
            _rotate(writes)
        time.sleep(1)
        written = writes.end()
        until(lambda: bool(started.log()["lag_bytes"] == 0), "the node to catch up", 30)
        time.sleep(2)
        verdicts = {
            "node": judge(written, in_store(started.database, "app")),
            "tail -F": judge(written, _in_file(tailed)),
        }
        if has_peer("rsyslogd"):
            verdicts["rsyslog"] = judge(written, _in_file(copied))
    return [
        _loss("lost", verdicts, lambda verdict: verdict.lost_lines),
        _loss("twice", verdicts, lambda verdict: len(verdict.twice)),
    ]


def _loss(what: str, verdicts: dict[str, Verdict], count: Callable[[Verdict], int]) -> Figure:
    return Figure(
        id="P3",
        what=f"lines {what} in {ROTATIONS} rotations by renaming at {ROTATED_PER_SEC:,} lines/s",
        measured=count(verdicts["node"]),
        unit="lines",
        budget=0,
        peers=tuple((name, count(verdict)) for name, verdict in verdicts.items() if name != "node"),
        note=f"of {verdicts['node'].written:,}; the writer opens the new file 2 ms later",
    )


def _rotate(writes: WriterUnderTest) -> None:
    rename_chain(writes.path)
    time.sleep(0.002)
    writes.hang_up()


def _in_file(file: Path) -> list[tuple[int, str]]:
    return list(enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1))


if __name__ == "__main__":
    write_lines(Path(sys.argv[1]), int(sys.argv[2]))
