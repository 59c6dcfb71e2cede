"""The files beside a log that were once the log: what rotation calls them, and finding them."""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzo", ".lzma", ".z", ".zip", ".br", ".7z", ".tgz", ".tbz2")
_NUMBER = r"\d[\dTZ:_.+-]*"
_DATE_DIGITS = 6
_NUMBERS = re.compile(r"\d+")


class Sibling(NamedTuple):
    """A regular file in the directory of a log."""

    path: str
    status: os.stat_result


def is_compressed(name: str) -> bool:
    """Whether a name says that its file is compressed."""
    return name.lower().endswith(_COMPRESSED)


def target_of(path: str) -> str:
    """Where a symbolic link leads in the end; empty for what is none."""
    return os.path.realpath(path) if os.path.islink(path) else ""  # noqa: PTH114 - surrogates stay as they are


def in_directories(path: str, target: str = "") -> list[tuple[str, str]]:
    """Directory and name of a path, of where it leads when it is a symbolic link, and of where it once led."""
    places = [os.path.split(path)]
    for there in (target_of(path), target):
        if there and os.path.split(there) not in places:
            places.append(os.path.split(there))
    return places


def is_rotated_name(name: str, of: str) -> bool:
    """Whether `name` is what a rotation calls `of`: app.log.1, app.log-20261121, app.log.old, app-20261121.log."""
    return bool(rotated_names(of)(name))


def rotated_names(name: str) -> Callable[[str], object]:
    """Tells whether a name is one that a rotation gives to `name`, compressed or not."""
    stem, extension = os.path.splitext(name)  # noqa: PTH122
    plain, stem, extension = re.escape(name), re.escape(stem), re.escape(extension)
    forms = [rf"{plain}[.-](?:{_NUMBER}|old|bak|prev)"]
    if extension:
        forms.append(rf"{stem}(?:\.{_NUMBER}|-(?=(?:\D?\d){{{_DATE_DIGITS}}}){_NUMBER}){extension}")
    endings = "|".join(re.escape(ending) for ending in _COMPRESSED)
    return re.compile(rf"(?:{'|'.join(forms)})(?:{endings})?", re.IGNORECASE).fullmatch


def dated_twins(name: str) -> Callable[[str], object] | None:
    """Tells whether a name differs from `name` in its date only; None when there is no date in it.

    A link such as `current` leads to one after the other of such files.
    """
    if sum(map(str.isdigit, name)) < _DATE_DIGITS:
        return None
    return re.compile(r"\d+".join(map(re.escape, _NUMBERS.split(name)))).fullmatch


def rotated(path: str, target: str = "") -> Iterator[Sibling]:
    """Every regular file that a rotation of the log at `path` may have left, compressed ones included.

    Directories that cannot be read hold nothing. Raises nothing.
    """
    places = in_directories(path, target)
    for index, (directory, name) in enumerate(places):
        wanted = [rotated_names(name)]
        twins = dated_twins(name) if index else None
        if twins is not None:
            wanted.append(twins)
        for entry in _entries(directory):
            if entry.name != name and any(fits(entry.name) for fits in wanted):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield Sibling(entry.path, status)


def with_inode(path: str, target: str, device: int, inode: int) -> Sibling | None:
    """The file with this inode in the directories of a log, whatever it is called."""
    for directory, _ in in_directories(path, target):
        for entry in _entries(directory):
            with contextlib.suppress(OSError):
                if entry.inode() == inode and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_ino == inode and device in (0, status.st_dev):
                        return Sibling(entry.path, status)
    return None


def listable(path: str) -> bool:
    """Whether the directory of a path can be looked through, so that what is not found there is not there."""
    try:
        with os.scandir(os.path.dirname(path)):  # noqa: PTH120 - surrogates stay as they are
            return True
    except OSError:
        return False


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []


def by_age(sibling: Sibling) -> tuple[int, list[int]]:
    """Sorts siblings oldest first: by their last write, and where the clock is too coarse by their numbers. A rotation
    counts up (app.log.2 is older than app.log.1), a date does too, the other way.
    """
    numbers = [int(digits) for digits in _NUMBERS.findall(os.path.basename(sibling.path))]  # noqa: PTH119
    last = numbers[-1:] if numbers and numbers[-1] < 10**_DATE_DIGITS else []
    return sibling.status.st_mtime_ns, numbers[: -len(last) or None] + [-number for number in last]
