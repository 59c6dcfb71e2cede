"""Finding what rotation made of a log: where a file went, copies of it, and files that came and went unseen."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator

from node.sources.mounts import readable
from node.sources.tail_file import File
from node.sources.tail_identity import HEAD_BYTES, is_prefix, open_regular
from node.sources.tail_pool import Look, Pool
from node.sources.tail_siblings import Sibling, by_age, is_compressed, listable, rotated, with_inode

_SLACK_SEC = 2.0
"""How far the clocks of a file system and of this host may be apart. What was there before is known, so that it does
no harm.
"""

CLOCK_TICK_SEC = 0.05
"""How coarse the times of files are."""

_COPYING_SEC = 5.0
_IDLE_SEC = 60.0
_MOST_OPENED = 16
_MOST_REMEMBERED = 32
RETRY_SEC = 5.0


class Search:
    """Looks through the directory of a log. `elsewhere` tells of paths that are followed as logs of their own."""

    def __init__(self, pool: Pool, elsewhere: Callable[[str], bool]) -> None:
        self._pool = pool
        self._elsewhere = elsewhere
        self._told: set[tuple[int, int]] = set()
        self._telling: set[tuple[int, int]] = set()
        self._packed: dict[int, int] = {}
        """The known files that were found compressed, by key: as which inode."""

    def stored(self) -> None:
        """What was noticed in the last look is stored."""
        self._told |= self._telling
        self._telling.clear()

    def forget(self) -> None:
        """What was noticed in the last look could not be stored: notice it again."""
        self._telling.clear()

    def locate(self, file: File, look: Look, *, certain: bool) -> None:
        """Open a file that is not at its path any more, or try again in a while.

        When it is `certain` that it would be there, one that is not found has ended; that is noted as a loss, because
        nobody knows what was written to it last.
        """
        if look.now < file.retry_at:
            return
        file.retry_at = look.now + RETRY_SEC
        try:
            found = self._reopen(file, look) or self._open_copy(file, look)
        except OSError as error:
            look.fail(file.path, error)
            return
        if not found and certain and listable(file.path):
            self._gone(file, look)

    def _reopen(self, file: File, look: Look) -> bool:
        sibling = with_inode(file.path, file.target, file.device, file.inode) or with_inode(
            file.path, file.target, 0, file.inode
        )
        if sibling is None:
            return False
        descriptor, status = open_regular(sibling.path)
        known = self._pool.identified(descriptor, status)
        if known is not None and known[0] is file:
            file.open(descriptor, status, look.now, look.wall)
            return True
        os.close(descriptor)
        return False

    def _open_copy(self, file: File, look: Look) -> bool:
        copy = self.copy_of(file)
        if copy is None:
            return False
        descriptor, status, known = copy
        if known is not None:
            self._pool.forget(known)
        look.lose(
            file,
            "gone",
            None,
            f"{readable(file.path)} is gone, and only a copy of it was found: what was written after the copy was made "
            "is not stored",
        )
        file.open(descriptor, status, look.now, look.wall)
        file.copy = True
        return True

    def _gone(self, file: File, look: Look) -> None:
        file.ended = True
        look.gone += 1
        if file.links and not file.unverified and file.offset == file.size and look.wall - file.seen_at < _IDLE_SEC:
            return  # closed because it was idle, and deleted
        compressed = sorted(
            (sibling for sibling in rotated(file.path, file.target) if is_compressed(sibling.path)), key=by_age
        )
        hint = f"; it may be in {readable(compressed[-1].path)}, which is compressed and not read" if compressed else ""
        look.lose(
            file,
            "gone",
            None,
            f"{readable(file.path)} was rotated away and is not to be found any more: what was written to it after "
            f"byte {file.offset} is not stored{hint}",
        )

    def copy_of(self, file: File) -> tuple[int, os.stat_result, File | None] | None:
        """The copy that was made of a file before it was truncated, opened, and the file it is known as.

        It begins with what was read, and was written to since the file was last seen as it was. Raises nothing.
        """
        mark = file.mark()
        since = file.seen_at - _SLACK_SEC
        for sibling in rotated(file.path, file.target):
            status = sibling.status
            if status.st_ino == file.inode or status.st_size < mark.offset or status.st_mtime < since:
                continue
            if is_compressed(sibling.path):
                continue
            with contextlib.suppress(OSError):
                descriptor, status = open_regular(sibling.path)
                known = self._pool.identified(descriptor, status)
                if (known is None or known[0].copy or known[0].orphan) and mark.fits(descriptor, status.st_size):
                    return descriptor, status, known[0] if known else None
                os.close(descriptor)
        return None

    def between(self, before: File, current: File | None, look: Look) -> int:
        """Files that came to the path after `before` was last seen there, and are rotated away by now, become files of
        the pool to be read whole, oldest first. What is only a copy of `before` or of `current` is none of them.

        Returns how many there were, with those that were compressed before anybody read them.
        """
        since = before.seen_at
        opened = 0
        for sibling in sorted(self._recent(before, since - _SLACK_SEC), key=by_age):
            descriptor: int | None = None
            status = sibling.status
            try:
                descriptor, status = open_regular(sibling.path)
                if self._pool.identified(descriptor, status) is not None or (
                    current is not None and _is_copy(descriptor, status, current, look.wall)
                ):
                    os.close(descriptor)
                    continue
                if _is_copy(descriptor, status, before, None):
                    self._pass_over(before.path, descriptor, status, look).copy = True
                    continue
            except OSError as error:
                if descriptor is not None:
                    os.close(descriptor)
                    descriptor = None
                if error.errno == errno.ENOENT:
                    continue
                look.fail(sibling.path, error)
            file = self._pool.add(before.path, descriptor, status, look)
            file.rotated = True
            opened += 1
            if opened > _MOST_OPENED:
                file.close()
        return opened + self._lose_compressed(before, since - CLOCK_TICK_SEC, look)

    def revive(self, look: Look) -> None:
        """Go on with rotated files that were let go and have grown since: somebody has them open to this day."""
        ended = {file.inode: file for file in self._pool if file.ended and file.rotated and not file.copy}
        for path in {file.path for file in ended.values()}:
            for sibling in rotated(path):
                file = ended.get(sibling.status.st_ino)
                if file is None or sibling.status.st_size <= file.offset or is_compressed(sibling.path):
                    continue
                with contextlib.suppress(OSError):
                    descriptor, status = open_regular(sibling.path)
                    if self._pool.identified(descriptor, status) == (file, True):
                        file.open(descriptor, status, look.now, look.wall)
                        file.ended = False
                    else:
                        os.close(descriptor)

    def remember(self, path: str, look: Look) -> None:
        """Know the rotated files that are there already, so that none of them is ever taken for a new one."""
        there = [sibling for sibling in rotated(path) if not is_compressed(sibling.path)]
        for sibling in sorted(there, key=by_age)[-_MOST_REMEMBERED:]:
            if self._elsewhere(sibling.path):
                continue
            with contextlib.suppress(OSError):
                descriptor, status = open_regular(sibling.path)
                if self._pool.identified(descriptor, status) is not None:
                    os.close(descriptor)
                    continue
                self._pass_over(path, descriptor, status, look)

    def _pass_over(self, path: str, descriptor: int, status: os.stat_result, look: Look) -> File:
        """Know a file of which nothing is to be read, so that it is never taken for a new one. Raises OSError."""
        file = self._pool.add(path, descriptor, status, look)
        file.go_to(status.st_size)
        file.start = file.position
        file.rotated = file.ended = True
        file.close()
        return file

    def _recent(self, before: File, since: float) -> Iterator[Sibling]:
        for sibling in list(rotated(before.path, before.target)):
            if (
                sibling.status.st_mtime >= since
                and not is_compressed(sibling.path)
                and not self._elsewhere(sibling.path)
            ):
                yield sibling

    def _lose_compressed(self, before: File, since: float, look: Look) -> int:
        """Note the files that were compressed before anybody read them; how many were noted.

        A compressed file has the time of its original, or nearly so when that was still written to. As long as the
        original lies beside it, that one is read.
        """
        known = {file.key: at for file in self._pool if (at := _last_written_ns(file))}
        self._packed = {key: inode for key, inode in self._packed.items() if key in known}
        siblings = sorted(rotated(before.path, before.target), key=by_age)
        plain = {sibling.path for sibling in siblings}
        noted = 0
        for sibling in siblings:
            status = sibling.status
            stamp = (status.st_ino, status.st_mtime_ns)
            if not is_compressed(sibling.path) or status.st_mtime < since or stamp in self._told | self._telling:
                continue
            if os.path.splitext(sibling.path)[0] in plain:  # noqa: PTH122 - surrogates stay as they are
                continue
            self._telling.add(stamp)
            apart = {key: abs(at - status.st_mtime_ns) for key, at in known.items()}
            near = [key for key, apart_ns in apart.items() if apart_ns <= _SLACK_SEC * 1e9]
            mine = [key for key in near if self._packed.get(key, status.st_ino) == status.st_ino]
            if mine:
                self._packed[min(mine, key=apart.__getitem__)] = status.st_ino
            elif look.gone > 0:
                look.gone -= 1
            else:
                name = readable(sibling.path)
                message = f"{name} was written, rotated and compressed before it could be read; none of it is stored"
                look.lose(File(0, sibling.path, inode=status.st_ino), "gone", None, message)
                noted += 1
        return noted


def _last_written_ns(file: File) -> int:
    """When a file was written to last that nobody can open any more; 0 for one that may still be there."""
    if file.descriptor is not None:
        status = os.fstat(file.descriptor)
        return status.st_mtime_ns if status.st_nlink == 0 or file.ended else 0
    return file.mtime_ns if file.links == 0 or file.ended else 0


def _is_copy(descriptor: int, status: os.stat_result, of: File, wall: float | None) -> bool:
    """Whether an open file is a copy of another, made while that one was as it is now or shorter.

    Files that are short may well begin alike: one counts only when, at `wall`, it is just being written.
    """
    if status.st_size < HEAD_BYTES and (wall is None or wall - status.st_mtime > _COPYING_SEC):
        return False
    if of.descriptor is not None:
        return is_prefix(descriptor, status.st_size, of.descriptor, os.fstat(of.descriptor).st_size)
    if of.offset < HEAD_BYTES:
        return False
    mark = of.mark()
    # A copy may end before what was read: the log went on growing while it was made.
    return mark.head_in(descriptor) is not None if status.st_size < of.offset else mark.fits(descriptor, status.st_size)
