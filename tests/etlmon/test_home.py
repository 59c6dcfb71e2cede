"""The user's home directory, and what is done without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from etlmon.home import home

ROOT = Path(__file__).resolve().parents[2]
NOBODY_S_UID = 54321
WITHOUT_A_HOME = f"""
import os
os.environ.pop("HOME", None), os.environ.pop("XDG_CONFIG_HOME", None)
import ui.save
from etlmon import cli_files
from etlmon.home import home
os.setuid({NOBODY_S_UID})
print(home(), cli_files.ui_file(), cli_files.existing(None))
try:
    print(ui.save.save_directory({{}}))
except OSError as error:
    print(error)
"""


def test_the_home_directory_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path


@pytest.mark.peer("root")
def test_a_user_without_a_home_directory_has_no_ui_yaml_and_is_told_when_nothing_can_be_saved() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_HOME],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("None None None\nthis user has no home directory\n", "")
