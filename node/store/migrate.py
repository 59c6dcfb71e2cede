"""Brings a database to the schema of this version, one numbered file after the other."""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import aiosqlite

from node.clock import Clock
from node.store.errors import StoreError, os_store_error, store_error
from node.store.rows import stamp, value

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_BOOKS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. `sql` holds whole statements and no transaction of its own."""

    version: int
    name: str
    sql: str


def known_migrations() -> tuple[Migration, ...]:
    """The files `migrations/NNNN_name.sql` of this version, in order."""
    found = []
    for file in files("node.store").joinpath("migrations").iterdir():
        if match := _FILE_NAME.fullmatch(file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.version))


async def migrate(
    db: aiosqlite.Connection, path: Path, clock: Clock, migrations: Sequence[Migration] | None = None
) -> None:
    """Apply what is missing, each step in one transaction.

    A database that holds data is first copied to `<path>.before-NNNN`, NNNN being the first step that it lacks. Raises
    StoreError for a schema that is newer than this version, a copy that does not fit, and a step that fails; the
    database then is as it was before that step.
    """
    steps = known_migrations() if migrations is None else migrations
    newest = max(step.version for step in steps)
    current = await _current_version(db)
    if current > newest:
        raise StoreError(
            f"cannot open {path}: a newer etlmon wrote it (schema {current}, this version knows {newest}); "
            f"run that version, or restore the copy it made ({path.name}.before-{newest + 1:04d})"
        )
    missing = [step for step in steps if step.version > current]
    if missing and current:
        await _copy_before(db, path, missing[0].version)
    for step in missing:
        await _apply(db, path, step, clock)


async def _current_version(db: aiosqlite.Connection) -> int:
    if not await value(db, "SELECT 1 FROM sqlite_master WHERE name = 'schema_migrations'"):
        return 0
    return int(await value(db, "SELECT max(version) FROM schema_migrations") or 0)


async def _apply(db: aiosqlite.Connection, path: Path, step: Migration, clock: Clock) -> None:
    try:
        await db.execute_fetchall("BEGIN IMMEDIATE")
        for statement in statements(_BOOKS + step.sql):
            await db.execute_fetchall(statement)
        record = (step.version, step.name, stamp(clock()))
        await db.execute_fetchall("INSERT INTO schema_migrations VALUES (?, ?, ?)", record)
        version = (str(step.version),)
        await db.execute_fetchall("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", version)
        await db.execute_fetchall("COMMIT")
    except sqlite3.Error as error:
        await db.rollback()
        raise store_error(f"bring to schema {step.version} ({step.name}) the database", path, error) from error


def statements(script: str) -> Iterator[str]:
    """The statements of a script. Unlike executescript(), running them one by one leaves the transaction to us."""
    pending = ""
    for piece in re.split("(?<=;)", script):
        pending += piece
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""
    if re.sub(r"--[^\n]*", "", pending).strip():
        yield pending.strip()


async def _copy_before(db: aiosqlite.Connection, path: Path, version: int) -> None:
    copy = _new_file(path.with_name(f"{path.name}.before-{version:04d}"))
    try:
        await db.execute_fetchall("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        copy.unlink()
        raise store_error(f"copy {path} before its migration to", copy, error) from error


def _new_file(wanted: Path) -> Path:
    """An empty file of that name, or with a number behind it where an earlier copy lies; the owner's alone."""
    copy, number = wanted, 1
    while True:
        try:
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            number += 1
            copy = wanted.with_name(f"{wanted.name}.{number}")
        except OSError as error:
            raise os_store_error("create", copy, error, "a copy is made before each migration") from error
        else:
            return copy
