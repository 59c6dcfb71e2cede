import os
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from node.collectors.cron_anacron import starts_anacron
from node.collectors.cron_anacrontab import Period, parse_anacrontab
from node.collectors.cron_types import FoundJob
from tests.node.collectors.cron_places import DATA, NOW, CronPlaces, source_of
from tests.peers import program, require

HOURLY = "30 7-23 * * * root /usr/sbin/anacron -s\n"


@pytest.fixture
def places(tmp_path: Path) -> CronPlaces:
    require("root")
    made = CronPlaces(tmp_path)
    made.install("usr/sbin/anacron")
    made.install("usr/bin/run-parts")
    return made


def stamp(places: CronPlaces, name: str, day: date, at: datetime | None = None) -> None:
    file = places.put(f"var/spool/anacron/{name}", f"{day:%Y%m%d}\n", 0o600)
    if at is not None:
        os.utime(file, (at.timestamp(), at.timestamp()))


def first_run(job: FoundJob) -> datetime | None:
    return next(iter(job.next_runs or ()), None)


def anacron_jobs(places: CronPlaces, now: datetime = NOW) -> list[FoundJob]:
    return [job for job in places.find(now).jobs if job.kind == "anacron"]


def test_each_line_is_a_job_of_root_with_its_period(places: CronPlaces) -> None:
    path = places.put("etc/anacrontab", (DATA / "etc/anacrontab").read_text())
    places.system(HOURLY)
    daily, weekly, monthly = anacron_jobs(places)
    assert (daily.source, daily.line_no, daily.user, daily.name) == (str(path), 11, "root", "cron.daily")
    assert (daily.schedule_text, daily.command) == ("1 5", "run-parts --report /etc/cron.daily")
    assert daily.description == "every day, 5 minutes after anacron starts"
    assert (weekly.schedule_text, weekly.description) == ("7 10", "every 7 days, 10 minutes after anacron starts")
    assert (monthly.schedule_text, monthly.description) == (
        "@monthly 15",
        "every month, 15 minutes after anacron starts",
    )
    assert [job.period_sec for job in (daily, weekly, monthly)] == [86400, 7 * 86400, 31 * 86400]
    assert daily.environment["LOGNAME"] == "root"
    assert daily.schedule is None
    assert source_of(places.find(), path).jobs == 3


def test_a_job_runs_next_at_the_first_start_of_anacron_on_the_day_it_is_due(places: CronPlaces) -> None:
    places.put("etc/anacrontab", "1 5 daily a\n7 10 weekly b\n1 0 never c\n")
    places.system(HOURLY)
    stamp(places, "daily", NOW.date())
    stamp(places, "weekly", NOW.date() - timedelta(days=2))
    daily, weekly, never = anacron_jobs(places)
    assert daily.next_runs is not None
    assert weekly.next_runs is not None
    assert never.next_runs is not None
    assert daily.next_runs[:2] == [
        datetime(2026, 11, 22, 7, 35, tzinfo=UTC),
        datetime(2026, 11, 23, 7, 35, tzinfo=UTC),
    ]
    assert weekly.next_runs[:2] == [
        datetime(2026, 11, 26, 7, 40, tzinfo=UTC),
        datetime(2026, 12, 3, 7, 40, tzinfo=UTC),
    ]
    assert never.next_runs[:2] == [
        datetime(2026, 11, 21, 14, 30, tzinfo=UTC),
        datetime(2026, 11, 22, 7, 30, tzinfo=UTC),
    ]
    assert all(len(job.next_runs or ()) == 5 for job in (daily, weekly, never))


def test_the_days_are_those_of_the_hosts_zone(places: CronPlaces) -> None:
    places.given["timezone"] = "Asia/Seoul"
    places.put("etc/anacrontab", "1 0 daily a\n")
    places.system("30 0 * * * root anacron -s\n")
    stamp(places, "daily", date(2026, 11, 21))
    (job,) = anacron_jobs(places, datetime(2026, 11, 21, 14, 0, tzinfo=UTC))  # 23:00 in Seoul
    assert first_run(job) == datetime(2026, 11, 21, 15, 30, tzinfo=UTC)


def test_the_last_run_is_told_by_the_stamp(places: CronPlaces) -> None:
    places.put("etc/anacrontab", "1 5 daily a\n7 5 restored b\n7 5 none c\n7 5 broken d\n7 5 .. e\n")
    at = datetime(2026, 11, 20, 7, 36, 12, tzinfo=UTC)
    stamp(places, "daily", at.date(), at)
    stamp(places, "restored", date(2026, 11, 18), at)
    places.put("var/spool/anacron/broken", "2026")
    assert [job.last_run_at for job in anacron_jobs(places)] == [
        at,
        datetime(2026, 11, 18, tzinfo=UTC),
        None,
        None,
        None,
    ]


def test_without_anacron_nobody_runs_them(places: CronPlaces) -> None:
    path = places.put("etc/anacrontab", "1 5 daily a\n")
    places.system(HOURLY)
    (places.root / "usr/sbin/anacron").unlink()
    found = places.find()
    source = source_of(found, path)
    assert (source.state, source.reason) == ("skipped", "anacron is not installed, so nobody runs these jobs")
    (job,) = (job for job in found.jobs if job.kind == "anacron")
    assert (job.enabled, job.next_runs, job.error) == (False, (), None)


def test_where_nothing_starts_anacron_that_is_a_warning(places: CronPlaces) -> None:
    places.put("etc/anacrontab", "1 5 daily a\n")
    (job,) = anacron_jobs(places)
    assert job.next_runs == []
    assert job.warning == "nothing starts anacron here, neither a line of cron nor a timer"


def test_debians_line_starts_anacron_unless_systemd_runs_the_host(places: CronPlaces) -> None:
    places.put("etc/anacrontab", "1 5 daily a\n")
    systemd = places.root / "run/systemd/system"
    init = places.install("etc/init.d/anacron")
    line = (DATA / "etc/cron.d/anacron").read_text()
    line = line.replace("/run/systemd/system", str(systemd)).replace("/etc/init.d/anacron", str(init))
    places.packaged("anacron", line)
    (job,) = anacron_jobs(places)
    assert first_run(job) == NOW + timedelta(minutes=35)
    systemd.mkdir(parents=True)
    (job,) = anacron_jobs(places)
    assert job.next_runs == []


def test_red_hats_hourly_script_starts_anacron_within_its_hours(places: CronPlaces) -> None:
    places.given["flavour"] = "cronie"
    places.install("usr/bin/run-parts", b"#!/bin/bash\n")
    places.put("cron.hourly/0anacron", "#!/bin/sh\n", 0o755)
    places.packaged("0hourly", f"01 * * * * root run-parts {places.root}/cron.hourly\n")
    places.put("etc/anacrontab", "RANDOM_DELAY=45\nSTART_HOURS_RANGE=3-22\n1 5 daily a\n")
    stamp(places, "daily", NOW.date())
    (job,) = anacron_jobs(places)
    assert first_run(job) == datetime(2026, 11, 22, 3, 6, tzinfo=UTC)
    assert job.description == "every day, 5 to 50 minutes after anacron starts, between 03:00 and 22:00"


@pytest.mark.parametrize(
    ("command", "starts"),
    [
        ("/usr/sbin/anacron -s", True),
        ("test -x /etc/init.d/anacron && /usr/sbin/invoke-rc.d anacron start >/dev/null", True),
        ("anacron -u cron.daily", False),
        ("test -x /usr/sbin/anacron || run-parts /x", False),
        ("/opt/anacron-report", False),
        ("myanacron", False),
    ],
)
def test_which_lines_start_anacron(places: CronPlaces, command: str, starts: bool) -> None:
    places.system(f"0 1 * * * root {command}\n")
    assert starts_anacron(places.job()) is starts


def test_a_bad_line_is_passed_over_alone(places: CronPlaces) -> None:
    path = places.put("etc/anacrontab", "daily 5 x y\n1 5 good run\n@fortnightly 1 a b\n99999999999 1 a b\n1 5 a/b c\n")
    bad, good, unknown, large, slash = anacron_jobs(places)
    assert str(bad.error).startswith(f"{path}, line 1: invalid syntax")
    assert unknown.error == f"{path}, line 3: unknown period @fortnightly"
    assert "number out of range" in str(large.error)
    assert "invalid syntax" in str(slash.error)
    assert (good.error, good.enabled) == (None, True)
    assert not any(job.enabled for job in (bad, unknown, large, slash))


def test_backslashes_join_lines_and_are_lost_otherwise() -> None:
    table = parse_anacrontab(b"1 5 a date \\\n +\\%F\nX=1 \\\n2\n7 5 b x\\", "debian")
    first, second = table.lines
    assert (first.command, first.line_no) == ("date   +%F", 1)
    assert (second.command, second.line_no, second.environment) == ("x", 5, {"X": "1  2"})


def test_a_large_table_of_anything_is_read_in_no_time() -> None:
    assert len(parse_anacrontab(b"\\" * 300_000 + b"\n" + b"1 1 a b\n" * 50_000, "cronie").lines) >= 50_000


def test_a_month_is_as_long_as_the_one_before() -> None:
    monthly, yearly = Period(named="monthly"), Period(named="yearly")
    assert monthly.due_day(date(2026, 1, 31), date(2026, 2, 1)) == date(2026, 2, 28)
    assert monthly.due_day(date(2026, 11, 21), date(2026, 11, 22)) == date(2026, 12, 21)
    assert yearly.due_day(date(2026, 11, 21), date(2026, 11, 22)) == date(2027, 11, 21)
    assert Period(days=7).due_day(date(2030, 1, 1), date(2026, 11, 21)) == date(2026, 11, 21)
    assert Period(days=2**31 - 1).due_day(date(2026, 1, 1), date(2026, 11, 21)) is None


@pytest.mark.peer("anacron")
@pytest.mark.parametrize("days_ago", [0, 1, 2, 6, 7, 8, 27, 28, 29, 30, 31, 32, 364, 365, 366, -1])
def test_the_days_on_which_a_job_is_due_are_anacrons_own(tmp_path: Path, days_ago: int) -> None:
    """anacron decides with the clock of this host what it would run now."""
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o755)
    out = tmp_path / "out"
    periods = {
        "zero": "0",
        "one": "1",
        "two": "2",
        "seven": "7",
        "thirty": "30",
        "month": "@monthly",
        "year": "@yearly",
    }
    lines = [f"{period} 0 {name} echo {name} >> {out}" for name, period in periods.items()]
    (tmp_path / "tab").write_text("SHELL=/bin/sh\nbroken line\n" + "\n".join(lines) + "\n")
    today = datetime.now().astimezone().date()
    last = today - timedelta(days=days_ago)
    for name in periods:
        (spool / name).write_text(f"{last:%Y%m%d}\n")
    anacron: list[str | Path] = [program("anacron"), "-d", "-n", "-q", "-t", tmp_path / "tab", "-S", spool]
    subprocess.run(anacron, check=False, capture_output=True, timeout=60)
    if datetime.now().astimezone().date() != today:
        pytest.skip("the day changed meanwhile")
    ran = set(out.read_text().split()) if out.exists() else set()
    table = parse_anacrontab((tmp_path / "tab").read_bytes(), "debian")
    assert [line.error is None for line in table.lines] == [False] + [True] * len(periods)
    due = {line.identifier for line in table.lines if line.error is None and line.period.is_due(last, today)}
    assert due == ran
    shutil.rmtree(spool)
