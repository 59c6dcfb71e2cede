"""The daemon, its log level, and the processes of jobs."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from node.collectors.cron_host import CronHost, Daemon, exit_code_advice, level_of
from node.collectors.cron_sources import daemon_source
from node.collectors.cron_types import Host
from tests.node.collectors.cron_looks import DAEMON_PID, Proc
from tests.node.collectors.cron_stage import daemon, evidence
from tests.node.store.opened import START

T = TypeVar("T")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path / "proc")


def looked(proc: Proc, *acts: Callable[[], None]) -> list[Daemon | None]:
    """What one host sees before, and after each of these."""

    async def main() -> list[Daemon | None]:
        host = CronHost(proc.place)
        seen = [await host.daemon()]
        for act in acts:
            act()
            seen.append(await host.daemon())
        await host.close()
        return seen

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        ((), 1),
        (("-f",), 1),
        (("-f", "-L", "15"), 15),
        (("-L15",), 15),
        (("-fL", "7"), 7),
        (("-L", "2", "-L", "5"), 5),
        (("-L", "0"), 0),
        (("-L", "x"), 0),
        (("-L",), 0),
    ],
)
def test_the_level_is_what_L_says(arguments: tuple[str, ...], level: int) -> None:  # noqa: N802 - it is the option's name
    assert level_of(["/usr/sbin/cron", *arguments]) == level


def test_the_daemon_is_found_with_its_level_and_lost_when_it_ends(proc: Proc) -> None:
    proc.start_cron("-f", "-L", "15")
    first, none, again = looked(proc, proc.stop_cron, lambda: proc.start_cron("-f", ago_sec=3))
    assert first is not None
    assert (first.pid, first.name, first.level) == (DAEMON_PID, "cron", 15)
    assert none is None
    assert again is not None
    assert again.level == 1
    assert abs(datetime.now(UTC) - timedelta(seconds=3) - again.started_at) < timedelta(seconds=3)


def test_a_copy_of_the_daemon_that_runs_a_job_is_not_the_daemon(proc: Proc) -> None:
    proc.start_cron("-f")
    child = DAEMON_PID - 1
    proc.start_cron("-f", pid=child, ago_sec=100)
    stat = proc.place / str(child) / "stat"
    stat.write_text(stat.read_text().replace("S 1 ", f"S {DAEMON_PID} ", 1))
    (found,) = looked(proc)
    assert found is not None
    assert found.pid == DAEMON_PID


def test_what_a_daemon_leaves_behind_to_run_a_job_is_not_the_daemon(proc: Proc) -> None:
    proc.start_cron("-f", "-L", "15")
    (proc.place / str(DAEMON_PID) / "cmdline").write_bytes(b"/USR/SBIN/CRON\0-f\0-L\x0015\0")
    assert looked(proc) == [None]
    proc.start_cron("-f", pid=DAEMON_PID - 1)
    (found,) = looked(proc)
    assert found is not None
    assert found.pid == DAEMON_PID - 1


def test_cronie_is_a_daemon_that_tells_no_exit_codes(proc: Proc) -> None:
    proc.start_cron("-n", name="crond")
    (found,) = looked(proc)
    assert found is not None
    assert "no exit codes" in (exit_code_advice(found) or "")


def test_hidden_processes_are_noticed(proc: Proc) -> None:
    async def main() -> bool:
        host = CronHost(proc.place)
        await host.daemon()
        return host.hidden

    assert not asyncio.run(main())
    (proc.place / "1").unlink()
    assert asyncio.run(main())


def test_a_process_is_the_run_when_it_began_with_it(proc: Proc) -> None:
    host = CronHost(proc.place)
    with subprocess.Popen(["sleep", "600"]) as process:
        proc.show(process.pid)
        now = datetime.now(UTC)
        assert host.runs(process.pid, now)
        assert not host.runs(process.pid, now - timedelta(minutes=1))
        process.kill()
    assert not host.runs(process.pid, now)


def test_a_process_below_cron_is_the_run_though_the_clock_was_set(proc: Proc) -> None:
    host = CronHost(proc.place)
    proc.start_cron("-f")
    job = DAEMON_PID + 1
    proc.start_cron(name="sh", pid=job)
    stat = proc.place / str(job) / "stat"
    stat.write_text(stat.read_text().replace("S 1 ", f"S {DAEMON_PID} ", 1))
    assert host.runs(job, datetime.now(UTC) - timedelta(hours=1))
    assert not host.runs(job, datetime.now(UTC) - timedelta(hours=4))


def test_a_process_that_waits_to_be_collected_runs_no_more(proc: Proc) -> None:
    host = CronHost(proc.place)
    process = subprocess.Popen(["true"])
    proc.show(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not host.runs(process.pid, datetime.now(UTC))
    process.wait()


def test_a_daemon_that_does_not_run_is_an_error_only_where_one_is_installed(tmp_path: Path) -> None:
    cron = tmp_path / "cron"
    nothing = Host(debian_cron=str(cron), crond=())
    source = daemon_source(evidence(daemon=None), nothing, START)
    assert (source.state, source.reason) == ("missing", "no cron is installed here")
    cron.touch()
    source = daemon_source(evidence(daemon=None), nothing, START)
    assert (source.state, source.path) == ("error", str(cron))
    assert "systemctl start cron" in (source.reason or "")
    assert daemon_source(evidence(daemon=None, hidden=True), nothing, START).state == "denied"
    crond = Host(debian_cron="/none", crond=(str(cron.rename(tmp_path / "crond")),))
    assert "systemctl start crond" in (daemon_source(evidence(daemon=None), crond, START).reason or "")


@pytest.mark.parametrize(
    ("level", "words"), [(1, "how jobs end"), (3, "how jobs end"), (14, "that jobs start"), (15, None)]
)
def test_what_the_daemon_does_not_log_is_told(level: int, words: str | None) -> None:
    advice = exit_code_advice(daemon(level))
    assert advice is None if words is None else words in (advice or "")
