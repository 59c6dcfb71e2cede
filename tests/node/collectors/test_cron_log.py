"""Lines of cron's own log, as the real programs write them."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.collectors.cron_grammar import shell_command
from node.collectors.cron_log import Entry, LogLines, spelled
from tests.node.store.opened import START, after

LOGS = Path(__file__).resolve().parents[2] / "data/cron/logs"


def read(*lines: str, now: datetime = START, host: str = "vm") -> list[Entry]:
    return list(LogLines(UTC, host).read(lines, now))


def one(line: str) -> Entry:
    (entry,) = read(line)
    return entry


def recorded(name: str) -> Sequence[str]:
    return (LOGS / name).read_text(encoding="utf-8").splitlines()


def test_every_start_and_end_of_a_recorded_log_is_read() -> None:
    lines = recorded("debian-cron-L15.iso.log")
    entries = read(*lines)
    said = Counter(entry.kind for entry in entries)
    assert said["start"] == sum(" CMD (" in line for line in lines)
    assert said["end"] == sum(" END (" in line for line in lines)
    assert said["failed"] == sum("grandchild" in line for line in lines)
    assert said["trouble"] == 0
    started = {entry.job_pid for entry in entries if entry.kind == "start"}
    assert {entry.job_pid for entry in entries if entry.kind in ("end", "failed")} <= started


def test_a_log_with_short_stamps_and_a_priority_is_read_as_well() -> None:
    lines = recorded("debian-cron-L1-busybox-syslogd.log")
    entries = read(*lines, now=datetime(2026, 11, 21, 7, tzinfo=UTC))
    cron = [entry for entry in entries if not entry.anacron]
    assert [entry.command for entry in cron] == [
        "echo a", "sleep 3; exit 9", "/bin/echo $PPID $$ > /tmp/cronpid.txt; sleep 1",
    ]  # fmt: skip
    assert cron[0].at == datetime(2026, 11, 21, 5, 37, 1, tzinfo=UTC)
    assert all(entry.job_pid == entry.pid for entry in cron)
    ended = [(entry.command, entry.exit_code) for entry in entries if entry.anacron and entry.kind == "end"]
    assert ended == [("job.daily", 2), ("job.weekly", 0), ("job.monthly", 0)]


def test_at_the_default_level_the_line_names_the_process_of_the_job() -> None:
    entry = one("2026-11-21T05:30:01.717421+00:00 vm CRON[34]: (etl) CMD (/opt/load --all)")
    at = datetime(2026, 11, 21, 5, 30, 1, 717421, tzinfo=UTC)
    assert entry == Entry(at, "start", 34, "etl", "/opt/load --all", job_pid=34)


def test_with_process_numbers_the_job_is_another_process_than_that_which_logs() -> None:
    entry = one("2026-11-21T05:30:01+00:00 vm CRON[31]: (etl) CMD ([48] /opt/load)")
    assert (entry.pid, entry.job_pid, entry.command) == (31, 48, "/opt/load")
    entry = one("2026-11-21T05:30:02+00:00 vm CRON[31]: (etl) END ([48] /opt/load)")
    assert (entry.kind, entry.pid, entry.job_pid, entry.command) == ("end", 31, 48, "/opt/load")


def test_an_end_without_a_number_names_only_the_process_of_cron() -> None:
    entry = one("2026-11-21T05:30:02+00:00 vm CRON[31]: (etl) END (/opt/load)")
    assert (entry.kind, entry.pid, entry.job_pid, entry.command) == ("end", 31, None, "/opt/load")
    entry = one("2026-11-21T05:30:02+00:00 vm CROND[31]: (root) CMDEND (run-parts /etc/cron.hourly)")
    assert (entry.kind, entry.job_pid, entry.command) == ("end", None, "run-parts /etc/cron.hourly")


@pytest.mark.parametrize(
    ("words", "code", "by_signal"),
    [
        ("failed with exit status 3", 3, False),
        ("terminated by signal 9", 137, True),
        ("terminated by signal 11, dumped core", 139, True),
    ],
)
def test_a_failure_tells_the_process_and_how_it_ended(words: str, code: int, by_signal: bool) -> None:
    entry = one(f"2026-11-21T05:30:06+00:00 vm CRON[37]: (CRON) error (grandchild #59 {words})")
    assert (entry.kind, entry.job_pid, entry.exit_code, entry.by_signal) == ("failed", 59, code, by_signal)


@pytest.mark.parametrize(
    "message",
    [
        "CRON[31]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
        "CRON[31]: (CRON) info (No MTA installed, discarding output)",
        "cron[24]: (CRON) INFO (pidfile fd = 3)",
        "cron[24]: (CRON) INFO (Running @reboot jobs)",
        "cron[24]: Error: bad minute; while reading /etc/cron.d/x",
        "crond[24]: (CRON) INFO (running with inotify support)",
        "anacron[23]: Will run job `job.daily'",
        "anacron[23]: Normal exit (3 jobs run)",
        "crontab[9]: (root) LIST (root)",
        "sshd[9]: my CRON[3]: (root) CMD (x)",
        "kernel: the word cron alone",
    ],
)
def test_what_tells_nothing_of_jobs_is_passed_over(message: str) -> None:
    assert read(f"2026-11-21T05:30:06+00:00 vm {message}") == []


@pytest.mark.parametrize(
    "message",
    [
        "cron[24]: (*system*x) ERROR (Syntax error, this crontab file will be ignored)",
        "cron[24]: (*system*x) ERROR (Missing newline before EOF, this crontab file will be ignored)",
        "cron[24]: (*system*x) INSECURE MODE (group/other writable) (/etc/cron.d/x)",
        "cron[24]: (*system*x) WRONG FILE OWNER (/etc/cron.d/x)",
        "cron[24]: (*system*x) NUMBER OF HARD LINKS > 1 (/etc/cron.d/x)",
        "cron[24]: (*system*x) CAN'T OPEN SYMLINK (/etc/cron.d/x)",
    ],
)
def test_a_crontab_that_cron_ignores_is_told_with_its_words(message: str) -> None:
    entry = one(f"2026-11-21T05:30:06+00:00 vm {message}")
    assert (entry.kind, entry.user, entry.detail) == ("ignored", "*system*x", message.partition(") ")[2])


def test_a_crontab_that_is_loaded_again_is_told() -> None:
    entry = one("2026-11-21T05:30:06+00:00 vm cron[24]: (*system*etl) RELOAD (/etc/cron.d/etl)")
    assert (entry.kind, entry.user) == ("taken", "*system*etl")


@pytest.mark.parametrize(
    "message",
    ["CRON[9]: Authentication failure", "CRON[9]: (CRON) error (can't fork)", "CROND[9]: (etl) PAM ERROR (Expired)"],
)
def test_a_job_that_could_not_be_started_is_trouble(message: str) -> None:
    assert one(f"2026-11-21T05:30:06+00:00 vm {message}").kind == "trouble"


def test_crond_of_busybox_names_user_process_and_command() -> None:
    entry = one("Nov 21 05:30:01 vm cron.info crond[7]: USER root pid  31 cmd run-parts /etc/periodic/daily")
    assert (entry.user, entry.job_pid, entry.command) == ("root", 31, "run-parts /etc/periodic/daily")


def test_a_line_that_was_cut_is_known_to_be_cut() -> None:
    entry = one("2026-11-21T05:30:01+00:00 vm CRON[34]: (etl) CMD (/opt/load --al")
    assert (entry.command, entry.cut) == ("/opt/load --al", True)


def test_lines_of_other_hosts_are_counted_and_passed_over() -> None:
    lines = LogLines(UTC, "vm.example.com")
    hosts = ("db1", "VM", "vm.other.example", "localhost", "db2.example.com")
    told = [f"2026-11-21T05:30:01+00:00 {host} CRON[34]: (etl) CMD (/opt/load)" for host in hosts]
    assert (len(list(lines.read(told, START))), lines.others) == (3, 2)


def test_a_programs_path_and_a_missing_host_are_no_obstacle() -> None:
    entries = read(
        "Nov 21 05:30:01 vm /USR/SBIN/CRON[34]: (etl) CMD (/opt/load)",
        "Nov 21 05:30:01 CRON[35]: (etl) CMD (/opt/load)",
        "Nov 21 05:30:01 vm /usr/sbin/cron[36]: (etl) RELOAD (crontabs/etl)",
    )
    assert [entry.pid for entry in entries] == [34, 35, 36]


def test_the_time_of_the_first_and_of_the_last_line_is_known_whoever_wrote_them() -> None:
    lines = LogLines(UTC, "vm")
    told = ["rubbish", "Nov 21 04:00:00 vm sshd[1]: x", "Nov 21 05:00:00 vm ntpd[2]: y", "rubbish"]
    assert list(lines.read(told, START)) == []
    assert (lines.first, lines.latest) == (after(-7200), after(-3600))


@pytest.mark.parametrize(
    ("text", "now", "year"),
    [
        ("Dec 31 23:59:59", datetime(2027, 1, 1, 0, 1, tzinfo=UTC), 2026),
        ("Jan  1 00:00:01", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 2027),
        ("Feb 29 12:00:00", datetime(2028, 3, 1, tzinfo=UTC), 2028),
    ],
)
def test_a_stamp_without_a_year_is_of_the_nearest_one(text: str, now: datetime, year: int) -> None:
    (entry,) = read(f"{text} vm CRON[34]: (etl) CMD (/opt/load)", now=now)
    assert entry.at.year == year


def test_an_hour_that_comes_twice_is_told_apart_by_when_the_line_was_written() -> None:
    lines = LogLines(ZoneInfo("Europe/Berlin"), "vm")
    line = "Oct 25 02:30:01 vm CRON[34]: (etl) CMD (/opt/load)"
    first, second = datetime(2026, 10, 25, 0, 30, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, 1, tzinfo=UTC)
    (entry,) = lines.read([line], first, (first, first))
    assert entry.at == first
    (entry,) = lines.read([line], second, (second, second))
    assert entry.at == second


def test_a_command_is_spelled_as_cron_spells_it() -> None:
    starts = [entry for entry in read(*recorded("debian-cron-L15.iso.log")) if entry.kind == "start"]
    commands = {entry.command for entry in starts}
    assert spelled("echo 한글 작업 탭\t끝 # not a comment") in commands
    assert spelled("echo crlf\r") in commands
    assert (
        spelled(shell_command(r'date "+\%F \%T \%Z" > /srv/cron/log/date.out; env > /srv/cron/log/env.out')) in commands
    )
    assert spelled(shell_command("cat > /srv/cron/log/stdin.out%line 1%line 2")) in commands
    assert spelled(" \t/bin/true  ") == "/bin/true"
    assert spelled("a\x7f\udcff") == r"a^?\377"


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    for stamp in ("Nov 21 05:30:01", "2026-11-21T05:30:01+00:00"):
        for program in ("CRON[1]", "cron", "anacron[3]"):
            entries = read(f"{stamp} vm {program}: {text}")
            assert len(entries) <= 1
    list(LogLines(None, "").read([text, f"cron {text}"], START))


@pytest.mark.parametrize(
    "stamp", ["Feb 31 05:30:01", "Foo 21 05:30:01", "2026-13-41T05:30:01+00:00", "9999-12-31T23:59:59-23:00"]
)
def test_a_stamp_of_no_calendar_makes_no_entry(stamp: str) -> None:
    assert read(f"{stamp} vm CRON[34]: (etl) CMD (/opt/load)") == []


def test_a_long_hostile_line_takes_no_time() -> None:
    began = time.process_time()
    for rest in (
        "(" * 60_000,
        "(a) " * 15_000,
        "(a) b" + " " * 60_000,
        "/" * 60_000,
        "a/" * 30_000,
        "(a) CMD (" * 7_000,
    ):
        read(f"2026-11-21T05:30:01+00:00 vm CRON[34]: {rest}", f"2026-11-21T05:30:01+00:00 {rest} CRON", f"cron {rest}")
    assert time.process_time() - began < 1
