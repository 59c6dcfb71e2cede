"""All the files that a tail knows, and what happened to them during one look."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from etlmon.contract.logs import GapReason
from node.sources.mounts import readable
from node.sources.tail_file import File, Position
from node.sources.tail_identity import generation_of
from node.sources.tail_types import Lost, Place

MOST_ENDED = 64
"""Files that nothing more is expected of are kept to be known again, the newest so many."""


@dataclass(slots=True)
class Look:
    """One look: its time (`now` monotonic, `wall` since 1970), and what it noticed."""

    now: float
    wall: float
    lost: list[Lost] = field(default_factory=list)
    rotations: int = 0
    gone: int = 0
    """Files that were not found any more, or whose copy was not; each may be one of the compressed ones."""
    more: bool = False
    """Files wait to be opened, because so many are open already."""
    errors: list[str] = field(default_factory=list)
    """What kept known files from being read, in words."""

    def fail(self, path: str, error: OSError) -> None:
        """Note that a file cannot be read now; it is tried again."""
        self.errors.append(f"cannot read {readable(path)}: {words(error)}")

    def lose(self, file: File, reason: GapReason, lost_bytes: int | None, message: str) -> None:
        self.lost.append(
            Lost(
                path=readable(file.path),
                inode=file.inode,
                offset=file.offset,
                lost_bytes=lost_bytes,
                reason=reason,
                message=message,
            )
        )


def words(error: OSError) -> str:
    """What went wrong, as a person says it."""
    return (error.strerror or str(error)).lower()


class Pool:
    """The files by key, oldest first: who comes first in it is read first."""

    def __init__(self) -> None:
        self._files: dict[int, File] = {}
        self._last_key = 0

    def __iter__(self) -> Iterator[File]:
        return iter(list(self._files.values()))

    @property
    def last_key(self) -> int:
        return self._last_key

    def get(self, key: int) -> File | None:
        return self._files.get(key)

    def add(
        self, path: str, descriptor: int | None, status: os.stat_result, look: Look, position: Position | None = None
    ) -> File:
        """A file that is new, read up to `position`; without a descriptor when it could not be opened yet."""
        file = File(key=self._next_key(), path=path, device=status.st_dev, inode=status.st_ino, seen_at=look.wall)
        self._files[file.key] = file
        if descriptor is not None:
            file.open(descriptor, status, look.now, look.wall)
        file.put(position or Position())
        file.start = file.position
        return file

    def absent(self, path: str, look: Look) -> File:
        """Stands for no file: it remembers that none was at the path, and when."""
        file = File(key=self._next_key(), path=path, ended=True, seen_at=look.wall)
        self._files[file.key] = file
        return file

    @property
    def open_files(self) -> int:
        return sum(file.descriptor is not None for file in self._files.values())

    def release(self, descriptor: int) -> None:
        """Close a descriptor, unless a file has taken it."""
        if all(file.descriptor != descriptor for file in self._files.values()):
            os.close(descriptor)

    def make_newest(self, file: File) -> None:
        """Let a file nothing was read of come after all others."""
        del self._files[file.key]
        file.key = self._next_key()
        self._files[file.key] = file

    def forget(self, file: File) -> None:
        file.close()
        self._files.pop(file.key, None)

    def identified(self, descriptor: int, status: os.stat_result) -> tuple[File, bool] | None:
        """The file that the open one is, and whether what was read of it still stands in it; None for one that is new.

        Inodes are used again at once: a closed file with the same inode is this one only when its generation says so
        or its content does. Raises OSError.
        """
        generation: int | None = None
        for file in reversed(self._files.values()):
            if file.inode != status.st_ino:
                continue
            if file.descriptor is not None:
                if file.device == status.st_dev:
                    return file, True
                continue
            generation = generation_of(descriptor) if generation is None else generation
            if generation and file.generation and generation != file.generation:
                continue
            if file.mark().fits(descriptor, status.st_size):
                return file, True
            surely = bool(generation and file.generation)
            if not file.offset and (surely or (file.device == status.st_dev and not file.ended)):
                return file, True
            if surely and not file.ended:
                return file, False
        return None

    def restore(self, places: Sequence[Place]) -> None:
        """Go back to what is stored. Descriptors stay; what was found since is kept as an orphan, to be found again."""
        strangers = [file for file in self if file.key not in {place.key for place in places}]
        for place in places:
            file = self._files.setdefault(place.key, File(key=place.key, path=place.path))
            file.restore(place)
            file.start = file.position
        stored = {(place.device, place.inode): self._files[place.key] for place in places if not place.ended}
        for file in strangers:
            heir = stored.get((file.device, file.inode))
            if heir is not None and heir.generation == file.generation:
                heir.inherit(file)
            if file.descriptor is None:
                self.forget(file)
            else:
                file.orphan = file.rotated = True
                file.ended = file.copy  # a copy is read when its original is seen to be truncated, again
                file.put(file.start)
        self._last_key = max(self._last_key, *self._files, 0)
        self._files = dict(sorted(self._files.items()))

    def places(self) -> list[Place]:
        return [file.place() for file in self._files.values()]

    def trim(self, keep: set[int]) -> None:
        """Let go of the oldest ended files, those in `keep` aside."""
        ended = [file for file in self._files.values() if file.ended and file.key not in keep]
        for file in ended[:-MOST_ENDED]:
            self.forget(file)

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _next_key(self) -> int:
        self._last_key += 1
        return self._last_key
