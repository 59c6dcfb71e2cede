"""The paths that a tail looks at: the one it was given, or those that its glob matches."""

import errno
import fnmatch
import glob
import os
from dataclasses import dataclass

from node.sources.mounts import readable
from node.sources.tail_file import File
from node.sources.tail_identity import NotRegularError
from node.sources.tail_pool import words
from node.sources.tail_siblings import is_compressed
from node.sources.tail_types import FileStatus

LIST_EVERY_SEC = 5.0
MOST_FILES = 1000
"""Of a glob that matches more, those that were written to last are followed."""

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


@dataclass(slots=True, eq=False)
class Slot:
    """A path, the file that is there, and the one that was there before. `fresh`: nobody ever looked there."""

    path: str
    fresh: bool = False
    file: File | None = None
    before: File | None = None
    status: FileStatus = "ok"
    error: str | None = None
    seen: os.stat_result | None = None

    def fail(self, error: OSError) -> None:
        self.status, self.error = status_of(self.path, error)
        if self.status == "missing":
            self.fresh = False


def status_of(path: str, error: OSError) -> tuple[FileStatus, str]:
    """What an error means for a log, and the words for it: what was tried, what happened, what to do."""
    name = readable(path)
    if isinstance(error, NotRegularError):
        return "error", f"{name} {error}; name a file, or a glob such as {name.rstrip('/')}/*.log"
    if error.errno in _NOT_THERE:
        return "missing", f"{name} is not there; it is read from its beginning as soon as it is"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "denied", f"cannot open {name}: permission denied; let the user the node runs as read it"
    advice = {
        errno.EMFILE: "; raise the limit on open files (LimitNOFILE=) of the node",
        errno.ENFILE: "; raise fs.file-max of the host",
        errno.ELOOP: "; its symbolic links lead in a circle",
    }.get(error.errno or 0, "")
    return "error", f"cannot open {name}: {words(error)}{advice}"


class Slots:
    """The paths of one tail."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_glob = glob.has_magic(path)
        self._slots: dict[str, Slot] = {}
        self._listed_at: float | None = None
        self._stamps: tuple[int, ...] = ()
        self._directories: frozenset[str] | None = None
        self.left_out = 0

    def all(self) -> list[Slot]:
        return list(self._slots.values())

    def at(self, path: str) -> Slot | None:
        return self._slots.get(path)

    def covers(self, path: str) -> bool:
        """Whether a path is, or would be, one of these."""
        return fnmatch.fnmatchcase(path, self.path) if self.is_glob else path == self.path

    def follows(self, path: str) -> bool:
        """Whether another path of the glob is followed as a log of its own."""
        return self.is_glob and self.covers(path)

    def clear(self) -> None:
        self._slots.clear()
        self._listed_at = self._directories = None

    def ensure(self, path: str, *, fresh: bool = False) -> Slot:
        return self._slots.setdefault(path, Slot(path, fresh))

    def drop_empty(self) -> None:
        """Forget the paths of a glob where nothing is any more."""
        if self.is_glob:
            self._slots = {path: slot for path, slot in self._slots.items() if slot.file or slot.status != "missing"}

    def refresh(self, now: float, *, fresh: bool) -> None:
        """Look for what is new. A glob is listed when something came or went in its directories, else now and then."""
        if not self.is_glob:
            self.ensure(self.path, fresh=fresh)
            return
        stamps = self._directory_stamps()
        if self._listed_at is not None and now - self._listed_at < LIST_EVERY_SEC and stamps == self._stamps:
            return
        self._listed_at, self._stamps, self._directories = now, stamps, None
        matching = glob.glob(self.path)  # noqa: PTH207 - surrogates stay as they are
        names = [name for name in matching if not is_compressed(name)]
        self.left_out = max(0, len(names) - MOST_FILES)
        if self.left_out:
            names = sorted(names, key=changed_at)[-MOST_FILES:]
        for name in sorted(names):
            self.ensure(name, fresh=fresh)
        if len(new_stamps := self._directory_stamps()) != len(stamps):  # files in directories that are new
            self._stamps = new_stamps

    def stirred(self) -> bool:
        """Whether something came or went in the directories of a glob."""
        return self.is_glob and self._directory_stamps() != self._stamps

    def directories(self) -> frozenset[str]:
        """Where something may happen next: the directories of the path and of what its links lead to; of a glob, those
        of the files it matches and the last one without a wildcard.
        """
        if not self.is_glob:
            return _there(_link_directories(self.path))
        if self._directories is None:
            parents = {os.path.dirname(path) for path in [*self._slots, self._fixed_part()]}  # noqa: PTH120
            links = [path for path in self._slots if os.path.islink(path)]  # noqa: PTH114
            self._directories = _there(parents.union(*map(_link_directories, links)))
        return self._directories

    def _fixed_part(self) -> str:
        """A path in the last directory that the glob names without a wildcard."""
        parts = self.path.split("/")
        wild = next(index for index, part in enumerate(parts) if glob.has_magic(part))
        return "/".join([*parts[:wild], "x"])

    def _directory_stamps(self) -> tuple[int, ...]:
        parents = {os.path.dirname(path) for path in [*self._slots, self._fixed_part()]}  # noqa: PTH120
        return tuple(changed_at(parent) for parent in sorted(parents))


def _link_directories(path: str) -> set[str]:
    """The directory of a path, and of each step that its symbolic links make."""
    found = set()
    for _ in range(40):
        found.add(os.path.dirname(path))  # noqa: PTH120
        try:
            target = os.readlink(path)  # noqa: PTH115
        except OSError:
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120
    return found


def _there(directories: set[str]) -> frozenset[str]:
    return frozenset(directory for directory in directories if os.path.isdir(directory))  # noqa: PTH112


def changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0
