import asyncio
import time
from pathlib import Path

import aiosqlite
import pytest

from node.store.database import Database, StoreError
from tests.node.store.opened import fetch, opened

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def count(db: aiosqlite.Connection) -> int:
    return int((await fetch(db, "SELECT count(*) FROM events"))[0][0])


async def add_event(db: aiosqlite.Connection) -> None:
    await db.execute("INSERT INTO events VALUES (NULL, '2026', 'fs', '/', 'tested', 'info', '')")


def test_a_read_sees_one_state_however_long_it_looks_and_holds_no_writer_up(tmp_path: Path) -> None:
    async def looks_twice(db: aiosqlite.Connection, database: Database) -> tuple[int, int]:
        first = await count(db)
        await database.write(add_event)
        return first, await count(db)

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            assert await asyncio.wait_for(database.read(looks_twice, database), 30) == (0, 0)
            assert await database.read(count) == 1

    asyncio.run(scenario())


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            with pytest.raises(StoreError, match=r"cannot read .*readonly database"):
                await database.read(add_event)
            assert await database.read(count) == 0

    asyncio.run(scenario())


def test_a_query_that_fails_leaves_its_connection_usable(tmp_path: Path) -> None:
    async def raises(db: aiosqlite.Connection) -> None:
        await count(db)
        raise KeyError("a bug of its own")

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for _ in range(5):
                with pytest.raises(StoreError, match="no such table"):
                    await database.read(fetch, "SELECT * FROM not_there")
                with pytest.raises(KeyError):
                    await database.read(raises)
            await database.write(add_event)
            assert await database.read(count) == 1

    asyncio.run(scenario())


def test_cancelled_readers_stop_their_queries_and_lose_no_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for _ in range(5):
                reads = [asyncio.create_task(database.read(fetch, ENDLESS)) for _ in range(4)]
                await asyncio.sleep(0.02)
                for read in reads:
                    read.cancel()
                    read.cancel()
                await asyncio.gather(*reads, return_exceptions=True)
                assert all(read.cancelled() for read in reads)
            assert await asyncio.wait_for(asyncio.gather(*(database.read(count) for _ in range(20))), 30) == [0] * 20

    asyncio.run(scenario())


def test_a_statement_that_had_not_begun_when_its_reader_was_cancelled_is_stopped_too(tmp_path: Path) -> None:
    async def is_held_up(db: aiosqlite.Connection) -> object:
        await db.create_function("held", 0, lambda: time.sleep(0.3))
        first = asyncio.create_task(db.execute_fetchall("SELECT held()"))
        first.add_done_callback(lambda done: done.exception())
        await asyncio.sleep(0)
        return await fetch(db, ENDLESS)

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            reads = [asyncio.create_task(database.read(is_held_up)) for _ in range(2)]
            await asyncio.sleep(0.1)
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
            assert await asyncio.wait_for(asyncio.gather(*(database.read(count) for _ in range(20))), 30) == [0] * 20

    asyncio.run(scenario())


def test_more_readers_than_connections_take_turns(tmp_path: Path) -> None:
    at_once = most = 0

    async def looks(db: aiosqlite.Connection) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.001)
        await count(db)
        at_once -= 1

    async def scenario() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await asyncio.gather(*(database.read(looks) for _ in range(50)))

    asyncio.run(scenario())
    assert most == 2


def test_closing_stops_what_takes_long_and_refuses_who_still_waits(tmp_path: Path) -> None:
    async def scenario() -> float:
        database = await Database.open(tmp_path / "etlmon.db")
        reads = [asyncio.create_task(database.read(fetch, ENDLESS)) for _ in range(4)]
        await asyncio.sleep(0.02)
        started = time.monotonic()
        await database.close()
        ended = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 30)
        assert [type(error) for error in ended] == [StoreError] * 4
        assert sum("interrupted" in str(error) for error in ended) == 2
        assert sum("the node is stopping" in str(error) for error in ended) == 2
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 20  # the queries never end by themselves
