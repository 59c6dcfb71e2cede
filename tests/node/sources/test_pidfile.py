"""Pidfiles: what may be believed of them, and where they are not even read."""

import os
from pathlib import Path

import pytest

from node.sources.mount_table import MountTable
from node.sources.pidfile import PidFileError, read_pidfile
from tests.fakes.hangfs import hangfs


@pytest.mark.parametrize("content", ["77", "77\n", "  77 \n", "77\n/var/lib/postgresql\n1700000000\n5432\n"])
def test_the_first_word_is_the_pid(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.pid"
    file.write_text(content)
    os.utime(file, (1000, 1000))
    found = read_pidfile(str(file), MountTable())
    assert (found.pid, found.owner, found.written_at) == (77, os.geteuid(), 1000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("seven", "does not begin with a pid"),
        ("-1", "does not begin with a pid"),
        ("0", "does not begin with a pid"),
        ("\x1b[2J77", "does not begin with a pid"),
        ("²", "does not begin with a pid"),
    ],
)
def test_what_is_no_pid_is_no_pid(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "x.pid"
    file.write_text(content)
    with pytest.raises(PidFileError, match=f"x.pid {reason}$") as caught:
        read_pidfile(str(file), MountTable())
    assert not caught.value.is_missing


def test_a_file_that_is_not_there_is_another_thing_than_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PidFileError, match="is missing") as caught:
        read_pidfile(str(tmp_path / "x.pid"), MountTable())
    assert caught.value.is_missing
    with pytest.raises(PidFileError, match="cannot be read: Is a directory") as caught:
        read_pidfile(str(tmp_path), MountTable())
    assert not caught.value.is_missing


def test_a_fifo_does_not_keep_the_node_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.pid")
    with pytest.raises(PidFileError, match="is empty"):
        read_pidfile(str(tmp_path / "x.pid"), MountTable())


def test_a_file_that_everybody_may_write_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"
    file.write_text("1\n")
    file.chmod(0o666)
    with pytest.raises(PidFileError, match="may be written by everybody"):
        read_pidfile(str(file), MountTable())


def test_a_process_that_is_younger_than_the_file_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"
    file.write_text("77\n")
    os.utime(file, (1000, 1000))
    found = read_pidfile(str(file), MountTable())
    assert not found.names_another(999)
    assert not found.names_another(1001.5)
    assert found.names_another(1003)


@pytest.mark.peer("root")
def test_a_user_may_name_processes_of_their_own_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.pid"
    file.write_text("77\n")
    os.chown(file, 65534, 65534)
    found = read_pidfile(str(file), MountTable())
    assert found.is_trusted_for(65534)
    assert not found.is_trusted_for(1000)
    assert not found.is_trusted_for(0)


@pytest.mark.peer("fuse")
def test_one_on_a_file_system_that_may_hang_is_not_read(tmp_path: Path) -> None:
    with hangfs(tmp_path / "mount") as fs:
        (fs.backing / "x.pid").write_text("77\n")
        fs.hang("read", "getattr")
        with pytest.raises(PidFileError, match="may hang, and is not read; put it below /run"):
            read_pidfile(str(fs.mount_point / "x.pid"), MountTable())
