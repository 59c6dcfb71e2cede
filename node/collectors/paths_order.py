"""Where a watched path lies, and what a walk of it is told. Pure functions: nothing is touched."""

import os
from collections.abc import Iterator, Sequence

from node.settings import WatchedPath
from node.sources.mounts import MountEntry, mount_of, normal
from node.sources.walk import Order, glob_patterns

_LEAF_FSTYPES = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs"})
"""File systems whose directories have exactly two links more than subdirectories."""


def lies_below(path: str, directory: str) -> bool:
    """Whether a path is the directory, or in it."""
    path, directory = normal(path), normal(directory)
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def order_for(watched: WatchedPath, place: str, mounts: Sequence[MountEntry], recent: bytes) -> Order:
    """What the walk of a path is told. `place` is where it leads, `recent` is from the walk before.

    Mounts below the path are not even touched when the walk stays on one file system, so one that hangs there does not
    matter. An autofs trigger below it never is: looking at it would mount something.
    """
    home = mount_of(place, mounts)
    below = [entry for entry in mounts if entry is not home and lies_below(entry.mount_point, place)]
    closed = [entry for entry in below if entry.fstype == "autofs" or (watched.one_file_system and _other(entry, home))]
    names, paths = glob_patterns(watched.exclude)
    return Order(
        root=watched.path,
        max_depth=watched.max_depth,
        exclude_names=names,
        exclude_paths=paths,
        max_files=watched.max_files_per_scan,
        timeout_sec=float(watched.timeout),
        ops_per_sec=watched.max_ops_per_sec,
        workers=watched.workers,
        sizes=watched.sizes,
        top_n=watched.top_n,
        one_file_system=watched.one_file_system,
        follow_symlinks=watched.follow_symlinks,
        arriving_suffixes=_shortest(watched.arriving_suffixes),
        closed_dirs=tuple(_as_walked(watched.path, place, entry.mount_point) for entry in closed),
        leaf_devices=tuple(_leaf_devices(mounts)),
        may_hang=home is None
        or home.may_hang
        or watched.follow_symlinks
        or any(e.may_hang for e in _open(below, closed)),
        recent=recent,
    )


def _other(entry: MountEntry, home: MountEntry | None) -> bool:
    return home is None or entry.major_minor != home.major_minor


def _open(below: Sequence[MountEntry], closed: Sequence[MountEntry]) -> list[MountEntry]:
    return [entry for entry in below if entry not in closed]


def _shortest(suffixes: Sequence[str]) -> tuple[str, ...]:
    """Without those that end in another one, and would be counted twice."""
    wanted = [suffix for suffix in dict.fromkeys(suffixes) if suffix]
    return tuple(s for s in wanted if not any(s != other and s.endswith(other) for other in wanted))


def _as_walked(root: str, place: str, mount_point: str) -> str:
    """A mount point below the place as the walk spells it, which starts with the root as it is configured."""
    return root.rstrip("/") + mount_point[len(place.rstrip("/")) :]


def _leaf_devices(mounts: Sequence[MountEntry]) -> Iterator[int]:
    for major_minor in sorted({entry.major_minor for entry in mounts if entry.fstype in _LEAF_FSTYPES}):
        major, minor = major_minor.split(":")
        yield os.makedev(int(major), int(minor))
