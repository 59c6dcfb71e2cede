import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import pytest

from node.store import writer
from node.store.database import Database, StoreError
from node.store.writer import Work
from tests.node.store.opened import fetch, opened
from tests.peers import ext4, run, tmpfs

MEGABYTE = 2**20


def put(key: object, value: str = "") -> Work[aiosqlite.Cursor]:
    """A work that adds one row."""
    return lambda db: db.execute("INSERT INTO meta VALUES (?, ?)", (f"test {key}", value))


async def keys(database: Database) -> list[str]:
    rows = await database.read(fetch, "SELECT key FROM meta WHERE key LIKE 'test %' ORDER BY key")
    return [row[0].removeprefix("test ") for row in rows]


def fill(disk: Path) -> Path:
    """Leave no byte free; returns the file that takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        met = condition()
        if met if isinstance(met, bool) else await met:
            return
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.01)


def test_a_write_returns_what_the_work_returned_once_others_can_read_it(tmp_path: Path) -> None:
    async def work(db: aiosqlite.Connection) -> int:
        await put("a")(db)
        return 42

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            assert await database.write(work) == 42
            with sqlite3.connect(database.path) as other:
                assert other.execute("SELECT count(*) FROM meta WHERE key = 'test a'").fetchone() == (1,)
            other.close()

    asyncio.run(scenario())


def test_many_writers_at_once_share_a_few_commits_and_keep_their_order(tmp_path: Path) -> None:
    done: list[int] = []

    async def one(database: Database, number: int) -> None:
        await database.write(put(f"{number:03d}"))
        done.append(number)

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            before = database.generation
            await asyncio.gather(*(one(database, number) for number in range(500)))
            assert done == list(range(500))
            assert await keys(database) == [f"{number:03d}" for number in range(500)]
            # Few on a machine that is not busy; a commit takes what comes within its 50 ms.
            assert database.generation - before <= 250

    asyncio.run(scenario())


def test_a_long_queue_is_cut_into_short_transactions(tmp_path: Path) -> None:
    """A reader that looks again and again sees the works arrive in portions, not all at the end."""

    async def slow(db: aiosqlite.Connection) -> None:
        await asyncio.sleep(0.02)
        await db.execute("INSERT INTO meta SELECT 'test ' || count(*), '' FROM meta")

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            before = database.generation
            await asyncio.gather(*(database.write(slow) for _ in range(20)))
            # 20 works of 20 ms at 50 ms a transaction: three to a commit.
            assert database.generation - before >= 5

    asyncio.run(scenario())


@pytest.fixture
def one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes together is stored together, however slow the machine is."""
    monkeypatch.setattr(writer, "_BATCH_SECONDS", 60.0)


def test_a_work_that_fails_undoes_itself_and_nothing_of_its_batch(tmp_path: Path, one_batch: None) -> None:
    class Broken(Exception):
        pass

    async def raises(db: aiosqlite.Connection) -> None:
        await put("half done")(db)
        raise Broken("a bug of its own")

    async def clashes(db: aiosqlite.Connection) -> None:
        await put("also half done")(db)
        await put("a")(db)

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            before = database.generation
            works = (put("a"), raises, put("b"), clashes, put("c"))
            ended = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
            assert isinstance(ended[1], Broken)
            assert isinstance(ended[3], StoreError)
            assert "cannot write to" in str(ended[3])
            assert "UNIQUE constraint failed: meta.key" in str(ended[3])
            assert await keys(database) == ["a", "b", "c"]
            assert database.generation == before + 1, "one transaction held all five"
            assert database.health().error is None

    asyncio.run(scenario())


def test_a_work_that_ends_the_transaction_itself_fails_and_the_writer_goes_on(tmp_path: Path) -> None:
    async def ends_it(db: aiosqlite.Connection) -> None:
        await db.execute("ROLLBACK")

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            with pytest.raises(StoreError):
                await database.write(ends_it)
            await database.write(put("a"))
            assert await keys(database) == ["a"]

    asyncio.run(scenario())


def test_a_caller_cancelled_before_its_turn_has_written_nothing(tmp_path: Path) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def blocks(db: aiosqlite.Connection) -> None:
        began.set()
        await go_on.wait()

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            first = asyncio.create_task(database.write(blocks))
            await began.wait()
            waiting = asyncio.create_task(database.write(put("never")))
            await until(lambda: database.health().queue_depth == 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert database.health().queue_depth == 0, "it takes no room in the queue any more"
            go_on.set()
            await first
            await database.write(put("later"))
            assert await keys(database) == ["later"]

    asyncio.run(scenario())


def test_a_caller_cancelled_in_its_turn_leaves_whole_work_behind(tmp_path: Path) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def two_rows(db: aiosqlite.Connection) -> None:
        await put("one")(db)
        began.set()
        await go_on.wait()
        await put("two")(db)

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            caller = asyncio.create_task(database.write(two_rows))
            mate = asyncio.create_task(database.write(put("zzz")))
            await began.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            go_on.set()
            await mate
            assert await keys(database) == ["one", "two", "zzz"]

    asyncio.run(scenario())


def test_writers_wait_while_the_queue_is_full(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def blocks(db: aiosqlite.Connection) -> None:
        await go_on.wait()

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            blocked = asyncio.create_task(database.write(blocks))
            writes = [asyncio.create_task(database.write(put(number))) for number in range(1000)]
            await until(lambda: database.health().queue_depth >= 200)
            assert database.health().queue_depth <= 256
            go_on.set()
            await asyncio.gather(blocked, *writes)
            assert len(await keys(database)) == 1000

    asyncio.run(scenario())


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            writes = [asyncio.create_task(database.write(put(number))) for number in range(100)]
            await asyncio.sleep(0)
            await database.close()
            await asyncio.gather(*writes)
        async with opened(tmp_path / "etlmon.db") as database:
            assert len(await keys(database)) == 100

    asyncio.run(scenario())


@pytest.mark.peer("tmpfs")
def test_a_full_disk_is_told_and_writing_goes_on_by_itself_when_there_is_room(tmp_path: Path, one_batch: None) -> None:
    async def scenario(disk: Path) -> None:
        async with opened(disk / "etlmon.db") as database:
            await database.write(put("first"))
            ballast = fill(disk)
            both = [database.write(pair(number)) for number in range(20)]
            ended = await asyncio.gather(*both, return_exceptions=True)
            failed = [error for error in ended if isinstance(error, StoreError)]
            assert len(failed) == len(ended), "they were one transaction"
            assert "cannot write to" in str(failed[0])
            assert "space" in str(failed[0])
            assert database.health().error == str(failed[0])
            assert database.health().free_bytes == 0
            assert await keys(database) == ["first"], "what is there can still be read"
            ballast.unlink()
            await database.write(pair("last"))
            assert database.health().error is None
            assert await keys(database) == ["first", "last one", "last two"]

    def pair(number: object) -> Work[None]:
        async def work(db: aiosqlite.Connection) -> None:
            await put(f"{number} one")(db)
            await put(f"{number} two", "x" * 100_000)(db)

        return work

    with tmpfs(tmp_path / "disk", "size=1m") as disk:
        asyncio.run(scenario(disk))
        assert run("sqlite3", disk / "etlmon.db", "PRAGMA integrity_check").strip() == "ok"


@pytest.mark.peer("tmpfs")
def test_a_transaction_that_outgrows_the_disk_half_way_leaves_nothing_and_harms_nobody_later(
    tmp_path: Path, one_batch: None
) -> None:
    async def huge(db: aiosqlite.Connection) -> None:
        # Larger than the page cache, so that SQLite meets the full disk within a statement and not at the commit.
        await db.executemany("INSERT INTO meta VALUES (?, ?)", ((f"test {n}", "x" * 5000) for n in range(2000)))

    async def scenario(disk: Path) -> None:
        async with opened(disk / "etlmon.db") as database:
            await database.write(put("before"))
            ended = await asyncio.gather(
                database.write(put("mate")), database.write(huge), database.write(put("later")), return_exceptions=True
            )
            assert isinstance(ended[0], StoreError)
            assert isinstance(ended[1], StoreError)
            assert "free some space" in str(ended[1])
            stored = ["before"] if isinstance(ended[2], StoreError) else ["before", "later"]
            assert await keys(database) == stored
            await database.write(put("zzz"))
            assert await keys(database) == [*stored, "zzz"]
            assert database.health().error is None

    with tmpfs(tmp_path / "disk", "size=2m") as disk:
        asyncio.run(scenario(disk))
        assert run("sqlite3", disk / "etlmon.db", "PRAGMA integrity_check").strip() == "ok"


@pytest.mark.peer("loop")
def test_a_disk_that_fails_under_the_node_is_told_and_what_is_there_can_still_be_read(tmp_path: Path) -> None:
    async def scenario(disk: Path) -> None:
        async with opened(disk / "etlmon.db") as database:
            await database.write(put("a"))
            assert await keys(database) == ["a"]
            # What the kernel does by itself when it meets a damaged ext4: it lets nobody write any more (ext4(5)).
            run("mount", "-o", "remount,abort", disk)
            with pytest.raises(StoreError, match="disk I/O error; look at the disk"):
                await database.write(put("b"))
            assert "look at the disk" in (database.health().error or "")
            assert await keys(database) == ["a"]

    with ext4(tmp_path / "disk") as disk:
        asyncio.run(scenario(disk))


def test_a_table_damaged_in_use_is_told_and_refused_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "etlmon.db"
    events = "INSERT INTO events SELECT NULL, value, 'fs', '', '', 'info', hex(zeroblob(500)) FROM json_each(?)"

    async def fill() -> None:
        async with opened(path) as database:
            await database.write(lambda db: db.execute(events, (str(list(range(1000))),)))

    async def scenario() -> None:
        async with opened(path) as database:
            # In a process of its own: closing the file in this one would take SQLite's locks away.
            last = path.stat().st_size // 4096 - 1
            run("dd", "if=/dev/urandom", f"of={path}", "bs=4096", "count=1", f"seek={last}", "conv=notrunc")
            ended = await asyncio.gather(
                database.write(put("a")),
                database.write(lambda db: db.execute("DELETE FROM events WHERE message <> ''")),
                database.write(put("b")),
                return_exceptions=True,
            )
            assert [isinstance(error, StoreError) for error in ended] == [True, True, False]
            assert "restore a backup" in str(ended[1])
            assert await keys(database) == ["b"], "what comes after it goes on"

    asyncio.run(fill())
    asyncio.run(scenario())
    with pytest.raises(StoreError, match=r"it is damaged .*restore a backup"):
        asyncio.run(fill())


def test_a_lock_held_by_another_program_fails_what_waits_and_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            other = sqlite3.connect(database.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            writes = (database.write(put(number)) for number in range(5))
            ended = await asyncio.gather(*writes, return_exceptions=True)
            assert time.monotonic() - started < 8, "they do not wait one after the other, 2 s each"
            assert all(isinstance(error, StoreError) for error in ended)
            assert "another program (sqlite3?) keeps it locked" in (database.health().error or "")
            assert await keys(database) == [], "reading goes on"
            other.execute("ROLLBACK")
            other.close()
            await database.write(put("a"))
            assert database.health().error is None

    asyncio.run(scenario())


def test_an_error_stays_until_something_was_really_stored(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            with pytest.raises(StoreError):
                await database.write(lambda db: db.execute("ROLLBACK"))
            error = database.health().error
            assert error is not None
            generation = database.generation
            await database.write(lambda db: db.execute("SELECT 1"))
            assert database.health().error == error
            assert database.generation == generation
            await database.write(put("a"))
            assert database.health().error is None
            assert database.generation == generation + 1

    asyncio.run(scenario())


def test_the_write_ahead_log_stays_small_under_readers_that_never_pause(tmp_path: Path) -> None:
    """Readers that overlap keep SQLite from starting its log anew: left alone, it would grow with every write."""
    over = asyncio.Event()

    async def read_on(database: Database) -> None:
        while not over.is_set():
            await database.read(dawdle)

    async def dawdle(db: aiosqlite.Connection) -> None:
        await db.execute_fetchall("SELECT count(*) FROM meta")
        await asyncio.sleep(0.01)

    async def scenario() -> int:
        async with opened(tmp_path / "etlmon.db") as database:
            readers = [asyncio.create_task(read_on(database)) for _ in range(3)]
            largest = 0
            for number in range(120):
                await database.write(put("same", "") if not number else lambda db: db.execute(REWRITE))
                largest = max(largest, database.health().wal_bytes)
            over.set()
            await asyncio.gather(*readers)
            return largest

    assert asyncio.run(scenario()) < 40 * MEGABYTE


REWRITE = "INSERT OR REPLACE INTO meta VALUES ('test same', hex(randomblob(300000)))"


def test_whoever_waits_for_a_change_hears_of_each_commit_that_changed_something(tmp_path: Path) -> None:
    async def nothing(_: aiosqlite.Connection) -> None:
        return

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            generation = database.generation
            waiting = [asyncio.create_task(database.changed(generation)) for _ in range(3)]
            await database.write(nothing)
            assert not any(task.done() for task in waiting)
            await database.write(put("a"))
            assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == [generation + 1] * 3
            assert await asyncio.wait_for(database.changed(generation), 30) == generation + 1
            late = asyncio.create_task(database.changed(generation + 1))
            await database.write(put("b"))
            assert await asyncio.wait_for(late, 30) == generation + 2

    asyncio.run(scenario())
