"""The followed logs and their lines in the store."""

import asyncio
from pathlib import Path

import aiosqlite
import msgspec
import pytest

from etlmon.contract.endpoint import RowPage
from etlmon.contract.logs import SEQ_BITS, Log
from node.sources.tail_types import Chunk, Lost
from node.store import logs, tails
from node.store.database import Database, StoreError
from tests.node.store.log_batches import PATH, batch, log, numbered, place, put
from tests.node.store.opened import START, after, fetch, opened

NUMBER = 1 << SEQ_BITS


async def state(database: Database, name: str = "app") -> Log:
    found = await database.read(logs.state, name)
    assert found is not None
    return found


def lost(lost_bytes: int | None) -> Lost:
    return Lost(path=PATH, inode=7, offset=5, lost_bytes=lost_bytes, reason="truncated", message="it was truncated")


def test_lines_get_dense_seqs_and_the_state_counts_them(tmp_path: Path) -> None:
    told = log(
        status="behind", size_bytes=99, offset=40, lag_bytes=59, inode=7, lines_per_sec=2.5, files=1, polled=True
    )

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("a", "b", row=told), batch("c", at=after(60), rotations=1, inode=8))
            rows = await database.read(fetch, "SELECT id, created_at, source_inode, flags, line FROM log_lines")
            assert rows == [
                (NUMBER + 1, "2026-11-21T06:00:00.000Z", 7, 0, "a"),
                (NUMBER + 2, "2026-11-21T06:00:00.000Z", 7, 0, "b"),
                (NUMBER + 3, "2026-11-21T06:01:00.000Z", 8, 0, "c"),
            ]
            assert await state(database) == log(
                lines_total=3,
                last_line_at=after(60),
                rotations=1,
                collected_at=after(60),
                first_seq=1,
                last_seq=3,
            )
            await put(database, batch(row=told))
            counted = {"lines_total": 3, "first_seq": 1, "last_seq": 3, "rotations": 1, "last_line_at": after(60)}
            assert await state(database) == msgspec.structs.replace(told, **counted)

    asyncio.run(main())


def test_what_is_special_about_a_line_stands_in_its_flags(tmp_path: Path) -> None:
    chunk = Chunk(
        key=1,
        path=PATH,
        inode=7,
        lines=["plain", "cut", "partial", "error", "all of it"],
        truncated=frozenset({1, 4}),
        partial=frozenset({2, 4}),
    )

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, msgspec.structs.replace(batch(), chunks=[(chunk, {3: 3, 4: 1})]))
            flags = await database.read(fetch, "SELECT flags FROM log_lines ORDER BY id")
            assert [row[0] for row in flags] == [0, 1, 2, 12, 7]

    asyncio.run(main())


@pytest.mark.parametrize(
    "text", ["", "\x00\x00\x1b[31m", "[/red] 'quoted' \"%s\"", "한글 🔥 \u202e", "\\xff", "a\tb\nc"]
)
def test_text_is_stored_as_it_is(tmp_path: Path, text: str) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(text, name=text or "x", path=f"/{text}", row=log(text or "x", path=f"/{text}")))
            assert await database.read(fetch, "SELECT line FROM log_lines") == [(text,)]
            (row,) = await database.read(logs.logs)
            assert (row.name, row.path) == (text or "x", f"/{text}")

    asyncio.run(main())


def test_gaps_matches_and_places_are_stored_with_the_lines(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(
                database,
                batch("a", "b", places=[place(offset=4)], matches={"errors": 2}),
                batch("c", lost=[lost(100), lost(None)], matches={"errors": 1, "한": 5}, at=after(9)),
                batch("d", places=None),
            )
            row = await state(database)
            assert (row.gaps, row.lost_bytes, row.last_gap_at, row.matches) == (
                2,
                100,
                after(9),
                {"errors": 3, "한": 5},
            )
            gaps = await database.read(logs.gaps, "app", RowPage())
            assert [(gap.seq, gap.lost_bytes, gap.at) for gap in gaps] == [(2, None, after(9)), (2, 100, after(9))]
            assert await database.read(tails.places, "logs:app") == [place(offset=4)]

    asyncio.run(main())


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    broken = batch("c", "\udc80", places=[place(offset=6)], lost=[lost(1)])

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("a", "b", places=[place(offset=4)]))
            before = await state(database)
            with pytest.raises((UnicodeEncodeError, StoreError)):
                await put(database, broken)
            assert await state(database) == before
            assert await database.read(tails.places, "logs:app") == [place(offset=4)]
            assert await database.read(logs.gaps, "app", RowPage()) == []
            await put(database, batch("c"))
            assert (await state(database)).last_seq == 3

    asyncio.run(main())


def test_logs_do_not_share_ids_and_a_number_is_never_given_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for _ in range(50):  # what is only changed uses up no number
                await put(database, batch("a"), batch("x", name="other"))
            ids = [row[0] for row in await database.read(fetch, "SELECT id FROM log_lines ORDER BY id")]
            assert ids == [*range(NUMBER + 1, NUMBER + 51), *range(2 * NUMBER + 1, 2 * NUMBER + 51)]
            await database.write(lambda db: db.execute_fetchall("DELETE FROM log_lines WHERE id > ?", (2 * NUMBER,)))
            await database.write(lambda db: logs.forget(db, ["app"]))
            await put(database, batch("y", name="third"))
            assert await database.read(fetch, "SELECT number, name FROM logs") == [(1, "app"), (3, "third")]

    asyncio.run(main())


def test_a_log_over_its_rows_loses_the_oldest_as_new_ones_come(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            most = 0
            for number in range(60):
                await put(database, batch(*numbered(50, number * 50 + 1), max_rows=1000))
                row = await state(database)
                most = max(most, row.last_seq - row.first_seq + 1)
                (stored,) = await database.read(fetch, "SELECT count(*), min(line) FROM log_lines")
                assert stored[0] == row.last_seq - row.first_seq + 1
            assert (row.lines_total, row.last_seq) == (3000, 3000)
            assert 1000 <= stored[0] <= most <= 1150
            # Nothing is deleted for what brings no lines, and not more at once than twice what came.
            await put(database, batch(max_rows=10), batch("one", max_rows=10))
            now = await state(database)
            assert now.first_seq == row.first_seq + 2

    asyncio.run(main())


def test_a_paused_log_says_so_whatever_its_collector_still_stores(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("a"))
            paused = await database.write(lambda db: logs.set_paused(db, "app", True))
            assert paused is not None
            assert (paused.paused, paused.status) == (True, "paused")
            await put(database, batch("b"))
            assert ((await state(database)).paused, (await state(database)).status) == (True, "paused")
            await put(database, batch(row=log(status="paused")))
            resumed = await database.write(lambda db: logs.set_paused(db, "app", False))
            assert resumed is not None
            assert (resumed.paused, resumed.status) == (False, "following")
            assert await database.write(lambda db: logs.set_paused(db, "nope", True)) is None

    asyncio.run(main())


def test_a_log_that_is_configured_no_more_is_not_listed_and_goes_on_when_it_comes_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("a", places=[place(offset=2)]), batch("x", name="other"))
            await database.write(lambda db: logs.forget(db, ["other"]))
            assert [row.name for row in await database.read(logs.logs)] == ["other"]
            assert await database.read(logs.bounds, "app") is None
            assert await database.read(logs.head, "app") is None
            assert await database.write(lambda db: logs.set_paused(db, "app", True)) is None
            assert await database.read(logs.unconfigured) == ["app"]
            assert await database.read(logs.names) == ["app", "other"]
            await database.write(lambda db: logs.forget(db, ["app", "other"]))
            assert [row.name for row in await database.read(logs.logs)] == ["app", "other"]
            restored = await database.read(logs.restored, "app", PATH)
            assert (restored.known, restored.places) == (True, (place(offset=2),))
            await put(database, batch("b"))
            assert (await state(database)).last_seq == 2

    asyncio.run(main())


def test_a_log_without_lines_leaves_with_all_that_was_known_of_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(places=[place()], lost=[lost(1)]), batch("x", name="other"))
            await database.write(lambda db: logs.forget(db, []))
            assert await database.read(logs.names) == ["other"]
            assert await database.read(tails.places, "logs:app") == []
            assert await database.read(tails.gaps, "logs:app", RowPage()) == []

    asyncio.run(main())


def test_a_tail_is_known_only_at_the_path_it_was_followed_at(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            restored = await database.read(logs.restored, "app", PATH)
            assert (restored.known, restored.places) == (False, ())
            await put(database, batch(places=[place(offset=2)]))
            assert (await database.read(logs.restored, "app", PATH)).known
            moved = await database.read(logs.restored, "app", "/elsewhere")
            assert (moved.known, moved.places) == (False, (place(offset=2),))

    asyncio.run(main())


def test_the_files_of_a_glob_are_told_apart(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            chunks: list[tuple[Chunk, dict[int, int]]] = [
                (Chunk(key=key, path=f"/var/log/{name}.log", inode=key, lines=[name]), {})
                for key, name in enumerate(("a", "b", "c"), start=1)
            ]
            await put(database, msgspec.structs.replace(batch(), chunks=chunks), batch("more", path="/var/log/b.log"))
            sql = "SELECT line, path FROM log_lines JOIN log_files USING (source) ORDER BY id"
            assert await database.read(fetch, sql) == [
                ("a", "/var/log/a.log"),
                ("b", "/var/log/b.log"),
                ("c", "/var/log/c.log"),
                ("more", "/var/log/b.log"),
            ]
            assert await database.read(fetch, "SELECT count(*) FROM log_files") == [(3,)]

    asyncio.run(main())


def test_the_ends_of_a_log_are_found_without_looking_at_its_lines(tmp_path: Path) -> None:
    async def plan(db: aiosqlite.Connection) -> str:
        rows = await db.execute_fetchall(f"EXPLAIN QUERY PLAN SELECT {logs._LOG} FROM logs")  # noqa: S608
        return "\n".join(row["detail"] for row in rows)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            steps = await database.read(plan)
            assert "SCAN log_lines" not in steps
            assert "SEARCH log_lines USING INTEGER PRIMARY KEY (rowid>?)" in steps

    asyncio.run(main())


def test_following_a_log_tells_of_its_newest_gap_and_rotation(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("a", row=log(inode=7)))
            head = await database.read(logs.head, "app")
            assert head == logs.Head(number=1, first_seq=1, last_seq=1, path=PATH, inode=7, rotations=0, gap_id=0)
            await put(database, batch("x", name="other", lost=[lost(1)]), batch("b", lost=[lost(1)], rotations=2))
            head = await database.read(logs.head, "app")
            assert head is not None
            assert (head.last_seq, head.rotations, head.gap_id) == (2, 2, 2)

    asyncio.run(main())


def test_an_id_of_another_log_is_before_or_after_all_lines_of_this_one() -> None:
    bounds = logs.Bounds(number=5, first_seq=10, last_seq=20)
    assert bounds.place_of(bounds.id_of(15)) == 15
    assert bounds.place_of(NUMBER * 4 + 15) == 0
    assert bounds.place_of(NUMBER * 6 + 1) == 20
    assert bounds.place_of(0) == 0
    assert logs.seq_of(bounds.id_of(15)) == 15


def test_times_are_kept_to_the_millisecond(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            at = START.replace(microsecond=123_456)
            await put(database, batch("a", at=at))
            assert (await state(database)).last_line_at == START.replace(microsecond=123_000)

    asyncio.run(main())
