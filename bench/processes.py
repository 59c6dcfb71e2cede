"""Programs under measurement, as the kernel sees them (proc(5))."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SEC = os.sysconf("SC_CLK_TCK")
START_SEC = 20.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a process, with or without all below it: resident set, and the part that no other process shares."""

    rss_bytes: int
    uss_bytes: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def program(
    command: Sequence[str | Path], url: str, env: Mapping[str, str] | None = None
) -> Iterator[tuple[int, float]]:
    """A running program: its pid, and the seconds from its start to the first 200 of `url`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment.update(env or {})
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        while not answers(url):
            if process.poll() is not None or time.perf_counter() - began > START_SEC:
                raise RuntimeError(f"{command[0]} does not answer at {url}")
            time.sleep(0.002)
        yield process.pid, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - all its addresses are http://
            answer.read()
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def cpu_sec(pid: int) -> float:
    """User and system time of a process, of its children that ended, and of those that go on."""
    return _ticks(pid, with_ended=True) / TICKS_PER_SEC + sum(cpu_sec(child) for child in children(pid))


def _ticks(pid: int, *, with_ended: bool) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # utime, stime, cutime, cstime: fields 14 to 17, of which the first two are gone with "pid (comm)".
    return sum(map(int, fields[11 : 15 if with_ended else 13]))


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def memory(pid: int, *, with_children: bool = True) -> Memory:
    fields = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, _, rest = line.partition(":")
            if name in fields:
                fields[name] = int(rest.split()[0]) * 1024
    below = [memory(child) for child in children(pid)] if with_children else []
    return Memory(
        fields["Rss"] + sum(one.rss_bytes for one in below),
        fields["Private_Clean"] + fields["Private_Dirty"] + sum(one.uss_bytes for one in below),
    )
