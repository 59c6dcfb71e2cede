"""What is mounted where: /proc/self/mountinfo, read without touching a single mount.

The format is proc_pid_mountinfo(5). Paths are `str` with undecodable bytes as surrogate escapes, so that they name the
same file again; `readable` makes text of them that may leave this machine.
"""

import os
import posixpath
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_ESCAPE = re.compile(rb"\\([0-7]{3})")

# fmt: off
PSEUDO = frozenset({
    "autofs", "bdev", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset", "debugfs", "devpts",
    "devtmpfs", "efivarfs", "functionfs", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fuse.vmware-vmblock",
    "fusectl", "hugetlbfs", "mqueue", "nfsd", "nsfs", "pipefs", "proc", "pstore", "ramfs", "resctrl", "rootfs",
    "rpc_pipefs", "securityfs", "selinuxfs", "smackfs", "sockfs", "spufs", "sysfs", "tracefs", "usbfs", "xenfs",
})
"""File systems that hold no data of anyone: windows on the kernel or on a desktop session."""

IMAGES = frozenset({
    "cramfs", "erofs", "fuse.snapfuse", "fuse.squashfuse", "fuse.squashfuse_ll", "iso9660", "romfs",
})
"""Read-only images: full by nature, so how full they are says nothing."""

_NETWORK = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "gfs", "gfs2", "glusterfs", "gpfs", "kafs",
    "lustre", "ncp", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb3", "smbfs", "vboxsf",
    "virtiofs", "vmhgfs",
})
# fmt: on
_SYSTEM_TREES = ("/proc", "/sys", "/dev")
_MOST_LINKS = 40
"""As the kernel has it: path_resolution(7)."""
_CONTAINER_STORES = ("/var/lib/docker", "/var/lib/containers", "/run/containerd", "/run/containers", "/var/lib/kubelet")


@dataclass(frozen=True, slots=True)
class MountEntry:
    """One visible mount.

    `mount_id` names this very mount as long as it or anything on it is in use: another one on the same point has
    another. `root` is the directory of the file system that shows at `mount_point` ("/" unless it is a bind mount or a
    subvolume). `network` file systems are served by another process or machine and can hang for ever. `may_hang` also
    covers a local one below such a mount: the way to it leads through the other.
    """

    mount_id: int
    mount_point: str
    root: str
    device: str
    fstype: str
    options: tuple[str, ...]
    major_minor: str
    read_only: bool
    network: bool
    may_hang: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    parent_id: int
    entry: MountEntry


def read_mounts(proc: Path = Path("/proc")) -> list[MountEntry]:
    """Every mount that a path can reach, pseudo file systems and bind mounts included. Raises OSError."""
    return parse_mountinfo((proc / "self" / "mountinfo").read_bytes())


def parse_mountinfo(content: bytes) -> list[MountEntry]:
    """The visible mounts of a mountinfo file, in its order; a mount that another one covers is not visible."""
    visible = list(_visible([line for raw in content.split(b"\n") if (line := _parse_line(raw)) is not None]))
    hanging = {entry.mount_point for entry in visible if entry.network}
    return [_with_may_hang(entry, hanging) for entry in visible]


def mount_of(path: str, entries: Iterable[MountEntry]) -> MountEntry | None:
    """The mount that an absolute, normalised path lies on: the one with the longest mount point above it."""
    above = {path, *_ancestors(path)}
    return max((e for e in entries if e.mount_point in above), key=lambda e: len(e.mount_point), default=None)


def normal(path: str) -> str:
    """An absolute path as mount points are written: `//a//b/` is `/a/b`."""
    return "/" + posixpath.normpath(path).lstrip("/")


def followed(path: str, entries: Iterable[MountEntry]) -> str:
    """Where an absolute path leads: its symbolic links are read, as far as that asks no mount that may hang.

    On such a mount, or an autofs trigger, the rest of the path stands as it is. What is not there is no link.
    """
    left_alone = {entry.mount_point for entry in entries if entry.may_hang or entry.fstype == "autofs"}
    place, links = "/", 0
    waiting = path.split("/")[::-1]
    while waiting and place not in left_alone:
        name = waiting.pop()
        inner = posixpath.normpath(posixpath.join(place, name))
        try:
            target = "" if inner in left_alone else os.readlink(inner)  # noqa: PTH115 - surrogates stay as they are
        except OSError:
            target = ""
        links += bool(target)
        if links > _MOST_LINKS:
            return normal(path)
        if target:
            waiting += target.split("/")[::-1]
        place = "/" if target.startswith("/") else place if target else inner
    return posixpath.normpath(posixpath.join(place, *waiting[::-1]))


def real_mounts(
    entries: Sequence[MountEntry],
    *,
    keep: Collection[str] = (),
    is_directory: Callable[[MountEntry], bool] | None = None,
) -> list[MountEntry]:
    """The mounts that hold somebody's data, each file system once, in the order of their mount points.

    Of a file system that shows at several places, the mount of its root wins, then the shortest mount point; a bind
    mount of a single file never does. Subvolumes of btrfs stay apart, as df shows them. A mount point in `keep` is
    never left out, whatever it is; only an autofs trigger is, for looking at it would mount something.
    """
    is_directory = is_directory or _is_directory
    kept = [entry for entry in entries if entry.mount_point in keep and entry.fstype != "autofs"]
    best: dict[tuple[str, str], MountEntry] = {}
    for entry in entries:
        if entry.mount_point in keep or not _holds_data(entry) or not is_directory(entry):
            continue
        key = (entry.major_minor, _subvolume(entry))
        other = best.get(key)
        if other is None or _place(entry) < _place(other):
            best[key] = entry
    shown = {(entry.major_minor, entry.root) for entry in kept}
    rest = [entry for entry in best.values() if (entry.major_minor, entry.root) not in shown]
    return sorted([*kept, *rest], key=lambda entry: entry.mount_point)


def readable(path: str) -> str:
    """A path as text that encodes to UTF-8: bytes that are none show as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _parse_line(raw: bytes) -> _Line | None:
    # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
    fields = raw.split(b" ")
    try:
        dash = fields.index(b"-", 6)
        mount_id, parent_id = int(fields[0]), int(fields[1])
        fstype, device, super_options = (_unescape(field) for field in fields[dash + 1 : dash + 4])
    except ValueError:
        return None
    major_minor, root, mount_point, mount_options = (_unescape(field) for field in fields[2:6])
    options = (*mount_options.split(","), *super_options.split(","))
    entry = MountEntry(
        mount_id=mount_id,
        mount_point=mount_point,
        root=root,
        device=device,
        fstype=fstype,
        options=tuple(dict.fromkeys(options)),
        major_minor=major_minor,
        # Either the mount or the file system below it may be read-only; both lists then say ro.
        read_only="ro" in options,
        network=fstype in _NETWORK or fstype in ("fuse", "fuseblk") or fstype.startswith("fuse."),
    )
    return _Line(parent_id, entry)


def _unescape(field: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field))


def _visible(lines: Sequence[_Line]) -> Iterator[MountEntry]:
    """A mount is hidden by a later one on the same point, or on a directory above it in the same parent mount."""
    ids = {line.entry.mount_id for line in lines}
    children: dict[int, dict[str, _Line]] = {}
    for line in lines:
        children.setdefault(line.parent_id, {})[line.entry.mount_point] = line
    reached: set[int] = set()
    waiting = [line for line in lines if line.parent_id not in ids or line.parent_id == line.entry.mount_id]
    while waiting:
        line = waiting.pop()
        if line.entry.mount_id in reached:
            continue
        below = children.get(line.entry.mount_id, {})
        cover = below.get(line.entry.mount_point)
        if cover is not None and cover is not line:
            waiting.append(cover)
            continue
        reached.add(line.entry.mount_id)
        waiting.extend(child for point, child in below.items() if below.keys().isdisjoint(_ancestors(point)))
    return (line.entry for line in lines if line.entry.mount_id in reached)


def _ancestors(path: str) -> Iterator[str]:
    """/a/b -> /a, /"""
    while path not in ("/", ""):
        path = path.rpartition("/")[0] or "/"
        yield path


def _with_may_hang(entry: MountEntry, hanging: Collection[str]) -> MountEntry:
    may_hang = entry.network or any(above in hanging for above in _ancestors(entry.mount_point))
    return replace(entry, may_hang=True) if may_hang else entry


def _holds_data(entry: MountEntry) -> bool:
    point = entry.mount_point
    if entry.fstype in PSEUDO or entry.fstype in IMAGES:
        return False
    if any(_below(point, tree) for tree in _SYSTEM_TREES):
        return point == "/dev/shm"  # noqa: S108 - the path is named, not used for temporary files
    if entry.fstype == "tmpfs" and point.startswith("/run/"):
        return False
    return entry.fstype not in ("overlay", "tmpfs") or not any(_below(point, store) for store in _CONTAINER_STORES)


def _below(point: str, tree: str) -> bool:
    return point == tree or point.startswith(tree + "/")


def _subvolume(entry: MountEntry) -> str:
    if entry.fstype != "btrfs":
        return ""
    return next((option for option in entry.options if option.startswith("subvolid=")), entry.root)


def _place(entry: MountEntry) -> tuple[int, int, str]:
    return (len(entry.root), len(entry.mount_point), entry.mount_point)


def _is_directory(entry: MountEntry) -> bool:
    # Containers bind single files (/etc/hosts) from the host's disk. Asking a mount that may hang is not worth it.
    if entry.root == "/" or entry.may_hang:
        return True
    try:
        return stat.S_ISDIR(os.stat(entry.mount_point).st_mode)  # noqa: PTH116 - surrogates stay as they are
    except OSError:
        return True
