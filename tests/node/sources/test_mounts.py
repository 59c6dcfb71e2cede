"""Mounts: what mountinfo says, which of it holds data, and what may hang."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sources.mounts import MountEntry, followed, mount_of, parse_mountinfo, read_mounts, readable, real_mounts
from tests.peers import bind, ext4, program, tmpfs

HOSTILE_NAMES = ["two words", "line\nbreak", "탑재 지점", "back\\slash", "tab\there", "\\040", "#hash", "-"]


def line(
    point: str,
    fstype: str = "ext4",
    *,
    number: int = 100,
    parent: int = 1,
    device: str = "/dev/sda1",
    mm: str = "8:1",
    root: str = "/",
    options: str = "rw",
    super_options: str = "rw",
    tags: str = "shared:1 ",
) -> str:
    return f"{number} {parent} {mm} {root} {point} {options} {tags}- {fstype} {device} {super_options}\n"


def entries(*lines: str) -> list[MountEntry]:
    return parse_mountinfo("".join(lines).encode())


def real(*lines: str, keep: tuple[str, ...] = ()) -> list[str]:
    found = real_mounts(entries(*lines), keep=keep, is_directory=lambda entry: not entry.root.endswith(".conf"))
    return [entry.mount_point for entry in found]


def test_every_field_is_read_with_and_without_optional_fields() -> None:
    text = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n"
    [entry] = parse_mountinfo(text)
    assert entry == MountEntry(
        mount_id=36,
        mount_point="/mnt2",
        root="/mnt1",
        device="/dev/root",
        fstype="ext3",
        options=("rw", "noatime", "errors=continue"),
        major_minor="98:0",
        read_only=False,
        network=False,
    )
    [bare] = parse_mountinfo(text.replace(b"master:1 shared:7 ", b""))
    assert bare == entry


def test_a_line_that_is_cut_short_or_foreign_is_left_out() -> None:
    assert parse_mountinfo(b"\n36 35 98:0 /\nnonsense\n1 2 3 4 5 6 7 8\na b 8:1 / /x rw - ext4 /dev/x rw\n") == []


def test_an_empty_source_is_an_empty_device() -> None:
    [entry] = parse_mountinfo(b"36 35 0:40 / /mnt rw - tmpfs  rw\n")
    assert (entry.device, entry.fstype) == ("", "tmpfs")


@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw))
def test_any_name_comes_back_as_it_was_mounted(raw: bytes) -> None:
    name = b"/" + raw.replace(b"/", b"_")
    escaped = b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in name)
    [entry] = parse_mountinfo(b"1 0 8:1 / " + escaped + b" rw - ext4 /dev/sda1 rw\n")
    assert os.fsencode(entry.mount_point) == name
    assert readable(entry.mount_point).encode()


@pytest.mark.peer("tmpfs")
@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_mount_point_is_found_by_its_own_name(name: str, tmp_path: Path) -> None:
    with tmpfs(tmp_path / name) as where:
        [entry] = [entry for entry in read_mounts() if entry.mount_point == str(where)]
    assert entry.fstype == "tmpfs"


@pytest.mark.peer("tmpfs")
def test_a_mount_point_that_is_not_utf8_is_read_and_shown_with_its_bytes(tmp_path: Path) -> None:
    where = tmp_path / os.fsdecode(b"caf\xe9")
    with tmpfs(where):
        [entry] = [entry for entry in read_mounts() if entry.mount_point == str(where)]
    assert readable(entry.mount_point) == f"{tmp_path}/caf\\xe9"


@pytest.mark.parametrize(("options", "super_options"), [("ro", "rw"), ("rw", "ro")])
def test_read_only_is_told_whether_the_mount_or_the_file_system_is(options: str, super_options: str) -> None:
    assert entries(line("/x", options=options, super_options=super_options))[0].read_only


def test_read_only_is_not_told_for_an_option_that_only_looks_like_it() -> None:
    assert not entries(line("/x", super_options="rw,errors=remount-ro"))[0].read_only


@pytest.mark.parametrize(
    "fstype", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre", "fuse", "fuse.sshfs", "fuseblk"]
)
def test_served_file_systems_are_network_and_may_hang(fstype: str) -> None:
    [entry] = entries(line("/x", fstype))
    assert entry.network
    assert entry.may_hang


@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fusectl"])
def test_file_systems_of_this_kernel_do_not_hang(fstype: str) -> None:
    [entry] = entries(line("/x", fstype))
    assert not entry.network
    assert not entry.may_hang


def test_a_local_mount_below_a_served_one_may_hang_too() -> None:
    nfs, disk, other = entries(
        line("/nas", "nfs4", number=2), line("/nas/disk", number=3, parent=2), line("/nasty", number=4)
    )
    assert (nfs.may_hang, disk.may_hang, other.may_hang) == (True, True, False)
    assert not disk.network


def test_of_two_mounts_on_one_point_only_the_upper_is_seen() -> None:
    found = entries(line("/x", number=2, parent=1), line("/x", "tmpfs", number=3, parent=2))
    assert [entry.fstype for entry in found] == ["tmpfs"]


def test_a_mount_below_a_covered_directory_is_not_seen() -> None:
    root = line("/", number=1, parent=0)
    covered = line("/a/b", "xfs", number=2, parent=1) + line("/a/b/c", "xfs", number=3, parent=2)
    cover = line("/a", "tmpfs", number=4, parent=1)
    assert [entry.mount_point for entry in entries(root, covered, cover)] == ["/", "/a"]
    seen = entries(root, covered, cover, line("/a/b", number=5, parent=4))
    assert [entry.mount_id for entry in seen] == [1, 4, 5]


@pytest.mark.peer("tmpfs")
def test_a_real_mount_that_is_covered_is_not_seen_until_it_is_uncovered(tmp_path: Path) -> None:
    def below() -> list[str]:
        return [e.mount_point for e in read_mounts() if Path(e.mount_point).is_relative_to(tmp_path)]

    upper, lower = tmp_path / "a", tmp_path / "a" / "b"
    with tmpfs(lower):
        with tmpfs(upper):
            assert below() == [str(upper)]
        assert below() == [str(lower)]


@pytest.mark.parametrize("fstype", ["proc", "sysfs", "cgroup2", "autofs", "nsfs", "fuse.portal", "devtmpfs", "iso9660"])
def test_file_systems_without_anybodys_data_are_left_out(fstype: str) -> None:
    assert real(line("/x", fstype)) == []


@pytest.mark.parametrize(
    ("point", "fstype", "shown"),
    [
        ("/dev/shm", "tmpfs", True),
        ("/dev/hugepages", "tmpfs", False),
        ("/sys/fs/cgroup", "tmpfs", False),
        ("/proc/acpi", "tmpfs", False),
        ("/run", "tmpfs", True),
        ("/run/lock", "tmpfs", False),
        ("/run/user/0", "tmpfs", False),
        ("/run/media/disk", "ext4", True),
        ("/development", "tmpfs", True),
        ("/", "overlay", True),
        ("/var/lib/docker/overlay2/ab/merged", "overlay", False),
        ("/var/lib/docker", "ext4", True),
        ("/var/lib/kubelet/pods/1/volumes/secret", "tmpfs", False),
        ("/var/lib/kubelet/pods/1/volumes/share", "nfs4", True),
    ],
)
def test_small_system_mounts_are_left_out_and_data_is_not(point: str, fstype: str, shown: bool) -> None:
    assert real(line(point, fstype)) == ([point] if shown else [])


def test_of_a_bind_mount_and_its_file_system_the_file_system_is_shown() -> None:
    assert real(line("/b", root="/sub", number=2), line("/data/longer", number=3)) == ["/data/longer"]


def test_of_two_equal_mounts_the_shorter_name_is_shown() -> None:
    assert real(line("/mnt/long", number=2), line("/mnt/b", number=3)) == ["/mnt/b"]


def test_a_bound_file_is_never_the_mount_that_is_shown() -> None:
    files = line("/etc/resolv.conf", root="/c/resolv.conf", number=2) + line("/srv", root="/srv/long/data", number=3)
    assert real(files) == ["/srv"]
    assert real(line("/etc/resolv.conf", root="/c/resolv.conf")) == []


def test_subvolumes_of_btrfs_stay_apart_and_their_bind_mounts_do_not() -> None:
    def subvolume(point: str, root: str, number: int, identifier: int) -> str:
        options = f"rw,subvolid={identifier},subvol={root}"
        return line(point, "btrfs", mm="0:30", root=root, number=number, super_options=options)

    lines = [subvolume("/", "/@", 2, 256), subvolume("/home", "/@home", 3, 257), subvolume("/b", "/@home/x", 4, 257)]
    assert real(*lines) == ["/", "/home"]


def test_an_expected_mount_is_kept_whatever_it_is_but_a_trigger() -> None:
    lines = [line("/", number=2), line("/b", root="/sub", number=3), line("/p", "proc", mm="0:3", number=4)]
    trigger = line("/net", "autofs", mm="0:5", number=5)
    assert real(*lines, trigger, keep=("/b", "/p", "/net")) == ["/", "/b", "/p"]


@pytest.mark.peer("loop")
def test_real_bind_mounts_of_a_directory_and_a_file_fold_into_their_file_system(tmp_path: Path) -> None:
    with ext4(tmp_path / "disk") as disk:
        (disk / "sub").mkdir()
        (disk / "file").touch()
        with bind(disk / "sub", tmp_path / "b"), bind(disk / "file", tmp_path / "c"):
            found = [e.mount_point for e in real_mounts(read_mounts()) if Path(e.mount_point).is_relative_to(tmp_path)]
            named = [e.mount_point for e in read_mounts() if Path(e.mount_point).is_relative_to(tmp_path)]
    assert found == [str(disk)]
    assert sorted(named) == [str(tmp_path / name) for name in ("b", "c", "disk")]


def test_a_path_lies_on_the_mount_with_the_longest_point_above_it() -> None:
    found = entries(line("/", number=1, parent=0), line("/data", number=2), line("/data/in", number=3, parent=2))

    def point(path: str) -> str | None:
        entry = mount_of(path, found)
        return entry.mount_point if entry else None

    assert [point(p) for p in ("/data/in/x", "/data/in", "/data/inn", "/data", "/database", "/")] == [
        "/data/in",
        "/data/in",
        "/data",
        "/data",
        "/",
        "/",
    ]
    assert mount_of("/x", []) is None


@pytest.mark.peer("df")
def test_what_df_shows_by_default_is_shown_here(tmp_path: Path) -> None:
    text = subprocess.run([program("df"), "--output=target"], check=False, capture_output=True, text=True).stdout
    ours = {entry.mount_point for entry in real_mounts(read_mounts())}
    left_out = {point for point in text.splitlines()[1:] if not point.startswith(("/dev", "/sys", "/run/"))} - ours
    # Tests beside this one mount and bind things while df runs; what stays on the machine must all be there.
    assert {point for point in left_out if not point.startswith(str(tmp_path.parents[2]))} == set()


def test_a_path_is_followed_through_its_links_as_the_kernel_does(tmp_path: Path) -> None:
    (tmp_path / "real/in").mkdir(parents=True)
    (tmp_path / "far").symlink_to(tmp_path / "real")
    (tmp_path / "near").symlink_to("far/in/../in")
    (tmp_path / "round").symlink_to("round")
    for path in ("near", "far/in", "far/in/.", "far/../real/in", "real/in"):
        assert followed(f"{tmp_path}/{path}", []) == os.path.realpath(tmp_path / path) == f"{tmp_path}/real/in"
    assert followed(f"/{tmp_path}//far/gone/", []) == f"{tmp_path}/real/gone"
    assert followed(f"{tmp_path}/round/x", []) == f"{tmp_path}/round/x"
    assert followed("/", []) == "/"


def test_links_on_a_mount_that_may_hang_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "nfs/real").mkdir(parents=True)
    (tmp_path / "nfs/link").symlink_to("real")
    (tmp_path / "in").symlink_to("nfs/link")
    served = entries(line(f"{tmp_path}/nfs", "nfs4", number=101, parent=100))
    trigger = entries(line(f"{tmp_path}/nfs", "autofs", number=101, parent=100))
    assert followed(f"{tmp_path}/in", []) == f"{tmp_path}/nfs/real"
    assert followed(f"{tmp_path}/in/a", served) == followed(f"{tmp_path}/in/a", trigger) == f"{tmp_path}/nfs/link/a"
