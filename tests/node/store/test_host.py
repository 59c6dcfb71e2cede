"""The host as it was seen last, stored and read again."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite
import msgspec
import pytest

from etlmon.contract.host import HOST, Host, TopUser
from node.store import host as store
from node.store.errors import StoreError
from tests.node.store.opened import fetch, opened

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def test_the_last_look_alone_is_kept_as_it_was(tmp_path: Path) -> None:
    hostile = TopUser(pid=7, name="\x1b[31m\udcff\0", mem_rss_bytes=2**70)
    last = msgspec.structs.replace(HOST.example, top_memory=[hostile])

    async def check() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            assert await database.read(store.host) is None

            async def work(db: aiosqlite.Connection) -> None:
                await store.record(db, [Host(collected_at=AT), last])
                await store.record(db, [])

            await database.write(work)
            seen = await database.read(store.host)
            assert seen is not None
            assert seen.top_memory == [TopUser(pid=7, name="\x1b[31m\\xff\0", mem_rss_bytes=2**70)]
            assert msgspec.structs.replace(seen, top_memory=[]) == HOST.example
            assert await database.read(fetch, "SELECT count(*) FROM host") == [(1,)]
            await database.write(store.forget)
            assert await database.read(store.host) is None

    asyncio.run(check())


def test_a_row_that_was_edited_by_hand_is_an_error_in_words(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path / "etlmon.db") as database:

            async def work(db: aiosqlite.Connection) -> None:
                await db.execute_fetchall("INSERT INTO host VALUES (1, '', '{\"cpu\": 5}')")

            await database.write(work)
            with pytest.raises(StoreError, match=r"cannot read the host from the database: .*edited by hand"):
                await database.read(store.host)

    asyncio.run(check())
