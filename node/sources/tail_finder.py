"""Which file is where: what is at the paths now, what was rotated away, what was truncated."""

import contextlib
import errno
import os

from node.sources.mounts import readable
from node.sources.tail_file import File, Rewritten
from node.sources.tail_identity import NotRegularError, check_regular, generation_of, open_regular
from node.sources.tail_newcomer import begin, is_continued, original_of
from node.sources.tail_pool import Look, Pool
from node.sources.tail_search import CLOCK_TICK_SEC, Search
from node.sources.tail_siblings import in_directories, is_rotated_name, target_of
from node.sources.tail_slots import Slot, Slots, changed_at
from node.sources.tail_types import Restored, TailOptions

_REVIVE_EVERY_SEC = 60.0


class Finder:
    """Keeps the paths of a tail and the files of its pool together."""

    def __init__(self, options: TailOptions, pool: Pool) -> None:
        self.slots = Slots(options.path)
        self._options = options
        self._pool = pool
        self._search = Search(pool, self.slots.follows)
        self._fresh = True
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._revive_at = 0.0

    def restore(self, restored: Restored) -> None:
        """Put the files that are known to where they were."""
        active = [place for place in restored.places if not place.rotated and not place.ended]
        mine = [place for place in active if self.slots.covers(place.path)]
        places = [place for place in restored.places if place.rotated or place.ended or place in mine]
        another = bool(active) and not mine  # the path was changed in the settings
        self._pool.restore(() if another else places)
        self._fresh = another or not (restored.known or restored.places)
        self.slots.clear()
        self._search.forget()
        self._stamps.clear()
        self._revive_at = 0.0
        if not self.slots.is_glob:
            self.slots.ensure(self.slots.path, fresh=self._fresh)
        for place in mine:
            self.slots.ensure(place.path).file = self._pool.get(place.key)
        for file in self._pool:
            was_at = self.slots.at(file.path if self.slots.is_glob else self.slots.path)
            if was_at is not None and was_at.file is None and not file.orphan:
                was_at.before = max(was_at.before or file, file, key=lambda known: (known.seen_at, known.key))

    def look(self, look: Look) -> None:
        """Bring everything up to date, reading no lines."""
        self._search.stored()
        self.slots.refresh(look.now, fresh=self._fresh)
        self._fresh = False
        changed = sorted((slot for slot in self.slots.all() if self._changed(slot, look)), key=_age)
        room = max(1, 2 * self._options.most_open - self._pool.open_files)
        look.more = len(changed) > room
        for slot in changed[:room]:
            self._arrive(slot, look)
        for file in self._pool:
            if not file.ended and file.descriptor is None and not self._is_in_place(file):
                home = self.slots.at(file.path)
                self._locate(file, look, certain=home is None or home.file is not None)
        if look.now >= self._revive_at:
            self._revive_at = look.now + _REVIVE_EVERY_SEC
            self._search.revive(look)
        self.slots.drop_empty()

    def rewritten(self, file: File, look: Look, unread: int) -> None:
        """A file was truncated: read what a copy of it still holds, then the file from its beginning."""
        if file.descriptor is None:
            return
        copied = self._take_up_copy(file, look)
        look.gone += not copied  # its copy may be compressed already
        look.lose(file, "truncated", None if copied else max(0, unread), _truncated(file, copied=copied))
        descriptor, file.descriptor = file.descriptor, None
        self._pool.forget(file)
        successor = self._pool.add(file.path, descriptor, os.fstat(descriptor), look)
        successor.rotated, successor.after = file.rotated, file.key
        self._search.between(file, successor, look)
        self._pool.make_newest(successor)
        for slot in self.slots.all():
            slot.file = successor if slot.file is file else slot.file
            slot.before = successor if slot.before is file else slot.before

    def _take_up_copy(self, file: File, look: Look) -> bool:
        """Read on in the copy that was made of a file before it was truncated."""
        found = self._search.copy_of(file)
        if found is None:
            return False
        descriptor, status, copy = found
        if copy is None:
            copy = self._pool.add(file.path, descriptor, status, look, file.position)
        else:
            if copy.descriptor is not None:
                copy.close()
            copy.open(descriptor, status, look.now, look.wall)
            copy.put(file.position)
        copy.rotated = copy.copy = True
        copy.ended = copy.orphan = False
        return True

    def note(self, file: File, status: os.stat_result, look: Look) -> None:
        """Take in how an open file looks now. Raises OSError."""
        unread, lost = file.size - file.offset, file.size - status.st_size
        file.note(status, look.now)
        if status.st_size < file.offset or (lost > 0 and not file.offset):
            self.rewritten(file, look, unread)
            return
        if lost <= 0 or not self._verified(file, look):
            return
        look.lose(
            file, "truncated", lost, f"{readable(file.path)} was cut short by {lost} bytes that were not read yet"
        )

    def _verified(self, file: File, look: Look) -> bool:
        """Whether what was read of a file still stands in it; what to do is done when not. Raises OSError."""
        try:
            file.block(0)
        except Rewritten:
            self.rewritten(file, look, file.known_size - file.offset)
            return False
        return True

    def _locate(self, file: File, look: Look, *, certain: bool) -> None:
        """Open a file that is not at its path any more."""
        self._search.locate(file, look, certain=certain)
        if file.descriptor is not None:
            with contextlib.suppress(OSError):
                self._verified(file, look)

    def _is_in_place(self, file: File) -> bool:
        slot = self.slots.at(file.path)
        return slot is not None and slot.file is file

    def _changed(self, slot: Slot, look: Look) -> bool:
        """Whether another file is at the path, or one that is to be opened; notes how the known one looks."""
        file = slot.file
        try:
            status = slot.seen = os.stat(slot.path)  # noqa: PTH116 - surrogates stay as they are
            check_regular(status)
        except OSError as error:
            slot.fail(error)
            if slot.status == "missing" or isinstance(error, NotRegularError) or error.errno == errno.ELOOP:
                self._leave(slot, look)
                if slot.before is None and not self.slots.is_glob:
                    self._search.remember(slot.path, look)
                    slot.before = self._pool.absent(slot.path, look)
                if slot.before is not None and slot.before.descriptor is None and not slot.before.ended:
                    self._locate(slot.before, look, certain=False)
                look.rotations += self._look_around(slot, slot.before, None, look)
            return False
        if file is None:
            return True
        if (file.device, file.inode) != (status.st_dev, status.st_ino):
            if file.descriptor is not None:
                self._leave(slot, look)
            return True
        if file.descriptor is None and (file.unverified or not file.looks_like(status)):
            return True
        slot.status, slot.error = "ok", None
        file.target = target_of(slot.path)
        self._note_in_place(slot, file, status, look)
        return False

    def _note_in_place(self, slot: Slot, file: File, status: os.stat_result, look: Look) -> None:
        if file.descriptor is not None:
            try:
                self.note(file, status, look)
            except OSError as error:
                slot.fail(error)
        current = slot.file
        if current is not None and not current.offset and not current.copy:
            # Nothing was read of it yet, so that nothing in it shows that it was truncated: its copies do.
            last = self._pool.last_key
            self._look_around(slot, current, current, look)
            if self._pool.last_key != last:
                self._pool.make_newest(current)
                look.lose(current, "truncated", None, _truncated(current, copied=True))
        if not file.unverified:
            file.seen_at = look.wall

    def _look_around(self, slot: Slot, before: File | None, current: File | None, look: Look) -> int:
        """Look for files that came and went between two looks, if anything did; how many there were."""
        stamp = tuple(changed_at(directory) for directory, _ in in_directories(slot.path))
        if before is not None and self._stamps.get(slot.path) != stamp:
            if max(stamp) / 1e9 < look.wall - CLOCK_TICK_SEC:  # else more may come in this very tick
                self._stamps[slot.path] = stamp
            return self._search.between(before, current, look)
        return 0

    def _leave(self, slot: Slot, look: Look) -> None:
        """The file is not at its path any more; it is read on wherever it is."""
        if slot.file is not None and slot.file.descriptor is not None:
            # It may have been truncated before it went: then its copy is to be found first.
            with contextlib.suppress(OSError):
                self.note(slot.file, os.fstat(slot.file.descriptor), look)
                if slot.file.unverified:
                    self._verified(slot.file, look)
        file, slot.file = slot.file, None
        if file is None:
            return
        slot.before = file
        if not file.ended:
            file.rotated, file.grown_at = True, look.now
            if not self._is_rotated(slot.path):
                look.rotations += 1

    def _part(self, slot: Slot, look: Look) -> None:
        """Another file is at the path: find where the one went that was there."""
        old = slot.file
        self._leave(slot, look)
        if old is not None and old.descriptor is None and not old.ended:
            old.retry_at = 0.0
            self._locate(old, look, certain=True)

    def _is_rotated(self, path: str) -> bool:
        """Whether a path of a glob is what a rotation calls another of its paths."""
        directory, name = os.path.split(path)
        return any(
            is_rotated_name(name, os.path.basename(other.path))  # noqa: PTH119
            for other in self.slots.all()
            if len(other.path) <= len(path) and os.path.dirname(other.path) == directory and other.path != path  # noqa: PTH120
        )

    def _arrive(self, slot: Slot, look: Look) -> None:
        """Something is at the path that is not open yet."""
        try:
            descriptor, status = open_regular(slot.path)
        except OSError as error:
            slot.fail(error)
            return
        slot.status, slot.error = "ok", None
        try:
            known = self._pool.identified(descriptor, status) or self._overwritten(slot.file, descriptor, status)
            if known is not None and known[0].ended and not known[0].offset:
                self._forget(known[0])  # nothing was read of it: whether it is a copy shows anew
                known = None
            if known is None:
                self._appeared(slot, descriptor, status, look)
            else:
                self._returned(slot, *known, descriptor, status, look)
        except OSError as error:
            slot.fail(error)
            self._pool.release(descriptor)

    def _forget(self, file: File) -> None:
        self._pool.forget(file)
        for slot in self.slots.all():
            slot.file = None if slot.file is file else slot.file

    def _overwritten(self, file: File | None, descriptor: int, status: os.stat_result) -> tuple[File, bool] | None:
        """The file that was at the path, with other content: without generations it counts as truncated."""
        if file is None or file.copy or file.inode != status.st_ino:
            return None
        return None if file.generation and generation_of(descriptor) else (file, False)

    def _returned(
        self, slot: Slot, file: File, intact: bool, descriptor: int, status: os.stat_result, look: Look
    ) -> None:
        """A known file is at the path: it goes on where it was."""
        if file.descriptor is None:
            file.open(descriptor, status, look.now, look.wall)
        elif file.descriptor != descriptor:
            os.close(descriptor)
        for other in self.slots.all():
            if other.file is file and other is not slot:  # it was closed, and moved
                self._leave(other, look)
        if slot.file is not file:
            self._part(slot, look)
            slot.file = file
        file.path, file.target = slot.path, target_of(slot.path)
        if not file.copy:
            file.rotated = file.ended = False
        if not intact:
            self.rewritten(file, look, 0)
        else:
            if file.orphan and not file.copy:
                file.orphan = False
                self._surroundings(slot, file, look)
            self._note_in_place(slot, file, status, look)
        slot.fresh = False

    def _surroundings(self, slot: Slot, file: File, look: Look) -> None:
        """What else happened when this file appeared."""
        if slot.before is not None:
            look.rotations += self._search.between(slot.before, None, look)
            if not file.offset:
                self._pool.make_newest(file)
        elif slot.fresh:
            self._search.remember(slot.path, look)

    def _appeared(self, slot: Slot, descriptor: int, status: os.stat_result, look: Look) -> None:
        """A file is at the path that nobody knows."""
        old = slot.file
        before = old or slot.before
        if before is not None and is_continued(before, descriptor, status):
            slot.file = self._pool.add(slot.path, descriptor, status, look, before.position)
            before.ended = True
            return
        self._part(slot, look)
        original = None if slot.fresh else original_of(slot, self.slots, descriptor, status)
        slot.file = file = self._pool.add(slot.path, descriptor, status, look)
        file.target = target_of(slot.path)
        if original is not None:
            file.copy = file.ended = True
            file.unverified = False
            file.close()
        elif before is not None:
            file.after = slot.before.key if slot.before is not None else before.key
            look.rotations += self._search.between(slot.before or before, None, look)
            self._pool.make_newest(file)
        elif slot.fresh:
            begin(file, self._options, whole=not self._is_rotated(slot.path))
            self._search.remember(slot.path, look)
        slot.fresh = False


def _truncated(file: File, *, copied: bool) -> str:
    """What to say of a file that was truncated."""
    rest = ", apart from what its copy holds" if copied else ""
    return (
        f"{readable(file.path)} was truncated after byte {file.offset} was read; "
        f"what was written just before may be lost{rest}"
    )


def _age(slot: Slot) -> tuple[int, str]:
    return (slot.seen.st_mtime_ns if slot.seen else 0), slot.path
