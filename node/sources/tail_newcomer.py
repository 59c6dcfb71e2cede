"""What a file is that appears at a path: one to begin with, one that took the place of another, or a copy of a log."""

import os

from node.sources.tail_file import File
from node.sources.tail_identity import is_prefix, open_regular
from node.sources.tail_slots import Slot, Slots
from node.sources.tail_start import last_lines
from node.sources.tail_types import TailOptions

SURE_BYTES = 1024
"""How much two files must have in common to be taken for one, when nothing else speaks for it."""


def begin(file: File, options: TailOptions, *, whole: bool) -> None:
    """Go to where the lines begin of a file that is there when its path is looked at for the first time: where the
    options say, or (not `whole`) at its end. Raises OSError.
    """
    if file.descriptor is None or (whole and options.start == "beginning"):
        return
    lines = options.start_lines if whole and options.start == "tail" else 0
    offset, skipping = last_lines(file.descriptor, file.size, lines, options.longest_line_bytes)
    file.go_to(offset, skipping=skipping)
    file.start = file.position


def is_continued(before: File, descriptor: int, status: os.stat_result) -> bool:
    """Whether an open file took the place of one that is deleted, with all that was read of it (sed -i, rsync).

    Raises OSError.
    """
    if before.ended or before.offset < SURE_BYTES:
        return False
    if before.descriptor is not None and os.fstat(before.descriptor).st_nlink:
        return False
    return before.mark().fits(descriptor, status.st_size)


def original_of(slot: Slot, slots: Slots, descriptor: int, status: os.stat_result) -> File | None:
    """The log that a new file of a glob is a copy of, perhaps an unfinished one. What was read of it is not read again;
    what else is in the copy is read when the log is truncated. Raises OSError.
    """
    for other in slots.all():
        file = other.file
        if file is None or not slot.path.startswith((f"{other.path}.", f"{other.path}-")):
            continue
        if file.mark().fits(descriptor, status.st_size):
            return file
        original, original_status = open_regular(other.path)
        try:
            if is_prefix(descriptor, status.st_size, original, original_status.st_size):
                return file
        finally:
            os.close(original)
    return None
