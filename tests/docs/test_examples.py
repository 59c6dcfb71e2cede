"""examples/systemd: systemd takes the unit as it stands, and it says the same as the program does."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from etlmon.cli import build_parser
from etlmon.cli_files import NODE_FILE
from etlmon.cli_parts import USAGE
from node.settings import default_db_path
from tests.peers import program

UNIT = Path(__file__).resolve().parents[2] / "examples/systemd/etlmon-node.service"
NOT_INSTALLED = "Command /opt/etlmon/bin/etlmon is not executable: No such file or directory"


def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT, encoding="utf-8")
    return unit["Service"]


def verified(unit: Path) -> list[str]:
    """What systemd has against the unit, but that the program is not installed where the unit looks for it."""
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if not line.endswith(NOT_INSTALLED)]


@pytest.mark.peer("systemd-analyze")
def test_systemd_has_nothing_against_the_unit() -> None:
    assert verified(UNIT) == []


@pytest.mark.peer("systemd-analyze")
@pytest.mark.parametrize(
    ("line", "broken"), [("Restart=on-failure", "Restart=sometimes"), ("WatchdogSec=60", "WatchDogSec=60")]
)
def test_systemd_has_something_against_a_unit_with_a_mistake(line: str, broken: str, tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert line in text
    file = tmp_path / UNIT.name
    file.write_text(text.replace(line, broken), encoding="utf-8")
    assert verified(file) != []


def test_the_unit_starts_a_command_there_is() -> None:
    _, *arguments = service()["ExecStart"].split()
    chosen = build_parser().parse_args(arguments)
    assert chosen.config == NODE_FILE


def test_the_unit_s_database_lies_in_its_state_directory() -> None:
    state_home = service()["Environment"].removeprefix("XDG_STATE_HOME=").replace("%S", "/var/lib")
    path = default_db_path(state_home, None, is_root=False)
    assert path is not None
    assert path.parent == Path("/var/lib") / service()["StateDirectory"]


def test_a_configuration_with_mistakes_is_not_tried_again_and_again() -> None:
    assert service()["RestartPreventExitStatus"] == str(USAGE)


def test_the_unit_lets_a_node_stop_before_it_kills_it() -> None:
    promise = re.search(r"less than (\d+) seconds", (UNIT.parents[2] / "docs/running.md").read_text(encoding="utf-8"))
    assert promise is not None
    assert int(service()["TimeoutStopSec"]) > int(promise[1])
