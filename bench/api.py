"""P5: how long a GET takes, for one client and for a hundred, on an idle node and on one that scans 200,000 files and
follows a log of 500 lines a second.

`wrk` asks, all out (each client again at once) and paced (each client once a second, as a UI polls). Beside it stands
node_exporter, asked for its metrics in the same way.
"""

import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.processes import free_port, program
from tests.torture.following import writer

EXPORTER = "prometheus-node-exporter"
CLIENTS = 100
ROUNDS = 3
SECONDS = 1
DIRECTORIES, FILES = 2000, 100
LINES_PER_SEC = 500
LOG = "app.log"
QUESTIONS = ("/api/v1/fs", "/api/v1/paths", "/api/v1/health", "/api/v1/logs")

PACED = "function delay() return math.random(0, 2000) end"
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; of several runs the median of each."""

    median: float
    p99: float
    per_sec: float


@dataclass(frozen=True, slots=True)
class Load:
    """So many clients, each as fast as it is answered unless a script paces it."""

    clients: int
    script: Path | None = None


def run() -> list[Figure]:
    if shutil.which("wrk") is None:
        print("P5 needs wrk: apt-get install wrk", file=sys.stderr)
        return []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paced = scratch / "paced.lua"
        paced.write_text(PACED)
        one, all_out, polling = Load(1), Load(CLIENTS), Load(CLIENTS, paced)
        peers = _peers((one, all_out, polling))
        with _node(scratch, busy=False) as node:
            idle, many = _slowest(node, one), _slowest(node, all_out)
        with _node(scratch, busy=True) as node, writer(scratch / LOG, LINES_PER_SEC):
            scanning, polled = _slowest(node, all_out), _slowest(node, polling)
    busy = f"{LINES_PER_SEC} lines/s while {DIRECTORIES * FILES:,} files are scanned"
    return [
        _figure("a GET, one client, idle node, median", idle, "median", 5, peers.get(one)),
        _figure(f"a GET, {CLIENTS} clients all out, idle node, p99", many, "p99", 25, peers.get(all_out)),
        _figure(f"a GET, {CLIENTS} clients all out, {busy}, p99", scanning, "p99", 25, peers.get(all_out)),
        _figure(f"a GET, {CLIENTS} clients once a second each, {busy}, p99", polled, "p99", 25, peers.get(polling)),
    ]


def _figure(what: str, latency: Latency, field: str, budget: float, peer: Latency | None) -> Figure:
    return Figure(
        id="P5",
        what=what,
        measured=getattr(latency, field),
        unit="ms",
        budget=budget,
        peers=(("node_exporter /metrics", getattr(peer, field)),) if peer else (),
        note=f"slowest of {len(QUESTIONS)} endpoints, median of {ROUNDS} runs; {latency.per_sec:,.0f} answers/s",
    )


def _peers(loads: Sequence[Load]) -> Mapping[Load, Latency]:
    if shutil.which(EXPORTER) is None:
        return {}
    with _exporter() as exporter:
        return {load: _wrk(f"{exporter}/metrics", load, 3 * SECONDS) for load in loads}


def _slowest(node: str, load: Load) -> Latency:
    return max((_asked(f"{node}{path}", load) for path in QUESTIONS), key=lambda latency: latency.p99)


def _asked(url: str, load: Load) -> Latency:
    runs = [_wrk(url, load, SECONDS) for _ in range(ROUNDS)]
    return Latency(*(statistics.median(getattr(one, name) for one in runs) for name in ("median", "p99", "per_sec")))


def _wrk(url: str, load: Load, seconds: int) -> Latency:
    command = ["wrk", "-t1", f"-c{load.clients}", f"-d{seconds}", "--timeout=10s", "--latency"]
    command += ["-s", str(load.script)] if load.script else []
    output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{url} failed under load:\n{output}")
    found = {percent: float(value) * _MS[unit] for percent, value, unit in _LATENCY.findall(output)}
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate
    return Latency(found["50"], found["99"], float(rate[1]))


@contextlib.contextmanager
def _node(scratch: Path, *, busy: bool) -> Iterator[str]:
    lines = [f"node: {{db_path: {scratch / 'etlmon.db'}}}"]
    if busy:
        tree = scratch / "tree"
        for directory in range(DIRECTORIES):
            (tree / f"{directory:04d}").mkdir(parents=True)
            for file in range(FILES):
                (tree / f"{directory:04d}" / f"{file}.csv").touch()
        # A scan takes longer than the interval, so there is always one under way.
        lines += ["paths:", f"  - {{path: {tree}, scan_interval: 100ms}}"]
        lines += ["logs:", f"  - {{name: app, path: {scratch / LOG}}}"]
    config = scratch / "node.yaml"
    config.write_text("\n".join([*lines, ""]))
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "etlmon", "node", "-c", config]
    url = f"http://127.0.0.1:{port}"
    with program(command, f"{url}/health", {"ETLMON_NODE__LISTEN": f"127.0.0.1:{port}"}):
        yield url


@contextlib.contextmanager
def _exporter() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # Its own limit of 40 requests at a time would answer most of the hundred with 503.
    with program([EXPORTER, f"--web.listen-address=127.0.0.1:{port}", "--web.max-requests=0"], f"{url}/"):
        yield url
