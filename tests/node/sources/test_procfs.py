"""Reading /proc: real processes of every kind, and what the kernel writes about them."""

import asyncio
import os
import time
from pathlib import Path

import psutil
import pytest

from node.sources import procfs
from tests.node.programs import programs, state, wait_until

LINE = (
    b"77 (%s) S 1 77 70 0 -1 4194304 0 0 0 0 250 50 0 0 20 5 3 0 2881422 187420672 7508 18446744073709551615 1 2 3"
    + b" 0" * 24
)


def scan() -> procfs.Scan:
    return asyncio.run(procfs.scan())


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"python3", "python3"),
        (b"a) R 1 (b", "a) R 1 (b"),
        (b"two words", "two words"),
        (b"line\nfeed", "line\nfeed"),
        (b"\xff\x1b[2J", "\\xff\x1b[2J"),
        ("작업".encode(), "작업"),
        (b"", ""),
    ],
)
def test_a_name_may_hold_anything(raw: bytes, name: str) -> None:
    stat = procfs.parse_stat(LINE % raw)
    assert (stat.pid, stat.name, stat.state, stat.ppid, stat.threads) == (77, name, "S", 1, 3)
    assert (stat.cpu_ticks, stat.start_ticks, stat.rss_bytes) == (300, 2881422, 7508 * procfs.PAGE_BYTES)
    assert (procfs.start_of(LINE % raw), procfs.session_of(LINE % raw), procfs.nice_of(LINE % raw)) == (2881422, 70, 5)


def test_every_process_of_the_host_is_read() -> None:
    with programs() as made:
        process = made.sleeper()
        found = scan()
        assert not found.hidden
        assert {1, os.getpid(), process.pid} <= set(found.lines)
        for pid, line in found.lines.items():
            assert procfs.parse_stat(line).pid == pid
            assert len(procfs.program_mark(line)) == 3


def test_numbers_are_those_that_other_programs_tell() -> None:
    with programs() as made:
        process = made.sleeper()
        other = psutil.Process(process.pid)
        stat = procfs.read_stat(process.pid)
        assert stat is not None
        assert (stat.name, stat.ppid, stat.threads) == (other.name(), other.ppid(), other.num_threads())
        wait_until(lambda: procfs.resident_bytes(stat) == other.memory_info().rss)
        started = procfs.started_at(procfs.boot_time(), stat.start_ticks)
        assert abs(started.timestamp() - other.create_time()) < 1.5
        assert procfs.uid_of(process.pid) == other.uids().effective
        assert procfs.open_files(process.pid) == other.num_fds()
        assert [one.pid for one in procfs.ancestors(process.pid)] == [parent.pid for parent in other.parents()]


def test_a_start_time_is_the_same_each_time() -> None:
    assert len({procfs.boot_time() for _ in range(200)}) == 1


def test_a_boot_time_of_a_container_s_own_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 86400\n")
    assert abs(procfs.boot_time(tmp_path) - procfs.boot_time()) <= 1
    (tmp_path / "stat").write_text("cpu 1 2 3\n")
    assert abs(procfs.boot_time(tmp_path) - procfs.boot_time()) <= 1


def test_what_is_gone_is_none() -> None:
    with programs() as made:
        process = made.sleeper()
        process.kill()
        process.wait(30)
        assert procfs.read_stat(process.pid) is None
        assert procfs.uid_of(process.pid) is None
        assert procfs.open_files(process.pid) is None
        assert procfs.wait_channel(process.pid) is None
        assert list(procfs.ancestors(process.pid)) == []
        assert process.pid not in scan().lines


def test_a_zombie_has_ended_and_a_first_thread_that_ended_has_not() -> None:
    with programs() as made:
        zombie = made.sleeper()
        zombie.kill()
        wait_until(lambda: state(zombie.pid) == "Z")
        stat = procfs.read_stat(zombie.pid)
        assert stat is not None
        assert procfs.has_ended(stat)
        code = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); "
        left = made.python(code + "ctypes.CDLL(None).pthread_exit(None)")
        wait_until(lambda: state(left.pid) == "Z")
        stat = procfs.read_stat(left.pid)
        assert stat is not None
        assert not procfs.has_ended(stat)


def test_another_program_under_the_same_pid_is_noticed_even_when_it_has_the_same_name(tmp_path: Path) -> None:
    with programs() as made:
        # The shell becomes another one of the same name as soon as it may write into the fifo.
        fifo = tmp_path / "go"
        os.mkfifo(fifo)
        process = made.shell(f"echo >{fifo}; exec /bin/sh -c 'kill -STOP $$; true' {made.mark}")
        before = procfs.read_line(process.pid)
        assert before is not None
        fifo.read_text()
        wait_until(lambda: mark_of(process.pid) != procfs.program_mark(before))
        after = procfs.read_line(process.pid)
        assert after is not None
        assert procfs.start_of(after) == procfs.start_of(before)
        assert procfs.program_mark(after)[0] == procfs.program_mark(before)[0]


def mark_of(pid: int) -> tuple[bytes, bytes, bytes]:
    line = procfs.read_line(pid)
    assert line is not None
    return procfs.program_mark(line)


def test_a_process_that_computes_uses_a_core_and_one_that_sleeps_none() -> None:
    async def main(busy: int, idle: int) -> None:
        before = await procfs.scan()
        used = [stat.cpu_ticks] if (stat := procfs.read_stat(busy)) is not None else []
        wait_until(lambda: (now := procfs.read_stat(busy)) is not None and now.cpu_ticks >= used[0] + 50)
        after = await procfs.scan()
        share = after.cpu_percent(busy, before)
        assert share is not None
        # On a host with more to do than cores, half a second of work takes longer than that.
        elapsed_sec = after.at_sec - before.at_sec
        assert 45 / elapsed_sec < share < 120
        assert after.cpu_percent(idle, before) == pytest.approx(0, abs=5)
        assert after.cpu_percent(busy, procfs.Scan(0.0, {})) is None
        assert after.cpu_percent(busy, after) is None

    with programs() as made:
        busy, idle = made.python("while True: pass"), made.sleeper()
        asyncio.run(main(busy.pid, idle.pid))


def test_a_reused_pid_has_no_share_of_the_one_before_it() -> None:
    old = procfs.Scan(10.0, {77: LINE % b"a"})
    new = procfs.Scan(20.0, {77: (LINE % b"a").replace(b"2881422", b"2881499")})
    assert new.cpu_percent(77, old) is None


def test_a_scan_costs_no_descriptors() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        scan()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.peer("root")
def test_the_user_is_the_effective_one_after_a_change_of_user() -> None:
    with programs() as made:
        process = made.python("import os, time; os.setuid(65534); time.sleep(600)")
        wait_until(lambda: procfs.uid_of(process.pid) == 65534)


def test_ages_are_told_by_the_kernel_s_own_clock() -> None:
    with programs() as made:
        process = made.sleeper()
        stat = procfs.read_stat(process.pid)
        assert stat is not None
        age_sec = procfs.since_boot() - stat.start_ticks / procfs.TICKS_PER_SEC
        assert 0 <= age_sec < 30
        assert time.time() - procfs.boot_time() == pytest.approx(procfs.since_boot(), abs=1.1)
