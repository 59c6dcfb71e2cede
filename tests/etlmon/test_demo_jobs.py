"""The demo's workers and its cron: what is shown of them is what a node finds and a cron would do."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from etlmon import demo_cron
from etlmon.demo_cron import JOBS, due, ended, prepare, started, write
from etlmon.demo_worker import Workers
from node.collectors.cron_grammar import parse_table
from node.collectors.cron_next import due_between


def test_the_crontab_is_one_that_cron_takes_and_the_demo_starts_its_jobs_when_they_are_due(tmp_path: Path) -> None:
    prepare(tmp_path)
    (crontab,) = (tmp_path / "cron" / "crontabs").iterdir()
    assert crontab.stat().st_mode & 0o777 == 0o600
    table = parse_table(crontab.read_bytes(), system=False, flavour="debian", known_user=lambda _: True)
    assert table.error is None
    assert [line.command for line in table.lines] == [job.command for job in JOBS]
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = [midnight.timestamp() + 60 * minute for minute in range(24 * 60)]
    for job, line in zip(JOBS, table.lines, strict=True):
        assert line.schedule is not None
        zone = midnight.tzinfo
        assert zone is not None
        before = datetime.fromtimestamp(minutes[0] - 1, UTC)
        told = due_between(line.schedule, zone, before, datetime.fromtimestamp(minutes[-1], UTC))
        if job.is_due is not None:
            assert [at.timestamp() for at in told] == [minute for minute in minutes if job in due(minute)]


def test_the_log_of_the_last_hours_is_in_order_and_tells_of_starts_ends_and_failures(tmp_path: Path) -> None:
    prepare(tmp_path)
    lines = (tmp_path / "log" / "cron.log").read_text(encoding="ascii").splitlines()
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert sum("CMD" in line for line in lines) >= demo_cron.PAST_MINUTES
    assert any("failed with exit status 3" in line for line in lines)
    assert any(r"--queue \354\240\225\354\202\260" in line for line in lines), "as cron writes what is not ASCII"


def test_a_start_and_an_end_are_told_with_the_job_s_pid(tmp_path: Path) -> None:
    job = next(job for job in JOBS if job.exit_code)
    write(tmp_path, [*started(0.0, job, 77), *ended(6.0, job, 77)])
    lines = (tmp_path / "log" / "cron.log").read_text(encoding="ascii").splitlines()
    assert [line.partition("CRON[76]: ")[2] for line in lines] == [
        f"({demo_cron._user()}) CMD ([77] {job.command})",
        "(CRON) error (grandchild #77 failed with exit status 3)",
        f"({demo_cron._user()}) END ([77] {job.command})",
    ]


def test_its_cron_ends_with_its_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "etlmon.demo_cron", str(tmp_path), "-L", "15"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_worker_that_was_ended_is_started_again(tmp_path: Path) -> None:
    workers = Workers(tmp_path, away_sec=0.2)
    try:
        first = workers.pids
        subprocess.run(["kill", str(first[0])], check=True)
        end = time.monotonic() + 30
        while workers.pids == first or len(workers.pids) < len(first):
            assert time.monotonic() < end
            time.sleep(0.02)
            workers.step()
        assert workers.pids[1:] == first[1:]
    finally:
        workers.close()
