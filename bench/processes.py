"""Programs under measurement, as the kernel sees them (proc(5))."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
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


def glances() -> str | None:
    """Where glances is: on the path, or in the environment of this Python."""
    return shutil.which("glances") or shutil.which("glances", path=str(Path(sys.executable).parent))


def glances_looks(plugins: str, looks: int) -> list[tuple[str, float]]:
    """Milliseconds of processor time that glances takes for a look with these plugins: a long run less a short one.

    Of each the cheapest of three: its start costs more than many looks, and never the same.
    """
    found = glances()
    if found is None:
        return []

    def cost(times: int) -> float:
        began = children_sec()
        only = ["--disable-plugin", "all", "--enable-plugin", plugins]
        command = [found, "-q", *only, "-t", "0.5", "--stop-after", str(times)]
        subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return (children_sec() - began) * 1000

    short, long = (min(cost(times) for _ in range(3)) for times in (2, looks + 2))
    return [("glances", (long - short) / looks)]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - all its addresses are http://
            answer.read()
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def cpu_sec(pid: int) -> float:
    """User and system time of a process, of its children that ended, and of those that go on."""
    return _ticks(pid) / TICKS_PER_SEC + sum(cpu_sec(child) for child in children(pid))


def _ticks(pid: int) -> int:
    """None of a process that has ended: by then its parent's count those that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # utime, stime, cutime, cstime: fields 14 to 17, of which the first two are gone with "pid (comm)".
    return sum(map(int, fields[11:15]))


def children_sec() -> float:
    """User and system time of the children of this process that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def children(pid: int) -> list[int]:
    """Those that are alive; none of a process that has ended."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
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
