"""The node as a process of its own, and a way to ask it that needs nothing of etlmon."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LISTENING = re.compile(r"listening on (\S+)")
ANSWER_SEC = 15.0
"""Long enough for a busy machine; a node that something holds up does not answer at all."""


class NodeUnderTest:
    """A started process; `output` is everything it wrote to standard output and standard error."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str], *, folder: Path | None = None
    ) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                cwd=folder,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def address(self) -> str:
        """Where it listens, once it says so."""
        wait_until(lambda: LISTENING.search(self.output) is not None or self.process.poll() is not None)
        found = LISTENING.search(self.output)
        assert found is not None, self.output
        return found[1]

    def get(self, path: str = "/api/v1/health") -> tuple[int, Any]:
        return ask(self.address, path)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, within_sec: float = 20.0) -> int:
        """The exit code."""
        return self.process.wait(timeout=within_sec)

    def stopped(self, within_sec: float = 20.0) -> int:
        """The exit code after a SIGTERM: 1 when the node needed more than the 4.5 s that it allows itself."""
        self.signal(signal.SIGTERM)
        return self.ended(within_sec)


@contextmanager
def node(
    directory: Path, config: str, *, name: str = "node", env: Mapping[str, str] | None = None
) -> Iterator[NodeUnderTest]:
    """`etlmon node -c FILE` with the database in `directory`, unless the configuration names another."""
    file = directory / f"{name}.yaml"
    file.write_text(config, encoding="utf-8")
    settings = {"ETLMON_NODE__DB_PATH": str(directory / "etlmon.db")} if "db_path" not in config else {}
    command: list[str | Path] = [sys.executable, "-m", "etlmon", "node", "-c", file]
    with _ended_at_last(NodeUnderTest(command, directory / f"{name}.log", {**settings, **(env or {})})) as started:
        yield started


@contextmanager
def scripted_node(directory: Path, script: str) -> Iterator[NodeUnderTest]:
    """A Python program that calls node.daemon.main() itself."""
    with _ended_at_last(
        NodeUnderTest([sys.executable, "-c", script, directory], directory / "node.log", {})
    ) as started:
        yield started


@contextmanager
def _ended_at_last(started: NodeUnderTest) -> Iterator[NodeUnderTest]:
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait(timeout=10)


def ask(address: str, path: str) -> tuple[int, Any]:
    """Status and decoded body of a GET."""
    if address.startswith("unix:"):
        connection = http.client.HTTPConnection("localhost", timeout=ANSWER_SEC)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_SEC)
    else:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=ANSWER_SEC)
    try:
        if connection.sock is not None:
            connection.sock.connect(address.removeprefix("unix:"))
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def wait_until(holds: Callable[[], bool], within_sec: float = 30.0) -> None:
    """Return as soon as the condition holds; fail when it does not hold in time."""
    end = time.monotonic() + within_sec
    while not holds():
        assert time.monotonic() < end, f"did not come about within {within_sec:g} s"
        time.sleep(0.01)
