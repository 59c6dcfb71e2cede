"""The collector of processes: real ones that start, end, change, and hide."""

import asyncio
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from node.collectors.processes import ProcessCollector, build
from node.settings import Kill, NodeSettings
from node.settings import ProcessWatch as Watch
from node.sources import procfs
from node.sources.process_types import Targets
from tests.node.collectors.watching import NOW, Watching, by_mark, watching
from tests.node.programs import Programs, end, state, wait_until


def test_a_running_process_is_told_as_other_programs_tell_it(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.python("import time; block = bytearray(30_000_000); time.sleep(600)", "--token=hunter2")
        wait_until(lambda: psutil.Process(process.pid).memory_info().rss > 30_000_000 and state(process.pid) == "S")
        began = time.time()
        (row,) = await seen.look()
        ended = time.time()
        other = psutil.Process(process.pid)
        assert (row.watch, row.pid, row.status, row.state) == ("w", process.pid, "RUNNING", "sleeping")
        assert (row.process_name, row.user, row.ppid) == (other.name(), other.username(), os.getpid())
        assert row.cmdline.endswith(f"time.sleep(600) --token=*** {made.mark}")
        assert (row.threads, row.open_files) == (1, other.num_fds())
        assert row.mem_rss_bytes == other.memory_info().rss
        assert row.start_time is not None
        assert abs(row.start_time.timestamp() - other.create_time()) < 1.5
        assert row.runtime_sec is not None
        assert began - 2 <= other.create_time() + row.runtime_sec <= ended + 2
        assert (row.cpu_percent, row.recent_cpu, row.collected_at, row.last_seen_at) == (None, [None], NOW, NOW)
        assert (row.wchan, row.error_message) == (None, None)
        io = other.io_counters()
        assert (row.read_bytes, row.write_bytes) == (io.read_bytes, io.write_bytes)
        (row,) = await seen.look()
        assert row.cpu_percent == pytest.approx(0, abs=5)
        assert row.recent_cpu == [None, row.cpu_percent]

    watching(tmp_path, by_mark, scenario)


def test_a_busy_process_uses_a_core(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.python("while True: pass")
        await seen.look()
        before = psutil.Process(process.pid).cpu_times()
        wait_until(lambda: sum(psutil.Process(process.pid).cpu_times()[:2]) > sum(before[:2]) + 0.3)
        (row,) = await seen.look()
        assert row.cpu_percent is not None
        assert 1 < row.cpu_percent < 150
        assert row.cpu_host_percent == pytest.approx(row.cpu_percent / (os.cpu_count() or 1), abs=0.1)
        assert seen.watch().cpu_percent == row.cpu_percent
        assert seen.value("etlmon_process_cpu_percent") == row.cpu_percent

    watching(tmp_path, by_mark, scenario)


def test_bytes_that_are_written_are_counted(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        file = tmp_path / "written"
        code = (
            "import os, sys, time; f = open(sys.argv[1], 'wb'); f.write(bytes(9_000_000)); os.fsync(f); time.sleep(600)"
        )
        made.python(code, str(file))
        wait_until(lambda: file.exists() and file.stat().st_size == 9_000_000)
        rows = await seen.until(lambda rows: (rows[0].write_bytes or 0) >= 9_000_000)
        assert rows[0].write_bytes is not None

    watching(tmp_path, by_mark, scenario)


def test_nothing_running_is_a_row_that_knows_what_ran_last(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        (row,) = await seen.look()
        assert (row.status, row.pid, row.last_seen_at, row.process_name) == ("STOPPED", None, None, "")
        assert (seen.watch().state, seen.watch().running) == ("too_few", 0)
        assert seen.value("etlmon_process_running") == 0
        assert seen.kinds == ["watch_too_few"]
        process = made.sleeper()
        (ran,) = await seen.look()
        assert (seen.kinds, seen.watch().starts) == (["process_started", "watch_ok"], 1)
        end(process)
        (row,) = await seen.look()
        assert (row.status, row.pid, row.cmdline, row.user) == ("STOPPED", None, ran.cmdline, ran.user)
        assert (row.start_time, row.last_seen_at) == (ran.start_time, ran.collected_at)
        assert (row.cpu_percent, row.mem_rss_bytes, row.state) == (None, None, None)
        assert seen.kinds == ["process_stopped", "watch_too_few"]
        made.sleeper()
        (row,) = await seen.look()
        assert (row.restarts, seen.kinds) == (1, ["process_restarted", "watch_ok"])
        assert (seen.watch().starts, seen.watch().stops, seen.watch().restarts) == (2, 1, 1)

    watching(tmp_path, by_mark, scenario)


def test_more_and_fewer_than_should_run_are_states(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        first = made.sleeper()
        await seen.look()
        assert (seen.watch().state, seen.watch().running) == ("too_few", 1)
        assert seen.events[0].severity == "warning"
        made.sleeper()
        await seen.look()
        assert seen.watch().state == "ok"
        since = seen.watch().since
        made.sleeper()
        assert len(await seen.look()) == 3
        assert (seen.watch().state, seen.watch().may_kill) == ("too_many", True)
        end(first)
        await seen.look()
        assert seen.watch().state == "ok"
        assert since is not None
        assert (seen.watch().since or since) > since

    watching(tmp_path, lambda made: [Watch(name="w", match=made.mark, min=2, max=2)], scenario)


def test_a_process_may_fit_several_watches(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.sleeper()
        rows = await seen.look()
        assert [(row.watch, row.pid) for row in rows] == [("w", process.pid), ("of root", process.pid)]
        target = seen.collector.known(process.pid)
        assert target is not None
        assert target.watches == ("w", "of root")

    def watches(made: Programs) -> list[Watch]:
        me = psutil.Process().username()
        return [Watch(name="w", match=made.mark), Watch(name="of root", match=f"sleep.*{made.mark}", user=me)]

    watching(tmp_path, watches, scenario)


@pytest.mark.peer("root")
def test_a_user_is_known_by_name_and_by_number(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.of_user(65534)
        made.sleeper()
        rows = await seen.look()
        assert [(row.watch, row.pid) for row in rows] == [("w", process.pid), ("n", process.pid), ("x", None)]
        assert (seen.watch("x").state, seen.watch("x").error_message) == (
            "error",
            "there is no user nobody-knows on this host",
        )
        assert seen.value("etlmon_process_running", "x") is None
        assert seen.value("etlmon_process_watch_ok", "x") == 0

    def watches(made: Programs) -> list[Watch]:
        return [
            Watch(name="w", match=made.mark, user="nobody"),
            Watch(name="n", match=made.mark, user="65534"),
            Watch(name="x", match=made.mark, user="nobody-knows"),
        ]

    watching(tmp_path, watches, scenario)


def test_a_pidfile_names_the_process(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"

    async def scenario(seen: Watching, made: Programs) -> None:
        (row,) = await seen.look()
        assert (row.status, row.error_message) == ("STOPPED", f"{file} is missing")
        assert seen.watch().state == "too_few"
        process, other = made.sleeper(), made.sleeper()
        file.write_text(f"{process.pid}\n")
        (row,) = await seen.look()
        assert (row.pid, row.error_message) == (process.pid, None)
        file.write_text(f"{other.pid}\n")
        (row,) = await seen.look()
        assert (row.pid, seen.watch().restarts) == (other.pid, 1)
        file.write_text("4194305\n")
        (row,) = await seen.look()
        assert row.error_message == f"{file} names pid 4194305, which does not run"
        file.write_text("soon\n")
        await seen.look()
        assert (seen.watch().state, seen.kinds) == ("error", ["watch_error"])

    watching(tmp_path, lambda _: [Watch(name="w", pidfile=str(file))], scenario)


def test_a_pidfile_that_is_left_over_names_no_younger_process(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"

    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.sleeper()
        file.write_text(f"{process.pid}\n")
        os.utime(file, (time.time() - 3600, time.time() - 3600))
        (row,) = await seen.look()
        assert row.status == "STOPPED"
        assert "which is another process by now" in str(row.error_message)

    watching(tmp_path, lambda _: [Watch(name="w", pidfile=str(file))], scenario)


@pytest.mark.peer("root")
def test_a_pidfile_of_another_user_does_not_name_root_s_processes(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"

    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.of_user(65534)
        file.write_text(f"{process.pid}\n")
        os.chown(file, 65534, 65534)
        (row,) = await seen.look()
        assert row.pid == process.pid
        file.write_text(f"{os.getpid()}\n")
        (row,) = await seen.look()
        assert row.status == "STOPPED"
        assert (seen.watch().state, seen.collector.known(os.getpid())) == ("error", None)
        assert "it is not believed" in str(row.error_message)

    watching(tmp_path, lambda _: [Watch(name="w", pidfile=str(file))], scenario)


def test_another_program_under_the_same_pid_is_an_event(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        fifo = tmp_path / "go"
        os.mkfifo(fifo)
        program = f"exec {sys.executable} -I -S -c 'import time; time.sleep(600)' {made.mark}"
        process = made.shell(f"echo >{fifo}; {program}")
        (row,) = await seen.look()
        assert (row.pid, row.process_name) == (process.pid, "sh")
        fifo.read_text()
        (row,) = await seen.until(lambda rows: rows[0].cmdline.startswith(sys.executable))
        assert (row.pid, seen.watch().starts) == (process.pid, 0)
        (event,) = seen.all_events
        assert event.kind == "process_exec"
        assert "sleep(600)" in event.message
        await seen.look()
        assert seen.kinds == []

    watching(tmp_path, by_mark, scenario)


def test_a_process_that_becomes_what_is_looked_for_has_started(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        fifo = tmp_path / "go"
        os.mkfifo(fifo)
        process = made.shell(f"echo >{fifo}; exec tail -f /dev/null")
        (row,) = await seen.look()
        assert row.status == "STOPPED"
        fifo.read_text()
        (row,) = await seen.until(lambda rows: rows[0].status == "RUNNING")
        assert (row.pid, row.process_name, seen.watch().starts) == (process.pid, "tail", 1)

    def watches(made: Programs) -> list[Watch]:
        return [Watch(name="w", match="^tail -f /dev/null$", exact="tail")]

    watching(tmp_path, watches, scenario)


def test_a_process_that_writes_itself_a_title_is_found_by_it(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        # As PostgreSQL and nginx do it: over their own arguments.
        code = (
            "import ctypes, pathlib, sys, time; line = open('/proc/self/stat').read().rpartition(')')[2].split(); "
            "start, size = int(line[45]), int(line[46]) - int(line[45]); "
            "[time.sleep(0.01) for _ in iter(lambda: pathlib.Path(sys.argv[2]).exists(), True)]; "
            "ctypes.memmove(start, sys.argv[1].encode().ljust(size - 1, b' ') + bytes(1), size); time.sleep(600)"
        )
        go = tmp_path / "go"
        made.python(code, f"etl: loading {made.mark[::-1]}", str(go))
        (row,) = await seen.look()
        assert row.status == "STOPPED"
        go.touch()
        (row,) = await seen.until(lambda rows: rows[0].status == "RUNNING")
        assert row.cmdline == f"etl: loading {made.mark[::-1]}"
        assert seen.watch().starts == 1

    watching(tmp_path, lambda made: [Watch(name="w", match=f"^etl: loading {made.mark[::-1]}")], scenario)


def test_a_zombie_does_not_run_and_says_who_should_collect_it(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.sleeper()
        await seen.look()
        process.kill()
        wait_until(lambda: state(process.pid) == "Z")
        (row,) = await seen.look()
        assert (row.status, row.state, row.pid, row.mem_rss_bytes) == ("STOPPED", "zombie", process.pid, None)
        assert row.error_message == f"it has ended; its parent, pid {os.getpid()}, has not collected it"
        assert made.mark in row.cmdline
        assert (seen.watch().running, seen.kinds) == (0, ["process_stopped", "watch_too_few"])
        target = seen.collector.known(process.pid)
        assert target is not None
        assert target.state == "Z"
        process.wait(30)
        (row,) = await seen.look()
        assert (row.status, row.pid, seen.kinds) == ("STOPPED", None, [])

    watching(tmp_path, by_mark, scenario)


def test_a_process_whose_first_thread_ended_still_runs(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        code = (
            "import ctypes, pathlib, sys, threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); "
            "[time.sleep(0.01) for _ in iter(lambda: pathlib.Path(sys.argv[1]).exists(), True)]; "
            "ctypes.CDLL(None).pthread_exit(None)"
        )
        go = tmp_path / "go"
        process = made.python(code, str(go))
        (before,) = await seen.look()
        go.touch()
        wait_until(lambda: state(process.pid) == "Z")
        (row,) = await seen.look()
        assert (row.status, row.state, row.pid, row.cmdline) == ("RUNNING", "zombie", process.pid, before.cmdline)
        assert seen.events == []
        target = await seen.collector.look(process.pid)
        assert target is not None
        assert target.watches == ("w",)

    watching(tmp_path, by_mark, scenario)


def test_the_node_itself_and_its_helpers_are_not_watched_unless_by_pid(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.sleeper()
        # What the node starts for its own work is in a session of its own.
        helper = made.start(sys.executable, "-c", "import time; time.sleep(600)", made.mark, new_session=True)
        rows = await seen.look()
        assert [row.pid for row in rows if row.watch == "w"] == [process.pid]
        assert {os.getpid(), helper.pid}.isdisjoint(row.pid for row in rows if row.watch == "mine")
        assert [row.pid for row in rows if row.watch == "self"] == [os.getpid()]

    def watches(made: Programs) -> list[Watch]:
        return [
            Watch(name="w", match=made.mark),
            Watch(name="mine", user=psutil.Process().username()),
            Watch(name="self", pid=os.getpid()),
        ]

    watching(tmp_path, watches, scenario)


def test_it_goes_on_where_the_store_says_it_was(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        stays, ends = made.sleeper(), made.sleeper()
        await seen.look()
        end(ends)
        made.sleeper()
        await seen.look()
        assert (seen.watch().starts, seen.watch().stops, seen.watch().restarts) == (1, 1, 1)
        again = await seen.restarted()
        await again.look()
        assert (again.watch().restarts, again.events) == (1, [])
        later = await again.restarted()
        end(stays)
        await later.look()
        assert (later.watch().stops, later.kinds) == (2, ["process_stopped"])
        assert later.watch().since == seen.watch().since
        await later.collector.close()
        await again.collector.close()

    watching(tmp_path, by_mark, scenario)


def test_when_the_host_s_clock_is_set_nothing_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        made.sleeper()
        (before,) = await seen.look()
        real = procfs.boot_time()
        monkeypatch.setattr(procfs, "boot_time", lambda *_: real + 3600)
        (row,) = await seen.look()
        assert before.start_time is not None
        assert row.start_time == before.start_time + timedelta(hours=1)
        assert seen.events == []

    watching(tmp_path, by_mark, scenario)


def test_command_lines_are_read_once_and_not_at_each_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        process = made.sleeper()
        asked: list[str] = []
        reader = seen.collector._reader
        real = reader.read

        async def read(places: list[str], within_sec: float = 1.0) -> dict[str, bytes]:
            asked.extend(places)
            return await real(places, within_sec)

        await seen.look()
        old = [pid for pid, line in seen.collector._processes.scan.lines.items() if is_old(line)]
        monkeypatch.setattr(reader, "read", read)
        for _ in range(5):
            await seen.look()
        assert asked.count(f"{process.pid}/io") == 5
        assert not {f"{pid}/cmdline" for pid in old} & set(asked)

    def is_old(line: bytes) -> bool:
        return procfs.since_boot() - procfs.start_of(line) / procfs.TICKS_PER_SEC > 120

    watching(tmp_path, by_mark, scenario)


def test_it_knows_its_processes_for_those_who_end_one(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        assert isinstance(seen.collector, Targets)
        process = made.sleeper("--password", "hunter2")
        wait_until(lambda: state(process.pid) == "S")
        assert seen.collector.known(process.pid) is None
        fresh = await seen.collector.look(process.pid)
        (row,) = await seen.look()
        known = seen.collector.known(process.pid)
        assert known is not None
        assert fresh == known == await seen.collector.look(process.pid)
        assert (known.watches, known.start_time, known.cmdline) == (("w",), row.start_time, row.cmdline)
        assert "hunter2" not in known.cmdline
        assert (known.uid, known.user, known.ppid) == (os.geteuid(), psutil.Process().username(), os.getpid())
        assert seen.collector.ancestors(process.pid)[0] == os.getpid()
        assert seen.collector.known(os.getpid()) is None
        unwatched = await seen.collector.look(os.getpid())
        assert unwatched is not None
        assert (unwatched.pid, unwatched.watches) == (os.getpid(), ())
        end(process)
        assert await seen.collector.look(process.pid) is None
        assert seen.collector.known(process.pid) == known  # as of the last look at all of them

    watching(tmp_path, by_mark, scenario)


def test_points_of_the_history_come_with_the_looks(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        made.sleeper()
        await seen.look()
        (point,) = seen.looked.points
        assert (point.watch, point.running, point.at) == ("w", 1, NOW)
        await seen.look()
        assert seen.looked.points == ()

    watching(tmp_path, by_mark, scenario)


def test_largest_processes_and_details_name_the_watches(tmp_path: Path) -> None:
    async def scenario(seen: Watching, made: Programs) -> None:
        busy = made.python("while True: pass")
        await seen.look()
        top = {row.pid: row for row in await seen.collector.top("cpu", 50)}
        assert top[busy.pid].watches == ["w"]
        detail = await seen.collector.detail(busy.pid)
        assert detail is not None
        assert detail.start_time == (await seen.look())[0].start_time
        assert detail.parents[0].pid == os.getpid()

    watching(tmp_path, by_mark, scenario)


def test_hidden_processes_are_an_error_and_not_a_zero(tmp_path: Path) -> None:
    # As hidepid=2 shows it to a user who is not root: their own processes alone.
    proc = tmp_path / "proc"
    proc.mkdir()
    for name in ("self", "stat", str(os.getpid())):
        (proc / name).symlink_to(f"/proc/{name}")

    async def main() -> None:
        watches = [Watch(name="w", match="vsftpd"), Watch(name="me", match="vsftpd", user=str(os.geteuid()))]
        collector = ProcessCollector(watches, interval_sec=5.0, proc=proc)
        (reading,) = [reading async for reading in collector.readings(NOW)]
        watch, mine = reading.rows[0].watches
        assert (watch.state, mine.state) == ("error", "too_few")
        assert "hidepid" in str(watch.error_message)
        await collector.close()

    asyncio.run(main())


def test_nothing_is_built_when_nothing_is_watched() -> None:
    assert build(NodeSettings()) == []


def test_a_collector_is_built_anew_when_what_it_depends_on_changes() -> None:
    watches = (Watch(match="a"), Watch(name="b", match="b"))
    (plain,) = build(NodeSettings(process_watch=watches))
    (same,) = build(NodeSettings(process_watch=watches))
    (some,) = build(NodeSettings(process_watch=watches, kill=Kill(allow=("b",))))
    (none,) = build(NodeSettings(process_watch=watches, kill=Kill(enabled=False)))
    assert plain.options == same.options
    assert len({str(one.options) for one in (plain, some, none)}) == 3
