"""Old lines go, log by log and from the oldest on."""

import asyncio
import time
from datetime import datetime
from pathlib import Path

import pytest

from etlmon.contract.endpoint import RowPage
from etlmon.units import Duration
from node.settings import Keep
from node.sources.tail_types import Lost
from node.store import logs, logs_retention, tails
from node.store.database import Database
from node.store.logs_retention import LogRetention
from tests.node.store.log_batches import PATH, batch, numbered, place, put
from tests.node.store.opened import START, after, fetch, opened

HOUR = 3600.0


def keep(max_age: float = 0, max_rows: int = 0) -> Keep:
    return Keep(max_age=Duration(max_age), max_rows=max_rows)


async def shorten(database: Database, keep: Keep, now: datetime = START) -> int:
    """Steps until nothing is left to do; how many there were."""
    retention = LogRetention(database, keep)
    steps = 1
    while await retention.step(now):
        steps += 1
        assert steps < 1000
    return steps


async def stored(database: Database) -> dict[str, tuple[int, int]]:
    """First and last seq by log, looked at line by line: they have to be dense."""
    rows = await database.read(
        fetch, "SELECT name, id & (1 << 40) - 1 FROM logs JOIN log_lines ON id >> 40 = number ORDER BY id"
    )
    found: dict[str, list[int]] = {}
    for name, seq in rows:
        found.setdefault(name, []).append(seq)
    for name, seqs in found.items():
        assert seqs == list(range(seqs[0], seqs[-1] + 1)), name
    return {name: (seqs[0], seqs[-1]) for name, seqs in found.items()}


def test_each_log_keeps_its_newest_rows(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*numbered(500)), batch(*numbered(30), name="small"))
            await put(database, batch(*numbered(400), name="third"))
            await shorten(database, keep(max_rows=100))
            assert await stored(database) == {"app": (401, 500), "small": (1, 30), "third": (301, 400)}
            await put(database, batch("one more"))
            await shorten(database, keep(max_rows=100))
            assert (await stored(database))["app"] == (402, 501)

    asyncio.run(main())


def test_lines_older_than_their_age_go(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for hour in range(10):
                await put(database, batch(*numbered(10), at=after(hour * HOUR)))
                await put(database, batch(*numbered(10), name="other", at=after(hour * HOUR)))
            await shorten(database, keep(max_age=5 * HOUR), after(9 * HOUR))
            assert await stored(database) == {"app": (41, 100), "other": (41, 100)}
            await shorten(database, keep(max_age=5 * HOUR, max_rows=15), after(9 * HOUR))
            assert await stored(database) == {"app": (86, 100), "other": (86, 100)}
            await shorten(database, keep(max_age=5 * HOUR), after(99 * HOUR))
            assert await stored(database) == {}
            row = await database.read(logs.state, "app")
            assert row is not None
            assert (row.first_seq, row.last_seq, row.lines_total) == (101, 100, 100)
            await put(database, batch("again"))
            assert (await stored(database))["app"] == (101, 101)

    asyncio.run(main())


def test_nothing_goes_when_all_is_kept_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*numbered(300)))
            generation = database.generation
            assert await shorten(database, keep(), after(10**9)) == 1
            assert await stored(database) == {"app": (1, 300)}
            # More years than the calendar has are for ever, too.
            assert await shorten(database, keep(max_age=1e11)) == 1
            assert database.generation == generation

    asyncio.run(main())


def test_one_line_with_a_time_in_the_future_keeps_no_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("from a clock that was wrong", at=after(10**8)))
            await put(database, *(batch(*numbered(50), at=after(second)) for second in range(10)))
            await shorten(database, keep(max_age=60), after(1000))
            assert await stored(database) == {}

    asyncio.run(main())


def test_a_log_that_is_configured_no_more_leaves_with_its_last_line(tmp_path: Path) -> None:
    lost = Lost(path=PATH, inode=7, offset=1, lost_bytes=1, reason="gone", message="it is gone")

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("a", places=[place()], lost=[lost]), batch("b", name="other"))
            await database.write(lambda db: logs.forget(db, ["other"]))
            await shorten(database, keep(max_age=60), after(30))
            assert await database.read(logs.names) == ["app", "other"]
            await shorten(database, keep(max_age=60), after(61))
            assert await database.read(logs.names) == ["other"]
            assert await database.read(tails.places, "logs:app") == []
            assert await database.read(tails.gaps, "logs:app", RowPage()) == []
            assert await database.read(fetch, "SELECT number FROM log_files") == [(2,)]

    asyncio.run(main())


def test_files_of_which_no_line_is_left_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILES_SEQS", 10)
    monkeypatch.setattr(logs_retention, "_LARGEST_BATCH", 5)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for day in range(8):
                for _ in range(5):
                    await put(database, batch(*numbered(5), path=f"/var/log/app-{day}.log"))
            await shorten(database, keep(max_rows=60))
            left = {row[0] for row in await database.read(fetch, "SELECT path FROM log_files")}
            sql = "SELECT DISTINCT path FROM log_lines JOIN log_files USING (source)"
            needed = {row[0] for row in await database.read(fetch, sql)}
            assert needed == {f"/var/log/app-{day}.log" for day in (5, 6, 7)}
            assert needed <= left
            assert len(left) <= 5
            assert await database.read(
                fetch, "SELECT count(*) FROM log_lines WHERE source NOT IN (SELECT source FROM log_files)"
            ) == [(0,)]

    asyncio.run(main())


def test_much_is_deleted_in_short_writes(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, *(batch(*("x" * 100 for _ in range(10_000))) for _ in range(20)))
            retention = LogRetention(database, keep(max_rows=1000))
            longest, steps = 0.0, 0
            while True:
                started = time.process_time()  # the others' time does not count
                more = await retention.step(START)
                longest, steps = max(longest, time.process_time() - started), steps + 1
                if not more:
                    break
            assert await stored(database) == {"app": (199_001, 200_000)}
            assert steps > 4
            assert longest < 0.5  # about 20 ms

    asyncio.run(main())
