from pathlib import Path

import pytest

from node.collectors.cron_systemd import parse_calendar
from node.collectors.cron_types import FoundJob
from node.collectors.cron_units import parse_unit, template_of
from tests.node.collectors.cron_places import CronPlaces, source_of
from tests.peers import require

SERVICE = "[Service]\nExecStart=/opt/etl/load\nUser=etl\n"


@pytest.fixture
def places(tmp_path: Path) -> CronPlaces:
    require("root")
    return CronPlaces(tmp_path)


def unit(places: CronPlaces, name: str, text: str, folder: str = "etc/systemd/system") -> Path:
    return places.put(f"{folder}/{name}", text)


def timers(places: CronPlaces) -> dict[str, FoundJob]:
    return {job.name: job for job in places.find().jobs if job.kind == "timer"}


def test_settings_are_read_as_systemd_reads_them() -> None:
    text = (
        "# c\n[Timer]\nOnCalendar = Mon \\\n; between\n  02:30\r\n\nnonsense\n[Service]\nExecStart=/bin/sh -c 'a = b'\n"
    )
    assert list(parse_unit(text)) == [
        ("Timer", "OnCalendar", "Mon  02:30"),
        ("Service", "ExecStart", "/bin/sh -c 'a = b'"),
    ]
    assert list(parse_unit("[A]\nb=c\\")) == [("A", "b", "c")]


def test_a_timer_says_what_it_starts_and_when(places: CronPlaces) -> None:
    path = unit(
        places,
        "load.timer",
        "[Timer]\nOnBootSec=15min\nOnCalendar=*-*-* 02:30\nRandomizedDelaySec=90\nPersistent=yes\n",
    )
    unit(places, "load.service", SERVICE)
    job = timers(places)["load.timer"]
    assert (job.kind, job.source, job.user) == ("timer", str(path), "etl")
    assert job.schedule_text == "OnBootSec=15min; OnCalendar=*-*-* 02:30"
    assert job.command == "/opt/etl/load"
    assert job.description == (
        "15min after the host started, at *-*-* 02:30, up to 90s later, made up for after the host was down"
    )


def test_where_systemd_does_not_run_no_timer_elapses(places: CronPlaces) -> None:
    unit(places, "load.timer", "[Timer]\nOnCalendar=daily\n")
    unit(places, "load.service", SERVICE)
    found = places.find()
    source = source_of(found, "systemd")
    assert (source.kind, source.state, source.jobs) == ("timers", "skipped", 1)
    assert source.reason == "systemd does not run this host: no timer elapses"
    (job,) = (job for job in found.jobs if job.kind == "timer")
    assert (job.enabled, job.next_runs, job.error) == (False, (), None)


def test_a_host_without_systemd_has_no_such_source(places: CronPlaces) -> None:
    assert [source for source in places.find().sources if source.kind == "timers"] == []


def test_timers_are_left_out_when_they_are_not_asked_for(places: CronPlaces) -> None:
    unit(places, "load.timer", "[Timer]\nOnCalendar=daily\n")
    places.given["systemd_timers"] = False
    found = places.find()
    assert found.jobs == []
    assert [source for source in found.sources if source.kind == "timers"] == []


def test_drop_ins_add_to_a_unit_and_an_empty_value_takes_back_all_times(places: CronPlaces) -> None:
    unit(places, "load-big.timer", "[Timer]\nOnCalendar=daily\nOnBootSec=1h\n", "usr/lib/systemd/system")
    unit(places, "load.service", SERVICE)
    unit(places, "load-big.timer.d/50-more.conf", "[Timer]\nOnCalendar=weekly\nUnit=load.service\n")
    assert timers(places)["load-big.timer"].schedule_text == "OnCalendar=daily; OnBootSec=1h; OnCalendar=weekly"
    unit(places, "load-.timer.d/10-none.conf", "[Timer]\nOnCalendar=\n")
    assert timers(places)["load-big.timer"].schedule_text == "OnCalendar=weekly"
    unit(places, "timer.d/60-all.conf", "[Timer]\nOnBootSec=5min\n", "usr/lib/systemd/system")
    job = timers(places)["load-big.timer"]
    assert job.schedule_text == "OnCalendar=weekly; OnBootSec=5min"
    assert job.command == "/opt/etl/load"
    unit(places, "load-big.timer.d/60-all.conf", "[Timer]\nOnBootSec=6min\n")
    assert timers(places)["load-big.timer"].schedule_text == "OnCalendar=weekly; OnBootSec=6min"


def test_the_administrators_file_counts_before_that_of_a_package(places: CronPlaces) -> None:
    unit(places, "load.timer", "[Timer]\nOnCalendar=weekly\n", "usr/lib/systemd/system")
    own = unit(places, "load.timer", "[Timer]\nOnCalendar=daily\n")
    job = timers(places)["load.timer"]
    assert (job.source, job.schedule_text) == (str(own), "OnCalendar=daily")


def test_masked_timers_are_off_and_aliases_are_one(places: CronPlaces) -> None:
    unit(places, "load.timer", "[Timer]\nOnCalendar=daily\n")
    (places.units / "alias.timer").symlink_to(places.units / "load.timer")
    (places.units / "masked.timer").symlink_to("/dev/null")
    unit(places, "empty.timer", "")
    found = timers(places)
    assert sorted(found) == ["empty.timer", "load.timer", "masked.timer"]
    for name in ("empty.timer", "masked.timer"):
        assert (found[name].enabled, found[name].error, found[name].warning) == (False, None, "it is masked")


def test_a_template_is_no_timer_and_its_instances_are(places: CronPlaces) -> None:
    template = unit(places, "dump@.timer", "[Timer]\nOnCalendar=daily\nUnit=dump@%i.service\n")
    unit(places, "dump@.service", "[Service]\nExecStart=/bin/dump %i 100%%\n")
    (places.units / "timers.target.wants").mkdir()
    (places.units / "timers.target.wants/dump@main.timer").symlink_to(template)
    found = timers(places)
    assert list(found) == ["dump@main.timer"]
    assert (found["dump@main.timer"].source, found["dump@main.timer"].command) == (str(template), "/bin/dump main 100%")
    assert template_of("a@b.timer") == "a@.timer"
    assert template_of("a@.timer") is None
    assert template_of("a.timer") is None


def test_what_is_wrong_with_a_timer_is_said(places: CronPlaces) -> None:
    never = unit(places, "never.timer", "[Timer]\nPersistent=yes\n")
    unit(places, "never.service", SERVICE)
    unit(places, "lost.timer", "[Timer]\nOnCalendar=daily\n")
    found = timers(places)
    assert found["never.timer"].error == f"{never} says no time: it has neither OnCalendar= nor On...Sec="
    assert found["lost.timer"].error == "it starts lost.service, which is not there"


def test_a_unit_that_cannot_be_read_is_a_warning(places: CronPlaces) -> None:
    (places.units / "odd.timer").mkdir(parents=True)
    job = timers(places)["odd.timer"]
    assert job.error is None
    assert job.warning == f"{places.units}/odd.timer: it is no regular file"


def test_the_calendar_is_read_in_any_zone() -> None:
    text = (
        "  Original form: Mon..Fri 02:30\nNormalized form: Mon..Fri *-*-* 02:30:00\n"
        "    Next elapse: Mon 2026-11-23 02:30:00 KST\n       (in UTC): Sun 2026-11-22 17:30:00 UTC\n"
        "       From now: 1 day 2h left\n"
        "       Iter. #2: Tue 2026-11-24 02:30:00 KST\n       (in UTC): Mon 2026-11-23 17:30:00 UTC\n\n"
        "Normalized form: *-*-* 04:00:00\n    Next elapse: Sat 2026-11-21 04:00:00 UTC\n\n"
        "  Original form: 2020-01-01\nNormalized form: 2020-01-01 00:00:00\n    Next elapse: never\n"
    )
    found = {name: [str(at)[:16] for at in times] for name, times in parse_calendar(text).items()}
    assert found["Mon..Fri 02:30"] == ["2026-11-22 17:30", "2026-11-23 17:30"]
    assert found["*-*-* 04:00:00"] == ["2026-11-21 04:00"]
    assert found["2020-01-01"] == []
