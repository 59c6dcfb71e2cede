import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from node.collectors.cron_guards import Guard
from node.sources.file_reader import Seen, Status
from tests.node.collectors.cron_places import CronPlaces
from tests.peers import require

KINDS = ("file", "program", "empty", "folder", "nothing")


def seen_as(status: Status | None) -> Seen:
    return Seen(status=status) if status is not None else Seen(errno=2)


def looked_at(paths: Mapping[str, Path]) -> dict[str, Seen]:
    found = {}
    for path in paths.values():
        try:
            raw = path.stat()
        except FileNotFoundError:
            found[str(path)] = seen_as(None)
            continue
        found[str(path)] = seen_as(
            Status(raw.st_mode, raw.st_uid, raw.st_gid, raw.st_nlink, raw.st_size, 0, 0, raw.st_dev, raw.st_ino)
        )
    return found


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in KINDS}
    made["file"].write_text("x")
    made["program"].write_text("x")
    made["program"].chmod(0o755)
    made["empty"].touch()
    made["folder"].mkdir()
    return made


SHAPES = (
    "test {test} || echo ran",
    "test {test} && echo ran",
    "[ {test} ] || echo ran",
    "[ {test} ] && echo ran >&2 2>&1",
    "test {test} || {{ cd / && echo ran; }}",
    "test {test} && cd / && echo ran",
    "if [ {test} ]; then echo ran; fi",
    "if test {test}; then cd / && echo ran >&1; fi",
    "[ -x {program} ] && if [ {test} ]; then echo ran; fi",
    "test -d {nothing} || {{ test {test} && echo ran; }}",
    "[ -e {file} ] && [ {test} ] && echo ran",
)
UNSURE = (
    "test {test} || true; echo ran",
    "test {test} && true || echo ran",
    "test {test} || true && echo ran",
    "if [ {test} ]; then true; else echo ran; fi",
    "test {test} && true & echo ran",
    "test {test} || true\necho ran",
)


@pytest.mark.parametrize("shape", [*SHAPES, *UNSURE])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("test", ["-x", "! -x", "-e", "-d", "! -d", "-f", "-s"])
def test_what_is_said_to_do_nothing_does_nothing_in_a_shell(
    paths: dict[str, Path], shape: str, kind: str, test: str
) -> None:
    require("root")  # who runs what anybody may run
    command = shape.format(test=f"{test} {paths[kind]}", **paths)
    guard = Guard(command)
    ran = "ran" in subprocess.run(["sh", "-c", f"({command}) 2>&1"], capture_output=True, text=True, check=False).stdout
    reason = guard.idle(looked_at(paths))
    assert reason is None or not ran
    if shape in SHAPES:
        assert (reason is None) is ran
        assert str(paths[kind]) in guard.paths


@pytest.mark.parametrize("command", ["echo test -x /a || b", "testing -x /a || b", "test -x $A || b", "test -x /a", ""])
def test_other_commands_have_no_condition(command: str) -> None:
    guard = Guard(command)
    assert guard.paths == []
    assert guard.idle({}) is None
    assert guard.rest == command


def test_what_cannot_be_looked_at_says_nothing() -> None:
    guard = Guard("test -x /a || b")
    assert guard.idle({}) is None
    assert guard.idle({"/a": Seen(stuck=True)}) is None
    assert guard.idle({"/a": Seen(errno=13)}) is None


def test_debians_lines_do_nothing_where_anacron_runs_them(tmp_path: Path) -> None:
    require("root")
    places = CronPlaces(tmp_path)
    anacron = places.root / "usr/sbin/anacron"
    places.put("daily/load", "#!/bin/sh\n", 0o755)
    run = f"run-parts --report {places.root}/daily"
    places.system(f"25 6 * * * root test -x {anacron} || {{ cd / && {run}; }}\n")
    job = places.job()
    assert (job.warning, job.scripts, job.name) == (None, ["load"], f"{places.root}/daily")
    places.install("usr/sbin/anacron")
    job = places.job()
    assert job.warning == (f"it does nothing here, because {anacron} is executable; anacron runs these scripts instead")
    assert (job.scripts, job.name, job.enabled, job.error) == ((), f"{places.root}/daily", True, None)


def test_a_warning_of_the_line_itself_stays(tmp_path: Path) -> None:
    require("root")
    places = CronPlaces(tmp_path)
    places.system("0 0 31 2 * root test -e /no/such/file && x\n")
    warning = str(places.job().warning)
    assert warning.endswith("; it does nothing here, because /no/such/file is not there")
    assert len(warning.split("; ")) > 1
