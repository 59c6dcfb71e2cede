import os
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from node.collectors import cron_tabs
from node.collectors.cron_files import Finder
from node.collectors.cron_grammar import parse_table
from node.collectors.cron_ids import job_id
from node.sources.file_reader import User
from tests.fakes.hangfs import hangfs
from tests.node.collecting import until
from tests.node.collectors.cron_places import DATA, NOBODY, NOW, CronPlaces, commands_of, source_of, states_of
from tests.peers import require


@pytest.fixture
def places(tmp_path: Path) -> CronPlaces:
    require("root")  # cron asks whether root owns a file
    return CronPlaces(tmp_path)


def test_each_line_is_a_job_with_what_the_daemon_makes_of_it(places: CronPlaces) -> None:
    path = places.system("MAILTO=ops@example.com\n# night\n30 5 * * 1-5\troot\t/opt/etl/load --day=$(date +\\%F)\n")
    job = places.job()
    assert (job.kind, job.source, job.line_no, job.user) == ("cron", str(path), 3, "root")
    assert (job.schedule_text, job.command) == ("30 5 * * 1-5", "/opt/etl/load --day=$(date +\\%F)")
    assert job.environment == {"MAILTO": "ops@example.com"}
    assert job.schedule is not None
    assert job.enabled
    assert (job.error, job.zone_name) == (None, "UTC")
    assert job.description
    assert job.job_id == job_id("cron", str(path), "root", "30 5 * * 1-5", job.command, 0)


def test_the_crontab_of_a_user_has_no_user_in_its_lines(places: CronPlaces) -> None:
    path = places.user("nobody", "@daily root load\n", uid=NOBODY)
    job = places.job()
    assert (job.user, job.command, job.source) == ("nobody", "root load", str(path))
    source = source_of(places.find(), path)
    assert (source.kind, source.state, source.reason, source.jobs) == ("user", "ok", None, 1)
    assert source.changed_at == datetime.fromtimestamp(path.stat().st_mtime_ns / 1e9, UTC)
    assert source.last_checked == NOW


def test_an_id_stays_when_a_line_moves_and_equal_lines_differ(places: CronPlaces) -> None:
    places.system("* * * * * root a\n* * * * * root b\n* * * * * root a\n")
    first, other, second = places.jobs()
    assert len({first.job_id, other.job_id, second.job_id}) == 3
    assert all(0 <= job.job_id < 2**53 for job in (first, other, second))
    places.system("# new\n0 1 * * * root new\n* * * * * root b\n* * * * * root a\n* * * * * root a\n")
    assert {first.job_id, other.job_id, second.job_id} < {job.job_id for job in places.jobs()}


def test_one_bad_line_voids_the_whole_file_and_each_line_says_so(places: CronPlaces) -> None:
    path = places.packaged("etl", "* * * * * root good\n61 * * * * root bad\n* * * * * root later\n")
    good, bad, later = places.jobs(path)
    assert bad.error is not None
    assert bad.error.startswith(f"{path}, line 2: bad minute")
    for job in (good, later):
        assert job.error is not None
        assert job.error.startswith(f"{path}: cron ignores the whole file: line 2: bad minute")
    assert not any(job.enabled for job in (good, bad, later))
    source = source_of(places.find(), path)
    assert (source.state, source.jobs) == ("invalid", 3)
    assert source.reason is not None
    assert source.reason.startswith("cron ignores the whole file: line 2: bad minute")


def test_cronie_passes_over_a_bad_line_alone(places: CronPlaces) -> None:
    places.given["flavour"] = "cronie"
    path = places.packaged("etl", "* * * * * root good\n61 * * * * root bad\n")
    good, bad = places.jobs(path)
    assert (good.error, good.enabled) == (None, True)
    assert bad.error is not None
    assert "whole file" not in bad.error
    assert states_of(places.find())[str(path)] == "ok"


def test_a_user_that_is_not_there_voids_the_file_until_there_is_one(
    places: CronPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = places.packaged("etl", "* * * * * no-such-user load\n")
    ghost = places.user("no-such-user")

    async def main(finder: Finder) -> None:
        found = await finder.find(NOW)
        assert states_of(found)[str(path)] == "invalid"
        assert states_of(found)[str(ghost)] == "skipped"
        assert "bad username" in str(found.jobs[0].error)

        async def users(names: Iterable[str]) -> dict[str, User]:
            return {name: User(uid=4711, gid=4711) for name in names}

        monkeypatch.setattr(finder._reader, "users", users)
        found = await finder.find(NOW)
        assert states_of(found)[str(path)] == "ok"
        assert states_of(found)[str(ghost)] == "ok"
        assert all(job.enabled for job in found.jobs)

    places.with_finder(main)


def test_a_directory_of_users_that_hangs_voids_nothing(places: CronPlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    path = places.packaged("etl", "* * * * * someone load\n")

    async def main(finder: Finder) -> None:
        async def users(names: Iterable[str]) -> dict[str, User]:
            return {name: User(stuck=True) for name in names}

        monkeypatch.setattr(finder._reader, "users", users)
        found = await finder.find(NOW)
        assert found.jobs[0].error is None
        assert str(source_of(found, path).reason).startswith("whether there is a user someone is not known")

    places.with_finder(main)


SKIPPED = {
    "group-may-write": (0o664, 0, "its group or others may write it (mode 664)"),
    "others-may-write": (0o646, 0, "its group or others may write it (mode 646)"),
    "not-roots": (0o644, NOBODY, "root does not own it"),
}


@pytest.mark.parametrize("name", SKIPPED)
def test_debian_ignores_files_that_are_not_roots_alone(places: CronPlaces, name: str) -> None:
    mode, uid, reason = SKIPPED[name]
    path = places.packaged(name, mode=mode, uid=uid)
    source = source_of(places.find(), path)
    assert source.state == "skipped"
    assert reason in str(source.reason)
    job = places.job(path)
    assert reason in str(job.error)
    assert str(path) in str(job.error)
    assert not job.enabled


def test_debian_takes_any_mode_that_only_its_owner_may_write(places: CronPlaces) -> None:
    for mode in (0o600, 0o644, 0o755, 0o4755):
        assert places.job(places.packaged("etl", mode=mode)).error is None


def test_hard_links_directories_and_lost_links_are_ignored_and_roots_links_are_fine(places: CronPlaces) -> None:
    places.copy_data()
    found = places.find()
    reasons = {Path(source.path).name: source.reason for source in found.sources if source.state == "skipped"}
    assert "2 hard links" in str(reasons["hard1"])
    assert "2 hard links" in str(reasons["hard2"])
    assert "no regular file" in str(reasons["directory"])
    assert "leads nowhere" in str(reasons["link-lost"])
    assert "symbolic link that root does not own" in str(reasons["link-foreign"])
    assert source_of(found, places.cron_d / "link-good").state == "ok"
    assert source_of(found, places.cron_d / "link-good").jobs == 17


def test_names_that_cron_passes_over_are_jobs_that_never_run_but_for_copies(places: CronPlaces) -> None:
    for name in ("my.job", "etl.bak", "etl~", ".hidden", "etl.dpkg-old", ".placeholder"):
        places.packaged(name)
    found = places.find()
    assert {Path(job.source).name for job in found.jobs} == {"my.job"}
    job = found.jobs[0]
    assert "other characters than A-Z a-z 0-9 _ -" in str(job.error)
    states = {Path(source.path).name: source.state for source in found.sources}
    assert {name: states.get(name) for name in ("my.job", "etl.bak", "etl~", ".hidden", "etl.dpkg-old")} == (
        dict.fromkeys(("my.job", "etl.bak", "etl~", ".hidden", "etl.dpkg-old"), "skipped")
    )
    assert ".placeholder" not in states


def test_with_l_debians_cron_takes_lsb_names_and_no_capitals(places: CronPlaces) -> None:
    places.put("etc/default/cron", "# EXTRA_OPTS='-L 4'\nEXTRA_OPTS='-L 4 -l'\n")
    for name in ("org.example-etl", "plain", "Capital", "x-y.dpkg-old"):
        places.packaged(name)
    states = {Path(source.path).name: source.state for source in places.find().sources}
    names = ("org.example-etl", "plain", "Capital", "x-y.dpkg-old")
    assert [states[name] for name in names] == ["ok", "ok", "skipped", "skipped"]


def test_cronie_takes_dots_and_passes_over_what_rpm_leaves(places: CronPlaces) -> None:
    places.given["flavour"] = "cronie"
    for name in ("my.job", "etl.rpmsave", "etl.rpmnew", "#etl#", "etl~", ".x"):
        places.packaged(name)
    states = {Path(source.path).name: source.state for source in places.find().sources if source.kind == "cron_d"}
    assert states == {"my.job": "ok", **dict.fromkeys(("etl.rpmsave", "etl.rpmnew", "#etl#", "etl~", ".x"), "skipped")}


def test_a_user_crontab_must_be_private_and_its_users_own(places: CronPlaces) -> None:
    places.user("nobody", mode=0o640, uid=NOBODY)
    places.user("daemon", uid=NOBODY)
    places.user("ghost-user")
    places.user("root")
    places.user("tmp.Xa91")
    (places.spool / "mail").symlink_to(places.spool / "root")
    (places.spool / "bin").hardlink_to(places.user("sys"))
    reasons = {Path(source.path).name: source.reason for source in places.find().sources if source.kind == "user"}
    assert "its mode is 640, not 600" in str(reasons["nobody"])
    assert "neither daemon nor root owns it" in str(reasons["daemon"])
    assert "there is no user ghost-user (no passwd entry)" in str(reasons["ghost-user"])
    assert "symbolic link" in str(reasons["mail"])
    assert "2 hard links" in str(reasons["sys"])
    assert reasons["root"] is None
    assert "tmp.Xa91" not in reasons


def test_cronie_lets_users_keep_other_modes_and_refuses_executable_ones(places: CronPlaces) -> None:
    places.given["flavour"] = "cronie"
    places.given["spool"] = (str(places.spool),)
    places.user("nobody", mode=0o644, uid=NOBODY)
    places.user("daemon", mode=0o700, uid=1)
    places.packaged("etl", mode=0o755)
    places.user("mail", uid=NOBODY)
    reasons = {Path(source.path).name: source.reason for source in places.find().sources}
    assert reasons["nobody"] is None
    assert "its mode is 700" in str(reasons["daemon"])
    assert "its mode is 755" in str(reasons["etl"])
    assert "neither root nor its user owns it" in str(reasons["mail"])


def test_the_first_spool_that_is_there_counts_and_its_own_directory_is_no_crontab(places: CronPlaces) -> None:
    places.user("root", "* * * * * first\n")
    places.put("var/spool/cron/root", "* * * * * second\n", 0o600)
    assert commands_of(places.jobs()) == ["first"]
    for file in places.spool.iterdir():
        file.unlink()
    places.spool.rmdir()
    assert commands_of(places.jobs()) == ["second"]
    places.spool.mkdir()
    places.given["spool"] = (str(places.spool.parent), str(places.spool))
    assert commands_of(places.jobs()) == ["second"]


def test_what_is_not_there_is_missing(places: CronPlaces) -> None:
    places.cron_d.rmdir()
    places.spool.rmdir()
    places.spool.parent.rmdir()
    found = places.find()
    assert states_of(found) == {
        str(places.etc / "crontab"): "missing",
        str(places.cron_d): "missing",
        str(places.spool): "missing",
    }
    assert found.jobs == []


def test_the_flavour_is_that_of_the_daemon_that_is_installed(places: CronPlaces) -> None:
    path = places.packaged("my.job")
    assert states_of(places.find())[str(path)] == "skipped"
    (places.root / "usr/sbin/cron").unlink()
    places.install("usr/sbin/crond")
    assert states_of(places.find())[str(path)] == "ok"
    places.given["flavour"] = "debian"
    assert states_of(places.find())[str(path)] == "skipped"


def test_a_crontab_is_parsed_again_only_when_something_about_it_changed(
    places: CronPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = places.packaged("etl", "* * * * * root one\n")
    places.user("nobody", uid=NOBODY)
    parsed: list[bytes] = []
    real = parse_table

    def counting(data: bytes, **options: object) -> object:
        parsed.append(data)
        return real(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cron_tabs, "parse_table", counting)

    async def main(finder: Finder) -> None:
        first = await finder.find(NOW)
        parsed.clear()
        second = await finder.find(NOW + timedelta(minutes=1))
        assert (parsed, second.jobs) == ([], first.jobs)
        assert {source.last_checked for source in second.sources} == {NOW + timedelta(minutes=1)}
        path.chmod(0o666)
        assert not next(job for job in (await finder.find(NOW)).jobs if job.source == str(path)).enabled
        path.chmod(0o644)
        assert (await finder.find(NOW)).jobs == first.jobs
        # The same size and time as before: what anybody may set does not hide a change.
        before = path.stat()
        path.write_text("* * * * * root two\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert "two" in commands_of((await finder.find(NOW)).jobs)
        parsed.clear()
        await finder.find(NOW, fresh=True)
        assert len(set(parsed)) == 2
        path.unlink()
        assert len((await finder.find(NOW)).jobs) == 1

    places.with_finder(main)


@pytest.mark.peer("fuse")
def test_a_file_that_hangs_is_an_error_and_the_others_are_read(places: CronPlaces, tmp_path: Path) -> None:
    places.packaged("etl")
    with hangfs(tmp_path / "mount") as hanging:
        (hanging.backing / "dead").write_text("* * * * * root dead\n")
        far = places.cron_d / "far"
        far.symlink_to(hanging.mount_point / "dead")

        async def main(finder: Finder) -> None:
            hanging.hang("getattr")
            found = await finder.find(NOW)
            source = source_of(found, far)
            assert source.state == "error"
            assert "does not answer" in str(source.reason)
            assert commands_of(found.jobs) == ["true"]
            assert len(finder.pids) == 1
            hanging.release()
            await until(lambda: not finder.pids)
            assert commands_of((await finder.find(NOW)).jobs) == ["true", "dead"]

        places.with_finder(main)


def test_the_zone_is_that_of_the_host_or_as_it_is_set(places: CronPlaces) -> None:
    places.system("0 4 * * * root x\n")
    places.given["timezone"] = "local"
    assert places.job().zone_name == "UTC"
    (places.etc / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Seoul")
    job = places.job()
    assert job.zone_name == "Asia/Seoul"
    assert NOW.astimezone(job.zone).hour == 23
    places.given["timezone"] = "Europe/Berlin"
    assert places.job().zone == ZoneInfo("Europe/Berlin")


def test_a_new_zone_of_the_host_counts_at_the_next_look(places: CronPlaces) -> None:
    places.system("0 4 * * * root x\n")
    places.given["timezone"] = "local"

    async def main(finder: Finder) -> None:
        assert (await finder.find(NOW)).jobs[0].zone_name == "UTC"
        (places.etc / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Seoul")
        assert (await finder.find(NOW)).jobs[0].zone_name == "Asia/Seoul"
        (places.etc / "localtime").unlink()
        (places.etc / "localtime").write_text("no zone")
        assert (await finder.find(NOW)).jobs[0].zone_name == "UTC"

    places.with_finder(main)


def test_cron_tz_counts_for_cronie_and_is_a_variable_for_debian(places: CronPlaces) -> None:
    places.system("CRON_TZ=Asia/Seoul\n0 4 * * * root x\nCRON_TZ=Mars/Phobos\n1 4 * * * root y\n")
    assert {job.zone_name for job in places.jobs()} == {"UTC"}
    places.given["flavour"] = "cronie"
    seoul, mars = places.jobs()
    assert (seoul.zone_name, seoul.zone, seoul.daemon_zone) == ("Asia/Seoul", ZoneInfo("Asia/Seoul"), ZoneInfo("UTC"))
    assert mars.zone_name == "UTC"
    assert "CRON_TZ=Mars/Phobos is no time zone" in str(mars.warning)


def test_a_crontab_written_in_place_is_said_to_be_unnoticed(places: CronPlaces) -> None:
    places.system("")
    path = places.user("nobody", uid=NOBODY)
    ahead = path.stat().st_mtime + 60
    os.utime(path, (ahead, ahead))
    assert "written in place" in str(source_of(places.find(), path).reason)
    os.utime(places.spool, (ahead, ahead))
    assert source_of(places.find(), path).reason is None


def test_hostile_bytes_do_no_harm(places: CronPlaces) -> None:
    places.system("* * * * * root echo \x1b[2J\n")
    places.packaged("bytes").write_bytes(b"* * * * * root caf\xe9 \x00 tail\n")
    places.user("nobody", uid=NOBODY).write_bytes(os.urandom(100_000))
    places.put("etc/anacrontab", os.urandom(10_000))
    found = places.find()
    assert "\x1b[2J" in commands_of(found.jobs)[0]
    assert all(0 <= job.job_id < 2**53 for job in found.jobs)


def test_what_a_node_that_is_not_root_may_not_read_is_denied(places: CronPlaces) -> None:
    places.system("* * * * * root x\n")
    secret = places.packaged("secret", mode=0o600, uid=0)
    os.chown(places.spool, NOBODY, NOBODY)
    places.spool.chmod(0o1730)
    places.put("etc/anacrontab", "1 5 daily true\n")
    code = textwrap.dedent(f"""\
        import os
        from pathlib import Path
        from tests.node.collectors.cron_places import CronPlaces
        places = object.__new__(CronPlaces)
        places.root, places.given = Path({str(places.root)!r}), {{}}
        found = places.find()
        for source in found.sources: print(source.path, source.state, source.reason)
    """)
    os.chown(secret, NOBODY, -1)
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines[str(places.spool)].startswith(f"{places.spool} denied this node may not read it (permission denied)")
    assert f"{places.etc / 'crontab'} ok" in done.stdout
    assert "skipped" in lines[str(secret)]


def test_the_files_of_a_real_debian_are_understood(places: CronPlaces) -> None:
    places.system((DATA / "etc/crontab.debian-default").read_text())
    for name in ("anacron", "e2scrub_all"):
        places.packaged(name, (DATA / "etc/cron.d" / name).read_text())
    places.install("usr/bin/run-parts")
    jobs = places.jobs()
    assert [job.schedule_text for job in jobs] == [
        "17 * * * *",
        "25 6 * * *",
        "47 6 * * 7",
        "52 6 1 * *",
        "30 7-23 * * *",
        "30 3 * * 0",
        "10 3 * * *",
    ]
    assert all(job.error is None and job.enabled for job in jobs)
