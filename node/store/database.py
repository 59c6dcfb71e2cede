"""The database of a node: one writer, a few readers, and the care around them."""

import os
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

import aiosqlite

from etlmon.contract.node import StoreHealth
from node.clock import Clock, utc_now
from node.store.connection import connect_writer
from node.store.errors import StoreError, one_line, store_error
from node.store.migrate import migrate
from node.store.place import claim
from node.store.readers import Readers
from node.store.rows import stamp, value
from node.store.writer import Work, Writer, file_bytes, wal_path

__all__ = ["Database", "StoreError"]

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """An open SQLite database, made by `open()` and given back by `close()`.

    `node_id` is made once, with the database. `path` is the real path of the file.
    """

    def __init__(self, path: Path, node_id: str, writer: Writer, readers: Readers, resources: AsyncExitStack) -> None:
        self.path = path
        self.node_id = node_id
        self._writer = writer
        self._readers = readers
        self._resources = resources
        self._inode = path.stat().st_ino

    @classmethod
    async def open(cls, path: Path, *, clock: Clock = utc_now) -> Self:
        """Open the database at `path`, or make it; bring it to this version's schema.

        Raises StoreError, in one line: another node uses it, the file is damaged, foreign or of a newer version, the
        place is read-only, full or on a network file system. Nothing that was there is overwritten.
        """
        path, lock = claim(path)
        async with AsyncExitStack() as resources:
            resources.callback(lock.release)
            try:
                db = await connect_writer(path)
                resources.push_async_callback(db.close)
                await _check(db, path)
                await migrate(db, path, clock)
                node_id = await _identity(db, clock)
                readers = await Readers.open(path)
            except sqlite3.Error as error:
                raise store_error("open the database", path, error) from error
            resources.push_async_callback(readers.close)
            writer = Writer(db, path, clock)
            resources.push_async_callback(writer.close)
            kept = resources.pop_all()
        return cls(path, node_id, writer, readers, kept)

    @property
    def generation(self) -> int:
        """Grows with every commit that changed something."""
        return self._writer.generation

    async def changed(self, since: int) -> int:
        """Wait until the generation is larger than `since`; returns what it is then. It may be cancelled."""
        return await self._writer.changed(since)

    async def read(
        self, query: Callable[Concatenate[aiosqlite.Connection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `query(connection, ...)` returns; it sees one state of the database. Raises StoreError."""
        return await self._readers.read(query, *args, **kwargs)

    async def write(self, work: Work[T]) -> T:
        """What `work(connection)` returns, once it is committed; works that wait are committed together, in order.

        A work does nothing but use its connection; it must not call write() itself. A caller that is cancelled before
        its turn has written nothing; once its turn has come, all is written. Raises StoreError for what SQLite refused
        (a full disk fails all works of a transaction), else what the work itself raised: that one alone is undone.
        """
        return await self._writer.write(work)

    def health(self) -> StoreHealth:
        """How the database fares. `error` is there until the next good write."""
        return StoreHealth(
            db_bytes=file_bytes(self.path),
            wal_bytes=file_bytes(wal_path(self.path)),
            queue_depth=self._writer.queue_depth,
            last_commit_at=self._writer.last_commit_at,
            free_bytes=self._free_bytes(),
            error=self._missing() or self._writer.error,
        )

    async def close(self) -> None:
        """Write what waits, let the reads end, give the lock back. A second call does nothing."""
        await self._resources.aclose()

    def _free_bytes(self) -> int | None:
        try:
            place = os.statvfs(self.path.parent)
        except OSError:
            return None
        return place.f_bavail * place.f_frsize

    def _missing(self) -> str | None:
        """SQLite goes on writing to a file that was removed, and nobody would ever read it."""
        try:
            if self.path.stat().st_ino == self._inode:
                return None
        except OSError:
            pass
        return f"{self.path} was removed or replaced while in use: what is written now is lost; restart the node"


async def _check(db: aiosqlite.Connection, path: Path) -> None:
    verdict = await value(db, "PRAGMA quick_check(1)")
    if verdict != "ok":
        raise StoreError(
            f"cannot open the database {path}: it is damaged ({one_line(verdict)}); "
            "restore a backup, or move it away to start with an empty one"
        )


async def _identity(db: aiosqlite.Connection, clock: Clock) -> str:
    known = await value(db, "SELECT value FROM meta WHERE key = 'node_id'")
    if known is None:
        known = uuid.uuid4().hex
        facts = (known, stamp(clock()))
        await db.execute_fetchall("INSERT INTO meta VALUES ('node_id', ?), ('created_at', ?)", facts)
    return str(known)
