"""Reading directories: what stands in them is counted into tallies, and what lies below them goes on a stack.

Part of the process that walk_child.py is; the standard library alone, and nothing imported that a plain count can do
without, because starting is a good part of a short walk.
"""

import errno
import marshal
import os
import time
from _thread import allocate_lock
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from node.sources.walk_child import Stack

CHUNK = 1024
"""Entries looked at in one go: what a name costs in memory, it costs this many times."""
LEAF_BYTES = 1 << 20
"""A directory file above this size is read in chunks."""
CROWDED = 10_000
"""With so many directories waiting, the rest of a wide one waits in its file instead of in memory."""
MOST_SUSPENDED = 128
TICK_SEC = 0.1
MOST_RECENT = 20_000
RECENT_SEC = 3600.0
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Tally:
    """What one worker counted, and where it is."""

    def __init__(self) -> None:
        self.files = self.dirs = self.skipped = self.arriving = self.bytes = 0
        self.oldest: float | None = None
        self.newest: float | None = None
        self.top_files: list[tuple[int, str, float]] = []
        self.top_dirs: list[tuple[int, str, int]] = []
        self.first_skipped: tuple[str, str] | None = None
        self.reading: str | None = None
        self.since = 0.0


class Listing:
    """A directory that is open, with what was measured directly in it so far."""

    def __init__(self, path: str, depth: int, descriptor: int) -> None:
        self.path = path
        self.depth = depth
        self.files = self.bytes = 0
        self.entries = os.scandir(descriptor)
        self.descriptor = descriptor

    def close(self) -> None:
        self.entries.close()
        os.close(self.descriptor)


class Tree:
    """The tree below `root`, with the rules of the order. Shared by the workers; each has its own tally."""

    def __init__(self, order: "dict[str, Any]", stack: "Stack", finish: "Callable[[str], None]") -> None:
        self.stack = stack
        self.finish = finish
        self.tick: Callable[[], float] | None = None
        self.next_tick = 0.0
        """When this worker is to call `tick`, which tells the time of the next."""
        self.errno = 0
        self.base: str = order["root"].rstrip("/")
        self.sizes: bool = order["sizes"]
        self.follow: bool = order["follow_symlinks"]
        self.stay: bool = order["one_file_system"]
        self.last_depth: int = order["max_depth"] - 1
        self.max_files: int = order["max_files"]
        # Who is over the limit has at least one worker with more than its share: only that one needs to add up.
        self.fair_share = self.max_files / order["workers"] if self.max_files else float("inf")
        self.top_n: int = order["top_n"]
        self.closed_dirs = frozenset(order["closed_dirs"])
        self.suffixes: tuple[str, ...] = tuple(order["arriving_suffixes"])
        self._needles = [(os.fsencode(suffix) + b"\0", os.fsencode(suffix)[::-1]) for suffix in self.suffixes]
        self.excluded = _excluder(order["exclude_names"], order["exclude_paths"])
        plain = not self.sizes and not self.follow and self.excluded is None
        self.leaf_devices = frozenset(order["leaf_devices"] if plain else ())
        self.interval = 1 / order["ops_per_sec"] if order["ops_per_sec"] else 0.0
        self.before: dict[int, int] = marshal.loads(order["recent"]) if order["recent"] else {}  # noqa: S302 - our own
        self.recent: dict[int, int] = {}
        self.recent_since = time.time() - RECENT_SEC
        self.tallies = [Tally() for _ in range(order["workers"])]
        self._lock = allocate_lock()
        self._free_at = 0.0
        self._device = -1
        self._seen: set[tuple[int, int]] = set()
        self._suspended = 0

    def relative(self, path: str) -> str:
        return path[len(self.base) + 1 :]

    def take(self, item: tuple[str, int] | Listing, tally: Tally) -> None:
        """Read a directory that waited: (path, depth below the root), or one that was left half read."""
        if isinstance(item, Listing):
            self._suspended -= 1
            path, depth = item.path, item.depth
        else:
            path, depth = item
        self._asking(path, tally)
        try:
            if isinstance(item, Listing):
                self._read(item, tally)
            elif not (depth and self.leaf_devices and self._count_leaf(path, tally)):
                listing = self._enter(path, depth)
                if listing is not None:
                    self._read(listing, tally)
        except OSError as error:
            self._refused(path, depth, error.errno or errno.EIO, tally)
        tally.reading = None

    def _refused(self, path: str, depth: int, number: int, tally: Tally) -> None:
        if not depth and not tally.files and not tally.dirs:
            self.errno = number
            self.finish("unreadable")
        elif number not in GONE:
            tally.skipped += 1
            tally.first_skipped = tally.first_skipped or (self.relative(path), os.strerror(number))

    def _asking(self, path: str, tally: Tally) -> None:
        """To be called before each call that the file system may be slow to answer."""
        if self.interval:
            tally.reading = None
            self._wait_turn()
        tally.since = now = time.monotonic()
        tally.reading = path
        if self.tick and now >= self.next_tick:
            self.next_tick = self.tick()

    def _wait_turn(self) -> None:
        with self._lock:
            turn = max(self._free_at, time.monotonic())
            self._free_at = turn + self.interval
        while (left := turn - time.monotonic()) > 0:
            if self.tick and time.monotonic() >= self.next_tick:
                self.next_tick = self.tick()
            time.sleep(min(left, TICK_SEC) if self.tick else left)

    def _count_leaf(self, path: str, tally: Tally) -> bool:
        """Count a directory by its names alone, which is possible when it is small and has no subdirectories: two
        links mean that, on the devices in `leaf_devices`. False when that cannot be told.
        """
        try:
            seen = os.lstat(path)
            if seen.st_nlink != 2 or seen.st_dev not in self.leaf_devices or seen.st_size > LEAF_BYTES:
                return False
            if seen.st_dev != self._device and self.stay:
                return True
            # A subdirectory made right now counts as a file, this once; asking again would cost every directory.
            names = os.listdir(path.encode("utf-8", "surrogateescape"))  # noqa: PTH208 - of bytes, which are faster
        except OSError:
            return False
        tally.files += len(names)
        tally.arriving += self._arriving(b"\0".join(names))
        if tally.files > self.fair_share:
            self._check_limit()
        return True

    def _enter(self, path: str, depth: int) -> Listing | None:
        """Open a directory; None when it is not to be read."""
        descriptor = self._open(path, follow=self.follow or not depth)
        try:
            seen = os.fstat(descriptor)
            if not depth:
                self._device = seen.st_dev
            if not self._may_enter(seen):
                return None
            listing = Listing(path, depth, descriptor)
            descriptor = -1
            return listing
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self, path: str, *, follow: bool) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | (0 if follow else os.O_NOFOLLOW)
        if "\0" in path:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        try:
            return os.open(path or "/", flags)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
        # Longer than the kernel takes at once (PATH_MAX): from directory to directory.
        descriptor = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        for name in path.split("/")[1:]:
            outer = descriptor
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=outer)
            finally:
                os.close(outer)
        return descriptor

    def _may_enter(self, seen: os.stat_result) -> bool:
        if seen.st_dev != self._device and self.stay:
            return False
        if not self.follow:
            return True
        identity = (seen.st_dev, seen.st_ino)
        with self._lock:
            known = identity in self._seen
            self._seen.add(identity)
        return not known

    def _check_limit(self) -> None:
        if self.max_files and sum(tally.files for tally in self.tallies) > self.max_files:
            self.finish("limit")

    def _arriving(self, names: bytes) -> int:
        """How many of the names, joined by NUL, end in a suffix. One search through all of them is much faster than
        one in each, and not even that is needed for a suffix with a letter that none of them has.
        """
        if not names:
            return 0
        names += b"\0"
        found = 0
        for needle, letters in self._needles:
            for letter in letters:
                if letter not in names:
                    break
            else:
                found += names.count(needle)
        return found

    def _read(self, listing: Listing, tally: Tally) -> None:
        """Count a directory chunk by chunk, and leave its subdirectories on the stack."""
        suspended = False
        try:
            while entries := list(islice(listing.entries, CHUNK)):
                below = self._count(listing, entries, tally)
                if tally.files > self.fair_share:
                    self._check_limit()
                suspended = bool(below) and len(self.stack.items) > CROWDED and self._suspended < MOST_SUSPENDED
                if suspended:
                    self._suspended += 1
                    self.stack.push([listing, *below])
                    return
                if below:
                    self.stack.push(below)
                if len(entries) == CHUNK:
                    self._asking(listing.path, tally)
        finally:
            if not suspended:
                listing.close()
        if listing.files:
            _keep(tally.top_dirs, (listing.bytes, self.relative(listing.path), listing.files), self.top_n)

    def _count(self, listing: Listing, entries: "list[os.DirEntry[str]]", tally: Tally) -> list[tuple[str, int]]:
        """Count one chunk; its subdirectories that are to be read."""
        if self.excluded:
            place = self.relative(listing.path) + "/" if listing.depth else ""
            entries = [entry for entry in entries if not self.excluded(place, entry.name)]
        follow = self.follow
        dirs = [entry for entry in entries if _is_directory(entry, follow)]
        files = [entry for entry in entries if not _is_directory(entry, follow)] if dirs else entries
        tally.dirs += len(dirs)
        tally.files += len(files)
        if self.sizes:
            self._measure(listing, files, tally)
        else:
            tally.arriving += self._arriving(os.fsencode("\0".join([entry.name for entry in files])))
        if listing.depth == self.last_depth:
            return []
        below = [(f"{listing.path}/{entry.name}", listing.depth + 1) for entry in dirs]
        return [item for item in below if item[0] not in self.closed_dirs] if self.closed_dirs else below

    def _measure(self, listing: Listing, files: "list[os.DirEntry[str]]", tally: Tally) -> None:
        for entry in files:
            self._asking(listing.path, tally)
            try:
                seen = _stat(entry, self.follow)
            except FileNotFoundError:
                tally.files -= 1  # gone since it was listed
                continue
            size, mtime = seen.st_size, seen.st_mtime
            path = f"{listing.path}/{entry.name}"
            listing.files += 1
            listing.bytes += size
            tally.bytes += size
            tally.oldest = mtime if tally.oldest is None else min(tally.oldest, mtime)
            tally.newest = mtime if tally.newest is None else max(tally.newest, mtime)
            _keep(tally.top_files, (size, self.relative(path), mtime), self.top_n)
            grows = seen.st_ctime >= self.recent_since and self._grows(path, size)
            tally.arriving += grows or entry.name.endswith(self.suffixes)

    def _grows(self, path: str, size: int) -> bool:
        """Whether a file that changed lately has another size than at the walk before."""
        from hashlib import blake2b

        key = int.from_bytes(blake2b(os.fsencode(path), digest_size=8).digest(), "big")
        if len(self.recent) < MOST_RECENT:
            self.recent[key] = size
        return self.before.get(key, size) != size


def _is_directory(entry: "os.DirEntry[str]", follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # a link that leads in a circle, or nowhere that one may look
        return False


def _stat(entry: "os.DirEntry[str]", follow: bool) -> os.stat_result:
    try:
        return entry.stat(follow_symlinks=follow)
    except OSError:
        return entry.stat(follow_symlinks=False)


def _keep(largest: "list[Any]", item: "tuple[Any, ...]", most: int) -> None:
    from heapq import heappush, heappushpop

    if len(largest) < most:
        heappush(largest, item)
    elif item > largest[0]:
        heappushpop(largest, item)


def _excluder(names: str, paths: str) -> "Callable[[str, str], bool] | None":
    """The test of (directory relative to the root with a slash, name) against two regular expressions; "" is none."""
    if not names and not paths:
        return None
    import re

    match_name = re.compile(names or "(?!)").match
    match_path = re.compile(paths or "(?!)").match
    return lambda place, name: match_name(name) is not None or match_path(place + name) is not None
