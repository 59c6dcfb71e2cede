"""What a tail is told and what it says: options in, batches of whole lines out, with the places to go on from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from etlmon.contract.logs import GapReason

LONGEST_LINE_BYTES = 64 * 1024
BATCH_BYTES = 1024 * 1024

Start = Literal["tail", "end", "beginning"]
FileStatus = Literal["ok", "missing", "denied", "error"]


class TailOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to follow, and how.

    `path` may be a glob. `start` is where to begin in a file that is there when the owner is seen for the first time:
    at its last `start_lines` lines, at its end, or at its beginning; files that come later are read from theirs.
    `record_start` is a regular expression: lines up to the next one that matches belong together.
    """

    path: str
    start: Start = "tail"
    start_lines: int = 500
    record_start: str | None = None
    longest_line_bytes: int = LONGEST_LINE_BYTES
    batch_bytes: int = BATCH_BYTES
    partial_after_sec: float = 5.0
    """A last line without a line feed is given out, marked partial, when its file did not grow for so long."""
    quiet_after_sec: float = 900.0
    """A rotated file is let go when it did not grow for so long: some writers never open the new one."""
    most_rotated: int = 16
    """Rotated files that are followed at a time; beyond them the ones that were quiet longest are let go."""
    most_open: int = 64
    """Descriptors held for the files of a glob."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A file, how to know it again, and how far it was read. Everything before `offset` is stored.

    `key` tells the places of one tail apart. A file is the same when its first `head_bytes` bytes have the digest
    `head` and those just before `offset` are `anchor` (hex); inode and device are only hints, because an inode is used
    again at once. `generation` tells the lives of an inode apart, where the file system has such a number (else 0).
    `target` is where the path led, when it was a symbolic link. `skipping` is true in the middle of a line that was
    cut. `rotated`: it is not the file at the path any more. `ended`: nothing more is expected of it, and it is only
    kept to be known again.
    """

    key: int
    path: str
    device: int = 0
    inode: int = 0
    generation: int = 0
    target: str = ""
    offset: int = 0
    head_bytes: int = 0
    head: str = ""
    anchor: str = ""
    skipping: bool = False
    rotated: bool = False
    ended: bool = False
    seen_at: float = 0.0
    """Seconds since 1970 when it was last seen to be the file at the path."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Whole lines of one file, in its order, without their line ends. Bad UTF-8 stands in them as `\\xff`.

    `truncated` and `partial` hold the positions in `lines` of those that were cut or had no line feed.
    """

    key: int
    path: str
    inode: int
    lines: list[str]
    truncated: frozenset[int] = frozenset()
    partial: frozenset[int] = frozenset()


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a file may be missing. `lost_bytes` is None when nobody can know how much."""

    path: str
    inode: int
    offset: int
    lost_bytes: int | None
    reason: GapReason
    message: str


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it was at this look."""

    path: str
    inode: int
    size_bytes: int
    offset: int
    rotated: bool = False


class Batch(msgspec.Struct, kw_only=True):
    """What one look gave: at most about `batch_bytes` of lines, and all that must be stored with them.

    `places` are the positions after these lines, of every file that is known; they replace what was stored before.
    `more` is true when another look would give lines at once. `status` and `error` are about the path itself: a rotated
    file may still be read while nothing is there.
    """

    chunks: list[Chunk] = msgspec.field(default_factory=list)
    places: list[Place] = msgspec.field(default_factory=list)
    lost: list[Lost] = msgspec.field(default_factory=list)
    files: list[FileState] = msgspec.field(default_factory=list)
    rotations: int = 0
    more: bool = False
    status: FileStatus = "ok"
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What the store knows of a tail: its places, and whether its owner was ever seen before."""

    places: Sequence[Place] = field(default_factory=tuple)
    known: bool = False
