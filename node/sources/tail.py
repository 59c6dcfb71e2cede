"""A tail: follows one log, or those that a glob matches, through whatever rotation does to them.

It is synchronous, waits for nothing, and knows no domain. Each look gives whole lines and, with them, the places to
store in the same transaction; what is stored is all that is needed to go on, so that each line is given once.
"""

import errno
import os

from node.sources.mounts import readable
from node.sources.tail_file import File, Rewritten
from node.sources.tail_finder import Finder
from node.sources.tail_identity import has_writer
from node.sources.tail_pool import Look, Pool
from node.sources.tail_read import Lines, Reader
from node.sources.tail_slots import Slot
from node.sources.tail_types import Batch, Chunk, FileStatus, Restored, TailOptions

_LEAST_SHARE_BYTES = 64 * 1024
_DELETED_QUIET_SEC = 60.0
_SHARES = 8
"""A file of a glob gets this part of a batch at a time, so that a busy one does not keep the others waiting."""


class Tail:
    """Follows `options.path`. Lines of one file come in its order; those of a rotated file before those of the next.

    First sight: at the last lines, the end or the beginning, as the options say. The end is after the last line feed:
    a line that was not finished then is given whole.
    """

    def __init__(self, options: TailOptions) -> None:
        self._options = options
        self._pool = Pool()
        self._finder = Finder(options, self._pool)
        self._reader = Reader(options)
        self._paused = False
        self._more = False
        self._turn = 0

    def restore(self, restored: Restored) -> None:
        """Go on from what is stored: before the first read, and again after a batch could not be stored. Then positions
        go back, and open files stay open.
        """
        self._finder.restore(restored)
        self._more = True

    def read(self, now: float, wall: float, *, paused: bool = False) -> Batch:
        """One look, at monotonic `now` and epoch `wall`: what is where, and the next lines of it. It never raises for
        what a file does; `status` and `error` tell.

        Paused, it notices rotations and keeps descriptors, and reads no lines.
        """
        look = Look(now, wall)
        self._paused = paused
        self._let_go()
        self._finder.look(look)
        batch = Batch()
        if paused:
            self._more = False
        else:
            self._note_rotated(look)
            self._more = batch.more = self._take(batch, look) or look.more
        batch.lost, batch.rotations = look.lost, look.rotations
        batch.places = self._pool.places()
        batch.files = [file.state() for file in self._pool if not file.ended]
        batch.status, batch.error = self._status(look)
        return batch

    def stirred(self) -> bool:
        """Whether a look would find something: a cheap question, asked often."""
        if self._more and not self._paused:
            return True
        slots = self._finder.slots
        if slots.stirred() or any(self._slot_stirred(slot) for slot in slots.all()):
            return True
        return not self._paused and any(
            file.rotated and not file.ended and file.descriptor is not None and not _is_unchanged(file)
            for file in self._pool
        )

    @property
    def directories(self) -> frozenset[str]:
        """Where something may happen next: of the path, of what its links lead to, of the fixed part of a glob."""
        return self._finder.slots.directories()

    def due_in(self, now: float) -> float | None:
        """Seconds until a partial line or a quiet file has to be dealt with; None when nothing is waiting."""
        if self._paused:
            return None
        times = []
        for file in self._pool:
            if file.ended or file.descriptor is None:
                continue
            if file.offset < file.size and not file.waiting:
                times.append(self._reader.due_in(file, now))
            if file.rotated:
                times.append(file.grown_at + self._options.quiet_after_sec - now)
        return max(0.0, min(times)) if times else None

    def close(self) -> None:
        """Give back the descriptors."""
        self._pool.close()

    def _note_rotated(self, look: Look) -> None:
        for file in self._pool:
            if file.rotated and not file.ended and file.descriptor is not None:
                try:
                    self._finder.note(file, os.fstat(file.descriptor), look)
                except OSError as error:
                    self._failed(file, error, look)

    def _take(self, batch: Batch, look: Look) -> bool:
        """Read on in every file, the oldest first; true when there is more than a batch holds."""
        budget = self._options.batch_bytes
        share = max(budget // _SHARES, _LEAST_SHARE_BYTES) if self._finder.slots.is_glob else budget
        queue = [file for file in self._pool if not file.ended]
        if self._finder.slots.is_glob and queue:
            self._turn %= len(queue)
            queue = queue[self._turn :] + queue[: self._turn]
        while queue and budget > 0:
            again: list[File] = []
            waiting = {file.key for file in queue}
            for file in queue:
                if budget <= 0 or (file.after in waiting):
                    again.append(file)
                    continue
                last = self._pool.last_key
                lines = self._read(file, min(budget, share), batch, look)
                budget -= lines.bytes
                if self._pool.last_key != last:
                    again += [found for found in self._pool if found.key > last]
                if lines.behind:
                    again.append(file)
                else:
                    waiting.discard(file.key)
            queue = again
        self._turn = self._turn + 1 if queue else 0
        return bool(queue)

    def _read(self, file: File, budget: int, batch: Batch, look: Look) -> Lines:
        """The next lines of a file, into the batch."""
        lines = Lines()
        if file.descriptor is None:
            return lines
        try:
            over = file.rotated and self._is_over(file, look)
            lines = self._reader.read(file, budget, look.now, finish=over)
        except Rewritten:
            self._finder.rewritten(file, look, file.known_size - file.offset)
        except OSError as error:
            self._failed(file, error, look)
        else:
            if not file.rotated:
                file.seen_at = look.wall
            if over and not lines.behind:
                file.ended = True
        if lines.lines:
            batch.chunks.append(
                Chunk(
                    key=file.key,
                    path=readable(file.path),
                    inode=file.inode,
                    lines=lines.lines,
                    truncated=frozenset(lines.truncated),
                    partial=frozenset(lines.partial),
                )
            )
        return lines

    def _is_over(self, file: File, look: Look) -> bool:
        """Whether nothing more is to be expected of a rotated file."""
        quiet_sec = look.now - file.grown_at
        if file.copy or quiet_sec >= self._options.quiet_after_sec:
            return True
        if file.links or file.descriptor is None:
            return False
        written = has_writer(file.descriptor)
        if written is False:
            file.note(os.fstat(file.descriptor), look.now)  # what came just before the writer went
            return True
        # A descriptor keeps a deleted file on the disk: no longer than needed.
        return written is None and quiet_sec >= _DELETED_QUIET_SEC

    def _failed(self, file: File, error: OSError, look: Look) -> None:
        look.fail(file.path, error)
        if error.errno in (errno.ESTALE, errno.EBADF):
            file.close()

    def _let_go(self) -> None:
        """Close what nothing more is expected of, and what is idle when too many are open.

        It is done when the batch that tells of their ends is stored: before that they may have to be read again.
        """
        kept = {slot.file.key for slot in self._finder.slots.all() if slot.file is not None}
        idle: list[File] = []
        rotated: list[File] = []
        for file in self._pool:
            if file.ended and not file.orphan:
                file.close()
            elif file.descriptor is not None and file.offset == file.size and not file.unverified:
                (rotated if file.rotated else idle).append(file)
        # One that is deleted could never be opened again, so that those go last.
        for file in sorted(rotated, key=lambda file: (file.links == 0, file.grown_at))[
            : max(0, len(rotated) - self._options.most_rotated)
        ]:
            file.ended = True
            file.close()
        for file in sorted(idle, key=lambda file: file.grown_at)[
            : max(0, self._pool.open_files - self._options.most_open)
        ]:
            file.close()
        self._pool.trim(kept)

    def _slot_stirred(self, slot: Slot) -> bool:
        try:
            status = os.stat(slot.path)  # noqa: PTH116 - surrogates stay as they are
        except OSError:
            return slot.file is not None
        file = slot.file
        if file is None:
            return slot.status == "missing"
        if (file.device, file.inode) != (status.st_dev, status.st_ino):
            return True
        return not self._paused and not file.looks_like(status)

    def _status(self, look: Look) -> tuple[FileStatus, str | None]:
        slots = self._finder.slots
        bad = [slot for slot in slots.all() if slot.status != "ok"]
        if bad:
            worst = next((slot for slot in bad if slot.status in ("denied", "error")), bad[0])
            more = f" (and {len(bad) - 1} more files)" if len(bad) > 1 else ""
            return worst.status, f"{worst.error}{more}"
        if slots.is_glob and not slots.all():
            return "missing", f"no file matches {readable(slots.path)}; one that does is read from its beginning"
        if look.errors:
            return "error", look.errors[0]
        if slots.left_out:
            return "error", f"{readable(slots.path)} matches too many files: {slots.left_out} are left out; name fewer"
        return "ok", None


def _is_unchanged(file: File) -> bool:
    if file.descriptor is None:
        return True
    try:
        return file.looks_like(os.fstat(file.descriptor))
    except OSError:
        return False
