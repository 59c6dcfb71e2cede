"""The tests' own rule about what they need: said when skipped, never skipped where everything must be proved."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import peers
from tests.peers import is_mounted, missing, program, require, tmpfs


@pytest.fixture
def _no_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PATH", "/nonexistent")
    missing.cache_clear()
    yield
    missing.cache_clear()


@pytest.mark.usefixtures("_no_programs")
def test_a_missing_peer_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETLMON_REQUIRE_PEERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs tmux: no tmux in PATH"):
        require("tmux")


@pytest.mark.usefixtures("_no_programs")
def test_a_missing_peer_fails_where_peers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETLMON_REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception, match="needs tmux: no tmux in PATH"):
        require("tmux")


def test_a_program_that_does_not_run_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "tmux"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    missing.cache_clear()
    try:
        assert "does not run" in (missing("tmux") or "")
    finally:
        missing.cache_clear()


def test_an_unknown_peer_is_a_mistake_of_the_test() -> None:
    with pytest.raises(ValueError, match="no peer is called 'tmucks'; known are alertmanager, anacron, bash"):
        require("tmucks")


@pytest.mark.peer("find")
def test_a_program_is_given_by_its_file() -> None:
    assert os.access(program("find"), os.X_OK)


@pytest.mark.peer("tmpfs")
def test_a_mount_that_is_still_in_use_goes_away_at_the_end_of_its_block(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "mount") as where:
        held = (where / "file").open("w")
        assert is_mounted(where)
    with held:
        assert not is_mounted(where)


def test_every_peer_named_in_a_test_is_known() -> None:
    known = {*peers._PROGRAMS, *peers._CAPABILITIES}
    root = Path(peers.__file__).parent
    used = {
        name
        for file in root.rglob("test_*.py")
        for name in re.findall(r'pytest\.mark\.peer\("([^"]+)"\)', file.read_text(encoding="utf-8"))
    }
    assert used <= known
