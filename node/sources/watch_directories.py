"""What comes and goes in a few directories: inotify, through watchdog.

Growth is not watched: a busy log would make thousands of events that say what one look at its size tells.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

logger = logging.getLogger(__name__)

MOST_DIRECTORIES = 16
"""Each costs a thread."""

MOST_EVENTS_PER_SEC = 200
"""A directory where more happens is no place for logs alone, and is not worth the time."""

AGAIN_SEC = 5.0
"""Between two attempts to watch a directory that could not be watched."""

_COMING_AND_GOING: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class Directories:
    """Calls back in the event loop it was made in, soon after something came or went; many events may be one call.

    It watches as many directories as it may, and none that cannot be watched: nobody may rely on it alone.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._observer: BaseObserver = Observer()
        self._observer.start()
        self._watched: dict[str, _Watched] = {}
        self._wanted: dict[Callable[[], None], frozenset[str]] = {}
        self._try_after: dict[str, float] = {}

    @property
    def watched(self) -> Collection[str]:
        return self._watched.keys()

    def want(self, directories: frozenset[str], callback: Callable[[], None]) -> None:
        """From now on `callback` is called for these directories, in the place of those it was called for before."""
        if directories != self._wanted.get(callback) or not directories <= self._watched.keys():
            self._wanted[callback] = directories
            self._align()

    def forget(self, callback: Callable[[], None]) -> None:
        self._wanted.pop(callback, None)
        self._align()

    def close(self) -> None:
        """End the threads; they are not waited for."""
        self._observer.stop()

    def _align(self) -> None:
        wanted = {directory for directories in self._wanted.values() for directory in directories}
        for directory in [directory for directory in self._watched if directory not in wanted]:
            self._drop(directory)
        self._try_after = {directory: after for directory, after in self._try_after.items() if directory in wanted}
        for directory in sorted(wanted - self._watched.keys()):
            if len(self._watched) < MOST_DIRECTORIES and self._try_after.get(directory, 0.0) <= time.monotonic():
                self._add(directory)

    def _add(self, directory: str) -> None:
        handler = _Watched(self._loop, directory, self._told)
        try:
            handler.watch = self._observer.schedule(handler, directory, event_filter=_COMING_AND_GOING)
        except OSError as error:
            # It is not there, or the user's inotify watches are used up: sizes are looked at all the same.
            logger.debug("cannot watch %s: %s", directory, error)
            self._try_after[directory] = time.monotonic() + AGAIN_SEC
        else:
            self._watched[directory] = handler

    def _drop(self, directory: str) -> None:
        watch = self._watched.pop(directory).watch
        if watch is not None:
            self._observer.unschedule(watch)

    def _told(self, watched: "_Watched") -> None:
        if self._watched.get(watched.directory) is not watched:
            return
        if watched.flooded:
            logger.info("so much happens in %s that it is looked at from time to time only", watched.directory)
            self._drop(watched.directory)
            self._try_after[watched.directory] = float("inf")
        elif watched.gone:
            self._drop(watched.directory)
        for callback, directories in list(self._wanted.items()):
            if watched.directory in directories:
                callback()


class _Watched(FileSystemEventHandler):
    """One directory. Events come in a thread of watchdog's; what they say is told to the loop, once for many."""

    def __init__(self, loop: asyncio.AbstractEventLoop, directory: str, told: "Callable[[_Watched], None]") -> None:
        self.directory = directory
        self.watch: ObservedWatch | None = None
        self.flooded = False
        self.gone = False
        self._loop = loop
        self._told = told
        self._pending = False
        self._second = 0.0
        self._events = 0

    def dispatch(self, event: FileSystemEvent) -> None:
        now = time.monotonic()
        if now - self._second >= 1.0:
            self._second, self._events = now, 0
        self._events += 1
        self.flooded |= self._events > MOST_EVENTS_PER_SEC
        self.gone |= isinstance(event, DirDeletedEvent) and event.src_path == self.directory
        if not self._pending:
            self._pending = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._pending = False
        self._told(self)
