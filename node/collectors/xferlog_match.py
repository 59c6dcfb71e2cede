"""Finding the files that a logged path may mean. Pure functions.

A logged path is a pattern, not a name: vsftpd writes `_` for a blank and `?` for each byte that is not printable ASCII,
proftpd `_` for blanks and control characters. It may be relative to the directory that a session was locked into
(chroot), it may hold `..`, and it ends in a slash where the server named the file itself (STOU).
"""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
_BLANK, _UNDERSCORE, _MARK = b" _?"
_UNSURE = bytes(code for code in range(256) if code < 0x20 or code >= 0x7F or code in b" _?")
_FOLD = bytes.maketrans(_UNSURE, b"?" * len(_UNSURE))

Parts = tuple[bytes, ...]


class File(NamedTuple):
    """One file of the disk: its path below the root, the parts of its whole path, bytes, modification time."""

    path: str
    parts: Parts
    bytes: int
    mtime: float


class Logged(NamedTuple):
    """A logged path. `directory` and `name` are its parts; no name: the server chose it."""

    directory: Parts
    name: bytes | None

    @property
    def key(self) -> Parts:
        """Equal for two paths that may be one file's."""
        return _folded((*self.directory, self.name or b"/"))


def logged(path: str) -> Logged:
    """A path as a log has it. A `..` is taken away with what stands before it, as a client would have meant it."""
    raw = path.encode("utf-8", "surrogateescape")
    parts: list[bytes] = []
    for part in raw.split(b"/"):
        if part == b"..":
            parts[-1:] = []
        elif part not in (b"", b"."):
            parts.append(part)
    if not parts or raw.endswith(b"/"):
        return Logged(tuple(parts), None)
    return Logged(tuple(parts[:-1]), parts[-1])


def root_parts(root: str) -> Parts:
    return tuple(part for part in os.fsencode(root).split(b"/") if part)


def _folded(parts: Parts) -> Parts:
    """Equal for two paths of which one may be what a log says of the other."""
    return tuple(part.translate(_FOLD) for part in parts)


class Files:
    """The files of the disk, to be found by what a log says of them; and the directories that are known to be there."""

    def __init__(self, root: str) -> None:
        self._root = root_parts(root)
        self._by_path: dict[Parts, list[File]] = {}
        self._by_name: dict[Parts, list[File]] = {}
        self._by_place: dict[tuple[bytes, int], list[File]] = {}
        self._by_size: dict[tuple[bytes, int], list[File]] = {}
        self._dirs: dict[bytes, set[Parts]] = {}
        self._found: dict[Logged, list[File]] = {}

    def add(self, path: str, size: int, mtime: float) -> File:
        """A file by its path below the root, surrogate escapes in it."""
        file = File(path, (*self._root, *os.fsencode(path).split(b"/")), size, mtime)
        folded = _folded((b"", *file.parts))
        directory = folded[-2]
        self._by_path.setdefault(folded[1:], []).append(file)
        for key in (folded[-2:], folded[-1:]):
            self._by_name.setdefault(key, []).append(file)
        self._by_place.setdefault((directory, size), []).append(file)
        self._by_size.setdefault((folded[-1], size), []).append(file)
        self._dirs.setdefault(directory, set()).add(file.parts[:-1])
        return file

    def add_directory(self, path: str) -> None:
        parts = (*self._root, *(part for part in os.fsencode(path).split(b"/") if part))
        self._dirs.setdefault((b"", *parts)[-1].translate(_FOLD), set()).add(parts)

    def named(self, path: Logged) -> list[File]:
        """The files that may be meant: those with this very path, else those below the root, else wherever it fits."""
        if path.name is None:
            return []
        found = self._found.get(path)
        if found is None:
            found = self._named((*path.directory, path.name))
            if not found and (escaped := _unescaped((*path.directory, path.name))) is not None:
                found = self._named(escaped)
            self._found[path] = found
        return found

    def _named(self, wanted: Parts) -> list[File]:
        for whole in (wanted, (*self._root, *wanted)):
            exact = [file for file in self._by_path.get(_folded(whole), ()) if ends_in(file.parts, wanted)]
            if exact:
                return exact
        return [file for file in self._by_name.get(_folded(wanted[-2:]), ()) if ends_in(file.parts, wanted)]

    def beside(self, path: Logged, size: int) -> list[File]:
        """The files of this size in the logged directory, whatever their names."""
        directory = path.directory or self._root
        near = self._by_place.get(((b"", *directory)[-1].translate(_FOLD), size), ())
        return [file for file in near if ends_in(file.parts[:-1], directory)]

    def elsewhere(self, path: Logged, size: int) -> list[File]:
        """The files of this size and of the logged name, wherever they are."""
        if path.name is None:
            return []
        near = self._by_size.get((path.name.translate(_FOLD), size), ())
        return [file for file in near if may_be(file.parts[-1], path.name)]

    def has_directory(self, path: Logged) -> bool:
        """Whether the logged directory is known to be there. One below which nothing changed lately is not known."""
        if not path.directory:
            return bool(self._dirs)
        near = self._dirs.get(path.directory[-1].translate(_FOLD), ())
        return any(ends_in(parts, path.directory) for parts in near)


def ends_in(parts: Parts, pattern: Sequence[bytes]) -> bool:
    """Whether a path may end in what is logged."""
    if len(pattern) > len(parts):
        return False
    end = parts[len(parts) - len(pattern) :]
    return all(may_be(part, logged) for part, logged in zip(end, pattern, strict=True))


def may_be(name: bytes, pattern: bytes) -> bool:
    """Whether a name may stand as this in a log. Servers write one byte for each."""
    return name == pattern or (len(name) == len(pattern) and all(map(_may_be, name, pattern)))


def _may_be(byte: int, logged: int) -> bool:
    if byte == logged or logged == _MARK:
        return True
    return logged == _UNDERSCORE and (byte == _BLANK or byte < 0x20 or byte == 0x7F)


def _unescaped(parts: Parts) -> Parts | None:
    r"""The parts with each `\xff`, as a tail writes a byte that is no UTF-8, as the byte itself; None without any."""
    if not any(_ESCAPED.search(part) for part in parts):
        return None
    return tuple(_ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), part) for part in parts)
