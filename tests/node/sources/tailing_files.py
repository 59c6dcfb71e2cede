"""What the tests of the tail share: a log in a directory, a tail on it, and what a node does with its batches."""

import shutil
import time
from pathlib import Path
from typing import Any

from node.sources.tail import Tail
from node.sources.tail_types import Batch, Lost, Place, Restored, TailOptions


class Followed:
    """A tail on `path` whose batches are stored: `lines` and `lost` are what was stored so far."""

    def __init__(self, path: Path | str, **options: Any) -> None:
        self.options = TailOptions(path=str(path), **{"start": "beginning", **options})
        self.now = 1000.0
        self.lines: list[str] = []
        self.lost: list[Lost] = []
        self.rotations = 0
        self.places: list[Place] = []
        self.known = False
        self.tail = Tail(self.options)
        self.tail.restore(Restored())

    def look(self, *, after: float = 0.2, paused: bool = False, stored: bool = True) -> Batch:
        self.now += after
        batch = self.tail.read(self.now, time.time(), paused=paused)
        if stored:
            self.lines += [line for chunk in batch.chunks for line in chunk.lines]
            self.lost += batch.lost
            self.rotations += batch.rotations
            self.places, self.known = batch.places, True
        return batch

    def new_lines(self, **look: Any) -> list[str]:
        """What one look gives."""
        return [line for chunk in self.look(**look).chunks for line in chunk.lines]

    def all_new_lines(self) -> list[str]:
        """What looks give until nothing is left."""
        before = len(self.lines)
        while self.look().more:
            pass
        return self.lines[before:]

    def stop(self) -> None:
        self.tail.close()

    def start(self) -> None:
        """A new process goes on from what is stored."""
        self.tail = Tail(self.options)
        self.tail.restore(Restored(tuple(self.places), known=self.known))

    def restore(self) -> None:
        """The last batch could not be stored."""
        self.tail.restore(Restored(tuple(self.places), known=self.known))

    def restart(self) -> None:
        self.stop()
        self.start()


def append(path: Path, *lines: str) -> None:
    """Write whole lines, as a writer does that appends."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def rotate(path: Path, *, create: bool = True) -> None:
    """Rename what is there one further, as logrotate does."""
    for number in range(9, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))
    if create:
        path.touch()


def copytruncate(path: Path, *lost: str) -> None:
    """Copy and truncate, as logrotate does; `lost` is written in between."""
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    append(path, *lost)
    with path.open("r+b") as file:
        file.truncate(0)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
