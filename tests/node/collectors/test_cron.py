"""The collector: crontabs, a log that grows, processes that end, and a store that goes on after a restart."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.collectors.cron import build
from node.settings import Cron, NodeSettings
from tests.node.collecting import until
from tests.node.collectors.cron_looks import Looks, looking
from tests.node.collectors.cron_stage import job

EVERY_MINUTE = job()
HOURLY = job("7 * * * *", "/opt/hourly")


def play(folder: Path, scenario: Callable[[Looks], Awaitable[None]], *jobs: Any, **settings: Any) -> None:
    async def main() -> None:
        async with looking(folder, *(jobs or (EVERY_MINUTE,)), **settings) as looks:
            await scenario(looks)

    asyncio.run(main())


@contextmanager
def process(looks: Looks) -> Iterator["subprocess.Popen[bytes]"]:
    """A job's process."""
    with subprocess.Popen(["sleep", "600"]) as started:
        looks.proc.show(started.pid)
        try:
            yield started
        finally:
            started.kill()


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def test_a_run_is_seen_from_its_start_to_the_end_of_its_process(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        with process(looks) as started:
            looks.write(f"{started.pid} (etl) CMD (/opt/load)")
            await looks.look(0.5)
            row = await looks.job()
            assert (row.state, row.running_pids) == ("running", [started.pid])
            await looks.look(3)
            assert (await looks.job()).state == "running"
            began = asyncio.get_running_loop().time()
            started.kill()
            started.wait()
            await asyncio.wait_for(looks.collector.prompt(), 10)
            took = asyncio.get_running_loop().time() - began
        await looks.look(took)
        (run,) = await looks.runs()
        assert (run.state, run.exit_code) == ("ended", None)
        assert run.duration_sec == pytest.approx(3.5, abs=took + 0.1)
        row = await looks.job()
        assert row.state == "ok"
        assert "EXTRA_OPTS" in (row.state_reason or "")

    play(tmp_path, scenario)


def test_with_every_level_the_exit_code_comes_from_the_log(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        looks.proc.start_cron("-f", "-L", "15")
        await looks.look(0)
        looks.write("90 (etl) CMD ([4000007] /opt/load)")
        looks.write("90 (CRON) error (grandchild #4000007 failed with exit status 3)", at=looks.now + seconds(2))
        looks.write("90 (etl) END ([4000007] /opt/load)", at=looks.now + seconds(2))
        await looks.look(3)
        row = await looks.job()
        assert (row.state, row.last_exit_code, row.last_duration_sec) == ("failed", 3, 2.0)
        assert row.state_reason == "it ended with exit status 3"
        assert looks.kinds == ["job_failed"]
        assert looks.samples()[f"etlmon_cron_last_exit_code {row.job_id} {row.command} /etc/cron.d/etl"] == 3
        assert (await looks.source("daemon")).reason is None

    play(tmp_path, scenario)


def test_a_due_time_that_passes_without_a_start_is_missed_within_the_grace_and_a_minute(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        due = looks.minute(2).replace(minute=7) + timedelta(hours=2)
        await looks.look(until=due - seconds(30))
        looks.proc.stop_cron()
        await looks.look(until=due + seconds(30))
        assert (await looks.source("daemon")).state == "error"
        assert (await looks.job()).state != "missed"
        await looks.look(until=due + seconds(301))
        (run,) = [run for run in await looks.runs() if run.due_at == due]
        assert (run.state, run.reason) == ("missed", "cron is not running")
        assert "cron_stopped" in looks.kinds
        assert looks.kinds[-1] == "job_missed"
        assert looks.samples()[f"etlmon_cron_missed {run.job_id} {(await looks.job()).command} /etc/cron.d/etl"] == 1
        looks.proc.start_cron("-f")
        await looks.look(61)
        assert looks.kinds[-1] == "cron_started"

    play(tmp_path, scenario, HOURLY)


def test_the_next_look_is_planned_for_when_a_due_time_becomes_overdue(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        looks.write("4000009 (etl) CMD (/opt/load)", at=looks.minute(0))
        began = asyncio.get_running_loop().time()
        await looks.look(0.1)
        await asyncio.wait_for(looks.collector.prompt(), 120)
        assert asyncio.get_running_loop().time() - began < 70

    play(tmp_path, scenario, grace=2)


def test_a_restart_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        looks.proc.start_cron("-f", "-L", "15")
        await looks.look(0)
        first = looks.minute(2)
        for number in range(10):
            due = first + timedelta(minutes=number)
            if number == 4:
                await looks.restart()
            if number != 6:
                looks.write(f"{100 + number} (etl) CMD ([{4000100 + number}] /opt/load)", at=due + seconds(1))
                looks.write(f"{100 + number} (etl) END ([{4000100 + number}] /opt/load)", at=due + seconds(2))
            if number != 5:
                await looks.look(until=due + seconds(5))
        await looks.restart()
        await looks.look(until=first + timedelta(minutes=13))
        runs = {run.due_at: run.state for run in await looks.runs() if run.due_at and run.due_at >= first}
        missed = first + timedelta(minutes=6)
        assert runs.pop(missed) == "missed"
        assert list(runs.values()) == ["ok"] * 9
        assert len(await looks.runs()) == len({run.id for run in await looks.runs()})

    play(tmp_path, scenario)


def test_a_run_that_goes_on_over_a_restart_is_ended_by_the_log(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        looks.proc.start_cron("-f", "-L", "15")
        await looks.look(0)
        with process(looks) as started:
            looks.write(f"90 (etl) CMD ([{started.pid}] /opt/load)")
            await looks.look(0.5)
            await looks.restart()
            await looks.look(1)
            assert (await looks.job()).state == "running"
        await looks.restart()
        looks.write(f"90 (etl) END ([{started.pid}] /opt/load)", at=looks.now + seconds(10))
        await looks.look(30)
        (run,) = await looks.runs()
        assert (run.state, run.exit_code) == ("ok", 0)
        assert run.duration_sec == pytest.approx(11.5, abs=0.01)

    play(tmp_path, scenario)


def test_a_reading_that_was_not_stored_is_made_again(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        looks.write("4000007 (etl) CMD (/opt/load)")
        lost = [reading async for reading in looks.collector.readings(looks.now + seconds(1))]
        assert len(lost[0].rows[0].runs) == 1
        await looks.database.read(looks.collector.resume)
        await looks.look(2)
        assert len(await looks.runs()) == 1

    play(tmp_path, scenario)


def test_a_job_that_was_just_written_is_found_when_it_starts(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        looks.given.jobs = [EVERY_MINUTE, HOURLY]
        await looks.look(20)
        assert len(await looks.jobs()) == 1
        looks.write("4000007 (etl) CMD (/opt/hourly)")
        await looks.look(1)
        assert [run.job_id for run in await looks.runs()] == [HOURLY.job_id]
        assert looks.kinds == ["crontab_changed"]
        assert looks.events[0].message == "/etc/cron.d/etl: 1 job added"

    play(tmp_path, scenario)


def test_a_log_that_is_seen_first_tells_of_the_runs_in_it_and_of_no_missed_ones(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        for number in range(5):
            at = looks.now - timedelta(minutes=50 - 10 * number)
            looks.write(f"{4000000 + number} (etl) CMD (/opt/load)", at=at)
        await looks.look(0)
        runs = await looks.runs()
        assert [run.state for run in runs] == ["ended"] * 5
        assert all(run.due_at is not None for run in runs)
        row = await looks.job()
        assert row.last_run_at is not None
        assert abs(row.last_run_at - (looks.now - timedelta(minutes=10))) < seconds(0.01)
        source = await looks.source("run_log")
        assert (looks.now - timedelta(minutes=50)).strftime("%H:%M:%S") in (source.reason or "")

    play(tmp_path, scenario)


def test_a_look_that_sees_nothing_new_stores_nothing(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        with looks.log.open("a") as log:
            log.write(f"{looks.now.isoformat()} vm sshd[1]: somebody came\n")
        (reading,) = await looks.look(1)
        assert reading.unchanged
        assert looks.samples()["etlmon_cron_daemon_up"] == 1
        (reading,) = await looks.look(60)
        assert not reading.unchanged

    play(tmp_path, scenario, HOURLY)


def test_refresh_reads_every_source_anew_at_the_next_run(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        await looks.look(1)
        looks.collector.refresh()
        await looks.look(1)
        await looks.look(1)
        assert looks.given.fresh == [False, True]

    play(tmp_path, scenario)


def test_a_log_that_cannot_be_read_makes_all_unknown_and_none_missed(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        looks.log.unlink()
        await looks.look(120)
        await looks.look(600)
        row = await looks.job()
        assert row.state == "unknown"
        assert "cron's log cannot be read" in (row.state_reason or "")
        assert (await looks.source("run_log")).state == "missing"
        assert "job_missed" not in looks.kinds
        assert looks.kinds == ["cron_log_unreadable"]
        looks.write("4000007 (etl) CMD (/opt/load)", at=looks.minute(1) + seconds(1))
        await looks.look(120)
        assert looks.kinds[-1] == "cron_log_back"
        assert (await looks.job()).state == "ok"

    play(tmp_path, scenario)


def test_lines_that_were_lost_are_no_missed_runs(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        for number in range(20):
            looks.write(f"{4000000 + number} (etl) CMD (/opt/load)", at=looks.now - timedelta(minutes=20 - number))
        await looks.look(0)
        due = looks.minute(2)
        looks.log.write_text("")
        looks.write("4000050 (etl) CMD (/opt/load)", at=due + timedelta(minutes=9, seconds=1))
        await looks.look(until=due + timedelta(minutes=9, seconds=5))
        await looks.look(until=due + timedelta(minutes=14))
        assert "cron_log_gap" in looks.kinds
        assert "job_missed" not in looks.kinds

    play(tmp_path, scenario)


def test_auto_takes_the_log_that_is_written_to_and_moves_on_when_it_falls_silent(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        old, syslog = tmp_path / "old.log", tmp_path / "syslog"
        old.write_text("")
        os.utime(old, (0, 0))
        looks.candidates = (str(old), str(looks.log), str(syslog))
        looks.settings["run_log"] = "auto"
        await looks.restart()
        looks.write("4000007 (etl) CMD (/opt/load)")
        await looks.look(0)
        assert (await looks.source("run_log")).path == str(looks.log)
        os.utime(looks.log, (0, 0))
        later = looks.now + timedelta(hours=30)
        syslog.write_text(f"{later.isoformat()} vm CRON[4000008]: (etl) CMD (/opt/load)\n")
        os.utime(syslog, (later.timestamp(), later.timestamp()))
        await looks.look(until=later)
        assert (await looks.source("run_log")).path == str(syslog)
        assert len([run for run in await looks.runs() if run.started_at]) == 2

    play(tmp_path, scenario)


def test_without_any_log_the_jobs_are_shown_and_nothing_is_known_of_their_runs(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        looks.settings["run_log"] = ""
        await looks.restart()
        await looks.look(0)
        await looks.look(600)
        row = await looks.job()
        assert (row.state, row.next_run) == ("unknown", looks.minute(1))
        source = await looks.source("run_log")
        assert (source.state, source.path) == ("missing", "none")

    play(tmp_path, scenario)


def test_the_daemon_is_described_with_what_would_tell_more(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        source = await looks.source("daemon")
        assert source.state == "ok"
        assert 'EXTRA_OPTS="-L 15"' in (source.reason or "")
        looks.proc.start_cron(name="crond", ago_sec=5)
        await looks.look(61)
        assert "cronie logs no exit codes" in ((await looks.source("daemon")).reason or "")

    play(tmp_path, scenario)


def test_what_cron_says_of_a_crontab_is_told_where_nothing_wrong_was_found(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        message = "24 (*system*etl) ERROR (Syntax error, this crontab file will be ignored)"
        await looks.look(0)
        looks.write(message, program="cron")
        await looks.look(1)
        source = await looks.source("cron_d")
        assert source.state == "invalid"
        assert "this crontab file will be ignored" in (source.reason or "")
        looks.write("24 (*system*etl) RELOAD (/etc/cron.d/etl)", program="cron")
        await looks.look(1)
        assert (await looks.source("cron_d")).state == "ok"

    play(tmp_path, scenario)


def test_many_missed_runs_are_told_in_a_few_events(tmp_path: Path) -> None:
    many = [job("* * * * *", f"/opt/{number}") for number in range(40)]

    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        looks.proc.stop_cron()
        await looks.look(120)
        await looks.look(until=looks.minute(1) + seconds(310))
        missed = [event for event in looks.events if event.kind == "job_missed"]
        assert len(missed) <= 11
        assert missed[-1].message.endswith("runs were missed")

    play(tmp_path, scenario, *many)


def test_a_crontab_without_etlmon_is_no_collector() -> None:
    assert build(NodeSettings(cron=Cron(enabled=False))) == []
    (one,) = build(NodeSettings())
    assert (one.name, one.interval_sec) == ("cron", 60.0)


def test_hostile_names_travel_as_they_are(tmp_path: Path) -> None:
    hostile = job(command="echo \x1b[31m [bold]한글 \udcff")

    async def scenario(looks: Looks) -> None:
        await looks.look(0)
        looks.write(r"4000007 (etl) CMD (echo ^[[31m [bold]\355\225\234\352\270\200 \377)")
        await looks.look(1)
        assert len(await looks.runs()) == 1
        assert isinstance(looks.now, datetime)

    play(tmp_path, scenario, hostile)


@pytest.mark.parametrize("level", [1, 15])
def test_overlapping_runs_are_told(tmp_path: Path, level: int) -> None:
    async def scenario(looks: Looks) -> None:
        looks.proc.start_cron("-L", str(level))
        await looks.look(0)
        with process(looks) as first, process(looks) as second:
            looks.write(f"{first.pid} (etl) CMD (/opt/load)")
            await looks.look(0.5)
            looks.write(f"{second.pid} (etl) CMD (/opt/load)")
            await looks.look(0.5)
            row = await looks.job()
            assert (row.state, sorted(row.running_pids)) == ("overlapping", sorted([first.pid, second.pid]))
            assert [run.overlapped for run in await looks.runs()] == [False, True]
            assert looks.kinds == ["job_overlapped"]
        await until(lambda: first.poll() is not None and second.poll() is not None)
        await looks.look(1)
        await looks.look(6)
        assert [run.state for run in await looks.runs()] == ["ended", "ended"]
        assert (await looks.job()).overlapped == 1

    play(tmp_path, scenario)


def test_a_new_process_under_an_old_pid_is_not_the_run(tmp_path: Path) -> None:
    async def scenario(looks: Looks) -> None:
        with process(looks) as started:
            looks.write(f"{started.pid} (etl) CMD (/opt/load)", at=looks.now - timedelta(hours=2))
            await looks.look(0)
            (run,) = await looks.runs()
            assert (run.state, run.ended_at) == ("ended", None)
        assert replace(EVERY_MINUTE, line_no=9).job_id == EVERY_MINUTE.job_id

    play(tmp_path, scenario)
