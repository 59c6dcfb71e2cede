"""What goes wrong with the database, in words."""

import os
import sqlite3
from pathlib import Path

_FATAL = frozenset(
    {
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Result codes that mean the file or its disk, not the statement (sqlite.org/rescode.html)."""

_ADVICE = {
    sqlite3.SQLITE_FULL: "free some space on its file system",
    sqlite3.SQLITE_IOERR: "look at the disk and its free space",
    sqlite3.SQLITE_READONLY: "make its file system writable again",
    sqlite3.SQLITE_CORRUPT: "stop the node, then restore a backup or move the file away to start with an empty one",
    sqlite3.SQLITE_NOTADB: "move the file away or set node.db_path to another one",
    sqlite3.SQLITE_BUSY: "another program (sqlite3?) keeps it locked; end that program's transaction",
    sqlite3.SQLITE_CANTOPEN: "look at the directory's permissions and free space",
    sqlite3.SQLITE_NOMEM: "the host is out of memory",
}


class StoreError(Exception):
    """The database could not be opened, read or written. One line: what was attempted, what happened, what to do."""


def _primary_code(error: sqlite3.Error) -> int:
    """The result code without its extension; 0 for an error that did not come from SQLite itself."""
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_fatal(error: sqlite3.Error) -> bool:
    """Whether the file or its disk is at fault, and not the statement."""
    return _primary_code(error) in _FATAL


def store_error(attempt: str, path: Path, error: sqlite3.Error) -> StoreError:
    """`attempt` is a phrase like "write to"; the result still has to be raised `from error`."""
    advice = _ADVICE.get(_primary_code(error))
    return StoreError(f"cannot {attempt} {path}: {one_line(error)}" + (f"; {advice}" if advice else ""))


def os_store_error(attempt: str, path: Path, error: OSError, advice: str) -> StoreError:
    """As store_error, for what the operating system refused."""
    reason = os.strerror(error.errno) if error.errno else one_line(error)
    return StoreError(f"cannot {attempt} {path}: {reason}; {advice}")


def one_line(said: object) -> str:
    """What somebody said, or an error, on one line."""
    return " ".join(str(said).split()) or type(said).__name__
