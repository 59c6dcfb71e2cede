"""Connections to the database and their settings (sqlite.org/pragma.html)."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from node.store.errors import StoreError
from node.store.place import APPLICATION_ID

BUSY_SECONDS = 2.0
"""How long a statement waits for a lock that another program holds."""

WAL_KEPT_BYTES = 4 * 2**20
"""A write-ahead log larger than this is cut back when it starts anew."""

_AUTO_CHECKPOINT_PAGES = 512
_CACHE_KIB = 1024


async def connect_writer(path: Path) -> aiosqlite.Connection:
    """The one connection that writes; a file without a page becomes a database of ours."""
    db = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        db.row_factory = sqlite3.Row
        if not await _pragma(db, "page_count"):
            # One transaction: there is no moment at which the file is a database without our mark.
            await db.execute_fetchall("BEGIN DEFERRED")
            await _pragma(db, "auto_vacuum = INCREMENTAL")
            await _pragma(db, f"application_id = {APPLICATION_ID}")
            await db.execute_fetchall("COMMIT")
        await _use_log(db, path)
        for setting in (
            "synchronous = NORMAL",
            "foreign_keys = ON",
            f"wal_autocheckpoint = {_AUTO_CHECKPOINT_PAGES}",
            f"journal_size_limit = {WAL_KEPT_BYTES}",
            f"cache_size = -{_CACHE_KIB}",
        ):
            await _pragma(db, setting)
    except BaseException:
        await db.close()
        raise
    return db


async def connect_reader(path: Path) -> aiosqlite.Connection:
    """A connection that cannot write. The path is percent-encoded, since it stands in a URI."""
    uri = f"file:{quote(str(path).encode(errors='surrogateescape'))}?mode=ro"
    db = await aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        db.row_factory = sqlite3.Row
        await _pragma(db, "query_only = ON")
        await _pragma(db, f"cache_size = -{_CACHE_KIB}")
    except BaseException:
        await db.close()
        raise
    return db


async def _use_log(db: aiosqlite.Connection, path: Path) -> None:
    mode = await _pragma(db, "journal_mode = WAL")
    if mode != "wal":
        raise StoreError(
            f"cannot open the database {path}: its file system allows no write-ahead log (journal mode {mode}); "
            "set node.db_path to another one"
        )


async def _pragma(db: aiosqlite.Connection, setting: str) -> object:
    found = list(await db.execute_fetchall(f"PRAGMA {setting}"))
    return found[0][0] if found else None
