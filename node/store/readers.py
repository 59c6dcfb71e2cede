"""A few connections that only read, lent out one transaction at a time."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

import aiosqlite

from node.store.connection import connect_reader
from node.store.errors import StoreError, store_error

P = ParamSpec("P")
T = TypeVar("T")

_CONNECTIONS = 2
_PATIENCE_SEC = 1.0
_AGAIN_SEC = 0.05
"""Between two interrupts: one that comes before its statement has begun does nothing."""


class Readers:
    """Every read sees one state of the database, whatever the writer does meanwhile, and never holds the writer up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The one used last is lent first: its pages are still in its cache. None is a connection yet to be made.
        self._free: asyncio.LifoQueue[aiosqlite.Connection | None] = asyncio.LifoQueue()
        self._lent: set[aiosqlite.Connection] = set()
        self._returning: set[asyncio.Task[None]] = set()
        self._closing = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Raises sqlite3.Error."""
        readers = cls(path)
        for _ in range(_CONNECTIONS - 1):
            readers._free.put_nowait(None)
        readers._free.put_nowait(await connect_reader(path))
        return readers

    async def read(
        self, query: Callable[Concatenate[aiosqlite.Connection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `query(connection, ...)` returns. Raises StoreError; a caller that is cancelled stops its query."""
        try:
            db = await self._lend()
            given_up = False
            try:
                await db.execute_fetchall("BEGIN")
                return await query(db, *args, **kwargs)
            except asyncio.CancelledError:
                given_up = True
                raise
            finally:
                # Nobody waits for it: a caller that is cancelled again must not lose the connection.
                returning = asyncio.create_task(self._take_back(db, stop=given_up))
                self._returning.add(returning)
                returning.add_done_callback(self._returning.discard)
        except sqlite3.Error as error:
            raise store_error("read", self._path, error) from error

    async def _lend(self) -> aiosqlite.Connection:
        db = await self._free.get()
        if self._closing:
            self._free.put_nowait(db)
            raise StoreError(f"cannot read {self._path}: the node is stopping")
        try:
            lent = db or await connect_reader(self._path)
        except BaseException:
            self._free.put_nowait(db)
            raise
        self._lent.add(lent)
        return lent

    async def _take_back(self, db: aiosqlite.Connection, *, stop: bool) -> None:
        """With `stop` what still goes on there is stopped."""
        rollback = asyncio.create_task(db.rollback())
        while stop and not rollback.done():
            await db.interrupt()
            await asyncio.wait([rollback], timeout=_AGAIN_SEC)
        returned: aiosqlite.Connection | None = db
        try:
            await rollback
        except sqlite3.Error:
            returned = None
        self._lent.discard(db)  # before it is closed: what is closed cannot be interrupted
        if returned is None:
            with contextlib.suppress(sqlite3.Error):
                await db.close()
        self._free.put_nowait(returned)

    async def close(self) -> None:
        """Close every connection when its read is done; a statement that takes long is stopped."""
        self._closing = True
        for _ in range(_CONNECTIONS):
            if (db := await self._returned()) is not None:
                await db.close()
        for _ in range(_CONNECTIONS):
            self._free.put_nowait(None)  # for those who still wait: they see that it is over

    async def _returned(self) -> aiosqlite.Connection | None:
        """The next connection that is free; soon those that are not are interrupted."""
        patience_sec = _PATIENCE_SEC
        while True:
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(self._free.get(), patience_sec)
            patience_sec = _AGAIN_SEC
            for lent in self._lent:
                await lent.interrupt()
