"""A real cron, a real log daemon and a real node, over some minutes."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cron import PrivateHost, private_host
from tests.node.processes import ask, wait_until

GRACE_SEC = 5
STOPPED_MINUTES = 1
"""So long there is no cron."""

CRONTAB = """PGPASSWORD=hunter2
* * * * * nobody exit 3
* * * * * root sleep 3
* * * * * root sleep 75 # overlaps
* * * * * root cat >/dev/null%input \\% more
* * * * * nobody echo 한글 \\% 끝
"""
LATE_SEC = 20.0
"""For a busy machine."""


class Watched:
    """A host with cron at a log level, and a node that watches it."""

    def __init__(self, host: PrivateHost, *options: str) -> None:
        self.host = host
        self.socket = host.folder / "node.sock"
        self._options = options
        self._cron = self._node = 0
        host.crontab(CRONTAB)

    def start_cron(self) -> None:
        self._cron = self.host.cron(*self._options)

    def stop_cron(self) -> None:
        self.host.end(self._cron)

    def start_node(self) -> None:
        where = f"node: {{listen: 'unix:{self.socket}', db_path: '{self.host.folder}/etlmon.db'}}"
        self._node = self.host.node(f"{where}\ncron: {{grace: {GRACE_SEC}s, anacrontab: /none}}\n")

    def kill_node(self) -> None:
        self.host.end(self._node, "KILL")

    def get(self, path: str) -> list[dict[str, Any]]:
        status, body = ask(f"unix:{self.socket}", f"/api/v1/{path}")
        assert status == 200
        assert isinstance(body, list)
        return body

    def job(self, command: str) -> dict[str, Any]:
        (one,) = [row for row in self.get("cron") if command in row["command"]]
        return one

    def runs(self, command: str) -> dict[datetime, list[dict[str, Any]]]:
        """By their due time."""
        found: dict[datetime, list[dict[str, Any]]] = {}
        for run in self.get(f"cron/runs?limit=1000&job_id={self.job(command)['job_id']}"):
            found.setdefault(datetime.fromisoformat(run["due_at"]), []).append(run)
        return found

    def has(self, command: str, due: datetime) -> bool:
        return due in self.runs(command)

    def until(self, holds: Callable[[], bool], within_sec: float = LATE_SEC) -> None:
        def held() -> bool:
            time.sleep(0.2)  # the answers are many, and this goes on for minutes
            with contextlib.suppress(OSError):
                return holds()
            return False

        wait_until(held, within_sec)


@contextlib.contextmanager
def watched(folder: Path, syslog: str, *options: str) -> Iterator[Watched]:
    folder.mkdir()
    with private_host(folder, syslog=syslog) as host:
        one = Watched(host, *options)
        one.start_cron()
        one.start_node()
        one.until(lambda: len(one.get("cron")) >= 5)
        yield one


def sleep_until(moment: datetime) -> None:
    """The course of events goes by the clock, as cron does."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def course(one: Watched, first: datetime) -> list[datetime]:
    """What happens: two minutes of runs with a node that is killed between, then no cron, then cron again."""
    one.until(lambda: one.job("sleep 3")["state"] == "running", 60 + LATE_SEC)
    one.until(lambda: one.job("sleep 75")["state"] == "running")
    sleep_until(first + timedelta(seconds=15))
    one.kill_node()
    sleep_until(first + timedelta(seconds=45))
    one.start_node()
    one.until(lambda: one.job("sleep 75")["state"] == "overlapping", 60 + LATE_SEC)
    one.stop_cron()
    missed = [first + timedelta(minutes=2 + number) for number in range(STOPPED_MINUTES)]
    for due in missed:
        sleep_until(due)
        one.until(partial(one.has, "sleep 3", due), 60.0 + GRACE_SEC)
    one.until(lambda: one.job("sleep 3")["state"] == "missed")
    (daemon,) = [source for source in one.get("cron/sources") if source["kind"] == "daemon"]
    assert daemon["state"] == "error"
    one.start_cron()
    again = first + timedelta(minutes=2 + STOPPED_MINUTES)
    one.until(lambda: again in one.runs("sleep 3"), 60 + LATE_SEC)
    one.until(lambda: one.job("sleep 3")["state"] == "ok")
    return missed


def judge(one: Watched, first: datetime, missed: list[datetime], *, codes: bool) -> None:
    """Every run is there once, and says what can be known of it."""
    dues = [first + timedelta(minutes=number) for number in range(3 + STOPPED_MINUTES)]
    for command in ("exit 3", "sleep 3", "cat", "sleep 75", "echo"):
        runs = one.runs(command)
        assert sorted(runs) == dues, command
        assert all(len(those) == 1 for those in runs.values()), command
        assert [due for due, (run,) in sorted(runs.items()) if run["state"] == "missed"] == missed
        assert "cron is not running" in {run["reason"] for (run,) in runs.values()}
    for command, state, code in (("exit 3", "failed", 3), ("sleep 3", "ok", 0), ("cat", "ok", 0), ("echo", "ok", 0)):
        (run,) = one.runs(command)[first]
        assert (run["state"], run["exit_code"]) == ((state, code) if codes else ("ended", None)), command
    for due in (first, dues[-1]):
        (run,) = one.runs("sleep 3")[due]
        assert run["duration_sec"] == pytest.approx(3, abs=1.5)
    overlapped = [run["overlapped"] for due, (run,) in sorted(one.runs("sleep 75").items())]
    assert overlapped[:2] == [False, True]
    (run,) = one.runs("sleep 75")[dues[1]]
    assert run["duration_sec"] == pytest.approx(75, abs=3)
    assert "hunter2" not in str(one.get("cron"))


@pytest.mark.timeout(600)
@pytest.mark.peer("root", "unshare", "cron", "rsyslogd", "busybox-syslogd")
def test_what_a_real_cron_did_and_did_not_do_is_known(tmp_path: Path) -> None:
    if datetime.now(UTC).second > 40:
        sleep_until(datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(seconds=61))
    first = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    with (
        watched(tmp_path / "all", "rsyslogd", "-L", "15") as tells_all,
        watched(tmp_path / "starts", "busybox") as tells_starts,
        ThreadPoolExecutor() as at_once,
    ):
        assert datetime.now(UTC) < first, "this machine is too busy"
        courses = [at_once.submit(course, one, first) for one in (tells_all, tells_starts)]
        missed, _ = (one.result() for one in courses)
        judge(tells_all, first, missed, codes=True)
        judge(tells_starts, first, missed, codes=False)
        (log,) = [source for source in tells_all.get("cron/sources") if source["kind"] == "run_log"]
        assert log["path"] == "/var/log/cron.log"
        (log,) = [source for source in tells_starts.get("cron/sources") if source["kind"] == "run_log"]
        assert log["path"] == "/var/log/syslog"
