"""A writer of numbered lines, its log rotated by hand or by logrotate, and a node that follows it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.node.processes import NodeUnderTest, wait_until
from tests.torture import writer as writing

KEEP_ALL = "retention: {log_lines: {max_age: 0s, max_rows: 0}}\n"


class WriterUnderTest:
    """A running writer; `lines` is how many it wrote, known when it ended."""

    def __init__(self, path: Path, process: subprocess.Popen[str]) -> None:
        self.path = path
        self.process = process
        self.lines = 0

    def hang_up(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.lines = int(self.process.communicate(timeout=20)[0])
        return self.lines


@contextmanager
def writer(path: Path, lines_per_sec: float, reopen: str = "hup", *, torn: bool = True) -> Iterator[WriterUnderTest]:
    """A writer that has begun."""
    pieces = "torn" if torn else "whole"
    process = subprocess.Popen(
        [sys.executable, writing.__file__, path, str(lines_per_sec), reopen, pieces], stdout=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: path.exists() and path.stat().st_size > 0)
        yield WriterUnderTest(path, process)
    finally:
        process.kill()
        process.communicate()


def rename_chain(path: Path) -> None:
    """FILE to FILE.1, FILE.1 to FILE.2 and so on, from the oldest on; FILE is gone then."""
    chain = [path]
    while (older := path.with_name(f"{path.name}.{len(chain)}")).exists():
        chain.append(older)
    for number, file in reversed(list(enumerate(chain, start=1))):
        file.rename(path.with_name(f"{path.name}.{number}"))


def state(started: NodeUnderTest, name: str) -> dict[str, Any]:
    """The log's row as the node lists it; empty before it knows it."""
    status, rows = started.get("/api/v1/logs")
    assert status == 200, rows
    return next((dict(row) for row in rows if row["name"] == name), {})


def gaps(started: NodeUnderTest, name: str) -> list[dict[str, Any]]:
    status, rows = started.get(f"/api/v1/logs/{name}/gaps?limit=1000")
    assert status == 200, rows
    return list(rows)


def caught_up(started: NodeUnderTest, name: str, last: str, within_sec: float = 30.0) -> None:
    """Return when the node has this line as its newest and knows of nothing more to read."""

    def newest() -> bool:
        if state(started, name).get("lag_bytes", 1) > 0:
            return False
        lines = started.get(f"/api/v1/logs/{name}?lines=1")[1]
        return bool(lines) and lines[-1]["line"] == last

    try:
        wait_until(newest, within_sec)
    except AssertionError as error:
        lines = started.get(f"/api/v1/logs/{name}?lines=2")[1]
        raise AssertionError(f"{name} does not come to {last!r}: {state(started, name)}, {lines}") from error
