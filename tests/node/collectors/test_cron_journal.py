"""cron's log in the journal: what journalctl says, and a real systemd that runs a real cron."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.collectors.cron_journal import FIRST_ENTRIES, JournalLog
from node.collectors.cron_run_log import LogRead
from node.sources.command import PATH, Commands
from tests.fakes.systemd import Systemd, systemd
from tests.node.processes import ask, wait_until
from tests.node.store.opened import START, after


def record(number: int, message: object, **fields: object) -> dict[str, object]:
    micros = str(int(after(number).timestamp() * 1e6))
    own = {"__CURSOR": f"s=1;i={number:x}", "__REALTIME_TIMESTAMP": micros, "SYSLOG_IDENTIFIER": "CRON", "_PID": "34"}
    return {**own, "MESSAGE": message, **fields}


class Journalctl:
    """A program of that name that says what it is told, and notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "journalctl"
        file.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >>{folder}/asked\ncat {folder}/errors >&2\ncat {folder}/said\n'
            f"exit $(cat {folder}/status)\n"
        )
        file.chmod(0o755)
        self.says()

    def says(self, *records: dict[str, object], errors: str = "", status: int = 0, tail: str = "") -> None:
        (self.folder / "said").write_text("".join(json.dumps(one) + "\n" for one in records) + tail)
        (self.folder / "errors").write_text(errors)
        (self.folder / "status").write_text(str(status))

    @property
    def asked(self) -> Sequence[str]:
        return (self.folder / "asked").read_text().splitlines()

    def read(self, log: JournalLog | None = None, times: int = 1) -> list[LogRead]:
        async def main() -> list[LogRead]:
            commands = Commands(path=f"{self.folder}:{PATH}")
            reader = log or JournalLog(commands)
            reads = [await reader.read(START) for _ in range(times)]
            await commands.close()
            return reads

        return asyncio.run(main())


@pytest.fixture
def journalctl(tmp_path: Path) -> Journalctl:
    return Journalctl(tmp_path)


def test_entries_are_read_with_their_time_and_process(journalctl: Journalctl) -> None:
    journalctl.says(
        record(1, "(etl) CMD ([48] /opt/load)", SYSLOG_PID="31"),
        record(2, "pam_unix(cron:session): session closed for user etl"),
        record(3, list(b"(etl) CMD (/opt/\xff)")),
        record(4, None),
        record(5, "Job `cron.daily' started", SYSLOG_IDENTIFIER="anacron"),
        record(6, "(etl) CMD (/opt/other)", SYSLOG_IDENTIFIER="kernel"),
    )
    (read,) = journalctl.read()
    assert [(entry.at, entry.pid, entry.job_pid) for entry in read.entries] == [
        (after(1), 31, 48),
        (after(3), 34, 34),
        (after(5), 34, None),
    ]
    assert (read.first, read.latest, read.status, read.more) == (after(1), START, "ok", False)


def test_an_entry_that_a_busy_journal_took_late_has_the_time_at_which_it_was_said(journalctl: Journalctl) -> None:
    said = str(int(after(1).timestamp() * 1e6))
    journalctl.says(record(3, "(etl) CMD (/opt/load)", _SOURCE_REALTIME_TIMESTAMP=said))
    (read,) = journalctl.read()
    assert [entry.at for entry in read.entries] == [after(1)]


def test_the_first_read_is_limited_and_the_next_goes_on_behind_it(journalctl: Journalctl) -> None:
    journalctl.says(record(1, "(etl) CMD (/opt/load)"), record(2, "(etl) CMD (/opt/load)"))
    first, second = journalctl.read(times=2)
    assert f"-n {FIRST_ENTRIES}" in journalctl.asked[0]
    assert "--since=@" in journalctl.asked[0]
    assert "--after-cursor=s=1;i=2" in journalctl.asked[1]
    assert "-t CRON" in journalctl.asked[1]
    assert (first.first, second.first) == (after(1), None)


def test_a_cursor_that_was_stored_is_where_it_goes_on(journalctl: Journalctl) -> None:
    log = JournalLog(Commands(path=f"{journalctl.folder}:{PATH}"), "s=1;i=9")
    (read,) = journalctl.read(log)
    assert (read.first, log.cursor) == (None, "s=1;i=9")
    assert "--after-cursor=s=1;i=9" in journalctl.asked[0]


def test_lines_that_are_no_entries_are_passed_over(journalctl: Journalctl) -> None:
    good = record(3, "(etl) CMD (/opt/load)")
    bad = [
        {**good, "MESSAGE": {"a": 1}},
        {**good, "__REALTIME_TIMESTAMP": "x"},
        {**good, "__REALTIME_TIMESTAMP": "9" * 30},
    ]
    journalctl.says(*bad, good, tail='{"__CURSOR": "s=1;i=ff", "__REALTIME')
    log = JournalLog(Commands(path=f"{journalctl.folder}:{PATH}"))
    (read,) = journalctl.read(log)
    assert len(read.entries) == 1
    assert log.cursor == "s=1;i=3"


def test_much_at_once_is_read_piece_by_piece(journalctl: Journalctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.collectors.cron_journal._MOST_BYTES", 1000)
    records = [record(number, "(etl) CMD (/opt/load)") for number in range(20)]
    journalctl.says(*records)
    (read,) = journalctl.read()
    assert read.more
    assert 0 < len(read.entries) < 20


@pytest.mark.parametrize(
    ("errors", "status", "state", "words"),
    [
        (
            "Hint: You are currently not seeing messages from other users and the system.\n",
            0,
            "denied",
            "systemd-journal",
        ),
        ("No journal files were found.\n", 1, "error", "No journal files were found."),
    ],
)
def test_a_journal_that_cannot_be_read_says_why(
    journalctl: Journalctl, errors: str, status: int, state: str, words: str
) -> None:
    journalctl.says(errors=errors, status=status)
    (read,) = journalctl.read()
    assert read.status == state
    assert words in (read.reason or "")


def test_a_host_without_journalctl_has_no_journal(tmp_path: Path) -> None:
    async def main() -> LogRead:
        return await JournalLog(Commands(path=str(tmp_path))).read(START)

    read = asyncio.run(main())
    assert (read.status, read.reason) == ("missing", "the journal cannot be read: there is no journalctl here")


def test_a_cursor_that_the_journal_does_not_know_begins_anew(journalctl: Journalctl) -> None:
    log = JournalLog(Commands(path=f"{journalctl.folder}:{PATH}"), "nonsense")
    journalctl.says(errors="Failed to seek to cursor: Invalid argument\n", status=1)
    (read,) = journalctl.read(log)
    assert (read.status, read.more, log.cursor) == ("error", True, "")
    journalctl.says(record(1, "(etl) CMD (/opt/load)"))
    (read,) = journalctl.read(log)
    assert read.first == after(1)


CRONTAB = "* * * * * root exit 3\n* * * * * root sleep 2\n"
CONFIG = """
node: {{listen: 'unix:{inside}/node.sock', db_path: '{inside}/etlmon.db'}}
cron: {{run_log: journal, grace: 30s}}
"""


@contextlib.contextmanager
def node_inside(up: Systemd) -> Iterator[str]:
    """A node in the container; where it answers."""
    (up.shared / "node.yaml").write_text(CONFIG.format(inside=up.inside))
    command = [*up.entered, sys.executable, "-m", "etlmon", "node", "-c", str(up.inside / "node.yaml")]
    with (up.shared / "node.log").open("ab") as log:
        started = subprocess.Popen(
            ["bash", "-c", 'cd "$0" && exec "$@"', Path.cwd(), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"unix:{up.shared}/node.sock"
    finally:
        started.terminate()
        started.wait(timeout=20)


def got(address: str, path: str) -> list[dict[str, Any]]:
    with contextlib.suppress(OSError):
        status, body = ask(address, f"/api/v1/{path}")
        return list(body) if status == 200 else []
    return []


@pytest.mark.timeout(400)
@pytest.mark.peer("systemd", "cron")
def test_the_journal_of_a_real_systemd_tells_what_its_cron_did(tmp_path: Path) -> None:
    files = {"/etc/cron.d/etl": CRONTAB, "/etc/default/cron": 'EXTRA_OPTS="-L 15"\n'}
    with systemd(tmp_path / "host", start=["cron.service"], files=files) as up:
        with node_inside(up) as address:
            wait_until(lambda: len(got(address, "cron/runs")) >= 2, 150)
            wait_until(lambda: {run["state"] for run in got(address, "cron/runs")} == {"failed", "ok"}, 30)
        up.run("systemctl", "stop", "cron")
        with node_inside(up) as address:
            wait_until(lambda: any(job["state"] == "missed" for job in got(address, "cron")), 150)
            runs = got(address, "cron/runs?limit=1000")
            (log,) = [source for source in got(address, "cron/sources") if source["kind"] == "run_log"]
        assert (log["path"], log["state"]) == ("journal", "ok")
    ran = [(run["job_id"], run["due_at"]) for run in runs]
    assert len(ran) == len(set(ran))
    assert {(run["state"], run["exit_code"]) for run in runs} == {("failed", 3), ("ok", 0), ("missed", None)}
    assert all(run["duration_sec"] > 1.5 for run in runs if run["state"] == "ok")
    last = max(datetime.fromisoformat(run["due_at"]) for run in runs)
    assert datetime.now(UTC) - last < timedelta(minutes=3)
