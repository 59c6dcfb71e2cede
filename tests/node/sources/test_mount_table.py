"""Which paths may hang, by real mounts and by made-up ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.sources.mount_table import MountTable, fixed_part
from tests.fakes.hangfs import hangfs
from tests.peers import bind, tmpfs

MOUNTS = """\
20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 8:2 / /var rw - ext4 /dev/sda2 rw
22 20 0:50 / /srv/nfs rw - nfs4 server:/x rw
23 20 0:51 / /home rw - autofs systemd-1 rw
24 22 8:3 / /srv/nfs/disk rw - ext4 /dev/sdb1 rw
"""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[MountTable]:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(MOUNTS)
    table = MountTable(tmp_path)
    yield table
    table.close()


@pytest.mark.parametrize(
    ("path", "fixed", "below"),
    [
        ("/var/log/app.log", "/var/log/app.log", False),
        ("/var/log/app-*.log", "/var/log", False),
        ("/srv/*/app.log", "/srv", True),
        ("/*", "/", False),
        ("/a[0-9]/b?", "/", True),
    ],
)
def test_the_fixed_part_of_a_glob_has_no_special_character(path: str, fixed: str, below: bool) -> None:
    assert fixed_part(path) == (fixed, below)


@pytest.mark.parametrize(
    ("path", "may_hang"),
    [
        ("/var/log/app.log", False),
        ("/srv/nfs/app.log", True),
        ("/srv/nfs/disk/app.log", True),
        ("/srv/nfs/not/there/yet.log", True),
        ("//srv//nfs/../nfs/x", True),
        ("/srv/other.log", False),
        ("/home/me/app.log", True),
        ("/srv/*.log", False),
        ("/srv/*/app.log", True),
        ("/var/*/app.log", False),
        ("/*/*.log", True),
    ],
)
def test_a_path_may_hang_where_a_server_or_an_automounter_is_in_the_way(
    table: MountTable, path: str, may_hang: bool
) -> None:
    assert table.may_hang(path) is may_hang


def test_nothing_is_held_before_the_first_question_and_after_the_end(tmp_path: Path) -> None:
    table = MountTable()
    assert not table.changed()
    table.close()
    assert not table.may_hang(str(tmp_path))
    table.close()
    assert not table.changed()
    assert not table.may_hang(str(tmp_path))
    table.close()


@pytest.mark.peer("tmpfs")
def test_mounts_that_come_and_go_are_noticed_once(tmp_path: Path) -> None:
    table = MountTable()
    try:
        assert not table.may_hang(str(tmp_path))
        assert not table.changed()
        with tmpfs(tmp_path / "mount"):
            assert table.changed()
            assert table.changed()
            assert not table.may_hang(str(tmp_path / "mount"))
            assert not table.changed()
        assert table.changed()
    finally:
        table.close()


@pytest.mark.peer("fuse")
def test_a_link_or_a_bind_mount_that_leads_to_a_server_may_hang(tmp_path: Path) -> None:
    table = MountTable()
    try:
        with hangfs(tmp_path / "served") as served:
            (tmp_path / "link.log").symlink_to(served.mount_point / "file")
            served.hang("getattr", "readdir", "statfs")
            assert table.may_hang(str(served.mount_point / "file"))
            assert table.may_hang(str(tmp_path / "link.log"))
            assert not table.may_hang(str(tmp_path / "other.log"))
            served.release()
            with bind(served.mount_point, tmp_path / "bound"):
                assert table.may_hang(str(tmp_path / "bound/file"))
        assert not table.may_hang(str(tmp_path / "served/file"))
    finally:
        table.close()
