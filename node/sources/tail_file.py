"""One followed file: its descriptor, how far it was read, and what is remembered to know it again."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import NamedTuple

from node.sources.mounts import readable
from node.sources.tail_identity import ANCHOR_BYTES, HEAD_BYTES, Mark, digest, generation_of
from node.sources.tail_types import FileState, Place

LINE_FEED = 10


class Rewritten(Exception):
    """What was read of a file does not stand in it any more."""


class Position(NamedTuple):
    """How far a file is read. `head` is its first KiB as far as it was read; only its digest may be known."""

    offset: int = 0
    head_bytes: int = 0
    head: str = ""
    anchor: bytes = b""
    skipping: bool = False


_START = Position()


@dataclass(slots=True, eq=False)
class File:
    """A file of a tail. `start` is the position it had when it was found.

    `copy`: a copy that somebody made of the log; it is read, if at all, only to its end. `links` is 0 once the file is
    deleted.
    """

    key: int
    path: str
    target: str = ""
    """Where the path led when this file was there, if it is a symbolic link."""
    device: int = 0
    inode: int = 0
    generation: int = 0
    position: Position = _START
    start: Position = _START
    rotated: bool = False
    ended: bool = False
    copy: bool = False
    orphan: bool = False
    """It was found, and what was read of it could not be stored: it is known to this process only."""
    after: int | None = None
    """The key of the file that was at its path before, and whose lines come first."""
    seen_at: float = 0.0
    descriptor: int | None = None
    size: int = 0
    mtime_ns: int = 0
    links: int = 1
    known_size: int = 0
    """How large it was when what was read of it was last seen to stand in it."""
    grown_at: float = 0.0
    unverified: bool = True
    """It changed since what was read of it was last seen to stand in it."""
    waiting: bool = False
    """What is left of it cannot be a line yet, however long it stays so."""
    retry_at: float = 0.0
    _head: bytes | None = None
    _place: Place | None = field(default=None, repr=False)

    @property
    def offset(self) -> int:
        return self.position.offset

    @property
    def at_line_start(self) -> bool:
        return not self.position.anchor or self.position.anchor[-1] == LINE_FEED

    def looks_like(self, status: os.stat_result) -> bool:
        """Whether nothing changed since the last look."""
        return (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def mark(self) -> Mark:
        position = self.position
        return Mark(position.offset, position.head_bytes, self._head_digest(), position.anchor)

    def open(self, descriptor: int, status: os.stat_result, now: float, wall: float) -> None:
        """Go on with this descriptor, which was seen to be of this file."""
        if self.descriptor is not None and self.descriptor != descriptor:
            os.close(self.descriptor)
        self.descriptor = descriptor
        self.device, self.inode = status.st_dev, status.st_ino
        self.generation = generation_of(descriptor)
        self.size, self.mtime_ns, self.links = status.st_size, status.st_mtime_ns, status.st_nlink
        self.grown_at = now - max(0.0, wall - status.st_mtime)
        self.unverified = True
        self._recall_head()

    def inherit(self, other: "File") -> None:
        """Take over what `other` has open, which is the same file, unless it is open here too."""
        if self.descriptor is None and other.descriptor is not None:
            self.descriptor, other.descriptor = other.descriptor, None
            self.size, self.mtime_ns, self.links = other.size, other.mtime_ns, other.links
            self.grown_at, self.generation = other.grown_at, other.generation
            self.put(self.position)
        other.close()

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def note(self, status: os.stat_result, now: float) -> None:
        """Take in how the file looks now."""
        if status.st_size != self.size:
            self.grown_at = now
        if status.st_size != self.size or status.st_mtime_ns != self.mtime_ns:
            self.unverified, self.waiting = True, False
        self.size, self.mtime_ns, self.links = status.st_size, status.st_mtime_ns, status.st_nlink

    def put(self, position: Position) -> None:
        """Go to where it was read up to at another time."""
        self.position = position
        self.unverified, self.waiting = True, False
        self._head = None
        self._recall_head()

    def go_to(self, offset: int, *, skipping: bool = False) -> None:
        """Pass over what stands before `offset`, remembering it. Raises OSError."""
        descriptor = self._open_descriptor()
        self._head = os.pread(descriptor, min(offset, HEAD_BYTES), 0)
        anchor = os.pread(descriptor, min(offset, ANCHOR_BYTES), max(0, offset - ANCHOR_BYTES))
        self.position = Position(offset, len(self._head), "", anchor, skipping)

    def block(self, want: int) -> bytes:
        """At most `want` bytes from where it was read up to; raises Rewritten when what was read is not there any more,
        OSError when it cannot be read.
        """
        anchor = self.position.anchor
        data = os.pread(self._open_descriptor(), want + len(anchor), self.offset - len(anchor))
        if not data.startswith(anchor):
            raise Rewritten
        self.unverified, self.known_size = False, self.size
        return data[len(anchor) :]

    def advance(self, data: bytes, count: int, *, skipping: bool = False) -> None:
        """The first `count` bytes of `data`, which stand at the offset, are read."""
        if not count:
            return
        position = self.position
        head_bytes, digested = position.head_bytes, position.head
        if self._head is not None and head_bytes == position.offset < HEAD_BYTES:
            self._head += data[: min(count, HEAD_BYTES - head_bytes)]
            head_bytes, digested = len(self._head), ""
        last = data[max(0, count - ANCHOR_BYTES) : count]
        anchor = last if count >= ANCHOR_BYTES else (position.anchor + last)[-ANCHOR_BYTES:]
        self.position = Position(position.offset + count, head_bytes, digested, anchor, skipping)

    def place(self) -> Place:
        """What to store of it. The same object as before as long as nothing but the time changed."""
        position, known = self.position, self._place
        if (
            known is None
            or known.offset != position.offset
            or (known.inode, known.device, known.rotated, known.ended, known.skipping)
            != (self.inode, self.device, self.rotated, self.ended, position.skipping)
            or known.path != readable(self.path)
            or known.target != readable(self.target)
            or known.key != self.key
        ):
            self._place = known = Place(
                key=self.key,
                path=readable(self.path),
                device=self.device,
                inode=self.inode,
                generation=self.generation,
                target=readable(self.target),
                offset=position.offset,
                head_bytes=position.head_bytes,
                head=self._head_digest(),
                anchor=position.anchor.hex(),
                skipping=position.skipping,
                rotated=self.rotated,
                ended=self.ended,
                seen_at=self.seen_at,
            )
        return known

    def restore(self, place: Place) -> None:
        """Go back to what is stored."""
        if self.inode != place.inode:  # its copy is open, and has to be found again
            self.close()
        if self.descriptor is None:
            self.device, self.inode, self.copy = place.device, place.inode, False
            self.generation = place.generation
        self.path = place.path if readable(self.path) != place.path else self.path
        self.target = place.target if readable(self.target) != place.target else self.target
        self.rotated, self.ended = place.rotated, place.ended
        self.seen_at = place.seen_at
        self.orphan, self.retry_at = False, 0.0
        self.put(Position(place.offset, place.head_bytes, place.head, bytes.fromhex(place.anchor), place.skipping))

    def state(self) -> FileState:
        return FileState(
            path=readable(self.path),
            inode=self.inode,
            size_bytes=self.size,
            offset=self.offset,
            rotated=self.rotated,
        )

    def _recall_head(self) -> None:
        """Have the first bytes at hand, to add to them as the file is read on; None when they are not there."""
        if not self.position.head_bytes:
            self._head = b""
        elif self.descriptor is not None:
            with contextlib.suppress(OSError):
                self._head = self.mark().head_in(self.descriptor)

    def _head_digest(self) -> str:
        position = self.position
        if not position.head and self._head:
            self.position = position = position._replace(head=digest(self._head))
        return position.head

    def _open_descriptor(self) -> int:
        if self.descriptor is None:
            raise ValueError(f"{self.path} is not open")
        return self.descriptor
