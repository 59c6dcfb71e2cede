"""`etlmon demo` shows this host moving, and leaves nothing behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, etlmon


def children_of_the_demo(directory: Path) -> list[str]:
    """The command lines of living processes that name the demo's directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                cmdline = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{directory}/etlmon-demo-" in cmdline:
                found.append(cmdline)
    return found


def test_without_a_terminal_it_prints_one_snapshot_and_cleans_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "etlmon", "demo"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    for word in ("landing", "etl_worker", "export_report"):
        assert word in done.stdout
    assert "not-for-the-screen" not in done.stdout
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert children_of_the_demo(tmp_path) == []


@pytest.mark.peer("tmux")
def test_in_a_terminal_files_arrive_and_leave_before_the_operator_s_eyes(tmp_path: Path) -> None:
    with etlmon("demo", env={"TMPDIR": str(tmp_path)}) as terminal:
        terminal.wait_for("this host")
        terminal.keys("3")
        first = terminal.wait_for("landing")
        terminal.wait(lambda text: rows(text) != rows(first), "counts that move")
        leave(terminal)
    assert list(tmp_path.iterdir()) == []
    assert children_of_the_demo(tmp_path) == []


@pytest.mark.peer("tmux")
def test_in_a_terminal_a_log_grows_and_transfers_come_in(tmp_path: Path) -> None:
    with etlmon("demo", env={"TMPDIR": str(tmp_path)}) as terminal:
        terminal.wait_for("this host")
        terminal.keys("4")
        terminal.wait(lambda text: all(f"{name}    " in text for name in ("app", "jobs")), "both logs")
        terminal.keys("Enter")
        first = terminal.wait(lambda text: log_lines(text) != [], "lines of the log")
        terminal.wait(lambda text: log_lines(text)[-1:] != log_lines(first)[-1:], "a line that was written meanwhile")
        terminal.keys("Escape")
        terminal.wait_for("2 logs")
        terminal.keys("7")
        first = terminal.wait(lambda text: uploads(text) != [], "transfers")
        terminal.wait(lambda text: set(uploads(text)) - set(uploads(first)) != set(), "another transfer")
        leave(terminal)


@pytest.mark.peer("tmux")
def test_in_a_terminal_a_worker_is_ended_and_comes_back_and_jobs_have_run(tmp_path: Path) -> None:
    with etlmon("demo", env={"TMPDIR": str(tmp_path)}) as terminal:
        terminal.wait_for("this host")
        terminal.keys("6")
        terminal.wait(lambda text: all(word in text for word in ("export_report", "failed", "never")), "the jobs")
        terminal.keys("5")
        before = set(workers(terminal.wait(lambda text: len(workers(text)) == 3, "three workers")))
        terminal.keys("/", *"etl_worker", "Enter")
        # Keys right behind the enter would wait for the rows, but on a busy machine not for as long as it takes.
        terminal.wait(lambda text: "⏎ Detail" in text and "Back to the rows" not in text, "the end of the typing")
        terminal.keys("g", "d")
        terminal.wait(lambda text: "Send SIGTERM" in text and "no children" in text, "what is known of it")
        terminal.keys("Tab", "Enter")
        terminal.wait_for("SIGTERM was sent: it ended after")
        terminal.keys("Enter")
        terminal.wait(
            lambda text: len(workers(text)) == 3 and len(before & set(workers(text))) == 2,
            "another worker in its place",
        )
        leave(terminal)
    assert children_of_the_demo(tmp_path) == []


def workers(screen: str) -> list[str]:
    """The pids of the workers that run."""
    return re.findall(r"etl_worker +(\d+) ", screen)


def log_lines(screen: str) -> list[str]:
    return [line for line in screen.splitlines() if re.search(r"(DEBUG|INFO|WARN|ERROR) +\[", line)]


def uploads(screen: str) -> list[str]:
    return re.findall(r"_\d{6}\.csv", screen)


@pytest.mark.peer("tmux")
def test_a_killed_demo_takes_its_children_along(tmp_path: Path) -> None:
    with etlmon("demo", env={"TMPDIR": str(tmp_path)}) as terminal:
        terminal.wait_for("this host")
        terminal.kill()
        terminal.wait(lambda _: children_of_the_demo(tmp_path) == [], "the node and the ETL to end")


def rows(screen: str) -> list[str]:
    return [line for line in screen.splitlines() if "landing" in line or "staging" in line]


def leave(terminal: Terminal) -> None:
    terminal.keys("q")
    assert terminal.wait_exit() == 0


@pytest.mark.peer("root")
def test_without_a_place_for_its_files_it_says_so_in_one_line() -> None:
    closed = " && ".join(
        f"mount --bind {where} {where} && mount -o remount,bind,ro {where}" for where in ("/tmp", "/var/tmp")
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{closed} && cd /proc && exec "$0" -m etlmon demo', sys.executable],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
        env={**os.environ, "TMPDIR": "/proc", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("the demo has no place for its files: ")
    assert len(done.stderr.splitlines()) == 1
