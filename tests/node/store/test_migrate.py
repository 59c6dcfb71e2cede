import asyncio
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.store.connection import connect_writer
from node.store.errors import StoreError
from node.store.migrate import Migration, known_migrations, migrate, statements
from tests.node.store.opened import START, opened
from tests.peers import tmpfs

FIRST = Migration(1, "first", "CREATE TABLE things (name TEXT); INSERT INTO things VALUES ('old');")
SECOND = Migration(2, "second", "ALTER TABLE things ADD COLUMN size INTEGER; UPDATE things SET size = 1;")
THIRD = Migration(3, "third", "INSERT INTO things VALUES ('new', 2);")
BROKEN = Migration(3, "broken", "INSERT INTO things VALUES ('half', 3); INSERT INTO no_such_table VALUES (1);")


async def bring(path: Path, steps: Sequence[Migration]) -> None:
    db = await connect_writer(path)
    try:
        await migrate(db, path, lambda: START, steps)
    finally:
        await db.close()


def content(path: Path, sql: str = "SELECT * FROM things") -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_the_steps_of_this_version_are_numbered_without_gaps_and_each_recorded(tmp_path: Path) -> None:
    steps = known_migrations()
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    path = tmp_path / "etlmon.db"

    async def scenario() -> None:
        async with opened(path, clock=lambda: START):
            pass

    asyncio.run(scenario())
    recorded = content(path, "SELECT * FROM schema_migrations")
    assert recorded == [(step.version, step.name, "2026-11-21T06:00:00.000Z") for step in steps]
    assert content(path, "SELECT value FROM meta WHERE key = 'schema_version'") == [(str(len(steps)),)]


def test_each_missing_step_is_applied_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(bring(path, [FIRST]))
    asyncio.run(bring(path, [FIRST, SECOND, THIRD]))
    asyncio.run(bring(path, [FIRST, SECOND, THIRD]))
    assert content(path) == [("old", 1), ("new", 2)]
    assert [row[0] for row in content(path, "SELECT version FROM schema_migrations")] == [1, 2, 3]


def test_before_an_existing_database_changes_it_is_copied_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(bring(path, [FIRST]))
    assert list(tmp_path.iterdir()) == [path], "a new one needs no copy"
    asyncio.run(bring(path, [FIRST, SECOND]))
    copy = tmp_path / "etlmon.db.before-0002"
    assert content(copy) == [("old",)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    asyncio.run(bring(copy, [FIRST])), "the copy is a database that an older version opens"


def test_a_copy_that_lies_there_is_not_overwritten(tmp_path: Path) -> None:
    path, taken = tmp_path / "etlmon.db", tmp_path / "etlmon.db.before-0002"
    asyncio.run(bring(path, [FIRST]))
    taken.write_text("precious")
    asyncio.run(bring(path, [FIRST, SECOND]))
    assert taken.read_text() == "precious"
    assert content(tmp_path / "etlmon.db.before-0002.2") == [("old",)]


def test_a_step_that_fails_leaves_the_database_as_it_was_before_that_step(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    asyncio.run(bring(path, [FIRST]))
    with pytest.raises(StoreError, match=r"cannot bring to schema 3 \(broken\) the database .*no_such_table"):
        asyncio.run(bring(path, [FIRST, SECOND, BROKEN]))
    assert content(path) == [("old", 1)]
    assert [row[0] for row in content(path, "SELECT version FROM schema_migrations")] == [1, 2]
    asyncio.run(bring(path, [FIRST, SECOND, THIRD]))
    assert content(path) == [("old", 1), ("new", 2)]


@pytest.mark.peer("tmpfs")
def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path) -> None:
    big = Migration(1, "first", "CREATE TABLE things (name TEXT); INSERT INTO things VALUES (zeroblob(600000));")
    with tmpfs(tmp_path / "disk", "size=4m") as disk:
        path, ballast = disk / "etlmon.db", disk / "ballast"
        asyncio.run(bring(path, [big]))
        ballast.write_bytes(b"\0" * 3_000_000)
        with pytest.raises(StoreError, match=r"cannot copy .* before its migration to .*before-0002: .*space"):
            asyncio.run(bring(path, [big, SECOND]))
        assert sorted(disk.iterdir()) == [ballast, path]
        assert content(path, "SELECT count(*) FROM things") == [(1,)]
        ballast.unlink()
        asyncio.run(bring(path, [big, SECOND]))


def test_a_script_falls_into_its_statements() -> None:
    script = """
    -- a comment; with a semicolon
    CREATE TABLE a (t TEXT DEFAULT 'x;y');  -- and one behind; it
    CREATE TRIGGER b BEFORE UPDATE ON a
    BEGIN
        SELECT RAISE(ABORT, 'no; never');
        SELECT 1;
    END;
    INSERT INTO a
        VALUES ('z')
    -- the last needs no semicolon
    """
    found = list(statements(script))
    assert [statement.split()[-1] for statement in found] == ["'x;y');", "END;", "semicolon"]
    db = sqlite3.connect(":memory:")
    for statement in found:
        db.execute(statement)
    assert db.execute("SELECT t FROM a").fetchall() == [("z",)]
    db.close()
