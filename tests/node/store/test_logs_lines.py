"""Stored lines, read back by place, by time and by what stands in them."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import aiosqlite
import msgspec
import pytest

from etlmon.contract.logs import SEQ_BITS, LogLine, LogQuery
from node.sources.tail_types import Chunk
from node.sources.timestamps import reader
from node.store import logs, logs_lines
from node.store.database import Database
from node.store.logs import Bounds
from node.store.logs_lines import Span, Texts, Wanted
from tests.node.store.log_batches import batch, log, numbered, put
from tests.node.store.opened import START, after, fetch, opened

NUMBER = 1 << SEQ_BITS


async def seqs(database: Database, limit: int = 5, name: str = "app", **query: object) -> list[int]:
    found = await database.read(logs_lines.page, name, LogQuery(**query), limit)  # type: ignore[arg-type]
    assert found is not None
    return [line.seq for line in found.lines]


async def matching(database: Database, wanted: Wanted, *, newest: bool = True, limit: int = 100) -> list[int]:
    bounds = await database.read(logs.bounds, "app")
    assert bounds is not None
    span = Span(first=bounds.first_seq, last=bounds.last_seq, newest=newest)
    return await database.read(logs_lines.matching, bounds, span, limit, wanted)


def test_a_page_is_read_from_any_place(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch("x", name="before"), batch(*numbered(100)), batch("y", name="behind"))
            number = 2 * NUMBER
            assert await seqs(database) == [96, 97, 98, 99, 100]
            assert await seqs(database, before=number + 50) == [45, 46, 47, 48, 49]
            assert await seqs(database, before=number + 3) == [1, 2]
            assert await seqs(database, before=number) == []
            assert await seqs(database, before=number + NUMBER) == [96, 97, 98, 99, 100]
            assert await seqs(database, after=number + 50) == [51, 52, 53, 54, 55]
            assert await seqs(database, after=number + 98) == [99, 100]
            assert await seqs(database, after=number + 100) == []
            assert await seqs(database, after=0) == [1, 2, 3, 4, 5]
            assert await seqs(database, after=number + NUMBER) == []
            assert await seqs(database, start=0) == await seqs(database, start=1) == [1, 2, 3, 4, 5]
            assert await seqs(database, start=98) == [98, 99, 100]
            assert await seqs(database, start=101) == []
            assert await seqs(database, after=number + 10, before=number + 13) == [11, 12]
            assert await seqs(database, after=number + 13, before=number + 10) == []
            assert await seqs(database, name="before") == [1]
            assert await database.read(logs_lines.page, "nope", LogQuery(), 5) is None

    asyncio.run(main())


def test_a_line_tells_all_that_is_known_of_it(tmp_path: Path) -> None:
    first = Chunk(
        key=1,
        path="/var/log/app.log",
        inode=7,
        lines=["2026-11-21T05:59:59Z cut", "plain"],
        truncated=frozenset({0}),
        partial=frozenset({0}),
    )
    second = Chunk(key=2, path="/var/log/app.log.1", inode=8, lines=["from another file"])

    async def main() -> list[LogLine]:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, msgspec.structs.replace(batch(), chunks=[(first, {0: 3, 1: 1}), (second, {0: 2})]))
            found = await database.read(logs_lines.page, "app", LogQuery(), 5, reader("iso"))
            assert found is not None
            return found.lines

    cut, plain, other = asyncio.run(main())
    assert cut == LogLine(
        id=NUMBER + 1,
        seq=1,
        line="2026-11-21T05:59:59Z cut",
        created_at=START,
        source_inode=7,
        truncated=True,
        partial=True,
        severity="error",
        event_at=START - timedelta(seconds=1),
    )
    assert (plain.truncated, plain.partial, plain.severity, plain.event_at, plain.file) == (
        False,
        False,
        "info",
        None,
        "",
    )
    assert (other.severity, other.file, other.source_inode) == ("warning", "/var/log/app.log.1", 8)


def test_very_long_lines_make_a_shorter_page(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*(f"{number:02d}" + "x" * 65_000 for number in range(40))))
            newest, oldest = await seqs(database, 40), await seqs(database, 40, start=1)
            assert len(newest) == len(oldest) == 33
            assert (newest[-1], oldest[0]) == (40, 1)
            bounds = await database.read(logs.bounds, "app")
            assert bounds is not None
            span = Span(first=1, last=40)
            (only,) = await database.read(logs_lines.lines, bounds, span, 40, most_text=1)
            assert only.seq == 40

    asyncio.run(main())


def test_a_time_is_found_by_halving_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            for minute in range(10):
                await put(database, batch(*numbered(10), at=after(minute * 60)))
            assert await seqs(database, 1, since=after(-1)) == [1]
            assert await seqs(database, 1, since=after(60)) == [11]
            assert await seqs(database, 1, since=after(61)) == [21]
            assert await seqs(database, 1, since=after(9 * 60)) == [91]
            assert await seqs(database, 1, since=after(9 * 60 + 1)) == []
            bounds = Bounds(number=1, first_seq=1, last_seq=0)
            assert await database.read(logs_lines.seq_at, bounds, START) == 1

    asyncio.run(main())


def test_where_lines_carry_a_time_of_their_own_that_one_is_sought(tmp_path: Path) -> None:
    def at(seconds: float) -> str:
        return after(seconds).isoformat()

    written = [at(0), "  File x", "  line 1", at(10), at(20), "tail without a time", at(30)]

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*written, at=after(3600)))

            async def found(moment: datetime) -> list[int]:
                page = await database.read(logs_lines.page, "app", LogQuery(since=moment), 1, reader("iso"))
                return [line.seq for line in page.lines] if page else []

            assert await found(after(-5)) == [1]
            assert await found(after(15)) == [5]
            assert await found(after(30)) == [6]  # the line before stands under the next one's time
            assert await found(after(31)) == []

    asyncio.run(main())


@pytest.mark.parametrize("newest", [True, False])
def test_lines_are_found_by_severity_by_texts_and_by_what_a_function_says(tmp_path: Path, newest: bool) -> None:
    lines = ["loaded a", "ERROR in a", "warning: B", "error in b", "x \x00 zero Error", "한글 ERROR"]
    seen: list[tuple[str, int]] = []

    def matcher(line: str, line_id: int) -> int:
        seen.append((line, line_id))
        return int(line.endswith("b"))

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, batch(*lines, severities={1: 3, 2: 2, 3: 3, 4: 1}))

            async def found(limit: int = 100, **wanted: object) -> list[int]:
                hits = await matching(database, Wanted(**wanted), newest=newest, limit=limit)  # type: ignore[arg-type]
                return hits[::-1] if newest else hits

            assert await found(severity="error") == [2, 4]
            assert await found(severity="warning") == [2, 3, 4]
            assert await found(severity="info") == [2, 3, 4, 5]
            assert await found(limit=1, severity="error") == ([4] if newest else [2])
            assert await found(texts=(Texts(any_of=("ERROR",)),)) == [2, 6]
            assert await found(texts=(Texts(any_of=("error",), ignore_case=True),)) == [2, 4, 5, 6]
            assert await found(texts=(Texts(any_of=("ERROR", "warn")),)) == [2, 3, 6]
            assert await found(texts=(Texts(any_of=("ERROR",), absent=True),)) == [1, 3, 4, 5]
            both = (Texts(any_of=("ERROR",)), Texts(any_of=("한",), absent=True))
            assert await found(texts=both, severity="warning") == [2]
            assert await found(matcher=matcher) == [4]
            assert len(seen) == 6
            assert ("x \x00 zero Error", NUMBER + 5) in seen

    asyncio.run(main())


def test_few_errors_in_many_lines_are_found_by_the_index(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            await put(database, *(batch(*numbered(10_000), severities={7: 3}) for _ in range(20)))
            took = []
            for _ in range(3):
                started = time.process_time()  # the others' time does not count
                assert await matching(database, Wanted(severity="error"), limit=1) == [190_008]
                took.append(time.process_time() - started)
            assert min(took) < 0.1

    asyncio.run(main())


def test_a_span_is_taken_from_the_end_it_is_looked_at() -> None:
    newest, oldest = Span(first=1, last=10), Span(first=1, last=10, newest=False)
    assert newest.part(3) == Span(first=8, last=10)
    assert oldest.part(3) == Span(first=1, last=3, newest=False)
    assert newest.beyond(newest.part(3)) == Span(first=1, last=7)
    assert oldest.beyond(oldest.part(3)) == Span(first=4, last=10, newest=False)
    assert newest.part(99) == newest
    assert newest.beyond(newest).is_empty
    assert oldest.beyond(oldest).is_empty
    assert newest.up_to(8) == Span(first=9, last=10)
    assert oldest.up_to(3) == Span(first=1, last=2, newest=False)


def test_a_page_looks_at_its_own_lines_only(tmp_path: Path) -> None:
    async def plan(db: aiosqlite.Connection, sql: str, params: Sequence[object]) -> str:
        rows = await db.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}", tuple(params))
        return "\n".join(row["detail"] for row in rows)

    async def main() -> None:
        async with opened(tmp_path / "etlmon.db") as database:
            sql = f"{logs_lines._LINE} WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?"
            steps = await database.read(plan, sql, ("", 1, 2, 3))
            assert "SEARCH log_lines USING INTEGER PRIMARY KEY" in steps
            assert "TEMP B-TREE" not in steps
            await put(database, batch("a", row=log(path="/x"), path="/x"))
            assert await database.read(fetch, "SELECT count(*) FROM log_files") == [(1,)]

    asyncio.run(main())
