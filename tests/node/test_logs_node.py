"""A whole node that follows logs: killed, reloaded, stopped, with very many of them."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from etlmon.contract.logs import LOGS
from tests.fakes.hangfs import hangfs
from tests.node.processes import NodeUnderTest, node, wait_until

KEEP_ALL = "retention: {log_lines: {max_age: 7d, max_rows: 0}}\n"
ONE = 'node: {{listen: "127.0.0.1:0"}}\nlogs:\n  - {{name: app, path: "{path}", start: beginning}}\n'


def stored(directory: Path, name: str = "app") -> list[str]:
    """The lines of a log, read past the node."""
    file = directory / "etlmon.db"
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        sql = "SELECT line FROM log_lines JOIN logs ON number = log_lines.id >> 40 WHERE name = ? ORDER BY log_lines.id"
        try:
            return [line for (line,) in db.execute(sql, (name,))]
        except sqlite3.OperationalError:  # the tables are not there yet
            return []


def row(running: NodeUnderTest, name: str = "app") -> dict[str, Any]:
    _, rows = running.get(LOGS.path)
    return next((one for one in rows if one["name"] == name), {})


def numbered(count: int, first: int = 0) -> list[str]:
    return [f"2026-11-21 06:00:00 INFO line {number}" for number in range(first, first + count)]


def append(path: Path, lines: list[str]) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def cpu_sec(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def held(pid: int) -> tuple[int, int]:
    """Threads and descriptors."""
    return len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_a_killed_node_reads_on_where_the_store_says_each_line_once(tmp_path: Path, log: Path) -> None:
    lines = numbered(150_000)
    append(log, lines)
    config = KEEP_ALL + ONE.format(path=log)
    for kill in range(6):
        with node(tmp_path, config) as running:
            before = len(stored(tmp_path))
            wait_until(lambda before=before: len(stored(tmp_path)) > before)  # type: ignore[misc]
            running.signal(signal.SIGKILL)
            running.ended()
        found = stored(tmp_path)
        assert found == lines[: len(found)], kill
        more = numbered(20_000, len(lines))
        append(log, more)
        lines += more
    with node(tmp_path, config):
        wait_until(lambda: len(stored(tmp_path)) >= len(lines), 60)
        assert stored(tmp_path) == lines


def test_a_reload_loses_no_place_whether_the_log_is_changed_or_not(tmp_path: Path, log: Path) -> None:
    append(log, numbered(100))
    config = ONE.format(path=log)
    other = tmp_path / "other.log"
    append(other, ["other"])
    with node(tmp_path, config) as running:
        wait_until(lambda: stored(tmp_path) == numbered(100))
        for count, change in enumerate(("", ", match: []", ", buffer_lines: 7"), 1):
            text = config.replace("beginning}", f"beginning{change}}}") + f'  - {{name: other, path: "{other}"}}\n'
            (tmp_path / "node.yaml").write_text(text)
            running.signal(signal.SIGHUP)
            wait_until(lambda: stored(tmp_path, "other") == ["other"])
            append(log, numbered(100, 100 * count))
            wait_until(lambda count=count: stored(tmp_path) == numbered(100 * (count + 1)))  # type: ignore[misc]
        (tmp_path / "node.yaml").write_text(config)
        running.signal(signal.SIGHUP)
        wait_until(lambda: [one["name"] for one in running.get(LOGS.path)[1]] == ["app"])
        assert stored(tmp_path) == numbered(400)


def test_a_node_that_is_busy_reading_stops_in_time(tmp_path: Path, log: Path) -> None:
    with log.open("w") as file:
        for first in range(0, 2_000_000, 100_000):
            file.writelines(f"{line}\n" for line in numbered(100_000, first))
    with node(tmp_path, ONE.format(path=log)) as running:
        wait_until(lambda: len(stored(tmp_path)) > 0)
        assert running.stopped() == 0


@pytest.mark.peer("fuse")
def test_a_node_with_a_stuck_log_goes_on_with_the_others_and_stops_in_time(tmp_path: Path, log: Path) -> None:
    with hangfs(tmp_path / "served") as served:
        config = ONE.format(path=log) + f'  - {{name: served, path: "{served.mount_point}/file"}}\n'
        append(log, numbered(1))
        with node(tmp_path, config) as running:
            wait_until(lambda: stored(tmp_path, "served") == ["content"])
            served.hang("getattr", "read")
            wait_until(lambda: row(running, "served").get("status") == "stuck")
            append(log, numbered(9, 1))
            wait_until(lambda: stored(tmp_path) == numbered(10), 20)
            assert running.get()[0] == 200
            assert running.stopped() == 0


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    directory = tmp_path / "many"
    directory.mkdir()
    logs = [directory / f"{number}.log" for number in range(200)]
    for log in logs:
        log.write_text("first\n")
    return logs


def test_two_hundred_logs_cost_a_descriptor_each_and_hardly_any_time(tmp_path: Path, many: list[Path]) -> None:
    config = 'node: {listen: "127.0.0.1:0"}\nfs: {exclude_mounts: ["/*"]}\nlogs:\n'
    config += "".join(f'  - {{name: "{log.stem}", path: "{log}"}}\n' for log in many)
    with node(tmp_path, config) as running:
        pid = running.process.pid
        wait_until(lambda: sum(bool(stored(tmp_path, log.stem)) for log in many) == len(many), 60)
        threads, descriptors = held(pid)
        assert descriptors < 300
        assert threads < 24
        began, used = time.monotonic(), cpu_sec(pid)
        time.sleep(5)
        assert (cpu_sec(pid) - used) / (time.monotonic() - began) < 0.15
        now = held(pid)
        assert now[0] < 24
        assert now[1] <= descriptors + 4
        for log in many:
            append(log, ["second"])
        began = time.monotonic()
        wait_until(lambda: all(stored(tmp_path, log.stem) == ["first", "second"] for log in many))
        assert time.monotonic() - began < 20
        assert running.stopped() == 0


def test_a_node_allows_itself_as_many_descriptors_as_the_system_does(tmp_path: Path, log: Path) -> None:
    with node(tmp_path, ONE.format(path=log)) as running:
        assert running.get()[0] == 200
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        [line] = [line for line in limits.splitlines() if line.startswith("Max open files")]
        soft, hard = (int(field) for field in line.split()[3:5])
        assert soft == min(hard, 65536)
