"""Timers of a real systemd, told by systemctl and systemd-analyze inside of it."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.systemd import Systemd, systemd
from tests.peers import require

REPOSITORY = Path(__file__).parents[3]
PERIODIC = "[Timer]\nOnActiveSec=1s\nOnUnitActiveSec=1h\nAccuracySec=1ms\n"
UNITS = {
    "good.timer": PERIODIC,
    "good.service": "[Service]\nType=oneshot\nExecStart=/bin/sleep 0.3\n",
    "bad.timer": PERIODIC,
    "bad.service": "[Service]\nType=oneshot\nUser=nobody\nExecStart=/bin/sh -c 'exit 3'\n",
    "killed.timer": PERIODIC,
    "killed.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'kill -9 $$$$'\n",
    "unready.timer": PERIODIC,
    "unready.service": "[Service]\nType=oneshot\nExecStartPre=/bin/sh -c 'test -e /run/ready'\nExecStart=/bin/true\n",
    "late.timer": PERIODIC,
    "late.service": "[Service]\nType=oneshot\nTimeoutStartSec=1s\n"
    """ExecStart=/bin/bash -c 'trap "exit 0" TERM; while :; do sleep 0.1; done'\n""",
    "unwanted.timer": PERIODIC,
    "unwanted.service": "[Service]\nType=oneshot\nExecCondition=/bin/false\nExecStart=/bin/true\n",
    "long.timer": PERIODIC,
    "long.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "nightly.timer": "[Timer]\nOnCalendar=*-*-* 02:30\nOnCalendar=bogus\n",
    "nightly.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "wrong.timer": "[Timer]\nOnCalendar=25:61\n",
    "wrong.service": "[Service]\nExecStart=/bin/true\n",
    "lost.timer": "[Timer]\nOnCalendar=daily\n",
    "off.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
    "off.service": "[Service]\nExecStart=/bin/true\n",
}
ENDING = ("good.timer", "bad.timer", "killed.timer", "late.timer")
STARTED = (*ENDING, "unready.timer", "unwanted.timer", "long.timer", "nightly.timer", "wrong.timer")
FIND = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from datetime import UTC, datetime
from node.collectors.cron_files import Finder
from node.settings import Cron

async def main():
    finder = Finder(Cron())
    found = await finder.find(datetime.now(UTC))
    print(json.dumps({"jobs": [row(job) for job in found.jobs], "sources": [row(one) for one in found.sources]}))
    await finder.close()
    assert finder.pids == []

def row(item):
    names = getattr(item, "__struct_fields__", None) or item.__dataclass_fields__
    return {name: getattr(item, name) for name in names if name not in ("zone", "schedule", "daemon_zone")}

json.JSONEncoder.default = lambda self, item: item.isoformat() if isinstance(item, datetime) else list(item)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    require("systemd")
    with systemd(tmp_path_factory.mktemp("systemd") / "s", units=UNITS, start=STARTED) as started:
        yield started


def find(up: Systemd, *before: str) -> dict[str, Any]:
    """What a finder of the real host's files sees that runs inside."""
    said = up.run(*before, sys.executable, "-c", FIND, str(REPOSITORY))
    found: dict[str, Any] = json.loads(said)
    return found


def timers(up: Systemd, *before: str) -> dict[str, dict[str, Any]]:
    return {job["name"]: job for job in find(up, *before)["jobs"] if job["kind"] == "timer"}


def settled(up: Systemd) -> dict[str, dict[str, Any]]:
    """The timers once each of those that start at once has run."""
    deadline = datetime.now(UTC) + timedelta(seconds=60)
    while datetime.now(UTC) < deadline:
        found = timers(up)
        ended = [found[name]["last_exit_code"] is not None for name in ENDING]
        if all(ended) and found["long.timer"]["running_pids"]:
            return found
    pytest.fail("the timers do not elapse")


def test_the_end_of_the_last_run_is_told(up: Systemd) -> None:
    found = settled(up)
    good, bad, killed = (found[f"{name}.timer"] for name in ("good", "bad", "killed"))
    assert (good["last_exit_code"], good["last_result"], good["running_pids"]) == (0, "success", [])
    assert 0.3 <= good["last_duration_sec"] < 30
    assert (bad["last_exit_code"], bad["last_result"], bad["user"]) == (3, "exit-code", "nobody")
    assert (killed["last_exit_code"], killed["last_result"]) == (128 + 9, "signal")
    now = datetime.now(UTC)
    for job in (good, bad, killed):
        assert now - timedelta(minutes=5) < datetime.fromisoformat(job["last_run_at"]) <= now
        assert (job["enabled"], job["error"], job["warning"]) == (True, None, None)


def test_what_failed_without_an_exit_code_is_told_by_its_result(up: Systemd) -> None:
    found = settled(up)
    assert (found["late.timer"]["last_exit_code"], found["late.timer"]["last_result"]) == (0, "timeout")
    unready = found["unready.timer"]
    assert (unready["last_exit_code"], unready["last_result"]) == (None, "exit-code")
    up.write("/run/ready", "")
    up.run("systemctl", "start", "unready.service")
    unready = timers(up)["unready.timer"]
    assert (unready["last_exit_code"], unready["last_result"]) == (0, "success")
    up.run("rm", "/run/ready")
    up.run("sh", "-c", "sleep 1.1; systemctl restart unready.timer")
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while (unready := timers(up)["unready.timer"])["last_result"] == "success" and datetime.now(UTC) < deadline:
        pass
    assert (unready["last_exit_code"], unready["last_duration_sec"], unready["last_result"]) == (
        None,
        None,
        "exit-code",
    )


def test_what_was_not_wanted_to_run_did_not_fail(up: Systemd) -> None:
    settled(up)
    assert up.run("systemctl", "show", "--value", "-p", "Result", "unwanted.service").strip() == "exec-condition"
    assert timers(up)["unwanted.timer"]["last_result"] is None


def test_what_runs_now_is_told_by_its_pid(up: Systemd) -> None:
    job = settled(up)["long.timer"]
    assert job["running_pids"] == [int(up.run("systemctl", "show", "--value", "-p", "MainPID", "long.service"))]
    assert (job["last_exit_code"], job["last_duration_sec"]) == (None, None)


def test_the_next_times_are_those_that_systemd_says(up: Systemd) -> None:
    found = settled(up)
    rows = json.loads(up.run("systemctl", "list-timers", "--all", "--output=json"))
    usec = {row["unit"]: row["next"] for row in rows}
    for name in ("good.timer", "nightly.timer"):
        first = datetime.fromisoformat(found[name]["next_runs"][0])
        assert abs(first.timestamp() - usec[name] / 1e6) < 1e-3
    nightly = [datetime.fromisoformat(at) for at in found["nightly.timer"]["next_runs"]]
    assert len(nightly) == 5
    assert {later - earlier for earlier, later in pairwise(nightly)} == {timedelta(days=1)}
    assert {(at.hour, at.minute) for at in nightly} == {(2, 30)}


def test_what_systemd_does_not_take_is_invalid_and_what_it_passes_over_a_warning(up: Systemd) -> None:
    found = timers(up)
    assert not found["wrong.timer"]["enabled"]
    assert found["wrong.timer"]["error"].startswith("systemd does not take it: Unit wrong.timer has a bad unit file")
    assert found["nightly.timer"]["error"] is None
    assert "Failed to parse calendar specification 'bogus'" in found["nightly.timer"]["warning"]
    assert found["lost.timer"]["error"] == "it starts lost.service, which is not there"


def test_a_timer_that_is_not_started_is_off_and_one_that_should_be_is_warned_of(up: Systemd) -> None:
    off = timers(up)["off.timer"]
    assert (off["enabled"], off["next_runs"], off["error"], off["warning"]) == (False, [], None, None)
    up.run("systemctl", "enable", "off.timer")
    assert timers(up)["off.timer"]["warning"] == "it is enabled and not active; systemctl start off.timer"
    up.run("systemctl", "start", "off.timer")
    off = timers(up)["off.timer"]
    assert (off["enabled"], off["warning"], len(off["next_runs"])) == (True, None, 5)
    up.run("systemctl", "disable", "--now", "off.timer")


def test_a_timer_made_at_run_time_is_found(up: Systemd) -> None:
    up.run("systemd-run", "--on-calendar=*-*-* 03:15", "--unit=made", "/bin/true")
    job = timers(up)["made.timer"]
    assert job["schedule_text"] == "OnCalendar=*-*-* 03:15"
    assert job["command"] == '"/bin/true"'
    assert job["source"] == "/run/systemd/transient/made.timer"
    up.run("systemctl", "stop", "made.timer")
    assert "made.timer" not in timers(up)


def test_files_that_systemd_has_not_read_yet_are_said(up: Systemd) -> None:
    up.write("/etc/systemd/system/good.timer", UNITS["good.timer"] + "OnCalendar=*-*-* 05:00\n")
    assert "systemctl daemon-reload" in timers(up)["good.timer"]["warning"]
    up.run("systemctl", "daemon-reload")
    good = timers(up)["good.timer"]
    assert good["warning"] is None
    assert good["schedule_text"].endswith("; OnCalendar=*-*-* 05:00")


def test_anacron_is_started_by_its_timer(up: Systemd) -> None:
    require("anacron")
    up.run("systemctl", "start", "anacron.timer")
    found = find(up)
    daily = next(job for job in found["jobs"] if job["name"] == "cron.daily" and job["kind"] == "anacron")
    assert daily["warning"] is None
    assert len(daily["next_runs"]) == 5
    starts = [datetime.fromisoformat(at) - timedelta(minutes=5) for at in daily["next_runs"]]
    assert len({at.date() for at in starts}) == 5
    assert {(at.hour, at.minute) for at in starts[1:]} == {(7, 30)}
    lines = {job["source"]: job for job in found["jobs"] if job["kind"] == "cron"}
    assert lines["/etc/cron.d/anacron"]["warning"] == (
        "it does nothing here, because /run/systemd/system is a directory"
    )


def test_a_systemctl_that_is_not_there_leaves_the_calendar(up: Systemd) -> None:
    hidden = ["unshare", "-m", "sh", "-c", 'mount --bind /bin/false "$(readlink -f /bin/systemctl)"; exec "$@"', "sh"]
    found = find(up, *hidden)
    source = next(source for source in found["sources"] if source["kind"] == "timers")
    assert source["state"] == "error"
    assert source["reason"].startswith("systemctl ends with exit status 1")
    job = next(job for job in found["jobs"] if job["name"] == "apt-daily.timer")
    assert len(job["next_runs"]) == 5
    assert job["last_exit_code"] is None


def test_times_are_those_of_the_zone_of_the_host(up: Systemd) -> None:
    before = up.run("readlink", "/etc/localtime").strip()
    up.run("ln", "-sfn", "/usr/share/zoneinfo/Asia/Seoul", "/etc/localtime")
    try:
        deadline = datetime.now(UTC) + timedelta(seconds=60)
        while datetime.now(UTC) < deadline:
            job = timers(up)["nightly.timer"]
            times = [datetime.fromisoformat(at) for at in job["next_runs"]]
            assert job["zone_name"] == "Asia/Seoul"
            if {(at.hour, at.minute) for at in times} == {(17, 30)}:  # once systemd has noticed, too
                return
        pytest.fail(f"systemd goes on with {times[0]}")
    finally:
        up.run("ln", "-sfn", before, "/etc/localtime")


def test_all_is_one_source(up: Systemd) -> None:
    found = find(up)
    (source,) = (source for source in found["sources"] if source["kind"] == "timers")
    assert (source["path"], source["state"], source["reason"]) == ("systemd", "ok", None)
    assert source["jobs"] == len([job for job in found["jobs"] if job["kind"] == "timer"])
