"""The one writer: what waits is grouped into short transactions."""

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from node.clock import Clock
from node.store.connection import BUSY_SECONDS, WAL_KEPT_BYTES
from node.store.errors import StoreError, is_fatal, store_error
from node.store.rows import value

T = TypeVar("T")
Work = Callable[[aiosqlite.Connection], Awaitable[T]]

_QUEUE_LENGTH = 256
_BATCH_SECONDS = 0.05
_LOG_LARGE_BYTES, _LOG_LIMIT_BYTES = WAL_KEPT_BYTES, 8 * WAL_KEPT_BYTES
"""A log of the first size is cut when nothing waits, one of the second size in any case."""

_CUT_SECONDS = 5.0
"""Between two attempts to cut the log, while readers are in the way."""

_CUT_ATTEMPTS, _CUT_PATIENCE_MS = 4, 50
_PATIENCE_MS = round(BUSY_SECONDS * 1000)


@dataclass(slots=True, eq=False)
class _Waiting:
    work: Work[Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    changed: bool = False

    def settle(self) -> None:
        """Tell the caller, if it still waits."""
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        elif isinstance(self.error, asyncio.CancelledError):
            self.done.cancel()
        else:
            self.done.set_exception(self.error)


class Writer:
    """Owns the connection that writes.

    Each work runs in a savepoint of its own, so one that fails undoes nothing of the others. What hits the file or its
    disk (full, failing, damaged) loses the transaction, and every work in it fails. The next batch tries again.
    """

    def __init__(self, db: aiosqlite.Connection, path: Path, clock: Clock) -> None:
        self._db = db
        self._path = path
        self._clock = clock
        self._room = asyncio.Semaphore(_QUEUE_LENGTH)
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._taken: list[_Waiting] = []
        self._cut_after = 0.0
        self._task = asyncio.create_task(self._run(), name="store writer")
        self._news = asyncio.Event()
        self.error: str | None = None
        self.generation = 0
        self.last_commit_at: datetime | None = None

    @property
    def queue_depth(self) -> int:
        return len(self._queue)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the next transaction; returns what it returned, once that is committed.

        A work does nothing but use its connection; it must not call write() itself. A caller that is cancelled before
        its turn has written nothing, after that all. Raises StoreError for what SQLite refused, and whatever the work
        raised on its own.
        """
        async with self._room:
            if self._closing:
                raise StoreError(f"cannot write to {self._path}: the node is stopping; nothing was written")
            waiting = _Waiting(work, asyncio.get_running_loop().create_future())
            self._queue.append(waiting)
            self._wake.set()
            try:
                result: T = await waiting.done
            except asyncio.CancelledError:
                with contextlib.suppress(ValueError):
                    self._queue.remove(waiting)
                raise
            return result

    async def changed(self, since: int) -> int:
        """Wait until the generation is larger than `since`; returns what it is then."""
        while self.generation <= since:
            await self._news.wait()
        return self.generation

    async def close(self) -> None:
        """Write what waits, then stop. The connection stays open."""
        self._closing = True
        self._wake.set()
        await self._task

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._batch()
                    await self._cut_log()
                if self._closing:
                    return
        finally:
            self._closing = True
            self._fail([*self._taken, *self._queue], "the writer was stopped")

    async def _batch(self) -> None:
        try:
            await self._db.execute_fetchall("BEGIN IMMEDIATE")
            until = time.monotonic() + _BATCH_SECONDS
            while self._queue and time.monotonic() < until:
                waiting = self._queue.popleft()
                if not waiting.done.cancelled():
                    self._taken.append(waiting)
                    await self._attempt(waiting)
            await self._db.execute_fetchall("COMMIT")
        except sqlite3.Error as error:
            await self._lose(error)
        else:
            self._committed()

    async def _attempt(self, waiting: _Waiting) -> None:
        """Run one work in its savepoint. Raises sqlite3.Error when the whole transaction is lost.

        The first one has the transaction to itself, and needs no savepoint.
        """
        alone = self._taken == [waiting]
        if not alone:
            await self._db.execute_fetchall("SAVEPOINT work")
        changes = self._db.total_changes
        # A task of its own holds whatever the work raises, without catching it here.
        task = asyncio.ensure_future(_call(waiting.work, self._db))
        await asyncio.wait([task])
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            waiting.result = task.result()
            waiting.changed = self._db.total_changes > changes
            if not alone:
                await self._db.execute_fetchall("RELEASE work")
            return
        # SQLite may have rolled the transaction back by itself (sqlite.org/lang_transaction.html, section 3).
        refused = error if isinstance(error, sqlite3.Error) else error.__cause__
        # After damage it does not, but no statement of the transaction works any more.
        if isinstance(refused, sqlite3.Error) and (is_fatal(refused) or not self._db.in_transaction):
            raise refused
        for statement in ("ROLLBACK", "BEGIN IMMEDIATE") if alone else ("ROLLBACK TO work", "RELEASE work"):
            await self._db.execute_fetchall(statement)
        waiting.error = self._told(error)

    def _committed(self) -> None:
        if any(waiting.changed for waiting in self._taken):
            self.generation += 1
            self.last_commit_at = self._clock()
            self.error = None
            self._news.set()
            self._news = asyncio.Event()
        for waiting in self._taken:
            waiting.settle()
        self._taken.clear()

    async def _lose(self, error: sqlite3.Error) -> None:
        """Nothing of the batch is stored. When not even a transaction began, that is true of all that waits."""
        with contextlib.suppress(sqlite3.Error):
            await self._db.rollback()
        lost = self._taken or self._queue
        self.error = str(store_error("write to", self._path, error))
        for waiting in lost:
            waiting.error = self._told(error)
            waiting.settle()
        lost.clear()

    async def _cut_log(self) -> None:
        """Readers that follow each other without a gap keep SQLite from starting its write-ahead log anew."""
        limit = _LOG_LIMIT_BYTES if self._queue else _LOG_LARGE_BYTES
        if time.monotonic() < self._cut_after or file_bytes(wal_path(self._path)) <= limit:
            return
        self._cut_after = time.monotonic() + _CUT_SECONDS
        with contextlib.suppress(sqlite3.Error):
            await self._db.execute_fetchall(f"PRAGMA busy_timeout = {_CUT_PATIENCE_MS}")
            # Within one attempt SQLite does not notice that a reader went and came back to a newer state.
            for _ in range(_CUT_ATTEMPTS):
                if not await value(self._db, "PRAGMA wal_checkpoint(TRUNCATE)"):
                    self._cut_after = 0.0
                    break
        await self._db.execute_fetchall(f"PRAGMA busy_timeout = {_PATIENCE_MS}")

    def _told(self, error: BaseException) -> BaseException:
        """The error as the caller of write() gets it; each caller has its own."""
        if not isinstance(error, sqlite3.Error):
            return error
        told = store_error("write to", self._path, error)
        told.__cause__ = error
        return told

    def _fail(self, works: Iterable[_Waiting], reason: str) -> None:
        for waiting in works:
            waiting.error = StoreError(f"cannot write to {self._path}: {reason}; nothing of it was stored")
            waiting.settle()


async def _call(work: Work[T], db: aiosqlite.Connection) -> T:
    return await work(db)


def wal_path(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def file_bytes(path: Path) -> int:
    """The size of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
