import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlmon.contract.fs import Blocked, Mount
from etlmon.contract.node import AuditEntry
from node.store.errors import StoreError
from node.store.rows import column, columns, insert, select, stamp, storable, upsert
from tests.node.store.opened import START, opened

HOSTILE = [
    "plain",
    "",
    "nul\0inside",
    "\x1b[31mred\x1b[0m\x07",
    "'; DROP TABLE audit; --",
    '"quoted" `ticks` [markup]',
    "한글 경로 🗂️ \u202eright to left\u200b",
    "line\nbreak\ttab\r",
    "\ufffe\uffff\U0010ffff",
    "not utf-8: \udcff\udc80",
    "lone \ud800 surrogate",
    "100% _like_ ? :name @at $dollar",
]
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
COUNTS = st.integers(-(2**63), 2**63 - 1)
MOUNTS = st.builds(
    Mount,
    mount_point=st.text(),
    total_bytes=COUNTS,
    used_percent=st.floats(allow_nan=False),
    collected_at=MOMENTS,
    device=st.text(),
    read_only=st.booleans(),
    state=st.sampled_from(["ok", "stuck", "denied", "not_mounted", "error"]),
    stuck_since=st.none() | MOMENTS,
    error_message=st.none() | st.text(),
    full_at=st.none() | MOMENTS,
    blocked=st.lists(st.builds(Blocked, pid=COUNTS, process_name=st.text(), wchan=st.text()), max_size=2),
)
SELECT = f"SELECT {columns(Mount)} FROM filesystem_mounts"  # noqa: S608 - made of the struct's own fields


async def through_sqlite(rows: list[Mount]) -> list[Mount]:
    schema = (Path(__file__).parents[3] / "node/store/migrations/0001_foundation.sql").read_text()
    async with aiosqlite.connect(":memory:") as db:
        db.row_factory = sqlite3.Row
        await db.executescript(schema)
        await upsert(db, "filesystem_mounts", rows)
        return await select(db, Mount, SELECT)


@settings(max_examples=60, deadline=None)
@given(MOUNTS)
def test_a_struct_comes_back_from_its_columns_as_it_was(mount: Mount) -> None:
    assert asyncio.run(through_sqlite([mount])) == [mount]


def test_a_row_written_twice_is_there_once_and_is_the_newer_one() -> None:
    old = Mount(mount_point="/", collected_at=START, error_message="null")
    new = msgspec.structs.replace(old, used_bytes=7, error_message=None, stuck_since=START)
    assert asyncio.run(through_sqlite([old])) == [old], "text that reads like null is still text"
    assert asyncio.run(through_sqlite([old, new])) == [new]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_stored_and_can_be_sent(tmp_path: Path, text: str) -> None:
    mount = Mount(
        mount_point=text,
        collected_at=START,
        device=text,
        fstype=text,
        error_message=text,
        blocked=[Blocked(pid=1, process_name=text, wchan=text)],
    )
    entry = AuditEntry(
        at=START, who=text, address=text, action=text, target=text, params={text: [text]}, result="done", status=200
    )

    async def scenario() -> tuple[list[Mount], list[AuditEntry]]:
        async with opened(tmp_path / "etlmon.db") as database:
            await database.write(lambda db: upsert(db, "filesystem_mounts", [mount]))
            await database.write(lambda db: insert(db, "audit", [entry], without=["id"]))
            return (
                await database.read(select, Mount, SELECT + " WHERE mount_point = ?", (text,)),
                await database.read(select, AuditEntry, "SELECT * FROM audit"),
            )

    mounts, entries = asyncio.run(scenario())
    kept = storable(text)
    assert mounts[0].device == mounts[0].blocked[0].wchan == entries[0].target == kept
    assert entries[0].params == {kept: [kept]}
    msgspec.json.encode((mounts, entries))


def test_bytes_that_are_no_utf8_stay_visible_and_apart() -> None:
    assert storable("a\udcff") == "a\\xff"
    assert storable("a\udcfe") != storable("a\udcff")
    assert storable("\ud800") == "\\ud800"
    assert storable("한\0\x1b") == "한\0\x1b", "text that can be stored is stored as it is"


@given(MOMENTS, MOMENTS)
def test_times_sort_as_text_as_they_do_as_times(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == len("2026-11-21T06:00:00.000Z")


def test_times_are_stored_in_utc_and_never_without_a_zone() -> None:
    seoul = timezone(timedelta(hours=9))
    assert stamp(datetime(2026, 11, 21, 15, 0, 0, 123999, tzinfo=seoul)) == "2026-11-21T06:00:00.123Z"
    with pytest.raises(ValueError, match="no time zone"):
        stamp(START.replace(tzinfo=None))


@pytest.mark.parametrize(("value", "kept"), [(2**64, 2**63 - 1), (-(2**70), -(2**63)), (True, 1), (5, 5)])
def test_a_number_beyond_sqlites_range_becomes_the_nearest_one(value: int, kept: int) -> None:
    assert column(value) == kept


def test_a_row_that_somebody_edited_by_hand_is_named_and_not_invented(tmp_path: Path) -> None:
    async def scenario() -> Any:
        async with opened(tmp_path / "etlmon.db") as database:
            mount = Mount(mount_point="/", collected_at=START)
            await database.write(lambda db: upsert(db, "filesystem_mounts", [mount]))
            await database.write(lambda db: db.execute("UPDATE filesystem_mounts SET state = 'great', blocked = '[]'"))
            await database.read(select, Mount, SELECT)

    with pytest.raises(StoreError, match=r"cannot read a Mount from the database: .*great.*edited by hand"):
        asyncio.run(scenario())
