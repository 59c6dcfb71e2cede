import subprocess
from pathlib import Path

import pytest

from node.collectors.cron_runparts import RunParts, run_parts_in
from tests.node.collectors.cron_places import CronPlaces, real_run_parts
from tests.peers import require

NAMES = (
    "0anacron",
    "apt-compat",
    "Backup",
    "under_score",
    "script.sh",
    ".placeholder",
    "a~",
    "x.dpkg-old",
    "org.example-x",
)


@pytest.fixture
def places(tmp_path: Path) -> CronPlaces:
    require("root")
    made = CronPlaces(tmp_path)
    made.install("usr/bin/run-parts")
    return made


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("run-parts /etc/cron.daily", RunParts(directory="/etc/cron.daily")),
        ("cd / && run-parts --report /etc/cron.hourly", RunParts(directory="/etc/cron.hourly")),
        ("test -x /a || { cd / && run-parts --report /etc/cron.daily/; }", RunParts(directory="/etc/cron.daily")),
        ("nice -n 19 /usr/bin/run-parts -v -a start -u 022 -- /d>/dev/null 2>&1", RunParts(directory="/d")),
        ("run-parts --lsbsysinit --reverse --arg=x /d;true", RunParts(directory="/d", lsb=True, reverse=True)),
        ("run-parts --regex '^[a-z]+\\.sh$' /d", RunParts(directory="/d", regex="^[a-z]+\\.sh$")),
        ("run-parts --regex=^x '/with blank'", RunParts(directory="/with blank", regex="^x")),
        ("echo run-parts; run-parts /d", RunParts(directory="/d")),
        ("run-parts --test /d", None),
        ("run-parts $DIR", None),
        ("run-parts relative", None),
        ("run-parts", None),
        ("run-parts 'unbalanced", None),
        ("my-run-parts /d", None),
    ],
)
def test_a_call_is_found_in_a_command(command: str, call: RunParts | None) -> None:
    assert run_parts_in(command) == call


@pytest.mark.peer("run-parts")
@pytest.mark.parametrize(
    "options", ["", "--lsbsysinit", "--regex=[.]sh$", "--regex=^[[:lower:]]+$", "--regex ^[[:alnum:]_-]*$", "--reverse"]
)
def test_the_scripts_are_those_that_run_parts_says(places: CronPlaces, options: str) -> None:
    for name in NAMES:
        places.put(f"daily/{name}", "#!/bin/sh\n", 0o755)
    places.put("daily/not-executable", "#!/bin/sh\n", 0o644)
    (places.root / "daily/directory").mkdir()
    (places.root / "daily/link").symlink_to(places.root / "daily/Backup")
    directory = places.root / "daily"
    places.system(f"17 * * * * root cd / && run-parts {options} --report {directory}\n")
    job = places.job()
    said = subprocess.run(
        [real_run_parts(), "--test", *options.split(), directory], capture_output=True, text=True, check=False
    )
    assert [f"{directory}/{name}" for name in job.scripts] == said.stdout.split()
    assert (job.name, job.error) == (str(directory), None)


def test_scripts_that_never_run_are_warned_of_and_copies_are_not(places: CronPlaces) -> None:
    for name in ("backup.sh", "load", "old.bak", ".placeholder"):
        places.put(f"daily/{name}", "#!/bin/sh\n", 0o755)
    places.put("daily/forgotten", "#!/bin/sh\n")
    places.put("daily/notes.txt", "")
    places.system(f"0 1 * * * root run-parts {places.root}/daily\n")
    job = places.job()
    assert job.scripts == ["load"]
    assert job.warning == (
        "run-parts passes over backup.sh for the name; rename it to A-Z a-z 0-9 _ -; "
        "run-parts does not run forgotten: not executable"
    )


def test_a_directory_that_is_not_there_is_a_warning(places: CronPlaces) -> None:
    places.system("0 1 * * * root run-parts /no/such/directory\n")
    assert places.job().warning == "/no/such/directory: no such file or directory"
    assert places.job().scripts == ()


def test_the_run_parts_of_red_hat_takes_other_names_and_obeys_its_lists(places: CronPlaces) -> None:
    places.install("usr/bin/run-parts", b"#!/bin/bash\n")
    for name in ("backup.sh", "load", "load.rpmsave", "x~", "y,", "denied-one", "z.swp", "c,v"):
        places.put(f"daily/{name}", "#!/bin/sh\n", 0o755)
    places.put("daily/jobs.deny", "denied-*\n")
    places.given["flavour"] = "cronie"
    places.system(f"0 1 * * * root run-parts {places.root}/daily\n")
    job = places.job()
    assert job.scripts == ["backup.sh", "load"]
    assert job.warning is None
    places.put("daily/jobs.allow", "load\nbackup*\ndenied-one\n")
    assert places.job().scripts == ["backup.sh", "load"]
    places.put("daily/jobs.allow", "load\n")
    assert places.job().scripts == ["load"]


def test_another_run_parts_is_noticed(places: CronPlaces) -> None:
    places.put("daily/backup.sh", "#!/bin/sh\n", 0o755)
    places.system(f"0 1 * * * root run-parts {places.root}/daily\n")
    assert places.job().scripts == []
    places.install("usr/bin/run-parts", b"#!/bin/bash\n")
    assert places.job().scripts == ["backup.sh"]


def test_an_expression_that_takes_for_ever_is_given_up(places: CronPlaces) -> None:
    places.put(f"daily/{'a' * 200}!", "#!/bin/sh\n", 0o755)
    places.system(f"0 1 * * * root run-parts --regex='^(a|aa|a)*$' {places.root}/daily\n")
    job = places.job()
    assert job.scripts == ()
    assert "which names fit --regex=^(a|aa|a)*$ is not known here" in str(job.warning)


def test_a_line_of_a_void_file_is_not_looked_at(places: CronPlaces) -> None:
    places.system(f"0 1 * * * root run-parts {places.root}/daily\n61 * * * * root x\n")
    assert [job.warning for job in places.jobs()] == [None, None]
