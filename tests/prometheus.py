"""A real Prometheus that scrapes what a test serves."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers import program

START_SEC = 60.0
CONFIG = "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n"


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, path: str, **params: str) -> Any:
        """The data of an answer of its HTTP API. Raises OSError while it does not answer."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - the address is http://
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Labels and value of each series the expression has now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]]

    def value(self, expression: str) -> float:
        """Of an expression with one series, waited for."""
        deadline = time.monotonic() + START_SEC
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline, f"{expression} has no series"
            time.sleep(0.05)
        [(_, value)] = found
        return value

    def target(self, job: str) -> Mapping[str, Any]:
        """A job, once a scrape of it went well; on a busy machine the first ones may take too long."""
        deadline = time.monotonic() + START_SEC
        last = "nobody did"
        while True:
            with contextlib.suppress(OSError):
                for one in self.ask("targets")["activeTargets"]:
                    if one["labels"]["job"] == job and one["health"] == "up":
                        return dict(one)
                    if one["labels"]["job"] == job:
                        last = one["lastError"]
            assert time.monotonic() < deadline, f"{job} was not scraped: {last}"
            time.sleep(0.05)


@contextlib.contextmanager
def exporter() -> Iterator[str]:
    """`host:port` of a real node_exporter."""
    address = f"127.0.0.1:{_free_port()}"
    process = subprocess.Popen(
        [program("node_exporter"), f"--web.listen-address={address}", "--log.level=error"], stdin=subprocess.DEVNULL
    )
    try:
        yield address
    finally:
        process.kill()
        process.wait(30)


@contextlib.contextmanager
def prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """Scrapes `host:port` of each job, by its name, twice a second."""
    jobs = [
        f"  - {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}\n" for job, target in targets.items()
    ]
    config = folder / "prometheus.yml"
    config.write_text(CONFIG + "".join(jobs))
    address = f"127.0.0.1:{_free_port()}"
    command = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    )
    process = subprocess.Popen([program("prometheus"), *command], stdin=subprocess.DEVNULL)
    try:
        yield Prometheus(f"http://{address}")
    finally:
        process.kill()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return int(once.getsockname()[1])
